"""Where finance works: each module registers its pages."""

from payouts.admin import (
    categories,
    clients,
    desk,
    discrepancies,
    methods,
    notes,
    payouts,
    policy,
    rates,
    records,
    staff,
    wallets,
)

__all__ = [
    "categories",
    "clients",
    "desk",
    "discrepancies",
    "methods",
    "notes",
    "payouts",
    "policy",
    "rates",
    "records",
    "staff",
    "wallets",
]
