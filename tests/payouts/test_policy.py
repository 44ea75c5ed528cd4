"""Rules, approvals and claims: what the policy in force asks for is there, or nothing is paid."""

import json
from datetime import timedelta
from decimal import Decimal
from functools import partial
from uuid import uuid4

import pytest
from django.contrib.auth.models import Group
from django.db import IntegrityError, transaction

from audit.actor import Actor, Channel
from audit.models import DeskEvent
from audit.operations import perform
from audit.refusals import NotAllowed, Refused
from payouts import operations
from payouts.controls import documents, policy, rules
from payouts.controls.models import PolicyVersion
from payouts.controls.rules import ANYONE, Conditions, Effect, Measure, Proposal, Range, Rule
from payouts.explain import explain
from payouts.models import Approval, Payout, PayoutEvent, PayoutStatus, WaitingFor
from payouts.requests import request_payout
from payouts.seen import see
from tests import policies
from tests.factories import PayoutFactory, StaffFactory, WalletFactory
from tests.sim import bugs

OTHER = "TJRyWwFs9wTFGZg3JbrVriFbNfCug5tDeC"


def staff(*roles, **names):
    return StaffFactory(roles=list(roles), **names)


def actor(person):
    return Actor.staff(person, Channel.ADMIN)


def rule_set(*found, **values):
    base = {"rules": list(found), "limits": [], "values": policies.LENIENT["values"]}
    return policies.with_values(base, **values)


@pytest.fixture
def two_managers(db):
    """With people enough for the policies here: a draft that nobody can satisfy is refused."""
    for role in ("Requester", "Approver", "Approver", "Approver"):
        staff(role)
    return staff("Policy manager"), staff("Policy manager")


@pytest.fixture
def in_force(two_managers):
    return lambda document: policies.put_in_force(document, two_managers)


def approve(payout, person):
    [outcome] = perform(operations.APPROVE, see([payout]), actor=actor(person))
    return outcome


# Rules, without a database


def proposal(**facts):
    usual = {
        "currency": "USDT",
        "network": "tron",
        "origin": "manual",
        "client": "C-1",
        "rate": Decimal(1),
        "fee": Decimal("0.5"),
    }
    return Proposal(**usual | facts)


def above(amount, measure=Measure.PAYOUT):
    return Conditions(amounts=((measure, Range(above=Decimal(amount))),))


def test_every_rule_that_matches_fires_and_what_they_require_adds_up():
    found = [
        Rule("Every", Effect.REQUIRE, count=1, group="Approver"),
        Rule("Large", Effect.REQUIRE, above(1000), 2, "Approver"),
        Rule("Huge", Effect.REQUIRE, above(5000), 1, "Treasurer"),
    ]

    def judged(amount):
        return rules.judge(found, proposal(amounts={Measure.PAYOUT: Decimal(amount)}))

    assert judged("1000").required == {"Approver": 1}
    assert judged("1000.00000001").required == {"Approver": 2}
    assert judged("6000").required == {"Approver": 2, "Treasurer": 1}
    assert judged("6000").fired == ("Every", "Large", "Huge")


def test_what_no_rule_speaks_of_is_not_covered():
    verdict = rules.judge([Rule("Coin", Effect.ALLOW, Conditions(currencies=("TRX",)))], proposal())
    assert not verdict.is_covered
    assert not verdict.is_free


@pytest.mark.parametrize(
    ("required", "people", "missing"),
    [
        ({"A": 2}, {1: "A"}, {"A": 1}),
        ({"A": 1, "B": 1}, {1: "AB"}, {"B": 1}),  # nobody counts twice, nor in two groups
        ({"A": 1, "B": 1}, {1: "AB", 2: "A"}, {}),  # the first makes room for the second
        ({"A": 1, "B": 1, "C": 1}, {1: "ABC", 2: "AB", 3: "A"}, {}),
        ({ANYONE: 2, "A": 1}, {1: "A"}, {ANYONE: 1}),  # of a group is anyone, too
        ({ANYONE: 2, "A": 1}, {1: "B", 2: "B"}, {"A": 1}),
        ({ANYONE: 1, "A": 2}, {1: "A", 2: "A"}, {}),
        ({}, {}, {}),
    ],
)
def test_who_approved_fills_the_places_of_the_groups(required, people, missing):
    assert rules.missing(required, people) == missing


