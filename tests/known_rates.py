"""The exchange rates that tests begin with: each coin is worth one unit, at any time.

Tests of rates themselves use the fixture `real_rates`.
"""

from decimal import Decimal

from payouts.controls import rates

STORED = rates.judged


def begin_with_one():
    rates.judged = one


def one(currency, _row, _bounds, now):
    return rates.Rate(currency, Decimal(1), now, rates.HELEKET)


def store(currencies, at):
    """Store the same rates, for processes of their own."""
    rates.put_off(currencies, at)
    rates.take_over([rates.Said(currency, Decimal(1), at) for currency in currencies])
