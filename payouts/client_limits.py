"""The limits that a client has of its own: they refuse what it asks for, and it may see them."""

from decimal import Decimal

from django.conf import settings

from audit.refusals import Refused
from payouts.controls import limits, policy
from payouts.controls.codes import ControlsCode
from payouts.controls.documents import LimitOf
from payouts.controls.limits import OwnLimit
from payouts.controls.policy import Policy
from payouts.controls.rates import Rate, price, sound_rates
from payouts.models import WITHOUT_CALL, Payout
from wallets.amounts import Total, format_amount
from wallets.models import Client


def limits_of(client: Client) -> list[OwnLimit]:
    """Return the limits of a client with what counts now: what waits, is under way, or was paid."""
    return limits_under(policy.in_force(), client)


def limits_under(current: Policy, client: Client) -> list[OwnLimit]:
    if not limits_clients(current):
        return []
    waiting = waiting_for(client, current)
    return limits.own_limits(current.limits, client.pk, client.external_id, waiting)


def limits_clients(current: Policy) -> bool:
    return any(each.of == LimitOf.CLIENT for each in current.limits)


def waiting_for(client: Client, current: Policy) -> Decimal:
    """Add up what a client has asked for and was not sent, as far as its coins have sound rates:
    the others are counted when they are sent, which needs one."""
    rows = Payout.objects.for_client(client).filter(status__in=WITHOUT_CALL)
    sums = dict(rows.order_by().values_list("currency").annotate(Total("amount")))
    rates = sound_rates(sums, bounds=current.values.rate_bounds)
    return sum(
        (
            price(amount, rate.rate)
            for currency, amount in sums.items()
            if isinstance(rate := rates[currency], Rate)
        ),
        Decimal(0),
    )


def refuse_above_limit(payout: Payout) -> None:
    """Raise Refused for a new payout beyond one of its client's limits.

    Concurrent requests of the client wait for each other here, in the caller's transaction. A coin
    without a sound rate cannot be compared: the limit is then checked when it is sent, as always.
    """
    current = policy.in_force()
    if not limits_clients(current):
        return
    limits.lock_client(payout.client_id)
    rate = sound_rates([payout.currency], bounds=current.values.rate_bounds)[payout.currency]
    if not isinstance(rate, Rate):
        return
    worth = price(payout.amount, rate.rate)
    for limit in limits_under(current, payout.client):
        if worth > limit.left:
            raise Refused(
                ControlsCode.CLIENT_LIMIT,
                limit=format_amount(limit.at_most),
                currency=settings.REFERENCE_CURRENCY,
                hours=limit.hours,
                used=format_amount(limit.used),
                left=format_amount(limit.left),
                frees_at=limit.frees_at,
            )
