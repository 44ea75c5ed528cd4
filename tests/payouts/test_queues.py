"""Queues: each role lands on what needs it, and what waits for a person says for whom."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from audit.actor import Actor, Channel
from audit.operations import perform
from payouts import operations
from payouts.controls.models import Switch
from payouts.gateway import breaker
from payouts.gateway.models import Pause
from payouts.heartbeats import Heartbeat, Pulse
from payouts.models import Effective, Payout, PayoutMaker, PayoutStatus, WaitingFor
from payouts.seen import see
from tests.every_page import unmarked
from tests.factories import DiscrepancyFactory, PayoutFactory, StaffFactory, WalletFactory

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("usdt")]

LIST = reverse("admin:payouts_payout_changelist")
INDEX = reverse("admin:index")


@pytest.fixture(autouse=True)
def worker(clock):
    """A worker that was seen just now."""
    Pulse(Heartbeat.Kind.WORKER).beat()


@pytest.fixture
def log_in(client):
    def log_in(*roles):
        person = StaffFactory(roles=roles)
        client.force_login(person)
        return person

    return log_in


def lands_on(client):
    response = client.get(INDEX, follow=True)
    assert response.status_code == 200
    return response.wsgi_request.GET.get("queue", response.wsgi_request.path)


def queue(client, name):
    return {payout.pk for payout in client.get(LIST, {"queue": name}).context["cl"].result_list}


def whom(client, name="waiting"):
    """What the list says for whom each payout waits, by its number."""
    response = client.get(LIST, {"queue": name})
    column = next(each for each in response.context["cl"].list_display if callable(each)
                  and each.__name__ == "whom")  # fmt: skip
    return {str(row): column(row) for row in response.context["cl"].result_list}


def differs(payout):
    DiscrepancyFactory(payout=payout)


@pytest.mark.parametrize(
    ("roles", "queue"),
    [
        (["Approver"], "mine"),
        (["Operator"], "operator"),
        (["Requester"], "own"),
        (["Auditor"], "waiting"),
        (["Policy manager"], "waiting"),
        (["User manager"], reverse("admin:auth_user_changelist")),
        (["Approver", "Operator"], "mine"),
    ],
)
def test_each_role_lands_on_what_needs_it(client, log_in, roles, queue):
    log_in(*roles)
    assert lands_on(client) == queue


def test_who_has_several_roles_lands_where_there_is_something_to_do(client, log_in):
    log_in("Approver", "Operator", "Requester")
    differs(PayoutFactory(status=PayoutStatus.CONFIRMED))
    assert lands_on(client) == "operator"

    PayoutFactory()
    assert lands_on(client) == "mine"


def test_a_tab_is_shown_to_those_whom_its_queue_needs(client, log_in):
    shared = {"waiting", "under_way", "not_paid", "discrepancy", ""}
    for role, own in [("Approver", "mine"), ("Operator", "operator"), ("Requester", "own")]:
        log_in(role)
        tabs = client.get(LIST).context["tabs"]
        assert {tab["name"] for tab in tabs} == {own, *shared}
        assert tabs[0]["name"] == own


def test_a_requester_sees_what_came_back_until_it_is_a_month_old(client, log_in, clock):
    me = log_in("Requester")
    held = PayoutFactory(status=PayoutStatus.HELD, requested_by=me)
    failed, rejected, paid_after_all, old = (
        PayoutFactory(status=status, requested_by=me)
        for status in [PayoutStatus.FAILED, PayoutStatus.REJECTED] + [PayoutStatus.FAILED] * 2
    )
    Payout.objects.update(finished_at=clock())
    Payout.objects.filter(pk=paid_after_all.pk).update(
        effective=Effective.PAID, effective_amount=5, effective_currency="USDT"
    )
    Payout.objects.filter(pk=old.pk).update(finished_at=clock() - timedelta(days=31))
    PayoutFactory(status=PayoutStatus.HELD)
    PayoutFactory(requested_by=me)

    assert queue(client, "own") == {held.pk, failed.pk, rejected.pk}


def test_what_was_not_paid_after_all_is_among_what_was_not_paid(client, log_in):
    log_in("Auditor")
    failed, paid, after_all = (
        PayoutFactory(status=status)
        for status in [PayoutStatus.FAILED, PayoutStatus.CONFIRMED, PayoutStatus.CONFIRMED]
    )
    assert queue(client, "not_paid") == {failed.pk}

    Payout.objects.filter(pk=after_all.pk).update(effective=Effective.NOT_PAID)
    assert queue(client, "not_paid") == {failed.pk, after_all.pk}
    Payout.objects.filter(pk=failed.pk).update(
        effective=Effective.PAID, effective_amount=5, effective_currency="USDT"
    )
    assert queue(client, "not_paid") == {after_all.pk}
    assert paid.pk not in queue(client, "not_paid")


def test_an_operator_has_what_is_stuck(client, log_in):
    log_in("Operator")
    service = PayoutFactory(status=PayoutStatus.APPROVED)
    Payout.objects.filter(pk=service.pk).update(waiting_for=WaitingFor.SERVICE)
    paid = PayoutFactory(status=PayoutStatus.CONFIRMED)
    differs(paid)
    goes = PayoutFactory(status=PayoutStatus.APPROVED)
    PayoutFactory()
    assert queue(client, "operator") == {service.pk, paid.pk}

    breaker.trip(Pause.Cause.FUNDS, "Not enough funds", currency="TRX")
    assert queue(client, "operator") == {service.pk, paid.pk}
    breaker.trip(Pause.Cause.FUNDS, "Not enough funds", currency="USDT")
    assert queue(client, "operator") == {service.pk, paid.pk, goes.pk}


@pytest.mark.parametrize("trouble", ["silent worker", "switch", "our key"])
def test_an_operator_has_all_that_is_approved_while_nothing_goes(client, log_in, clock, trouble):
    log_in("Operator")
    payout = PayoutFactory(status=PayoutStatus.APPROVED)
    assert queue(client, "operator") == set()

    if trouble == "silent worker":
        clock.forward(seconds=31)
    elif trouble == "switch":
        Switch.objects.update(is_on=False, reason="Audit")
    else:
        breaker.trip(Pause.Cause.UNAUTHORIZED, "Unauthorized")
    assert queue(client, "operator") == {payout.pk}


def test_what_waits_for_somebody_says_for_whom(client, log_in):
    log_in("Auditor")
    pending, held = PayoutFactory(), PayoutFactory(status=PayoutStatus.HELD)
    short = PayoutFactory(status=PayoutStatus.APPROVED)
    service = PayoutFactory(status=PayoutStatus.APPROVED)
    Payout.objects.filter(pk=service.pk).update(waiting_for=WaitingFor.SERVICE)
    differing = PayoutFactory(status=PayoutStatus.BROADCAST)
    differs(differing)
    PayoutFactory(status=PayoutStatus.BROADCAST)
    breaker.trip(Pause.Cause.FUNDS, "Not enough funds", currency="USDT")

    assert whom(client) == {
        str(pending): "an approver",
        str(held): "an approver",
        str(short): "the treasury",
        str(service): "an operator",
        str(differing): "an operator",
    }
    Switch.objects.update(is_on=False, reason="Audit")
    assert whom(client)[str(short)] == "an operator"


def test_what_waits_for_a_worker_waits_for_whoever_runs_it(client, log_in, clock):
    log_in("Operator")
    payout = PayoutFactory(status=PayoutStatus.APPROVED)
    clock.forward(minutes=1)

    assert whom(client, "operator") == {str(payout): "whoever runs the worker"}


def test_an_empty_queue_says_what_that_means(client, log_in):
    log_in("Approver")
    assert (
        "Nothing waits for your approval." in client.get(LIST, {"queue": "mine"}).content.decode()
    )


def test_an_empty_queue_says_nothing_of_what_its_reader_cannot_know(client, log_in):
    differs(PayoutFactory(status=PayoutStatus.FAILED))
    log_in("Support")

    page = unmarked(client.get(LIST, {"queue": "discrepancy"}))

    assert "You do not see which payouts are in “Discrepancies”." in page
    assert "agree about every payout" not in page
    assert "Nothing here" not in page
    log_in("Auditor")
    assert "You do not see" not in unmarked(client.get(LIST, {"queue": "discrepancy"}))


def test_who_made_a_payout_does_not_have_it_in_the_queue(client, log_in):
    me = log_in("Approver")
    payout = PayoutFactory()
    PayoutMaker.objects.create(payout=payout, person=me, role="wallet")
    assert queue(client, "mine") == set()
    assert queue(client, "waiting") == {payout.pk}


def test_what_i_have_approved_is_not_in_my_queue_while_it_needs_another_approval(client, log_in):
    known = PayoutFactory(status=PayoutStatus.FAILED)
    differs(known)
    payout, me = PayoutFactory(wallet=known.wallet), log_in("Approver")
    [outcome] = perform(operations.APPROVE, see([payout]), actor=Actor.staff(me, Channel.ADMIN))
    assert outcome.text.startswith("Approved by you. It needs more approvals: 1 from ")

    assert queue(client, "mine") == set()
    tabs = {tab["name"]: tab for tab in client.get(LIST).context["tabs"]}
    assert tabs["mine"]["is_empty"]
    assert whom(client) == {str(payout): "an approver", str(known): "an operator"}
    log_in("Approver")
    assert queue(client, "mine") == {payout.pk}


def test_the_queues_cost_the_same_number_of_queries_for_any_number_of_payouts(client, log_in):
    log_in("Operator", "Approver", "Requester")

    def queries(name):
        with CaptureQueriesContext(connection) as captured:
            client.get(LIST, {"queue": name})
        return len(captured)

    def add_payouts():
        differs(PayoutFactory(status=PayoutStatus.APPROVED))
        for status in ["pending", "approved", "broadcast"]:
            PayoutFactory(status=status)

    breaker.trip(Pause.Cause.FUNDS, "Not enough funds", currency="USDT")
    add_payouts()
    names = ["waiting", "operator", "own", "mine", "under_way", ""]
    [queries(name) for name in names]  # content types and the like are read once
    few = [queries(name) for name in names]
    for _ in range(9):
        add_payouts()

    assert [queries(name) for name in names] == few


# The sidebar


def badge(client, title="Wallets"):
    groups = client.get(LIST).context["sidebar_navigation"]
    entries = {str(entry["title"]): entry for group in groups for entry in group["items"]}
    return entries[title].get("badge", "")


def test_wallets_that_wait_for_my_approval_count_in_the_sidebar(client, log_in):
    me = log_in("Approver")
    assert badge(client) == ""

    WalletFactory(status="new", address="TKPYpYU9M7sXP7pTJqrSWgUeoE1k1SPDmi")
    WalletFactory(status="new", address="TVEFdaTwdHE5VMdCP1Efz1hsZn9362kSC8", added_by=me)
    WalletFactory()
    assert badge(client) == "1"

    log_in("Requester")
    assert badge(client) == ""


def test_open_discrepancies_count_in_the_sidebar_of_those_who_end_them(client, log_in):
    differs(PayoutFactory())
    log_in("Operator")
    assert badge(client, "Discrepancies") == "1"
    log_in("Auditor")
    assert badge(client, "Discrepancies") == ""
