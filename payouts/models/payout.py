"""A payout and its state machine."""

import base64
import hashlib
import json
import uuid
from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal
from functools import lru_cache, reduce
from operator import or_
from typing import Any

from django.conf import settings
from django.db import models
from django.db.models import Case, F, Q, When
from django.db.models.functions import Coalesce
from django.utils.translation import gettext_lazy as _
from django_fsm import FSMField, transition

from audit import chain, clock
from audit.codes import NO_REASON, CodeField, Reason
from audit.searching import Searched
from payouts.codes import PayoutCode
from payouts.controls.models import Scope
from payouts.controls.rates import price
from payouts.models.choices import (
    USUAL_WAIT,
    WITHOUT_CALL,
    Effective,
    Origin,
    PayoutStatus,
    WaitingFor,
)
from wallets.amounts import MAX_AMOUNT, AmountField, RateField, format_amount
from wallets.codes import WalletCode
from wallets.models import Client, ReadAgain, Wallet

PAYOUT_IDS = uuid.UUID("6f1c1f4e-2f0b-5b52-9a5b-7d7f6f3b7a10")
LAST_GENERATION = 99


class PayoutQuerySet(models.QuerySet["Payout"]):
    def pending(self) -> "PayoutQuerySet":
        return self.filter(status=PayoutStatus.PENDING)

    def sendable(self) -> "PayoutQuerySet":
        """Approved ones, and lost ones whose repeat Heleket's answers allow; due or not. None that
        is to be cancelled."""
        approved = Q(status=PayoutStatus.APPROVED) & ~Q(waiting_for=WaitingFor.DISCREPANCY)
        wanted = self.filter(cancel_asked_at=None)
        return wanted.filter(approved | Q(status=PayoutStatus.SUBMITTING, may_repeat=True))

    def askable(self) -> "PayoutQuerySet":
        """Those of which only Heleket knows what became of them; due or not. One that a discrepancy
        stops is asked about as well: it may still be paid."""
        lost = Q(status=PayoutStatus.SUBMITTING, may_repeat=False)
        return self.filter(lost | Q(status=PayoutStatus.BROADCAST))

    def due(self, at: datetime) -> "PayoutQuerySet":
        return self.filter(due_at__lte=at)

    def within(self, scope: Scope) -> "PayoutQuerySet":
        return self.filter(**scope.columns)

    def outside(self, scopes: Iterable[Scope]) -> "PayoutQuerySet":
        """Those that none of these is for."""
        covered = [Q(**scope.columns) for scope in scopes]
        return self.exclude(reduce(or_, covered)) if covered else self

    def awaiting_approval(self) -> "PayoutQuerySet":
        """Those that an approver can decide about now."""
        others = [WaitingFor.ANSWER_OF_REQUESTER, WaitingFor.WALLET]
        return self.pending().exclude(waiting_for__in=others)

    def awaiting_wallet(self) -> "PayoutQuerySet":
        """Those that nobody can approve before their wallet is active."""
        return self.pending().filter(waiting_for=WaitingFor.WALLET)

    def sent_back(self) -> "PayoutQuerySet":
        """Those with a question that the requester has not answered yet."""
        return self.pending().filter(waiting_for=WaitingFor.ANSWER_OF_REQUESTER)

    def under_way(self) -> "PayoutQuerySet":
        return self.filter(status__in=[PayoutStatus.SUBMITTING, PayoutStatus.BROADCAST])

    def counted_as_paid(self) -> "PayoutQuerySet":
        """Those whose client has the money: by their status, or by what stands beside it."""
        by_status = Q(effective="", status=PayoutStatus.CONFIRMED)
        return self.filter(by_status | Q(effective=Effective.PAID))

    def going_since(self, at: datetime) -> "PayoutQuerySet":
        """Those that wait or are under way, whatever their age, and those that left since then."""
        is_paid = Q(status=PayoutStatus.CONFIRMED, effective="", finished_at__gt=at)
        after_all = Q(effective__in=[Effective.PAID, Effective.ELSEWHERE], effective_at__gt=at)
        return self.filter(Q(status__in=list(USUAL_WAIT)) | is_paid | after_all)

    def received(self) -> Any:
        """Those counted as paid, with `received_amount` and `received_currency`: what the client
        has, which is not always what was asked for."""
        after_all = Case(
            When(effective_currency="", then=F("currency")), default="effective_currency"
        )
        return self.counted_as_paid().annotate(
            received_amount=Coalesce("effective_amount", "amount"), received_currency=after_all
        )

    def for_client(self, client: Client) -> "PayoutQuerySet":
        return self.filter(client=client)


