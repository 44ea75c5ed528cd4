"""What people do to payouts: one class per act, performed on exactly what was seen."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, TypeVar
from uuid import UUID

from django.db import transaction
from django.db.models import F, Q
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from audit import clock, searching
from audit.actor import Actor
from audit.codes import NO_REASON, Reason
from audit.operations import Change, Operation, perform, sources
from audit.refusals import Refusal, Refused
from audit.texts import day_and_hour, needed, optional
from payouts import statements, transitions, wakeups
from payouts.approvals import (
    ApprovalFacts,
    approval_facts,
    decide,
    log_approval,
    refusal_of_approval,
    void_approvals,
)
from payouts.codes import PayoutCode
from payouts.controls.rules import in_words
from payouts.destinations import wait_if_on_its_way
from payouts.duplicates import refusal_of_duplicate
from payouts.eligibility import refusal_of_request
from payouts.known import Known
from payouts.makers import add_makers, store_makers
from payouts.models import (
    FINAL_FAILURES,
    LAST_GENERATION,
    WITHOUT_CALL,
    Approval,
    Attempt,
    Discrepancy,
    Effective,
    EventType,
    MakerRole,
    Origin,
    Payout,
    PayoutEvent,
    PayoutStatus,
    WaitingFor,
)
from payouts.requests import dated, exact_amount, refusal_of_terms
from payouts.seen import Seen, stale
from payouts.times import at_time
from wallets import changes as wallets
from wallets.models import Wallet

Facts = TypeVar("Facts")
Changes = Sequence[Change[Payout]]


class PayoutOperation(Operation[Payout, Seen, Facts]):
    """An act on payouts that starts from certain statuses.

    It starts from those of its transition, as the state machine has them; an act without one names
    its own. `digest_alone`: nothing but other content keeps it from what was seen.
    """

    statuses: frozenset[PayoutStatus]
    digest_alone = False
    unknown = PayoutCode.UNKNOWN_PAYOUT

    def changes(
        self, ids: Collection[UUID], actor: Actor
    ) -> AbstractContextManager[Sequence[Change[Payout]]]:
        return transitions.change(ids, actor=actor)

    def stale(self, rows: Sequence[Payout], seen: Mapping[UUID, Seen]) -> Mapping[UUID, Refusal]:
        return stale(rows, seen, digest_alone=self.digest_alone)

    def load(self, rows: Sequence[Payout], actor: Actor) -> Any:
        return None

    def refusal(self, row: Payout, facts: Facts, actor: Actor) -> Refusal | None:
        return refusal_of_stopped(row) or self.refusal_of_status(row)

    def refusal_of_status(self, payout: Payout) -> Refusal | None:
        if payout.status in self.statuses:
            return None
        return Refusal(PayoutCode.PAYOUT_STATUS, status=payout.get_status_display())


class AsksForApproval(PayoutOperation[Facts]):
    """An act that brings payouts before their approvers, once their wallets are active."""

    @contextmanager
    def changes(self, ids: Collection[UUID], actor: Actor) -> Iterator[Sequence[Change[Payout]]]:
        with transaction.atomic():
            held = wallets.hold(self.wallets_of(ids))
            with super().changes(ids, actor) as changes:
                yield changes
                for change in changes:
                    if change.events:
                        wait_if_on_its_way(change.row, held)

    def wallets_of(self, ids: Collection[UUID]) -> Collection[int]:
        rows = Payout.objects.filter(pk__in=ids)
        return set(rows.order_by().values_list("wallet_id", flat=True))


def rows_of(changes: Changes) -> list[Payout]:
    return [change.row for change in changes]


def refusal_of_stopped(payout: Payout) -> Refusal | None:
    if payout.waiting_for == WaitingFor.DISCREPANCY:
        return Refusal(PayoutCode.OPEN_DISCREPANCY)
    if payout.cancel_asked_at and payout.status in WITHOUT_CALL:
        return Refusal(PayoutCode.BEING_CANCELLED)
    return None


def refusal_of_question(payout: Payout) -> Refusal | None:
    if payout.is_sent_back:
        return Refusal(PayoutCode.WAITS_FOR_ANSWER)
    return None


@dataclass(frozen=True)
class Approve(PayoutOperation[ApprovalFacts]):
    """Approve what the actor has seen. Makers never approve, superusers included.

    One statement says all that is approved; it counts for each payout by itself. A likely duplicate
    takes a reason, which is kept with it alone; `has_reason` says that one is given.
    """

    has_reason: bool = False

    permission = "payouts.approve_payout"
    takes_reason = True
    reason_label = gettext_lazy("Why it is no duplicate")
    statuses = sources(Payout.approve)

    def load(self, rows: Sequence[Payout], actor: Actor) -> ApprovalFacts:
        return approval_facts(Known(rows), actor.person_id)

    def refusal(self, row: Payout, facts: ApprovalFacts, actor: Actor) -> Refusal | None:
        refusal = super().refusal(row, facts, actor) or refusal_of_question(row)
        refusal = refusal or refusal_of_approval(row, facts)
        if refusal or self.has_reason:
            return refusal
        return refusal_of_duplicate(facts.known.duplicates.get(row.pk, ()))

    def apply(self, change: Change[Payout], facts: ApprovalFacts, reason: Reason) -> str:
        payout = change.row
        log_approval(change, facts, reason if payout.pk in facts.known.duplicates else NO_REASON)
        if missing := facts.missing_after(payout):
            payout.why = Reason(PayoutCode.ANOTHER_APPROVAL, in_words(missing))
            return f"{_('Approved by you.')} {payout.why.sentence}"
        payout.approve(not_before=facts.known.policy.values.goes_out_at(clock.now()))
        return when_it_goes(payout)

    def after(self, changes: Changes, facts: ApprovalFacts, actor: Actor) -> None:
        """Make one statement of what is approved, and have the event of each seal it."""
        if not changes:
            return
        payouts, current = rows_of(changes), facts.known.policy
        statement = statements.make(payouts, actor, current)
        statement.save(force_insert=True)
        for change in changes:
            change.events[-1].fields["statement"] = statement.sha256
        decide(payouts, actor, Approval.Decision.APPROVED, statement, current)


class Undo(PayoutOperation[Mapping[UUID, Collection[int]]]):
    """Take back what the actor approved, until it is claimed. Approvals of others stand.

    It is a stop, so nothing but another digest keeps it from what was seen.
    """

    permission = "payouts.approve_payout"
    takes_reason = True
    needs_reason = True
    statuses = sources(Payout.undo)
    digest_alone = True

    def load(self, rows: Sequence[Payout], actor: Actor) -> Mapping[UUID, Collection[int]]:
        """Return who has approved each; an expired approval can be taken back as well."""
        given = Approval.objects.filter(
            payout__in=rows, voided_at=None, decision=Approval.Decision.APPROVED
        )
        people: dict[UUID, set[int]] = defaultdict(set)
        for payout_id, person_id in given.values_list("payout_id", "person_id"):
            people[payout_id].add(person_id)
        return people

    def refusal(
        self, row: Payout, facts: Mapping[UUID, Collection[int]], actor: Actor
    ) -> Refusal | None:
        if refusal := super().refusal(row, facts, actor):
            return refusal
        if actor.person_id in facts.get(row.pk, ()):
            return None
        return Refusal(PayoutCode.NO_APPROVAL_OF_YOURS)

    def apply(
        self, change: Change[Payout], facts: Mapping[UUID, Collection[int]], reason: Reason
    ) -> str:
        change.log_event(EventType.UNDO, reason)
        change.row.undo(Reason(PayoutCode.APPROVAL_UNDONE, reason.words))
        return _("Your approval is undone. It waits for approval.")

    def after(self, changes: Changes, facts: Mapping[UUID, Collection[int]], actor: Actor) -> None:
        void_approvals(rows_of(changes), EventType.UNDO, person=actor.person)


def when_it_goes(payout: Payout) -> str:
    if payout.is_early:
        return _("Approved. It will be sent from %s on.") % day_and_hour(payout.pay_from)
    if payout.waiting_for == WaitingFor.DATE:
        return _("Approved. It goes out at %s; until then you can take it back.") % at_time(
            payout.due_at
        )
    return _("Approved. It will be sent.")


Called = set[UUID]  # those of which Heleket may have executed a call, for all we know


class Reject(PayoutOperation[Called]):
    """End payouts that should not be paid."""

    permission = "payouts.reject_payout"
    takes_reason = True
    needs_reason = True
    statuses = sources(Payout.reject)

    def load(self, rows: Sequence[Payout], actor: Actor) -> Called:
        return with_open_calls(rows)

    def apply(self, change: Change[Payout], facts: Called, reason: Reason) -> str:
        if change.row.pk in facts:
            return request_cancel(change, reason)
        change.log_event(EventType.REJECT, reason)
        change.row.reject(reason)
        return _("Rejected. It will not be paid.")

    def after(self, changes: Changes, facts: set[UUID], actor: Actor) -> None:
        void_approvals(rows_of(changes), EventType.REJECT)
        decide(rows_of(changes), actor, Approval.Decision.REJECTED)
        ask_about_calls(rows_of(changes))


class Hold(PayoutOperation[None]):
    """Set payouts aside. What was approved must be approved again after the release.

    It is a stop, so nothing but another digest keeps it from what was seen.
    """

    permission = "payouts.hold_payout"
    takes_reason = True
    needs_reason = True
    statuses = sources(Payout.hold)
    digest_alone = True

    def apply(self, change: Change[Payout], facts: None, reason: Reason) -> str:
        change.log_event(EventType.HOLD, reason)
        change.row.hold(reason)
        return _("On hold.")

    def after(self, changes: Changes, facts: None, actor: Actor) -> None:
        void_approvals(rows_of(changes), EventType.HOLD)


class Release(AsksForApproval[Mapping[UUID, str]]):
    """Bring held payouts back to the approvers, or to the requester who was asked something."""

    permission = "payouts.release_payout"
    takes_reason = True
    statuses = sources(Payout.release)

    def load(self, rows: Sequence[Payout], actor: Actor) -> Mapping[UUID, str]:
        """Return the questions that were neither answered nor met by an edit."""
        talk = PayoutEvent.objects.filter(
            payout__in=[row.pk for row in rows],
            event_type__in=[EventType.SEND_BACK, EventType.ANSWER, EventType.EDIT],
        )
        last = {event.payout_id: event for event in talk.order_by("number")}
        asked = (each for each in last.values() if each.event_type == EventType.SEND_BACK)
        return {event.payout_id: event.why.words for event in asked}

    def apply(self, change: Change[Payout], facts: Mapping[UUID, str], reason: Reason) -> str:
        change.log_event(EventType.RELEASE, reason)
        change.row.release()
        if question := facts.get(change.row.pk):
            change.row.send_back(Reason(PayoutCode.SENT_BACK, question))
            return _("Released. It waits for the requester's answer.")
        return _("Released. It waits for approval.")

    def after(self, changes: Changes, facts: Mapping[UUID, str], actor: Actor) -> None:
        void_approvals(rows_of(changes), EventType.RELEASE)


@dataclass(frozen=True)
class CancelFacts:
    called: Called
    sent: Collection[UUID]  # those of which an earlier try was called
    at_heleket: Mapping[UUID, Attempt]


class Cancel(PayoutOperation[CancelFacts]):
    """End payouts that were never called, exactly; of others, store that they should end.

    Nothing of these is sent any more and Heleket is asked: one becomes `cancelled` only once
    Heleket's answers have shown that it never had it. In `broadcast` it is refused.
    """

    permission = ("payouts.cancel_payout", "payouts.cancel_own_payout")
    takes_reason = True
    needs_reason = True
    statuses = sources(Payout.cancel) | {PayoutStatus.SUBMITTING}  # there it is only asked for

    def load(self, rows: Sequence[Payout], actor: Actor) -> CancelFacts:
        there = [payout.pk for payout in rows if payout.status == PayoutStatus.BROADCAST]
        current = Attempt.objects.filter(payout__in=there, generation=F("payout__generation"))
        at_heleket = {each.payout_id: each for each in current}
        return CancelFacts(with_open_calls(rows), with_calls(rows), at_heleket)

    def refusal(self, row: Payout, facts: CancelFacts, actor: Actor) -> Refusal | None:
        if not (actor.may("payouts.cancel_payout") or is_own(row, actor)):
            return refusal_of_stopped(row) or Refusal(PayoutCode.NOT_YOURS)
        if attempt := facts.at_heleket.get(row.pk):
            return refusal_of_stopped(row) or at_heleket(attempt)
        return super().refusal(row, facts, actor)

    def apply(self, change: Change[Payout], facts: CancelFacts, reason: Reason) -> str:
        if change.row.pk in facts.called:
            return request_cancel(change, reason)
        change.log_event(EventType.CANCEL, reason)
        change.row.cancel(reason)
        if change.row.pk in facts.sent:
            return _("Cancelled. An earlier try was sent and not paid.")
        return _("Cancelled. It was never sent.")

    def after(self, changes: Changes, facts: CancelFacts, actor: Actor) -> None:
        void_approvals(rows_of(changes), EventType.CANCEL)
        ask_about_calls(rows_of(changes))


def is_own(payout: Payout, actor: Actor) -> bool:
    """Whether who acts has asked for the payout: a person, or a client by any of its keys."""
    if actor.api_key_id is not None:
        return (payout.origin, payout.client_id) == (Origin.API, actor.client_id)
    return payout.requested_by_id == actor.person_id


def at_heleket(attempt: Attempt) -> Refusal:
    status, uuid = attempt.remote_status or "?", attempt.uuid or "?"
    return Refusal(PayoutCode.AT_HELEKET, status=status, uuid=uuid)


@dataclass(frozen=True)
class Tried:
    """What stands against another try: ids of payouts."""

    differing: Collection[UUID]  # about which Heleket and the desk differ, open or left
    vanished: Collection[UUID]  # of which Heleket had a try, and never said its final word
    awaited: Mapping[UUID, Attempt]  # a linked try of which Heleket has not said it yet


class Retry(AsksForApproval[Tried]):
    """Bring payouts that were not paid back to the approvers, under a new `order_id`.

    Who retries is a maker from then on: one person alone never has money sent again.
    """

    permission = "payouts.retry_payout"
    takes_reason = True
    needs_reason = True
    statuses = sources(Payout.retry)

    def load(self, rows: Sequence[Payout], actor: Actor) -> Tried:
        ids = [row.pk for row in rows]
        standing = Discrepancy.objects.standing().filter(payout__in=ids)
        vanished = Discrepancy.objects.filter(
            payout__in=ids,
            outcome=Discrepancy.Outcome.NOT_PAID,
            attempt__uuid__isnull=False,
            attempt__is_final=False,
        )
        linked = Attempt.objects.filter(payout__in=ids, is_linked=True)
        return Tried(
            {pk for pk in standing.values_list("payout_id", flat=True) if pk},
            {pk for pk in vanished.values_list("payout_id", flat=True) if pk},
            {each.payout_id: each for each in linked if each.is_awaited},
        )

    def refusal(self, row: Payout, facts: Tried, actor: Actor) -> Refusal | None:
        if row.effective in (Effective.PAID, Effective.ELSEWHERE):
            return Refusal(PayoutCode.PAID_AFTER_ALL)
        if row.pk in facts.differing:
            return Refusal(PayoutCode.OPEN_DISCREPANCY)
        if row.pk in facts.vanished:
            return Refusal(PayoutCode.TRY_VANISHED)
        if awaited := facts.awaited.get(row.pk):
            return Refusal(PayoutCode.OTHER_TRY_OPEN, order_id=awaited.order_id)
        return super().refusal(row, facts, actor) or refusal_of_last_generation(row)

    def apply(self, change: Change[Payout], facts: Tried, reason: Reason) -> str:
        change.log_event(EventType.RETRY, reason)
        change.row.retry()
        return _("It waits for approval again.")

    def after(self, changes: Changes, facts: Tried, actor: Actor) -> None:
        void_approvals(rows_of(changes), EventType.RETRY)
        ask_about_calls(rows_of(changes))
        if actor.person_id is not None:
            maker = (actor.person_id, MakerRole.RETRIED)
            store_makers((payout, maker) for payout in rows_of(changes))


class Expedite(PayoutOperation[None]):
    """Make approved payouts due, whatever they were waiting for by themselves."""

    permission = "payouts.send_payout"
    statuses = frozenset({PayoutStatus.APPROVED})

    def refusal(self, row: Payout, facts: None, actor: Actor) -> Refusal | None:
        if row.status in self.statuses and row.is_early:
            early = Refusal(PayoutCode.EARLY, at=day_and_hour(row.pay_from))
            return refusal_of_stopped(row) or early
        return super().refusal(row, facts, actor)

    def apply(self, change: Change[Payout], facts: None, reason: Reason) -> str:
        change.log_event(EventType.EXPEDITE)
        make_due(change.row)
        return _("Due now. The worker sends it in its turn.")


class RequestCheck(PayoutOperation[None]):
    """Make payouts under way due for a question to Heleket."""

    permission = "payouts.ask_payout"
    statuses = frozenset({PayoutStatus.SUBMITTING, PayoutStatus.BROADCAST})

    def apply(self, change: Change[Payout], facts: None, reason: Reason) -> str:
        change.log_event(EventType.REQUEST_CHECK)
        make_due(change.row)
        return _("Due now. The worker asks Heleket in its turn.")


@dataclass(frozen=True)
class Edit(AsksForApproval[None]):
    """Change what is paid where, before it is sent. Who edits is a maker; approvals are void.

    What is on hold stays on hold. An edit that changes nothing is refused: it would void them too.
    """

    wallet: Wallet
    currency: str
    amount: Decimal
    purpose: str
    reference: str = ""
    category: str = ""
    pay_from: datetime | None = None

    permission = "payouts.edit_payout"
    takes_reason = True
    needs_reason = True
    statuses = sources(Payout.edit)

    def wallets_of(self, ids: Collection[UUID]) -> Collection[int]:
        return {self.wallet.pk}

    def refusal(self, row: Payout, facts: None, actor: Actor) -> Refusal | None:
        return super().refusal(row, facts, actor) or self.refusal_of_content(row)

    def refusal_of_content(self, payout: Payout) -> Refusal | None:
        try:
            new = self.content()
            if new == content(payout):
                return Refusal(PayoutCode.UNCHANGED)
        except Refused as exc:
            return exc.refusal
        coin = (new["currency"], new["amount"])
        category = "" if self.category == payout.category else self.category  # it may be left out
        refusal = refusal_of_request(payout.client, self.wallet, *coin)
        if refusal := refusal or refusal_of_terms(category, self.pay_from):
            return refusal
        is_tried = payout.attempts.filter(generation=payout.generation).exists()
        return refusal_of_last_generation(payout) if is_tried else None

    def content(self) -> dict[str, Any]:
        """Return the new values of what an edit may change. Raises Refused for what is unfit."""
        return {
            "wallet": self.wallet,
            "network": self.wallet.network,
            "address": self.wallet.address,
            "memo": self.wallet.memo,
            "currency": self.currency.upper(),
            "amount": exact_amount(self.amount),
            "purpose": needed(self.purpose, PayoutCode.PURPOSE_MISSING, at_most=200),
            "reference": optional(self.reference, at_most=100),
            "category": self.category,
            "pay_from": self.pay_from,
        }

    def apply(self, change: Change[Payout], facts: None, reason: Reason) -> str:
        payout = change.row
        change.log_event(
            EventType.EDIT,
            reason,
            old_money=payout.money,
            old_network=payout.network,
            old_address=payout.address,
            old_memo=payout.memo,
            old_purpose=payout.purpose,
            old_reference=payout.reference,
            old_category=payout.category,
            old_pay_from=dated("pay_from", payout).get("pay_from", ""),
        )
        for name, value in self.content().items():
            setattr(payout, name, value)
        searching.refresh(payout)
        start_new_generation_if_tried(payout)
        payout.edit()
        return _("Changed.")

    def after(self, changes: Changes, facts: None, actor: Actor) -> None:
        void_approvals(rows_of(changes), EventType.EDIT)
        makers = [(actor.person_id, MakerRole.EDITED), (self.wallet.maker_id, MakerRole.WALLET)]
        for payout in rows_of(changes):
            add_makers(payout, makers)


def content(payout: Payout) -> dict[str, Any]:
    names = ["wallet", "network", "address", "memo", "currency", "amount", "purpose", "reference"]
    names += ["category", "pay_from"]
    return {name: getattr(payout, name) for name in names}


APPROVE, UNDO, REJECT, HOLD, RELEASE = Approve(), Undo(), Reject(), Hold(), Release()
CANCEL, RETRY, EXPEDITE, REQUEST_CHECK = Cancel(), Retry(), Expedite(), RequestCheck()


def edit_payout(seen: Seen, edit: Edit, *, reason: str, actor: Actor) -> Payout:
    """Edit one payout and return it as it is then. Raises Refused."""
    [outcome] = perform(edit, [seen], actor=actor, reason=reason)
    if outcome.refusal:
        raise Refused.by(outcome.refusal)
    return Payout.objects.get(pk=seen.id)


def start_new_generation_if_tried(payout: Payout) -> None:
    """An attempt's bytes never change, so other content needs an attempt of its own."""
    if payout.attempts.filter(generation=payout.generation).exists():
        payout.generation += 1
        ask_about_calls([payout])


