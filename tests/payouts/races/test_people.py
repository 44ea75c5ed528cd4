"""Two people, or one person twice, at the same moment."""

from decimal import Decimal
from functools import partial
from itertools import count

import pytest
from django.contrib.auth.models import Group
from django.db import IntegrityError

from audit.actor import Actor, Channel
from audit.chain import first_broken
from audit.codes import Reason
from audit.events import log_event
from audit.models import DeskEvent
from audit.operations import perform
from audit.refusals import Refused
from payouts import idempotency, operations, submission, transitions
from payouts.controls import switch
from payouts.models import Approval, Origin, Payout, PayoutStatus
from payouts.requests import request_payout
from payouts.seen import see
from tests import policies
from tests.factories import PayoutFactory, StaffFactory, WalletFactory
from tests.payouts.invariants import assert_chains_hold
from tests.payouts.races.conftest import Duel, returned
from tests.sim import bugs

pytestmark = [
    pytest.mark.postgres,
    pytest.mark.django_db(transaction=True, serialized_rollback=True),
    pytest.mark.usefixtures("usdt"),
]


@pytest.fixture
def make(transactional_db):
    """Payouts of one client, each for a purpose of its own: none is a duplicate."""
    wallet, maker, numbers = WalletFactory(), StaffFactory(roles=["Requester"]), count()
    common = {"wallet": wallet, "requested_by": maker}
    return lambda **fields: PayoutFactory(**common, purpose=f"Prize {next(numbers)}", **fields)


def test_c2_two_approvers_at_once_move_a_payout_once(make, duel, rounds):
    people = [StaffFactory(roles=["Approver"]) for _ in range(2)]
    for _ in rounds:
        payout = make()
        seen = see([payout])
        approve = partial(perform, operations.APPROVE, seen)
        results = returned(
            duel.run(
                *[partial(approve, actor=Actor.staff(person, Channel.ADMIN)) for person in people]
            )
        )

        assert sorted(outcome.done for [outcome] in results) == [False, True]
        assert Payout.objects.get(pk=payout.pk).status == PayoutStatus.APPROVED
        assert payout.events.filter(event_type="approve").count() == 1
        assert Approval.objects.filter(payout=payout).count() == 1
        duel.won(first=results[0][0].done)
    assert_chains_hold()


def test_c2_a_missing_row_lock_is_found(make, racers):
    """Both read the same last event, so the second to write one is refused by the database."""
    same_number = pytest.raises(IntegrityError, match="one_event_per_number")
    with bugs.plant(bugs.NO_ROW_LOCK), same_number:
        test_c2_two_approvers_at_once_move_a_payout_once(make, Duel(racers(2)), range(500))


def test_c2_the_same_approver_twice_counts_once(make, racers, rounds):
    person, pair = StaffFactory(roles=["Approver"]), racers(2)
    for _ in rounds:
        payout = make()
        seen = see([payout])
        approve = partial(
            perform, operations.APPROVE, seen, actor=Actor.staff(person, Channel.ADMIN)
        )
        results = returned(pair.run(approve, approve))

        assert sorted(outcome.done for [outcome] in results) == [False, True]
        assert Approval.objects.filter(payout=payout).count() == 1
    assert_chains_hold()


@pytest.mark.parametrize("case", ["one person", "two people", "the last of two approvals"])
def test_g40_an_approval_beside_a_rejection_leaves_one_decision_and_neighbours_are_done(
    make, duel, rounds, case
):
    """The contested payout stands between others in both acts. Where two approvals are needed, the
    first of them is voided by the rejection."""
    amira, anton, first = (StaffFactory(roles=["Approver"]) for _ in range(3))
    rejecter = amira if case == "one person" else anton
    takes_two = case == "the last of two approvals"
    if takes_two:
        policies.put_in_force({**policies.LENIENT, "rules": [policies.require(2)]}, [first, amira])
    for _ in rounds[::3] if takes_two else rounds:
        approved, contested, rejected = make(), make(), make()
        if takes_two:
            three = see([approved, contested, rejected])
            perform(operations.APPROVE, three, actor=Actor.staff(first, Channel.ADMIN))
        approve = partial(perform, operations.APPROVE, see([approved, contested]))
        reject = partial(perform, operations.REJECT, see([contested, rejected]), reason="No")
        results = returned(
            duel.run(
                partial(approve, actor=Actor.staff(amira, Channel.ADMIN)),
                partial(reject, actor=Actor.staff(rejecter, Channel.ADMIN)),
            )
        )

        (neighbour, was_approved), (was_rejected, other) = results
        assert neighbour.done
        assert other.done
        assert was_approved.done is not was_rejected.done
        deciders = {rejecter}
        if was_approved.done:
            deciders = {amira, first} if takes_two else {amira}
        standing = Approval.objects.filter(payout=contested, voided_at=None)
        assert {(each.person, each.decision) for each in standing} == {
            (person, status_of(contested)) for person in deciders
        }
        assert [status_of(approved), status_of(rejected)] == ["approved", "rejected"]
        duel.won(first=was_approved.done)
    assert_chains_hold()


def status_of(payout):
    return Payout.objects.get(pk=payout.pk).status


