"""One function per act on clients, wallets and the catalogue of payout services."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeVar

from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.db import IntegrityError, models, transaction
from django.utils import timezone
from django.utils.translation import gettext as _
from django_fsm import TransitionNotAllowed
from simple_history.utils import bulk_create_with_history, bulk_update_with_history

from heleket import RemoteService
from wallets import stops
from wallets.addresses import check_address
from wallets.amounts import InvalidAmount
from wallets.coins import is_known
from wallets.errors import WalletError
from wallets.models import Client, PayoutService, Wallet

Row = TypeVar("Row", bound=models.Model)


def add_client(
    *, external_id: str, name: str, email: str = "", group: str = "", by: User | None
) -> Client:
    client = Client(external_id=external_id, name=name, email=email, group=group, created_by=by)
    return _add(client, by=by)


def add_wallet(
    client: Client,
    *,
    network: str,
    address: str,
    memo: str = "",
    label: str = "",
    preferred_currency: str = "",
    by: User | None,
) -> Wallet:
    """Add a destination that waits for another person's approval.

    The address is stored in its canonical form. Raises InvalidAddress, or WalletError.
    """
    if not client.is_active:
        raise WalletError(_("%s is not active.") % client)
    wallet = Wallet(
        client=client,
        network=network,
        address=check_address(network, address, memo),
        memo=memo,
        label=label,
        preferred_currency=preferred_currency,
        added_by=by,
    )
    return _add(wallet, by=by)


def _add(row: Row, *, by: User | None) -> Row:
    try:
        row.full_clean(exclude={"status"})  # the state machine refuses even to be cleaned
        with transaction.atomic():
            bulk_create_with_history([row], type(row), default_user=by)
    except ValidationError as exc:
        raise WalletError(_in_one_line(exc)) from exc
    except IntegrityError as exc:
        raise WalletError(_("Somebody has just added the same.")) from exc
    return row


def _in_one_line(refusal: ValidationError) -> str:
    sentences = [
        message if name == "__all__" else f"{name}: {message}"
        for name, messages in refusal.message_dict.items()
        for message in messages
    ]
    return " ".join(sentences)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one wallet of a bulk act."""

    id: int
    label: str
    done: bool
    text: str


def approve_wallets(ids: Sequence[int], *, by: User) -> list[Outcome]:
    """Let payouts go to these wallets, unless `by` has added them: superusers are no exception."""
    _refuse_without(by, "wallets.approve_wallet")
    now = timezone.now()

    def approve(wallet: Wallet) -> str:
        if wallet.added_by_id == by.pk:
            raise WalletError(_("You have added it; another person has to approve it."))
        if not wallet.client.is_active:
            raise WalletError(_("Its client is not active."))
        wallet.approve(by=by, at=now)
        wallet.activate()
        return _("Approved.")

    return _change(ids, approve, by=by)


def freeze_wallets(ids: Sequence[int], *, by: User) -> list[Outcome]:
    _refuse_without(by, "wallets.freeze_wallet")

    def freeze(wallet: Wallet) -> str:
        wallet.freeze()
        return _("Frozen.")

    return _change(ids, freeze, by=by, stops_payouts=True)


def release_wallets(ids: Sequence[int], *, by: User) -> list[Outcome]:
    _refuse_without(by, "wallets.freeze_wallet")

    def release(wallet: Wallet) -> str:
        wallet.release()
        return _("Released; it has to be approved again.")

    return _change(ids, release, by=by)


def archive_wallets(ids: Sequence[int], *, by: User) -> list[Outcome]:
    _refuse_without(by, "wallets.change_wallet")

    def archive(wallet: Wallet) -> str:
        wallet.archive()
        return _("Archived.")

    return _change(ids, archive, by=by, stops_payouts=True)


def _refuse_without(by: User, right: str) -> None:
    if not by.has_perm(right):
        raise WalletError(_("You may not do this with wallets."))


def _change(
    ids: Sequence[int], act: Callable[[Wallet], str], *, by: User, stops_payouts: bool = False
) -> list[Outcome]:
    """Lock in id order, act on each, save those that moved with their history, report on all."""
    changed, outcomes = [], []
    with transaction.atomic():
        if stops_payouts:
            stops.overtake_claims()
        rows = Wallet.objects.filter(pk__in=ids).select_related("client")
        for wallet in rows.order_by("pk").select_for_update(of=("self",)):
            try:
                text = act(wallet)
            except (WalletError, TransitionNotAllowed) as exc:
                outcomes.append(Outcome(wallet.pk, str(wallet), False, _reason(wallet, exc)))
            else:
                changed.append(wallet)
                outcomes.append(Outcome(wallet.pk, str(wallet), True, text))
        bulk_update_with_history(
            changed, Wallet, ["status", "approved_by", "approved_at"], default_user=by
        )
    missing = sorted(set(ids) - {outcome.id for outcome in outcomes})
    return outcomes + [
        Outcome(pk, f"#{pk}", False, _("There is no such wallet.")) for pk in missing
    ]


def _reason(wallet: Wallet, refusal: Exception) -> str:
    if isinstance(refusal, WalletError):
        return str(refusal)
    return _("It is %s, so this cannot be done.") % wallet.get_status_display()


@dataclass(slots=True)
class SyncReport:
    """How the catalogue changed, and what of Heleket's list we cannot use."""

    listed: int = 0
    added: int = 0
    changed: int = 0
    withdrawn: int = 0
    unknown: list[str] = field(default_factory=list)
    unreadable: list[str] = field(default_factory=list)


TERMS = ["is_available", "min_amount", "max_amount", "fee_amount", "percent"]


@transaction.atomic
def sync_services(services: Iterable[RemoteService], *, now: datetime) -> SyncReport:
    """Take over Heleket's list; what it no longer holds becomes unavailable.

    A coin that this desk does not know is kept and reported: nothing is paid in it.
    """
    stored = {(row.network, row.currency): row for row in PayoutService.objects.select_for_update()}
    report = SyncReport()
    listed = {}
    for remote in services:
        try:
            row = _read_service(remote, now)
        except InvalidAmount as exc:
            report.unreadable.append(f"{remote.currency} on {remote.network}: {exc}")
            continue
        listed[row.network, row.currency] = row
    for key, row in listed.items():
        _count(report, row, stored.get(key))
    withdrawn = [row for key, row in stored.items() if key not in listed and row.is_available]
    for row in withdrawn:
        row.is_available = False
        row.synced_at = now
    report.withdrawn = len(withdrawn)
    PayoutService.objects.bulk_update(withdrawn, ["is_available", "synced_at"])
    PayoutService.objects.bulk_create(
        listed.values(),
        update_conflicts=True,
        unique_fields=["network", "currency"],
        update_fields=[*TERMS, "synced_at"],
    )
    return report


def _read_service(remote: RemoteService, now: datetime) -> PayoutService:
    terms = {name: getattr(remote, name) for name in TERMS}
    return PayoutService(
        network=remote.network.lower(), currency=remote.currency.upper(), synced_at=now, **terms
    )


def _count(report: SyncReport, row: PayoutService, before: PayoutService | None) -> None:
    report.listed += 1
    if before is None:
        report.added += 1
    elif any(getattr(row, name) != getattr(before, name) for name in TERMS):
        report.changed += 1
    if not is_known(row.network, row.currency):
        report.unknown.append(f"{row.currency} on {row.network}")
