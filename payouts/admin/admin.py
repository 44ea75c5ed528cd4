"""Where finance works: each module registers its pages."""

from payouts.admin import clients, desk, methods, payouts, records, staff, wallets

__all__ = ["clients", "desk", "methods", "payouts", "records", "staff", "wallets"]
