"""What the policy is asked about payouts: the facts of many, filled in a few statements."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from uuid import UUID

from audit import clock
from audit.refusals import Refusal
from payouts.controls import rules
from payouts.controls.flags import Flag
from payouts.controls.policy import Policy
from payouts.controls.rules import Proposal
from payouts.models import Payout
from payouts.notices import Notices, level_of, notices_for
from payouts.worth import Makers, worth_of
from wallets.models import PayoutMethod, Wallet


def proposals_of(
    payouts: Sequence[Payout], makers: Makers, policy: Policy, notices: Notices | None = None
) -> dict[UUID, Proposal | Refusal]:
    """Return what the policy judges of each, or why a coin has no sound rate.

    It asks for no more than the rules of this policy do, and for no notices that were found before.
    """
    needs = rules.needs(policy.rules)
    worths = worth_of(payouts, makers, needs.measures, bounds=policy.values.rate_bounds)
    methods = PayoutMethod.objects.by_coin(payout.currency for payout in payouts)
    approved_at = wallets_approved_at(payouts) if needs.wallets else {}
    flags = flags_of(notices_for(payouts) if notices is None else notices) if needs.flags else {}

    def proposal(payout: Payout) -> Proposal | Refusal:
        worth = worths[payout.pk]
        if isinstance(worth, Refusal):
            return worth
        method = methods.get((payout.network, payout.currency))
        return Proposal(
            currency=payout.currency,
            network=payout.network,
            origin=payout.origin,
            client=payout.client.external_id,
            rate=worth.rate,
            fee=method.fee_for(payout.amount) if method else Decimal(0),
            wallet_hours=hours_since(approved_at.get(payout.wallet_id)),
            flag=flags.get(payout.pk, Flag.NONE),
            amounts=worth.amounts,
        )

    return {payout.pk: proposal(payout) for payout in payouts}


def wallets_approved_at(payouts: Sequence[Payout]) -> dict[int, datetime]:
    wallets = Wallet.objects.filter(pk__in={each.wallet_id for each in payouts})
    return {pk: at for pk, at in wallets.values_list("pk", "approved_at") if at}


def hours_since(at: datetime | None) -> Decimal:
    return Decimal((clock.now() - at) // timedelta(hours=1)) if at else Decimal(0)


def flags_of(notices: Notices) -> dict[UUID, Flag]:
    return {pk: level_of(found) for pk, found in notices.items()}
