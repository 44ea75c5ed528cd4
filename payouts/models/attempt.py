"""One create call and its repeats, with what Heleket says of it."""

from datetime import timedelta

from django.db import models
from django.db.models import Q

from audit import clock
from payouts.models.payout import Payout
from wallets.amounts import AmountField

FINAL_FAILURES = frozenset({"fail", "system_fail", "cancel"})  # Heleket's words
MAY_TURN_UP = timedelta(days=30)  # what was lost and released is asked about for so long


class AttemptQuerySet(models.QuerySet["Attempt"]):
    def out(self) -> "AttemptQuerySet":
        """Those with a call that may still be made or answered: claimed, no answer, within the
        lease."""
        return self.filter(lease_until__gt=clock.now()).exclude(unanswered=[])

    def unknown(self) -> "AttemptQuerySet":
        """Those that Heleket may have under an id which we do not know: a call went without an
        answer of its own, of late."""
        lately = clock.now() - MAY_TURN_UP
        return self.filter(uuid=None, lease_until__gt=lately).exclude(unanswered=[])

    def may_turn_up(self) -> "AttemptQuerySet":
        """Those, and what was refused or released and is asked about all the same."""
        return self.unknown() | self.filter(uuid=None, watch_at__isnull=False)


class Attempt(models.Model):
    """One create call and its repeats: the owner of an `order_id`, and what Heleket says of it."""

    payout = models.ForeignKey(Payout, on_delete=models.PROTECT, related_name="attempts")
    generation = models.PositiveSmallIntegerField()
    order_id = models.CharField(max_length=32, unique=True)
    gateway_host = models.CharField(max_length=255)
    merchant_id = models.CharField(max_length=64)
    body = models.TextField()  # the exact bytes of every call; they are ASCII
    created_at = models.DateTimeField()
    # Made by hand at Heleket, and found by people to be this payout. It was never called from here,
    # and Heleket is asked about it by its own id, as it does not know our order id.
    is_linked = models.BooleanField(default=False)

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

    # What people found that became of it, where Heleket went back on its word: see `effective`.
    taken_for = models.JSONField(null=True)

    uuid = models.CharField(max_length=64, unique=True, null=True)
    remote_status = models.CharField(max_length=32, default="")
    is_final = models.BooleanField(default=False)
    created_there_at = models.DateTimeField(null=True)  # Heleket's day of it is that of the books
    txid = models.CharField(max_length=200, default="")
    commission = AmountField(null=True)
    merchant_amount = AmountField(null=True)
    payer_amount = AmountField(null=True)
    payer_currency = models.CharField(max_length=12, default="")
    sources = models.JSONField(default=dict)  # which kind of answer gave each of the facts above
    answer = models.TextField(default="")  # Heleket's last answer, cut, without secrets
    answer_status = models.PositiveSmallIntegerField(null=True)
    answered_at = models.DateTimeField(null=True)

    objects = AttemptQuerySet.as_manager()

    class Meta:
        default_permissions = ()
        constraints = [
            models.UniqueConstraint("payout", "generation", name="one_attempt_per_generation"),
            models.CheckConstraint(
                name="linked_attempt_is_never_called",
                condition=Q(is_linked=False) | Q(calls=0, lease_until=None, uuid__isnull=False),
            ),
        ]
        indexes = [
            models.Index(fields=["watch_at"], name="attempt_watch"),
            models.Index(fields=["txid"], name="attempt_by_txid"),
            models.Index(fields=["created_there_at"], name="attempt_by_creation_there"),
        ]

    def __str__(self) -> str:
        return self.order_id

    @property
    def is_open_question(self) -> bool:
        """Whether Heleket may have it without our knowing: a call's answer never came."""
        return bool(self.unanswered) and self.uuid is None and self.released_at is None

    @property
    def was_called(self) -> bool:
        """Whether anything of it can have reached Heleket, by a call or by hand."""
        return self.is_linked or self.calls > self.unsent

    @property
    def linked_uuid(self) -> str:
        """By what Heleket is asked about it, if not by our order id."""
        return (self.uuid or "") if self.is_linked else ""

    @property
    def is_awaited(self) -> bool:
        """Whether Heleket's final word on a linked one is still to come: beside a final status it
        is waited for all the same."""
        is_open = not self.is_final and self.released_at is None and self.taken_for is None
        return self.is_linked and is_open

    @property
    def has_failed(self) -> bool:
        """Whether Heleket's final word is that it did not pay."""
        return self.is_final and self.remote_status in FINAL_FAILURES

    @property
    def is_over(self) -> bool:
        """Whether it counts as not paid for good: never called, failed finally, or released."""
        return not self.was_called or self.has_failed or self.released_at is not None
