"""What Heleket's list said, day by day, and who read it when; restores that are put right, with
what was done of each."""

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from audit.actor import Channel
from payouts.gateway.models import BaselineRow
from wallets.amounts import AmountField

__all__ = ["BaselineRow", "DaySum", "ListedDay", "Restore", "RestoreStep", "Run", "Sweep"]


class Run(models.Model):
    """One reading of Heleket's list against ours. One without an end is under way, or its process
    was killed: then it is simply made again."""

    first_day = models.DateField(_("from"))  # of Heleket, both included
    last_day = models.DateField(_("to"))
    started_at = models.DateTimeField(_("started"))
    finished_at = models.DateTimeField(_("ended"), null=True)
    channel = models.CharField(max_length=10, choices=Channel)
    person = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+"
    )
    rows = models.PositiveIntegerField(_("payouts"), default=0)
    pages = models.PositiveIntegerField(_("pages"), default=0)
    healed = models.PositiveIntegerField(_("healed"), default=0)
    opened = models.PositiveIntegerField(_("discrepancies opened"), default=0)
    is_whole = models.BooleanField(default=False)
    error = models.TextField(default="")

    class Meta:
        default_permissions = ()
        indexes = [models.Index(fields=["-started_at"], name="run_newest_first")]

    def __str__(self) -> str:
        return f"{self.first_day} - {self.last_day}"


class Sweep(models.Model):
    """What the worker reads again and again, and how far it has come: what stands here is all that
    the next turn needs, in whichever process."""

    name = models.CharField(max_length=8, primary_key=True)
    due_at = models.DateTimeField()  # when the next one begins
    run = models.ForeignKey(Run, on_delete=models.PROTECT, null=True, related_name="+")
    position = models.DateTimeField(null=True)  # what is before it has been read
    end = models.DateTimeField(null=True)
    taken_until = models.DateTimeField(null=True)  # by a turn whose calls are under way
    failures = models.PositiveIntegerField(default=0)  # in a row
    day = models.JSONField(default=dict)  # what the list said of the day that is being read
    suspects = models.JSONField(default=list)  # what Heleket is still to be asked about
    is_searched = models.BooleanField(default=False)  # for what no list has had

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return self.name


class ListedDay(models.Model):
    """A day of Heleket, as its list had it when it was last read from beginning to end.

    `is_whole` is false for a day that was not over by then.
    """

    day = models.DateField(primary_key=True)
    read_at = models.DateTimeField()
    is_whole = models.BooleanField()

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return str(self.day)


class DaySum(models.Model):
    """What Heleket's list says of one coin on one day, without what it had before the desk. Paid
    and failed are its final words; all else is open."""

    day = models.ForeignKey(ListedDay, on_delete=models.CASCADE, related_name="sums")
    currency = models.CharField(max_length=20)
    paid_count = models.PositiveIntegerField(default=0)
    paid_sum = AmountField(default=0)
    open_count = models.PositiveIntegerField(default=0)
    open_sum = AmountField(default=0)
    failed_count = models.PositiveIntegerField(default=0)
    failed_sum = AmountField(default=0)

    class Meta:
        default_permissions = ()
        constraints = [models.UniqueConstraint("day", "currency", name="one_sum_per_day_and_coin")]

    def __str__(self) -> str:
        return f"{self.day_id} {self.currency}"


class Restore(models.Model):
    """A backup was put back, and two people have the desk put right. One at a time, and kept."""

    reason = models.TextField()
    # Heleket's list is compared from here on: what came later may be missing from the database.
    since = models.DateTimeField()
    begun_at = models.DateTimeField(_("begun"))
    proposed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+"
    )
    confirmed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+"
    )
    # Approvals are voided in the order of the payouts' numbers: up to which, and what was the last.
    voided_to = models.PositiveBigIntegerField(default=0)
    last_number = models.PositiveBigIntegerField(default=0)
    voided = models.PositiveIntegerField(default=0)
    compared_to = models.DateField(null=True)  # Heleket's days, one after the other
    is_open = models.BooleanField(default=True)
    ended_at = models.DateTimeField(_("ended"), null=True)

    class Meta:
        default_permissions = ()
        verbose_name = _("restore")
        constraints = [
            models.UniqueConstraint(
                "is_open", condition=Q(is_open=True), name="one_restore_at_a_time"
            ),
            models.CheckConstraint(
                name="restore_is_open_or_ended",
                condition=Q(is_open=True, ended_at=None) | Q(is_open=False, ended_at__isnull=False),
            ),
            models.CheckConstraint(
                name="restore_takes_two", condition=~Q(proposed_by=F("confirmed_by"))
            ),
        ]

    def __str__(self) -> str:
        return str(self.begun_at)


class RestoreStep(models.Model):
    """One thing of the list that is done."""

    restore = models.ForeignKey(Restore, on_delete=models.PROTECT, related_name="steps")
    name = models.CharField(max_length=20)
    done_at = models.DateTimeField()
    done_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+"
    )
    count = models.PositiveIntegerField(default=0)
    seen = models.CharField(max_length=64, default="")  # a digest of what a person confirmed

    class Meta:
        default_permissions = ()
        constraints = [models.UniqueConstraint("restore", "name", name="one_step_of_a_restore")]

    def __str__(self) -> str:
        return self.name
