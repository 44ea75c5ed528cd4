"""The journal in the Admin: its entries, and files of them to take home."""

from datetime import date
from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import ValidationError
from django.db.models import Exists, Max, Min, OuterRef, QuerySet
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.urls import URLPattern, path, reverse
from django.utils.formats import date_format
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.contrib.filters.admin import DropdownFilter
from unfold.decorators import display
from unfold.widgets import UnfoldAdminSelectWidget

from payouts.admin.exports import RIGHT, send_file
from payouts.admin.filters import PeriodForm, currencies
from payouts.admin.records import RecordAdmin
from payouts.admin.search import of_number
from payouts.admin.taken import Tally
from payouts.admin.templatetags.payouts import money
from payouts.books.journal_export import Format, Span, written
from payouts.days import next_month
from payouts.models import Entry, Payout, Posting
from payouts.staff.pages import StaffRequest, require

Choices = list[tuple[str, Any]]


def months() -> list[tuple[str, str]]:
    """The months of the journal, the newest first: from its first to its last, two look-ups."""
    found = Entry.objects.aggregate(first=Min("month"), last=Max("month"))
    month, named = found["first"], list[tuple[str, str]]()
    while month and month <= found["last"]:
        named.append((f"{month:%Y-%m}", date_format(month, "F Y")))
        month = next_month(month)
    return named[::-1]


def month_called(name: str) -> date | None:
    try:
        return date.fromisoformat(f"{name}-01")
    except ValueError:
        return None


class MonthFilter(DropdownFilter):
    title = gettext_lazy("month")
    parameter_name = "month"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Choices:
        return list(months())

    def queryset(self, request: HttpRequest, queryset: QuerySet[Entry]) -> QuerySet[Entry]:
        month = month_called(self.value() or "")
        return queryset.filter(month=month) if month else queryset


class CoinFilter(DropdownFilter):
    title = gettext_lazy("coin")
    parameter_name = "coin"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Choices:
        return currencies()[1:]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Entry]) -> QuerySet[Entry]:
        return queryset.filter(has_posting(currency=self.value())) if self.value() else queryset


def has_posting(**of: Any) -> Exists:
    return Exists(Posting.objects.filter(entry=OuterRef("pk"), **of))


class TakeForm(PeriodForm):
    """A month, or two days that both belong to it."""

    month = forms.ChoiceField(
        label=gettext_lazy("Month"), required=False, widget=UnfoldAdminSelectWidget
    )
    file_format = forms.ChoiceField(
        label=gettext_lazy("Kind of file"), choices=Format.choices, widget=UnfoldAdminSelectWidget
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["month"].choices = [("", _("The days below")), *months()]  # type: ignore[attr-defined]

    def clean(self) -> dict[str, Any]:
        data = super().clean()
        days = [data.get("from_day"), data.get("to_day")]
        if data.get("month"):
            data["span"] = Span(month=month_called(data["month"]))
        elif all(days):
            data["span"] = Span(first=days[0], last=days[1])
        else:
            raise ValidationError(_("Choose a month, or say the first and the last day."))
        return data


@admin.register(Entry)
class JournalAdmin(RecordAdmin):
    change_list_template = "books/journal.html"
    list_title = gettext_lazy("Journal")
    when_empty = gettext_lazy("Nothing is posted yet: the first approval of a payout begins it")
    list_display = ["number", "effective_on", "counts_in", "about", "title_of", "lines"]
    list_filter = [MonthFilter, CoinFilter]
    list_filter_submit = True
    list_select_related = ["payout"]
    search_fields = ["pk"]  # shows the box; get_search_results searches
    search_help_text = gettext_lazy("A payout's number, or the whole code of an account")
    ordering = ["-pk"]
    sortable_by: list[str] = []
    fields = readonly_fields = [
        "number",
        "at",
        "effective_on",
        "counts_in",
        "about",
        "title_of",
        "lines",
    ]

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.take)
        return [path("take/", view, name="payouts_entry_take"), *super().get_urls()]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Entry]:
        rows: QuerySet[Entry] = super().get_queryset(request)
        return rows.prefetch_related("postings")

    def changelist_view(self, request: StaffRequest, extra_context: Any = None) -> HttpResponse:
        context = {"may_take": request.user.has_perm(RIGHT)}
        return super().changelist_view(request, {**(extra_context or {}), **context})

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Entry], search_term: str
    ) -> tuple[QuerySet[Entry], bool]:
        text = search_term.strip()
        if not text:
            return queryset, False
        account = has_posting(account=text)
        if (named := of_number(text)) is not None:
            # An account may be a number, too: of a payout if there is one of this number.
            payouts = list(Payout.objects.filter(named).values_list("pk", flat=True))
            return queryset.filter(payout__in=payouts) if payouts else queryset.filter(
                account
            ), False
        return queryset.filter(account), False

    def take(self, request: StaffRequest) -> HttpResponse | StreamingHttpResponse:
        """Ask for a month or some days, and hand out the journal of them."""
        require(request, "payouts.view_entry")
        require(request, RIGHT)
        form = TakeForm(request.POST if request.method == "POST" else None)
        if request.method == "POST" and form.is_valid():
            return self.file(request, form.cleaned_data["span"], form.cleaned_data["file_format"])
        return self.page(request, "books/take_journal.html", _("The journal as a file"), form=form)

    def file(self, request: StaffRequest, span: Span, file_format: str) -> StreamingHttpResponse:
        tally, asked = Tally(), {"file_format": file_format, **span.named}
        text = written(span, file_format, tally)
        if file_format == Format.CSV:
            return send_file(request, "journal", text, tally, asked)
        kind = "text/plain"
        return send_file(request, "journal", text, tally, asked, ending="journal", kind=kind)

    @display(description=gettext_lazy("number"))
    def number(self, entry: Entry) -> str:
        return str(entry.pk)

    @display(description=gettext_lazy("month"))
    def counts_in(self, entry: Entry) -> str:
        month = date_format(entry.month, "F Y")
        if entry.names_month is None:
            return month
        closed = date_format(entry.names_month, "F Y")
        return _("%(month)s, as %(closed)s is closed") % {"month": month, "closed": closed}

    @display(description=gettext_lazy("payout"))
    def about(self, entry: Entry) -> SafeString:
        url = reverse("admin:payouts_payout_change", args=[entry.payout_id])
        return format_html('<a class="link" href="{}">{}</a>', url, entry.payout)

    @display(description=gettext_lazy("what"))
    def title_of(self, entry: Entry) -> str:
        return entry.title

    @display(description=gettext_lazy("postings"))
    def lines(self, entry: Entry) -> SafeString:
        return format_html_join(
            "",
            "<div>{} {} <bdi>{}</bdi>{}</div>",
            (
                (
                    each.get_side_display(),
                    money(each.amount, each.currency),
                    each.account,
                    format_html(" · <bdi>{}</bdi>", each.cost_centre) if each.cost_centre else "",
                )
                for each in entry.postings.all()
            ),
        )
