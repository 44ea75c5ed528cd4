"""The heads of all chains, sealed once a day and mailed to the auditors.

Each payout and each wallet has a chain of its own: a Merkle root over the last link of each stands
for all of them. Whoever keeps one mail can find later whether anything from before it was changed.
"""

import hashlib
import json
import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import rfc8785
from django.conf import settings
from django.contrib.auth.models import User
from django.db.models import Model
from django.utils.translation import gettext as _

from audit import clock
from audit.actor import Actor, Channel
from audit.codes import Reason
from audit.events import log_event
from audit.jobs import Claimed, Job
from audit.merkle import Tree
from audit.models import DeskEvent
from audit.refusals import Refused
from audit.verifying import Finding, Show
from payouts.books.cuts import Link, cut, last_links
from payouts.models import PayoutEvent
from payouts.staff import links
from wallets.models import WalletEvent

logger = logging.getLogger(__name__)

AUDITOR = "Auditor"
CHAINS: Mapping[str, tuple[type[Model], str]] = {
    "payouts": (PayoutEvent, "payout"),
    "wallets": (WalletEvent, "wallet"),
}


@dataclass(frozen=True)
class Root:
    """What the chains of one kind come to: how many there are, and the root over their ends."""

    count: int
    root: str


def record(link: Link) -> bytes:
    """Write the end of a chain as a leaf of the tree."""
    row, number, sealed = link
    return rfc8785.dumps([row if isinstance(row, int) else str(row), number, sealed])


def root_of(name: str, upto: int) -> Root:
    tree = Tree()
    for link in last_links(*CHAINS[name], upto):
        tree.add(record(link))
    return Root(tree.count, tree.root)


def end_of_desk(upto: int | None = None) -> list[Any]:
    """Return number and hash of the desk's last event, up to an id."""
    events = DeskEvent.objects.order_by("-number")
    if upto is not None:
        events = events.filter(pk__lte=upto)
    last = events.values_list("number", "hash").first()
    return list(last or (0, ""))


def heads() -> dict[str, object]:
    """Return the heads of all chains, as an event seals them. In no transaction of the caller's."""
    facts: dict[str, object] = {}
    for name, (model, _owner) in CHAINS.items():
        upto = cut(model)
        found = root_of(name, upto)
        facts |= {f"{name}_cut": upto, f"{name}_count": found.count, f"{name}_root": found.root}
    number, sealed = end_of_desk()
    return facts | {"desk_number": number, "desk_hash": sealed}


def digest_of(event: DeskEvent) -> str:
    """What an auditor keeps of a day: one line that stands for the heads of all chains."""
    return hashlib.sha256(event.data.encode()).hexdigest()


def last_sealed() -> DeskEvent | None:
    found = DeskEvent.objects.filter(event_type=DeskEvent.Type.HEADS)
    return found.order_by("-number").first()


# Once a day


class SealHeads(Job):
    """Calls nobody: what is to be done takes the database, so it is done where it is recorded."""

    name = "seal_heads"
    every = timedelta(hours=1)  # to be once a day, soon after it begins

    def __init__(self, _client: Any, _account: Any, _threads: int) -> None:
        self.threads = 1

    def claim(self, _limit: int) -> Claimed[datetime]:
        last, now = last_sealed(), clock.now()
        return Claimed([] if last and last.at.date() >= now.date() else [now])

    def call(self, now: datetime) -> datetime:
        return now

    def record(self, moments: Sequence[datetime]) -> None:
        if moments:
            mail(seal())


def seal() -> DeskEvent:
    log_event(DeskEvent.Type.HEADS, actor=Actor.system(Channel.WORKER), **heads())
    sealed = last_sealed()
    assert sealed is not None  # noqa: S101  # just written
    return sealed


def mail(sealed: DeskEvent) -> None:
    """Mail the heads to the auditors, and log who was mailed, or why nobody was."""
    found = User.objects.filter(groups__name=AUDITOR, is_active=True).exclude(email="")
    addresses = sorted(set(found.values_list("email", flat=True)))
    trouble = why_not(addresses)
    if not trouble:
        try:
            links.post(
                addresses, _("Heads of the payout desk, %s") % sealed.at.date(), text(sealed)
            )
        except Refused as exc:
            trouble = str(exc)
    number = {"heads": sealed.number}
    if trouble:
        logger.warning("the daily heads were not mailed: %s", trouble)
        reason = Reason(words=trouble)
        log_event(DeskEvent.Type.HEADS_UNMAILED, reason, actor=worker(), **number)
    else:
        log_event(DeskEvent.Type.MAIL_HEADS, actor=worker(), to=", ".join(addresses), **number)


def worker() -> Actor:
    return Actor.system(Channel.WORKER)


def why_not(addresses: Sequence[str]) -> str:
    if not settings.SENDS_MAIL:
        return _("This desk sends no mail: EMAIL_URL is not set.")
    if not addresses:
        return _("Nobody in the role “Auditor” has an e-mail address.")
    return ""


def text(sealed: DeskEvent) -> str:
    return _(
        "The heads of all chains of events of the payout desk, event %(number)d of the desk:\n\n"
        "%(data)s\n\nHead: %(head)s\n\nKeep this mail where the desk cannot reach it. When the "
        "month is closed, “python3 verify_month.py FILE --head %(head)s” says whether what stands "
        "in its file is what stood here on this day."
    ) % {"number": sealed.number, "data": sealed.data, "head": digest_of(sealed)}


# Later


def check(_show: Show) -> Iterator[Finding]:
    """The last daily heads follow from what is stored now: nothing from before them was changed,
    and no chain was taken out."""
    sealed = last_sealed()
    if sealed is None:
        return
    facts = json.loads(sealed.data)
    for name in CHAINS:
        found = root_of(name, int(facts[f"{name}_cut"]))
        if (str(found.count), found.root) != (facts[f"{name}_count"], facts[f"{name}_root"]):
            yield Finding(
                "head_differs",
                f"{DeskEvent._meta.label} {sealed.pk}",
                _(
                    "The heads of %(day)s name %(sealed)s chains of %(name)s, and those that are "
                    "stored, %(found)d, do not come to them."
                )
                % {
                    "day": sealed.at.date(),
                    "sealed": facts[f"{name}_count"],
                    "name": name,
                    "found": found.count,
                },
            )
