"""The pages of the books: each module registers its own."""

from payouts.books import accounts, journal_pages, pages

__all__ = ["accounts", "journal_pages", "pages"]
