"""The journal: what each payout costs, owes, reserves and has sent, as entries that balance."""

import re

from django.conf import settings
from django.core.validators import RegexValidator
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from audit.texts import one_line
from payouts.models.choices import label_of
from payouts.models.payout import Payout
from wallets.amounts import MAX_AMOUNT, AmountField

OPENING = "opening"  # kinds of entries that no event has caused
FEE = "fee"
OF_ITSELF = {OPENING: _("Journal opened"), FEE: _("Fee known")}


class AccountKind(models.TextChoices):
    """What an account is for. Costs, fees and losses grow by debits, the others by credits."""

    COST = "cost", _("Cost of payouts")
    OWED = "owed", _("Owed to clients")
    RESERVED = "reserved", _("On its way at Heleket")
    SENT = "sent", _("Sent from the balance at Heleket")
    FEES = "fees", _("Fees of Heleket")
    LOST = "lost", _("Paid elsewhere")  # it left the balance, and not to the client


class Side(models.TextChoices):
    DEBIT = "debit", _("debit")
    CREDIT = "credit", _("credit")


def first_of_month(field: str, name: str) -> models.CheckConstraint:
    return models.CheckConstraint(name=name, condition=Q(**{f"{field}__day": 1}))


class Entry(models.Model):
    """What one event moved. A trigger refuses one whose postings are missing or do not balance, and
    one of a closed month; rows are only added.

    `effective_on` is the day that it is about, by Heleket's calendar. It counts in `month`, by its
    first day: that of the day, or the next open one where that is closed, which `names_month` is
    then.
    """

    id = models.BigAutoField(primary_key=True)
    payout = models.ForeignKey(Payout, on_delete=models.PROTECT, related_name="entries")
    event_number = models.PositiveIntegerField()  # of the payout's event that caused it
    kind = models.CharField(_("kind"), max_length=20)  # that event's type, OPENING or FEE
    at = models.DateTimeField(_("written"))
    effective_on = models.DateField(_("day"))
    month = models.DateField(_("month"))
    names_month = models.DateField(_("closed month of its day"), null=True)

    class Meta:
        verbose_name = _("journal entry")
        verbose_name_plural = _("journal")
        default_permissions = ("view",)
        constraints = [
            first_of_month("month", "entry_month_is_a_month"),
            models.CheckConstraint(
                name="entry_names_an_earlier_month",
                condition=Q(names_month=None) | Q(names_month__lt=models.F("month")),
            ),
        ]
        indexes = [
            models.Index(fields=["month", "id"], name="entry_by_month"),
            models.Index(fields=["effective_on", "id"], name="entry_by_day"),
        ]

    def __str__(self) -> str:
        return str(self.pk)

    @property
    def title(self) -> str:
        return str(OF_ITSELF.get(self.kind) or label_of(self.kind))


class Posting(models.Model):
    """One line of an entry, with the codes of the day. It is stored before its entry, and a trigger
    refuses one of an entry that is there already."""

    entry = models.ForeignKey(Entry, on_delete=models.PROTECT, related_name="postings")
    kind = models.CharField(_("kind of account"), max_length=10, choices=AccountKind)
    account = models.CharField(_("account"), max_length=100)
    cost_centre = models.CharField(_("cost centre"), max_length=64, default="")
    currency = models.CharField(_("currency"), max_length=12)
    side = models.CharField(_("side"), max_length=6, choices=Side)
    amount = AmountField(_("amount"))

    class Meta:
        verbose_name = _("posting")
        verbose_name_plural = _("postings")
        default_permissions = ()
        constraints = [
            models.CheckConstraint(
                name="posting_has_an_amount", condition=Q(amount__gt=0, amount__lte=MAX_AMOUNT)
            ),
            models.CheckConstraint(
                name="posting_is_named",
                condition=Q(side__in=Side.values, kind__in=AccountKind.values) & ~Q(account=""),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.side} {self.account}"


class ClosedMonth(models.Model):
    """A month to which nothing is posted any more. What its file says is stored once."""

    month = models.DateField(_("month"), unique=True)  # its first day
    closed_at = models.DateTimeField(_("closed"))
    closed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+"
    )
    proposed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+"
    )
    cut = models.JSONField(default=dict, blank=True)
    root = models.CharField(max_length=64, default="", blank=True)
    sha256 = models.CharField(max_length=64, default="", blank=True)
    facts = models.JSONField(default=dict, blank=True)

    class Meta:
        verbose_name = _("closed month")
        verbose_name_plural = _("closed months")
        default_permissions = ("view",)
        ordering = ["month"]
        constraints = [first_of_month("month", "closed_month_is_a_month")]

    def __str__(self) -> str:
        return f"{self.month:%Y-%m}"


CODE = RegexValidator(
    re.compile(r"\A[^\W_](?:[\w.:/&+-]| (?! ))*(?<![\s:])\Z"),
    _("Letters, digits and single blanks, with : between an account and what is under it."),
)


def one_code(text: str) -> None:
    """Two blanks or a semicolon would end the name of an account in a plain text journal."""
    one_line(text)
    CODE(text)


class AccountRule(models.Model):
    """Which account and cost centre postings of one kind get. What is left empty fits all; of those
    that fit, the one that says most is taken: see `payouts.accounts`."""

    kind = models.CharField(_("kind of account"), max_length=10, choices=AccountKind)
    currency = models.CharField(_("coin"), max_length=12, default="", blank=True)
    group = models.CharField(_("group of the client"), max_length=64, default="", blank=True)
    category = models.CharField(_("category"), max_length=64, default="", blank=True)
    account = models.CharField(_("account"), max_length=100, validators=[one_code])
    cost_centre = models.CharField(
        _("cost centre"), max_length=64, default="", blank=True, validators=[one_code]
    )
    is_active = models.BooleanField(_("in use"), default=True)

    class Meta:
        verbose_name = _("account")
        verbose_name_plural = _("accounts")
        ordering = ["kind", "currency", "group", "category"]
        default_permissions = ("add", "change", "view")
        constraints = [
            models.UniqueConstraint(
                fields=["kind", "currency", "group", "category"],
                name="one_account_per_case",
                violation_error_message=_("There is an account for this case already."),
            ),
            models.CheckConstraint(name="account_has_code", condition=~Q(account="")),
        ]

    def __str__(self) -> str:
        return self.account

    def clean(self) -> None:
        self.currency = self.currency.upper()
