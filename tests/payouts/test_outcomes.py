"""How discrepancies end: each kind, in each way, whatever Heleket says of it then."""

from datetime import timedelta
from decimal import Decimal

import pytest

from audit.actor import Actor, Channel
from audit.refusals import NotAllowed, Refused
from heleket.sandbox.records import Answer
from payouts import endings, explain, makers, outcomes
from payouts.admin import queues
from payouts.admin.moment import Moment
from payouts.client_sentences import sentence_for_client
from payouts.models import Attempt, Discrepancy, Payout, PayoutEvent, PayoutStatus
from payouts.staff.models import JointAct
from tests.factories import PayoutFactory
from tests.payouts.conftest import HOUR
from tests.payouts.rounds import event_types, now

pytestmark = pytest.mark.django_db

Kind, Outcome = Discrepancy.Kind, Discrepancy.Outcome
OTHER_ADDRESS = "TJRyWwFs9wTFGZg3JbrVriFbNfCug5tDeC"
UNCLEAR = Answer.json(409, {"error": "conflict"})
NOT_FOUND = Answer.json(422, {"state": 1, "message": "Payout not found"})


@pytest.fixture
def payout(office):
    return PayoutFactory(status=PayoutStatus.APPROVED)


# How each kind comes about


def different(office, payout):
    """Heleket has ten times the amount under our order id."""
    office.sandbox.set_fate("stuck")
    office.sandbox.add_foreign_payout(
        order_id=payout.order_id("test"), amount="50", address=payout.address
    )
    office.submit()


def uuid_taken(office, payout):
    """Both answers are lost; that of the other is taken for its own, and it was paid."""
    other = PayoutFactory(status=PayoutStatus.APPROVED)
    office.sandbox.set_fate("stuck")
    office.submit(limit=2)
    taken = Attempt.objects.get(payout=other).uuid
    mine = Attempt.objects.get(payout=payout)
    Payout.objects.filter(pk=payout.pk).update(status=PayoutStatus.SUBMITTING)
    Attempt.objects.filter(pk=mine.pk).update(uuid=None)
    office.sandbox.find(mine.order_id).uuid = taken
    office.ask_now()


def contradiction(office, payout):
    """It was paid, and now it was not."""
    office.submit()
    office.work(minutes=3)
    assert now(payout).status == PayoutStatus.CONFIRMED
    at_heleket(office, payout, "fail")
    Attempt.objects.update(watch_at=office.clock())
    office.work(minutes=1)


def found_late(office, payout):
    """Cancelled after the release time, and executed even later."""
    office.sandbox.faults.add("delayed")
    office.submit()
    office.act("CANCEL", payout, role="Operator", reason="Wrong client")
    office.work(hours=25, every=HOUR)
    office.sandbox.execute_held()
    office.work(days=1, every=HOUR)


def earlier(office, payout):
    """Its first try failed, it waits for approval again, and Heleket takes up the first one."""
    office.sandbox.set_fate("final_fail")
    office.submit()
    office.work(minutes=5)
    office.act("RETRY", payout, role="Third Operator", reason="Once more")
    office.approve(payout)
    at_heleket(office, payout, "process", is_final=False)
    office.submit()
    office.work(minutes=5)


def vanished(office, payout):
    office.sandbox.set_fate("stuck")
    office.submit()
    answers(office, NOT_FOUND)
    for _ in range(3):
        office.ask_now()


def unknown_word(office, payout):
    office.sandbox.set_fate("stuck")
    office.submit()
    at_heleket(office, payout, "refunded")
    office.ask_now()


def unclear(office, payout):
    office.sandbox.set_fate("stuck")
    office.submit()
    answers(office, UNCLEAR)
    for _ in range(10):
        office.ask_now()


KINDS = {
    Kind.DIFFERENT: different,
    Kind.UUID_TAKEN: uuid_taken,
    Kind.CONTRADICTION: contradiction,
    Kind.FOUND_LATE: found_late,
    Kind.EARLIER: earlier,
    Kind.VANISHED: vanished,
    Kind.UNKNOWN_WORD: unknown_word,
    Kind.UNCLEAR: unclear,
}