def test_g40_an_undo_beside_the_claim_has_one_winner(make, account, duel, rounds):
    amira = StaffFactory(roles=["Approver"])
    actor = Actor.staff(amira, Channel.ADMIN)
    for _ in rounds:
        payout = make(status=PayoutStatus.APPROVED, approved_by=amira)
        undo = partial(perform, operations.UNDO, see([payout]), actor=actor, reason="Wait")
        [outcome], claimed = returned(duel.run(undo, partial(submission.claim, 1, account)))

        assert outcome.done is not bool(claimed.items)
        assert status_of(payout) == ("pending" if outcome.done else "submitting")
        assert payout.attempts.exists() is not outcome.done
        standing = Approval.objects.filter(payout=payout, voided_at=None)
        assert standing.exists() is not outcome.done
        duel.won(first=outcome.done)
        Payout.objects.filter(pk=payout.pk).update(due_at=None)
    assert_chains_hold()


def test_g40_an_undo_that_forgets_the_row_lock_is_found(make, account, racers):
    """Then what is claimed is undone as well, and the database refuses one of their events."""
    with bugs.plant(bugs.NO_ROW_LOCK), pytest.raises((AssertionError, IntegrityError)):
        test_g40_an_undo_beside_the_claim_has_one_winner(make, account, Duel(racers(2)), range(500))


def test_a22_retry_by_two_people_makes_one_new_generation(make, duel, rounds):
    people = [StaffFactory(roles=["Operator"]) for _ in range(2)]
    for _ in rounds:
        payout = make(status=PayoutStatus.FAILED)
        seen = see([payout])
        retry = partial(perform, operations.RETRY, seen, reason="Again")
        results = returned(
            duel.run(
                *[partial(retry, actor=Actor.staff(person, Channel.ADMIN)) for person in people]
            )
        )

        payout = Payout.objects.get(pk=payout.pk)
        assert sorted(outcome.done for [outcome] in results) == [False, True]
        assert (payout.status, payout.generation) == (PayoutStatus.PENDING, 2)
        assert payout.events.filter(event_type="retry").count() == 1
        duel.won(first=results[0][0].done)
    assert_chains_hold()


def test_g25_the_same_request_twice_at_once_is_one_payout(make, racers, rounds):
    pair, known = racers(2), make()
    ask = partial(
        request_payout,
        client=known.client,
        wallet=known.wallet,
        currency="USDT",
        purpose="Prize",
        origin=Origin.API,
        actor=Actor.staff(known.requested_by, Channel.API),
        installation="test",
    )
    for key in map(idempotency.api, map(str, rounds)):
        same = partial(ask, amount=Decimal(5), idempotency_key=key)
        other = partial(ask, amount=Decimal(6), idempotency_key=f"{key} other")
        first, second = returned(pair.run(same, same))
        assert first.pk == second.pk

        kinds = [type(each) for each in pair.run(other, partial(other, amount=Decimal(7)))]
        assert sorted(kinds, key=str) == sorted([Payout, Refused], key=str)
    assert Payout.objects.count() == 1 + 2 * len(rounds)
    assert_chains_hold()


def test_g42_two_roles_given_at_once_are_never_both(racers, rounds):
    """Each of the two sees only its own half of what stands afterwards."""
    pair = racers(2)
    manager, approver = Group.objects.filter(name__in=["User manager", "Approver"])
    for _ in rounds:
        person = StaffFactory()
        results = pair.run(*[partial(person.groups.add, role) for role in (manager, approver)])

        assert sorted(type(each).__name__ for each in results) == ["IntegrityError", "NoneType"]
        assert person.groups.count() == 1


def test_g12_the_chain_of_a_payout_holds_under_many_writers(make, racers, rounds):
    writers, payout = racers(6), make()
    seen = see([payout])
    approver, operator = StaffFactory(roles=["Approver"]), StaffFactory(roles=["Operator"])
    held = partial(
        perform, operations.HOLD, seen, reason="“ä” {1}", actor=Actor.staff(approver, "admin")
    )

    def released():
        as_it_is = see([Payout.objects.get(pk=payout.pk)])
        perform(operations.RELEASE, as_it_is, actor=Actor.staff(approver, "admin"))

    def note():
        with transitions.change([payout.pk], actor=Actor.staff(operator, Channel.API)) as [locked]:
            locked.log_event("note", Reason(words="1E-7"), amount="0.10000000", since=1.0)

    for _ in rounds:
        returned(writers.run(held, released, note, note, note, note))

    events = payout.events.order_by("number")
    assert len(events) >= 1 + 4 * len(rounds)
    assert {each.event_type for each in events} == {"request", "note", "hold", "release"}
    assert [each.number for each in events] == list(range(1, len(events) + 1))
    assert_chains_hold()


def test_g12_the_chain_of_the_desk_holds_under_many_writers(racers, rounds):
    writers, operator = racers(4), StaffFactory(roles=["Operator"])
    turn = [
        partial(act, reason="Test", actor=Actor.staff(operator, Channel.ADMIN))
        for act in (partial(switch.set_sending, False), partial(switch.set_sending, True))
    ]
    note = partial(
        log_event, "note", Reason(words="ü"), actor=Actor.system(Channel.WORKER), amount="1.0"
    )
    for _ in rounds:
        returned(writers.run(*turn, note, note))

    events = DeskEvent.objects.order_by("number")
    assert len(events) >= 2 * len(rounds)
    assert first_broken(events) is None
