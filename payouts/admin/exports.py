"""Lists that people take home: payouts as filtered, and who approved what. CSV, as it is read.

A file of a million rows needs no more memory than one of a thousand, and no long transaction: rows
are read some at a time, in an order that never changes.
"""

import csv
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, TypeVar

from django.contrib import messages
from django.contrib.admin.options import IncorrectLookupParameters
from django.db.models import Model, QuerySet
from django.http import HttpResponseNotAllowed, StreamingHttpResponse
from django.shortcuts import redirect
from django.urls import URLPattern, path
from django.utils.timezone import localdate, localtime
from django.utils.translation import gettext as _

from audit import clock
from payouts.admin import taken
from payouts.admin.export_cells import (
    APPROVAL_HEAD,
    PAYOUT_HEAD,
    Cells,
    approvals_in_cells,
    payouts_in_cells,
)
from payouts.admin.filters import PeriodForm, beginning_of, end_of
from payouts.admin.rows import PayoutList, comes_after
from payouts.models import Approval
from payouts.staff.pages import DeskPages, StaffRequest, actor_of, require

RIGHT = "payouts.export_payout"
AT_ONCE = 1000
FORMULAS = tuple("=+-@\t\r\n＝＋－＠")
# Where text would become a formula if a spreadsheet of another country split it. Most split at
# semicolons or tabs, so a number after a comma stays what it is.
SPLIT_OFF = re.compile(
    r"""[;,\t\r\n][ "]*(?=[=@＝＠])"""
    r"""|[;\t\r\n]"*(?=[+\-＋－])"""
    r"""|,"*(?=[+\-＋－](?!\d[\d.]*(?:,|$)))"""
)
BYTE_ORDER_MARK = "\ufeff"  # without it Excel takes names for Latin-1

Row = TypeVar("Row", bound=Model)


class ExportPages(DeskPages):
    """The pages that hand out files. Each file is an event of the desk, so it takes a POST."""

    def export_urls(self) -> list[URLPattern]:
        name, view = f"{self.opts.app_label}_{self.opts.model_name}", self.admin_site.admin_view
        return [
            path("export/", view(self.export), name=f"{name}_export"),
            path("approvals/", view(self.approvals), name=f"{name}_approvals"),
        ]

    def export(self, request: StaffRequest) -> Any:
        """Hand out the list as it is filtered and searched, all its pages."""
        require(request, RIGHT)
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        try:
            changes = self.get_changelist_instance(request)
        except IncorrectLookupParameters:
            return redirect(self.url("changelist"))
        if refusal := refusal_of(changes):
            messages.error(request, refusal)
            return redirect(self.url("changelist") + changes.get_query_string())
        payouts = changes.whole.select_related("client", "requested_by")
        content = map(payouts_in_cells, batches(payouts, changes.lasting_order))
        return take_home(request, "payouts", PAYOUT_HEAD, content, filters=request.GET.urlencode())

    def approvals(self, request: StaffRequest) -> Any:
        """Ask for a period, and hand out every decision made in it."""
        require(request, RIGHT)
        form = DecisionsForm(request.POST if request.method == "POST" else None)
        if request.method == "POST" and form.is_valid():
            first, last = form.cleaned_data["from_day"], form.cleaned_data["to_day"]
            content = decisions(first, last)
            return take_home(request, "approvals", APPROVAL_HEAD, content, first=first, last=last)
        title = _("Who approved what")
        return self.page(request, "payouts/approvals.html", title, form=form)


def refusal_of(changes: PayoutList) -> str:
    """Say why there is nothing to hand out: what the list shows instead is not what was asked."""
    if changes.filter_errors:
        return " ".join(changes.filter_errors)
    if changes.is_elsewhere or not changes.whole.exists():
        return _("Nothing fits, so nothing was taken home.")
    return ""


class DecisionsForm(PeriodForm):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        today = localdate(clock.now())
        initial = {"from_day": today.replace(day=1), "to_day": today}
        for name, day in initial.items():
            self.fields[name].required, self.fields[name].initial = True, day


def decisions(first: Any, last: Any) -> Iterator[Cells]:
    approvals = Approval.objects.filter(
        decided_at__gte=beginning_of(first), decided_at__lt=end_of(last)
    )
    people = approvals.select_related(
        "person", "payout__client", "payout__requested_by", "statement"
    ).defer("statement__body")
    return map(approvals_in_cells, batches(people, ["decided_at", "pk"]))


def take_home(
    request: StaffRequest,
    what: str,
    head: Sequence[object],
    content: Iterable[Cells],
    **asked: object,
) -> StreamingHttpResponse:
    """Hand out rows as CSV."""
    tally = taken.Tally()
    return send_file(request, what, lines(head, tally.watch(head, content)), tally, asked)


def send_file(
    request: StaffRequest,
    what: str,
    text: Iterable[str],
    tally: taken.Tally,
    asked: Mapping[str, object],
    *,
    ending: str = "csv",
    kind: str = "text/csv",
) -> StreamingHttpResponse:
    """Hand out a text, or a zip of that with what is said of it: count, control sums and all, which
    the tally has once the text is written. That it was asked for is sealed first, and what it was
    once it has gone out whole."""
    actor = actor_of(request)
    taken.log_export(what, actor, **asked)
    whole = taken.watched(what, text, tally, actor, **asked)
    name = f"{what}-{localtime(clock.now()):%Y-%m-%d-%H%M}"
    if request.POST.get("as") != "zip":
        return as_file(whole, f"{name}.{ending}", f"{kind}; charset=utf-8")

    def said() -> dict[str, object]:
        asked_for = {key: str(value) for key, value in asked.items()}
        facts = {"file": f"{name}.{ending}", "filter": asked_for, "count": tally.count}
        sealed = {"sums": tally.sums, "sha256": tally.digest.hexdigest()}
        return taken.about(what, actor, **facts, **sealed)

    return as_file(taken.zipped(f"{name}.{ending}", whole, said), f"{name}.zip", "application/zip")


def as_file(content: Iterable[str | bytes], name: str, kind: str) -> StreamingHttpResponse:
    return StreamingHttpResponse(
        content,
        content_type=kind,
        headers={
            "Content-Disposition": f'attachment; filename="{name}"',
            "X-Content-Type-Options": "nosniff",
            "Cache-Control": "no-store",
        },
    )


class Echo:
    """What a CSV writer writes to, to get each line back."""

    def write(self, line: str) -> str:
        return line


def lines(head: Sequence[object], content: Iterable[Cells]) -> Iterator[str]:
    writer = csv.writer(Echo())
    yield BYTE_ORDER_MARK + writer.writerow(head)
    for batch in content:
        yield "".join(writer.writerow([guarded(cell) for cell in cells]) for cells in batch)


def guarded(cell: object) -> str:
    """Return a cell as text that no spreadsheet takes for a formula, wherever it splits lines."""
    text = SPLIT_OFF.sub(r"\g<0>'", plain(cell))
    return f"'{text}" if text.startswith(FORMULAS) else text


def plain(cell: object) -> str:
    if cell is None:
        return ""
    if isinstance(cell, datetime):
        return localtime(cell).isoformat(timespec="seconds")
    return str(cell)


def batches(rows: QuerySet[Row], order: Sequence[str]) -> Iterator[list[Row]]:
    """Read some rows at a time, in an order that has an index and in which no row moves."""
    rows = rows.order_by(*order)
    some = list(rows[:AT_ONCE])
    while some:
        yield some
        some = list(rows.filter(comes_after(some[-1], order))[:AT_ONCE])
