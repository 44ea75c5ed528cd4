"""Whatever odd facts an entry of Heleket's list has, the others are compared all the same."""

import pytest

from heleket.sandbox import endpoints
from payouts.models import Discrepancy

pytestmark = pytest.mark.django_db


@pytest.fixture
def say(monkeypatch):
    """Have Heleket's list say something else of one payout."""
    listed = endpoints.listed

    def say(uuid, name, value):
        def odd(gateway, payout):
            content = listed(gateway, payout)
            return content | {name: value} if payout.uuid == uuid else content

        monkeypatch.setattr(endpoints, "listed", odd)

    return say


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("currency", "USDT" * 20),
        ("currency", ""),
        ("currency", 5),
        ("amount", "99999999999999999999.99999999"),
        ("amount", "1e20"),
        ("amount", "0.00000000000000000001"),
        ("amount", "-500"),
        ("amount", "NaN"),
        ("amount", None),
        ("amount", 7.5),
        ("network", "n" * 255),
        ("address", "T" * 255),
        ("address", None),
        ("status", "s" * 255),
        ("status", None),
        ("is_final", "yes"),
        ("txid", "t" * 5000),
        ("order_id", "o" * 5000),
        ("created_at", "9999-12-31T23:59:59+03:00"),
        ("created_at", "0001-01-01T00:00:00+14:00"),
        ("created_at", None),
        ("created_at", "2026-03-02"),
        ("uuid", "u" * 300),
        ("uuid", "\x00"),
        ("uuid", None),
    ],
)
def test_b20_odd_facts_of_one_entry_leave_the_others_compared(desk, run, say, name, value):
    made = desk.sandbox.add_foreign_payout(amount="7")
    other = desk.sandbox.add_foreign_payout(amount="8")
    say(made.uuid, name, value)

    code, report = run()

    assert code in (1, 2)
    assert Discrepancy.objects.filter(key=other.uuid).exists(), report
