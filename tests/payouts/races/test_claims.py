"""Who claims while others claim, cancel or edit: PostgreSQL decides, one of them wins."""

from dataclasses import replace
from functools import partial
from threading import Event

import pytest
from django.db import OperationalError, connection, transaction

from audit import clock, jobs
from audit.actor import Actor, Channel
from audit.operations import perform
from audit.refusals import Refused
from payouts import operations, polling, rebinding, submission
from payouts.engine.worker import Worker
from payouts.gateway.models import Binding, RateLimit
from payouts.models import Attempt, Payout, PayoutStatus
from payouts.seen import see
from tests.factories import PayoutFactory, StaffFactory, WalletFactory
from tests.payouts.invariants import assert_chains_hold
from tests.payouts.races.conftest import LOOK, Duel, returned
from tests.payouts.test_binding import client_of
from tests.sim import bugs

pytestmark = [
    pytest.mark.postgres,
    pytest.mark.django_db(transaction=True, serialized_rollback=True),
    pytest.mark.usefixtures("usdt"),
]


@pytest.fixture
def make(transactional_db):
    """Make approved payouts of one wallet."""
    people = {
        "requested_by": StaffFactory(roles=["Requester"]),
        "approved_by": StaffFactory(roles=["Approver"]),
    }
    wallet = WalletFactory()

    def make(count):
        return [
            PayoutFactory(wallet=wallet, status=PayoutStatus.APPROVED, **people)
            for _ in range(count)
        ]

    return make


def taken(claim, *args, **options):
    return claim(*args, **options).items


def test_a13_each_row_is_claimed_once_by_many_claimers(account, make, racers, rounds):
    claimers = racers(4)
    for _ in rounds:
        make(3)
        claimed = returned(claimers.run(*[partial(taken, submission.claim, 2, account)] * 4))
        claimed += [submission.claim(10, account).items]  # what skipping left over

        ids = [call.payout_id for calls in claimed for call in calls]
        assert len(ids) == len(set(ids)) == 3
    assert set(Attempt.objects.values_list("calls", flat=True)) == {1}
    assert not Payout.objects.exclude(status=PayoutStatus.SUBMITTING).exists()
    assert_chains_hold()


def test_f10_claims_of_both_kinds_share_what_the_rate_leaves(account, make, racers, rounds):
    rare = 0.001  # calls a second: one may be made, the next after a quarter of an hour
    send = partial(taken, submission.claim, 2, replace(account, calls_per_second=rare))
    ask = partial(taken, polling.claim, 2, replace(account, calls_per_second=rare))
    duel = Duel(racers(4))
    make(4)
    submission.claim(2, account)
    for _ in rounds:
        RateLimit.objects.update(free_at=None)
        Payout.objects.update(due_at=clock.now())
        make(1)

        [call] = [call for calls in returned(duel.run(send, send, ask, ask)) for call in calls]
        duel.won(first=isinstance(call, submission.Call))
    duel.assert_both_won()


def test_f10_a_limit_checked_before_the_lock_is_found(account, make, racers):
    with bugs.plant(bugs.LIMIT_BEFORE_LOCK), pytest.raises(ValueError, match="too many values"):
        test_f10_claims_of_both_kinds_share_what_the_rate_leaves(account, make, racers, range(500))


def test_a13_a_claim_passes_over_what_others_hold(account, make, racers):
    """Workers that claim at one moment share what is due: none comes away empty, none waits."""
    [held], [free] = make(1), make(1)
    pair = racers(2)

    def hold():
        with transaction.atomic():
            Payout.objects.select_for_update().get(pk=held.pk)
            pair.barrier.wait()
            pair.barrier.wait()

    def claim():
        pair.barrier.wait()
        try:
            with connection.cursor() as cursor:
                cursor.execute("SET lock_timeout = '5s'")
            return submission.claim(1, account).items, submission.claim(1, account).items
        finally:
            pair.barrier.wait()

    _none, (first, second) = pair.run(hold, claim)

    assert [call.payout_id for call in first] == [free.pk]
    assert second == []
    assert [call.payout_id for call in submission.claim(1, account).items] == [held.pk]
    assert_chains_hold()