def test_a_proposal_is_read_as_it_was_written():
    written = proposal(amounts={Measure.CLIENT: Decimal("12.5")}, wallet_hours=Decimal(3))
    stored = json.loads(json.dumps(written.as_json()))
    assert Proposal.read(stored) == written


# Documents


ODD = [
    ("not JSON", "{"),
    ("a member is missing", {"rules": [], "limits": []}),
    ("an unknown member", {**policies.LENIENT, "more": 1}),
    ("an unknown effect", rule_set({"name": "x", "effect": "pay"})),
    ("no count", rule_set({"name": "x", "effect": "require"})),
    ("a count to block", rule_set({"name": "x", "effect": "block", "count": 1})),
    ("none at all", rule_set({"name": "x", "effect": "require", "count": 0})),
    ("a number for an amount", rule_set(policies.require(1, amounts={"payout": {"above": 5}}))),
    ("an exponent", rule_set(policies.require(1, amounts={"payout": {"above": "1e3"}}))),
    (
        "nothing between",
        rule_set(policies.require(1, amounts={"payout": {"above": "5", "up_to": "5"}})),
    ),
    ("an unknown sum", rule_set(policies.require(1, amounts={"week": {"above": "5"}}))),
    ("a rule without a name", rule_set({"name": " ", "effect": "block"})),
    ("a delay of a week", rule_set(delay_seconds=600000)),
    ("yes for a number", rule_set(delay_seconds=True)),
    ("a time that is none", rule_set(run_times=["25:00"])),
    ("a limit of an odd window", {**rule_set(), "limits": [{"of": "desk", "at_most": "5"}]}),
]


@pytest.mark.parametrize("document", [each for _, each in ODD], ids=[name for name, _ in ODD])
def test_a_document_that_is_no_policy_is_refused_with_the_reason(two_managers, document):
    text = document if isinstance(document, str) else documents.canonical(document)
    before = list(PolicyVersion.objects.values())

    with pytest.raises(Refused, match="This is no policy"):
        policy.propose(text, reason="x", actor=actor(two_managers[0]))

    assert list(PolicyVersion.objects.values()) == before
    assert policy.draft() is None


def test_the_starter_policy_is_one(db):
    found = documents.read(documents.canonical(policies.STARTER))
    assert found.values == documents.Values()
    assert found.rules[0].conditions == Conditions()


# Versions


def test_a_draft_takes_a_second_person_and_is_in_force_then(two_managers):
    first, second = two_managers
    text = documents.canonical(rule_set(policies.require(2)))
    draft = policy.propose(text, reason="More eyes", actor=actor(first))
    assert policy.in_force().version == 1

    with pytest.raises(Refused, match="another person has to confirm"):
        policy.confirm(draft.pk, actor=actor(first))
    assert policy.in_force().version == 1

    policy.confirm(draft.pk, actor=actor(second))
    current = policy.in_force()
    assert (current.version, current.rules[0].count) == (2, 2)
    sealed = DeskEvent.objects.get(event_type=DeskEvent.Type.CHANGE_POLICY)
    assert (sealed.person, sealed.facts["drafted_by"]) == (second, first.username)


def test_c5_who_may_not_change_the_policy_changes_nothing(db):
    approver = actor(staff("Approver"))
    text = documents.canonical(rule_set(policies.require(1, "Other")))
    with pytest.raises(NotAllowed):
        policy.propose(text, reason="x", actor=approver)
    draft = policy.propose(text, reason="x", actor=actor(staff("Policy manager")))
    with pytest.raises(NotAllowed):
        policy.confirm(draft.pk, actor=approver)
    assert policy.in_force().version == 1


def test_a_draft_that_was_overtaken_by_another_version_is_refused(two_managers, in_force):
    first, second = two_managers
    text = documents.canonical(rule_set(policies.require(2)))
    draft = policy.propose(text, reason="x", actor=actor(first))
    in_force(rule_set(policies.require(3)))

    with pytest.raises(Refused):
        policy.confirm(draft.pk, actor=actor(second))

    assert policy.in_force().version == 2


def test_the_policy_in_force_cannot_be_drafted_again(two_managers):
    same = PolicyVersion.objects.get().document
    with pytest.raises(Refused, match="in force already"):
        policy.propose(same, reason="x", actor=actor(two_managers[0]))


@pytest.mark.parametrize("act", ["update", "delete"])
def test_i17_a_version_is_never_changed(db, act):
    rows = PolicyVersion.objects.filter(number=1)
    change = partial(rows.update, document="{}") if act == "update" else rows.delete
    with pytest.raises(IntegrityError), transaction.atomic():
        change()


