"""Asking Heleket about what its list has otherwise, and recording what it says.

The list alone decides nothing. A final word that we missed is taken over as after any question; all
else that differs opens a discrepancy, once.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, TypeVar

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
from payouts.gateway import rate_limit
from payouts.gateway.accounts import GatewayAccount
from payouts.models import Attempt, Discrepancy, EventType
from payouts.polling import Answer, Question, Reply
from payouts.reconciliation.comparing import contradicts, known_by
from payouts.reconciliation.listing import SIDE_BY_SIDE
from payouts.reconciliation.matching import Differing, Missing, Suspect, Unknown
from payouts.settling import Case, record_batch, settle

T = TypeVar("T")
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
class Heard:
    """What Heleket said of a try, and what its list says."""

    reply: Reply
    listed: heleket.RemotePayout | None


@dataclass
class Inquiry:
    """Asks about suspects within the desk's rate. A dry one judges the same and stores nothing."""

    client: heleket.HeleketClient
    account: GatewayAccount
    may_call: Callable[[int, bool], int]
    dry_run: bool = False
    findings: list[Finding] = field(default_factory=list)
    troubles: list[str] = field(default_factory=list)

    def judge(self, suspects: Sequence[Suspect]) -> None:
        listed = {each.attempt_id: each.listed for each in suspects if isinstance(each, Differing)}
        missing = {each.attempt_id for each in suspects if isinstance(each, Missing)}
        self.record(self.ask_about([*listed, *missing - listed.keys()], listed))
        if unknown := [each.listed for each in suspects if isinstance(each, Unknown)]:
            self.judge_unknown(unknown)

    # Ours

    def ask_about(self, ids: Sequence[int], listed: dict[int, heleket.RemotePayout]) -> list[Heard]:
        """Ask by our order id, and by Heleket's own where it knows none of ours by that."""
        tries = list(Attempt.objects.filter(pk__in=ids).order_by("pk"))
        asked = self.ask_all(tries, lambda each: self.ask(each, order_id=each.order_id))
        lost = [
            each
            for each, reply in asked
            if isinstance(reply.answer, heleket.PayoutNotFound) and each.uuid
        ]
        by_uuid = dict(self.ask_all(lost, lambda each: self.ask(each, uuid=each.uuid or "")))
        return [Heard(by_uuid.get(each, reply), listed.get(each.pk)) for each, reply in asked]

    def ask(self, attempt: Attempt, **names: str) -> Reply:
        question = Question(attempt.pk, attempt.order_id, clock.now(), wants_cancel=False)
        return Reply(question, self.answer(**names))

    def answer(self, **names: str) -> Answer:
        try:
            return self.client.get_payout(**names, deadline=time.monotonic() + self.account.timeout)
        except heleket.HeleketError as exc:
            return exc

    def ask_all(self, items: Sequence[T], ask: Callable[[T], Any]) -> list[tuple[T, Any]]:
        with ThreadPoolExecutor(SIDE_BY_SIDE, thread_name_prefix="info") as pool:
            asked = []
            for item in items:
                self.may_call(1, True)
                asked.append((item, pool.submit(ask, item)))
            answers = [(item, future.result()) for item, future in asked]
        rate_limit.back_off_if_asked(getattr(each, "answer", each) for _item, each in answers)
        return answers

    def record(self, heard: Sequence[Heard]) -> None:
        for start in range(0, len(heard), TOGETHER):
            record_batch(heard[start : start + TOGETHER], self.store)

    def store(self, heard: Sequence[Heard]) -> None:
        found: list[Finding] = []
        troubles: list[str] = []
        with self.undone_if_dry():
            ids = [each.reply.question.attempt_id for each in heard]
            with settle(ids, actor=BY) as cases:
                owners = recording.owners_of(each.reply.answer for each in heard)
                for each in heard:
                    case = cases[each.reply.question.attempt_id]
                    if trouble := unclear(each.reply.answer):
                        troubles.append(f"{case.attempt.order_id}: {trouble}")
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

    def judge_unknown(self, listed: Sequence[heleket.RemotePayout]) -> None:
        """Take for foreign what is still unknown once every call without an answer has been asked
        about."""
        named, is_clear = self.ask_about_lost()
        unknown = {each.uuid: each for each in listed if each.uuid not in named}
        for uuid in known_by(list(unknown)):
            del unknown[uuid]
        if not is_clear:
            self.troubles += [
                f"{uuid}: it may be ours, and Heleket did not say" for uuid in unknown
            ]
            return
        for row, said in self.ask_all(list(unknown.values()), self.ask_by_uuid):
            self.take_unknown(row, said)

    def ask_by_uuid(self, row: heleket.RemotePayout) -> Answer:
        return self.answer(uuid=row.uuid)

    def ask_about_lost(self) -> tuple[set[str], bool]:
        """Return Heleket's ids of what was lost, and whether it answered about all of it."""
        lost = list(Attempt.objects.unknown().values_list("pk", flat=True))
        heard = self.ask_about(lost, {})
        self.record(heard)
        answers = [each.reply.answer for each in heard]
        named = {each.uuid for each in answers if isinstance(each, heleket.RemotePayout)}
        return named, not any(map(unclear, answers))

    def take_unknown(self, row: heleket.RemotePayout, said: Answer) -> None:
        if trouble := unclear(said):
            self.troubles.append(f"{row.uuid}: {trouble}")
            return
        remote = said if isinstance(said, heleket.RemotePayout) else row
        ours = Attempt.objects.filter(order_id=remote.order_id or "").first()
        if ours:  # it names our try: what it says of it counts as after any question
            question = Question(ours.pk, ours.order_id, clock.now(), wants_cancel=False)
            self.record([Heard(Reply(question, remote), row)])
            return
        with self.undone_if_dry():
            found = open_foreign(remote, actor=BY)
            standing = Discrepancy.objects.open().filter(kind=Kind.FOREIGN, key=remote.uuid)
            if one := found or standing.first():
                self.findings.append(finding(one, OPENED if found else OPEN))


