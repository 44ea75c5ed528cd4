"""The pages of the books: how days and months stand, both proofs of a day, what moved balances
beside payouts, and the closing of a month."""

from collections import defaultdict
from collections.abc import Callable, Iterable
from datetime import date
from decimal import Decimal
from functools import partial
from typing import IO, Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import FileResponse, Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect
from django.urls import URLPattern, path
from django.utils.html import format_html
from django.utils.http import content_disposition_header
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST

from audit.actor import Actor
from audit.refusals import Refused
from payouts import documents
from payouts.admin.lists import DeskAdmin
from payouts.admin.notes import posted
from payouts.admin.templatetags.payouts import money
from payouts.books import (
    closing,
    falls,
    movements,
    overview,
    payout_proof,
    signing,
)
from payouts.books.balance_proof import Period
from payouts.books.forms import FileForm, MovementForm, ProposeForm, TakeBackForm
from payouts.books.models import BalanceReading, Closing, Fall, Movement
from payouts.books.movements import Wish
from payouts.books.pictures import picture_of
from payouts.days import (
    DAY,
    begins_at,
    last_day,
    month_of,
    next_month,
    read_day,
    read_month,
    today,
)
from payouts.gateway import balance
from payouts.models.journal import ClosedMonth
from payouts.notes import File
from payouts.staff import two_people
from payouts.staff.pages import ID, StaffRequest, actor_of, require

SEES, ENTERS, CLOSES = movements.SEES, movements.RIGHT, closing.RIGHT
ROWS_SHOWN = 200
DAYS_DRAWN = 35
FOR_ONE_ALONE = {
    "Content-Security-Policy": "sandbox; default-src 'none'",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "private, no-store",
}