def answers(office, answer):
    """Have Heleket answer every question like this, or truly again with None."""
    true = getattr(office.sandbox, "true_handle", office.sandbox.handle)
    office.sandbox.true_handle = true
    office.sandbox.handle = true if answer is None else lambda *_: answer


def at_heleket(office, payout, status, *, is_final=True):
    order_id = payout.order_id("test")
    office.sandbox.force_status(status, is_final=is_final, order_id=order_id)


def open_one(office, payout, kind):
    KINDS[kind](office, payout)
    return Discrepancy.objects.open().get(kind=kind)


# What Heleket says when somebody ends it


def as_it_was(office, payout):
    pass


def paid(office, payout):
    answers(office, None)
    at_heleket(office, payout, "paid")


def failed(office, payout):
    answers(office, None)
    at_heleket(office, payout, "fail")


def silent(office, payout):
    answers(office, UNCLEAR)


def unknown_there(office, payout):
    """Heleket does not know it, and a day has passed since the last call."""
    answers(office, NOT_FOUND)
    office.clock.forward(hours=25)


SAYS = [as_it_was, paid, failed, silent, unknown_there]
YES_BUT_TWO = {
    # kind: by what Heleket says, the outcomes that it allows beside "left"
    Kind.DIFFERENT: {
        as_it_was: {"not_paid"},
        paid: {"as_heleket"},  # the client has ten times the amount
        failed: {"as_heleket", "not_paid"},
        unknown_there: {"explained", "not_paid"},
    },
    Kind.UUID_TAKEN: {
        as_it_was: {"not_paid"},
        paid: {"not_paid"},
        failed: {"as_heleket", "not_paid"},
        unknown_there: {"not_paid"},
    },
    Kind.CONTRADICTION: {
        as_it_was: {"as_heleket"},
        paid: {"as_heleket"},
        failed: {"as_heleket"},
        unknown_there: set(),
    },
    Kind.FOUND_LATE: {
        as_it_was: {"as_heleket"},
        paid: {"as_heleket"},
        failed: {"as_heleket"},
        unknown_there: set(),
    },
    Kind.EARLIER: {
        as_it_was: set(),
        paid: {"as_heleket"},
        failed: {"as_heleket"},
        unknown_there: set(),
    },
    Kind.VANISHED: {
        as_it_was: set(),
        paid: {"as_heleket", "explained"},
        failed: {"as_heleket", "explained", "not_paid"},
        unknown_there: {"not_paid"},
    },
    Kind.UNKNOWN_WORD: {
        as_it_was: set(),
        paid: {"as_heleket"},
        failed: {"as_heleket"},
        unknown_there: set(),
    },
    Kind.UNCLEAR: {
        as_it_was: set(),
        paid: {"as_heleket", "explained"},
        failed: {"as_heleket", "explained", "not_paid"},
        unknown_there: {"not_paid"},
    },
}


ASKED = {"due_at", "poll_count"}  # what a question changes by itself


def rows():
    models = (Payout, Discrepancy, JointAct, PayoutEvent)
    found = [row for model in models for row in model.objects.order_by("pk").values()]
    return [{name: row[name] for name in row.keys() - ASKED} for row in found]


@pytest.mark.parametrize("says", SAYS, ids=lambda says: says.__name__)
@pytest.mark.parametrize("kind", KINDS)
def test_g28_g51_each_kind_ends_as_heleket_s_answer_allows_and_in_no_other_way(
    unchecked_office, kind, says
):
    office = unchecked_office
    payout = PayoutFactory(status=PayoutStatus.APPROVED)
    found = open_one(office, payout, kind)
    says(office, payout)
    look_again(office, found)
    possible = YES_BUT_TWO[kind].get(says, set())
    for outcome in Outcome:
        if outcome == Outcome.LEFT or outcome in possible:
            continue
        before = rows()
        with pytest.raises(Refused):
            office.end(found, outcome, reopens_at=office.clock() + timedelta(days=1))
        assert rows() == before

    for outcome in sorted(possible):
        assert judge(office, found, outcome) is None
    office.end(found, Outcome.LEFT, reopens_at=office.clock() + timedelta(days=1))
    assert not Discrepancy.objects.open().exists()


