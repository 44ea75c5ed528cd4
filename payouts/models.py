"""Payouts, their state machine, and everything that is written down about them."""

import base64
import hashlib
import json
import uuid
from datetime import datetime
from typing import Any

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _
from django_fsm import FSMField, transition

from audit import clock
from audit.models import StatusEvent
from wallets.amounts import MAX_AMOUNT, AmountField, format_amount
from wallets.models import Client, ReadAgain, Wallet

PAYOUT_IDS = uuid.UUID("6f1c1f4e-2f0b-5b52-9a5b-7d7f6f3b7a10")
LAST_GENERATION = 99
FINAL_FAILURES = frozenset({"fail", "system_fail", "cancel"})  # Heleket's words


class PayoutStatus(models.TextChoices):
    PENDING = "pending", _("Waiting for approval")
    HELD = "held", _("On hold")
    APPROVED = "approved", _("Approved")
    SUBMITTING = "submitting", _("Sending")
    BROADCAST = "broadcast", _("At Heleket")
    CONFIRMED = "confirmed", _("Paid")
    FAILED = "failed", _("Not paid")
    REJECTED = "rejected", _("Rejected")
    CANCELLED = "cancelled", _("Cancelled")


class WaitingFor(models.TextChoices):
    APPROVALS = "approvals", _("approval")
    RELEASE = "release", _("release")
    WORKER = "worker", _("worker")
    SWITCH = "switch", _("switch")
    FUNDS = "funds", _("funds")
    LIMIT = "limit", _("limit")
    RATE = "rate", _("rate")
    SERVICE = "service", _("service")
    WALLET = "wallet", _("wallet")
    GATEWAY = "gateway", _("Heleket")
    ANSWER = "answer", _("answer")
    FINAL_WORD = "final_word", _("final word")
    DISCREPANCY = "discrepancy", _("discrepancy")


USUAL_WAIT = {
    PayoutStatus.PENDING: WaitingFor.APPROVALS,
    PayoutStatus.HELD: WaitingFor.RELEASE,
    PayoutStatus.APPROVED: WaitingFor.WORKER,
    PayoutStatus.SUBMITTING: WaitingFor.ANSWER,
    PayoutStatus.BROADCAST: WaitingFor.FINAL_WORD,
}


# No call of these is under way, though an earlier one may have been executed.
WITHOUT_CALL = (PayoutStatus.PENDING, PayoutStatus.HELD, PayoutStatus.APPROVED)


class Origin(models.TextChoices):
    MANUAL = "manual", _("by hand")
    SCHEDULED = "scheduled", _("plan")
    BONUS = "bonus", _("bonus rule")
    API = "api", _("API")
    IMPORT = "import", _("import")


class EventType(models.TextChoices):
    REQUEST = "request", _("Requested")
    EDIT = "edit", _("Changed")
    APPROVE = "approve", _("Approved")
    REJECT = "reject", _("Rejected")
    HOLD = "hold", _("Put on hold")
    RELEASE = "release", _("Released")
    CANCEL = "cancel", _("Cancelled")
    REQUEST_CANCEL = "request_cancel", _("Cancellation asked for")
    WITHDRAW = "withdraw", _("Cancelled: Heleket never had it")
    VOID = "void", _("Approval void")
    RETRY = "retry", _("Tried again")
    EXPEDITE = "expedite", _("Sending asked for")
    REQUEST_CHECK = "request_check", _("Question to Heleket asked for")
    WAIT = "wait", _("Has to wait")
    CLAIM = "claim", _("Sent to Heleket")
    REPEAT = "repeat", _("Sent again, the same request")
    ACCEPT = "accept", _("Heleket has it")
    CONFIRM = "confirm", _("Paid")
    FAIL = "fail", _("Not paid")
    PUT_BACK = "put_back", _("Nothing came of it: it goes out again")
    NO_ANSWER = "no_answer", _("No answer from Heleket")
    NOT_FOUND = "not_found", _("Heleket does not know it")
    ALLOW_REPEAT = "allow_repeat", _("It may be sent again")
    REFUSED = "refused", _("Heleket refused a repeat, which proves nothing")
    NOT_EXECUTED = "not_executed", _("A repeat was not executed, which proves nothing")
    LATE_REFUSAL = "late_refusal", _("A late refusal, which changes nothing")
    UNSENT = "unsent", _("Not sent")
    NEWS = "news", _("News from Heleket")
    DISCREPANCY = "discrepancy", _("Heleket and the desk differ")
    CLOSE_DISCREPANCY = "close_discrepancy", _("Discrepancy closed")


