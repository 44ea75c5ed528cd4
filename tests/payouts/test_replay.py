"""A policy judged on what was approved: replaying the one in force equals what happened."""

import json
from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from audit.actor import Actor, Channel
from audit.operations import perform
from payouts import approvals, operations, replay
from payouts.controls import documents, policy
from payouts.eligibility import judged_as, priced_anew
from payouts.models import Payout, PayoutEvent, PayoutStatus
from payouts.replay import Kind
from payouts.seen import see
from tests import policies
from tests.every_page import unmarked
from tests.factories import PayoutFactory, StaffFactory, WalletFactory

pytestmark = pytest.mark.django_db

LARGE = policies.require(2, "Large", "Approver", amounts={"payout": {"above": "1000"}})
DAILY = policies.require(2, "Day of a client", amounts={"client_day": {"above": "5000"}})
EVERY = policies.require(1, "Every payout", "Approver")
HOLD = {"name": "Odd ones", "effect": "hold", "if": {"currencies": ["BTC"]}}
SEVERAL = {**policies.LENIENT, "rules": [EVERY, LARGE, DAILY, HOLD]}
YOUNG = policies.require(2, "Young wallet", wallet_hours={"up_to": "24"})


@pytest.fixture
def people():
    return [StaffFactory(username=name, roles=["Approver"]) for name in ("amira", "arno")]


@pytest.fixture(autouse=True)
def _time(clock):
    """Everything happens at one moment that a test moves."""


def put_in_force(document):
    return policies.put_in_force(document, by=[StaffFactory(), StaffFactory()])


def approve(payout, people):
    for person in people:
        actor = Actor.staff(person, Channel.ADMIN)
        [outcome] = perform(operations.APPROVE, see([now(payout)]), actor=actor)
        assert outcome.done, outcome.text
    return now(payout)


def now(payout):
    return Payout.objects.get(pk=payout.pk)


def rules(*found):
    text = documents.canonical({**policies.LENIENT, "rules": list(found)})
    return documents.read(text).rules


def rows(found):
    return [(row.payout.pk, row.rules, row.sentence) for row in found]


@pytest.fixture
def history(people):
    """Payouts of all kinds, approved under one policy by as many as it asks for."""
    put_in_force(SEVERAL)
    small = approve(PayoutFactory(amount=5), people[:1])
    large = approve(PayoutFactory(amount=2000), people)
    wallet = WalletFactory(client=large.client, address="TJRyWwFs9wTFGZg3JbrVriFbNfCug5tDeC")
    by_sum = approve(PayoutFactory(amount=900, wallet=wallet), people[:1])
    many = approve(PayoutFactory(amount=4500, wallet=wallet), people)
    held = PayoutFactory(amount="0.01", currency="BTC")
    for act, role in ((operations.HOLD, "Approver"), (operations.RELEASE, "Approver")):
        actor = Actor.staff(StaffFactory(roles=[role]), Channel.ADMIN)
        [outcome] = perform(act, see([now(held)]), actor=actor, reason="Looked at")
        assert outcome.done
    held = approve(held, people[:1])
    return [held, many, by_sum, large, small]


def test_replaying_the_version_in_force_equals_what_happened(history):
    """Row for row: the rules that fire are those that were sealed, and none is stopped."""
    current = policy.in_force()
    since = history[0].approved_at - timedelta(days=1)

    found = [approved for _number, approved in replay.approved_ones(since)]

    assert [each.payout_id for each in found] == [payout.pk for payout in history]
    for each in found:
        verdict = replay.rules.judge(current.rules, each.proposal)
        assert ", ".join(verdict.fired) == each.fired
        assert each.fired
        assert each.version == current.version
        said = replay.judge(current.rules, each, current.rules)
        assert (said.kind, said.unknown) == (None, [])
    result = replay.replay(current.rules)
    assert (result.judged, result.counts) == (5, {})
    assert (result.unsealed, dict(result.unsure), result.before) == (0, {}, None)


