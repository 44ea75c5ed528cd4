"""A payout made by hand at Heleket is linked while a worker claims, and by two people at once."""

from functools import partial
from threading import Event

import pytest

from audit.actor import Actor, Channel
from audit.refusals import Refused
from payouts import endings, foreign, links, submission
from payouts.discrepancies import open_foreign
from payouts.models import Attempt, Discrepancy, PayoutStatus
from payouts.outcomes import LINKED, Wish
from payouts.seen import see
from tests.factories import PayoutFactory, StaffFactory, WalletFactory
from tests.payouts.invariants import assert_chains_hold
from tests.payouts.rounds import now

pytestmark = [
    pytest.mark.postgres,
    pytest.mark.django_db(transaction=True, serialized_rollback=True),
    pytest.mark.usefixtures("usdt"),
]


@pytest.fixture
def proposed(account, sandbox, heleket_client):
    """Make an approved payout and one by hand that an operator proposes to link; return both, and
    how another one confirms it."""
    people = {
        "requested_by": StaffFactory(roles=["Requester"]),
        "approved_by": StaffFactory(roles=["Approver"]),
    }
    wallet = WalletFactory()
    first, *others = (Actor.staff(StaffFactory(roles=["Operator"]), Channel.ADMIN) for _ in "abc")

    def proposed():
        payout = PayoutFactory(wallet=wallet, status=PayoutStatus.APPROVED, **people)
        remote = sandbox.add_foreign_payout(amount="5", address=payout.address, fate="stuck")
        known = heleket_client.get_payout(uuid=remote.uuid)
        found = open_foreign(known, actor=Actor.system(Channel.RECONCILE))
        wish = Wish(found.pk, found.facts, LINKED, "By the treasurer", payout=see([payout])[0])
        links.end_or_propose(wish, heleket_client, account, actor=first)
        joint = endings.proposed(found)
        confirms = [
            partial(links.confirm, joint, found.facts, heleket_client, account, actor=each)
            for each in others
        ]
        return payout, found, confirms

    return proposed


@pytest.mark.parametrize("is_first", [True, False], ids=["link first", "claim first"])
def test_g53_a_link_against_a_claim_has_one_winner(
    account, proposed, racers, rounds, monkeypatch, is_first
):
    """Whoever has the lock first wins, and the other meets it. The claim has looked before the
    reading found what Heleket has."""
    monkeypatch.setattr(foreign, "like", lambda *_: None)
    has_lock = Event()
    winner, name = (links, "link") if is_first else (submission, "take")
    act = getattr(winner, name)

    def with_the_lock(*args):
        has_lock.set()
        return act(*args)

    monkeypatch.setattr(winner, name, with_the_lock)
    pair = racers(2)
    for _ in list(rounds)[:15]:
        payout, found, [confirm, _other] = proposed()
        has_lock.clear()
        claim = partial(submission.claim, 1, account)

        linked, claimed = pair.run(*after(has_lock, confirm, claim, is_first=is_first))

        attempt = payout.attempts.get()
        if is_first:
            assert (linked[:6], claimed.items) == ("Linked", [])
            assert (now(payout).status, attempt.uuid) == (PayoutStatus.BROADCAST, found.key)
            assert attempt.calls == 0
        else:
            assert linked.code == "payout_status"
            assert [call.payout_id for call in claimed.items] == [payout.pk]
            assert (now(payout).status, attempt.is_linked) == (PayoutStatus.SUBMITTING, False)
            assert Discrepancy.objects.get(pk=found.pk).closed_at is None
    assert_chains_hold()


def after(has_lock, confirm, claim, *, is_first):
    """Have the second of them begin once the first has its lock."""

    def wait_for(other):
        assert has_lock.wait(60)
        return other()

    if is_first:
        return confirm, partial(wait_for, claim)
    return partial(wait_for, confirm), claim


def test_g53_two_people_who_link_it_at_once_link_it_once(proposed, racers, rounds):
    pair = racers(2)
    for _ in list(rounds)[:15]:
        payout, found, confirms = proposed()

        results = pair.run(*confirms)

        assert sorted(isinstance(each, Refused) for each in results) == [False, True]
        assert payout.attempts.get().uuid == found.key
        assert payout.events.filter(event_type="link").count() == 1
    assert Attempt.objects.filter(calls__gt=0).count() == 0
    assert_chains_hold()