def test_g29_who_follows_the_account_waits_for_claims_and_sees_them(
    account, make, racers, sandbox, monkeypatch
):
    """The call of such a claim goes to the account before, which alone knows of it."""
    make(1)
    operator = StaffFactory(roles=["Operator"])
    pair, choose, has_ended, pids = racers(2), submission.choose, Event(), []

    def linger(*args, **options):
        chosen = choose(*args, **options)
        pair.barrier.wait()
        with connection.cursor() as cursor:
            while not has_ended.is_set():
                cursor.execute(LOOK, pids)
                if cursor.fetchone()[1]:
                    break
        return chosen

    def rebind():
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_backend_pid()")
            pids.extend(cursor.fetchone())
        pair.barrier.wait()
        try:
            with client_of(sandbox, host="localhost:9000") as client:
                rebinding.rebind(
                    client, reason="Moved", actor=Actor.staff(operator, Channel.COMMAND)
                )
        finally:
            has_ended.set()

    monkeypatch.setattr(submission, "choose", linger)
    refused, calls = pair.run(rebind, partial(taken, submission.claim, 1, account))

    assert "present account: 1." in str(refused)
    assert Binding.objects.get().host == account.host
    assert len(calls) == 1


def test_a19_cancel_against_claim_has_one_winner_in_both_orders(account, make, duel, rounds):
    operator = StaffFactory(roles=["Operator"])
    cancel = partial(
        perform, operations.CANCEL, reason="Stop", actor=Actor.staff(operator, Channel.ADMIN)
    )
    for _ in rounds:
        [payout] = make(1)
        claim = partial(taken, submission.claim, 1, account, only=[payout.pk])
        cancel_it = partial(cancel, see([payout]))
        calls, [outcome] = duel.run(claim, cancel_it)

        payout = Payout.objects.get(pk=payout.pk)
        if calls:
            assert payout.status == PayoutStatus.SUBMITTING
            assert payout.cancel_asked_at
            assert not payout.may_repeat
            assert "Nothing more will be sent" in outcome.text
        else:
            assert payout.status == PayoutStatus.CANCELLED
            assert not payout.attempts.exists()
            assert outcome.text == "Cancelled. It was never sent."
        duel.won(first=bool(calls))
    assert_chains_hold()


def test_a21_edit_against_claim_sends_only_what_was_approved(account, make, duel, rounds):
    editor = StaffFactory(roles=["Requester"])
    for _ in rounds:
        [payout] = make(1)
        claim = partial(taken, submission.claim, 1, account, only=[payout.pk])
        edit = partial(
            operations.edit_payout,
            see([payout])[0],
            operations.Edit(
                wallet=payout.wallet,
                currency="USDT",
                amount=payout.amount + 1,
                purpose="Prize",
            ),
            reason="More",
            actor=Actor.staff(editor, Channel.ADMIN),
        )
        calls, edited = duel.run(claim, edit)

        payout = Payout.objects.get(pk=payout.pk)
        if calls:
            assert isinstance(edited, Refused)
            assert b'"amount":"5.00000000"' in calls[0].body
            assert payout.status == PayoutStatus.SUBMITTING
        else:
            assert payout.status == PayoutStatus.PENDING
            assert not payout.attempts.exists()
        duel.won(first=bool(calls))
    assert_chains_hold()


def test_f2_a_real_deadlock_repeats_the_step_and_not_the_call(
    account, make, racers, sandbox, heleket_client, monkeypatch
):
    """The worker's record and another transaction lock the same two rows in opposite orders."""
    first, second = sorted(make(2), key=lambda payout: payout.pk)
    record, victims = submission.record, []

    def lock(payout):
        list(Payout.objects.select_for_update().filter(pk=payout.pk))

    pair = racers(2)

    def record_against_the_order(answers, account):
        def wrong():
            with transaction.atomic():
                lock(second)
                pair.barrier.wait()
                record(answers, account)

        def other():
            with transaction.atomic():
                lock(first)
                pair.barrier.wait()
                lock(second)

        if victims:
            record(answers, account)
            return
        victims.extend(each for each in pair.run(wrong, other) if each is not None)
        raise victims[0]

    monkeypatch.setattr(submission, "record", record_against_the_order)
    worker = Worker(jobs.make_all(heleket_client, account, 2))
    worker.run(once=True)

    assert [type(each) for each in victims] == [OperationalError]
    assert "deadlock" in str(victims[0])
    assert set(Payout.objects.values_list("status", flat=True)) == {"broadcast"}
    assert [call.path for call in sandbox.calls] == ["/v1/payout"] * 2
    assert_chains_hold()
