"""A sample that anybody can draw again: of a stated population, by a stated seed.

Each payout of the population has a ticket: the SHA-256 of the seed and its id, one after the other.
The sample are the payouts with the smallest tickets. Nothing else has a say, so that an auditor who
has the ids draws the same one without the desk.
"""

import hashlib
import heapq
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db.models import Count

from payouts.models import Payout, PayoutQuerySet
from wallets.amounts import Total, format_amount

MOST = 200  # payouts of a sample
AT_ONCE = 10_000
RULE = "sha256(seed + id), the smallest first"


@dataclass(frozen=True)
class Sample:
    """`fingerprint` is the SHA-256 of all ids of the population, in order, each with a line feed
    behind it: another one says that the population is not the one of before."""

    payouts: Sequence[Payout]
    tickets: dict[UUID, str]
    count: int
    fingerprint: str
    sums: dict[str, dict[str, Any]]  # of the population

    @property
    def rows(self) -> list[tuple[Payout, str]]:
        return [(each, self.tickets[each.pk]) for each in self.payouts]


def ticket(seed: str, payout: UUID) -> str:
    return hashlib.sha256(f"{seed}{payout}".encode()).hexdigest()


def draw(population: PayoutQuerySet, seed: str, size: int) -> Sample:
    """Draw a sample, in the memory of a few ids however large the population is."""
    digest, count = hashlib.sha256(), 0

    def tickets() -> Iterable[tuple[str, UUID]]:
        nonlocal count
        for payout in population.order_by("pk").values_list("pk", flat=True).iterator(AT_ONCE):
            digest.update(f"{payout}\n".encode())
            count += 1
            yield ticket(seed, payout), payout

    smallest = heapq.nsmallest(size, tickets())
    drawn = {payout: each for each, payout in smallest}
    known = Payout.objects.select_related("client").in_bulk(drawn)
    return Sample(
        [known[payout] for payout in drawn], drawn, count, digest.hexdigest(), sums(population)
    )


def sums(payouts: PayoutQuerySet) -> dict[str, dict[str, Any]]:
    """Return count and sum of each coin: what an export calls its control sums."""
    coins = payouts.order_by().values("currency")
    return {
        each["currency"]: {"count": each["count"], "sum": format_amount(each["total"])}
        for each in coins.annotate(count=Count("pk"), total=Total("amount")).order_by("currency")
    }