def test_a_stricter_draft_names_what_it_would_have_stopped(history):
    held, many, by_sum, _large, _small = history
    draft = rules(
        EVERY,
        policies.require(2, "Large", amounts={"payout": {"above": "800"}}),
        policies.require(3, "Three", "Approver", amounts={"payout": {"above": "4000"}}),
        {"name": "None of these", "effect": "block", "if": {"currencies": ["BTC"]}},
    )

    found = replay.replay(draft)

    assert (found.judged, found.counts) == (5, {Kind.STOPPED: 1, Kind.MORE: 2})
    assert rows(found.rows[Kind.STOPPED]) == [
        (held.pk, "None of these", "The policy blocks it: “None of these”."),
    ]
    more = "The policy asks for more approvals: %s."
    assert rows(found.rows[Kind.MORE]) == [
        (many.pk, "Three", more % "1 from Approver"),
        (by_sum.pk, "Large", more % "1 from anyone who may approve"),
    ]
    assert found.rows[Kind.MORE][0].at == many.approved_at


def test_default_deny_and_a_hold_stop_too_and_what_was_released_is_not_held_again(history):
    held, _many, _by_sum, _large, small = history
    on_tron = {"name": "TRON", "effect": "hold", "if": {"networks": ["tron"]}}

    found = replay.replay(rules(EVERY, on_tron))
    assert found.counts == {Kind.STOPPED: 4}
    assert held.pk not in [row.payout.pk for row in found.rows[Kind.STOPPED]]
    assert {row.sentence for row in found.rows[Kind.STOPPED]} == {
        "The policy sets it aside: “TRON”."
    }

    nothing = replay.replay(rules(policies.require(1, "R", amounts={"payout": {"above": "10"}})))
    assert rows(nothing.rows[Kind.STOPPED])[-1] == (
        small.pk,
        "",
        "No rule of the policy lets it be paid.",
    )


def test_a_laxer_draft_names_what_would_have_needed_fewer(history):
    _held, many, _by_sum, large, small = history
    allow = {"name": "Small", "effect": "allow", "if": {"amounts": {"payout": {"up_to": "10"}}}}
    above = policies.require(
        1, "All others", amounts={"payout": {"above": "1"}}, currencies=["BTC"]
    )

    found = replay.replay(rules(allow, above, policies.require(1, "Rest", networks=["tron"])))

    assert found.counts.keys() == {Kind.FEWER}
    assert [row.payout.pk for row in found.rows[Kind.FEWER]] == [many.pk, large.pk]
    assert found.rows[Kind.FEWER][0].sentence == "1 from anyone who may approve"
    free = replay.replay(rules(allow))
    assert (free.rows[Kind.FEWER][-1].payout.pk, free.rows[Kind.FEWER][-1].sentence) == (
        small.pk,
        "no approval",
    )


def test_what_was_not_stored_is_said_and_not_guessed(people):
    approve(PayoutFactory(amount=9000), people[:1])  # the policy asks for no sums then

    found = replay.replay(rules(EVERY, DAILY, YOUNG, policies.require(2, "Odd", flag="low")))

    assert (found.judged, found.counts) == (1, {})
    assert found.unsure == {"Day of a client": 1, "Young wallet": 1, "Odd": 1}
    alone = replay.replay(rules(YOUNG))
    assert (alone.counts, alone.unsure) == ({}, {"Young wallet": 1})
    assert replay.replay(rules(LARGE, YOUNG)).counts == {Kind.MORE: 1}


def test_who_has_lost_a_role_since_had_it_then(history, people):
    for person in people:
        person.groups.clear()
    current = policy.in_force().rules

    assert replay.replay(current).counts == {}
    more = rules(policies.require(3, "Three", "Approver"))
    assert replay.replay(more).counts == {Kind.MORE: 5}


def test_a_payout_approved_twice_counts_once_as_it_was_approved_last(people):
    put_in_force(SEVERAL)
    payout = approve(PayoutFactory(amount=5), people[:1])
    actor = Actor.staff(people[1], Channel.ADMIN)
    perform(operations.HOLD, see([payout]), actor=actor, reason="Wait")
    perform(operations.RELEASE, see([now(payout)]), actor=actor, reason="Go on")
    approve(payout, people[1:])

    [(_number, found)] = replay.approved_ones(payout.approved_at - timedelta(hours=1))

    assert set(found.people) == {people[1].pk}
    assert replay.replay(policy.in_force().rules).judged == 1


def test_what_was_priced_anew_at_its_call_is_judged_by_that(history, people):
    large, groups = history[3], {person.pk: {"Approver"} for person in people}
    events = list(large.events.order_by("number"))
    for event in events:
        groups.setdefault(event.person_id, set())
    old = replay.last_approval(large.pk, events, groups).proposal
    dearer = PayoutEvent(
        payout_id=large.pk,
        event_type="claim",
        from_status=PayoutStatus.APPROVED,
        to_status=PayoutStatus.SUBMITTING,
        data=json.dumps(judged_as(priced_anew(old, old.rate * 3, Decimal(5)))),
    )
    failed = PayoutEvent(from_status=PayoutStatus.SUBMITTING, to_status=PayoutStatus.FAILED)

    found = replay.last_approval(large.pk, [*events, dearer, failed], groups).proposal

    assert found.amounts["payout"] == 3 * old.amounts["payout"] == 6000


