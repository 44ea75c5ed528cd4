"""The guard pauses sending by itself where Heleket's answers look wrong, and says why."""

from dataclasses import replace

import pytest
from django.conf import settings
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from audit.actor import Actor, Channel
from audit.models import DeskEvent
from heleket.webhooks import sign_webhook
from payouts import guard, jobs, submission
from payouts.controls import switch
from payouts.controls.models import Scope, Switch
from payouts.explain import explain
from payouts.gateway.models import Pause
from payouts.models import Discrepancy, Payout, PayoutStatus, WebhookDelivery
from tests.every_page import unmarked
from tests.factories import DiscrepancyFactory, PayoutFactory, StaffFactory, WalletFactory
from tests.payouts.rounds import now

pytestmark = pytest.mark.django_db

BOUNDS = guard.GuardBounds(
    probes=2, discrepancies_per_hour=2, failures_in_a_row=3, clients_at_least=3
)


@pytest.fixture(autouse=True)
def bounds(monkeypatch):
    def set_bounds(**changes):
        monkeypatch.setattr(guard, "bounds_in_force", lambda: replace(BOUNDS, **changes))

    set_bounds()
    return set_bounds


@pytest.fixture
def work(office, django_capture_on_commit_callbacks):
    """Have the worker work, and each of its commits followed by what follows a commit."""

    def work(**span):
        for each in ("submit", "check"):
            usual = getattr(type(office), each)

            def and_commit(*args, usual=usual):
                with django_capture_on_commit_callbacks(execute=True):
                    return usual(office, *args)

            setattr(office, each, and_commit)
        office.work(**span)

    return work


@pytest.fixture
def resume(clock):
    operator = Actor.staff(StaffFactory(roles=["Operator"]), Channel.ADMIN)

    def resume(scope=Scope()):  # noqa: B008  # frozen
        clock.forward(seconds=1)
        assert switch.set_sending(True, reason="Looked at", actor=operator, scope=scope)
        clock.forward(seconds=1)

    return resume


def approved(**fields):
    return PayoutFactory(status=PayoutStatus.APPROVED, **fields)


def off():
    return [str(each) for each in Switch.objects.filter(is_on=False).order_by("pk")]


def paused_by(code):
    """Whether all is paused by the guard for this, sealed as the system's act."""
    row, event = Switch.objects.get(pk=1), DeskEvent.objects.filter(event_type="pause").last()
    assert (row.is_on, row.reason_code, row.changed_by) == (False, code, None)
    assert (event.reason_code, event.person, event.channel) == (code, None, "worker")
    return row.words


# A refused key


def test_a9_a_key_that_is_refused_for_some_probes_pauses_all(office, work, resume, clock):
    office.sandbox.faults.add("unauthorized", rate=1.0, path="/v1/payout")
    payout = approved()
    work(minutes=2)
    assert off() == []

    work(minutes=3)
    assert "Heleket has refused our key in 2 probes on end" in unmarked_text(paused_by("guard_key"))
    assert len(office.creates()) == 3
    assert explain(now(payout)).waiting_for == "switch"
    work(hours=2)
    assert len(office.creates()) == 3

    resume()
    guard.look()
    assert off() == []
    work(seconds=30)
    assert len(office.creates()) == 4  # at once
    office.sandbox.faults.clear()
    work(minutes=10)
    assert now(payout).status == PayoutStatus.CONFIRMED
    assert off() == []


def unmarked_text(text):
    return text.translate({0x2068: None, 0x2069: None})


def test_a_probe_that_is_not_answered_yet_is_waited_for(office, clock):
    approved()
    office.sandbox.faults.add("unauthorized", times=1, path="/v1/payout")
    office.submit()
    Pause.objects.update(tries=BOUNDS.probes, probe_at=clock())
    assert len(submission.claim(1, office.account).items) == 1

    guard.look()

    assert off() == []


# Differences


def test_i15_differences_within_an_hour_pause_all_at_once(office, work, resume):
    office.sandbox.faults.add("odd_member", rate=1.0, member="amount", text='"50"')
    first, second, third = approved(), approved(), approved()
    office.submit(limit=1)
    guard.look()
    assert off() == []

    with_guard(office.submit)

    said = unmarked_text(paused_by("guard_differences"))
    assert "in 3 payouts within an hour Heleket and the desk differ" in said
    assert {now(each).waiting_for for each in (first, second, third)} == {"discrepancy"}
    late = approved()
    office.sandbox.faults.clear()
    work(minutes=10)
    assert now(late).status == PayoutStatus.APPROVED

    resume()
    guard.look()
    assert off() == []
    work(minutes=10)
    assert now(late).status == PayoutStatus.CONFIRMED


def with_guard(act):
    act()
    guard.look()


