"""What somebody saw of a payout, and what has changed since."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db.models import prefetch_related_objects
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from audit.refusals import Refusal
from audit.texts import day_and_hour
from payouts.codes import PayoutCode
from payouts.models import EventType, Payout, PayoutEvent
from wallets.amounts import money
from wallets.coins import network_name

# The events that change what is paid or where it stands. Other people's approvals and the waits of
# the worker do not: they leave a page that was opened before them as true as it was.
CHANGES = {
    EventType.REQUEST: gettext_lazy("requested"),
    EventType.EDIT: gettext_lazy("changed"),
    EventType.HOLD: gettext_lazy("put on hold"),
    EventType.RELEASE: gettext_lazy("released"),
    EventType.SEND_BACK: gettext_lazy("sent back"),
    EventType.ANSWER: gettext_lazy("answered"),
    EventType.UNDO: gettext_lazy("approval undone"),
    EventType.VOID: gettext_lazy("approval void"),
    EventType.RETRY: gettext_lazy("tried again"),
}

# What people read on a page and the digest leaves out, each with a sentence of what it is now.
BESIDE = {
    "purpose": gettext_lazy("Its purpose is now “%s”."),
    "reference": gettext_lazy("Its reference is now “%s”."),
    "client": gettext_lazy("Its client is now called “%s”."),
    "category": gettext_lazy("Its category is now “%s”."),
}


@dataclass(frozen=True)
class Seen:
    """A payout as a page showed it: acts apply to exactly this or not at all.

    `shown` are hashes of what the digest leaves out, in the order of `BESIDE`; `event` is the
    number of its last event at that moment.
    """

    id: UUID
    digest: str
    shown: str = ""
    event: int = 0

    @property
    def token(self) -> str:
        return f"{self.id}:{self.digest}:{self.shown}:{self.event}"

    @classmethod
    def read(cls, token: str) -> "Seen | None":
        """Return what a token stands for; one that names no payout stands for nothing."""
        name, digest, shown, event = (*token.split(":"), "", "", "", "")[:4]
        is_number = event.isascii() and event.isdecimal() and len(event) < 10
        with suppress(ValueError):
            return cls(UUID(name), digest, shown, int(event) if is_number else 0)
        return None


def see(payouts: Iterable[Payout]) -> list[Seen]:
    payouts = list(payouts)
    prefetch_related_objects(payouts, "client")
    return [
        Seen(payout.pk, payout.digest(), shown(payout), payout.last_event) for payout in payouts
    ]


def shown(payout: Payout) -> str:
    facts = [str(getattr(payout, name)) for name in BESIDE]
    return ".".join(hashlib.sha256(fact.encode()).hexdigest()[:16] for fact in facts)


def stale(
    payouts: Sequence[Payout], seen: Mapping[UUID, Seen], *, digest_alone: bool = False
) -> dict[UUID, Refusal]:
    """Return a refusal for each that is no longer what was seen; needs locks to stay true.

    With `digest_alone` only other content counts.
    """
    changed = set() if digest_alone else changed_since(payouts, seen)
    return {
        payout.pk: Refusal(PayoutCode.CHANGED, changes=what_changed(payout, seen[payout.pk]))
        for payout in payouts
        if payout.digest() != seen[payout.pk].digest
        or (not digest_alone and is_news(payout, seen[payout.pk], changed))
    }


def is_news(payout: Payout, seen: Seen, changed: set[UUID]) -> bool:
    return payout.pk in changed or shown(payout) != seen.shown


def changed_since(payouts: Iterable[Payout], seen: Mapping[UUID, Seen]) -> set[UUID]:
    """Return those that an event changed since they were seen.

    One with fewer events than were seen is not what was seen either: the database is an older one.
    """
    with_news = {each.pk: each for each in payouts if each.last_event != seen[each.pk].event}
    if not with_news:
        return set()
    events = PayoutEvent.objects.filter(payout__in=list(with_news), event_type__in=CHANGES)
    changes = events.values_list("payout", "number")
    changed = {payout for payout, number in changes if number > seen[payout].event}
    older = {pk for pk, payout in with_news.items() if payout.last_event < seen[pk].event}
    return changed | older


def what_changed(payout: Payout, seen: Seen) -> str:
    """Say what changed, and what it is now."""
    events = payout.events.filter(event_type__in=CHANGES, number__gt=seen.event)
    since = list(events.order_by("number"))
    names = [(CHANGES[EventType(event.event_type)], event.why.sentence) for event in since]
    changes = [f"{name} ({reason})" if reason else str(name) for name, reason in names]
    sentences = [
        _("It changed since you looked: %s.") % ", ".join(changes)
        if changes
        else _("It changed since you looked."),
        *edits_since(payout, since),
        _("It is now %(money)s to %(address)s.")
        % {"money": money(payout.amount, payout.currency), "address": payout.address},
    ]
    facts = zip(BESIDE, shown(payout).split("."), seen.shown.split("."), strict=False)
    sentences += [
        BESIDE[name] % getattr(payout, name) for name, now, then in facts if then not in ("", now)
    ]
    return " ".join(sentences)


def edits_since(payout: Payout, events: Sequence[PayoutEvent]) -> list[str]:
    edits = [each for each in events if each.event_type == EventType.EDIT]
    changes = became(payout, edits)
    return [f"{'; '.join(changes.values())}."] if changes else []


def became(payout: Payout, edits: Sequence[PayoutEvent]) -> dict[str, str]:
    """Say what these edits together, in their order, made of what was there before, like
    “5 USDT → 6 USDT”, by the name of each fact: nothing, if that is as it was."""
    first = {name: fact for edit in reversed(edits) for name, fact in edit.facts.items()}
    if "old_network" in first:
        first["old_network"] = network_name(first["old_network"])
    if old := first.get("old_pay_from"):
        first["old_pay_from"] = day_and_hour(datetime.fromisoformat(old))
    now = {
        "old_money": payout.money,
        "old_network": network_name(payout.network),
        "old_address": payout.address,
        "old_memo": payout.memo,
        "old_purpose": payout.purpose,
        "old_reference": payout.reference,
        "old_category": payout.category,
        "old_pay_from": day_and_hour(payout.pay_from),
    }
    return {
        name: f"{first[name] or '—'} → {fact or '—'}"
        for name, fact in now.items()
        if first.get(name, fact) != fact
    }
