"""The one place that saves a wallet's status: lock, change, save with its events, or none of it."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager

from django.db import connection, transaction
from simple_history.utils import bulk_create_with_history, bulk_update_with_history

from audit import clock
from audit.actor import Actor
from audit.events import links
from audit.operations import Change
from wallets import stops
from wallets.models import Wallet, WalletEvent, WalletStatus

COLUMNS = ["status", "approved_by", "approved_at", "last_event"]


@contextmanager
def change(
    ids: Collection[int], *, actor: Actor, stops_payouts: bool = False
) -> Iterator[Sequence[Change[Wallet]]]:
    """Lock wallets in id order and yield them; save those of which an event was logged.

    With `stops_payouts` claims that were begun are waited for, and later ones wait.
    """
    with transaction.atomic():
        if stops_payouts:
            stops.overtake_claims()
        rows = Wallet.objects.filter(pk__in=ids).select_related("client").order_by("pk")
        changes = [Change(wallet) for wallet in rows.select_for_update(of=("self",))]
        with clock.one_moment():
            yield changes
            events = events_of(changes, actor)
        changed = [each.row for each in changes if each.events]
        bulk_update_with_history(changed, Wallet, COLUMNS, default_user=actor.person)
        WalletEvent.objects.bulk_create(events)


def hold(ids: Collection[int]) -> Mapping[int, WalletStatus]:
    """Keep wallets as they are until this transaction ends, and return their statuses. Others may
    read and hold them as well.

    Lock order: before payouts.
    """
    if connection.vendor != "postgresql":  # one transaction writes at a time
        rows = Wallet.objects.filter(pk__in=ids).values_list("pk", "status")
        return {pk: WalletStatus(status) for pk, status in rows}
    if not ids:
        return {}
    with connection.cursor() as cursor:  # FOR SHARE, which the ORM does not know
        cursor.execute(
            f"SELECT id, status FROM {Wallet._meta.db_table} WHERE id = ANY(%s) "  # noqa: S608
            "ORDER BY id FOR SHARE",
            [sorted(ids)],
        )
        return {pk: WalletStatus(status) for pk, status in cursor.fetchall()}


def add(changes: Sequence[Change[Wallet]], *, actor: Actor) -> None:
    """Store new wallets with their events. Raises IntegrityError for one that is there already."""
    with transaction.atomic():
        for each in changes:
            each.row.last_event = len(each.events)
        wallets = [each.row for each in changes]
        bulk_create_with_history(wallets, Wallet, default_user=actor.person)
        for wallet in wallets:
            wallet.last_event = 0  # counted again as the events are numbered
        WalletEvent.objects.bulk_create(events_of(changes, actor))


def added(wallet: Wallet) -> Change[Wallet]:
    """Return the change that adds a wallet, with its event."""
    change = Change(wallet)
    doubt = {"in_spite_of": wallet.doubt} if wallet.doubt else {}
    destination = {name: getattr(wallet, name) for name in ("network", "address", "memo")}
    change.log_event(WalletEvent.Type.ADD, **destination, **doubt)
    return change


def events_of(changes: Sequence[Change[Wallet]], actor: Actor) -> list[WalletEvent]:
    return links(changes, actor, WalletEvent, "wallet")
