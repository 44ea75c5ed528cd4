"""The one account at Heleket: binding, circuit breakers, rate limit and balances."""

from datetime import datetime, timedelta

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from audit import clock
from payouts.gateway.balance import Balance
from payouts.gateway.continuity import Continuity

__all__ = [
    "Balance",
    "BaselineRow",
    "Binding",
    "Continuity",
    "KnownAddress",
    "Pause",
    "RateLimit",
    "StandingPauses",
]

# A backoff and the wait for a probe are so long at most: days would stop the desk. Whatever is
# further away was written by a clock that was wrong.
LONGEST_WAIT = timedelta(minutes=30)


class Binding(models.Model):
    """The one gateway account this database belongs to. Its row is made once Heleket has signed
    the desk in for the first time."""

    host = models.CharField(max_length=255)
    merchant_id = models.CharField(max_length=64)
    installation = models.CharField(max_length=4)
    bound_at = models.DateTimeField()
    not_found_text = models.CharField(max_length=200, default="")
    history_before = models.DateTimeField(null=True)  # what is older is still to be read

    class Meta:
        default_permissions = ("view",)
        constraints = [models.CheckConstraint(name="one_binding", condition=Q(id=1))]

    def __str__(self) -> str:
        return f"{self.merchant_id} at {self.host}"


class KnownAddress(models.Model):
    """Where the account had paid before it was the desk's, whoever was paid there."""

    network = models.CharField(max_length=32)
    address = models.CharField(max_length=128)
    first_paid_at = models.DateTimeField()

    class Meta:
        default_permissions = ()
        constraints = [
            models.UniqueConstraint(fields=["address", "network"], name="one_known_address")
        ]

    def __str__(self) -> str:
        return f"{self.address} ({self.network})"


class BaselineRow(models.Model):
    """A payout that Heleket had before the database was bound, by Heleket's id. Written while that
    history is read for the first time, and never after."""

    uuid = models.CharField(max_length=64, unique=True)
    created_at = models.DateTimeField(null=True)  # by Heleket

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return self.uuid


class StandingPauses(models.Manager["Pause"]):
    """Breakers that are open: they hold up payouts. Of some causes one failure says too little."""

    def get_queryset(self) -> models.QuerySet["Pause"]:
        too_few = Q()
        for cause, enough in Pause.ENOUGH.items():
            too_few |= Q(cause=cause, failures__lt=enough)
        return super().get_queryset().exclude(too_few)


class Pause(models.Model):
    """A circuit breaker. Heleket cannot take requests, or not in one currency: why, and when to
    probe with one again."""

    class Cause(models.TextChoices):
        FUNDS = "funds", _("Not enough funds at Heleket")
        FORBIDDEN = "forbidden", _("Heleket has blocked payouts")
        TERMINAL = "terminal", _("Heleket is being worked on")
        UNAUTHORIZED = "unauthorized", _("Heleket refuses our key")
        SLOW_DOWN = "slow_down", _("Heleket asks us to slow down")
        UNREACHABLE = "unreachable", _("Heleket cannot be reached")
        NO_ANSWER = "no_answer", _("Heleket does not answer what is sent")
        UNKNOWN = "unknown", _("Heleket refuses with a text we do not know")

    # How many failures in a row it takes: one connection may break among many that hold.
    ENOUGH = {Cause.UNREACHABLE: 2, Cause.NO_ANSWER: 3}

    cause = models.CharField(max_length=12, choices=Cause)
    currency = models.CharField(max_length=12, default="")  # of funds; empty is all
    text = models.TextField()
    since = models.DateTimeField()
    probe_at = models.DateTimeField()
    tries = models.PositiveIntegerField(default=1)
    failures = models.PositiveIntegerField(default=1)  # in a row, no success between

    objects = StandingPauses()
    counted = models.Manager["Pause"]()  # also those of too few failures

    class Meta:
        default_permissions = ("view",)
        constraints = [models.UniqueConstraint("cause", "currency", name="one_pause_per_cause")]

    def __str__(self) -> str:
        return self.get_cause_display()

    @property
    def stands(self) -> bool:
        return self.failures >= self.ENOUGH.get(Pause.Cause(self.cause), 1)


class RateLimit(models.Model):
    """The rate limit of all processes: when any of them may call Heleket again, see
    `gateway.rate_limit`. A migration makes its row."""

    free_at = models.DateTimeField(null=True)  # by then the calls made so far have had their time
    backoff_until = models.DateTimeField(null=True)  # Heleket asked for it

    class Meta:
        default_permissions = ()
        constraints = [models.CheckConstraint(name="one_rate_limit", condition=models.Q(id=1))]

    def __str__(self) -> str:
        return str(_("Backing off") if self.is_backing_off else _("Calling"))

    @property
    def is_backing_off(self) -> bool:
        now = clock.now()
        return self.backoff_until is not None and now < self.backoff_until <= now + LONGEST_WAIT

    def busy_seconds(self, at: datetime) -> float:
        """How long the calls made so far still take at our own rate; negative if they are over."""
        return (self.free_at - at).total_seconds() if self.free_at else 0.0