def look_again(office, found):
    """Ask once, as the page would have by now, so that what is seen is what Heleket says."""
    endings.ask(found.pk, office.client, office.account)


def judge(office, found, outcome):
    """Return why it does not end like this, without ending it."""
    wish = outcomes.Wish(found.pk, Discrepancy.objects.get(pk=found.pk).facts, outcome, "Why")
    heard = endings.ask(found.pk, office.client, office.account)
    actor = Actor.staff(office.person("Operator"), Channel.ADMIN)
    try:
        with endings.judged(wish, heard, office.account, actor):
            return None
    except Refused as exc:
        return str(exc)


# What each outcome does


@pytest.mark.parametrize("kind", [Kind.UNKNOWN_WORD, Kind.VANISHED, Kind.UNCLEAR])
def test_g28_as_heleket_has_it_ends_a_payout_that_is_what_was_approved_as_paid(
    office, payout, kind
):
    found = open_one(office, payout, kind)
    paid(office, payout)
    look_again(office, found)

    office.end(found, Outcome.AS_HELEKET)

    ended = now(payout)
    assert (ended.status, ended.effective) == (PayoutStatus.CONFIRMED, "")
    stays_ended(office, payout)


def test_g28_as_heleket_has_it_ends_what_was_not_paid_as_approved_as_not_paid(office, payout):
    found = open_one(office, payout, Kind.DIFFERENT)
    paid(office, payout)
    look_again(office, found)

    office.end(found, Outcome.AS_HELEKET)

    ended = now(payout)
    assert (ended.status, ended.effective) == (PayoutStatus.FAILED, "paid")
    assert (ended.effective_amount, ended.effective_currency) == (Decimal(50), "USDT")
    assert ended.counts_as_paid
    assert not office.act("RETRY", payout, role="Third Operator", reason="Again").done
    assert now(payout).status == PayoutStatus.FAILED
    stays_ended(office, payout)


def test_g51_what_went_to_another_address_does_not_count_as_paid_and_is_not_paid_again(
    office, payout
):
    office.sandbox.add_foreign_payout(
        order_id=payout.order_id("test"), amount="5", address=OTHER_ADDRESS
    )
    office.submit()
    found = Discrepancy.objects.get()
    paid(office, payout)
    look_again(office, found)

    office.end(found, Outcome.AS_HELEKET)

    ended = now(payout)
    assert (ended.status, ended.effective) == (PayoutStatus.FAILED, "elsewhere")
    assert not ended.counts_as_paid
    outcome = office.act("RETRY", payout, role="Third Operator", reason="Again")
    assert outcome.code == "paid_after_all"


def test_b12_g51_a_paid_payout_that_heleket_fails_stays_paid_and_does_not_count(office, payout):
    found = open_one(office, payout, Kind.CONTRADICTION)
    said = explain.explain(now(payout)).sentence
    assert said.startswith("Paid, but Heleket now says fail: open discrepancy.")

    office.end(found, Outcome.AS_HELEKET)

    ended = now(payout)
    assert (ended.status, ended.effective) == (PayoutStatus.CONFIRMED, "not_paid")
    assert not ended.counts_as_paid
    assert "does not count as paid" in explain.explain(ended).sentence
    assert list(Payout.objects.counted_as_paid()) == []
    stays_ended(office, payout)


def test_g51_as_heleket_has_it_of_a_cancelled_payout_keeps_the_final_status(office, payout):
    found = open_one(office, payout, Kind.FOUND_LATE)
    events = event_types(payout)

    office.end(found, Outcome.AS_HELEKET)

    ended = now(payout)
    assert (ended.status, ended.effective) == (PayoutStatus.CANCELLED, "paid")
    assert event_types(payout) == [*events, "propose_end", "close_discrepancy"]
    assert "counts as paid" in explain.explain(ended).sentence
    stays_ended(office, payout)


