"""One function per act on clients, wallets and the catalogue of payout services."""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeVar

from django.core.exceptions import ValidationError
from django.db import IntegrityError, models, transaction
from django.utils.translation import gettext as _
from simple_history.utils import bulk_create_with_history, bulk_update_with_history

from audit.actor import Actor
from audit.codes import Reason
from audit.events import log_event
from audit.models import DeskEvent
from audit.refusals import Refusal, Refused
from audit.texts import needed, stored
from heleket import RemoteService
from wallets import changes, stops
from wallets.addresses import check_address
from wallets.amounts import InvalidAmount
from wallets.codes import WalletCode
from wallets.coins import is_known
from wallets.errors import InvalidAddress
from wallets.models import Client, PayoutMethod, Wallet
from wallets.sharing import SameAddress, wallets_at

Row = TypeVar("Row", bound=models.Model)

ALIKE_SHOWN = 5


def add_client(
    *,
    external_id: str,
    name: str,
    email: str = "",
    group: str = "",
    language: str = "",
    country: str = "",
    tax_id: str = "",
    is_another: bool = False,
    actor: Actor,
) -> Client:
    """Add a client; with `is_another`, somebody has compared it with those who look alike."""
    actor.require("wallets.add_client")
    client = Client(
        external_id=stored(external_id),
        name=stored(name),
        email=email,
        group=stored(group),
        language=language,
        country=country,
        tax_id=stored(tax_id),
        created_by=actor.person,
    )
    if not is_another and (refusal := refusal_of_name(client)):
        raise Refused.by(refusal)
    client.name_in_history(actor)
    return _store(client, lambda: bulk_create_with_history([client], Client))


@transaction.atomic
def change_client(client_id: int, *, actor: Actor, **values: str) -> Client:
    """Give a client another name, mail or language; what is the same already stays as it is.

    Raises Refused."""
    actor.require("wallets.change_client")
    client = Client.objects.select_for_update().get(pk=client_id)
    changed = [name for name, value in values.items() if getattr(client, name) != value]
    for name in changed:
        setattr(client, name, values[name])
    if changed:
        client.name_in_history(actor)
        _store(client, client.save)
    return client


def refusal_of_name(client: Client) -> Refusal | None:
    """Name the clients that this one may be taken for."""
    names = ", ".join(str(each) for each in client.alike()[:ALIKE_SHOWN])
    return Refusal(WalletCode.CLIENT_LOOKS_ALIKE, names=names) if names else None


def last_change(client: Client) -> int:
    """Return the id of the last row of its history, 0 without one."""
    return client.history.values_list("pk", flat=True).first() or 0


@transaction.atomic
def close_client(client_id: int, *, reason: str, actor: Actor) -> Client:
    """Pay nothing to this client any more, whatever was approved, until it is opened again."""
    return _set_open(client_id, is_active=False, reason=reason, actor=actor)


@transaction.atomic
def reopen_client(client_id: int, *, reason: str, actor: Actor, seen: int | None = None) -> Client:
    """Let payouts to this client go on. Whoever saw on a page how it was closed gives the id of its
    last change then, in `seen`: nobody opens what was closed once more since."""
    return _set_open(client_id, is_active=True, reason=reason, actor=actor, seen=seen)


def _set_open(
    client_id: int, *, is_active: bool, reason: str, actor: Actor, seen: int | None = None
) -> Client:
    actor.require("wallets.change_client")
    reason = needed(reason)
    if not is_active:
        stops.overtake_claims()
    client = Client.objects.select_for_update().get(pk=client_id)
    if seen is not None and seen != last_change(client):
        raise Refused(WalletCode.CLIENT_CHANGED)
    if client.is_active == is_active:
        is_so = WalletCode.CLIENT_OPEN_ALREADY if is_active else WalletCode.CLIENT_CLOSED_ALREADY
        raise Refused(is_so, client=client)
    client.is_active = is_active
    client.name_in_history(actor, reason)
    bulk_update_with_history([client], Client, ["is_active"])
    event_type = DeskEvent.Type.REOPEN_CLIENT if is_active else DeskEvent.Type.CLOSE_CLIENT
    log_event(event_type, Reason(words=reason), actor=actor, client=client.pk)
    return client


