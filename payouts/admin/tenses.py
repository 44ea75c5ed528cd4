"""What a page says of a payout's money: it leaves, will arrive, has arrived, or came back."""

from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext_lazy as _

from payouts.models import FINAL_FAILURES, Attempt, Effective, Payout, PayoutStatus


@dataclass(frozen=True)
class Tense:
    """The names of the amounts; `estimated` is of what would leave by the stored price list."""

    arrives: Any
    fee: Any
    leaves: Any
    estimated: Any
    paid_out: Any
    paid_out_in: Any


PLANNED = Tense(
    arrives=_("The client receives"),
    fee=_("Heleket's fee, estimated"),
    leaves=_("Leaves our balance"),
    estimated=_("Leaves our balance, estimated"),
    paid_out=_("Is paid out"),
    paid_out_in=_("Is paid out in"),
)
AT_HELEKET = Tense(
    arrives=_("The client will receive"),
    fee=_("Heleket's fee"),
    leaves=_("Set aside from our balance"),
    estimated=_("Will leave our balance, estimated"),
    paid_out=_("Will be paid out"),
    paid_out_in=_("Will be paid out in"),
)
IN_DOUBT = Tense(
    arrives=_("The client will receive, if it is paid after all"),
    fee=_("Heleket's fee then"),
    leaves=_("Will leave our balance then"),
    estimated=_("Will leave our balance then, estimated"),
    paid_out=_("Will be paid out then"),
    paid_out_in=_("Will be paid out in"),
)
PAID = Tense(
    arrives=_("The client received"),
    fee=_("Heleket's fee"),
    leaves=_("Left our balance"),
    estimated=_("Left our balance, estimated"),
    paid_out=_("Paid out"),
    paid_out_in=_("Paid out in"),
)
NOT_PAID = Tense(
    arrives=_("The client would have received"),
    fee=_("Heleket's fee would have been"),
    leaves=_("Came back to our balance"),
    estimated=_("Would have left our balance, estimated"),
    paid_out=_("Would have been paid out"),
    paid_out_in=_("Would have been paid out in"),
)
ELSEWHERE = Tense(
    arrives=_("The client should have received"),
    fee=_("Heleket's fee"),
    leaves=_("Left our balance"),
    estimated=_("Left our balance, estimated"),
    paid_out=_("Paid out elsewhere"),
    paid_out_in=_("Paid out in"),
)


def tense_of(payout: Payout, latest: Attempt | None) -> Tense:
    if payout.effective == Effective.ELSEWHERE:
        return ELSEWHERE
    if payout.counts_as_paid:
        return PAID
    if payout.is_ended:
        return NOT_PAID
    return PLANNED if latest is None or latest.uuid is None else tense_of_try(latest)


def tense_of_try(attempt: Attempt) -> Tense:
    """That of one try by itself, as an earlier one may have ended otherwise than its payout."""
    if attempt.is_final:
        return NOT_PAID if attempt.has_failed else PAID
    return IN_DOUBT if has_failed_for_now(attempt) else AT_HELEKET


def has_failed_for_now(attempt: Attempt) -> bool:
    return not attempt.is_final and attempt.remote_status in FINAL_FAILURES


def mark_of(payout: Payout, latest: Attempt | None) -> str:
    """Say beside the status whether a failure is Heleket's last word."""
    if latest is None or payout.effective:
        return ""
    if payout.status == PayoutStatus.BROADCAST and has_failed_for_now(latest):
        return str(_("Heleket: failed, but not finally"))
    if payout.status == PayoutStatus.FAILED and latest.has_failed:
        return str(_("Heleket: failed, final"))
    return ""
