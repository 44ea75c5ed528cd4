"""The pages for auditors: each module registers its own."""

from payouts.auditing import pages

__all__ = ["pages"]
