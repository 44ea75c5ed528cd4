"""Everything that one person did, in time, out of all sealed events."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.contrib.auth.models import User
from django.db.models import QuerySet
from django.urls import reverse
from django.utils.translation import gettext as _

from audit.models import DeskEvent
from payouts.admin import details
from payouts.models import PayoutEvent
from payouts.models.choices import label_of
from wallets.models import WalletEvent

SHOWN = 100
ENDS = ("", "", "")


@dataclass(frozen=True)
class Deed:
    at: datetime
    about: str
    url: str
    title: str
    way: str
    why: str
    facts: Sequence[tuple[str, str]]
    login: str
    which: int  # which of the chains it stands in
    pk: int


def of(person: User, cursor: str) -> tuple[list[Deed], str]:
    """Return the newest that a person did behind the cursor, and the cursor behind these; it is
    empty at the end. Rows are numbered as they are added, so that each chain is read by its key."""
    begins = read(cursor)
    payouts = PayoutEvent.objects.select_related("payout", "person")
    walleted = WalletEvent.objects.select_related("wallet", "person")
    desk = DeskEvent.objects.select_related("person")
    found: list[Deed] = []
    sources: list[tuple[QuerySet[Any], Any]] = [
        (payouts, of_payout),
        (walleted, of_wallet),
        (desk, of_desk),
    ]
    for which, (rows, shown) in enumerate(sources):
        rows = rows.filter(person=person)
        if begins[which]:
            rows = rows.filter(pk__lt=int(begins[which]))
        some = list(rows.order_by("-pk")[: SHOWN + 1])
        if shown is of_desk:
            details.name_subjects(some)
        found += [shown(event, which) for event in some]
    found.sort(key=lambda each: (each.at, each.pk), reverse=True)
    if len(found) <= SHOWN:
        return found, ""
    found = found[:SHOWN]
    last = list(begins)
    for each in found:
        last[each.which] = str(each.pk)
    return found, ".".join(last)


def read(cursor: str) -> Sequence[str]:
    """Return where each chain goes on; of what nobody made, its beginning."""
    places = cursor.split(".")
    fit = len(places) == len(ENDS) and all(
        not each or (each.isascii() and each.isdecimal() and len(each) < 19) for each in places
    )
    return places if fit else ENDS


def deed(event: Any, which: int, title: str, about: str, url: str) -> Deed:
    return Deed(
        at=event.at,
        about=about,
        url=url,
        title=title,
        way=str(event.get_channel_display()),
        why=event.why.sentence,
        facts=list(details.in_words(event.facts).items()),
        login=event.login or "",
        which=which,
        pk=event.pk,
    )


def of_payout(event: PayoutEvent, which: int) -> Deed:
    url = reverse("admin:auditing_story", args=[event.payout_id])
    return deed(event, which, label_of(event.event_type), str(event.payout), url)


def of_wallet(event: WalletEvent, which: int) -> Deed:
    titles = dict(WalletEvent.Type.choices)
    url = reverse("admin:wallets_wallet_change", args=[event.wallet_id])
    title = _("Wallet %s") % titles.get(event.event_type, event.event_type)
    return deed(event, which, title, event.wallet.address, url)


def of_desk(event: DeskEvent, which: int) -> Deed:
    url = reverse("admin:audit_deskevent_change", args=[event.pk])
    return deed(event, which, event.title, _("Desk event %d") % event.number, url)