def test_differences_of_long_ago_or_of_one_payout_pause_nothing(clock):
    payout = PayoutFactory()
    DiscrepancyFactory(payout=payout, opened_at=clock())
    DiscrepancyFactory(payout=payout, opened_at=clock(), kind=Discrepancy.Kind.VANISHED)
    DiscrepancyFactory(opened_at=clock(), kind=Discrepancy.Kind.UNCLEAR)
    guard.look()
    assert off() == []

    other = DiscrepancyFactory(opened_at=clock())
    clock.forward(minutes=59)
    guard.look()
    assert off() == ["Sending is paused"]
    Switch.objects.update(is_on=True, changed_at=None)
    clock.forward(minutes=2)
    guard.look()
    assert off() == []
    assert Discrepancy.objects.filter(pk=other.pk, closed_at=None).exists()


def test_a_difference_that_a_webhook_announces_counts_too(
    office, client, django_capture_on_commit_callbacks
):
    payouts = [approved(), approved()]
    office.sandbox.set_fate("stuck")
    office.submit()
    with django_capture_on_commit_callbacks(execute=True):
        for each in payouts:
            post_webhook(client, order_id=each.order_id("test"), amount="6", uuid=str(each.pk))

    assert Discrepancy.objects.count() == 2
    paused_by("guard_differences")


# Failures in a row


def fail(office, clients=(), *, count=1, fate="final_fail"):
    """Have Heleket fail payouts, as many of each client, to an address of its own each."""
    made = []
    for client in clients or [None]:
        for _ in range(count):
            wallet = client and client.wallets.first()
            made.append(approved(**({"wallet": wallet} if wallet else {})))
    office.sandbox.set_fate(fate)
    office.submit()
    office.work(minutes=5)
    office.sandbox.set_fate("paid")
    return made


@pytest.fixture
def clients(office):
    return [WalletFactory().client for _ in range(4)]


def test_g68_failures_of_several_clients_in_a_row_pause_all(office, clients, resume, work):
    office.sandbox.set_fate("final_fail")
    failed = [approved(wallet=each.wallets.first()) for each in clients]

    work(minutes=10)

    assert {now(each).status for each in failed} == {PayoutStatus.FAILED}
    assert "4 payouts on end were not paid" in unmarked_text(paused_by("guard_failures"))
    assert off() == ["Sending is paused"]
    resume()
    with_guard(lambda: fail(office, clients[:3]))
    assert off() == []
    with_guard(lambda: fail(office))
    assert off() == ["Sending is paused"]


@pytest.mark.parametrize("fate", ["system_fail", "cancel"])
def test_g68_a_payout_that_was_paid_begins_the_row_anew(office, clients, fate):
    fail(office, clients[:2], fate=fate)
    fail(office, [clients[2]], fate="paid")
    with_guard(lambda: fail(office, clients[:3], fate=fate))
    assert off() == []


def test_g68_one_client_s_many_failures_stop_that_client_alone(office, clients, resume, client):
    bad, other = clients[:2]
    fail(office, [bad], count=3)
    fail(office, [other], fate="paid")  # of somebody else, and so says nothing of the bad one
    guard.look()
    assert off() == []

    with_guard(lambda: fail(office, [bad]))

    assert off() == [f"Sending to “{bad}” is paused"]
    waits = approved(wallet=bad.wallets.first())
    goes = approved(wallet=other.wallets.first())
    office.work(minutes=5)
    assert now(goes).status == PayoutStatus.CONFIRMED
    assert now(waits).status == PayoutStatus.APPROVED
    why = unmarked_text(explain(now(waits)).sentence)
    assert f"Sending to “{bad}” is paused: The guard paused it: 4 payouts of this client" in why
    client.force_login(StaffFactory(roles=["Operator", "Approver"]))
    desk = unmarked(client.get(reverse("admin:payouts_controls_switch_changelist")))
    page = unmarked(client.get(reverse("admin:wallets_client_change", args=[bad.pk])))
    for text in (desk, page):
        assert f"Sending to “{bad}” is paused" in text
        assert "by the guard" in text
        assert "4 payouts of this client on end were not paid" in text

    resume(Scope(client_id=bad.pk))
    guard.look()
    assert off() == []
    office.work(minutes=5)
    assert now(waits).status == PayoutStatus.CONFIRMED


def test_g68_a_stopped_client_s_failures_do_not_count_against_all(office, clients):
    bad, *others = clients
    with_guard(lambda: fail(office, [bad], count=4))
    assert off() == [f"Sending to “{bad}” is paused"]

    with_guard(lambda: fail(office, others))

    assert off() == [f"Sending to “{bad}” is paused"]


