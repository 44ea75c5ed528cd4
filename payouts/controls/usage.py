"""How much of each limit is used, for people who look at them. Nothing is decided by this."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal

from django.db.models import Aggregate, Min, Q

from audit import clock
from payouts.controls import limits
from payouts.controls.documents import Limit, LimitOf
from payouts.controls.models import Spent
from wallets.amounts import Total
from wallets.models import Client

NEAREST = 5  # clients named of one limit
PREFIXES = {LimitOf.CURRENCY: limits.COIN, LimitOf.CLIENT: limits.CLIENT}

Counted = tuple[Decimal, datetime | None]  # what is used, and when something of it is free again
Sums = Mapping[tuple[str, int], Counted]  # by key and window
NOTHING: Counted = (Decimal(0), None)


@dataclass(frozen=True)
class InUse:
    """A limit that one coin, one client or the desk has. `limit.only` names the coin or client, for
    a limit of all as well; nothing, if nothing of it is used."""

    limit: Limit
    used: Decimal = Decimal(0)
    frees_at: datetime | None = None
    client_name: str = ""

    @property
    def at_most(self) -> Decimal:
        return self.limit.at_most

    @property
    def left(self) -> Decimal:
        return max(self.limit.at_most - self.used, Decimal(0))

    @property
    def percent(self) -> int:
        return limits.percent(self.used, self.limit.at_most)


def in_use(all_limits: Sequence[Limit]) -> list[InUse]:
    """Return what is used of every limit with a window, those of the desk first, and of all clients
    only the ones nearest to theirs: two statements."""
    rolling = [each for each in all_limits if each.hours]
    sums = sums_of(rolling)
    clients = clients_to_name(rolling, sums)
    found = list[InUse]()
    for limit in sorted(rolling, key=lambda each: (-list(LimitOf).index(each.of), each.hours)):
        if limit.of == LimitOf.CLIENT:
            found += of_clients(limit, rolling, sums, clients)
        elif limit.of == LimitOf.CURRENCY:
            found += of_coins(limit, sums)
        else:
            found.append(InUse(limit, *sums.get((limits.DESK, limit.hours), NOTHING)))
    return found


def sums_of(rolling: Sequence[Limit]) -> Sums:
    """Add up what counts for each key that these limits compare: one statement."""
    now, windows = clock.now(), sorted({each.hours for each in rolling})
    if not windows:
        return {}
    of = Q()
    for each in {limit.of for limit in rolling}:
        of |= Q(of=limits.DESK) if each == LimitOf.DESK else Q(of__startswith=PREFIXES[each])
    columns: dict[str, Aggregate] = {}
    for hours in windows:
        counts = limits.counting(hours, now)
        columns[f"in_{hours}"] = Total("amount", filter=counts)
        is_paid = counts & Q(amount__gt=0) & ~Q(hour=limits.UNDER_WAY)
        columns[f"from_{hours}"] = Min("hour", filter=is_paid)
    rows = Spent.objects.filter(of, limits.counting(windows[-1], now)).order_by().values("of")
    found = rows.annotate(**columns).values_list("of", *columns)
    return {
        (key, hours): (total, out_at(first, hours))
        for key, *counted in found
        for hours, total, first in zip(windows, counted[::2], counted[1::2], strict=True)
        if total
    }


def out_at(hour: datetime | None, hours: int) -> datetime | None:
    """Return when what was paid in an hour is out of a window."""
    return hour and hour + timedelta(hours=hours + 1)


def of_coins(limit: Limit, sums: Sums) -> Iterator[InUse]:
    """Yield a limit of one coin, or of each that anything was paid in, the fullest first."""
    if limit.only:
        yield InUse(limit, *sums.get((limits.coin(limit.only), limit.hours), NOTHING))
        return
    found = [
        InUse(replace(limit, only=key.removeprefix(PREFIXES[LimitOf.CURRENCY])), *counted)
        for key, counted in of_limit(limit, sums)
    ]
    yield from fullest(found) or [InUse(limit)]


def of_clients(
    limit: Limit, rolling: Sequence[Limit], sums: Sums, clients: Mapping[str, Client]
) -> Iterator[InUse]:
    """Yield a limit of one client, or of those nearest to one for all who have none of their own.
    `clients` are those of `clients_to_name`."""
    found = [
        InUse(replace(limit, only=client.external_id), used, frees_at, client.name)
        for key, client in clients.items()
        if limit in limits.in_force_for(rolling, client.external_id)
        for used, frees_at in [sums.get((key, limit.hours), NOTHING)]
        if used or limit.only
    ]
    yield from fullest(found)[:NEAREST] or [InUse(limit)]


def of_limit(limit: Limit, sums: Sums) -> list[tuple[str, Counted]]:
    prefix = PREFIXES[limit.of]
    return [
        (key, counted)
        for (key, hours), counted in sums.items()
        if hours == limit.hours and key.startswith(prefix)
    ]


def fullest(found: Sequence[InUse]) -> list[InUse]:
    return sorted(found, key=lambda each: (-each.used, each.limit.only))


def clients_to_name(rolling: Sequence[Limit], sums: Sums) -> dict[str, Client]:
    """Return, by key, the clients that limits name or that are nearest to one for all: as many more
    of these as have limits of their own."""
    asked = [each for each in rolling if each.of == LimitOf.CLIENT]
    named = {each.only for each in asked} - {""}
    keys: set[str] = set()
    for limit in asked:
        rows = sorted(of_limit(limit, sums), key=lambda row: -row[1][0])
        keys |= {key for key, _counted in rows[: NEAREST + len(named)]}
    if not (keys or named):
        return {}
    ids = [int(key.removeprefix(limits.CLIENT)) for key in keys]
    found = Client.objects.filter(Q(pk__in=ids) | Q(external_id__in=named))
    return {limits.client(client.pk): client for client in found}
