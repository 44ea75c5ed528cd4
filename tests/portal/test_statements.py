"""What requests cost: as many statements for many rows as for few."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from audit.actor import Actor, Channel
from audit.operations import perform
from payouts import operations
from payouts.models import Payout
from payouts.portal import feed
from payouts.seen import see
from tests.factories import AttemptFactory, PayoutFactory, StaffFactory

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clock", "usdt")]

ASKED = {"currency": "USDT", "amount": "5", "purpose": "Prize"}


def statements(ask, *about, **more):
    with CaptureQueriesContext(connection) as captured:
        answer = ask(*about, **more)
    assert answer.status_code in (200, 201), answer.content
    return len(captured)


def test_requests_cost_the_same_statements_for_five_payouts_and_for_fifty(own_key, wallet):
    body, counts = ASKED | {"wallet": str(wallet.public_id)}, []
    own_key.get("events/")
    for count in (5, 45):
        rows = [PayoutFactory(wallet=wallet, reference=str(count)) for _ in range(count)]
        for row in rows:
            AttemptFactory(payout=row)
        while feed.take_up():
            pass
        key = str(count)
        counts.append(
            {
                "list": statements(own_key.get, "payouts/", page_size=50),
                "filtered": statements(own_key.get, "payouts/", status="requested", reference=key),
                "detail": statements(own_key.get, f"payouts/{rows[0].pk}/"),
                "wallets": statements(own_key.get, "wallets/"),
                "feed": statements(own_key.get, "events/", page_size=50),
                "create": statements(own_key.post, "payouts/", body, key=key),
                "replay": statements(own_key.post, "payouts/", body, key=key),
            }
        )
    assert counts[0] == counts[1]
    reading = {name: counts[0][name] for name in ("list", "filtered", "detail", "wallets", "feed")}
    assert reading == {"list": 3, "filtered": 3, "detail": 4, "wallets": 2, "feed": 3}


def test_a_payout_with_a_long_story_costs_the_same_statements(own_key, wallet):
    row, counts = PayoutFactory(wallet=wallet), []
    own_key.get("payouts/")  # its use is written down, once a minute
    approver = Actor.staff(StaffFactory(roles=["Approver"]), Channel.ADMIN)
    for times in (0, 4):
        for _ in range(times):
            for act, more in (("HOLD", {"reason": "Look"}), ("RELEASE", {})):
                seen = see([Payout.objects.get(pk=row.pk)])
                perform(getattr(operations, act), seen, actor=approver, **more)
        counts.append(statements(own_key.get, f"payouts/{row.pk}/"))
    assert Payout.objects.get().last_event == 9
    assert counts[0] == counts[1]