def test_g28_an_earlier_try_that_was_paid_ends_the_payout_and_nothing_is_sent(office, payout):
    found = open_one(office, payout, Kind.EARLIER)
    paid(office, payout)
    look_again(office, found)

    office.end(found, Outcome.AS_HELEKET)

    ended = now(payout)
    assert (ended.status, ended.generation) == (PayoutStatus.CONFIRMED, 1)
    assert event_types(payout)[-3:] == ["close_discrepancy", "link", "confirm"]
    stays_ended(office, payout)
    assert office.sandbox.order_ids == [payout.order_id("test", 1)]


def test_g51_not_paid_ends_it_and_is_watched_and_what_heleket_pays_then_is_shown(office, payout):
    found = open_one(office, payout, Kind.DIFFERENT)
    office.end(found, Outcome.NOT_PAID)
    assert now(payout).status == PayoutStatus.FAILED
    assert Attempt.objects.get().watch_at
    stays_ended(office, payout)

    at_heleket(office, payout, "paid")
    office.work(days=2, every=6 * HOUR)

    again = Discrepancy.objects.open().get()
    assert again.first_seen_at == found.first_seen_at < again.opened_at
    assert now(payout).status == PayoutStatus.FAILED


def test_g28_explained_lets_the_payout_go_on(office, payout):
    found = open_one(office, payout, Kind.VANISHED)
    answers(office, None)
    look_again(office, found)
    assert not outcomes.takes_two(found, Outcome.EXPLAINED)

    office.end(found, Outcome.EXPLAINED)

    ended = Discrepancy.objects.get()
    assert (ended.proposed_by, ended.outcome) == (None, "explained")
    at_heleket(office, payout, "paid")
    office.work(minutes=5)
    assert now(payout).status == PayoutStatus.CONFIRMED


@pytest.mark.parametrize("kind", [Kind.VANISHED, Kind.UNCLEAR])
def test_g28_what_vanished_at_heleket_is_not_tried_again_under_the_same_number(
    office, payout, kind
):
    """Heleket would be asked about the first try for ever, as it knew it once."""
    found = open_one(office, payout, kind)
    answers(office, NOT_FOUND)
    office.work(hours=25, every=HOUR)
    look_again(office, found)
    office.end(found, Outcome.NOT_PAID)
    before = rows()

    refused = office.act("RETRY", payout, role="Third Operator", reason="Once more")

    assert refused.code == "try_vanished"
    assert rows() == before
    who = explain.explain(now(payout)).who
    assert who == "A requester can request it again; it cannot be retried."


def test_g28_what_is_left_stopped_stays_so_and_opens_again_on_its_day(office, payout):
    found = open_one(office, payout, Kind.DIFFERENT)
    day = office.clock() + timedelta(days=7)

    office.end(found, Outcome.LEFT, reopens_at=day)

    assert "left stopped" in explain.explain(now(payout)).sentence
    office.work(days=6, every=6 * HOUR)
    assert endings.reopen_due(office.clock()) == 0
    assert not Discrepancy.objects.open().exists()
    assert now(payout).waiting_for == "discrepancy"
    assert not office.act("CANCEL", payout, role="Third Operator", reason="No").done

    office.clock.time = day
    assert endings.reopen_due(day) == 1
    again = Discrepancy.objects.open().get()
    assert (again.first_seen_at, again.theirs) == (found.first_seen_at, found.theirs)
    assert endings.reopen_due(day) == 0


def test_g28_other_facts_open_what_was_left_stopped_before_its_day(office, payout):
    found = open_one(office, payout, Kind.DIFFERENT)
    office.end(found, Outcome.LEFT, reopens_at=office.clock() + timedelta(days=90))

    at_heleket(office, payout, "paid")
    office.work(days=1)

    again = Discrepancy.objects.open().get()
    assert again.theirs["status"] == "paid"
    assert not Discrepancy.objects.exclude(reopens_at=None).exists()