@admin.register(Movement)
class BooksAdmin(DeskAdmin):
    """Movements as a list, and around it the pages of the books."""

    list_title = gettext_lazy("Movements")
    list_before_template = "books/movements_hint.html"
    change_list_template = "payouts/records.html"
    when_empty = gettext_lazy("Nobody has entered anything yet")
    list_display = ["day", "sum", "what", "evidence_of", "who", "of_when", "acts"]
    list_display_links = None
    ordering = ["-day", "-pk"]
    sortable_by: list[str] = []
    list_filter = ["direction", "category"]
    search_fields = ["evidence", "currency"]

    def get_urls(self) -> list[URLPattern]:
        def page(route: str, view: Callable[..., HttpResponseBase], name: str) -> URLPattern:
            of_staff: Any = self.admin_site.admin_view(view)
            url: URLPattern = path(route, of_staff, name=f"payouts_books_movement_{name}")
            return url

        return [
            page("", self.changelist_view, "changelist"),
            page("enter/", self.enter, "enter"),
            page("file/", self.file, "file"),
            page("file/enter/", require_POST(self.enter_file), "file_confirm"),
            page("<int:pk>/take-back/", self.take_back, "take_back"),
            page("<int:pk>/document/", self.fetch, "document"),
            page("books/", self.books, "books"),
            page("days/<slug:day>/", self.day, "day"),
            page("coins/<slug:coin>/", self.coin, "coin"),
            page("months/<slug:month>/", self.month, "month"),
            page("months/<slug:month>/propose/", self.propose, "propose"),
            page("months/<slug:month>/confirm/", require_POST(self.confirm), "confirm"),
            page("months/<slug:month>/withdraw/", require_POST(self.withdraw), "withdraw"),
            page("months/<slug:month>/file/", self.month_file, "month_document"),
        ]

    # How it stands

    def of_books(
        self, request: StaffRequest, template: str, title: Any, **context: Any
    ) -> HttpResponse:
        """Show a page that is no list of movements, so it is not called so."""
        return self.page(request, template, title, opts=None, **context)

    def books(self, request: StaffRequest) -> HttpResponse:
        """All months, and the days of one of them."""
        require(request, SEES)
        first, begin = overview.first_open_month(), overview.begins_on()
        month = read_month(request.GET.get("month", "")) or month_of(today())
        closed = ClosedMonth.objects.select_related("closed_by", "proposed_by").order_by("-month")
        known = list(balance.known().values())
        context = {
            "month": month,
            "before": month_of(month - DAY),
            "after": next_month(month) if next_month(month) <= today() else None,
            "days": list(reversed(overview.days_of(month, last_day(month)))),
            "begin": begin,
            "open_months": open_months(first),
            "closed": closed,
            "falls": falls.standing(),
            "balances": [each for each in known if each.amount],
            "empty_ones": [each for each in known if not each.amount],
            "may_enter": request.user.has_perm(ENTERS),
        }
        return self.of_books(request, "books/books.html", _("Books"), **context)

    def day(self, request: StaffRequest, day: str) -> HttpResponse:
        """Both proofs of a day, side by side for each coin."""
        require(request, SEES)
        if (on := read_day(day)) is None:
            raise Http404
        found = overview.days_of(on, on)
        of_day = found[0] if found else None
        context = {
            "day": on,
            "of_day": of_day,
            "coins": side_by_side(of_day) if of_day else [],
            "unmoved": unmoved(of_day) if of_day else [],
            "discrepancies": payout_proof.discrepancies_of(on),
            "movements": Movement.objects.filter(day=on)
            .select_related("entered_by")
            .order_by("pk"),
            "falls": [each for each in falls.standing() if each.fall.day == on],
            "before": on - DAY,
            "after": on + DAY if on < today() else None,
            "month": month_of(on),
            "may_enter": request.user.has_perm(ENTERS),
            "sees_discrepancies": request.user.has_perm("payouts.view_discrepancy"),
            "begin": overview.begins_on(),
        }
        title = _("Books of %s") % on
        return self.of_books(request, "books/day.html", title, **context)

    def coin(self, request: StaffRequest, coin: str) -> HttpResponse:
        """What a coin's balance did lately, as a picture and as a list."""
        require(request, SEES)
        until = today()
        said = list(
            BalanceReading.objects.filter(
                currency=coin, at__gte=begins_at(until - DAYS_DRAWN * DAY)
            ).order_by("at", "pk")
        )
        if not said:
            raise Http404
        clear = [each for each in said if each.is_clear]
        moved = Movement.objects.filter(currency=coin, day__gte=until - DAYS_DRAWN * DAY)
        fell = Fall.objects.filter(currency=coin, day__gte=until - DAYS_DRAWN * DAY)
        periods = [
            period
            for of_day in reversed(overview.days_of(until - DAYS_DRAWN * DAY, until))
            for period in of_day.periods
            if period.currency == coin and period.last_day == of_day.day
        ]
        context = {
            "coin": coin,
            "picture": picture_of(clear, list(moved), list(fell.select_related("reading"))),
            "readings": said[::-1][:ROWS_SHOWN],
            "periods": periods,
            "may_enter": request.user.has_perm(ENTERS),
        }
        return self.of_books(request, "books/coin.html", _("Balance"), **context)

    # Movements

    def enter(self, request: StaffRequest) -> HttpResponse:
        require(request, ENTERS)
        coins = sorted(movements.Open().coins)
        names = ("currency", "direction", "amount", "category")
        asked = {name: request.GET.get(name, "") for name in names}
        asked["day"] = request.GET.get("day") or today().isoformat()
        form = MovementForm(*posted(request), coins=coins, initial=asked)
        day = read_day(asked["day"])
        return self.ask(
            request,
            form,
            partial(enter, actor_of(request)),
            template="books/enter.html",
            title=_("Enter a movement"),
            back=self.url("day", day) if day and "day" in request.GET else self.url("changelist"),
        )

    def file(self, request: StaffRequest) -> HttpResponse:
        """Show what a file would enter; nothing is entered yet."""
        require(request, ENTERS)
        form, plan = FileForm(*posted(request)), None
        if request.method == "POST" and form.is_valid():
            sent = form.cleaned_data["file"]
            try:
                plan = movements.plan(sent.content, actor=actor_of(request))
                documents.keep(sent.content)
            except Refused as exc:
                form.add_error(None, str(exc))
        context = {
            "form": form,
            "plan": plan,
            "rows": plan.rows[:ROWS_SHOWN] if plan else [],
            "sums": sums_of(plan.rows) if plan else [],
            "like": movements.like_ones(plan.rows) if plan else set(),
            "name": form.cleaned_data["file"].name if plan else "",
            "columns": ",".join(movements.COLUMNS),
            "categories": Movement.Category.choices,
            "back": self.url("changelist"),
        }
        return self.page(request, "books/file.html", _("Enter a file"), **context)

    def enter_file(self, request: StaffRequest) -> HttpResponse:
        require(request, ENTERS)
        sha256, name = request.POST.get("sha256", ""), request.POST.get("name", "")
        try:
            content = documents.read(sha256) if movements.SHA256.fullmatch(sha256) else b""
            entered = movements.enter_file(name, content, sha256, actor=actor_of(request))
        except Refused as exc:
            messages.error(request, str(exc))
            return redirect(self.url("file"))
        messages.success(request, _("%d movements entered.") % len(entered))
        return redirect(self.url("changelist"))

    def take_back(self, request: StaffRequest, pk: int) -> HttpResponse:
        require(request, ENTERS)
        row = get_object_or_404(Movement, pk=pk)
        return self.ask(
            request,
            TakeBackForm(request.POST or None),
            partial(take_back, row.pk, actor_of(request)),
            template="books/take_back.html",
            title=_("Take this movement back?"),
            back=self.url("changelist"),
            row=row,
        )

    def fetch(self, request: StaffRequest, pk: int) -> HttpResponseBase:
        """Hand out a document as it was added. No browser shows it: it may say anything."""
        require(request, SEES)
        row = get_object_or_404(Movement.objects.exclude(sha256=""), pk=pk)
        try:
            content = documents.read(row.sha256)
        except Refused as exc:
            messages.error(request, str(exc))
            return redirect(self.url("changelist"))
        return download(content, row.file_name)

    # Months

    def month(self, request: StaffRequest, month: str) -> HttpResponse:
        require(request, SEES)
        of_month = self.read(month)
        state = closing.state_of(of_month)
        waiting = closing.proposed(of_month)
        closed = ClosedMonth.objects.filter(month=of_month)
        context = {
            "month": of_month,
            "state": state,
            "open_days": state.open_days,
            "coins": sorted(state.facts["coins"].items()),
            "payouts": state.facts.get("payouts", {}),
            "closed": closed.select_related("closed_by", "proposed_by").first(),
            "fingerprint": signing.fingerprint(),
            "closing": Closing.objects.filter(month=of_month).select_related("joint").first(),
            "proposed": waiting,
            "is_own": waiting and waiting.proposed_by_id == request.user.pk,
            "is_outdated": waiting and waiting.facts != state.digest,
            "is_abandoned": waiting and two_people.is_abandoned(waiting, CLOSES),
            "may_close": request.user.has_perm(CLOSES),
            "before": month_of(of_month - DAY),
            "after": next_month(of_month) if next_month(of_month) <= today() else None,
        }
        title = _("Books of %s") % closing.in_words(of_month)
        return self.of_books(request, "books/month.html", title, **context)

    def propose(self, request: StaffRequest, month: str) -> HttpResponse:
        require(request, CLOSES)
        of_month = self.read(month)
        state = closing.state_of(of_month)
        form = ProposeForm(request.POST or None, initial={"seen": state.digest})
        return self.ask(
            request,
            form,
            partial(propose, of_month, actor_of(request)),
            template="books/propose.html",
            title=_("Close %s?") % closing.in_words(of_month),
            back=self.url("month", month),
            state=state,
        )

    def confirm(self, request: StaffRequest, month: str) -> HttpResponse:
        facts, actor = request.POST.get("seen", ""), actor_of(request)
        return self.act_on_proposed(
            request, month, lambda on, joint: closing.confirm(on, joint, facts, actor=actor)
        )

    def withdraw(self, request: StaffRequest, month: str) -> HttpResponse:
        actor = actor_of(request)
        return self.act_on_proposed(
            request, month, lambda on, joint: closing.withdraw(on, joint, actor=actor)
        )

    def act_on_proposed(
        self, request: StaffRequest, month: str, act: Callable[[date, int], str]
    ) -> HttpResponse:
        require(request, CLOSES)
        of_month, proposal = self.read(month), request.POST.get("proposal", "")
        try:
            joint = int(proposal) if ID.fullmatch(proposal) else 0
            messages.success(request, act(of_month, joint))
        except Refused as exc:
            messages.error(request, str(exc))
        return redirect(self.url("month", month))

    def month_file(self, request: StaffRequest, month: str) -> HttpResponseBase:
        """Hand out the file of a closed month."""
        require(request, SEES)
        closed = get_object_or_404(ClosedMonth.objects.exclude(sha256=""), month=self.read(month))
        try:
            file = documents.open_large(closed.sha256)
        except Refused as exc:
            messages.error(request, str(exc))
            return redirect(self.url("month", month))
        name = f"{closing.in_words(closed.month)}.zip"
        return FileResponse(file, as_attachment=True, filename=name, headers=FOR_ONE_ALONE)

    def read(self, month: str) -> date:
        found = read_month(month)
        if found is None:
            raise Http404
        return found

    # The list of movements

    def get_queryset(self, request: HttpRequest) -> QuerySet[Movement]:
        found: QuerySet[Movement] = super().get_queryset(request)
        return found.select_related("entered_by", "takes_back", "taken_back_by")

    def changelist_view(self, request: Any, extra_context: Any = None) -> HttpResponse:
        context = {"may_enter": request.user.has_perm(ENTERS)}
        return super().changelist_view(request, {**(extra_context or {}), **context})

    def get_list_display(self, request: HttpRequest) -> Any:
        shown = super().get_list_display(request)
        return shown if request.user.has_perm(ENTERS) else shown[:-1]

    @admin.display(description=gettext_lazy("amount"))
    def sum(self, row: Movement) -> str:
        sign = "+" if row.direction == Movement.Direction.IN else "−"
        return format_html("{}{}", sign, money(row.amount, row.currency))

    @admin.display(description=gettext_lazy("category"))
    def what(self, row: Movement) -> str:
        if row.takes_back_id:
            return _("Taken back: %s") % row.get_category_display()
        return row.get_category_display()

    @admin.display(description=gettext_lazy("evidence"))
    def evidence_of(self, row: Movement) -> str:
        link = format_html(
            ' <a class="link" href="{}">{}</a>', self.url("document", row.pk), row.file_name
        )
        return format_html("<bdi>{}</bdi>{}", row.evidence, link if row.sha256 else "")

    @admin.display(description=gettext_lazy("by"))
    def who(self, row: Movement) -> str:
        return format_html("<bdi>{}</bdi>", row.entered_by)

    @admin.display(description=gettext_lazy("entered"))
    def of_when(self, row: Movement) -> str:
        words = f"{row.entered_at:%Y-%m-%d %H:%M}"
        if row.happened_on != row.day:
            return _("%(at)s, happened on %(day)s") % {"at": words, "day": row.happened_on}
        return words

    @admin.display(description=gettext_lazy("correction"))
    def acts(self, row: Movement) -> str:
        if row.takes_back_id or hasattr(row, "taken_back_by"):
            return _("taken back") if not row.takes_back_id else ""
        url = self.url("take_back", row.pk)
        return format_html('<a class="link" href="{}">{}</a>', url, _("Take back"))