def unclear(answer: Answer) -> heleket.HeleketError | None:
    """Return an answer that says nothing of the payout."""
    is_clear = isinstance(answer, heleket.RemotePayout | heleket.PayoutNotFound)
    return None if is_clear or not isinstance(answer, heleket.HeleketError) else answer


def take(case: Case, heard: Heard, owners: dict[str, str], account: GatewayAccount) -> None:
    """Do what an answer does to its payout, by the ordinary way."""
    reply, attempt = heard.reply, case.attempt
    match reply.answer:
        case heleket.RemotePayout() as said if goes_back(case, reply, said):
            open_discrepancy(case, Kind.CONTRADICTION, describe(said), critical=True)
        case heleket.RemotePayout() as said:
            before = facts_of(attempt)
            polling.apply(case, reply, owners, account, channel=Channel.RECONCILE)
            if facts_of(attempt) != before and not case.change.events:
                news = {"uuid": said.uuid, "remote_status": said.status, "txid": said.txid or ""}
                case.log_event(EventType.NEWS, order_id=attempt.order_id, **news)
            if heard.listed and contradicts(heard.listed, said) and not difference(attempt, said):
                open_discrepancy(case, Kind.LISTED, describe(heard.listed))
        case heleket.PayoutNotFound() if attempt.uuid:
            is_critical = was_paid(case.payout, attempt)
            open_discrepancy(case, Kind.VANISHED, NOT_FOUND, critical=is_critical)
        case _:
            polling.apply(case, reply, owners, account, channel=Channel.RECONCILE)


def goes_back(case: Case, reply: Reply, said: heleket.RemotePayout) -> bool:
    """Whether Heleket takes back the final word that it gave before this question: it is none any
    more, or it names another transaction."""
    attempt, payout = case.attempt, case.payout
    if not attempt.is_final or attempt.generation != payout.generation or difference(attempt, said):
        return False
    is_later = payout.finished_at is not None and payout.finished_at < reply.question.asked_at
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
