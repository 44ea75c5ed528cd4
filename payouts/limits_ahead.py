"""What the limits in force would say of one payout if it were sent now, for people who decide about
it. A claim asks anew, and alone decides."""

from collections.abc import Iterator

from django.utils.translation import gettext as _

from audit.refusals import Refusal, Refused
from payouts.controls.codes import ControlsCode
from payouts.controls.limits import Headroom, Spender
from payouts.controls.rules import Measure
from payouts.known import Known


def beyond_limits(known: Known) -> list[str]:
    """Say why the limits would not let the one payout go that is known, as it is worth now: one
    statement. Nothing, where its coin has no sound rate or the policy was written past the desk."""
    [payout] = known.payouts
    try:
        limits, worth = known.policy.limits, known.worths[payout.pk]
    except Refused:
        return []
    if isinstance(worth, Refusal) or not limits:
        return []
    amount, client = worth.amounts[Measure.PAYOUT], payout.client
    spender = Spender(client.pk, client.external_id, payout.currency, amount)
    return list(sentences(Headroom(limits, [spender]), spender))


def sentences(headroom: Headroom, spender: Spender) -> Iterator[str]:
    """Yield first what no room that becomes free would change."""
    found = headroom.refusals(spender)
    for refusal in sorted(found, key=lambda each: each.code != ControlsCode.ABOVE_LIMIT):
        if refusal.code == ControlsCode.ABOVE_LIMIT:
            yield _("The limits in force never let it go. %s") % refusal.sentence
        else:
            yield _("The limits in force do not let it go now. %s") % refusal.sentence
