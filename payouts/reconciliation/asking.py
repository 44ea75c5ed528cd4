"""Asking Heleket about what its list has otherwise, and recording what it says.

The list alone decides nothing. A final word that we missed is taken over as after any question; all
else that differs opens a discrepancy, once.
"""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime

from django.db import transaction

import heleket
from audit import clock
from audit.actor import Actor, Channel
from payouts import polling, recording
from payouts.discrepancies import (
    NOT_FOUND,
    Facts,
    Kind,
    describe,
    difference,
    open_discrepancy,
    open_foreign,
)
from payouts.effective import was_paid
from payouts.gateway.accounts import GatewayAccount
from payouts.models import Attempt, Discrepancy, EventType
from payouts.polling import Answer, Reply
from payouts.reconciliation.comparing import contradicts, known_by
from payouts.reconciliation.matching import Suspect
from payouts.settling import Case, record_batch, settle

BY = Actor.system(Channel.RECONCILE)
HEALED, OPENED, OPEN = "healed", "opened", "open"
TOGETHER = 50  # payouts locked at once


@dataclass(frozen=True)
class Finding:
    """One difference and what became of it: healed, or a discrepancy that is new, or was there."""

    state: str
    kind: str
    payout: str
    order_id: str
    uuid: str
    ours: Facts = field(default_factory=dict)
    theirs: Facts = field(default_factory=dict)


@dataclass(frozen=True)
class Question:
    """About a try of ours, or about an entry of the list that is none; `is_lost` is one whose call
    went without an answer, so that any unknown entry may be it."""

    suspect: Suspect
    order_id: str
    uuid: str
    asked_at: datetime
    is_lost: bool = False

    @property
    def calls(self) -> int:
        """How many calls it takes at most."""
        return bool(self.order_id) + bool(self.uuid)


@dataclass(frozen=True)
class Heard:
    question: Question
    answer: Answer

    @property
    def attempt_id(self) -> int | None:
        return self.question.suspect.attempt_id

    @property
    def unclear(self) -> heleket.HeleketError | None:
        """An answer that says nothing of the payout."""
        is_clear = isinstance(self.answer, heleket.RemotePayout | heleket.PayoutNotFound)
        return (
            None if is_clear or not isinstance(self.answer, heleket.HeleketError) else self.answer
        )


def ask(question: Question, client: heleket.HeleketClient, *, timeout: float) -> Heard:
    """Ask by our order id, and by Heleket's own where it knows none of ours by that. Touches
    neither database nor lock."""
    answer: Answer = heleket.PayoutNotFound("")
    for names in ({"order_id": question.order_id}, {"uuid": question.uuid}):
        if any(names.values()) and isinstance(answer, heleket.PayoutNotFound):
            try:
                answer = client.get_payout(**names, deadline=time.monotonic() + timeout)
            except heleket.HeleketError as exc:
                answer = exc
    return Heard(question, answer)


@dataclass
class Inquiry:
    """Says what has to be asked about suspects, and records the answers. A dry one judges the same
    and stores nothing."""

    account: GatewayAccount
    dry_run: bool = False
    findings: list[Finding] = field(default_factory=list)
    troubles: list[str] = field(default_factory=list)

    def questions(self, suspects: Sequence[Suspect]) -> list[Question]:
        now, ids = clock.now(), [each.attempt_id for each in suspects if each.attempt_id]
        tries = Attempt.objects.in_bulk(ids)
        unknown = [each for each in suspects if not each.attempt_id]
        lost = Attempt.objects.may_turn_up().exclude(pk__in=ids) if unknown else []
        about_lost = (
            Question(Suspect(each.pk, None), each.order_id, "", now, is_lost=True) for each in lost
        )
        about_ours = (
            Question(each, *ids_of(tries[each.attempt_id]), now)
            for each in suspects
            if each.attempt_id in tries
        )
        about_others = (Question(each, "", each.uuid, now) for each in unknown)
        return [*about_lost, *about_ours, *about_others]

    def settle(self, heard: Sequence[Heard]) -> None:
        """Record answers to questions that belong together. What was lost comes first: an unknown
        entry may be one of those."""
        of_ours = [each for each in heard if each.attempt_id]
        for start in range(0, len(of_ours), TOGETHER):
            record_batch(of_ours[start : start + TOGETHER], self.store)
        self.settle_unknown([each for each in heard if not each.attempt_id], of_ours)

    # Ours

    def store(self, heard: Sequence[Heard]) -> None:
        found: list[Finding] = []
        troubles: list[str] = []
        ids = [each.attempt_id for each in heard if each.attempt_id]
        with self.undone_if_dry(), settle(ids, actor=BY) as cases:
            owners = recording.owners_of(each.answer for each in heard)
            for each in heard:
                case = cases[each.attempt_id or 0]
                if each.unclear:
                    troubles.append(f"{case.attempt.order_id}: {each.unclear}")
                with noting(case, found):
                    take(case, each, owners, self.account)
        self.findings += found
        self.troubles += troubles

    @contextmanager
    def undone_if_dry(self) -> Iterator[None]:
        with transaction.atomic():
            yield
            if self.dry_run:
                transaction.set_rollback(True)

    # Not ours

    def settle_unknown(self, heard: Sequence[Heard], of_ours: Sequence[Heard]) -> None:
        """Take for foreign what is still unknown once every call without an answer has been asked
        about."""
        answers = [each.answer for each in of_ours]
        named = {each.uuid for each in answers if isinstance(each, heleket.RemotePayout)}
        uuids = [each.question.uuid for each in heard]
        known = known_by(uuids) if heard else {}
        shown = shown_beside(uuids) if heard else {}
        is_clear = not any(each.unclear for each in of_ours if each.question.is_lost)
        for each in heard:
            uuid = each.question.uuid
            if uuid in named or uuid in known:
                continue
            if beside := shown.get(uuid):
                self.findings += [finding(beside, OPEN)] if beside.closed_at is None else []
                continue
            if not is_clear:
                self.troubles.append(f"{uuid}: it may be ours, and Heleket did not say")
            elif each.unclear:
                self.troubles.append(f"{uuid}: {each.unclear}")
            else:
                self.take_unknown(each)

    def take_unknown(self, heard: Heard) -> None:
        suspect = heard.question.suspect
        remote = heard.answer if isinstance(heard.answer, heleket.RemotePayout) else suspect.listed
        if remote is None:
            return
        ours = Attempt.objects.filter(order_id=remote.order_id or "").first()
        if ours:  # it names our try: what it says of it counts as after any question
            about_ours = replace(heard.question, suspect=Suspect(ours.pk, suspect.entry))
            record_batch([Heard(about_ours, remote)], self.store)
            return
        if listed := suspect.listed:  # it alone says when: the day of the books hangs on that
            remote = replace(remote, created_at=remote.created_at or listed.created_at)
        with self.undone_if_dry():
            found = open_foreign(remote, actor=BY)
            standing = Discrepancy.objects.open().filter(kind=Kind.FOREIGN, key=remote.uuid)
            if one := found or standing.first():
                self.findings.append(finding(one, OPENED if found else OPEN))


