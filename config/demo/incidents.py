"""What happens to single payouts, each on its day, and what a newcomer finds today."""

from collections.abc import Callable
from datetime import timedelta

from config.demo import accounting, oddities, people
from config.demo.story import INFO, Story
from payouts import operations, send_backs
from payouts.models import Discrepancy, Payout
from payouts.seen import see
from wallets.models import Wallet
from wallets.services import sync_services

QUARTER = 90  # days

Incident = Callable[[Story], None]


def is_rejected(reason: str, coin: str = "USDT", dollars: float = 0) -> Incident:
    def incident(story: Story) -> None:
        payout = story.request(coin, dollars=dollars)
        story.wait(minutes=story.chance.uniform(8, 90))
        story.act(operations.REJECT, payout, reason, by="amira")

    return incident


def is_cancelled(reason: str) -> Incident:
    def incident(story: Story) -> None:
        payout = story.request(by="rafael")
        story.wait(minutes=6)
        story.act(operations.CANCEL, payout, reason, by="rafael")

    return incident


def is_cancelled_after_approval(story: Story) -> None:
    payout = story.request("USDC", dollars=900)
    story.wait(minutes=20)
    story.approve(payout)
    story.wait(seconds=1)
    story.act(operations.CANCEL, payout, "Settled by bank transfer instead.", by="omar")


def is_held_and_released(story: Story) -> None:
    payout = story.request("USDT", dollars=3200)
    story.wait(minutes=15)
    story.act(operations.HOLD, payout, "The address is new, we call the client.", by="arno")
    story.wait(hours=2)
    story.act(operations.RELEASE, payout, "The client confirmed by phone.", by="amira")
    story.wait(minutes=5)
    story.approve(payout)
    story.work()


def is_edited(story: Story) -> None:
    payout = story.request("USDT", dollars=500, by="rosa", purpose="Weekly affiliate share")
    story.wait(minutes=9)
    [seen] = see([payout])
    edit = operations.Edit(
        wallet=payout.wallet,
        currency=payout.currency,
        amount=payout.amount - 50,
        purpose=payout.purpose,
        category=payout.category,
    )
    reason = "The advance of 50 was forgotten."
    operations.edit_payout(seen, edit, reason=reason, actor=story.actor("rosa"))
    story.wait(minutes=30)
    story.approve(Payout.objects.get(pk=payout.pk))
    story.work()


def fails(fate: str) -> Incident:
    def incident(story: Story) -> None:
        story.sent(story.request(), fate, rounds=2)

    return incident


def fails_and_is_retried(story: Story) -> None:
    payout = story.request("USDT", dollars=1250)
    story.sent(payout, "final_fail", rounds=2)
    story.wait(hours=1)
    story.act(operations.RETRY, payout, "Heleket's support says: try again.", by="omar")
    story.wait(minutes=10)
    story.approve(Payout.objects.get(pk=payout.pk))
    story.send()
    story.watch()  # Heleket has to say first that the first try stays unpaid
    story.work()


def is_refused(story: Story) -> None:
    """A refusal that is about this payout alone ends it."""
    payout = story.request("BNB", dollars=600)
    story.wait(minutes=16)
    story.goes_wrong("forbidden", payout, text="Wallet not found")
    story.approve(payout)
    story.work()


def answer_is_lost(story: Story) -> None:
    payout = story.request("USDT", dollars=2100)
    story.wait(minutes=14)
    story.goes_wrong("timeout", payout)
    story.approve(payout)
    story.work(rounds=2)


def request_is_lost(story: Story) -> None:
    """Heleket has not known it twice, a quiet time apart: the same bytes are sent again."""
    payout = story.request("TRX", dollars=350)
    story.wait(minutes=22)
    story.goes_wrong("drop_timeout", payout)
    story.approve(payout)
    story.work(rounds=12)


def fails_for_a_while(story: Story) -> None:
    story.sent(story.request("USDC", dollars=780), "fail_then_paid", rounds=4)


