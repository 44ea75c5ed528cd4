"""The books of the made-up desk: what accountants enter and close, and what each morning finds.

Heleket's list is read once a week, and the heads of all logs are sealed as often: a real worker
does both all the time, and a demo is to be there soon.
"""

from collections.abc import Callable
from datetime import date, datetime, timedelta
from decimal import Decimal

from config.demo.story import Story
from payouts import owners
from payouts.books import closing, overview
from payouts.books.models import Movement
from payouts.days import DAY, begins_at, day_of, month_of
from payouts.models import Discrepancy
from payouts.reconciliation import sweeps
from wallets.models import Wallet

MONDAY, WEEK = 0, 7 * DAY
THIRD = 3  # of a month: what was under way in the last one has ended by then
AFTER_MIDNIGHT = timedelta(minutes=10)
BEFORE_TODAY = timedelta(hours=6, minutes=10)  # what a newcomer finds begins later
WHY = "Every line was looked up."
Category = Movement.Category

Incident = Callable[[Story], None]


def begin_day(story: Story, end: datetime) -> None:
    """Ask for balances, as every morning; on some days read Heleket's list, and close what is
    over. The last month that is over at `end` is left to whoever looks at the desk."""
    story.fetch_balances()
    today = day_of(story.clock.now)
    if today.weekday() == MONDAY:
        story.reconcile(today - WEEK, today)
        story.seal_heads()
    if today.day == THIRD:
        story.reconcile(month_of(today), today)
        close_months(story, last_over(end))


def close_months(story: Story, last: date) -> None:
    """Close each month before this one that agrees."""
    while (month := overview.first_open_month()) and month < last and propose(story, month):
        story.wait(minutes=30)
        joint = closing.proposed(month)
        assert joint is not None  # noqa: S101  # of half an hour ago
        closing.confirm(month, joint.pk, joint.facts, actor=story.actor("axel"))
        closing.close(month, client=story.client, account=story.account)


def propose(story: Story, month: date) -> bool:
    state = closing.state_of(month)
    if state.may_close:
        closing.propose(month, state.digest, WHY, actor=story.actor("alma"))
    return state.may_close


def last_over(end: datetime) -> date:
    return month_of(month_of(day_of(end)) - DAY)


# What moves balances beside payouts, by days before the last one; what leaves is negative


def moves(coin: str, amount: int, category: Category, evidence: str) -> Incident:
    def incident(story: Story) -> None:
        story.move(coin, Decimal(amount))
        story.enter(coin, Decimal(amount), category, evidence, by="alma")

    return incident


def leaves_unseen(story: Story) -> None:
    """Somebody moves money out by hand, and enters it nowhere."""
    story.move("USDT", Decimal(-1250))


OVER: dict[int, list[Incident]] = {
    83: [moves("USDT", 4300, Category.CUSTOMER, "Order 70112, paid by Harbour Cafés Ltd")],
    74: [moves("USDC", 20000, Category.TOP_UP, "Treasury transfer T-0091")],
    62: [moves("USDT", 1890, Category.CUSTOMER, "Order 70254, paid by Norrland Skis AB")],
    53: [
        moves("USDT", -6000, Category.CONVERSION, "Conversion 5512 to BTC"),
        moves("BTC", 1, Category.CONVERSION, "Conversion 5512 from USDT"),
    ],
    47: [moves("USDT", 15000, Category.TOP_UP, "Treasury transfer T-0094")],
    34: [moves("USDT", 2650, Category.CUSTOMER, "Order 70398, paid by Harbour Cafés Ltd")],
    25: [moves("USDC", -8000, Category.TRANSFER_OUT, "Back to the treasury, T-0097")],
    14: [moves("USDT", 25000, Category.TOP_UP, "Treasury transfer T-0099")],
    6: [moves("USDT", 3120, Category.CUSTOMER, "Order 70561, paid by Lumen Books GmbH")],
}
STILL_OPEN: dict[int, list[Incident]] = {2: [leaves_unseen]}


# Today


def this_morning(end: datetime) -> datetime:
    """Return when yesterday is looked at, of a story that ends then."""
    midnight = begins_at(day_of(end)) + AFTER_MIDNIGHT
    return min(max(midnight, end - BEFORE_TODAY), end)


def yesterday_is_read(story: Story) -> None:
    today = day_of(story.clock.now)
    story.fetch_balances()
    story.reconcile(today - sweeps.LOOKS_BACK * DAY, today)
    story.seal_heads()
    last = last_over(story.clock.now)
    close_months(story, last)
    if overview.first_open_month() == last:
        propose(story, last)


def is_paid_elsewhere(story: Story) -> None:
    """A request waits, and somebody who could not wait has paid it on Heleket's own pages."""
    wallet = Wallet.objects.get(client__name="Zanzibar Spice Traders Ltd", label="Invoices")
    payout = story.request(
        "USDT", dollars=1120, purpose="Cardamom, second delivery", wallet=wallet, by="rosa"
    )
    story.wait(minutes=2)
    story.gateway.add_foreign_payout(
        amount=str(payout.amount), network=payout.network, address=payout.address
    )


def is_of_nobody(story: Story) -> None:
    story.gateway.add_foreign_payout(amount="75")


def is_read_again(story: Story) -> None:
    """Read yesterday and today, as a worker does every quarter of an hour; somebody sees to it."""
    story.gateway.run_due()
    today = day_of(story.clock.now)
    story.reconcile(today - DAY, today)
    for found in Discrepancy.objects.standing().filter(kind=Discrepancy.Kind.DIFFERENT):
        olga = story.staff["olga"]
        owners.set_owner(found.pk, olga, seen=None, actor=story.actor("olga"))
