"""What is known of payouts beside their own columns: what people are told of them, and what the
policy judges, go by the same facts."""

from collections.abc import Mapping, Sequence
from functools import cached_property
from uuid import UUID

from audit.refusals import Refusal, Refused
from payouts.controls import policy, rules
from payouts.controls.documents import Values
from payouts.controls.policy import Policy
from payouts.discrepancies import doubtful_ones, in_doubt
from payouts.duplicates import SameAmounts, by
from payouts.eligibility import refusal_of_destination
from payouts.makers import Maker, makers_of
from payouts.models import Discrepancy, Payout
from payouts.worth import Worth, worth_of
from wallets.models import Wallet, WalletStatus
from wallets.sharing import wallets_at


class Known:
    """Looks up what belongs to some payouts for all of them at once, each thing no more than once
    and only when it is asked for. One that is not stored yet will do."""

    def __init__(self, payouts: Sequence[Payout]) -> None:
        self.payouts = payouts

    @cached_property
    def policy(self) -> Policy:
        """Raises Refused if it was written past the desk; `values` are those of a fresh desk then,
        as nothing is decided by them."""
        return policy.in_force()

    @cached_property
    def values(self) -> Values:
        try:
            return self.policy.values
        except Refused:
            return Values()

    @cached_property
    def makers(self) -> Mapping[UUID, Sequence[Maker]]:
        return makers_of(self.payouts)

    @cached_property
    def wallets(self) -> Mapping[int, Wallet]:
        """Their wallets, and all others at the same addresses."""
        own = Wallet.objects.filter(pk__in={payout.wallet_id for payout in self.payouts})
        return {wallet.pk: wallet for wallet in wallets_at(self.payouts) | own}

    def refusal_of_destination(self, payout: Payout) -> Refusal | None:
        wallet = self.wallets[payout.wallet_id]
        return refusal_of_destination(wallet.client.is_active, WalletStatus(wallet.status))

    @cached_property
    def worths(self) -> Mapping[UUID, Worth | Refusal]:
        """Amounts and sums as far as the rules ask for them. Raises Refused as `policy` does."""
        measures = rules.needs(self.policy.rules).measures
        bounds = self.policy.values.rate_bounds
        return worth_of(self.payouts, self.makers, measures, bounds=bounds)

    @cached_property
    def doubtful(self) -> Sequence[Discrepancy]:
        return doubtful_ones(self.payouts)

    @cached_property
    def in_doubt(self) -> set[UUID]:
        return in_doubt(self.payouts, self.doubtful)

    @cached_property
    def same_amounts(self) -> SameAmounts:
        wallets = by(self.wallets.values(), lambda wallet: wallet.address)
        shared = [
            payout
            for payout in self.payouts
            if any(each.client_id != payout.client_id for each in wallets[payout.address])
        ]
        return SameAmounts(self.payouts, shared, self.values)

    @property
    def duplicates(self) -> Mapping[UUID, Sequence[Payout]]:
        """Of each likely duplicate those that it may be one of."""
        return self.same_amounts.likely
