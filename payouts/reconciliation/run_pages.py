"""What was read of Heleket's list, in the Admin: each of the last 90 days, and the last runs."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, path
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from audit import clock
from payouts.admin.lists import DeskAdmin
from payouts.days import DAY, day_of
from payouts.models import Discrepancy
from payouts.reconciliation.models import ListedDay, Run
from payouts.reconciliation.sweeps import FRESH_EVERY, LOOKS_BACK
from payouts.staff.pages import StaffRequest, require

RIGHT = "payouts.view_discrepancy"
RUNS = 30
OLD = DAY  # an older reading than of the last night
LATE = 4 * FRESH_EVERY


@dataclass(frozen=True)
class Square:
    """One day of Heleket: when its list was read last, and whether the day was over by then."""

    day: date
    read_at: datetime | None
    tone: str  # good, warn or bad
    words: str


@admin.register(Run)
class RunAdmin(DeskAdmin):
    list_title = gettext_lazy("Reconciliation")

    def has_view_permission(self, request: Any, obj: Any = None) -> bool:
        return bool(request.user.has_perm(RIGHT))

    def has_module_permission(self, request: HttpRequest) -> bool:
        return self.has_view_permission(request)

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.show)
        return [path("", view, name="payouts_reconciliation_run_changelist")]

    def show(self, request: StaffRequest) -> HttpResponse:
        require(request, RIGHT)
        days = squares(clock.now())
        context = {
            "days": days,
            "unread": sum(each.read_at is None for each in days),
            "old": sum(each.tone == "warn" for each in days),
            "runs": Run.objects.select_related("person").order_by("-started_at", "-pk")[:RUNS],
            "open_count": Discrepancy.objects.open().count(),
            "utc_offset": "UTC+3",
        }
        return self.page(request, "reconciliation/runs.html", self.list_title, **context)


def squares(now: datetime) -> list[Square]:
    """Return the last days of Heleket, the newest first."""
    today = day_of(now)
    read = {each.day: each for each in ListedDay.objects.filter(day__gte=today - DAY * LOOKS_BACK)}
    return [square(today - DAY * back, read, now) for back in range(LOOKS_BACK + 1)]


def square(day: date, read: dict[date, ListedDay], now: datetime) -> Square:
    listed = read.get(day)
    if listed is None:
        return Square(day, None, "bad", _("never read from beginning to end"))
    is_fresh = now - listed.read_at <= (LATE if day >= day_of(now) - DAY else OLD)
    words = _("read") if listed.is_whole else _("read as far as it had come")
    return Square(day, listed.read_at, "good" if is_fresh else "warn", words)
