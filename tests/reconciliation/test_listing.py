"""Reading Heleket's list: it ends whatever the list does, and each payout belongs to one day."""

import itertools
from datetime import date, datetime, timedelta
from decimal import Decimal

import pytest

from heleket.answers import HELEKET_TIME
from heleket.sandbox import endpoints
from payouts.days import begins_at
from payouts.models import Attempt, Discrepancy
from payouts.reconciliation import listing
from payouts.reconciliation.listing import Span, windows
from payouts.reconciliation.models import DaySum, ListedDay
from payouts.reconciliation.runs import reconcile
from tests.reconciliation.conftest import WORKER, states

pytestmark = pytest.mark.django_db

LIST = "/v1/payout/list"


def pages(desk):
    return [call for call in desk.sandbox.calls if call.path == LIST]


def sums(day):
    rows = DaySum.objects.filter(day=day).values_list(
        "currency", "paid_count", "paid_sum", "open_count", "failed_count"
    )
    return list(rows)


def test_b21_a_payout_near_midnight_is_on_one_day_which_is_that_of_heleket(desk, pay, run):
    """Midnight there is 21:00 in UTC."""
    desk.clock.time = datetime(2026, 3, 2, 20, 59, 58, tzinfo=desk.clock.time.tzinfo)
    pay(1)
    desk.sandbox.payouts[0].created_at = datetime(2026, 3, 2, 23, 59, 59, tzinfo=HELEKET_TIME)
    pay(1)
    desk.sandbox.payouts[1].created_at = datetime(2026, 3, 3, tzinfo=HELEKET_TIME)
    desk.clock.forward(days=1)

    code, report = run(days=2)

    assert (code, report["rows"], report["findings"]) == (0, 2, [])
    for day in (date(2026, 3, 2), date(2026, 3, 3)):
        assert ListedDay.objects.get(pk=day).is_whole
        assert sums(day) == [("USDT", 1, Decimal(5), 0, 0)]
    assert not ListedDay.objects.get(pk=date(2026, 3, 4)).is_whole  # it is not over
    assert run(days=2)[0] == 0
    assert sums(date(2026, 3, 2)) == [("USDT", 1, Decimal(5), 0, 0)]


def test_b21_one_day_alone_misses_nothing_that_heleket_has_on_the_next(desk, pay, account):
    """Ours was claimed before midnight and made there after it."""
    desk.clock.time = datetime(2026, 3, 2, 20, 59, 58, tzinfo=desk.clock.time.tzinfo)
    pay(1)
    desk.sandbox.payouts[0].created_at = datetime(2026, 3, 3, tzinfo=HELEKET_TIME)
    desk.clock.forward(days=1)

    found = reconcile(date(2026, 3, 2), date(2026, 3, 2), desk.client, account, actor=WORKER)

    assert (found.rows, found.findings, found.is_whole) == (0, [], True)
    assert sums(date(2026, 3, 2)) == []


def test_b20_a_list_that_grows_while_it_is_read_counts_each_once(desk, pay, run, monkeypatch):
    pay(20)
    history, grown = endpoints.history, []

    def growing(gateway, request):
        page = history(gateway, request)
        if request.query:  # between two pages
            grown.append(gateway.add_foreign_payout(amount="7"))
        return page

    endpoint = endpoints.Endpoint("POST", endpoints.PAYOUT, growing)
    monkeypatch.setitem(endpoints.ENDPOINTS, LIST, endpoint)

    code, report = run()

    assert (code, report["rows"], report["findings"], report["is_whole"]) == (0, 20, [], True)
    assert len(grown) == 1
    desk.clock.forward(minutes=1)
    monkeypatch.setitem(endpoints.ENDPOINTS, LIST, endpoints.Endpoint("POST", ("payout",), history))
    assert states(run()[1]) == [("opened", "foreign")]


@pytest.mark.parametrize("cursor", ["the same", "always another"])
def test_b20_a_cursor_that_loops_ends_the_window_and_nothing_is_taken_for_missing(
    desk, pay, run, monkeypatch, cursor
):
    pay(20)
    history, count = endpoints.history, iter(range(10_000))

    def looping(gateway, request):
        page = history(gateway, endpoints.Request("POST", LIST, "", request.headers, request.body))
        number = "" if cursor == "the same" else next(count)
        page["paginate"]["nextCursor"] = f"x{number}"
        return page

    endpoint = endpoints.Endpoint("POST", endpoints.PAYOUT, looping)
    monkeypatch.setitem(endpoints.ENDPOINTS, LIST, endpoint)
    desk.sandbox.calls.clear()

    code, report = run(days=0)

    assert (code, report["rows"], report["is_whole"]) == (1, 15, False)
    assert len(report["troubles"]) == 1
    assert len(pages(desk)) <= listing.IDLE_PAGES + 2
    assert not Discrepancy.objects.exists()
    assert not ListedDay.objects.exists()


def test_a_page_that_fails_is_asked_for_again_and_a_list_that_goes_on_failing_is_an_error(
    desk, pay, run
):
    pay(1)
    desk.sandbox.faults.add("500", path=LIST)
    assert run()[0] == 0

    desk.sandbox.faults.add("500", path=LIST, times=100)
    code, report = run()

    assert (code, report["is_whole"]) == (1, False)
    assert not Discrepancy.objects.exists()


def test_windows_are_cut_where_our_own_tries_lie_and_at_heleket_s_days(desk, pay, monkeypatch):
    monkeypatch.setattr(listing, "FEWEST_ROWS", 2)
    pay(4)
    hours = [datetime(2026, 3, 1, hour, tzinfo=HELEKET_TIME) for hour in (1, 2, 3, 4)]
    for attempt, at in zip(Attempt.objects.order_by("pk"), hours, strict=True):
        Attempt.objects.filter(pk=attempt.pk).update(created_there_at=at)
    first, end = begins_at(date(2026, 3, 1)), begins_at(date(2026, 3, 3))

    cut = list(windows(first, end, desk.account.merchant_id))

    borders = [first, hours[1], hours[3], begins_at(date(2026, 3, 2)), end]
    assert cut == [Span(*pair) for pair in itertools.pairwise(borders)]
    assert sum((each.end - each.first for each in cut), timedelta()) == end - first
