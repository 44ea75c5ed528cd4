"""What a payout costs: as the stored price list says, and as Heleket itself calculates it."""

import time
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.utils.translation import gettext as _

import heleket
from audit.refusals import Refusal
from payouts import waits
from payouts.eligibility import refusal_of_coin, refusal_of_service
from payouts.gateway import accounts, rate_limit
from payouts.gateway.accounts import WrongAccount
from payouts.gateway.models import RateLimit
from wallets.amounts import InvalidAmount, format_amount, parse_amount
from wallets.codes import WalletCode
from wallets.models import PayoutMethod, Wallet

ASK_SECONDS = 5.0  # a person waits for the page


@dataclass(frozen=True)
class Estimate:
    """What the stored price list says. The client always receives the full amount."""

    service: PayoutMethod
    amount: Decimal
    fee: Decimal
    debit: Decimal
    refusal: Refusal | None


def estimate(network: str, currency: str, amount: Decimal) -> Estimate | None:
    """Return None if the price list does not have this coin."""
    service = PayoutMethod.objects.filter(network=network, currency=currency).first()
    if service is None:
        return None
    return Estimate(
        service=service,
        amount=amount,
        fee=service.fee_for(amount),
        debit=service.debit_for(amount),
        refusal=refusal_of_service(service, amount),
    )


def estimate_in_words(wallet: Wallet, typed: Any) -> dict[str, str]:
    """Return the estimate of what somebody has typed so far, or a note that says what is amiss, in
    the words in which the form would refuse it."""
    currency, text = typed.get("currency", ""), typed.get("amount", "").strip()
    try:
        amount = parse_amount(text) if text else None
    except InvalidAmount as exc:
        return {"note": str(exc)}
    if not currency:
        return {"note": _("Choose a coin.")}
    if amount is None:
        return {"note": _("Type an amount.")}
    refusal = refusal_of_coin(wallet.network, currency, amount)
    costs = estimate(wallet.network, currency, amount)
    note = refusal.sentence if refusal else ""
    if costs is None or (refusal and refusal.code == WalletCode.AMOUNT):
        return {"note": note}
    return {
        "note": note,
        "arrives": f"{format_amount(costs.amount)} {currency}",
        "fee": f"{format_amount(costs.fee)} {currency}",
        "debit": f"{format_amount(costs.debit)} {currency}",
    }


@dataclass(frozen=True)
class Calculated:
    """Heleket's own calculation, or why there is none."""

    costs: heleket.Calculation | None
    note: str = ""


def ask_heleket(network: str, currency: str, amount: Decimal, address: str) -> Calculated:
    """Let Heleket calculate a payout that is not made. Nothing is sent, and if Heleket answers
    that there are too many calls, everybody backs off.

    The call does not count in our own rate: a person waits for it.
    """
    limit = RateLimit.objects.get(pk=1)
    if limit.is_backing_off:
        return Calculated(None, waits.calls_go_on(limit))
    try:
        with accounts.heleket_client() as client:
            accounts.check_binding(client)
            costs = client.calculate(
                amount=amount,
                currency=currency,
                network=network,
                address=address,
                deadline=time.monotonic() + ASK_SECONDS,
            )
    except heleket.RequestRejected as exc:
        return Calculated(None, _("Heleket would refuse it: %s") % exc.message)
    except (heleket.HeleketError, heleket.InvalidBaseUrl, WrongAccount) as exc:
        rate_limit.back_off_if_asked([exc])
        return Calculated(None, _("Heleket could not be asked for its own calculation. %s") % exc)
    if costs.payout_amount != amount:
        note = _("Careful: by this calculation the client would not receive the full amount.")
        return Calculated(costs, note)
    return Calculated(costs)
