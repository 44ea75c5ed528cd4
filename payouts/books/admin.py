"""The books in the Admin. Importing this registers their pages."""

from payouts.books import pages

__all__ = ["pages"]
