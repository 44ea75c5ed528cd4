"""Where finance works: each module registers its pages."""

from payouts.admin import desk, payouts, records, staff, wallets

__all__ = ["desk", "payouts", "records", "staff", "wallets"]