def add_wallet(
    client: Client,
    *,
    network: str,
    address: str,
    memo: str = "",
    label: str = "",
    preferred_currency: str = "",
    is_certain: bool = False,
    actor: Actor,
) -> Wallet:
    """Add a destination that waits for another person's approval.

    The address is stored in its canonical form. With `is_certain`, somebody knows that the address
    can be paid although there is a doubt about it. Raises InvalidAddress, or Refused.
    """
    actor.require("wallets.add_wallet")
    if not client.is_active:
        raise Refused(WalletCode.CLIENT_CLOSED)
    wallet = Wallet(
        client=client,
        network=network,
        address=check_address(network, address, memo),
        memo=memo,
        label=label,
        preferred_currency=preferred_currency,
        added_by=actor.person,
        key_issuer_id=actor.issuer_id,
    )
    if wallet.doubt and not is_certain:
        raise InvalidAddress(wallet.doubt)
    if refusal := SameAddress(wallets_at([wallet])).refusal_of_memo(wallet):
        raise Refused.by(refusal)
    return _store(wallet, lambda: changes.add([changes.added(wallet)], actor=actor))


def _store(row: Row, add: Callable[[], object]) -> Row:
    try:
        row.full_clean(exclude={"status"})  # the state machine refuses even to be cleaned
        with transaction.atomic():
            add()
    except ValidationError as exc:
        raise Refused(WalletCode.INVALID, why=_in_one_line(exc)) from exc
    except IntegrityError as exc:
        raise Refused(WalletCode.JUST_ADDED) from exc
    return row


def _in_one_line(refusal: ValidationError) -> str:
    sentences = [
        message if name == "__all__" else f"{name}: {message}"
        for name, messages in refusal.message_dict.items()
        for message in messages
    ]
    return " ".join(sentences)


@dataclass(slots=True)
class SyncReport:
    """How the catalogue changed, and what of Heleket's list we cannot use."""

    listed: int = 0
    added: int = 0
    changed: int = 0
    withdrawn: int = 0
    unknown: list[str] = field(default_factory=list)
    unreadable: list[str] = field(default_factory=list)


LONGEST_NAME = 40
NETWORK = re.compile("[A-Za-z0-9_-]{1,32}")
CURRENCY = re.compile("[A-Za-z0-9_-]{1,16}")
TERMS = ["is_available", "min_amount", "max_amount", "fee_amount", "percent"]


@transaction.atomic
def sync_services(
    services: Iterable[RemoteService], *, now: datetime, odd: Iterable[str] = ()
) -> SyncReport:
    """Take over Heleket's list; what it no longer holds becomes unavailable.

    A coin that this desk does not know is kept and reported: nothing is paid in it. An odd entry is
    named and left out; `odd` names those that could not even be read.
    """
    known = {(row.network, row.currency): row for row in PayoutMethod.objects.select_for_update()}
    report = SyncReport(unreadable=list(odd))
    listed: dict[tuple[str, str], PayoutMethod] = {}
    for remote in services:
        try:
            row = _read_service(remote, now)
            if (row.network, row.currency) in listed:
                raise OddService(_("it is listed twice"))
        except (InvalidAmount, OddService) as exc:
            name = f"{_shown(remote.currency)} on {_shown(remote.network)}"
            report.unreadable.append(f"{name}: {exc}")
        else:
            listed[row.network, row.currency] = row
    for key, row in listed.items():
        _count(report, row, known.get(key))
    withdrawn = [row for key, row in known.items() if key not in listed and row.is_available]
    for row in withdrawn:
        row.is_available = False
        row.synced_at = now
    report.withdrawn = len(withdrawn)
    PayoutMethod.objects.bulk_update(withdrawn, ["is_available", "synced_at"])
    PayoutMethod.objects.bulk_create(
        listed.values(),
        update_conflicts=True,
        unique_fields=["network", "currency"],
        update_fields=[*TERMS, "synced_at"],
    )
    return report


class OddService(ValueError):
    """What is said of a service cannot be meant."""


def _shown(code: str) -> str:
    """Return a code so that whatever is odd about it can be seen."""
    is_plain = code.isascii() and code.isprintable() and code.strip()
    return code[:LONGEST_NAME] if is_plain else ascii(code[:LONGEST_NAME])


def _read_service(remote: RemoteService, now: datetime) -> PayoutMethod:
    if not (NETWORK.fullmatch(remote.network) and CURRENCY.fullmatch(remote.currency)):
        raise OddService(_("it is called by no code"))
    terms = {name: getattr(remote, name) for name in TERMS}
    row = PayoutMethod(
        network=remote.network.lower(), currency=remote.currency.upper(), synced_at=now, **terms
    )
    if row.min_amount > row.max_amount:
        raise OddService(_("its minimum is more than its maximum"))
    return row


def _count(report: SyncReport, row: PayoutMethod, before: PayoutMethod | None) -> None:
    report.listed += 1
    if before is None:
        report.added += 1
    elif any(getattr(row, name) != getattr(before, name) for name in TERMS):
        report.changed += 1
    if not is_known(row.network, row.currency):
        report.unknown.append(f"{row.currency} on {row.network}")
