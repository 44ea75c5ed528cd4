"""Writing a note about a payout, a client or a wallet, and adding a document to it."""

import hashlib
import re
from dataclasses import dataclass

from django.db import transaction

from audit import clock
from audit.actor import Actor
from audit.events import log_event
from audit.models import DeskEvent
from audit.refusals import Refused
from audit.texts import lines, needed, optional
from payouts import documents, transitions
from payouts.codes import PayoutCode
from payouts.models import LONGEST_NOTE, EventType, Note, Payout
from wallets.models import Client, Wallet

# No name before the host: “https://heleket.com@evil” looks like another place than it leads to.
LINK = re.compile("https?://[^/?#@]+([/?#].*)?", re.IGNORECASE)

Subject = Payout | Client | Wallet


@dataclass(frozen=True)
class File:
    """A file as somebody's browser sent it."""

    name: str
    content: bytes


def add_note(
    about: Subject, *, actor: Actor, text: str = "", file: File | None = None, link: str = ""
) -> Note:
    """Write down words, a document, or both. The hash of a document is sealed. Raises Refused."""
    actor.require("payouts.add_note")
    note = Note(
        **{about._meta.model_name or "": about},
        author=actor.person,
        written_at=clock.now(),
        text=lines(text, at_most=LONGEST_NOTE),
        link=optional(link, at_most=500),
    )
    if file and note.link:
        raise Refused(PayoutCode.FILE_OR_LINK)
    if not (note.text or file or note.link):
        raise Refused(PayoutCode.NOTE_EMPTY)
    if file:
        note.file_name, note.size = needed(file.name, at_most=200), len(file.content)
        note.sha256 = documents.keep(file.content)
    elif note.link:
        note.sha256 = hash_of_link(note.link)
    store(note, actor)
    return note


def hash_of_link(link: str) -> str:
    if not LINK.fullmatch(link) or " " in link:
        raise Refused(PayoutCode.LINK_UNFIT)
    return hashlib.sha256(link.encode()).hexdigest()


def store(note: Note, actor: Actor) -> None:
    """Save a note, and seal the hash of its document in the chain of its payout or of the desk.

    Lock order, or deadlock: a payout before a row that refers to it, the desk's chain last.
    """
    facts = {"sha256": note.sha256, "size": note.size}
    with transaction.atomic():
        if note.payout_id and note.sha256:
            with transitions.change([note.payout_id], actor=actor) as [change]:
                change.log_event(EventType.ADD_DOCUMENT, **facts)
        note.save(force_insert=True)
        if note.sha256 and not note.payout_id:
            about = {"client": note.client_id, "wallet": note.wallet_id}
            known = {name: pk for name, pk in about.items() if pk}
            log_event(DeskEvent.Type.ADD_DOCUMENT, actor=actor, **known, **facts)
