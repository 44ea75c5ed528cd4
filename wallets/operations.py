"""What people do to wallets: one class per act."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass

from django.utils.translation import gettext as _

from audit import clock
from audit.actor import Actor
from audit.codes import Reason
from audit.operations import Change, Operation, sources
from audit.refusals import Refusal
from wallets import changes
from wallets.codes import WalletCode
from wallets.models import Wallet, WalletEvent

Type = WalletEvent.Type


@dataclass(frozen=True)
class Seen:
    id: int

    @property
    def token(self) -> str:
        return str(self.id)


class WalletOperation(Operation[Wallet, Seen, None]):
    """An act on wallets, from the statuses of its transition."""

    statuses: frozenset[str]
    stops_payouts = False
    unknown = WalletCode.UNKNOWN_WALLET

    def changes(
        self, ids: Collection[int], actor: Actor
    ) -> AbstractContextManager[Sequence[Change[Wallet]]]:
        return changes.change(ids, actor=actor, stops_payouts=self.stops_payouts)

    def stale(self, rows: Sequence[Wallet], seen: Mapping[int, Seen]) -> Mapping[int, Refusal]:
        return {}  # a wallet never changes its destination, and its status is looked at anyway

    def load(self, rows: Sequence[Wallet]) -> None:
        return None

    def refusal(self, row: Wallet, facts: None, actor: Actor) -> Refusal | None:
        if row.status in self.statuses:
            return None
        return Refusal(WalletCode.WALLET_STATUS, status=row.get_status_display())


@dataclass(frozen=True)
class Approve(WalletOperation):
    """Let payouts go to wallets, unless the actor has added them: superusers are no exception.

    `certain_of` has the ids of those that this person knows can be paid in spite of their doubt.
    """

    certain_of: Collection[int] = ()

    permission = "wallets.approve_wallet"
    statuses = sources(Wallet.approve)

    def refusal(self, row: Wallet, facts: None, actor: Actor) -> Refusal | None:
        if row.added_by_id == actor.person_id:
            return Refusal(WalletCode.WALLET_ADDED_BY_YOU)
        if not row.client.is_active:
            return Refusal(WalletCode.CLIENT_CLOSED)
        if row.loss:
            return Refusal(WalletCode.ADDRESS, why=row.loss)
        if row.doubt and row.pk not in self.certain_of:
            return Refusal(WalletCode.DOUBTFUL_ADDRESS, why=row.doubt)
        return super().refusal(row, facts, actor)

    def apply(self, change: Change[Wallet], facts: None, reason: Reason) -> str:
        is_certain = {"in_spite_of": change.row.doubt} if change.row.doubt else {}
        change.log_event(Type.APPROVE, address=change.row.address, **is_certain)
        change.row.approve(at=clock.now())
        change.row.activate()
        return _("Approved.")

    def after(self, rows: Sequence[Wallet], actor: Actor) -> None:
        for wallet in rows:
            wallet.approved_by = actor.person


class Freeze(WalletOperation):
    permission = "wallets.freeze_wallet"
    statuses = sources(Wallet.freeze)
    stops_payouts = True

    def apply(self, change: Change[Wallet], facts: None, reason: Reason) -> str:
        change.log_event(Type.FREEZE)
        change.row.freeze()
        return _("Frozen.")


class Release(WalletOperation):
    permission = "wallets.freeze_wallet"
    statuses = sources(Wallet.release)

    def apply(self, change: Change[Wallet], facts: None, reason: Reason) -> str:
        change.log_event(Type.RELEASE)
        change.row.release()
        return _("Released; it has to be approved again.")


class Archive(WalletOperation):
    permission = "wallets.change_wallet"
    statuses = sources(Wallet.archive)
    stops_payouts = True

    def apply(self, change: Change[Wallet], facts: None, reason: Reason) -> str:
        change.log_event(Type.ARCHIVE)
        change.row.archive()
        return _("Archived.")


APPROVE, FREEZE, RELEASE, ARCHIVE = Approve(), Freeze(), Release(), Archive()


def see(ids: Iterable[int]) -> list[Seen]:
    return [Seen(each) for each in ids]
