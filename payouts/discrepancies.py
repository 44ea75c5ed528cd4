"""Where Heleket and the desk differ: found, opened once, and the payout stopped."""

import json
import logging
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db.models import Q

import heleket
from audit import clock
from audit.actor import Actor
from audit.codes import Reason
from audit.events import log_event
from audit.models import DeskEvent
from payouts import guard
from payouts.models import Attempt, Discrepancy, Effective, EventType, Payout
from payouts.models.discrepancy import IS_STANDING
from payouts.schedule import WATCH_FOR, growing_wait, next_question
from payouts.settling import Case
from wallets.addresses import canonical
from wallets.amounts import format_amount

logger = logging.getLogger(__name__)

UNCLEAR_IS_STRANGE = 10  # the same words that say nothing
DESTINATION = ("currency", "network", "address")
MEMBERS = ("order_id", "uuid", "status", "is_final", "amount", *DESTINATION, "txid")
NOT_FOUND = {"status": "not found"}

Kind = Discrepancy.Kind
AS_HELEKET, NOT_PAID = Discrepancy.Outcome.AS_HELEKET, Discrepancy.Outcome.NOT_PAID
Facts = Mapping[str, Any]  # what one side has, by the names of Heleket's members


def difference(attempt: Attempt, remote: heleket.RemotePayout) -> list[str]:
    """Name what Heleket has otherwise than it was sent: then it is not the same payout.

    A member that Heleket leaves out is no difference, nor is another spelling.
    """
    sent = json.loads(attempt.body)
    network = sent["network"]
    return [
        name
        for name, ours, theirs in [
            ("order_id", None if attempt.is_linked else attempt.order_id, remote.order_id),
            ("uuid", attempt.uuid, remote.uuid),
            ("currency", sent["currency"].upper(), remote.currency and remote.currency.upper()),
            ("network", network.lower(), remote.network and remote.network.lower()),
            ("amount", Decimal(sent["amount"]), remote.amount),
            ("address", sent["address"], remote.address and canonical(network, remote.address)),
        ]
        if ours is not None and theirs is not None and ours != theirs
    ]


def what_was_sent(case: Case) -> Facts:
    """Return what the desk has of a try, with the payout's own status."""
    sent = json.loads(case.attempt.body)
    facts = {name: sent.get(name) for name in ("order_id", "amount", *DESTINATION)}
    facts["amount"] = Decimal(sent["amount"])
    return known({**facts, "uuid": case.attempt.uuid, "status": case.payout.status})


def describe(remote: heleket.RemotePayout) -> Facts:
    facts = {name: getattr(remote, name) for name in MEMBERS}
    facts["network"] = remote.network and remote.network.lower()
    return known(facts)


def known(facts: Facts) -> Facts:
    """Leave out what is not known, and write amounts as the desk does."""
    return {
        name: format_amount(fact) if isinstance(fact, Decimal) else fact
        for name, fact in facts.items()
        if fact is not None
    }


def in_words(facts: Facts) -> str:
    """Write facts down by their names, for people of any language."""
    return ", ".join(f"{name} {fact}" for name, fact in facts.items())


def open_discrepancy(
    case: Case, kind: Kind, theirs: Facts, ours: Facts | None = None, *, critical: bool = False
) -> None:
    """Open one discrepancy, once, and stop the payout if it is not ended yet.

    What Heleket says otherwise later is added to it. What people ended last never opens again on
    the same facts; on others it does, and is as old as it was.
    """
    key, ours = case.attempt.order_id, ours or what_was_sent(case)
    of_kind = Discrepancy.objects.filter(kind=kind, key=key).order_by("pk")
    found = next((each for each in of_kind if each.closed_at is None), None)
    if found:
        add_facts(case, found, theirs)
    elif not (ended := list(of_kind)) or not agree(ended[-1].theirs, theirs):
        log_opening(case, kind, ours, theirs)
        now, first = clock.now(), ended[0] if ended else None
        Discrepancy.objects.create(
            kind=kind,
            key=key,
            payout=case.payout,
            attempt=case.attempt,
            is_critical=critical,
            ours=ours,
            theirs=theirs,
            first_seen_at=first.first_seen_at if first else now,
            opened_at=now,
        )
        of_kind.update(reopens_at=None)  # what was left until a day is open again
    if not case.payout.is_ended and stands(case.payout):
        stop(case.payout)


