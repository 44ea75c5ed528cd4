"""What a client is told about a payout: one sentence, by where it stands.

It names what the client knows anyway (the amount, the network, the end of the address, the
transaction) and nothing of the desk: no person, reason, balance, other payout, warning or rule. So
a hold, a question and a discrepancy all read “being reviewed”.
"""

from typing import Any

from django.utils.formats import date_format
from django.utils.timezone import localtime
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from payouts.effective import telling_try
from payouts.models import Effective, Payout, PayoutStatus, WaitingFor
from wallets.amounts import money
from wallets.coins import network_name

PAID = gettext_lazy(
    "Your payout of %(money)s was sent on %(network)s to your address ending in %(end)s."
)
REVIEWED = gettext_lazy("Your payout of %(money)s is being reviewed. We will let you know.")
NOT_PAID = gettext_lazy(
    "Your payout of %(money)s could not be completed and has not been paid. We are looking into it."
)
CHECKED = gettext_lazy("Your payout of %(money)s was received and is being checked.")
PREPARED = gettext_lazy(
    "Your payout of %(money)s is approved and will be sent as soon as possible."
)

BY_EFFECTIVE = {
    Effective.PAID: PAID,
    Effective.NOT_PAID: NOT_PAID,
    Effective.ELSEWHERE: REVIEWED,
}
BY_WAIT = {
    WaitingFor.APPROVALS: CHECKED,
    WaitingFor.ANSWER_OF_REQUESTER: CHECKED,
    WaitingFor.RELEASE: REVIEWED,
    WaitingFor.DATE: gettext_lazy(
        "Your payout of %(money)s is approved and will be sent on or shortly after %(date)s."
    ),
    WaitingFor.WORKER: PREPARED,
    WaitingFor.SWITCH: PREPARED,
    WaitingFor.FUNDS: PREPARED,
    WaitingFor.LIMIT: PREPARED,
    WaitingFor.RATE: PREPARED,
    WaitingFor.SERVICE: PREPARED,
    WaitingFor.WALLET: PREPARED,
    WaitingFor.GATEWAY: PREPARED,
    WaitingFor.ANSWER: gettext_lazy("Your payout of %(money)s is being sent."),
    WaitingFor.FINAL_WORD: gettext_lazy(
        "Your payout of %(money)s is on its way on %(network)s to your address ending in %(end)s "
        "and is not confirmed yet."
    ),
    WaitingFor.DISCREPANCY: REVIEWED,
}
BY_STATUS = {
    PayoutStatus.CONFIRMED: PAID,
    PayoutStatus.FAILED: NOT_PAID,
    PayoutStatus.REJECTED: gettext_lazy("Your payout of %(money)s will not be paid."),
    PayoutStatus.CANCELLED: gettext_lazy(
        "Your payout of %(money)s was cancelled and will not be paid."
    ),
}


def sentence_for_client(payout: Payout) -> str:
    """Say where a payout stands. While Heleket and the desk differ, nothing is claimed."""
    if payout.discrepancies.standing().exists():
        return in_words(REVIEWED, payout)
    sentence = sentence_of(payout)
    attempt = telling_try(payout, payout.attempts.all())
    if attempt and attempt.txid and sentence in (PAID, BY_WAIT[WaitingFor.FINAL_WORD]):
        return f"{in_words(sentence, payout)} {_('The transaction is %s.') % attempt.txid}"
    return in_words(sentence, payout)


def in_words(sentence: Any, payout: Payout) -> str:
    return str(sentence) % {
        "money": money(payout.amount, payout.currency),
        "network": network_name(payout.network),
        "end": payout.address[-6:],
        "date": date_format(localtime(payout.pay_from), "DATE_FORMAT") if payout.pay_from else "",
    }


def sentence_of(payout: Payout) -> Any:
    """Return the entry of the tables that speaks of this payout."""
    if payout.is_ended:
        if payout.differs_after_all:  # from the sum that the client knows of
            return REVIEWED
        if payout.effective:
            return BY_EFFECTIVE[Effective(payout.effective)]
        return BY_STATUS[PayoutStatus(payout.status)]
    if payout.cancel_asked_at or payout.status == PayoutStatus.HELD:
        return REVIEWED
    waiting_for = WaitingFor(payout.waiting_for)
    if payout.status == PayoutStatus.SUBMITTING and waiting_for != WaitingFor.DISCREPANCY:
        waiting_for = WaitingFor.ANSWER
    if waiting_for == WaitingFor.DATE and not payout.is_early:
        waiting_for = WaitingFor.WORKER
    return BY_WAIT[waiting_for]