class PayoutNumber(models.Model):
    """Issues payout numbers: one row each, as SQLite has no sequences."""

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return str(self.pk)


class Payout(ReadAgain):
    """One transfer to one destination. Status changes through `transitions.change` alone."""

    id = models.UUIDField(primary_key=True, editable=False)
    number = models.PositiveBigIntegerField(_("number"), unique=True)
    client = models.ForeignKey(Client, on_delete=models.PROTECT, related_name="payouts")
    wallet = models.ForeignKey(
        Wallet, on_delete=models.PROTECT, related_name="payouts", db_index=False
    )
    network = models.CharField(_("network"), max_length=16)
    address = models.CharField(_("address"), max_length=128)
    memo = models.CharField(_("memo"), max_length=30, default="", blank=True)
    currency = models.CharField(_("currency"), max_length=12)
    amount = AmountField(_("amount"))
    purpose = models.CharField(_("purpose"), max_length=200)
    category = models.CharField(_("category"), max_length=64, default="", blank=True)
    reference = models.CharField(_("reference"), max_length=100, default="", blank=True)
    pay_from = models.DateTimeField(_("pay from"), null=True, blank=True)  # not sooner
    origin = models.CharField(_("origin"), max_length=10, choices=Origin)
    trigger = models.CharField(max_length=200, default="", blank=True)
    idempotency_key = models.CharField(max_length=200)
    fingerprint = models.CharField(max_length=64)  # of the request, as asked
    reference_rate = RateField(null=True)  # of the coin in the reference currency, at approval
    searched = Searched(["purpose", "reference"])

    status = FSMField(
        _("status"), default=PayoutStatus.PENDING, choices=PayoutStatus.choices, protected=True
    )
    waiting_for = models.CharField(
        _("waiting for"),
        max_length=20,
        choices=WaitingFor,
        default=WaitingFor.APPROVALS,
        blank=True,
    )
    waiting_since = models.DateTimeField(null=True)
    reason_code = CodeField()
    reason = models.TextField(_("reason"), default="", blank=True)  # of a person, or of Heleket
    generation = models.PositiveSmallIntegerField(default=1)
    due_at = models.DateTimeField(null=True)
    poll_count = models.PositiveIntegerField(default=0)
    may_repeat = models.BooleanField(default=False)
    cancel_asked_at = models.DateTimeField(null=True)
    is_linked = models.BooleanField(default=False)  # to one made by hand at Heleket: for ever
    last_event = models.PositiveIntegerField(default=0)

    requested_at = models.DateTimeField(_("requested"))
    requested_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+"
    )
    approved_at = models.DateTimeField(_("approved"), null=True)
    submitted_at = models.DateTimeField(_("sent"), null=True)
    finished_at = models.DateTimeField(_("finished"), null=True)

    # A final status never moves. What Heleket's word is beside it, once people have ended a
    # discrepancy with that: what left the balance, in which coin, and when they said so.
    effective = models.CharField(max_length=10, choices=Effective, default="", blank=True)
    effective_amount = AmountField(null=True)
    effective_currency = models.CharField(max_length=12, default="", blank=True)
    effective_at = models.DateTimeField(null=True)

    objects = PayoutQuerySet.as_manager()

    class Meta:
        verbose_name = _("payout")
        verbose_name_plural = _("payouts")
        default_permissions = ("add", "view")
        permissions = [
            ("edit_payout", _("Can edit a payout")),
            ("answer_payout", _("Can answer an approver's question")),
            ("approve_payout", _("Can approve a payout")),
            ("send_back_payout", _("Can send a payout back with a question")),
            ("reject_payout", _("Can reject a payout")),
            ("hold_payout", _("Can put a payout on hold")),
            ("release_payout", _("Can release a payout from hold")),
            ("send_payout", _("Can have a payout sent now")),
            ("ask_payout", _("Can ask Heleket about a payout")),
            ("cancel_payout", _("Can cancel a payout")),
            ("cancel_own_payout", _("Can cancel a payout requested by oneself")),
            ("retry_payout", _("Can retry a payout that was not paid")),
            ("export_payout", _("Can take lists of payouts and approvals home as a file")),
            ("view_flags", _("Can see warnings about a payout, and what the staff says of it")),
        ]
        constraints = [
            models.UniqueConstraint("client", "idempotency_key", name="one_payout_per_key"),
            # NaN is greater than every number in PostgreSQL: the upper bound keeps it out.
            models.CheckConstraint(
                name="payout_amount_is_payable", condition=Q(amount__gt=0, amount__lte=MAX_AMOUNT)
            ),
            models.CheckConstraint(
                name="payout_key_is_given", condition=~Q(idempotency_key="") & ~Q(purpose="")
            ),
            models.CheckConstraint(
                name="payout_status_is_known", condition=Q(status__in=PayoutStatus.values)
            ),
            models.CheckConstraint(
                name="approved_payout_has_a_rate",
                condition=~Q(status=PayoutStatus.APPROVED)
                | Q(reference_rate__isnull=False, reference_rate__gt=0),
            ),
            models.CheckConstraint(
                name="payout_effective_is_whole",
                condition=Q(effective__in=["", Effective.NOT_PAID], effective_amount=None)
                | Q(
                    effective__in=[Effective.PAID, Effective.ELSEWHERE],
                    effective_amount__gt=0,
                    effective_amount__lte=MAX_AMOUNT,
                ),
            ),
        ]
        indexes = [
            models.Index(fields=["status", "due_at"], name="payout_due"),
            models.Index(fields=["client", "-number"], name="payout_of_client"),
            models.Index(fields=["status", "-number"], name="payout_by_status"),
            models.Index(fields=["network", "-number"], name="payout_by_network"),
            models.Index(fields=["currency", "-number"], name="payout_by_currency"),
            models.Index(fields=["origin", "-number"], name="payout_by_origin"),
            models.Index(fields=["category", "-number"], name="payout_by_category"),
            models.Index(
                fields=["pay_from"], name="payout_by_date", condition=Q(pay_from__isnull=False)
            ),
            models.Index(fields=["requested_at"], name="payout_by_request"),
            models.Index(fields=["address"], name="payout_by_address"),
            models.Index(fields=["client", "currency", "amount"], name="payout_alike"),
            models.Index(fields=["wallet", "number"], name="payout_of_wallet"),
            models.Index(fields=["reference"], name="payout_by_reference"),
            models.Index(
                fields=["requested_by", "finished_at"],
                name="payout_came_back",
                condition=Q(status__in=[PayoutStatus.FAILED, PayoutStatus.REJECTED]),
            ),
            models.Index(
                fields=["status", "finished_at"],
                name="payout_by_final_word",
                condition=Q(status__in=[PayoutStatus.CONFIRMED, PayoutStatus.FAILED]),
            ),
            models.Index(
                fields=["effective"], name="payout_by_effective", condition=~Q(effective="")
            ),
            models.Index(fields=["amount", "number"], name="payout_by_amount"),
            models.Index(fields=["status", "amount", "number"], name="payout_by_status_amount"),
            models.Index(fields=["requested_by", "-number"], name="payout_by_requester"),
            models.Index(fields=["idempotency_key"], name="payout_by_key"),
            models.Index(fields=["memo"], name="payout_by_memo", condition=~Q(memo="")),
        ]

    def __str__(self) -> str:
        return f"P-{self.number}"

    @property
    def money(self) -> str:
        return f"{format_amount(self.amount)} {self.currency}"

    @property
    def reference_amount(self) -> Decimal | None:
        """What it is worth in the reference currency, by the rate that was fixed at approval."""
        return price(self.amount, self.reference_rate) if self.reference_rate else None

    @property
    def why(self) -> Reason:
        """Why it waits, or how it ended."""
        return Reason(self.reason_code, self.reason)

    @why.setter
    def why(self, reason: Reason) -> None:
        self.reason_code, self.reason = reason

    @property
    def is_under_way(self) -> bool:
        """Whether only Heleket knows what becomes of it."""
        return self.status in (PayoutStatus.SUBMITTING, PayoutStatus.BROADCAST)

    @property
    def is_ended(self) -> bool:
        return self.status not in USUAL_WAIT

    @property
    def is_sent_back(self) -> bool:
        """Whether a question about it waits for its requester."""
        return bool(self.waiting_for == WaitingFor.ANSWER_OF_REQUESTER)

    @property
    def counts_as_paid(self) -> bool:
        """Whether the client has the money, as far as is known."""
        if self.effective:
            return self.effective == Effective.PAID
        return bool(self.status == PayoutStatus.CONFIRMED)

    @property
    def differs_after_all(self) -> bool:
        """Whether the client has another sum than was asked for."""
        paid = (self.effective_amount, self.effective_currency)
        return self.effective == Effective.PAID and paid != (self.amount, self.currency)

    @staticmethod
    def id_for(installation: str, client: Client, idempotency_key: str) -> uuid.UUID:
        """The same request has the same id for ever, a restored or repeated one included."""
        name = json.dumps([installation, client.external_id, idempotency_key])
        return uuid.uuid5(PAYOUT_IDS, name)

    def order_id(self, installation: str, generation: int | None = None) -> str:
        """Heleket's idempotency key, at most 32 of [a-z0-9]: a pure function, never stored anew."""
        code = base64.b32encode(self.id.bytes).decode().rstrip("=").lower()
        return f"{installation}{code}{generation or self.generation:02d}"

    def digest(self) -> str:
        """What an approval is given for: who gets what where, and which try this is."""
        fields = (
            str(self.pk),
            self.generation,
            self.client_id,
            self.wallet_id,
            self.origin,
            self.currency,
            format_amount(self.amount),
            self.network,
            self.address,
            self.memo or "",
        )
        return digest_of((*fields, chain.stamp(self.pay_from)) if self.pay_from else fields)

    @property
    def is_early(self) -> bool:
        """Whether the day and hour that it is to be paid from is still to come."""
        return self.pay_from is not None and self.pay_from > clock.now()

    @property
    def is_for_later(self) -> bool:
        """Whether its day, or the end of the time to undo, which it waits for, is still to come."""
        return self.is_early or (self.due_at is not None and self.due_at > clock.now())

    # Transitions change their own row in memory. Who makes one logs its event before.

    def wait_for(self, what: str, *, due_at: datetime | None = None) -> None:
        if what != self.waiting_for:
            self.waiting_for, self.waiting_since = what, clock.now()
        self.due_at = due_at

    def wait_to_be_sent(self, not_before: datetime | None = None) -> None:
        """Wait for the worker, from its date on."""
        now = clock.now()
        at = max(now, not_before or now, self.pay_from or now)
        self.wait_for(WaitingFor.DATE if at > now else WaitingFor.WORKER, due_at=at)

    def wait_for_wallet(self) -> None:
        """Wait until its wallet is active, before anybody can approve it."""
        if not self.reason_code:
            self.why = Reason(WalletCode.WALLET_NOT_ACTIVE)
        self.wait_for(WaitingFor.WALLET)

    @transition(status, source=PayoutStatus.PENDING, target=PayoutStatus.APPROVED)
    def approve(self, not_before: datetime | None = None) -> None:
        """Allow sending. The caller stores the approval in the same transaction."""
        self.approved_at, self.why = clock.now(), NO_REASON
        self.wait_to_be_sent(not_before)

    @transition(
        status,
        source=[PayoutStatus.PENDING, PayoutStatus.APPROVED],
        target=PayoutStatus.PENDING,
    )
    def undo(self, reason: Reason) -> None:
        """Back to the approvers, as one of them takes an approval back. The caller voids that one;
        those of others stand, and what else it waits for is waited for."""
        if self.status == PayoutStatus.APPROVED:
            self._start_over(reason)
        elif self.waiting_for == WaitingFor.APPROVALS:
            self.why = reason

    @transition(
        status, source=[PayoutStatus.PENDING, PayoutStatus.HELD], target=PayoutStatus.REJECTED
    )
    def reject(self, reason: Reason) -> None:
        self._end(reason)

    @transition(
        status, source=[PayoutStatus.PENDING, PayoutStatus.APPROVED], target=PayoutStatus.HELD
    )
    def hold(self, reason: Reason) -> None:
        """Set aside. The caller voids the approvals."""
        self.why = reason
        self.wait_for(WaitingFor.RELEASE)

    @transition(status, source=PayoutStatus.HELD, target=PayoutStatus.PENDING)
    def release(self) -> None:
        """Back to the approvers. The caller voids the approvals."""
        self._start_over()

    @transition(
        status,
        source=[PayoutStatus.PENDING, PayoutStatus.HELD, PayoutStatus.APPROVED],
        target=PayoutStatus.CANCELLED,
    )
    def cancel(self, reason: Reason) -> None:
        """End a payout that was never sent."""
        self._end(reason)

    @transition(status, source=PayoutStatus.HELD, target=PayoutStatus.HELD)
    @transition(
        status,
        source=[PayoutStatus.PENDING, PayoutStatus.APPROVED],
        target=PayoutStatus.PENDING,
    )
    def edit(self) -> None:
        """Start over with other content. The caller has changed the fields and voids approvals.

        Who holds a payout releases it: an edit leaves it on hold, with its reason.
        """
        if self.status != PayoutStatus.HELD:
            self._start_over()

    @transition(status, source=PayoutStatus.PENDING, target=PayoutStatus.PENDING)
    def send_back(self, question: Reason) -> None:
        """Have the requester answer or edit first. What approvals it has stand."""
        self.why = question
        self.wait_for(WaitingFor.ANSWER_OF_REQUESTER)

    @transition(status, source=PayoutStatus.PENDING, target=PayoutStatus.PENDING)
    def answer(self, answer: Reason) -> None:
        """Back to the approvers as it was."""
        self.why = answer
        self.wait_for(WaitingFor.APPROVALS)

    @transition(status, source=PayoutStatus.APPROVED, target=PayoutStatus.PENDING)
    def void(self, reason: Reason) -> None:
        """Back to the approvers, as what was approved no longer stands."""
        self._start_over(reason)

    @transition(status, source=PayoutStatus.APPROVED, target=PayoutStatus.SUBMITTING)
    def claim(self) -> None:
        """From here on Heleket may have it. The attempt is stored in the same transaction."""
        self.submitted_at = self.submitted_at or clock.now()
        self.poll_count = 0

    @transition(status, source=PayoutStatus.SUBMITTING, target=PayoutStatus.BROADCAST)
    def accept(self) -> None:
        self.may_repeat, self.poll_count, self.why = False, 0, NO_REASON

    @transition(
        status,
        source=[PayoutStatus.SUBMITTING, PayoutStatus.BROADCAST],
        target=PayoutStatus.CONFIRMED,
    )
    def confirm(self) -> None:
        """Heleket's final word to our own call: paid."""
        self._end(NO_REASON)

    @transition(
        status,
        source=[PayoutStatus.SUBMITTING, PayoutStatus.BROADCAST],
        target=PayoutStatus.FAILED,
    )
    def fail(self, reason: Reason) -> None:
        """Not paid, for certain: Heleket's final word, an outright refusal, or the release time."""
        self._end(reason)

    @transition(status, source=PayoutStatus.SUBMITTING, target=PayoutStatus.APPROVED)
    def put_back(self) -> None:
        """Nothing was executed and no call is unanswered: it may be sent later."""
        self.may_repeat = False

    @transition(status, source=PayoutStatus.SUBMITTING, target=PayoutStatus.CANCELLED)
    def withdraw(self, reason: Reason) -> None:
        """End it as never sent: asked to cancel, and unknown at Heleket past the release time."""
        self._end(reason)

    @transition(status, source=PayoutStatus.FAILED, target=PayoutStatus.PENDING)
    def retry(self) -> None:
        """Ask for approval again, under a new `order_id`."""
        self.generation += 1
        self.submitted_at = None
        self._start_over()

    @transition(
        status,
        source=[PayoutStatus.PENDING, PayoutStatus.HELD, PayoutStatus.APPROVED],
        target=PayoutStatus.BROADCAST,
    )
    def link(self) -> None:
        """People found that Heleket has a payout which is this one. Its word ends it then."""
        self.submitted_at = self.submitted_at or clock.now()

    def stop(self, *, due_at: datetime | None = None) -> None:
        """Nothing is sent and no status moves until its discrepancies are closed. `due_at` is when
        Heleket is asked next what it has."""
        self.may_repeat = False
        self.wait_for(WaitingFor.DISCREPANCY, due_at=due_at)

    def go_on(self) -> None:
        """Wait again for what its status waits for; what the worker handles is due at once."""
        usual = USUAL_WAIT.get(PayoutStatus(self.status), "")
        if usual == WaitingFor.APPROVALS and self.reason_code == PayoutCode.SENT_BACK:
            usual = WaitingFor.ANSWER_OF_REQUESTER
        if self.cancel_asked_at and self.status in WITHOUT_CALL:
            self.wait_for(WaitingFor.ANSWER)
            return
        if usual == WaitingFor.WORKER:
            self.wait_to_be_sent()
            return
        acts_alone = usual in (WaitingFor.ANSWER, WaitingFor.FINAL_WORD)
        self.wait_for(usual, due_at=clock.now() if acts_alone else None)

    def _start_over(self, reason: Reason = NO_REASON) -> None:
        self.approved_at, self.finished_at, self.why = None, None, reason
        self.cancel_asked_at, self.may_repeat = None, False
        self.wait_for(WaitingFor.APPROVALS)

    def _end(self, reason: Reason) -> None:
        self.why, self.finished_at = reason, clock.now()
        self.may_repeat = False
        self.wait_for("")


@lru_cache(maxsize=4096)  # an act asks for that of each of its rows several times
def digest_of(fields: tuple[str | int, ...]) -> str:
    return hashlib.sha256(json.dumps(fields).encode()).hexdigest()