def refusal_of_last_generation(payout: Payout) -> Refusal | None:
    if payout.generation < LAST_GENERATION:
        return None
    return Refusal(PayoutCode.TRIED_TOO_OFTEN, count=payout.generation)


def make_due(payout: Payout) -> None:
    """One that is overdue keeps its place: the line is ordered by the time that each was due."""
    now = clock.now()
    payout.due_at = min(payout.due_at or now, now)


# Calls that may have been executed


def with_open_calls(payouts: Iterable[Payout]) -> Called:
    attempts = Attempt.objects.filter(payout__in=[payout.pk for payout in payouts])
    return {each.payout_id for each in attempts if not each.is_over}


def with_calls(payouts: Iterable[Payout]) -> Called:
    attempts = Attempt.objects.filter(payout__in=[payout.pk for payout in payouts])
    return {each.payout_id for each in attempts if each.was_called}


def ask_about_calls(payouts: Iterable[Payout]) -> None:
    """Have Heleket asked now about all calls of these payouts that may have been executed.

    The answers to what is under way come by themselves.
    """
    idle = [payout.pk for payout in payouts if payout.status != PayoutStatus.SUBMITTING]
    never_called = Q(calls=F("unsent"), is_linked=False)
    attempts = Attempt.objects.filter(payout__in=idle).exclude(never_called)
    over = Q(is_final=True, remote_status__in=FINAL_FAILURES)
    if attempts.exclude(over).update(watch_at=clock.now()):
        wakeups.wake("watch")


def request_cancel(change: Change[Payout], reason: Reason) -> str:
    """Store that it should end, and return a sentence about it."""
    payout = change.row
    if payout.cancel_asked_at is None:
        change.log_event(EventType.REQUEST_CANCEL, reason)
        payout.cancel_asked_at, payout.may_repeat = clock.now(), False
    is_sending = payout.status == PayoutStatus.SUBMITTING
    payout.wait_for(WaitingFor.ANSWER, due_at=clock.now() if is_sending else None)
    return _(
        "It may already be at Heleket. Nothing more will be sent, Heleket is asked, and it is "
        "cancelled once Heleket's answers have shown that it never had it."
    )
