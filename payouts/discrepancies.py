"""Where Heleket and the desk differ: found, opened once, and the payout stopped."""

import json
import logging
from collections.abc import Mapping
from decimal import Decimal

import heleket
from audit import clock
from audit.codes import Reason
from payouts.models import Attempt, Discrepancy, EventType, Payout
from payouts.schedule import growing_wait, next_question
from payouts.settling import Case
from wallets.addresses import canonical
from wallets.amounts import format_amount

logger = logging.getLogger(__name__)

UNCLEAR_IS_STRANGE = 10  # the same words that say nothing

Kind = Discrepancy.Kind


def difference(attempt: Attempt, remote: heleket.RemotePayout) -> tuple[str, str] | None:
    """Return what was sent and what Heleket has, in words, if they are not the same payout.

    A member that Heleket leaves out is no difference, nor is another spelling.
    """
    sent = json.loads(attempt.body)
    network = sent["network"]
    differs = [
        name
        for name, ours, theirs in [
            ("order_id", attempt.order_id, remote.order_id),
            ("uuid", attempt.uuid, remote.uuid),
            ("currency", sent["currency"].upper(), remote.currency and remote.currency.upper()),
            ("network", network.lower(), remote.network and remote.network.lower()),
            ("amount", Decimal(sent["amount"]), remote.amount),
            ("address", sent["address"], remote.address and canonical(network, remote.address)),
        ]
        if ours is not None and theirs is not None and ours != theirs
    ]
    if not differs:
        return None
    ours = {name: attempt.uuid if name == "uuid" else sent.get(name) for name in differs}
    theirs = {name: getattr(remote, name) for name in [*differs, "status", "is_final"]}
    return in_words(ours), in_words(theirs)


def describe(remote: heleket.RemotePayout) -> str:
    names = ["uuid", "status", "is_final", "amount", "currency", "network", "address", "txid"]
    return in_words({name: getattr(remote, name) for name in names})


def in_words(facts: Mapping[str, object]) -> str:
    """Write facts down by their names, for people of any language."""
    known = {
        name: format_amount(fact) if isinstance(fact, Decimal) else fact
        for name, fact in facts.items()
        if fact is not None
    }
    return ", ".join(f"{name} {fact}" for name, fact in known.items())


def open_discrepancy(
    case: Case, kind: Kind, ours: str, theirs: str, *, critical: bool = False
) -> None:
    """Open one discrepancy, once, and stop the payout if it is not ended yet. What Heleket says
    otherwise later is added to it."""
    payout = case.payout
    if payout.is_ended and was_closed(kind, case.attempt.order_id, theirs):
        return
    known, is_new = Discrepancy.objects.get_or_create(
        kind=kind,
        key=case.attempt.order_id,
        closed_at=None,
        defaults={
            "payout": payout,
            "attempt": case.attempt,
            "is_critical": critical,
            "ours": ours,
            "theirs": theirs,
            "opened_at": clock.now(),
        },
    )
    if is_new:
        case.log_event(EventType.DISCREPANCY, Reason(kind), ours=ours, theirs=theirs)
        logger.critical("discrepancy at %s: %s; ours %s; theirs %s", payout, kind, ours, theirs)
    elif known.theirs != theirs:
        case.log_event(EventType.NEWS, theirs=theirs)
        Discrepancy.objects.filter(pk=known.pk).update(theirs=theirs)
    if not payout.is_ended:
        asks = payout.is_under_way
        payout.stop(due_at=next_question(payout, growing_wait(payout)) if asks else None)


def was_closed(kind: Kind, order_id: str, theirs: str) -> bool:
    """Whether a person has looked at just this already: of an ended payout it is shown once."""
    closed = Discrepancy.objects.filter(kind=kind, key=order_id, theirs=theirs)
    return closed.exclude(closed_at=None).exists()


def add_to_discrepancies(payout: Payout, remote: heleket.RemotePayout) -> None:
    Discrepancy.objects.filter(payout=payout, closed_at=None).update(theirs=describe(remote))


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
    open_discrepancy(case, Kind.UNCLEAR, in_words({"calls": times}), words)


def says_nothing(trouble: heleket.HeleketError) -> bool:
    if isinstance(trouble, heleket.RequestRejected):
        return trouble.kind in ("unknown", "payout")
    if not isinstance(trouble, heleket.OutcomeUnknown) or trouble.status_code is None:
        return False
    return trouble.status_code != 429 and trouble.status_code < 500