def test_b12_what_is_left_stopped_of_a_paid_payout_is_claimed_neither_paid_nor_not(office, payout):
    found = open_one(office, payout, Kind.CONTRADICTION)
    reviewed = sentence_for_client(now(payout))
    assert "being reviewed" in reviewed

    office.end(found, Outcome.LEFT, reopens_at=office.clock() + timedelta(days=30))

    explained = explain.explain(now(payout))
    assert sentence_for_client(now(payout)) == reviewed
    assert explained.waiting_for == "discrepancy"
    assert explained.sentence == (
        "Paid, but Heleket now says fail. It was left stopped until 1 Apr 2026 by "
        f"{office.person('Second Operator')}: Asked support"
    )
    assert explained.who == "An operator looks at it again then."


def test_b12_a_failed_payout_whose_discrepancy_is_left_stopped_is_not_offered_for_another_try(
    office, payout
):
    office.sandbox.set_fate("final_fail")
    office.submit()
    office.work(minutes=5)
    assert "can retry" in explain.explain(now(payout)).who
    at_heleket(office, payout, "paid")
    Attempt.objects.update(watch_at=office.clock())
    office.work(minutes=1)

    found = Discrepancy.objects.open().get()
    office.end(found, Outcome.LEFT, reopens_at=office.clock() + timedelta(days=30))

    assert explain.explain(now(payout)).who == "An operator looks at it again then."


def test_an_open_discrepancy_stands_before_one_of_the_same_payout_that_was_left(unchecked_office):
    office, payout = unchecked_office, PayoutFactory(status=PayoutStatus.APPROVED)
    found = open_one(office, payout, Kind.UNCLEAR)
    office.end(found, Outcome.LEFT, reopens_at=office.clock() + timedelta(days=30))
    answers(office, None)
    office.sandbox.find(payout.order_id("test")).amount = Decimal(50)
    office.ask_now()
    assert Discrepancy.objects.open().get().kind == Kind.DIFFERENT

    assert "Heleket and the desk differ" in explain.explain(now(payout)).sentence
    for rows in (queues.differing, queues.stuck):
        assert list(rows(Payout.objects.all(), office.person("Operator"), Moment())) == [payout]


def stays_ended(office, payout):
    """The same facts never open it again, however often Heleket is asked."""
    status = now(payout).status
    for _ in range(3):
        Attempt.objects.update(watch_at=office.clock())
        office.work(hours=1)
    assert not Discrepancy.objects.open().exists()
    assert now(payout).status == status


# Two people, on the same facts


def wish(found, outcome=Outcome.NOT_PAID, **more):
    return outcomes.Wish(found.pk, found.facts, outcome, "Asked support", **more)


def test_an_outcome_takes_two_people_who_are_named(office, payout):
    found = open_one(office, payout, Kind.DIFFERENT)
    first, second = (office.person(name) for name in ("Operator", "Second Operator"))
    by = {"actor": Actor.staff(first, Channel.ADMIN)}

    endings.end_or_propose(wish(found), office.client, office.account, **by)

    joint, before = endings.proposed(found), rows()
    with pytest.raises(Refused, match="another person"):
        endings.confirm(joint, found.facts, office.client, office.account, **by)
    assert rows() == before
    assert now(payout).status == PayoutStatus.SUBMITTING

    by = {"actor": Actor.staff(second, Channel.ADMIN)}
    endings.confirm(joint, found.facts, office.client, office.account, **by)

    ended = Discrepancy.objects.get()
    assert (ended.proposed_by, ended.closed_by) == (first, second)
    sealed = PayoutEvent.objects.get(event_type="close_discrepancy")
    assert (sealed.person, sealed.facts["proposed_by"]) == (second, str(first.pk))
    with pytest.raises(Refused, match="ended already"):
        endings.confirm(joint, found.facts, office.client, office.account, **by)


