"""The pages of reconciliation: each module registers its own."""

from payouts.reconciliation import restore_pages, run_pages

__all__ = ["restore_pages", "run_pages"]
