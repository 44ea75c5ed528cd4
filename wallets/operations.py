"""What people do to wallets: one class per act."""

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, TypeVar

from django.utils.translation import gettext as _

from audit import clock
from audit.actor import Actor
from audit.codes import Reason
from audit.operations import Change, Operation, sources
from audit.refusals import Refusal
from wallets import changes
from wallets.codes import WalletCode
from wallets.models import Wallet, WalletEvent
from wallets.sharing import SameAddress, wallets_at

TOKEN = re.compile("[0-9]{1,18}(:[0-9]{1,9})?")  # ids that fit into a column of either database
Facts = TypeVar("Facts")
Type = WalletEvent.Type


@dataclass(frozen=True)
class Seen:
    """A wallet as a page showed it: `event` is the number of its last event at that moment."""

    id: int
    event: int = 0

    @property
    def token(self) -> str:
        return f"{self.id}:{self.event}"

    @classmethod
    def read(cls, token: str) -> "Seen | None":
        """Return what a token stands for; one that can be of no wallet stands for nothing."""
        if not TOKEN.fullmatch(token):
            return None
        wallet, _colon, event = token.partition(":")
        return cls(int(wallet), int(event or 0))


class WalletOperation(Operation[Wallet, Seen, Facts]):
    """An act on wallets, from the statuses of its transition."""

    statuses: frozenset[str]
    stops_payouts = False
    unknown = WalletCode.UNKNOWN_WALLET

    def changes(
        self, ids: Collection[int], actor: Actor
    ) -> AbstractContextManager[Sequence[Change[Wallet]]]:
        return changes.change(ids, actor=actor, stops_payouts=self.stops_payouts)

    def stale(self, rows: Sequence[Wallet], seen: Mapping[int, Seen]) -> Mapping[int, Refusal]:
        """Nothing keeps a stop from what was seen. Else a freeze may have come and gone since."""
        if self.stops_payouts:
            return {}
        return {
            wallet.pk: Refusal(WalletCode.WALLET_CHANGED)
            for wallet in rows
            if wallet.last_event != seen[wallet.pk].event
        }

    def load(self, rows: Sequence[Wallet], actor: Actor) -> Any:
        return None

    def refusal(self, row: Wallet, facts: Facts, actor: Actor) -> Refusal | None:
        if row.status in self.statuses:
            return None
        return Refusal(WalletCode.WALLET_STATUS, status=row.get_status_display())


@dataclass(frozen=True)
class Approve(WalletOperation[SameAddress]):
    """Let payouts go to wallets, unless the actor has added them: superusers are no exception.

    `certain_of` has the ids of those that this person knows can be paid in spite of their doubt.
    An address that another client has takes a reason; `has_reason` says that one is given.
    """

    certain_of: Collection[int] = ()
    has_reason: bool = False

    permission = "wallets.approve_wallet"
    takes_reason = True
    statuses = sources(Wallet.approve)

    def load(self, rows: Sequence[Wallet], actor: Actor) -> SameAddress:
        return SameAddress(wallets_at(rows))

    def refusal(self, row: Wallet, facts: SameAddress, actor: Actor) -> Refusal | None:
        if row.maker_id == actor.person_id:
            return Refusal(WalletCode.WALLET_ADDED_BY_YOU)
        if not row.client.is_active:
            return Refusal(WalletCode.CLIENT_CLOSED)
        if row.loss:
            return Refusal(WalletCode.ADDRESS, why=row.loss)
        if row.doubt and row.pk not in self.certain_of:
            return Refusal(WalletCode.DOUBTFUL_ADDRESS, why=row.doubt)
        if refusal := super().refusal(row, facts, actor) or facts.refusal_of_memo(row):
            return refusal
        if not self.has_reason and (names := facts.names(row)):
            return Refusal(WalletCode.SHARED_UNEXPLAINED, names=names)
        return None

    def apply(self, change: Change[Wallet], facts: SameAddress, reason: Reason) -> str:
        wallet = change.row
        others = ", ".join(str(each.pk) for each in facts.other_clients(wallet))
        known = {"in_spite_of": wallet.doubt, "shared_with": others}
        given = {name: fact for name, fact in known.items() if fact}
        change.log_event(Type.APPROVE, reason, address=wallet.address, **given)
        change.row.approve(at=clock.now())
        change.row.activate()
        return _("Approved.")

    def after(self, changes: Sequence[Change[Wallet]], facts: SameAddress, actor: Actor) -> None:
        for change in changes:
            change.row.approved_by = actor.person


class Freeze(WalletOperation[None]):
    permission = "wallets.freeze_wallet"
    takes_reason = True
    needs_reason = True
    statuses = sources(Wallet.freeze)
    stops_payouts = True

    def apply(self, change: Change[Wallet], facts: None, reason: Reason) -> str:
        change.log_event(Type.FREEZE, reason)
        change.row.freeze()
        return _("Frozen.")


class Release(WalletOperation[None]):
    permission = "wallets.freeze_wallet"
    statuses = sources(Wallet.release)

    def apply(self, change: Change[Wallet], facts: None, reason: Reason) -> str:
        change.log_event(Type.RELEASE)
        change.row.release()
        return _("Released; it has to be approved again.")


class Archive(WalletOperation[None]):
    permission = "wallets.change_wallet"
    statuses = sources(Wallet.archive)
    stops_payouts = True

    def apply(self, change: Change[Wallet], facts: None, reason: Reason) -> str:
        change.log_event(Type.ARCHIVE)
        change.row.archive()
        return _("Archived.")


APPROVE, FREEZE, RELEASE, ARCHIVE = Approve(), Freeze(), Release(), Archive()


def see(ids: Iterable[int]) -> list[Seen]:
    """Return wallets as they stand now, those of which there is none as well."""
    ids = list(ids)
    last = dict(Wallet.objects.filter(pk__in=ids).values_list("pk", "last_event"))
    return [Seen(each, last.get(each, 0)) for each in ids]
