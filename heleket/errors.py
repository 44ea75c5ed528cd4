"""What a call to Heleket can end in, named by what it means for the money."""


class InvalidSignature(Exception):
    """This webhook is not from Heleket, or not as Heleket wrote it."""
