"""Limits hold: what leaves in a window never passes them, and what waits says for which."""

import re
from datetime import timedelta
from decimal import Decimal

import pytest
from django.urls import reverse

from audit.actor import Actor
from audit.refusals import Refused
from payouts import client_limits, spending
from payouts.controls import limits
from payouts.controls.models import Spent
from payouts.explain import explain
from payouts.known import Known
from payouts.limits_ahead import beyond_limits
from payouts.models import Origin, Payout, PayoutStatus, WaitingFor
from payouts.requests import request_payout
from tests import policies
from tests.every_page import unmarked
from tests.factories import ClientFactory, PayoutFactory, StaffFactory, WalletFactory
from tests.payouts.test_policy import rule_set


@pytest.fixture
def limited(db):
    def put(*found):
        people = StaffFactory(roles=["Policy manager"]), StaffFactory(roles=["Policy manager"])
        base = rule_set(policies.require(1))
        return policies.put_in_force({**base, "limits": list(found)}, people)

    return put


def limit(at_most, of="desk", hours=24, **only):
    return {"of": of, "hours": hours, "at_most": str(at_most), **only}


def approved(amount, **fields):
    fields.setdefault("wallet", WalletFactory())
    return PayoutFactory(status=PayoutStatus.APPROVED, amount=Decimal(amount), **fields)


def statuses():
    return [each.status for each in Payout.objects.order_by("number")]


def sums():
    return {(row.of, row.hour): row.amount for row in Spent.objects.all() if row.amount}


@pytest.mark.parametrize(
    "found",
    [
        limit(100),
        limit(100, "currency"),
        limit(100, "currency", only="USDT"),
        limit(100, hours=720),
    ],
)
def test_i12_what_would_pass_a_limit_waits_and_what_fits_goes(office, limited, found):
    limited(found)
    for amount in (60, 41, 40):
        approved(amount)
    office.submit()

    assert statuses() == ["broadcast", "approved", "broadcast"]
    waiting = Payout.objects.get(status=PayoutStatus.APPROVED)
    assert waiting.waiting_for == WaitingFor.LIMIT
    assert "more would leave than the policy allows" in waiting.why.sentence
    assert sums() == spending.recount()


def test_a_limit_of_another_coin_holds_nothing_up(office, limited):
    limited(limit(1, "currency", only="TRX"))
    approved(60)
    office.submit()
    assert statuses() == ["broadcast"]


def test_what_is_larger_than_the_limit_for_one_payout_says_that_it_never_goes(office, limited):
    limited({"of": "payout", "at_most": "50"})
    approved("50")
    approved("50.00000001")
    office.submit()
    assert statuses() == ["broadcast", "approved"]
    assert "larger than the policy allows at all" in Payout.objects.latest("number").why.sentence


def test_i12_a_limit_is_free_again_once_the_hours_are_over(office, limited):
    limited(limit(100))
    approved(100)
    office.work(minutes=10)
    assert statuses() == ["confirmed"]
    approved(1)
    office.work(hours=23, every=timedelta(minutes=30))
    assert statuses() == ["confirmed", "approved"]
    office.work(hours=3, every=timedelta(minutes=30))
    assert statuses() == ["confirmed", "confirmed"]
    assert sums() == spending.recount()


@pytest.mark.parametrize(
    "lowered", [limit(59), limit(59, "client"), {"of": "payout", "at_most": "59"}]
)
def test_a21_a_limit_that_is_lowered_after_the_approval_holds_at_the_claim(
    office, limited, lowered
):
    limited(limit(1000))
    payout = approved(60)
    limited(lowered)

    office.work(hours=1)

    stored = Payout.objects.get(pk=payout.pk)
    assert (stored.status, stored.waiting_for) == (PayoutStatus.APPROVED, WaitingFor.LIMIT)
    assert "59" in explain(stored).sentence
    assert office.creates() == []
    limited(limit(1000))
    office.work(hours=1)
    assert statuses() == ["confirmed"]


def test_i12_what_is_paid_late_counts_from_its_confirmation(office, limited):
    limited(limit(100))
    sent = approved(100)
    office.sandbox.set_fate("stuck")
    office.submit()
    office.clock.forward(hours=30)
    office.sandbox.set_fate("process paid!", uuid=office.sandbox.payouts[0].uuid)
    office.until(lambda: statuses() == ["confirmed"])
    paid_at = Payout.objects.get(pk=sent.pk).finished_at
    approved(1)

    office.work(hours=23, every=timedelta(minutes=30))
    assert statuses() == ["confirmed", "approved"]
    assert office.clock() - paid_at < timedelta(hours=24)
    office.sandbox.set_fate("process paid!")
    office.work(hours=3, every=timedelta(minutes=30))
    assert statuses() == ["confirmed", "confirmed"]


def test_i12_what_is_under_way_counts_whatever_its_age(office, limited):
    limited(limit(100))
    approved(100)
    office.submit()
    Payout.objects.update(status="broadcast")
    office.clock.forward(days=40)
    approved(1)
    office.submit()
    assert statuses() == ["broadcast", "approved"]


def test_what_was_not_paid_counts_no_more(office, limited):
    limited(limit(100))
    approved(100)
    office.sandbox.set_fate("process fail!")
    office.work(minutes=10)
    assert statuses() == ["failed"]
    assert sums() == {} == spending.recount()
    office.sandbox.set_fate("process paid!")
    approved(100)
    office.submit()
    assert statuses() == ["failed", "broadcast"]