def test_g68_the_same_address_of_a_client_counts_once_against_all(office, clients):
    fail(office, clients[:2], count=2)
    with_guard(lambda: fail(office, [clients[2]]))
    assert off() == []
    with_guard(lambda: fail(office, [clients[3]]))
    assert off() == ["Sending is paused"]


def test_g68_what_people_ended_or_asked_to_cancel_is_no_failure(office, clients, clock):
    failed = fail(office, clients[:3], count=2)
    Payout.objects.filter(pk__in=[each.pk for each in failed[:3]]).update(reason_code="gave_up")
    Payout.objects.filter(pk__in=[each.pk for each in failed[3:]]).update(cancel_asked_at=clock())
    guard.look()
    assert off() == []


# A payout of nobody's


def post_webhook(client, **changes):
    members = {
        "type": "payout",
        "uuid": "u-1",
        "order_id": "not-ours",
        "amount": "5.00000000",
        "currency": "USDT",
        "network": "tron",
        "address": "TDD97yguPESTpcrJMqU6h2ozZbibv4Vaqm",
        "status": "process",
        "is_final": False,
    }
    body = sign_webhook(members | changes, settings.HELEKET_API_KEY)
    answer = client.post("/webhooks/heleket/", body, content_type="application/json")
    assert answer.status_code == 200


@pytest.mark.parametrize("stops", [False, True])
def test_a_foreign_payout_alarms_once_and_pauses_only_by_policy(
    office, client, bounds, caplog, stops, resume, django_capture_on_commit_callbacks
):
    bounds(foreign_stops=stops)
    with django_capture_on_commit_callbacks(execute=True):
        post_webhook(client)
        post_webhook(client)
        post_webhook(client, status="paid", is_final=True)

    assert WebhookDelivery.objects.filter(outcome="foreign").count() == 2
    assert caplog.text.count("a payout that is none of ours: 'not-ours'") == 1
    assert DeskEvent.objects.filter(event_type="foreign").count() == 1
    assert off() == (["Sending is paused"] if stops else [])
    if stops:
        assert "not-ours" in paused_by("guard_foreign")
        resume()
        guard.look()
        assert off() == []


# How it acts


def test_the_guard_s_own_trouble_loses_no_answer(
    office, monkeypatch, caplog, django_capture_on_commit_callbacks
):
    def break_down():
        raise RuntimeError("the guard is ill")

    monkeypatch.setattr(guard, "findings", break_down)
    office.sandbox.set_fate("final_fail")
    payout = approved()
    with django_capture_on_commit_callbacks(execute=True):
        office.work(minutes=10)
    assert "the guard is ill" in caplog.text
    assert now(payout).status == PayoutStatus.FAILED


def test_a_scheduled_look_finds_what_no_process_had_time_for(clock, account, heleket_client):
    job = jobs.Guard(heleket_client, account, 1)
    assert job.claim(1).items == []
    for _ in range(2):
        DiscrepancyFactory(opened_at=clock())

    [moment] = job.claim(1).items
    job.record([job.call(moment)])

    paused_by("guard_differences")
    assert job.claim(1).items == []


def test_what_is_paused_already_is_left_as_it_is(clock):
    operator = Actor.staff(StaffFactory(roles=["Operator"]), Channel.ADMIN)
    switch.set_sending(False, reason="Lunch", actor=operator)
    for _ in range(3):
        DiscrepancyFactory(opened_at=clock())
    guard.look()
    assert Switch.objects.get(pk=1).reason == "Lunch"
    assert DeskEvent.objects.get(event_type="pause").person == operator.person


def test_what_was_looked_at_is_counted_no_more_though_somebody_resumes_meanwhile(
    clock, monkeypatch
):
    operator = Actor.staff(StaffFactory(roles=["Operator"]), Channel.ADMIN)
    for _ in range(3):
        DiscrepancyFactory(opened_at=clock())
    clock.forward(seconds=1)
    overtake = guard.stops.overtake_claims

    def somebody_looks_at_it_first():
        monkeypatch.setattr(guard.stops, "overtake_claims", overtake)
        switch.set_sending(False, reason="I see", actor=operator)
        switch.set_sending(True, reason="Explained", actor=operator)

    monkeypatch.setattr(guard.stops, "overtake_claims", somebody_looks_at_it_first)
    guard.look()
    assert off() == []


def test_a_look_takes_as_many_statements_for_many_rows(office, clients, clock):
    def statements():
        with CaptureQueriesContext(connection) as counted:
            assert not any(guard.findings())
        return len(counted)

    fail(office, clients[:2], count=2)
    few = statements()
    fail(office, clients, fate="paid")
    fail(office, clients, count=2)
    fail(office, [clients[3]], fate="paid")
    fail(office, clients, count=2)
    fail(office, clients, fate="paid")
    assert few <= 5
    assert statements() == 6  # when each client was paid last, and what was paid last of all
