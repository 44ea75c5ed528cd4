"""The pages of the books: each module registers its own."""

from payouts.books import pages

__all__ = ["pages"]