class MakerRole(models.TextChoices):
    """What a maker did."""

    REQUESTED = "requested", _("requested it")
    EDITED = "edited", _("edited it")
    WALLET = "wallet", _("added its wallet")
    IMPORTED = "imported", _("imported it")
    PLANNED = "planned", _("changed its plan or rule")
    KEY = "key", _("issued the API key")
    RETRIED = "retried", _("tried it again")


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

    def under_way(self) -> "PayoutQuerySet":
        return self.filter(status__in=[PayoutStatus.SUBMITTING, PayoutStatus.BROADCAST])

    def for_client(self, client: Client) -> "PayoutQuerySet":
        return self.filter(client=client)


class PayoutNumber(models.Model):
    """Hands out payout numbers: one row each, as SQLite has no sequences."""

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return str(self.pk)


class Payout(ReadAgain):
    """One transfer to one destination. Status changes through `transitions.change` alone."""

    id = models.UUIDField(primary_key=True, editable=False)
    number = models.PositiveBigIntegerField(_("number"), unique=True)
    client = models.ForeignKey(Client, on_delete=models.PROTECT, related_name="payouts")
    wallet = models.ForeignKey(Wallet, on_delete=models.PROTECT, related_name="payouts")
    network = models.CharField(_("network"), max_length=16)
    address = models.CharField(_("address"), max_length=128)
    memo = models.CharField(_("memo"), max_length=30, default="", blank=True)
    currency = models.CharField(_("currency"), max_length=12)
    amount = AmountField(_("amount"))
    purpose = models.CharField(_("purpose"), max_length=200)
    reference = models.CharField(_("reference"), max_length=100, default="", blank=True)
    origin = models.CharField(_("origin"), max_length=10, choices=Origin)
    trigger = models.CharField(max_length=200, default="", blank=True)
    idempotency_key = models.CharField(max_length=200)
    fingerprint = models.CharField(max_length=64)  # of the request, as asked
    reference_amount = AmountField(null=True)
    reference_rate = AmountField(null=True)

    status = FSMField(
        _("status"), default=PayoutStatus.PENDING, choices=PayoutStatus.choices, protected=True
    )
    waiting_for = models.CharField(
        _("waiting for"),
        max_length=12,
        choices=WaitingFor,
        default=WaitingFor.APPROVALS,
        blank=True,
    )
    waiting_since = models.DateTimeField(null=True)
    status_reason = models.TextField(_("reason"), default="", blank=True)
    generation = models.PositiveSmallIntegerField(default=1)
    due_at = models.DateTimeField(null=True)
    poll_count = models.PositiveIntegerField(default=0)
    may_repeat = models.BooleanField(default=False)
    cancel_asked_at = models.DateTimeField(null=True)
    last_event = models.PositiveIntegerField(default=0)

    requested_at = models.DateTimeField(_("requested"))
    requested_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+"
    )
    approved_at = models.DateTimeField(_("approved"), null=True)
    submitted_at = models.DateTimeField(_("sent"), null=True)
    finished_at = models.DateTimeField(_("finished"), null=True)

    objects = PayoutQuerySet.as_manager()

    class Meta:
        verbose_name = _("payout")
        verbose_name_plural = _("payouts")
        default_permissions = ("add", "view")
        permissions = [
            ("edit_payout", _("Can edit a payout")),
            ("approve_payout", _("Can approve a payout")),
            ("reject_payout", _("Can reject a payout")),
            ("hold_payout", _("Can put a payout on hold")),
            ("release_payout", _("Can release a payout from hold")),
            ("send_payout", _("Can have a payout sent now")),
            ("ask_payout", _("Can ask Heleket about a payout")),
            ("cancel_payout", _("Can cancel a payout")),
            ("cancel_own_payout", _("Can cancel a payout requested by oneself")),
            ("retry_payout", _("Can retry a payout that was not paid")),
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
        ]
        indexes = [
            models.Index(fields=["status", "due_at"], name="payout_due"),
            models.Index(fields=["client", "-number"], name="payout_of_client"),
            models.Index(fields=["status", "-number"], name="payout_by_status"),
            models.Index(fields=["network", "-number"], name="payout_by_network"),
            models.Index(fields=["currency", "-number"], name="payout_by_currency"),
            models.Index(fields=["origin", "-number"], name="payout_by_origin"),
            models.Index(fields=["requested_at"], name="payout_by_request"),
            models.Index(fields=["address"], name="payout_by_address"),
            models.Index(fields=["reference"], name="payout_by_reference"),
        ]

    def __str__(self) -> str:
        return f"P-{self.number}"

    @property
    def money(self) -> str:
        return f"{format_amount(self.amount)} {self.currency}"

    @property
    def is_under_way(self) -> bool:
        """Whether only Heleket knows what becomes of it."""
        return self.status in (PayoutStatus.SUBMITTING, PayoutStatus.BROADCAST)

    @property
    def is_ended(self) -> bool:
        return self.status not in USUAL_WAIT

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
        fields = [
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
        ]
        return hashlib.sha256(json.dumps(fields).encode()).hexdigest()

    # Transitions change their own row in memory. Who makes one logs its event before.

    def wait_for(self, what: str, *, due_at: datetime | None = None) -> None:
        if what != self.waiting_for:
            self.waiting_for, self.waiting_since = what, clock.now()
        self.due_at = due_at

    @transition(status, source=PayoutStatus.PENDING, target=PayoutStatus.APPROVED)
    def approve(self) -> None:
        """Allow sending. The caller has stored the approvals that the policy asks for."""
        self.approved_at = clock.now()
        self.wait_for(WaitingFor.WORKER, due_at=self.approved_at)

    @transition(
        status, source=[PayoutStatus.PENDING, PayoutStatus.HELD], target=PayoutStatus.REJECTED
    )
    def reject(self, reason: str) -> None:
        self._end(reason)

    @transition(
        status, source=[PayoutStatus.PENDING, PayoutStatus.APPROVED], target=PayoutStatus.HELD
    )
    def hold(self, reason: str) -> None:
        """Set aside. The caller voids the approvals."""
        self.status_reason = reason
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
    def cancel(self, reason: str) -> None:
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

    @transition(status, source=PayoutStatus.APPROVED, target=PayoutStatus.PENDING)
    def void(self, reason: str) -> None:
        """Back to the approvers, as what was approved no longer stands."""
        self._start_over(reason)

    @transition(status, source=PayoutStatus.APPROVED, target=PayoutStatus.SUBMITTING)
    def claim(self) -> None:
        """From here on Heleket may have it. The attempt is stored in the same transaction."""
        self.submitted_at = self.submitted_at or clock.now()
        self.poll_count = 0

    @transition(status, source=PayoutStatus.SUBMITTING, target=PayoutStatus.BROADCAST)
    def accept(self) -> None:
        self.may_repeat, self.poll_count, self.status_reason = False, 0, ""

    @transition(
        status,
        source=[PayoutStatus.SUBMITTING, PayoutStatus.BROADCAST],
        target=PayoutStatus.CONFIRMED,
    )
    def confirm(self) -> None:
        """Heleket's final word to our own call: paid."""
        self._end("")

    @transition(
        status,
        source=[PayoutStatus.SUBMITTING, PayoutStatus.BROADCAST],
        target=PayoutStatus.FAILED,
    )
    def fail(self, reason: str) -> None:
        """Not paid, for certain: Heleket's final word, an outright refusal, or the release time."""
        self._end(reason)

    @transition(status, source=PayoutStatus.SUBMITTING, target=PayoutStatus.APPROVED)
    def put_back(self) -> None:
        """Nothing was executed and no call is unanswered: it may be sent later."""
        self.may_repeat = False

    @transition(status, source=PayoutStatus.SUBMITTING, target=PayoutStatus.CANCELLED)
    def withdraw(self, reason: str) -> None:
        """End it as never sent: asked to cancel, and unknown at Heleket past the release time."""
        self._end(reason)

    @transition(status, source=PayoutStatus.FAILED, target=PayoutStatus.PENDING)
    def retry(self) -> None:
        """Ask for approval again, under a new `order_id`."""
        self.generation += 1
        self.submitted_at = None
        self._start_over()

    def stop(self, *, due_at: datetime | None = None) -> None:
        """Nothing is sent and no status moves until its discrepancies are closed. `due_at` is when
        Heleket is asked next what it has."""
        self.may_repeat = False
        self.wait_for(WaitingFor.DISCREPANCY, due_at=due_at)

    def go_on(self) -> None:
        """Wait again for what its status waits for; what the worker handles is due at once."""
        usual = USUAL_WAIT.get(PayoutStatus(self.status), "")
        if self.cancel_asked_at and self.status in WITHOUT_CALL:
            self.wait_for(WaitingFor.ANSWER)
            return
        acts_alone = usual in (WaitingFor.WORKER, WaitingFor.ANSWER, WaitingFor.FINAL_WORD)
        self.wait_for(usual, due_at=clock.now() if acts_alone else None)

    def _start_over(self, reason: str = "") -> None:
        self.approved_at, self.finished_at, self.status_reason = None, None, reason
        self.cancel_asked_at, self.may_repeat = None, False
        self.wait_for(WaitingFor.APPROVALS)

    def _end(self, reason: str) -> None:
        self.status_reason, self.finished_at = reason, clock.now()
        self.may_repeat = False
        self.wait_for("")


