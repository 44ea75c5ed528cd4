"""Payouts made by hand at Heleket: linked to ours or explained, and what waits meanwhile."""

import json
from dataclasses import replace
from decimal import Decimal

import pytest

from audit.actor import Actor, Channel
from audit.models import DeskEvent
from audit.refusals import NotAllowed, Refused
from heleket.sandbox.records import Answer
from heleket.webhooks import sign_webhook
from payouts import endings, explain, links, makers
from payouts.discrepancies import describe, open_foreign
from payouts.models import Attempt, Discrepancy, MakerRole, Payout, PayoutStatus
from payouts.outcomes import Wish
from payouts.seen import see
from tests.factories import PayoutFactory, WalletFactory
from tests.payouts.conftest import HOUR
from tests.payouts.rounds import event_types, now
from tests.sim import bugs

pytestmark = pytest.mark.django_db

Outcome = Discrepancy.Outcome
OTHER_ADDRESS = "TJRyWwFs9wTFGZg3JbrVriFbNfCug5tDeC"
NOT_FOUND = Answer.json(422, {"state": 1, "message": "Payout not found"})


@pytest.fixture
def payout(office):
    return PayoutFactory()


@pytest.fixture
def approved(office):
    return PayoutFactory(status=PayoutStatus.APPROVED)


def made_there(office, payout, *, fate="stuck", **other):
    """Somebody makes a payout at Heleket that is this one, or almost."""
    facts = {"amount": str(payout.amount), "currency": payout.currency}
    facts |= {"network": payout.network, "address": payout.address, "order_id": None}
    return found_there(office, office.sandbox.add_foreign_payout(**(facts | other), fate=fate))


def found_there(office, remote):
    """The discrepancy that a reading of Heleket's list opens."""
    answer = office.client.get_payout(uuid=remote.uuid)
    listed = replace(answer, created_at=remote.created_at)
    return open_foreign(listed, actor=Actor.system(Channel.RECONCILE))


def someone(office, role):
    return Actor.staff(office.person(role), Channel.ADMIN)


def wish(found, outcome, payout=None):
    [seen] = see([now(payout)]) if payout else [None]
    facts = Discrepancy.objects.get(pk=found.pk).facts
    return Wish(found.pk, facts, outcome, "Asked the treasurer", payout=seen)


def propose(office, found, payout=None, *, role="Operator"):
    outcome = Outcome.LINKED if payout else Outcome.EXPLAINED
    words = wish(found, outcome, payout)
    actor = someone(office, role)
    return links.end_or_propose(words, office.client, office.account, actor=actor)


def confirm(office, found, *, role="Second Operator"):
    facts = Discrepancy.objects.get(pk=found.pk).facts
    joint, actor = endings.proposed(found), someone(office, role)
    return links.confirm(joint, facts, office.client, office.account, actor=actor)


def link(office, found, payout):
    propose(office, found, payout)
    return confirm(office, found)


def explain_it(office, found):
    propose(office, found)
    return confirm(office, found)


def fail(office):
    """A payout that Heleket has failed for good."""
    payout = PayoutFactory(status=PayoutStatus.APPROVED)
    office.sandbox.set_fate("final_fail", order_id=payout.order_id("test"))
    office.submit()
    office.work(minutes=5)
    assert now(payout).status == PayoutStatus.FAILED
    return payout


def finish(office, found, status):
    office.sandbox.force_status(status, is_final=True, uuid=found.key)


def unchanged(payout, before, found):
    """Nothing of a refused link is left."""
    assert event_types(payout) == before
    assert not Attempt.objects.filter(is_linked=True).exists()
    assert Discrepancy.objects.get(pk=found.pk).closed_at is None


# Linking


def test_g53_nobody_decides_on_an_answer_about_another_payout(office, payout):
    found = made_there(office, payout)
    made_there(office, payout)
    propose(office, found, payout)
    before, facts = event_types(payout), Discrepancy.objects.get(pk=found.pk).theirs
    office.sandbox.faults.add("swapped")

    with pytest.raises(Refused) as refused:
        confirm(office, found)

    assert refused.value.code == "unclear_answer"
    unchanged(payout, before, found)
    assert Discrepancy.objects.get(pk=found.pk).theirs == facts


