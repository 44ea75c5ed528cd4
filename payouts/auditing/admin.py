"""The pages of the books: each module registers its own."""

from payouts.auditing import pages

__all__ = ["pages"]
