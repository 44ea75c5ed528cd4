"""What this account had paid before the desk was installed: read once, page by page.

Nobody knows which client such a payout was for, so it says of an address alone that it is known.
What Heleket had by then is the baseline: no later look at its list takes it for a payout that
nobody here knows.
"""

from collections.abc import Iterable
from datetime import datetime

from django.db import transaction

import heleket
from payouts.gateway.models import BaselineRow, Binding, KnownAddress
from wallets.addresses import canonical

PAID = "paid"  # Heleket's word


def unread_before() -> datetime | None:
    """Return the moment before which the history is still to be read, or None if it is read."""
    return Binding.objects.values_list("history_before", flat=True).first()


def take_over(payouts: Iterable[heleket.RemotePayout], *, before: datetime, is_all: bool) -> None:
    """Keep where these were paid, and that the history is read back to the oldest of them.

    Once a batch brings it no further back, it is read: a list in another order than the newest
    first would be asked for the same for ever.
    """
    payouts = list(payouts)
    oldest = min((each.created_at for each in payouts if each.created_at), default=before)
    with transaction.atomic():
        keep(payouts)
        bound_at = Binding.objects.values_list("bound_at", flat=True).first()
        keep_baseline(
            each
            for each in payouts
            if not (each.created_at and bound_at) or is_before(each.created_at, bound_at)
        )
        left = None if is_all or oldest >= before else oldest
        Binding.objects.filter(history_before=before).update(history_before=left)


def keep(payouts: Iterable[heleket.RemotePayout]) -> None:
    found: dict[tuple[str, str], datetime] = {}
    for each in payouts:
        at, network = each.created_at, (each.network or "").lower()
        if at and network and each.address and each.is_final and each.status == PAID:
            place = (network, canonical(network, each.address))
            found[place] = min(at, found.get(place, at))
    rows = KnownAddress.objects.filter(address__in={address for _network, address in found})
    known = {(row.network, row.address): row.first_paid_at for row in rows}
    KnownAddress.objects.bulk_create(
        [
            KnownAddress(network=network, address=address, first_paid_at=min(at, at_most))
            for (network, address), at in sorted(found.items())
            for at_most in [known.get((network, address), at)]
        ],
        update_conflicts=True,
        unique_fields=["address", "network"],
        update_fields=["first_paid_at"],
    )


def is_before(at: datetime, bound_at: datetime) -> bool:
    """Whether Heleket made something before the desk was bound. Its times are whole seconds: what
    it made in that very second may be of after that, so people look at it."""
    return at < bound_at.replace(microsecond=0)


def keep_baseline(payouts: Iterable[heleket.RemotePayout]) -> None:
    BaselineRow.objects.bulk_create(
        [BaselineRow(uuid=each.uuid, created_at=each.created_at) for each in payouts],
        ignore_conflicts=True,
    )


def in_baseline(uuids: Iterable[str]) -> set[str]:
    """Return those that Heleket had before the desk, as far as they have been read."""
    return set(BaselineRow.objects.filter(uuid__in=uuids).values_list("uuid", flat=True))