class PayoutMaker(models.Model):
    """A person who had a hand in what is paid, and so may not approve it."""

    payout = models.ForeignKey(Payout, on_delete=models.PROTECT, related_name="makers")
    person = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    role = models.CharField(max_length=10, choices=MakerRole)

    class Meta:
        default_permissions = ()
        constraints = [models.UniqueConstraint("payout", "person", "role", name="one_row_per_role")]

    def __str__(self) -> str:
        return f"{self.person} {self.get_role_display()}"


class Approval(models.Model):
    """One person's decision on what they saw."""

    class Decision(models.TextChoices):
        APPROVED = "approved", _("approved")
        REJECTED = "rejected", _("rejected")

    payout = models.ForeignKey(Payout, on_delete=models.PROTECT, related_name="approvals")
    person = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="approvals"
    )
    decided_at = models.DateTimeField()
    decision = models.CharField(max_length=10, choices=Decision)
    digest = models.CharField(max_length=64)
    policy_version = models.PositiveIntegerField()
    voided_at = models.DateTimeField(null=True)
    void_reason = models.TextField(default="")

    class Meta:
        default_permissions = ()
        constraints = [
            models.UniqueConstraint(
                "payout", "person", condition=Q(voided_at=None), name="one_standing_decision"
            )
        ]

    def __str__(self) -> str:
        return f"{self.person} {self.decision}"


