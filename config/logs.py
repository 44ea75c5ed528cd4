import logging


class OneLine(logging.Formatter):
    """One event, one line: text from outside cannot start a line of its own."""

    def format(self, record: logging.LogRecord) -> str:
        return "\\n".join(super().format(record).splitlines())