def test_a_client_has_the_limit_that_names_it_in_place_of_the_one_for_all(office, limited):
    vip = WalletFactory(client=ClientFactory(external_id="V-1"))
    limited(limit(10, "client"), limit(100, "client", only="V-1"))
    approved(11)
    approved(90, wallet=vip)
    approved(11, wallet=vip)
    approved(10)
    office.submit()
    assert statuses() == ["approved", "broadcast", "approved", "broadcast"]


# A client's own


def key_of(client):
    issuer = StaffFactory(roles=["User manager"])
    rights = ["payouts.add_payout"]
    return Actor.key(1, client_id=client.pk, rights=rights, issuer_id=issuer.pk)


def ask(wallet, amount, key):
    return request_payout(
        client=wallet.client,
        wallet=wallet,
        currency="USDT",
        amount=Decimal(amount),
        purpose="Prize",
        idempotency_key=f"api:{key}",
        origin=Origin.API,
        actor=key_of(wallet.client),
        installation="test",
    )


def test_a_client_is_refused_what_is_beyond_its_own_limit(office, limited, usdt):
    limited(limit(100, "client"), limit(10))
    wallet = WalletFactory()
    ask(wallet, 60, "1")

    with pytest.raises(Refused) as refused:
        ask(wallet, 41, "2")

    assert refused.value.code == "client_limit"
    assert "used, 40 is left" in str(refused.value)
    assert Payout.objects.count() == 1
    ask(wallet, 40, "3")
    assert ask(wallet, 60, "1") == Payout.objects.earliest("number")  # what is known is known
    [own] = client_limits.limits_of(wallet.client)
    assert (own.used, own.left, own.hours) == (Decimal(100), Decimal(0), 24)


def test_what_the_staff_asks_for_beyond_it_waits_when_it_is_sent(office, limited, usdt):
    limited(limit(100, "client"))
    approved(101)
    office.submit()
    assert statuses() == ["approved"]
    assert Payout.objects.get().waiting_for == WaitingFor.LIMIT


# Sums


def test_sums_follow_what_a_payout_becomes(office, limited):
    payout = approved(30)
    assert sums() == {}
    office.submit()
    under_way = limits.UNDER_WAY
    keys = ["desk", "coin USDT", f"client {payout.client_id}"]
    assert sums() == {(key, under_way): Decimal(30) for key in keys}
    office.work(minutes=10)
    hour = limits.hour_of(Payout.objects.get().finished_at)
    assert sums() == {(key, hour): Decimal(30) for key in keys} == spending.recount()


def test_a_claim_costs_no_more_statements_for_more_payouts(
    office, limited, django_assert_max_num_queries
):
    limited(limit(100_000), limit(1000, "client"), limit(1000, "currency", 720))
    for _ in range(3):
        approved(1)
    with django_assert_max_num_queries(80):
        office.submit()
    assert statuses() == ["broadcast"] * 3


# Said before the approval


@pytest.fixture
def said(client):
    """Return what a page says of limits, to an approver if to nobody else."""

    def read(page, *args, person=None, data=None):
        client.force_login(person or StaffFactory(roles=["Approver"]))
        url = reverse(f"admin:payouts_payout_{page}", args=args)
        response = client.post(url, data) if data else client.get(url)
        assert response.status_code == 200
        found = re.findall(r"The limits in force [^<]+", unmarked(response))
        return [" ".join(each.split()) for each in found]

    return read


ALL_THREE = [
    {"of": "payout", "at_most": "500"},
    limit(100, "currency"),
    limit(90, "client"),
    limit(1000),
]
NOW = "The limits in force do not let it go now. With it more would leave than the policy allows"
NEVER = "The limits in force never let it go. It is larger than the policy allows at all"


@pytest.mark.parametrize(
    ("amount", "sentences"),
    [
        (40, []),
        (60, [f"{NOW} (one coin, 24 hours: 100 USD)."]),
        (
            95,
            [
                f"{NEVER} (one client, 24 hours: 90 USD).",
                f"{NOW} (one coin, 24 hours: 100 USD).",
            ],
        ),
        (
            501,
            [
                f"{NEVER} (one payout: 500 USD).",
                f"{NEVER} (one coin, 24 hours: 100 USD).",
                f"{NEVER} (one client, 24 hours: 90 USD).",
            ],
        ),
    ],
)
def test_a_payout_that_the_limits_do_not_let_go_says_so_before_it_is_approved(
    office, limited, said, usdt, amount, sentences
):
    limited(*ALL_THREE)
    approved(50)
    office.submit()
    payout = PayoutFactory(amount=Decimal(amount))

    assert said("change", payout.pk) == sentences
    assert said("act_on", payout.pk, "approve") == sentences
    assert said("change", payout.pk, person=StaffFactory(roles=["Support"])) == []
    assert statuses() == ["broadcast", "pending"]


def test_a_request_beyond_a_limit_says_so_before_it_is_made(limited, said, usdt):
    limited(limit(100, "client"))
    wallet = WalletFactory()
    form = {
        "nonce": "7d444840-9dc0-11d1-b245-5ffdce74fad2",
        "wallet": wallet.pk,
        "currency": "USDT",
        "amount": "101",
        "purpose": "Prize",
    }

    found = said("add_for", wallet.client_id, data=form, person=StaffFactory(roles=["Requester"]))

    assert found == [f"{NEVER} (one client, 24 hours: 100 USD)."]
    assert not Payout.objects.exists()


def test_limits_are_asked_about_one_payout_in_one_statement(
    office, limited, usdt, django_assert_num_queries
):
    limited(*ALL_THREE, limit(7, "currency", 168), limit(7, hours=720))
    known = Known([PayoutFactory(amount=Decimal(60))])
    assert known.worths
    assert known.payouts[0].client

    with django_assert_num_queries(1):
        assert len(beyond_limits(known)) == 2