def open_foreign(remote: heleket.RemotePayout, *, actor: Actor) -> Discrepancy | None:
    """Open a discrepancy about a payout of Heleket's that is none of ours, once, and return it if
    it was not there. In a transaction; who calls has seen that no try of ours has its id.

    One that people have ended opens again only if Heleket's payout is another one than they saw, or
    has not ended as they saw it.
    """
    theirs = describe(remote)
    if remote.created_at:  # to whose day of the books it belongs
        theirs = {**theirs, "created_at": remote.created_at.isoformat()}
    DeskEvent.objects.lock_chain()  # whoever finds it at the same moment waits, and then finds this
    of_uuid = Discrepancy.objects.filter(kind=Kind.FOREIGN, key=remote.uuid).order_by("-pk")
    last = of_uuid.first()
    if last and last.closed_at is None:
        if not agree(last.theirs, theirs) or not theirs.keys() <= last.theirs.keys():
            Discrepancy.objects.filter(pk=last.pk).update(theirs={**last.theirs, **theirs})
        return None
    if last and agree(as_ended(last.theirs), theirs):
        return None
    now = clock.now()
    found = Discrepancy.objects.create(
        kind=Kind.FOREIGN,
        key=remote.uuid,
        is_critical=True,
        theirs=theirs,
        first_seen_at=last.first_seen_at if last else now,
        opened_at=now,
    )
    logger.critical("Heleket has a payout that is none of ours: %s", in_words(theirs))
    log_event(DeskEvent.Type.FOREIGN, actor=actor, **theirs)
    guard.look_after_commit()
    return found


def as_ended(theirs: Facts) -> Facts:
    """Leave out what is yet to come of a payout that Heleket had not ended when people saw it."""
    passing = () if theirs.get("is_final") else ("status", "is_final", "txid")
    return {name: fact for name, fact in theirs.items() if name not in passing}


def stands(payout: Payout) -> bool:
    return Discrepancy.objects.standing().filter(payout=payout).exists()


def stop(payout: Payout) -> None:
    asks = payout.is_under_way
    payout.stop(due_at=next_question(payout, growing_wait(payout)) if asks else None)


def was_taken_for_unpaid(case: Case, theirs: Facts) -> bool:
    """Whether people have ended just this: another payout under our order id, so that ours is none
    of Heleket's."""
    ended = Discrepancy.objects.filter(
        attempt=case.attempt, outcome=Discrepancy.Outcome.NOT_PAID, reopens_at=None
    )
    return any(agree(each.theirs, theirs) for each in ended)


def in_doubt(payouts: Iterable[Payout], doubtful: Sequence[Discrepancy]) -> set[UUID]:
    """Return those in whose stead one of the doubtful ones may be paid."""
    return {each.pk for each in payouts if any(are_alike(each, other) for other in doubtful)}


def doubtful_ones(payouts: Sequence[Payout]) -> list[Discrepancy]:
    """Return the discrepancies of these clients whose payouts may be paid, or were, though their
    status says otherwise: a like one would be the second.

    What people took for not paid counts for a month, by its sum and by its address; what Heleket
    and the desk differ about, or Heleket paid after all, by its sum. With them come the payouts at
    Heleket of which nobody has said yet what they are: `foreign` compares with those.
    """
    of_clients = Q(payout__client__in={each.client_id for each in payouts})
    past = Discrepancy.objects.filter(of_clients | Q(kind=Kind.FOREIGN, closed_at=None))
    not_long_ago = Q(closed_at__gt=clock.now() - WATCH_FOR)
    was_paid = Q(outcome=AS_HELEKET, payout__effective__in=[Effective.PAID, Effective.ELSEWHERE])
    doubtful = IS_STANDING | (not_long_ago & (Q(outcome=NOT_PAID) | was_paid))
    return list(past.filter(doubtful).select_related("payout", "attempt").order_by("-pk"))


