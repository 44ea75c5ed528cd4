"""The heads of the logs of all events, sealed once a day and mailed to the auditors.

Whoever keeps one mail can find later, without the desk's keys, whether any event from before it was
changed, taken out or put in: of a payout, of a wallet, or of the desk.
"""

import hashlib
import logging
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.contrib.auth.models import User
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
from payouts.books.cuts import cut
from payouts.books.logs import LOGS, events, grown, line_of
from payouts.staff import links

logger = logging.getLogger(__name__)

AUDITOR = "Auditor"


def heads(last: DeskEvent | None) -> dict[str, object]:
    """Return the heads of all logs, built on the last ones that were sealed. In no transaction of
    the caller's."""
    before = last.facts if last else {}
    facts: dict[str, object] = {}
    for name, model in LOGS.items():
        after, upto = int(before.get(f"{name}_cut", 0)), cut(model)
        tree = grown(name, before.get(f"{name}_peaks", ""), after, upto)
        facts |= {
            f"{name}_cut": upto,
            f"{name}_count": tree.count,
            f"{name}_root": tree.root,
            f"{name}_peaks": tree.peaks,
        }
    return facts


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
    log_event(DeskEvent.Type.HEADS, actor=worker(), **heads(last_sealed()))
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
    counts = ", ".join(f"{name} {sealed.facts[f'{name}_count']}" for name in LOGS)
    return _(
        "Head: %(head)s\n\nIt stands for all events of the payout desk that were stored on "
        "%(day)s (%(counts)s), and is event %(number)d of the desk.\n\nKeep this mail where the "
        "desk cannot reach it. When the month is closed, “python3 verify_month.py FILE --head "
        "%(head)s” says whether what lies in its file is what was stored on this day."
    ) % {
        "head": digest_of(sealed),
        "day": sealed.at.date(),
        "counts": counts,
        "number": sealed.number,
    }


# Later


def check(_show: Show) -> Iterator[Finding]:
    """All heads that were sealed follow from the events that are stored now."""
    sealed = list(DeskEvent.objects.filter(event_type=DeskEvent.Type.HEADS).order_by("number"))
    for name in LOGS:
        if differing := first_differing(name, sealed):
            yield Finding(
                "head_differs",
                f"{DeskEvent._meta.label} {differing.pk}",
                _(
                    "The events of %(name)s that were stored on %(day)s are not those that were "
                    "sealed and mailed then."
                )
                % {"day": differing.at.date(), "name": name},
            )


def first_differing(name: str, sealed: Sequence[DeskEvent]) -> DeskEvent | None:
    tree, after = Tree(), 0
    for each in sealed:
        upto = int(each.facts[f"{name}_cut"])
        for record in events(name, after, upto):
            tree.add(line_of(record))
        if tree.root != each.facts[f"{name}_root"]:
            return each
        after = upto
    return None