def test_only_the_last_days_count_and_older_ones_without_a_proposal_are_said(
    people, clock, monkeypatch
):
    approve(PayoutFactory(amount=5), people[:1])
    clock.forward(days=91)
    with monkeypatch.context() as patch:
        patch.setattr(approvals, "judged_as", lambda *_args, **_more: {})  # as it was once
        approve(PayoutFactory(amount=5), people[:1])
    approve(PayoutFactory(amount=5), people[:1])

    found = replay.replay(rules(EVERY))

    assert (found.judged, found.unsealed) == (1, 1)


def test_a_page_takes_so_many_and_the_next_goes_on(history, monkeypatch):
    monkeypatch.setattr(replay, "AT_ONCE", 2)
    monkeypatch.setattr(replay, "CHUNK", 2)
    monkeypatch.setattr(replay, "SHOWN", 1)
    block = rules({"name": "All", "effect": "block"})
    seen, before = [], None

    while True:
        found = replay.replay(block, before=before)
        assert len(found.rows[Kind.STOPPED]) == 1
        assert found.counts == {Kind.STOPPED: found.judged}
        seen.append(found.judged)
        if (before := found.before) is None:
            break

    assert seen == [2, 2, 1]


def test_statements_are_as_many_for_one_payout_as_for_a_chunk(history, people):
    judging = policy.in_force().rules

    def statements():
        with CaptureQueriesContext(connection) as captured:
            replay.replay(judging)
        return len(captured)

    before = statements()
    for _ in range(3):
        approve(PayoutFactory(amount=7), people[:1])
    assert statements() == before


# The page


URL = reverse("admin:payouts_controls_policyversion_replay")


def propose(document):
    StaffFactory(roles=["Approver"])
    person = StaffFactory(username="petra", roles=["Policy manager"])
    text = documents.canonical(document)
    policy.propose(text, reason="More eyes", actor=Actor.staff(person, Channel.ADMIN))
    return person


def test_the_page_says_how_many_and_which(client, history):
    _held, many, _by_sum, _large, small = history
    three = policies.require(3, "Three", "Approver", amounts={"payout": {"above": "4000"}})
    client.force_login(propose({**SEVERAL, "rules": [EVERY, LARGE, three, HOLD, YOUNG]}))

    shown = unmarked(client.get(URL))

    assert "This draft would have stopped 0 of the last 90 days’ 5 payouts." in shown
    assert "For 1 of them it would have asked for more approvals." in shown
    assert "It would have stopped" not in shown
    assert "It would have asked for more approvals: 1" in shown
    assert reverse("admin:payouts_payout_change", args=[many.pk]) in shown
    assert reverse("admin:payouts_payout_change", args=[small.pk]) not in shown
    assert "The policy asks for more approvals: 1 from Approver." in shown
    assert "“Young wallet” could not be judged for 5 of them" in shown


def test_the_page_goes_on_where_it_stopped(client, history, monkeypatch):
    monkeypatch.setattr(replay, "AT_ONCE", 2)
    client.force_login(propose(SEVERAL | {"rules": [EVERY]}))

    first = unmarked(client.get(URL))
    assert "This draft would have stopped 0 of 2 payouts, back to the one approved on" in first
    assert f"?before={history[1].number}" in first
    for odd in ("x", "-1", "9" * 30):
        assert client.get(URL, {"before": odd}).status_code == 200
    assert "No earlier payout can be replayed." in unmarked(client.get(URL, {"before": "1"}))


def test_nothing_to_replay_and_no_draft(client):
    person = propose({**SEVERAL, "rules": [EVERY, HOLD]})
    client.force_login(person)
    assert "No payout that was approved in the last 90 days" in unmarked(client.get(URL))

    policy.withdraw(policy.draft().pk, actor=Actor.staff(person, Channel.ADMIN))

    assert client.get(URL).url == reverse("admin:payouts_controls_policyversion_draft")
    client.force_login(StaffFactory(roles=["Support"]))
    assert client.get(URL).status_code == 403
