"""Filters of the list of payouts: one form, whose fields narrow the list one by one."""

from collections.abc import Callable, Iterator
from datetime import date, datetime, time, timedelta
from typing import Any

from django import forms
from django.contrib.admin import ListFilter
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db.models import Exists, OuterRef, Q
from django.http import HttpRequest
from django.utils.timezone import make_aware
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from audit import clock
from payouts.admin.widgets import Boxes, Choice
from payouts.models import Approval, Category, Origin, PayoutQuerySet, PayoutStatus
from wallets.amounts import AmountFormField
from wallets.coins import NETWORKS
from wallets.models import PayoutMethod

Choices = list[tuple[str, Any]]
ANY: tuple[str, Any] = ("", gettext_lazy("Any"))
FIRST_DAY, LAST_DAY = date(2000, 1, 1), date(2999, 12, 31)
PERIODS = {
    "1": gettext_lazy("Last 24 hours"),
    "7": gettext_lazy("Last 7 days"),
    "30": gettext_lazy("Last 30 days"),
    "90": gettext_lazy("Last 90 days"),
}


COMING, DATED = "coming", "dated"
DATES = {
    COMING: gettext_lazy("A day to come, the next first"),
    DATED: gettext_lazy("Any day"),
}


def currencies() -> Choices:
    codes = PayoutMethod.objects.order_by("currency").values_list("currency", flat=True)
    return [ANY, *((code, code) for code in codes.distinct())]


def categories() -> Choices:
    return [ANY, *((name, name) for name in Category.objects.values_list("name", flat=True))]


def people() -> Choices:
    """Everybody who works or worked here: somebody who left has payouts as well."""
    logins = User.objects.filter(is_staff=True).order_by("username").values_list("pk", "username")
    return [ANY, *((str(pk), login) for pk, login in logins)]


def choice(label: Any, choices: Choices | None = None) -> forms.ChoiceField:
    return forms.ChoiceField(label=label, choices=choices or [], required=False, widget=Choice)


def boxes(label: Any, choices: Choices) -> forms.MultipleChoiceField:
    return forms.MultipleChoiceField(label=label, choices=choices, required=False, widget=Boxes)


def day(label: Any) -> forms.DateField:
    widget = forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")
    bounds = [MinValueValidator(FIRST_DAY), MaxValueValidator(LAST_DAY)]
    return forms.DateField(label=label, widget=widget, required=False, validators=bounds)


class PeriodForm(forms.Form):
    """Two days, both of which belong to the period."""

    from_day = day(gettext_lazy("From"))
    to_day = day(gettext_lazy("To"))

    def clean(self) -> dict[str, Any]:
        data: dict[str, Any] = super().clean() or self.cleaned_data
        first, last = data.get("from_day"), data.get("to_day")
        if first and last and first > last:
            raise ValidationError(_("The period ends before it begins."))
        return data