class Attempt(models.Model):
    """One create call and its repeats: the owner of an `order_id`, and what Heleket says of it."""

    payout = models.ForeignKey(Payout, on_delete=models.PROTECT, related_name="attempts")
    generation = models.PositiveSmallIntegerField()
    order_id = models.CharField(max_length=32, unique=True)
    gateway_host = models.CharField(max_length=255)
    merchant_id = models.CharField(max_length=64)
    body = models.TextField()  # the exact bytes of every call; they are ASCII
    created_at = models.DateTimeField()

    calls = models.PositiveIntegerField(default=0)
    unsent = models.PositiveIntegerField(default=0)  # calls of which nothing can have left us
    unanswered = models.JSONField(
        default=list
    )  # numbers of the calls without an answer of their own
    lease_until = models.DateTimeField(null=True)
    quiet_until = models.DateTimeField(null=True)
    not_found_at = models.DateTimeField(null=True)
    not_found_count = models.PositiveIntegerField(default=0)
    refusal = models.TextField(default="")
    # Heleket's words that say nothing of the payout, with how often each came.
    unclear = models.JSONField(default=dict)
    # From here on it counts as never executed; Heleket is asked all the same for a month.
    released_at = models.DateTimeField(null=True)
    # When Heleket last said that it will pay nothing for it: not found late enough, or failed.
    clear_at = models.DateTimeField(null=True)
    watch_at = models.DateTimeField(null=True)

    uuid = models.CharField(max_length=64, unique=True, null=True)
    remote_status = models.CharField(max_length=32, default="")
    is_final = models.BooleanField(default=False)
    txid = models.CharField(max_length=200, default="")
    commission = AmountField(null=True)
    merchant_amount = AmountField(null=True)
    payer_amount = AmountField(null=True)
    payer_currency = models.CharField(max_length=12, default="")
    sources = models.JSONField(default=dict)  # which kind of answer told each of the facts above
    answer = models.TextField(default="")  # Heleket's last answer, cut, without secrets
    answer_status = models.PositiveSmallIntegerField(null=True)
    answered_at = models.DateTimeField(null=True)

    class Meta:
        default_permissions = ()
        constraints = [
            models.UniqueConstraint("payout", "generation", name="one_attempt_per_generation"),
        ]
        indexes = [
            models.Index(fields=["watch_at"], name="attempt_watch"),
            models.Index(fields=["txid"], name="attempt_by_txid"),
        ]

    def __str__(self) -> str:
        return self.order_id

    @property
    def is_open_question(self) -> bool:
        """Whether Heleket may have it without our knowing: a call's answer never came."""
        return bool(self.unanswered) and self.uuid is None and self.released_at is None

    @property
    def was_called(self) -> bool:
        """Whether anything of it can have reached Heleket."""
        return self.calls > self.unsent

    @property
    def has_failed(self) -> bool:
        """Whether Heleket's final word is that it did not pay."""
        return self.is_final and self.remote_status in FINAL_FAILURES

    @property
    def is_over(self) -> bool:
        """Whether it counts as not paid for good: never called, failed finally, or released."""
        return not self.was_called or self.has_failed or self.released_at is not None


