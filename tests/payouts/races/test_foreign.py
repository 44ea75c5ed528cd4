"""A payout made by hand at Heleket is linked while a worker claims, and by two people at once."""

from functools import partial

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
from tests.payouts.races.conftest import Duel
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


def test_g53_a_link_against_a_claim_has_one_winner(
    account, proposed, sandbox, racers, rounds, monkeypatch
):
    """The claim has looked before the reading found what Heleket has."""
    monkeypatch.setattr(foreign, "like", lambda *_: None)
    duel = Duel(racers(2))
    for _ in rounds:
        payout, found, [confirm, _other] = proposed()

        linked, claimed = duel.run(confirm, lambda: submission.claim(1, account).items)

        attempt = payout.attempts.get()
        ended = Discrepancy.objects.get(pk=found.pk)
        if isinstance(linked, Refused):
            assert linked.code == "payout_status"
            assert [call.payout_id for call in claimed] == [payout.pk]
            assert (now(payout).status, attempt.is_linked) == (PayoutStatus.SUBMITTING, False)
            assert ended.closed_at is None
        else:
            assert (linked[:6], claimed) == ("Linked", [])
            assert (now(payout).status, attempt.uuid) == (PayoutStatus.BROADCAST, found.key)
            assert (attempt.calls, ended.outcome) == (0, "linked")
        duel.won(first=not isinstance(linked, Refused))
    duel.assert_both_won()
    assert_chains_hold()


def test_g53_two_people_who_link_it_at_once_link_it_once(proposed, racers, rounds):
    pair = racers(2)
    for _ in list(rounds)[:20]:
        payout, found, confirms = proposed()

        results = pair.run(*confirms)

        assert sorted(isinstance(each, Refused) for each in results) == [False, True]
        assert payout.attempts.get().uuid == found.key
        assert payout.events.filter(event_type="link").count() == 1
    assert Attempt.objects.filter(calls__gt=0).count() == 0
    assert_chains_hold()