@pytest.mark.parametrize("status", ["pending", "held", "approved"])
def test_g53_a_payout_made_at_heleket_becomes_ours_and_ends_by_heleket_s_word(office, status):
    payout = PayoutFactory(status="approved" if status == "approved" else "pending")
    if status == "held":
        office.act("HOLD", payout, role="Approver", reason="Wait")
    found = made_there(office, payout)

    link(office, found, payout)
    before = len(office.questions())

    linked = now(payout)
    assert (linked.status, linked.waiting_for) == (PayoutStatus.BROADCAST, "final_word")
    attempt = payout.attempts.get()
    assert (attempt.is_linked, attempt.uuid, attempt.calls) == (True, found.key, 0)
    assert attempt.created_there_at == office.sandbox.find_uuid(found.key).created_at
    finish(office, found, "paid")
    office.work(minutes=20)
    assert now(payout).status == PayoutStatus.CONFIRMED
    assert office.creates() == []
    asked = [json.loads(call.body) for call in office.questions()[before:]]
    assert asked
    assert all(each == {"uuid": found.key} for each in asked)


def test_g53_heleket_s_final_failure_of_a_linked_one_is_one_of_ours_and_can_be_retried(
    office, payout
):
    found = made_there(office, payout)
    link(office, found, payout)

    finish(office, found, "fail")
    office.work(minutes=20)
    assert now(payout).status == PayoutStatus.FAILED
    assert office.act("RETRY", payout, role="Third Operator", reason="Again").done
    office.approve(payout)
    office.work(minutes=20)

    assert now(payout).status == PayoutStatus.CONFIRMED
    assert [json.loads(call.body)["order_id"] for call in office.creates()] == [
        now(payout).order_id("test", 2)
    ]


def test_g53_what_is_final_there_already_is_final_here_at_once(office, payout):
    found = made_there(office, payout)
    finish(office, found, "paid")
    Discrepancy.objects.update(theirs=describe(office.client.get_payout(uuid=found.key)))

    link(office, found, payout)

    assert now(payout).status == PayoutStatus.CONFIRMED
    assert event_types(payout)[-2:] == ["link", "confirm"]


def test_g53_a_failed_payout_stays_failed_and_counts_as_paid_by_heleket_s_final_word(office):
    payout = fail(office)
    found = made_there(office, payout)

    link(office, found, payout)

    assert (now(payout).status, now(payout).effective) == (PayoutStatus.FAILED, "")
    retried = office.act("RETRY", payout, role="Third Operator", reason="Again")
    assert retried.code == "other_try_open"
    finish(office, found, "paid")
    office.work(days=2)
    linked = now(payout)
    assert (linked.status, linked.effective) == (PayoutStatus.FAILED, "paid")
    assert (linked.effective_amount, linked.effective_currency) == (Decimal(5), "USDT")
    assert office.act("RETRY", payout, role="Third Operator", reason="Again").code == (
        "paid_after_all"
    )
    assert len(office.creates()) == 1


def test_g53_a_failed_payout_is_waited_for_longer_than_a_month(office):
    payout = fail(office)
    found = made_there(office, payout)
    link(office, found, payout)

    office.clock.forward(days=45)
    office.work(days=2)
    finish(office, found, "paid")
    office.work(days=2)

    assert now(payout).effective == "paid"


def test_g53_a_final_failure_there_leaves_a_failed_payout_as_it_was(office):
    payout = fail(office)
    found = made_there(office, payout)
    link(office, found, payout)

    finish(office, found, "fail")
    office.work(days=2)

    assert (now(payout).status, now(payout).effective) == (PayoutStatus.FAILED, "")
    assert office.act("RETRY", payout, role="Third Operator", reason="Again").done
    office.approve(payout)
    office.work(days=1)
    assert now(payout).status == PayoutStatus.CONFIRMED
    assert len(office.creates()) == 2


@pytest.mark.parametrize(
    "other",
    [
        {"amount": "50"},
        {"address": OTHER_ADDRESS},
        {"currency": "TRX"},
        {"network": "bsc", "address": "0x52908400098527886E0F7030069857D2E4169EE7"},
    ],
    ids=lambda other: next(iter(other)),
)
def test_g53_what_is_not_equal_is_not_linked(office, payout, other):
    found, before = made_there(office, payout, **other), event_types(payout)

    with pytest.raises(Refused) as refused:
        propose(office, found, payout)

    assert refused.value.code == "other_there"
    unchanged(payout, before, found)


def test_g53_another_memo_is_another_payout(office):
    payout = PayoutFactory(memo="7")
    found, before = made_there(office, payout), event_types(payout)
    true = office.sandbox.handle

    def with_memo(*request):
        answer = true(*request)
        said = json.loads(answer.body)
        if "result" in said:
            said["result"]["memo"] = "8"
        return Answer.json(answer.status, said)

    office.sandbox.handle = with_memo
    with pytest.raises(Refused) as refused:
        propose(office, found, payout)

    assert refused.value.code == "other_there"
    unchanged(payout, before, found)