def test_g49_a_version_that_was_written_past_the_desk_lets_nothing_go(office, two_managers, client):
    PayoutFactory(status=PayoutStatus.APPROVED)
    text = documents.canonical(rule_set({"name": "All", "effect": "allow"}))
    PolicyVersion.objects.create(
        number=2,
        document=text,
        digest=documents.digest_of(text),
        drafted_by=two_managers[0],
        approved_by=two_managers[1],
        in_force_at=office.clock(),
        hash="0" * 64,
    )

    office.submit()

    assert office.sandbox.order_ids == []
    assert Payout.objects.get().status == PayoutStatus.APPROVED
    assert DeskEvent.objects.filter(event_type=DeskEvent.Type.FORGERY).count() == 1
    payout, approver = PayoutFactory(), staff("Approver")
    with pytest.raises(Refused, match="written past the desk"):
        approve(payout, approver)
    client.force_login(approver)
    for act in ("", "approve/"):
        page = client.get(f"/admin/payouts/payout/{payout.pk}/{act}", follow=True)
        assert page.status_code == 200
        assert "written past the desk" in page.content.decode()


# Approvals


LARGE = policies.require(2, "Large", "Approver", amounts={"payout": {"above": "1000"}})
EVERY = policies.require(1, "Every payout", "Approver")


def test_i2_a_large_payout_takes_two_different_people(in_force):
    in_force(rule_set(EVERY, LARGE))
    payout, first, second = (
        PayoutFactory(amount=Decimal(1001)),
        staff("Approver"),
        staff("Approver"),
    )

    outcome = approve(payout, first)
    assert "1 from Approver" in outcome.text
    assert Payout.objects.get().status == PayoutStatus.PENDING

    again = approve(Payout.objects.get(), first)
    assert not again.done
    assert Payout.objects.get().status == PayoutStatus.PENDING

    assert approve(Payout.objects.get(), second).done
    stored = Payout.objects.get()
    assert stored.status == PayoutStatus.APPROVED
    assert stored.reference_amount == Decimal(1001)
    event = PayoutEvent.objects.filter(event_type="approve").last()
    assert event.facts["rules"] == "Every payout, Large"
    assert event.facts["policy"] == "2"


def test_an_approval_that_adds_nothing_is_refused(in_force):
    Group.objects.create(name="Treasurer")
    in_force(rule_set(EVERY, policies.require(1, "Treasury", "Treasurer")))
    payout = PayoutFactory()
    assert approve(payout, staff("Approver")).done

    outcome = approve(Payout.objects.get(), staff("Approver"))

    assert not outcome.done
    assert "1 from Treasurer" in outcome.text
    assert Approval.objects.count() == 1
    assert approve(Payout.objects.get(), staff("Approver", "Treasurer")).done
    assert Payout.objects.get().status == PayoutStatus.APPROVED


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        ({"name": "No TRON", "effect": "block", "if": {"networks": ["tron"]}}, "No TRON"),
        ({"name": "Look first", "effect": "hold"}, "Look first"),
        (None, "No rule of the policy"),
    ],
)
def test_what_the_policy_stops_cannot_be_approved(in_force, rule, words):
    only = {"if": {"networks": ["eth"]}} if rule is None else {}
    in_force(rule_set({**policies.require(1), **only}, *([rule] if rule else [])))
    payout = PayoutFactory()

    outcome = approve(payout, staff("Approver"))

    assert not outcome.done
    assert words in outcome.text
    assert Payout.objects.get().status == PayoutStatus.PENDING
    assert Approval.objects.count() == 0


def test_what_a_rule_sets_aside_goes_on_once_a_person_let_it_go(in_force, office):
    in_force(rule_set(EVERY, {"name": "Look first", "effect": "hold"}))
    payout, approver = PayoutFactory(), staff("Approver")
    for act in (operations.HOLD, operations.RELEASE):
        [done] = perform(act, see([Payout.objects.get()]), actor=actor(approver), reason="Seen")
        assert done.done

    assert approve(Payout.objects.get(pk=payout.pk), approver).done
    office.submit()
    assert Payout.objects.get().status == PayoutStatus.BROADCAST