def test_g51_a_maker_neither_proposes_nor_confirms_and_the_right_is_needed(office, payout):
    found = open_one(office, payout, Kind.DIFFERENT)
    maker = payout.requested_by
    maker.groups.set(office.person("Operator").groups.all())
    before = rows()
    for person, refusal in [(maker, Refused), (office.person("Auditor"), NotAllowed)]:
        actor = Actor.staff(person, Channel.ADMIN)
        with pytest.raises(refusal):
            endings.end_or_propose(wish(found), office.client, office.account, actor=actor)
    assert rows() == before


def test_g51_facts_that_changed_since_they_were_seen_end_nothing(office, payout):
    found = open_one(office, payout, Kind.DIFFERENT)
    first, second = (
        Actor.staff(office.person(name), Channel.ADMIN) for name in ("Operator", "Second Operator")
    )
    endings.end_or_propose(wish(found), office.client, office.account, actor=first)
    joint = endings.proposed(found)
    at_heleket(office, payout, "fail")

    with pytest.raises(Refused, match="facts have changed"):
        endings.confirm(joint, found.facts, office.client, office.account, actor=second)

    seen = Discrepancy.objects.get()
    assert seen.closed_at is None
    assert seen.theirs["status"] == "fail"
    assert now(payout).status == PayoutStatus.SUBMITTING
    with pytest.raises(Refused, match="facts have changed"):
        endings.confirm(joint, seen.facts, office.client, office.account, actor=second)
    endings.end_or_propose(
        wish(seen, Outcome.AS_HELEKET), office.client, office.account, actor=second
    )
    assert JointAct.objects.get(pk=joint.pk).ending == "outdated"


def test_a_proposal_can_be_withdrawn(office, payout):
    found = open_one(office, payout, Kind.DIFFERENT)
    actor = Actor.staff(office.person("Operator"), Channel.ADMIN)
    endings.end_or_propose(wish(found), office.client, office.account, actor=actor)

    endings.withdraw(endings.proposed(found), actor=actor)

    assert endings.proposed(found) is None
    assert event_types(payout)[-2:] == ["propose_end", "withdraw_end"]
    assert Discrepancy.objects.get().closed_at is None


@pytest.mark.parametrize("change", ["disabled", "without_roles", "maker"])
def test_g51_who_proposed_it_is_looked_at_again_when_it_is_confirmed(office, payout, change):
    found = open_one(office, payout, Kind.DIFFERENT)
    first, second = (office.person(name) for name in ("Operator", "Second Operator"))
    by = {"actor": Actor.staff(first, Channel.ADMIN)}
    endings.end_or_propose(wish(found), office.client, office.account, **by)
    if change == "disabled":
        type(first).objects.filter(pk=first.pk).update(is_active=False)
    elif change == "without_roles":
        first.groups.clear()
    else:
        makers.add_makers(payout, [(first.pk, "retried")])
    joint, before = endings.proposed(found), rows()

    by = {"actor": Actor.staff(second, Channel.ADMIN)}
    with pytest.raises(Refused, match="proposed anew"):
        endings.confirm(joint, found.facts, office.client, office.account, **by)

    assert rows() == before


def test_a_proposal_is_over_once_its_discrepancy_has_ended_otherwise(office, payout):
    found = open_one(office, payout, Kind.VANISHED)
    answers(office, None)
    look_again(office, found)
    seen = Discrepancy.objects.get()
    actor = Actor.staff(office.person("Operator"), Channel.ADMIN)
    day = office.clock() + timedelta(days=3)
    left = wish(seen, Outcome.LEFT, reopens_at=day)
    endings.end_or_propose(left, office.client, office.account, actor=actor)

    actor = Actor.staff(office.person("Second Operator"), Channel.ADMIN)
    explained = wish(seen, Outcome.EXPLAINED)
    endings.end_or_propose(explained, office.client, office.account, actor=actor)

    assert JointAct.objects.get().ending == "outdated"


def test_nothing_is_left_stopped_for_ever(office, payout):
    found = open_one(office, payout, Kind.DIFFERENT)
    before = rows()
    with pytest.raises(Refused, match="within 92 days"):
        office.end(found, Outcome.LEFT, reopens_at=office.clock() + timedelta(days=93))
    assert rows() == before
