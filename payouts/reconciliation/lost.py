"""After a restore: what Heleket has of the time that is lost, and nobody here knows."""

from datetime import datetime

from django.db import IntegrityError, transaction

import heleket
from audit import clock
from payouts.discrepancies import describe
from payouts.models import Discrepancy
from payouts.reconciliation import starting

TOGETHER = 100


def reconcile(client: heleket.HeleketClient, since: datetime) -> tuple[int, str]:
    """Read Heleket's list from that moment on and open a discrepancy for each payout that is not
    known; return how many are open, and the newest uuid of the list.

    Raises HeleketError. Repeated, it opens none twice.
    """
    newest, chunk = "", list[heleket.RemotePayout]()
    for each in client.list_payouts(date_from=since):
        newest = newest or each.uuid
        chunk.append(each)
        if len(chunk) == TOGETHER:
            open_foreign(chunk)
            chunk = []
    open_foreign(chunk)
    is_open = Discrepancy.objects.open().filter(kind=Discrepancy.Kind.FOREIGN)
    return is_open.count(), newest


def open_foreign(listed: list[heleket.RemotePayout]) -> None:
    now = clock.now()
    for each in starting.unknown(listed):
        try:
            with transaction.atomic():
                Discrepancy.objects.create(
                    kind=Discrepancy.Kind.FOREIGN,
                    key=each.uuid,
                    is_critical=True,
                    theirs=describe(each),
                    first_seen_at=now,
                    opened_at=now,
                )
        except IntegrityError:
            continue  # it is open already