def shown_beside(uuids: Sequence[str]) -> dict[str, Discrepancy]:
    """Return what people see, or have seen, of these beside a try of ours: Heleket has them under
    its order id, which its answers need not name."""
    shown = Discrepancy.objects.filter(attempt__isnull=False, theirs__uuid__in=uuids)
    return {each.theirs["uuid"]: each for each in shown.order_by("pk")}


def ids_of(attempt: Attempt) -> tuple[str, str]:
    return attempt.order_id, attempt.uuid or ""


def take(case: Case, heard: Heard, owners: dict[str, str], account: GatewayAccount) -> None:
    """Do what an answer does to its payout, by the ordinary way."""
    attempt, listed, asked_at = case.attempt, heard.question.suspect.listed, heard.question.asked_at
    reply = Reply(
        polling.Question(attempt.pk, attempt.order_id, asked_at, wants_cancel=False), heard.answer
    )
    match heard.answer:
        case heleket.RemotePayout() as said if goes_back(case, said, asked_at):
            open_discrepancy(case, Kind.CONTRADICTION, describe(said), critical=True)
        case heleket.RemotePayout() as said:
            before = facts_of(attempt)
            polling.apply(case, reply, owners, account, channel=Channel.RECONCILE)
            if facts_of(attempt) != before and not case.change.events:
                news = {"uuid": said.uuid, "remote_status": said.status, "txid": said.txid or ""}
                case.log_event(EventType.NEWS, order_id=attempt.order_id, **news)
            if listed and contradicts(listed, said) and not difference(attempt, said):
                open_discrepancy(case, Kind.LISTED, describe(listed))
        case heleket.PayoutNotFound() if attempt.uuid:
            is_critical = was_paid(case.payout, attempt)
            open_discrepancy(case, Kind.VANISHED, NOT_FOUND, critical=is_critical)
        case _:
            polling.apply(case, reply, owners, account, channel=Channel.RECONCILE)


def goes_back(case: Case, said: heleket.RemotePayout, asked_at: datetime) -> bool:
    """Whether Heleket takes back the final word that it gave before this question: it is none any
    more, or it names another transaction."""
    attempt, payout = case.attempt, case.payout
    if not attempt.is_final or attempt.generation != payout.generation or difference(attempt, said):
        return False
    is_later = payout.finished_at is not None and payout.finished_at < asked_at
    is_other = bool(attempt.txid and said.txid and said.txid != attempt.txid)
    return is_later and (is_other or not said.is_final)


def facts_of(attempt: Attempt) -> tuple[object, ...]:
    return attempt.remote_status, attempt.is_final, attempt.txid, attempt.uuid


@contextmanager
def noting(case: Case, found: list[Finding]) -> Iterator[None]:
    """Note what became of a payout meanwhile: a status or facts that moved, and each discrepancy
    about this try, new or not."""
    attempt, payout = case.attempt, case.payout
    before, status = facts_of(attempt), payout.status
    open_ones = Discrepancy.objects.open().filter(attempt=attempt).order_by("pk")
    known = {each.pk for each in open_ones}
    yield
    standing = list(open_ones.all())
    found += [finding(each, OPEN if each.pk in known else OPENED) for each in standing]
    if not standing and (facts_of(attempt) != before or payout.status != status):
        found.append(healed(case))


def finding(found: Discrepancy, state: str) -> Finding:
    payout, attempt = found.payout, found.attempt
    return Finding(
        state=state,
        kind=found.kind,
        payout=str(payout) if payout else "",
        order_id=attempt.order_id if attempt else found.theirs.get("order_id", ""),
        uuid=(attempt.uuid if attempt else None) or found.theirs.get("uuid", ""),
        ours=found.ours,
        theirs=found.theirs,
    )


def healed(case: Case) -> Finding:
    attempt, payout = case.attempt, case.payout
    facts = {"status": attempt.remote_status, "txid": attempt.txid}
    return Finding(
        state=HEALED,
        kind="",
        payout=str(payout),
        order_id=attempt.order_id,
        uuid=attempt.uuid or "",
        ours={"status": payout.status},
        theirs=facts,
    )