def enter(
    actor: Actor, file: File | None, day: date, happened_on: date | None, **cells: Any
) -> str:
    """Enter what a form holds, and return a sentence about it. Raises Refused."""
    wish = Wish(
        day=day,
        happened_on=happened_on,
        currency=cells["currency"],
        direction=Movement.Direction(cells["direction"]),
        amount=cells["amount"],
        category=Movement.Category(cells["category"]),
        evidence=cells["evidence"],
    )
    row = movements.enter(wish, file, actor=actor)
    return _("Entered: %s.") % row


def take_back(movement_id: int, actor: Actor, reason: str) -> str:
    row = movements.take_back(movement_id, reason, actor=actor)
    return _("Entered: %s.") % row


def propose(month: date, actor: Actor, seen: str, reason: str) -> str:
    return closing.propose(month, seen, reason, actor=actor)


def download(content: bytes | IO[bytes], name: str) -> HttpResponseBase:
    kind = "application/octet-stream"
    headers = FOR_ONE_ALONE | {"Content-Disposition": content_disposition_header(True, name) or ""}
    if isinstance(content, bytes):
        return HttpResponse(content, content_type=kind, headers=headers)
    return FileResponse(content, content_type=kind, headers=headers)  # large: sent as it is read


def open_months(first: date | None) -> list[date]:
    """Return the months that are not closed, the next to be closed first."""
    found = []
    while first and first <= today():
        found.append(first)
        first = next_month(first)
    return found


def side_by_side(of_day: overview.Day) -> list[dict[str, Any]]:
    """Return both proofs of each coin of which anything moved, or may have."""
    payouts = {each.currency: each for each in of_day.payouts.coins}
    periods = {each.currency: each for each in of_day.periods}
    still = {each.currency for each in unmoved(of_day)}
    return [
        {"coin": coin, "payouts": payouts.get(coin), "balance": periods.get(coin)}
        for coin in sorted((payouts.keys() | periods.keys()) - still)
    ]


def unmoved(of_day: overview.Day) -> list[Period]:
    """Return the balances that stayed as they were, without any payout."""
    paid = {each.currency for each in of_day.payouts.coins}
    return [each for each in of_day.periods if each.is_still and each.currency not in paid]


def sums_of(rows: Iterable[Movement]) -> list[tuple[str, Decimal, Decimal]]:
    """Return what comes in and goes out of each coin."""
    came: dict[str, Decimal] = defaultdict(Decimal)
    went: dict[str, Decimal] = defaultdict(Decimal)
    for row in rows:
        (came if row.direction == Movement.Direction.IN else went)[row.currency] += row.amount
    return [(coin, came[coin], went[coin]) for coin in sorted({*came, *went})]
