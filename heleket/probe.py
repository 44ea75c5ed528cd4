"""A look at Heleket before money moves. It reads and calculates, and creates nothing."""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from heleket.client import HeleketClient
from heleket.errors import HeleketError, MissingCredentials, PayoutNotFound, RequestRejected
from heleket.types import RemoteService

# A calculation has to name a recipient. These are nobody's: one of Heleket's examples, and the
# address where Ethereum's coins are burnt.
TRON_ADDRESS = "TDD97yguPESTpcrJMqU6h2ozZbibv4Vaqm"
EVM_ADDRESS = "0x000000000000000000000000000000000000dEaD"
EVM_NETWORKS = ("ETH", "BSC", "POLYGON", "ARBITRUM", "AVALANCHE")
ADDRESSES = {"TRON": TRON_ADDRESS} | dict.fromkeys(EVM_NETWORKS, EVM_ADDRESS)


@dataclass(frozen=True, slots=True)
class Finding:
    """What one look showed. An error stops all payouts; a problem is for a person to look at."""

    about: str
    state: Literal["ok", "problem", "error"]
    sentence: str
    values: dict[str, Any] = field(default_factory=dict)  # the same for machines


@dataclass(frozen=True, slots=True)
class Report:
    """All findings, and the words in which Heleket says that it has no such payout."""

    findings: Sequence[Finding]
    not_found_text: str = ""

    @property
    def exit_code(self) -> int:
        states = {finding.state for finding in self.findings}
        return 1 if "error" in states else 2 if "problem" in states else 0


def probe(client: HeleketClient) -> Report:
    """Ask Heleket for everything that payouts will depend on."""
    odd: list[str] = []
    try:
        services = client.list_services(on_odd=odd.append)
    except HeleketError as exc:
        return Report([Finding("services", "error", str(exc))])
    not_found, text = _look_for_made_up_payout(client)
    available = [service for service in services if service.is_available]
    return Report(
        [
            _services(available, odd),
            not_found,
            _balance(client),
            _calculation(client, available),
        ],
        text,
    )


def _services(available: Sequence[RemoteService], odd: Sequence[str]) -> Finding:
    networks = len({service.network for service in available})
    sentence = f"{len(available)} services on {networks} networks are available."
    if not available:
        sentence = "Heleket offers this merchant nothing to pay with."
    state: Literal["ok", "problem"] = "problem" if odd or not available else "ok"
    values = {"services": len(available), "networks": networks, "odd": list(odd)}
    return Finding("services", state, " ".join([sentence, *odd]), values)


def _look_for_made_up_payout(client: HeleketClient) -> tuple[Finding, str]:
    """Learn what "not found" reads like: only these words ever allow a payout to be sent again."""
    try:
        client.get_payout(order_id=f"check-{secrets.token_hex(12)}")
    except PayoutNotFound as exc:
        sentence = f'Of a payout that nobody made Heleket says "{exc.message}", as expected.'
        return Finding("not found", "ok", sentence, {"text": exc.message}), exc.message
    except RequestRejected as exc:
        sentence = (
            f'Of a payout that nobody made Heleket says "{exc.message}". These words are not known '
            "to the desk yet, so a payout whose answer was lost would wait."
        )
        is_whole = not exc.errors and exc.text == exc.message
        found = Finding("not found", "problem", sentence, {"text": exc.message})
        return found, exc.message if is_whole else ""
    except HeleketError as exc:
        return Finding("not found", "error", str(exc)), ""
    return Finding("not found", "error", "Heleket knows a payout that nobody made."), ""


def _balance(client: HeleketClient) -> Finding:
    odd: list[str] = []
    try:
        balances = client.get_balance(on_odd=odd.append)
    except MissingCredentials:
        return Finding("balance", "ok", "No payment key is set, so the balance is not known.")
    except HeleketError as exc:
        return Finding("balance", "problem", f"With the payment key: {exc}")
    filled = [
        f"{balance.amount:f} {balance.currency}"
        for balance in balances
        if balance.owner == "merchant" and balance.amount
    ]
    values = [
        {"amount": f"{balance.amount:f}", "currency": balance.currency}
        for balance in balances
        if balance.owner == "merchant"
    ]
    known = f"Payouts draw on {', '.join(filled) or 'an empty balance'}."
    state: Literal["ok", "problem"] = "problem" if odd else "ok"
    return Finding("balance", state, " ".join([known, *odd]), {"balances": values})


def _calculation(client: HeleketClient, available: Sequence[RemoteService]) -> Finding:
    """Compare the side of the fee: public texts contradict each other about `is_subtract`."""
    service = next((item for item in available if item.network.upper() in ADDRESSES), None)
    if service is None:
        return Finding("fee", "problem", "No service is available to calculate a payout with.")
    amount, coin = service.min_amount, service.currency
    try:
        found = client.calculate(
            amount=amount,
            currency=coin,
            network=service.network,
            address=ADDRESSES[service.network.upper()],
        )
    except (HeleketError, ValueError) as exc:
        return Finding("fee", "problem", f"A payout cannot be calculated: {exc}")
    sentence = (
        f"Of {amount:f} {coin} on {service.network} the recipient gets {found.payout_amount:f}, "
        f"and {found.merchant_amount:f} leave our balance."
    )
    on_top = (found.payout_amount, found.merchant_amount) == (amount, amount + found.commission)
    values = {
        "currency": coin,
        "network": service.network,
        "amount": f"{amount:f}",
        "payout_amount": f"{found.payout_amount:f}",
        "merchant_amount": f"{found.merchant_amount:f}",
        "commission": f"{found.commission:f}",
    }
    return Finding("fee", "ok" if on_top else "error", sentence, values)