class PayoutEvent(StatusEvent):
    payout = models.ForeignKey(Payout, on_delete=models.PROTECT, related_name="events")

    class Meta(StatusEvent.Meta):
        abstract = False
        constraints = [models.UniqueConstraint("payout", "number", name="one_event_per_number")]

    def fields(self) -> list[Any]:
        return [str(self.payout_id), *super().fields()]


class WebhookDelivery(models.Model):
    """A verified webhook as it came, once, with the number of times it came."""

    digest = models.CharField(max_length=64, unique=True)
    body = models.TextField()
    outcome = models.CharField(max_length=10)
    order_id = models.CharField(max_length=100, default="", db_index=True)
    received_at = models.DateTimeField()
    repeated_at = models.DateTimeField(null=True)
    count = models.PositiveIntegerField(default=1)

    class Meta:
        verbose_name = _("webhook")
        default_permissions = ("view",)

    def __str__(self) -> str:
        return f"{self.order_id} {self.outcome}"


class Discrepancy(models.Model):
    """Heleket and the desk differ. Open until a named person closes it with a reason."""

    class Kind(models.TextChoices):
        DIFFERENT = "different", _("Heleket has another payout under our order id")
        UUID_TAKEN = "uuid_taken", _("Heleket's id belongs to another payout of ours")
        CONTRADICTION = "contradiction", _("Heleket contradicts a final word")
        FOUND_LATE = "found_late", _("Heleket has a payout that we took for never sent")
        VANISHED = "vanished", _("Heleket no longer knows a payout it had")
        EARLIER = "earlier", _("An earlier try of this payout may still be paid")
        UNKNOWN_WORD = "unknown_word", _("Heleket ended it with a word that we do not know")
        UNCLEAR = "unclear", _("Heleket's answers say nothing of this payout")

    kind = models.CharField(_("kind"), max_length=16, choices=Kind)
    key = models.CharField(max_length=200)
    payout = models.ForeignKey(
        Payout, on_delete=models.PROTECT, null=True, related_name="discrepancies"
    )
    attempt = models.ForeignKey(Attempt, on_delete=models.PROTECT, null=True, related_name="+")
    is_critical = models.BooleanField(_("critical"), default=False)
    ours = models.TextField(_("ours"))
    theirs = models.TextField(_("theirs"))
    opened_at = models.DateTimeField(_("opened"))
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+"
    )
    closed_at = models.DateTimeField(_("closed"), null=True)
    closed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+"
    )
    close_reason = models.TextField(default="")

    class Meta:
        verbose_name = _("discrepancy")
        verbose_name_plural = _("discrepancies")
        default_permissions = ("view",)
        permissions = [("close_discrepancy", _("Can close a discrepancy"))]
        constraints = [
            models.UniqueConstraint(
                "kind", "key", condition=Q(closed_at=None), name="one_open_discrepancy"
            )
        ]

    def __str__(self) -> str:
        return self.get_kind_display()