@pytest.mark.parametrize("measure", ["client_day", "address_day", "requester_day"])
def test_g62_many_small_ones_add_up_within_a_day(in_force, measure, clock):
    """Each is just under the threshold: their sum is what the rule looks at."""
    in_force(
        rule_set(
            EVERY, policies.require(2, "Day", "Approver", amounts={measure: {"above": "1000"}})
        )
    )
    wallet, requester = WalletFactory(), staff("Requester")
    other = {"client_day": {}, "address_day": {}, "requester_day": {"wallet": WalletFactory()}}
    common = {"wallet": wallet, "amount": Decimal(999), "requested_by": requester}
    first = PayoutFactory(**common, purpose="First")
    approver = staff("Approver")
    assert approve(first, approver).text == "Approved. It will be sent."

    second = PayoutFactory(**common | other[measure], purpose="Second")
    assert "1 from Approver" in approve(second, approver).text
    Payout.objects.filter(pk=first.pk).update(
        status=PayoutStatus.CONFIRMED, finished_at=clock() - timedelta(hours=24)
    )
    third = PayoutFactory(**common, purpose="Third")
    Payout.objects.filter(pk=second.pk).update(status=PayoutStatus.REJECTED)
    assert approve(third, approver).text == "Approved. It will be sent."


def test_g62_the_starter_policy_asks_for_two_when_many_small_ones_add_up(in_force):
    in_force(policies.with_values(policies.STARTER, delay_seconds=0))
    requester, approver = staff("Requester"), staff("Approver")
    payouts = [
        PayoutFactory(wallet=WalletFactory(), amount=Decimal(999), requested_by=requester)
        for _ in range(30)
    ]
    outcomes = perform(operations.APPROVE, see(payouts), actor=actor(approver))
    assert all(each.done for each in outcomes)
    assert not Payout.objects.filter(status=PayoutStatus.APPROVED).exists()


def test_g62_those_of_one_file_add_up_whoever_is_paid_and_whoever_asked(in_force):
    small = policies.require(1, "Small", "Approver")
    batch = policies.require(2, "Batch", "Approver", amounts={"batch": {"above": "10000"}})
    in_force(rule_set(small, batch))
    approver = staff("Approver")

    def file(name, count):
        wallet = WalletFactory()
        return [
            PayoutFactory(wallet=wallet, amount=Decimal(999), trigger=name, purpose=f"{name} {row}")
            for row in range(count)
        ]

    under, over = file("file:1", 10), file("file:2", 11)
    outcomes = perform(operations.APPROVE, see([*under, *over]), actor=actor(approver))

    assert all(each.done for each in outcomes)
    assert set(statuses_of(under)) == {"approved"}
    assert set(statuses_of(over)) == {"pending"}
    perform(operations.APPROVE, see(over), actor=actor(staff("Approver")))
    assert set(statuses_of(over)) == {"approved"}


def statuses_of(payouts):
    ids = [each.pk for each in payouts]
    return Payout.objects.filter(pk__in=ids).values_list("status", flat=True)


def test_g61_without_a_reference_amount_nothing_is_approved_by_a_person_or_a_rule(
    in_force, real_rates, usdt
):
    in_force(rule_set({"name": "Small ones", "effect": "allow", "if": {}}))

    payout = requested()
    refused = approve(payout, staff("Approver"))

    assert (refused.done, refused.code) == (False, "rate_missing")
    stored = Payout.objects.get()
    assert (stored.status, stored.reference_rate) == (PayoutStatus.PENDING, None)
    assert not Approval.objects.exists()
    assert [each.event_type for each in stored.events.all()] == ["request"]


@pytest.mark.django_db
def test_g61_the_database_keeps_what_has_no_reference_amount_from_being_approved():
    payout = PayoutFactory()
    for rate in (None, Decimal(0)):
        with pytest.raises(IntegrityError, match="has_a_rate"), transaction.atomic():
            Payout.objects.update(status=PayoutStatus.APPROVED, reference_rate=rate)
    assert Payout.objects.get(pk=payout.pk).status == PayoutStatus.PENDING


# What rules do by themselves


def requested(**fields):
    wallet, person = WalletFactory(), staff("Requester")
    return request_payout(
        client=wallet.client,
        wallet=wallet,
        currency="USDT",
        purpose="Prize",
        idempotency_key=f"manual:{uuid4()}",
        origin="manual",
        actor=actor(person),
        installation="test",
        **{"amount": Decimal(5)} | fields,
    )


