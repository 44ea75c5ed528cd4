"""What the policy is asked about payouts: the facts of many, filled in a few statements."""

from datetime import datetime, timedelta
from decimal import Decimal
from uuid import UUID

from audit import clock
from audit.refusals import Refusal
from payouts.controls import rules
from payouts.controls.flags import Flag
from payouts.controls.rules import Proposal
from payouts.known import Known
from payouts.models import Payout
from payouts.notices import Notices, level_of, notices_for
from wallets.models import PayoutMethod


def proposals_of(known: Known, notices: Notices | None = None) -> dict[UUID, Proposal | Refusal]:
    """Return what the policy judges of each, or why a coin has no sound rate. Raises Refused if
    the policy was written past the desk.

    It asks for no more than the rules in force do, and for no notices that were found before.
    """
    needs = rules.needs(known.policy.rules)
    methods = PayoutMethod.objects.by_coin(payout.currency for payout in known.payouts)
    flags = flags_of(notices_for(known) if notices is None else notices) if needs.flags else {}

    def proposal(payout: Payout) -> Proposal | Refusal:
        worth = known.worths[payout.pk]
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
            wallet_hours=hours_since(approved_at(payout)) if needs.wallets else None,
            flag=flags.get(payout.pk, Flag.NONE) if needs.flags else None,
            amounts=worth.amounts,
        )

    def approved_at(payout: Payout) -> datetime | None:
        return known.wallets[payout.wallet_id].approved_at

    return {payout.pk: proposal(payout) for payout in known.payouts}


def hours_since(at: datetime | None) -> Decimal:
    return Decimal((clock.now() - at) // timedelta(hours=1)) if at else Decimal(0)


def flags_of(notices: Notices) -> dict[UUID, Flag]:
    return {pk: level_of(found) for pk, found in notices.items()}
