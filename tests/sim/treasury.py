"""Those who have Heleket's own account, and never ask the desk: somebody pays by hand there, money
comes in and goes out for other reasons.
"""

from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

from payouts.models import Payout
from tests.sim.seams import reach

if TYPE_CHECKING:
    from tests.sim.world import World

STRANGERS = {
    "tron": ["TPYmHEhy5n8TCEfYGqW2rPxsghSfzghPDn", "TEkxiTehnzSmSe2XqrBj4w32RUN966rdz8"],
    "eth": ["0x27b1fdb04752bbc536007a920d24acb045561c26"],
}
COINS = {"tron": "USDT", "eth": "SHIB"}
AMOUNTS = {"USDT": ["5", "12.5", "300"], "SHIB": ["234567891.12345673", "250000"]}
IN_AND_OUT = {"USDT": ["0.01", "250", "99000"], "SHIB": ["1000", "300000"]}
LINKABLE = ("pending", "held", "approved", "failed")
MOST_THERE = 5
BEFORE = timedelta(days=40)  # the desk was installed, and Heleket had paid


def begin(world: "World") -> None:
    """Have Heleket's account be older than the desk."""
    for number, network in enumerate(["tron", "eth"], 1):
        coin = COINS[network]
        made = world.gateway.pay_there(
            network=network, currency=coin, amount=AMOUNTS[coin][0], order_id=f"old-{number}"
        )
        if made:
            made.created_at = made.updated_at = made.created_at - BEFORE


def script(world: "World") -> None:
    """Act at Heleket now and then. None of it passes through the desk."""
    luck = world.swarm.luck["books"]
    while True:
        reach("rests")
        luck.choice([pay_what_waits, pay_what_waits, pay_a_stranger, move_money, move_money])(world)


def pay_what_waits(world: "World") -> None:
    """Pay by hand what somebody has asked the desk for, and leave the desk to find out."""
    luck = world.swarm.luck["books"]
    found = list(Payout.objects.filter(status__in=LINKABLE).order_by("number"))
    if found and count_of(world) < MOST_THERE:
        payout = luck.choice(found)
        reach("has looked")
        pay(world, payout.network, payout.currency, payout.amount, payout.address)


def pay_a_stranger(world: "World") -> None:
    luck = world.swarm.luck["books"]
    if count_of(world) < MOST_THERE:
        network = luck.choice(sorted(STRANGERS))
        coin = COINS[network]
        amount = Decimal(luck.choice(AMOUNTS[coin]))
        pay(world, network, coin, amount, luck.choice(STRANGERS[network]))


def count_of(world: "World") -> int:
    return len(world.paid_there)


def pay(world: "World", network: str, currency: str, amount: Decimal, address: str) -> None:
    """With no order id, or one of a numbering that is not ours."""
    luck = world.swarm.luck["books"]
    order_id = f"inv-{count_of(world) + 1}" if luck.random() < 0.3 else None
    paid = world.gateway.pay_there(
        network=network,
        currency=currency,
        amount=f"{amount:f}",
        address=address,
        order_id=order_id,
    )
    if paid:
        world.paid_there.append(paid.uuid)
        world.note(f"by hand at Heleket: {paid.amount} {currency} to {address}, {order_id}")


def move_money(world: "World") -> None:
    """Customers pay in, treasury tops up, or moves money to the owner's own wallet and back."""
    luck = world.swarm.luck["books"]
    coin = luck.choice(sorted(IN_AND_OUT))
    amount = Decimal(luck.choice(IN_AND_OUT[coin]))
    why = luck.choice(["payment", "top-up", "transfer", "transfer"])
    if why == "transfer" and luck.random() < 0.5 and world.gateway.balances[coin] > amount:
        amount = -amount
    world.gateway.move(coin, amount, why)
    world.note(f"the balance moves by {amount} {coin}: {why}")