class FilterForm(PeriodForm):
    field_order = ["network", "currency", "requester", "approver", "days"]

    network = choice(gettext_lazy("Network"), [ANY, *NETWORKS.items()])
    currency = choice(gettext_lazy("Coin"))
    requester = choice(gettext_lazy("Requested by"))
    approver = choice(gettext_lazy("Approved by"))
    from_day = day(gettext_lazy("Requested from"))
    to_day = day(gettext_lazy("Requested until"))
    amount_from = AmountFormField(label=gettext_lazy("Amount from"), required=False)
    amount_to = AmountFormField(label=gettext_lazy("Amount to"), required=False)
    days = choice(gettext_lazy("Period"), [ANY, *PERIODS.items()])
    memo = forms.CharField(label=gettext_lazy("Memo"), required=False, max_length=30)
    category = choice(gettext_lazy("Category"))
    date = choice(gettext_lazy("Pay from"), [ANY, *DATES.items()])
    status__exact = boxes(gettext_lazy("Status"), PayoutStatus.choices)
    origin__exact = boxes(gettext_lazy("Origin"), Origin.choices)

    def __init__(self, *args: Any, sees_flags: bool, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        offered, staff = self.fields, people()
        offered["currency"].choices = currencies()  # type: ignore[attr-defined]
        offered["category"].choices = categories()  # type: ignore[attr-defined]
        offered["requester"].choices = staff  # type: ignore[attr-defined]
        offered["approver"].choices = staff if sees_flags else [ANY]  # type: ignore[attr-defined]
        if not sees_flags:  # who decided is not for everybody: asked all the same, it finds nothing
            offered["approver"].widget = forms.HiddenInput()


def approved_by(person: str) -> Q:
    """An approval of this person that stands."""
    standing = Approval.objects.filter(voided_at=None, decision=Approval.Decision.APPROVED)
    return Q(Exists(standing.filter(payout=OuterRef("pk"), person=int(person))))


def beginning_of(day: date) -> datetime:
    return make_aware(datetime.combine(day, time.min))


def end_of(day: date) -> datetime:
    return beginning_of(day + timedelta(days=1))


def since(days: str) -> Q:
    return Q(requested_at__gte=clock.now() - timedelta(days=int(days)))


def on_a_date(which: str) -> Q:
    return Q(pay_from__gt=clock.now()) if which == COMING else Q(pay_from__isnull=False)


CONDITIONS: dict[str, Callable[[Any], Q]] = {
    "network": lambda network: Q(network=network),
    "currency": lambda currency: Q(currency=currency),
    "requester": lambda person: Q(requested_by=person),
    "approver": approved_by,
    "amount_from": lambda amount: Q(amount__gte=amount),
    "amount_to": lambda amount: Q(amount__lte=amount),
    "from_day": lambda day: Q(requested_at__gte=beginning_of(day)),
    "to_day": lambda day: Q(requested_at__lt=end_of(day)),
    "days": since,
    "category": lambda category: Q(category=category),
    "date": on_a_date,
    "status__exact": lambda statuses: Q(status__in=statuses),
    "origin__exact": lambda origins: Q(origin__in=origins),
    "memo": lambda memo: Q(memo=memo) & ~Q(memo=""),  # in these words it has an index
}


class PayoutFilter(ListFilter):
    """What somebody typed wrongly finds nothing, and the page says why: a filter that is left out
    in silence would show payouts that nobody asked for."""

    title = gettext_lazy("facts")
    template = "payouts/_filter.html"

    def __init__(self, request: HttpRequest, params: dict[str, Any], model: Any, admin: Any):
        super().__init__(request, params, model, admin)
        for name in self.expected_parameters():
            if name in params:
                is_list = isinstance(FilterForm.base_fields[name], forms.MultipleChoiceField)
                texts = params.pop(name)
                self.used_parameters[name] = texts if is_list else texts[-1]
        sees_flags = request.user.has_perm("payouts.view_flags")
        self.form = FilterForm(self.used_parameters, sees_flags=sees_flags)

    def expected_parameters(self) -> list[str | None]:
        return list(FilterForm.base_fields)

    def has_output(self) -> bool:
        return True

    def choices(self, changelist: Any) -> Iterator[dict[str, Any]]:
        yield {"form": self.form}

    def queryset(self, request: HttpRequest, queryset: Any) -> PayoutQuerySet:
        payouts: PayoutQuerySet = queryset
        if not self.form.is_valid():
            return payouts.none()
        for name, value in self.form.cleaned_data.items():
            if value:
                payouts = payouts.filter(CONDITIONS[name](value))
        return payouts

    @property
    def is_of_days(self) -> bool:
        """Whether days were chosen, which are found fastest in the order of time."""
        return bool(self.used_parameters.keys() & {"from_day", "to_day"})


def is_by_date(request: HttpRequest) -> bool:
    """Whether the list shows payouts with a date, so that this is what it is ordered by."""
    return request.GET.get("date") in DATES
