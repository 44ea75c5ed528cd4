"""Finding payouts by the status that their client is shown, as `client_sentences` decides it."""

from typing import Any

from django.db.models import Exists, F, OuterRef, Q

from payouts.client_sentences import ClientStatus
from payouts.models import Discrepancy, Effective, PayoutQuerySet, PayoutStatus, WaitingFor

STOPPED = (
    Q(status=PayoutStatus.HELD) | Q(waiting_for=WaitingFor.DISCREPANCY) | ~Q(cancel_asked_at=None)
)
UNDER_WAY = [PayoutStatus.APPROVED, PayoutStatus.SUBMITTING, PayoutStatus.BROADCAST]
GOING_ON = [PayoutStatus.PENDING, PayoutStatus.HELD, *UNDER_WAY]
OTHER_SUM = Q(effective=Effective.PAID) & ~Q(
    effective_amount=F("amount"), effective_currency=F("currency")
)
ENDED = ~Q(status__in=GOING_ON)
IN_REVIEW = (
    (Q(status__in=GOING_ON) & STOPPED)
    | (ENDED & (Q(effective=Effective.ELSEWHERE) | OTHER_SUM))
    | Q(differs=True)
)
BY_STATUS = {
    ClientStatus.REQUESTED: Q(status=PayoutStatus.PENDING),
    ClientStatus.SENDING: Q(status__in=UNDER_WAY),
    ClientStatus.PAID: ENDED
    & (Q(effective=Effective.PAID) | Q(effective="", status=PayoutStatus.CONFIRMED)),
    ClientStatus.FAILED: ENDED
    & (Q(effective=Effective.NOT_PAID) | Q(effective="", status=PayoutStatus.FAILED)),
    ClientStatus.CANCELLED: Q(
        effective="", status__in=[PayoutStatus.REJECTED, PayoutStatus.CANCELLED]
    ),
}


def with_differs(payouts: PayoutQuerySet) -> Any:
    """Annotate each with `differs`: a discrepancy about it is open or left stopped."""
    standing = Discrepancy.objects.standing().filter(payout=OuterRef("pk"))
    return payouts.annotate(differs=Exists(standing))


def of_status(status: ClientStatus) -> Q:
    """Return what finds payouts that their client is shown in this status, among those that are
    annotated with `differs`."""
    return IN_REVIEW if status == ClientStatus.IN_REVIEW else BY_STATUS[status] & ~IN_REVIEW