def are_alike(payout: Payout, found: Discrepancy) -> bool:
    """Compare with what was sent as well: the payout may have been edited since."""
    other = found.payout
    is_itself = other is not None and other.pk == payout.pk
    if other is None or other.client_id != payout.client_id:
        return False
    if is_itself and found.outcome != NOT_PAID:
        return False  # it is stopped, or has ended
    sent = json.loads(found.attempt.body) if found.attempt else {}
    sums, places = [(other.currency, other.amount)], [(other.network, other.address)]
    if sent:
        sums.append((sent["currency"], Decimal(sent["amount"])))
        places.append((sent["network"], sent["address"]))
    if {"currency", "amount"} <= found.theirs.keys():  # which may have been paid in its stead
        sums.append((found.theirs["currency"], Decimal(found.theirs["amount"])))
    is_same_place = found.outcome == NOT_PAID and (payout.network, payout.address) in places
    return (payout.currency, payout.amount) in sums or is_same_place


def log_opening(case: Case, kind: str, ours: Facts, theirs: Facts) -> None:
    sides = {"ours": in_words(ours), "theirs": in_words(theirs)}
    case.log_event(EventType.DISCREPANCY, Reason(kind), **sides)
    logger.critical("discrepancy at %s: %s; %s", case.payout, kind, sides)


def agree(some: Facts, others: Facts) -> bool:
    """Whether two answers say the same, as far as both say something."""
    return all(some[name] == others[name] for name in some.keys() & others.keys())


def add_facts(case: Case, found: Discrepancy, theirs: Facts) -> bool:
    """Keep what Heleket says now, and tell whether that is something else than before. An answer
    with fewer members takes none away."""
    is_news = not agree(found.theirs, theirs)
    if is_news:
        case.log_event(EventType.NEWS, theirs=in_words(theirs))
    if is_news or not theirs.keys() <= found.theirs.keys():
        found.theirs = {**found.theirs, **theirs} if "uuid" in theirs else dict(theirs)
        Discrepancy.objects.filter(pk=found.pk).update(theirs=found.theirs)
    return is_news


def note(case: Case, theirs: Facts) -> bool:
    """Add what Heleket says now of a payout that is stopped, and tell whether that is news. What
    was left until a day opens again with it."""
    is_news = False
    for found in Discrepancy.objects.standing().filter(attempt=case.attempt).order_by("pk"):
        if found.closed_at is None:
            is_news |= add_facts(case, found, theirs)
        elif not agree(found.theirs, theirs):
            open_discrepancy(case, Kind(found.kind), theirs, critical=found.is_critical)
            is_news = True
    return is_news


def count_unclear(case: Case, trouble: heleket.HeleketError) -> None:
    """Stop the payout once the same words that say nothing of it have come again and again.

    An outage is none of that: it passes, and its pause shows how long it lasts.
    """
    if not says_nothing(trouble):
        return
    words = f"HTTP {trouble.status_code}: {trouble.message}"
    heard = case.attempt.unclear
    times = heard.get(words, 0) + 1
    if times < UNCLEAR_IS_STRANGE:
        kept = dict(list(heard.items())[-UNCLEAR_IS_STRANGE:])
        case.attempt.unclear = {**kept, words: times}
        return
    case.attempt.unclear = {}
    open_discrepancy(case, Kind.UNCLEAR, {"status": words})


def says_nothing(trouble: heleket.HeleketError) -> bool:
    if isinstance(trouble, heleket.RequestRejected):
        return trouble.kind in ("unknown", "payout")
    if not isinstance(trouble, heleket.OutcomeUnknown) or trouble.status_code is None:
        return False
    return trouble.status_code != 429 and trouble.status_code < 500
