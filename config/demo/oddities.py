"""Five payouts with one odd thing each, for a newcomer to find in the queue.

Nobody else's days touch their clients: whatever chance does elsewhere, the first line of each one's
page names what was planted.
"""

from collections.abc import Callable
from random import Random

from audit.operations import perform
from config.demo import crowd, people
from config.demo.people import FREELANCERS, PARTNERS, SUPPLIERS, Place
from config.demo.story import Story, expect_done
from payouts import operations
from payouts.destinations import Approve
from payouts.seen import see
from wallets.models import Client, Wallet
from wallets.operations import see as see_wallets

TWICE, TOO_MUCH, SHARED, SHARER, EDITED, YOUNG = (
    "Marta Kowalczyk",
    "Jonas Bergström",
    "Elena Petrova",
    "Dmitri Volkov",
    "Ines Duarte",
    "Baltic Freight OÜ",
)
INVOICE = "Invoice 2417, translation of the manual"

CLIENTS = [
    (TWICE, "marta.kowalczyk@example.com", FREELANCERS),
    (TOO_MUCH, "jonas.bergstrom@example.com", FREELANCERS),
    (SHARER, "d.volkov@example.net", PARTNERS),
    (SHARED, "elena.petrova@example.net", FREELANCERS),
    (EDITED, "ines.duarte@example.org", FREELANCERS),
    (YOUNG, "billing@baltic-freight.example", SUPPLIERS),
]

Incident = Callable[[Story], None]


def register(story: Story) -> None:
    """Add their clients, whom nobody else pays, with a wallet each; two have the same address."""
    rosa, arno = story.actor("rosa"), story.actor("arno")
    added = {}
    for number, who in enumerate(CLIENTS, 2001):
        client = people.add_client(f"C-{number}", *who, by=rosa)
        added[client.name] = people.add_wallet(client, place(client.name), rosa)
    story.wait(hours=1)
    at_one_address = see_wallets([added.pop(name).pk for name in (SHARED, SHARER)])
    own = see_wallets([wallet.pk for wallet in added.values()])
    expect_done(perform(Approve(), own, actor=arno))
    why = "They share an account at an exchange."
    expect_done(perform(Approve(has_reason=True), at_one_address, actor=arno, reason=why))


def place(name: str) -> Place:
    """Return the address of a key that nobody has, always the same one for the same name."""
    chance = Random(SHARER if name == SHARED else name)  # noqa: S311
    return Place("tron", "USDT", crowd.WRITERS["tron"](chance))


def wallet_of(name: str) -> Wallet:
    return Wallet.objects.filter(client__name=name).order_by("pk")[0]


def is_paid(name: str, dollars: float, purpose: str) -> Incident:
    """What one of these is usually paid."""

    def incident(story: Story) -> None:
        payout = story.request(
            "USDT", dollars=dollars, purpose=purpose, wallet=wallet_of(name), by="rosa"
        )
        story.wait(minutes=12)
        story.approve(payout)
        story.work()

    return incident


USUAL: dict[int, list[Incident]] = {
    6: [
        is_paid(TWICE, 1720, "Invoice 2398, translation of the website"),
        is_paid(TOO_MUCH, 240, "Illustrations, part 1"),
        is_paid(EDITED, 900, "Photographs, spring campaign"),
    ],
    1: [
        is_paid(TWICE, 1860, INVOICE),
        is_paid(TOO_MUCH, 230, "Illustrations, part 2"),
        is_paid(EDITED, 980, "Photographs, product pages"),
        is_paid(YOUNG, 310, "Freight, pallet 118"),
    ],
}


# Today


def is_requested_twice(story: Story) -> None:
    """Somebody else had requested the same invoice the day before."""
    wallet = wallet_of(TWICE)
    story.request("USDT", dollars=1860, purpose=INVOICE, wallet=wallet, by="rafael")


def is_far_too_much(story: Story) -> None:
    """Two zeros too many."""
    wallet = wallet_of(TOO_MUCH)
    story.request("USDT", dollars=24000, purpose="Illustrations, part 3", wallet=wallet, by="rosa")


def goes_to_a_shared_address(story: Story) -> None:
    wallet = wallet_of(SHARED)
    story.request("USDT", dollars=650, purpose="Lessons, first half", wallet=wallet, by="rafael")


def is_edited_by_another(story: Story) -> None:
    wallet, purpose = wallet_of(EDITED), "Photographs, office"
    payout = story.request("USDT", dollars=940, purpose=purpose, wallet=wallet, by="rosa")
    story.wait(minutes=4)
    edit = operations.Edit(wallet, payout.currency, payout.amount + 1000, purpose)
    reason = "She asked for a thousand more by e-mail."
    operations.edit_payout(see([payout])[0], edit, reason=reason, actor=story.actor("rafael"))


def goes_to_a_young_wallet(story: Story) -> None:
    """A new address by e-mail, and at once a payout far larger than those before."""
    rosa, client = story.actor("rosa"), Client.objects.get(name=YOUNG)
    wallet = people.add_wallet(client, place(f"{YOUNG}, new"), rosa)
    story.wait(minutes=30)
    expect_done(perform(Approve(), see_wallets([wallet.pk]), actor=story.actor("arno")))
    story.wait(minutes=10)
    purpose = "Freight, pallets 119 to 140"
    story.request("USDT", dollars=9200, purpose=purpose, wallet=wallet, by="rosa")
