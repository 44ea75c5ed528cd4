"""What a client is told about a payout: one code with its sentence, and one of six statuses, by
where the payout stands.

It names what the client knows anyway (the amount, the network, the end of the address, the
transaction) and nothing of the desk: no person, reason, balance, other payout, warning or rule. So
a hold, a question and a discrepancy all read “being reviewed”.
"""

from django.db import models
from django.utils.formats import date_format
from django.utils.timezone import localtime
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from audit.codes import Code, register
from payouts.effective import telling_try
from payouts.models import Effective, Payout, PayoutStatus, WaitingFor
from wallets.amounts import money
from wallets.coins import network_name


class ClientStatus(models.TextChoices):
    REQUESTED = "requested", gettext_lazy("requested")
    IN_REVIEW = "in_review", gettext_lazy("in review")
    SENDING = "sending", gettext_lazy("sending")
    PAID = "paid", gettext_lazy("paid")
    FAILED = "failed", gettext_lazy("failed")
    CANCELLED = "cancelled", gettext_lazy("cancelled")


@register
class ClientCode(Code):
    CHECKED = (
        "client_checked",
        gettext_lazy("Your payout of %(money)s was received and is being checked."),
    )
    WALLET_CHECKED = (
        "client_wallet_checked",
        gettext_lazy(
            "Your payout of %(money)s was received and waits until your wallet is approved."
        ),
    )
    REVIEWED = (
        "client_reviewed",
        gettext_lazy("Your payout of %(money)s is being reviewed. We will let you know."),
    )
    PREPARED = (
        "client_prepared",
        gettext_lazy("Your payout of %(money)s is approved and will be sent as soon as possible."),
    )
    DATED = (
        "client_dated",
        gettext_lazy(
            "Your payout of %(money)s is approved and will be sent on or shortly after %(date)s."
        ),
    )
    SENT_NOW = "client_sent_now", gettext_lazy("Your payout of %(money)s is being sent.")
    UNCONFIRMED = (
        "client_unconfirmed",
        gettext_lazy(
            "Your payout of %(money)s is on its way on %(network)s to your address ending in "
            "%(end)s and is not confirmed yet."
        ),
    )
    PAID = (
        "client_paid",
        gettext_lazy(
            "Your payout of %(money)s was sent on %(network)s to your address ending in %(end)s."
        ),
    )
    NOT_PAID = (
        "client_not_paid",
        gettext_lazy(
            "Your payout of %(money)s could not be completed and has not been paid. We are looking "
            "into it."
        ),
    )
    DECLINED = "client_declined", gettext_lazy("Your payout of %(money)s will not be paid.")
    CANCELLED = (
        "client_cancelled",
        gettext_lazy("Your payout of %(money)s was cancelled and will not be paid."),
    )


STATUSES = {
    ClientCode.CHECKED: ClientStatus.REQUESTED,
    ClientCode.WALLET_CHECKED: ClientStatus.REQUESTED,
    ClientCode.REVIEWED: ClientStatus.IN_REVIEW,
    ClientCode.PREPARED: ClientStatus.SENDING,
    ClientCode.DATED: ClientStatus.SENDING,
    ClientCode.SENT_NOW: ClientStatus.SENDING,
    ClientCode.UNCONFIRMED: ClientStatus.SENDING,
    ClientCode.PAID: ClientStatus.PAID,
    ClientCode.NOT_PAID: ClientStatus.FAILED,
    ClientCode.DECLINED: ClientStatus.CANCELLED,
    ClientCode.CANCELLED: ClientStatus.CANCELLED,
}
BY_EFFECTIVE = {
    Effective.PAID: ClientCode.PAID,
    Effective.NOT_PAID: ClientCode.NOT_PAID,
    Effective.ELSEWHERE: ClientCode.REVIEWED,
}
BY_WAIT = {
    WaitingFor.APPROVALS: ClientCode.CHECKED,
    WaitingFor.ANSWER_OF_REQUESTER: ClientCode.CHECKED,
    WaitingFor.RELEASE: ClientCode.REVIEWED,
    WaitingFor.DATE: ClientCode.DATED,
    WaitingFor.WORKER: ClientCode.PREPARED,
    WaitingFor.SWITCH: ClientCode.PREPARED,
    WaitingFor.FUNDS: ClientCode.PREPARED,
    WaitingFor.LIMIT: ClientCode.PREPARED,
    WaitingFor.RATE: ClientCode.PREPARED,
    WaitingFor.SERVICE: ClientCode.PREPARED,
    WaitingFor.WALLET: ClientCode.PREPARED,
    WaitingFor.GATEWAY: ClientCode.PREPARED,
    WaitingFor.ANSWER: ClientCode.SENT_NOW,
    WaitingFor.FINAL_WORD: ClientCode.UNCONFIRMED,
    WaitingFor.DISCREPANCY: ClientCode.REVIEWED,
}
BY_STATUS = {
    PayoutStatus.CONFIRMED: ClientCode.PAID,
    PayoutStatus.FAILED: ClientCode.NOT_PAID,
    PayoutStatus.REJECTED: ClientCode.DECLINED,
    PayoutStatus.CANCELLED: ClientCode.CANCELLED,
}


def sentence_for_client(payout: Payout) -> str:
    """Say where a payout stands. While Heleket and the desk differ, nothing is claimed."""
    code = code_for_client(payout, differs=payout.discrepancies.standing().exists())
    return sentence_of(payout, code, txid_for_client(payout, code))


def txid_for_client(payout: Payout, code: ClientCode) -> str:
    """Return the transaction by which the client is or will be paid, where that is certain."""
    if code not in (ClientCode.PAID, ClientCode.UNCONFIRMED):
        return ""
    attempt = telling_try(payout, payout.attempts.all())
    return attempt.txid if attempt else ""


def sentence_of(payout: Payout, code: ClientCode, txid: str = "") -> str:
    sentence = code.sentence(
        money=money(payout.amount, payout.currency),
        network=network_name(payout.network),
        end=payout.address[-6:],
        date=date_format(localtime(payout.pay_from), "DATE_FORMAT") if payout.pay_from else "",
    )
    return f"{sentence} {_('The transaction is %s.') % txid}" if txid else sentence


def code_for_client(payout: Payout, *, differs: bool) -> ClientCode:
    """Return where a payout stands for its client. `differs`: a discrepancy about it is open or
    left stopped."""
    if differs:
        return ClientCode.REVIEWED
    if payout.is_ended:
        if payout.differs_after_all:  # from the sum that the client knows of
            return ClientCode.REVIEWED
        if payout.effective:
            return BY_EFFECTIVE[Effective(payout.effective)]
        return BY_STATUS[PayoutStatus(payout.status)]
    if payout.cancel_asked_at or payout.status == PayoutStatus.HELD:
        return ClientCode.REVIEWED
    waiting_for = WaitingFor(payout.waiting_for)
    if payout.status == PayoutStatus.PENDING and waiting_for == WaitingFor.WALLET:
        return ClientCode.WALLET_CHECKED
    if payout.status == PayoutStatus.SUBMITTING and waiting_for != WaitingFor.DISCREPANCY:
        waiting_for = WaitingFor.ANSWER
    if waiting_for == WaitingFor.DATE and not payout.is_early:
        waiting_for = WaitingFor.WORKER
    return BY_WAIT[waiting_for]