def in_submitting(office, payout):
    office.sandbox.faults.add("drop")
    office.submit()


def in_broadcast(office, payout):
    office.sandbox.set_fate("stuck", order_id=payout.order_id("test"))
    office.submit()


def paid(office, payout):
    office.submit()
    office.work(minutes=5)


def cancelled(office, payout):
    office.act("CANCEL", payout, role="Operator", reason="Wrong")


def being_cancelled(office, payout):
    with_a_try_that_may_be_paid(office, payout)
    office.act("CANCEL", payout, role="Operator", reason="Wrong")


def with_a_try_that_may_be_paid(office, payout):
    """Put back after a refusal of all payouts: what was called may have been executed."""
    office.sandbox.faults.add("not_enough_funds")
    office.submit()
    assert now(payout).status == PayoutStatus.APPROVED


@pytest.mark.parametrize(
    ("bring", "code"),
    [
        (in_submitting, "payout_status"),
        (in_broadcast, "payout_status"),
        (paid, "payout_status"),
        (cancelled, "payout_status"),
        (being_cancelled, "being_cancelled"),
        (with_a_try_that_may_be_paid, "other_try_open"),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_g53_nothing_is_linked_to_what_a_call_of_ours_may_pay(office, approved, bring, code):
    bring(office, approved)
    found, before = made_there(office, approved), event_types(approved)

    with pytest.raises(Refused) as refused:
        propose(office, found, approved)

    assert refused.value.code == code
    unchanged(approved, before, found)


def test_g53_that_test_finds_a_link_beside_a_call_that_may_be_paid(office, approved):
    with bugs.plant(bugs.LINKED_UNCLEAR), pytest.raises(pytest.fail.Exception, match="DID NOT"):
        test_g53_nothing_is_linked_to_what_a_call_of_ours_may_pay(
            office, approved, with_a_try_that_may_be_paid, "other_try_open"
        )


def test_g53_what_heleket_refused_is_linked_once_it_says_that_it_does_not_have_that(
    office, approved
):
    """Not enough funds, so that somebody paid it by hand."""
    with_a_try_that_may_be_paid(office, approved)
    office.clock.forward(minutes=5)
    found = made_there(office, approved)

    link(office, found, approved)

    assert now(approved).status == PayoutStatus.BROADCAST
    refused, linked = approved.attempts.order_by("generation")
    assert (refused.is_over, refused.watch_at is not None) == (True, True)
    assert (linked.generation, linked.uuid) == (2, found.key)
    finish(office, found, "paid")
    office.work(days=2)
    assert now(approved).status == PayoutStatus.CONFIRMED
    assert len(office.creates()) == 1
    assert not Discrepancy.objects.open().exists()


def test_g53_one_of_heleket_s_payouts_is_linked_once(office, payout):
    other = PayoutFactory(wallet=payout.wallet)
    found = made_there(office, payout)
    link(office, found, payout)
    again, before = Discrepancy.objects.get(pk=found.pk), event_types(other)
    again.pk, again.outcome, again.payout = None, "", None
    again.closed_at = again.closed_by = again.proposed_by = None
    again.save()

    with pytest.raises(Refused) as refused:
        propose(office, again, other)

    assert refused.value.code == "paid_for_other"
    assert event_types(other) == before


def test_g53_the_lost_try_of_another_payout_is_not_linked(office, payout):
    """Its webhook named an order id of another payout of ours, which lost that call."""
    other = PayoutFactory(wallet=payout.wallet)
    found = made_there(office, payout, order_id=other.order_id("test", 1))
    found.theirs["order_id"] = other.order_id("test", 1)
    found.save()
    before = event_types(payout)

    with pytest.raises(Refused) as refused:
        propose(office, found, payout)

    assert refused.value.code == "paid_for_other"
    unchanged(payout, before, found)
    link(office, found, other)
    assert other.attempts.get().order_id == other.order_id("test", 1)


def test_g53_nothing_is_linked_to_a_payout_that_heleket_has_under_its_own_order_id(office, payout):
    """The desk was restored to before its call."""
    office.sandbox.set_fate("stuck")
    lost = made_there(office, payout, order_id=payout.order_id("test", 1))
    found, before = made_there(office, payout), event_types(payout)

    with pytest.raises(Refused) as refused:
        propose(office, found, payout)

    assert refused.value.code == "may_be_paid"
    unchanged(payout, before, found)
    link(office, lost, payout)
    assert payout.attempts.get().uuid == lost.key


def test_g53_it_takes_two_people_who_hold_the_right_and_are_no_makers(office, payout):
    found, before = made_there(office, payout), event_types(payout)
    makers.add_makers(payout, [(office.person("Third Operator").pk, MakerRole.EDITED)])

    with pytest.raises(NotAllowed):
        propose(office, found, payout, role="Approver")
    with pytest.raises(Refused, match="two others"):
        propose(office, found, payout, role="Third Operator")
    unchanged(payout, before, found)
    propose(office, found, payout)
    for role, code in [("Operator", "second_person"), ("Third Operator", "maker_ends")]:
        with pytest.raises(Refused) as refused:
            confirm(office, found, role=role)
        assert refused.value.code == code
    unchanged(payout, [*before, "propose_end"], found)
    confirm(office, found)
    assert now(payout).status == PayoutStatus.BROADCAST


def test_b19_nobody_explains_away_what_a_payout_of_their_own_waits_for(office, approved):
    """Theirs would be paid at once, perhaps as the second: that is for two others to say."""
    found, before = made_there(office, approved), event_types(approved)
    theirs = [(office.person("Third Operator").pk, MakerRole.EDITED)]
    makers.add_makers(approved, theirs)

    with pytest.raises(Refused, match="two others"):
        propose(office, found, role="Third Operator")
    propose(office, found)
    with pytest.raises(Refused, match="two others"):
        confirm(office, found, role="Third Operator")
    unchanged(approved, before, found)

    makers.add_makers(approved, [(office.person("Operator").pk, MakerRole.EDITED)])
    with pytest.raises(Refused) as refused:  # who proposed it has a hand in one by now
        confirm(office, found)
    assert refused.value.code == "drafter_gone"
    unchanged(approved, before, found)


def test_g53_facts_that_changed_meanwhile_link_nothing(office, payout):
    found = made_there(office, payout)
    propose(office, found, payout)
    before = event_types(payout)
    finish(office, found, "paid")

    with pytest.raises(Refused) as refused:
        confirm(office, found)

    assert refused.value.code == "facts_changed"
    unchanged(payout, before, found)
    assert Discrepancy.objects.get(pk=found.pk).theirs["status"] == "paid"


def test_g53_a_payout_that_was_edited_meanwhile_is_not_linked(office, payout):
    found = made_there(office, payout)
    propose(office, found, payout)
    Payout.objects.filter(pk=payout.pk).update(amount=Decimal(6))
    before = event_types(payout)

    with pytest.raises(Refused):
        confirm(office, found)

    unchanged(payout, before, found)


@pytest.mark.parametrize(
    ("answer", "code"),
    [(NOT_FOUND, "facts_changed"), (Answer.json(500, {}), "unclear_answer")],
    ids=["not found", "unclear"],
)
def test_g53_heleket_is_asked_first(office, payout, answer, code):
    found, before = made_there(office, payout), event_types(payout)
    office.sandbox.handle = lambda *_: answer

    with pytest.raises(Refused) as refused:
        propose(office, found, payout)

    assert refused.value.code == code
    unchanged(payout, before, found)


def test_g53_the_database_refuses_to_count_a_call_of_what_was_linked(office, payout):
    from django.db import IntegrityError, transaction

    link(office, made_there(office, payout), payout)

    with pytest.raises(IntegrityError), transaction.atomic():
        Attempt.objects.update(calls=1)


def test_g53_its_webhooks_are_known_by_heleket_s_id(office, payout, client, settings):
    found = made_there(office, payout, order_id="invoice-7")
    link(office, found, payout)
    finish(office, found, "paid")
    later = office.clock() + HOUR
    Payout.objects.update(due_at=later)
    body = {"type": "payout", "uuid": found.key, "order_id": "invoice-7", "status": "paid"}

    signed = sign_webhook({**body, "is_final": True}, settings.HELEKET_API_KEY)
    client.post("/webhooks/heleket/", signed, content_type="application/json")

    assert now(payout).due_at < later
    assert DeskEvent.objects.filter(event_type="foreign").count() == 1  # that of the reading
    office.check()
    assert now(payout).status == PayoutStatus.CONFIRMED


# Approvals that are missing


def test_g53_what_was_linked_without_its_approvals_is_found_for_ever(office, payout, approved):
    link(office, made_there(office, payout), payout)
    link(office, made_there(office, approved), approved)

    found = list(links.findings())

    assert [name for name, _sentence in found] == [str(payout)]
    assert found[0][1] == "Linked without the approvals that the policy asks for: 0 of 1."
    finish_all(office)
    assert list(links.findings()) == found


def finish_all(office):
    for attempt in Attempt.objects.filter(is_linked=True):
        office.sandbox.force_status("paid", is_final=True, uuid=attempt.uuid)
    office.work(minutes=20)


# Explaining


def test_b19_what_is_none_of_ours_is_explained_by_two_people(office, payout):
    found = made_there(office, payout)

    explain_it(office, found)

    ended = Discrepancy.objects.get(pk=found.pk)
    assert (ended.outcome, ended.close_reason) == ("explained", "Asked the treasurer")
    assert (ended.proposed_by, ended.closed_by) == (
        office.person("Operator"),
        office.person("Second Operator"),
    )
    sealed = DeskEvent.objects.filter(event_type__in=["propose_end", "close_discrepancy"])
    kinds = sealed.order_by("number").values_list("event_type", "person")
    assert list(kinds) == [
        ("propose_end", ended.proposed_by_id),
        ("close_discrepancy", ended.closed_by_id),
    ]
    assert now(payout).status == PayoutStatus.PENDING


def test_b19_who_proposed_it_does_not_confirm_and_may_withdraw(office, payout):
    found = made_there(office, payout)
    propose(office, found)

    with pytest.raises(Refused):
        confirm(office, found, role="Operator")
    links.withdraw(endings.proposed(found), actor=someone(office, "Operator"))

    assert Discrepancy.objects.get(pk=found.pk).closed_at is None
    assert endings.proposed(found) is None


def test_b19_the_same_facts_never_open_it_again_and_others_do(office, payout):
    found = made_there(office, payout)
    explain_it(office, found)
    remote = office.sandbox.find_uuid(found.key)

    assert found_there(office, remote) is None
    remote.address = OTHER_ADDRESS
    assert found_there(office, remote).first_seen_at == found.first_seen_at


# What waits meanwhile


@pytest.mark.parametrize(
    "other",
    [{"amount": "50"}, {"address": OTHER_ADDRESS}],
    ids=["the address", "the coin and amount"],
)
def test_b19_a_request_like_it_waits_and_goes_on_by_itself(office, approved, other):
    found = made_there(office, approved, **other)

    office.work(minutes=12)

    waiting = now(approved)
    assert (waiting.status, waiting.waiting_for) == (PayoutStatus.APPROVED, "gateway")
    assert waiting.reason_code == "unknown_there"
    assert found.key in explain.explain(waiting).sentence
    assert event_types(approved).count("wait") == 1
    explain_it(office, found)
    office.submit()
    assert now(approved).status == PayoutStatus.BROADCAST
    assert len(office.creates()) == 1


def test_b19_another_request_does_not_wait(office, approved):
    made_there(office, approved, amount="50", address=OTHER_ADDRESS)

    office.submit()

    assert now(approved).status == PayoutStatus.BROADCAST


def test_b19_what_waits_can_be_held_cancelled_and_linked(office):
    wallet = WalletFactory()
    held, cancelled_one, linked = (
        PayoutFactory(status=PayoutStatus.APPROVED, wallet=wallet) for _ in range(3)
    )
    found = made_there(office, linked)
    office.work(minutes=6)

    assert office.act("HOLD", held, role="Approver", reason="Wait").done
    assert office.act("CANCEL", cancelled_one, role="Operator", reason="Not needed").done
    link(office, found, linked)

    statuses = [now(each).status for each in (held, cancelled_one, linked)]
    assert statuses == ["held", "cancelled", "broadcast"]
    assert office.creates() == []


def test_b19_a_repeat_waits_as_well(office, approved):
    office.sandbox.faults.add("drop")
    office.submit()
    found = made_there(office, approved)

    office.work(minutes=30)

    assert now(approved).status == PayoutStatus.SUBMITTING
    assert len(office.creates()) == 1
    explain_it(office, found)
    office.work(minutes=30)
    assert len(office.creates()) == 2
    assert now(approved).status == PayoutStatus.CONFIRMED


def test_b19_it_waits_as_long_as_one_of_them_stands(office, approved):
    first, second = made_there(office, approved), made_there(office, approved)
    office.work(minutes=6)

    explain_it(office, first)
    office.work(minutes=6)
    assert office.creates() == []
    explain_it(office, second)
    office.submit()

    assert len(office.creates()) == 1