def test_what_a_rule_sets_aside_is_on_hold_from_the_start(office, in_force, usdt):
    in_force(rule_set(EVERY, {"name": "Look first", "effect": "hold"}))
    payout = requested()
    assert payout.status == PayoutStatus.HELD
    assert "Look first" in payout.why.sentence
    assert PayoutEvent.objects.filter(payout=payout, event_type="hold", person=None).exists()


SMALL = {"amounts": {"payout": {"up_to": "50"}, "client_day": {"up_to": "60"}}}


def test_i2_what_a_rule_allows_goes_without_approval_and_nothing_else(office, in_force, usdt):
    more = policies.require(1, "More than 50", "Approver", amounts={"payout": {"above": "50"}})
    in_force(rule_set({"name": "Small", "effect": "allow", "if": SMALL}, more))
    small, large = requested(), requested(amount=Decimal(51))

    assert (small.status, large.status) == (PayoutStatus.APPROVED, PayoutStatus.PENDING)
    office.submit()
    assert Payout.objects.get(pk=small.pk).status == PayoutStatus.BROADCAST
    event = PayoutEvent.objects.get(payout=small, event_type="approve")
    assert (event.person, event.facts["rules"]) == (None, "Small")
    assert not Approval.objects.exists()


@pytest.mark.parametrize("change", [{"address": OTHER}, {"amount": Decimal(4)}], ids=str)
def test_c3_what_a_rule_allowed_is_not_sent_once_its_row_was_changed(
    office, in_force, usdt, change
):
    """Nobody approved it, so that only the sealed event says what was let go."""
    in_force(rule_set({"name": "All", "effect": "allow"}))
    payout = requested()
    Payout.objects.filter(pk=payout.pk).update(**change)

    assert office.submit() == 0

    returned = Payout.objects.get(pk=payout.pk)
    assert (returned.status, returned.reason_code) == (PayoutStatus.PENDING, "other_digest")
    assert not office.sandbox.calls


def test_c3_that_nobody_compares_what_a_rule_allowed_is_found(office, in_force, usdt):
    with bugs.plant(bugs.RULE_NOT_COMPARED), pytest.raises(AssertionError):
        test_c3_what_a_rule_allowed_is_not_sent_once_its_row_was_changed(
            office, in_force, usdt, {"address": OTHER}
        )


def test_what_was_allowed_goes_back_once_the_policy_asks_for_approval(office, in_force, usdt):
    in_force(rule_set({"name": "All", "effect": "allow"}))
    payout = requested()
    in_force(rule_set(EVERY))
    office.submit()
    assert Payout.objects.get(pk=payout.pk).status == PayoutStatus.PENDING
    assert office.sandbox.order_ids == []


# Claims


def test_a21_a_policy_that_asks_for_more_sends_what_was_approved_back(office, in_force):
    payout = PayoutFactory(status=PayoutStatus.APPROVED)
    in_force(rule_set(policies.require(2)))

    office.submit()

    stored = Payout.objects.get()
    assert stored.status == PayoutStatus.PENDING
    assert "asks for more approvals: 1 from anyone" in stored.why.sentence
    assert office.sandbox.order_ids == []
    assert payout.attempts.count() == 0


@pytest.mark.parametrize(
    ("rule", "why"),
    [
        ({"name": "Stop", "effect": "block"}, "The policy blocks it: “Stop”."),
        ({"name": "Look", "effect": "hold"}, "The policy sets it aside: “Look”."),
        ({**policies.require(1), "if": {"networks": ["eth"]}}, "No rule of the policy lets it be"),
    ],
)
def test_a21_a_policy_that_stops_it_sends_what_was_approved_back(office, in_force, rule, why):
    PayoutFactory(status=PayoutStatus.APPROVED)
    base = [] if rule["effect"] == "require" else [policies.require(1)]
    in_force(rule_set(*base, rule))

    office.submit()

    assert Payout.objects.get().status == PayoutStatus.PENDING
    assert why in explain(Payout.objects.get()).sentence
    assert not Approval.objects.filter(voided_at=None).exists()
    assert office.sandbox.order_ids == []


LOOKED_AT_LATER = [
    {**policies.require(2, "Much in a day"), "if": {"amounts": {"client_day": {"above": "1"}}}},
    {**policies.require(2, "A young wallet"), "if": {"wallet_hours": {"up_to": "24"}}},
    {"name": "A flag", "effect": "block", "if": {"flag": "high"}},
]


