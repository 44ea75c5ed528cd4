"""Where finance works: each module registers its pages."""

from payouts.admin import clients, desk, discrepancies, methods, payouts, records, staff, wallets

__all__ = ["clients", "desk", "discrepancies", "methods", "payouts", "records", "staff", "wallets"]
