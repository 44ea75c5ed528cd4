"""The types of events, in the feed and in webhooks: what a payout has become for its client."""

from typing import Annotated

from django.utils.translation import gettext_lazy as _

from payouts.client_sentences import ClientStatus
from payouts.portal.values import Says, known

EVENT_TYPES = {
    f"payout.{status}": words
    for status, words in {
        ClientStatus.REQUESTED: _("It was asked for, and waits for the desk's approval."),
        ClientStatus.IN_REVIEW: _("Somebody of the desk is looking into it; it waits."),
        ClientStatus.SENDING: _("It is approved: it will be sent, or is on its way."),
        ClientStatus.PAID: _("It is paid."),
        ClientStatus.FAILED: _("It was not paid. The desk may try it again."),
        ClientStatus.CANCELLED: _("It has ended and will never be paid."),
    }.items()
}
EventType = Annotated[str, Says(**known(EVENT_TYPES))]


def type_of(status: str) -> str:
    return f"payout.{status}"
