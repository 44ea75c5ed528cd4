"""The list of payouts at a million rows, against itself at a thousand and against a stock list.

Each page is compared with the same page at a thousand rows if that shows as many of them, else with
the first page or with the search for a number there.

ROWS=20000 in the environment is for a quick look.
"""

import time
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from urllib.parse import urlencode

from django.contrib.auth.models import User
from django.test import Client, override_settings
from django.urls import include, path
from django.utils import timezone
from unfold.admin import ModelAdmin
from unfold.sites import UnfoldAdminSite

from benchmarks import copies
from benchmarks.copies import at_database
from benchmarks.figures import Figure, in_turn, p95_of, ratios
from config.demo import people
from payouts.models import Approval, Payout

PER_PAGE = 50
REQUESTS, STOCK_REQUESTS = 25, 3
EXACT = {"one number", "one reference"}
SEARCHES = {*EXACT, "part of a name"}
# Without a like in the stock list, which cannot be asked for it or would take minutes.
OURS_ALONE = {
    "approver",
    "by client",
    "words of a purpose",
    "one key",
    "one id",
    "search by amount",
}
DESK, STOCK = "/admin/payouts/payout/", "/stock/payouts/payout/"


class StockPayoutAdmin(ModelAdmin):
    """The list as one writes it at first, in the same clothes."""

    list_display = ["number", "status", "waiting_for", "requested_at", "amount", "currency"]
    list_display += ["client", "address", "purpose"]
    list_filter = ["status", "network", "currency", "origin", "requested_at"]
    list_per_page = PER_PAGE
    list_select_related = ["client"]
    search_fields = ["number", "reference", "address", "client__name", "client__external_id"]
    date_hierarchy = "requested_at"
    ordering = ["-number"]


stock = UnfoldAdminSite(name="stock")
stock.register(Payout, StockPayoutAdmin)
urlpatterns = [path("stock/", stock.urls), path("", include("config.urls"))]


def run(rounds: int) -> list[Figure]:
    with copies.databases() as (small, large):
        at_database(small)
        own = pages(copies.SMALL)
        at_database(large)
        asked = pages(Payout.objects.count())
        against = {
            name: base(name, rows_shown(small, own[name][0]), rows_shown(large, desk))
            for name, (desk, _stock, _rows) in asked.items()
        }
        contenders: dict[str, Callable[[], float]] = {
            at_small(name): partial(p95, small, DESK + own[name][0], REQUESTS)
            for name in own
            if at_small(name) in against.values()
        }
        for name, (desk, stock_list, rows) in asked.items():
            contenders[name] = partial(p95, large, DESK + desk, REQUESTS, rows)
            if name in OURS_ALONE:
                continue
            finds = (
                None if name in SEARCHES else rows
            )  # it also finds what merely contains the text
            contenders[f"{name}, stock"] = partial(
                p95, large, STOCK + stock_list, STOCK_REQUESTS, finds
            )
        with override_settings(ROOT_URLCONF=__name__):
            measured = in_turn(contenders, rounds)
    figures = []
    for name in asked:
        found = ratios(measured, name, against[name])
        figures.append(Figure(name, against[name], found, at_most=1.2))
    for name in [each for each in asked if each not in OURS_ALONE]:
        at_least = 50 if name in EXACT else 40 if name in SEARCHES else 4
        found = ratios(measured, f"{name}, stock", name)
        figures.append(Figure(f"stock list, {name}", name, found, at_least=at_least))
    return figures


def at_small(name: str) -> str:
    return f"{name} of 1,000"


def base(name: str, small: int, large: int) -> str:
    """Name what a page is compared with, by the rows that it shows in both databases."""
    if small == large:
        return at_small(name)
    return at_small("page 1" if large > 1 else "one number")


def rows_shown(database: str, query: str) -> int:
    at_database(database)
    return shown(browser().get(DESK + query).content)


def browser() -> Client:
    made = Client()
    made.force_login(User.objects.get(username=people.STAFF[-1][0]))
    return made


def shown(page: bytes) -> int:
    return page.count(b'name="_selected_action"')


def pages(rows: int) -> dict[str, tuple[str, str, int | None]]:
    """What is asked of the desk's list and of the stock list, and how many rows it shows."""
    since = (timezone.now() - copies.YEARS / 4).isoformat()
    middle = rows // 2
    later = Payout.objects.exclude(reference="").filter(number__gte=middle)
    one = later.order_by("number").first()
    approver = Approval.objects.filter(voided_at=None).values_list("person", flat=True)[0]
    words = one.purpose
    long_ago = (timezone.now() - copies.YEARS / 2).date()
    deep = (rows - middle) // PER_PAGE + 1
    asked = {
        "page 1": ({}, {}),
        "queue": ({"queue": "not_paid"}, {"status__exact": "failed"}),
        "status": ({"status__exact": "rejected"}, None),
        "network": ({"network": "dash"}, None),
        "currency": ({"currency": "USDT"}, None),
        "rare currency": ({"currency": "DASH"}, None),
        "origin": ({"origin__exact": "bonus"}, None),
        "period": ({"days": "90"}, {"requested_at__gte": since}),
        "deep page": ({"past": middle + 950, "p": 20}, {"p": deep}),
        "requester": ({"requester": one.requested_by_id}, {"requested_by": one.requested_by_id}),
        "approver": ({"approver": approver}, None),
        "amounts": (
            {"amount_from": "100", "amount_to": "120"},
            {"amount__gte": "100", "amount__lte": "120"},
        ),
        "days long ago": (
            {"from_day": long_ago, "to_day": long_ago + timedelta(days=30)},
            {
                "requested_at__gte": f"{long_ago} 00:00Z",
                "requested_at__lt": f"{long_ago + timedelta(days=31)} 00:00Z",
            },
        ),
        "by amount": ({"o": "-5"}, {"o": "-5"}),
        "by client": ({"o": "6"}, None),
        "a status by amount": (
            {"o": "-5", "status__exact": "failed"},
            {"o": "-5", "status__exact": "failed"},
        ),
        "behind, by amount": ({"o": "-5", "past": middle}, {"o": "-5", "p": deep}),
        "words of a purpose": ({"q": words}, None),
        "search by amount": ({"q": f"{one.amount.normalize():f} {one.currency}"}, None),
        "one key": ({"q": one.idempotency_key}, None),
        "one id": ({"q": one.pk}, None),
        "one number": ({"q": f"P-{middle}"}, {"q": middle}),
        "one reference": ({"q": one.reference}, None),
        "part of a name": ({"q": "an"}, None),
    }
    few = dict.fromkeys([*EXACT, "one key", "one id"], 1) | {"search by amount": None}
    return {
        name: (query(desk), query(stock_list or desk), few.get(name, PER_PAGE))
        for name, (desk, stock_list) in asked.items()
    }


def query(asked: dict[str, object]) -> str:
    return f"?{urlencode(asked)}"


def p95(database: str, url: str, requests: int, rows: int | None = None) -> float:
    """Milliseconds that 19 of 20 requests take at most. RuntimeError if the page is another one."""
    at_database(database)
    treasurer = browser()
    times = []
    for _ in range(requests + 1):
        start = time.perf_counter()
        page = treasurer.get(url)
        times.append(1000 * (time.perf_counter() - start))
    found = shown(page.content)
    if page.status_code != 200 or rows not in (None, found):
        raise RuntimeError(f"{url} answers {page.status_code} with {found} rows, not {rows}")
    return p95_of(times[1:])