def vanishes_for_a_while(story: Story) -> None:
    payout = story.request("LTC", dollars=640)
    story.sent(payout, "stuck")
    story.goes_wrong("forbidden", payout, INFO, text="Payout not found", times=3)
    while not (open_one := Discrepancy.objects.filter(payout=payout).first()):
        story.work()
    story.wait(hours=3)
    story.ask()
    reason = "Heleket moved a database; their support sees the payout again."
    story.end(open_one, Discrepancy.Outcome.EXPLAINED, reason, by="omar")
    story.gateway.set_fate("paid", order_id=story.order_id(payout))
    story.work(rounds=4)


def differs(story: Story) -> None:
    """Somebody used its order id at Heleket by hand, for another amount."""
    payout = story.request("USDT", dollars=950, purpose="Freight, second half")
    story.gateway.add_foreign_payout(
        amount="9500",
        network=payout.network,
        address=payout.address,
        order_id=story.order_id(payout),
    )
    story.wait(minutes=31)
    story.approve(payout)
    story.work()


def stays_held(reason: str, coin: str, dollars: float) -> Incident:
    def incident(story: Story) -> None:
        payout = story.request(coin, dollars=dollars)
        story.wait(minutes=18)
        story.act(operations.HOLD, payout, reason, by="arno")

    return incident


def gets_stuck(story: Story) -> None:
    story.sent(story.request("USDT", dollars=1400), "process check", rounds=2)


def is_requested(coin: str, dollars: float, by: str) -> Incident:
    def incident(story: Story) -> None:
        story.request(coin, dollars=dollars, by=by)

    return incident


OVER: dict[int, Incident] = {
    88: is_rejected("This invoice was paid last month.", dollars=4800),
    85: answer_is_lost,
    81: fails_and_is_retried,
    76: is_cancelled("The client withdrew the request."),
    71: answer_is_lost,
    66: is_held_and_released,
    63: is_rejected("A zero too many. Please ask the client.", "BTC", 19000),
    60: fails("cancel"),
    55: vanishes_for_a_while,
    50: is_edited,
    45: is_refused,
    41: is_cancelled_after_approval,
    38: is_rejected("No contract with this client yet.", "ETH", 1500),
    36: fails("system_fail"),
    33: is_cancelled("Requested twice."),
    31: fails_for_a_while,
    29: fails_and_is_retried,
    27: is_rejected("The purpose does not fit the invoice.", "USDC", 2750),
    24: is_held_and_released,
    22: request_is_lost,
    18: is_cancelled("The wallet is of an exchange that closes."),
    16: fails("final_fail"),
    13: is_rejected("The campaign is not over yet.", "TON", 400),
    10: answer_is_lost,
    8: is_edited,
    5: fails("final_fail"),
    2: is_cancelled("Wrong client."),
}
STILL_OPEN: dict[int, list[Incident]] = {
    7: [stays_held("He asked by e-mail for another address. We call back first.", "ETH", 2600)],
    4: [differs],
    3: [is_requested("XMR", 310, by="rosa"), gets_stuck],
    1: [
        stays_held("The invoice is missing.", "USDC", 5400),
        is_requested("LTC", 95, by="rafael"),
    ],
}


def of_day(days_left: int) -> list[Incident]:
    """What is over comes again each quarter; what is still open happened in the last week."""
    over = OVER.get(days_left % QUARTER)
    found = [over] if over else STILL_OPEN.get(days_left, [])
    return [*found, *oddities.USUAL.get(days_left, [])]


def beside_payouts(days_left: int) -> list[Incident]:
    """Return what moves balances on this day, and is no payout."""
    over = accounting.OVER.get(days_left % QUARTER)
    return over or accounting.STILL_OPEN.get(days_left, [])


# Today: what a newcomer finds


def wallets_are_added(story: Story) -> None:
    people.add_wallets(story.staff, are_new=True)


def waits_for_a_service(story: Story) -> None:
    """Heleket stops paying this coin just after the approval."""
    payout = story.request("HMSTR", dollars=45, purpose="Prize, autumn tournament")
    story.wait(minutes=11)
    story.approve(payout)
    story.gateway.withdraw_service("ton", "HMSTR")
    sync_services(story.client.list_services(), now=story.clock.now)
    story.work()


def waits_for_funds(story: Story) -> None:
    """More than the balance holds: the sandbox's page can top it up. A small one waits behind."""
    for dollars, purpose in [(800, "Affiliate share, campaign"), (40, "Prize, spring tournament")]:
        payout = story.request("DOGE", dollars=dollars, purpose=purpose)
        story.wait(minutes=7)
        story.approve(payout)
        story.work()