@pytest.mark.parametrize("rule", LOOKED_AT_LATER, ids=lambda rule: rule["name"])
def test_a21_g62_a_rule_about_what_nobody_looked_at_sends_what_was_approved_back(
    office, in_force, rule
):
    """What was not asked for at the approval is not known, and no sum of nothing."""
    in_force(rule_set(policies.require(1)))
    payout = PayoutFactory(status=PayoutStatus.APPROVED)
    in_force(rule_set(policies.require(1), rule))

    office.submit()

    stored = Payout.objects.get(pk=payout.pk)
    assert (stored.status, stored.reason_code) == (PayoutStatus.PENDING, "not_looked_at")
    assert (office.sandbox.order_ids, payout.attempts.count()) == ([], 0)


def test_g63_what_was_looked_at_is_judged_by_an_earlier_approval(office, in_force):
    asks = {"if": {"amounts": {"client_day": {"above": "1000"}}}}
    in_force(rule_set(policies.require(1), {**policies.require(2, "Much"), **asks}))
    PayoutFactory(status=PayoutStatus.APPROVED)
    in_force(rule_set(policies.require(1), {**policies.require(2, "As much"), **asks}))
    office.submit()
    assert Payout.objects.get().status == PayoutStatus.BROADCAST


def test_g63_an_approval_under_an_earlier_version_counts_as_far_as_it_satisfies(office, in_force):
    PayoutFactory(status=PayoutStatus.APPROVED)
    in_force(rule_set(policies.require(1, "Same in other words")))
    office.submit()
    assert Payout.objects.get().status == PayoutStatus.BROADCAST


def test_what_was_approved_goes_out_after_the_delay_and_not_sooner(office, in_force):
    in_force(rule_set(EVERY, delay_seconds=120))
    payout = PayoutFactory()
    outcome = approve(payout, staff("Approver"))
    assert "goes out at 09:02" in outcome.text
    stored = Payout.objects.get()
    assert (stored.waiting_for, stored.due_at) == (
        WaitingFor.DATE,
        office.clock() + timedelta(minutes=2),
    )
    explained = explain(stored)
    assert (explained.waiting_for, explained.label) == ("date", "its date")
    assert explained.sentence == "It is approved and goes out at 09:02:00."
    assert "No worker has been seen yet" in explained.next
    office.clock.forward(minutes=1, seconds=59)
    Payout.objects.update(due_at=office.clock())  # whoever makes it due sooner
    office.submit()
    assert Payout.objects.get().status == PayoutStatus.APPROVED
    assert explain(Payout.objects.get()).waiting_for == WaitingFor.DATE
    office.clock.forward(seconds=1)
    office.submit()
    assert Payout.objects.get().status == PayoutStatus.BROADCAST


def test_payouts_go_out_at_the_run_times_of_the_day(office, in_force):
    in_force(rule_set(EVERY, delay_seconds=300, run_times=["08:00", "16:30"]))
    approve(PayoutFactory(), staff("Approver"))
    assert Payout.objects.get().due_at.isoformat() == "2026-03-02T16:30:00+00:00"
    office.clock.forward(hours=8)
    approve(PayoutFactory(wallet=WalletFactory()), staff("Approver"))
    assert Payout.objects.latest("number").due_at.isoformat() == "2026-03-03T08:00:00+00:00"


def test_g61_a_fee_that_doubled_since_the_approval_waits(office, in_force, usdt):
    PayoutFactory(status=PayoutStatus.APPROVED)
    usdt.fee_amount = Decimal("1.01")
    usdt.save()
    office.submit()
    stored = Payout.objects.get()
    assert (stored.status, stored.waiting_for) == (PayoutStatus.APPROVED, WaitingFor.SERVICE)
    assert "more than twice" in stored.why.sentence

    usdt.fee_amount = Decimal("1")
    usdt.save()
    office.work(minutes=6)
    assert Payout.objects.get().status == PayoutStatus.CONFIRMED


@pytest.mark.parametrize("ceiling", [{"fee_percent": "9"}, {"fee_amount": "0.4"}])
def test_g61_a_fee_above_the_ceiling_waits(office, in_force, ceiling):
    PayoutFactory(status=PayoutStatus.APPROVED)
    in_force(rule_set(EVERY, **ceiling))
    office.submit()
    stored = Payout.objects.get()
    assert (stored.status, stored.waiting_for) == (PayoutStatus.APPROVED, WaitingFor.SERVICE)
    assert office.sandbox.order_ids == []