def loses_its_request(story: Story) -> None:
    """On its way just now, and nobody knows yet whether Heleket has it."""
    payout = story.request("USDT", dollars=820)
    story.wait(minutes=3)
    story.goes_wrong("drop_timeout", payout)
    story.approve(payout)
    story.send()


def sets_off(story: Story) -> None:
    """At Heleket just now; the sandbox goes on with it when it starts."""
    requested = [story.request("USDT", dollars=640), story.request("TON", dollars=90)]
    story.wait(seconds=40)
    story.approve(*requested)
    story.send()


def waits_for_its_wallet(story: Story) -> None:
    """Its request is lost, and meanwhile somebody looks into its wallet."""
    payout = story.request("BCH", dollars=730)
    story.wait(minutes=2)
    story.goes_wrong("drop_timeout", payout)
    story.approve(payout)
    while not Payout.objects.get(pk=payout.pk).may_repeat:
        story.work()
    story.freeze(payout.wallet, "The owner asked us to wait.", by="amira")
    story.send()


def waits_for_a_new_wallet(story: Story) -> None:
    """Its wallet was added a moment ago, and nobody has approved that yet."""
    wallet = Wallet.objects.waiting().filter(client__is_active=True).order_by("pk").first()
    assert wallet is not None  # noqa: S101  # some were added a while ago
    story.request(wallet.preferred_currency, dollars=210, by="rosa", wallet=wallet)


def is_sent_back(story: Story) -> None:
    payout = story.request("USDC", dollars=690, by="rosa")
    story.wait(seconds=50)
    question = "Which contract is this for? Please add it."
    story.act(send_backs.SEND_BACK, payout, question, by="arno")


def has_a_date(story: Story) -> None:
    """Approved today, and paid tomorrow morning."""
    tomorrow = (story.clock.now + timedelta(days=1)).replace(hour=9, minute=0, second=0)
    payout = story.request("TRX", dollars=140, pay_from=tomorrow.replace(microsecond=0))
    story.wait(seconds=20)
    story.approve(payout)


TODAY: dict[timedelta, Incident] = {
    timedelta(hours=6): oddities.goes_to_a_young_wallet,
    timedelta(hours=5): waits_for_a_service,
    timedelta(hours=4): is_requested("USDT", 3750, by="rosa"),
    timedelta(hours=3): waits_for_funds,
    timedelta(hours=2): wallets_are_added,
    timedelta(minutes=95): is_requested("USDC", 1200, by="rafael"),
    timedelta(minutes=80): waits_for_a_new_wallet,
    timedelta(minutes=70): waits_for_its_wallet,
    timedelta(minutes=62): oddities.is_requested_twice,
    timedelta(minutes=57): oddities.is_far_too_much,
    timedelta(minutes=52): oddities.goes_to_a_shared_address,
    timedelta(minutes=48): oddities.is_edited_by_another,
    timedelta(minutes=45): accounting.is_paid_elsewhere,
    timedelta(minutes=43): accounting.is_of_nobody,
    timedelta(minutes=41): is_requested("BTC", 2300, by="rosa"),
    timedelta(minutes=17): is_requested("USDT", 480, by="rosa"),
    timedelta(minutes=16): accounting.is_read_again,
    timedelta(minutes=15): loses_its_request,
    timedelta(minutes=9): has_a_date,
    timedelta(minutes=8): is_requested("SOL", 260, by="rafael"),
    timedelta(minutes=7): is_requested("USDT", 150, by="rosa"),
    timedelta(minutes=6): is_sent_back,
    timedelta(minutes=4): sets_off,
}


# Now: what stands still at a desk whose worker does not run


def waits_for_the_gateway(story: Story) -> None:
    """Heleket takes nothing at the moment, so that all later ones wait as well."""
    payout = story.request("USDT", dollars=510)
    story.wait(minutes=2)
    story.goes_wrong("terminal", payout)
    story.approve(payout)
    story.send()


def waits_for_the_worker(story: Story) -> None:
    payout = story.request("USDT", dollars=170)
    story.wait(minutes=1)
    story.approve(payout)


NOW = [waits_for_the_gateway, waits_for_the_worker]
