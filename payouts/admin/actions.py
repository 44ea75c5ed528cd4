"""What people do to payouts in the Admin, as the pages offer it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from django.utils.translation import gettext_lazy

from audit.actor import Actor
from audit.operations import Outcome, perform, refused
from audit.refusals import Refusal, Refused
from payouts import operations, polling, send_backs, submission
from payouts.codes import PayoutCode
from payouts.gateway import accounts
from payouts.models import Payout
from payouts.seen import Seen
from payouts.staff.actions import Action

OneNow = Callable[..., Outcome]

APPROVE = "approve"
SEES_TROUBLES = "payouts.view_flags"
# Refusals that say no more than everybody sees of a payout, or knows of themselves.
PLAIN = {
    *(PayoutCode.UNKNOWN_PAYOUT, PayoutCode.PAYOUT_STATUS, PayoutCode.EARLY),
    *(PayoutCode.AT_HELEKET, PayoutCode.NOT_YOURS, PayoutCode.MAKER, PayoutCode.APPROVED_BY_YOU),
    PayoutCode.NO_APPROVAL_OF_YOURS,
}
NOT_NOW = gettext_lazy(
    "This is not possible at the moment. The page of the payout says where it stands."
)
DONE = gettext_lazy("Done. The page of the payout says where it stands.")


@dataclass(frozen=True)
class PayoutAction(Action):
    """`now` does it for one payout while the person waits; `sends` may have money leave."""

    now: OneNow | None = None
    sends: bool = False


ACTIONS = {
    action.name: action
    for action in [
        PayoutAction(
            APPROVE,
            gettext_lazy("Approve"),
            gettext_lazy("What has left cannot come back."),
            operations.APPROVE,
            "check_circle",
            tone="primary",
            key="a",
            goes_on=True,
            sends=True,
        ),
        PayoutAction(
            "undo",
            gettext_lazy("Undo my approval"),
            gettext_lazy("It is not sent before it is approved again. Approvals of others stand."),
            operations.UNDO,
            "undo",
            phrase=gettext_lazy("Undo my approval of {rows}"),
        ),
        PayoutAction(
            "send",
            gettext_lazy("Send now"),
            gettext_lazy("What has gone to Heleket cannot come back."),
            operations.EXPEDITE,
            "send",
            tone="primary",
            phrase=gettext_lazy("Send {rows} now"),
            now=submission.send_now,
            sends=True,
        ),
        PayoutAction(
            "ask",
            gettext_lazy("Ask Heleket"),
            gettext_lazy("Heleket says what became of it. Nothing is sent."),
            operations.REQUEST_CHECK,
            "contact_support",
            tone="primary",
            phrase=gettext_lazy("Ask Heleket about {rows}"),
            now=polling.ask_now,
        ),
        PayoutAction(
            "release",
            gettext_lazy("Release"),
            gettext_lazy("What is released waits for approval, even if it was approved before."),
            operations.RELEASE,
            "play_circle",
            tone="primary",
            goes_on=True,
        ),
        PayoutAction(
            "retry",
            gettext_lazy("Retry"),
            gettext_lazy("What was not paid waits for approval again, under a new order id."),
            operations.RETRY,
            "replay",
            tone="primary",
        ),
        PayoutAction(
            "hold",
            gettext_lazy("Hold"),
            gettext_lazy("What is on hold is not sent until it is released and approved again."),
            operations.HOLD,
            "pause_circle",
            key="h",
            goes_on=True,
        ),
        PayoutAction(
            "send_back",
            gettext_lazy("Send back"),
            gettext_lazy("It waits for the requester's answer, and then for approval again."),
            send_backs.SEND_BACK,
            "reply",
            phrase=gettext_lazy("Send {rows} back"),
        ),
        PayoutAction(
            "reject",
            gettext_lazy("Reject"),
            gettext_lazy("What is rejected is not paid and cannot be brought back."),
            operations.REJECT,
            "block",
            tone="danger",
            key="r",
            goes_on=True,
        ),
        PayoutAction(
            "cancel",
            gettext_lazy("Cancel"),
            gettext_lazy("What is cancelled is not paid and cannot be brought back."),
            operations.CANCEL,
            "cancel",
            tone="danger",
        ),
    ]
}


def perform_action(
    action: PayoutAction, seen: Sequence[Seen], *, reason: str, actor: Actor
) -> list[Outcome]:
    """Do it to exactly what was seen. Raises Refused if nothing at all could be tried."""
    if action.now and len(seen) == 1:
        outcomes = [do_now(action.now, seen[0], actor)]
    else:
        outcomes = perform(action.operation, seen, actor=actor, reason=reason)
    return outcomes if actor.may(SEES_TROUBLES) else [without_troubles(each) for each in outcomes]


def without_troubles(outcome: Outcome) -> Outcome:
    """Say what came of it to somebody who sees no troubles: the payout's own page says the rest."""
    if outcome.refusal:
        return replace(outcome, text=neutral_sentence(outcome.refusal))
    return replace(outcome, text=str(DONE))


def neutral_sentence(refusal: Refusal) -> str:
    return refusal.sentence if refusal.code in PLAIN else str(NOT_NOW)


def do_now(now: OneNow, seen: Seen, actor: Actor) -> Outcome:
    """Call Heleket while the person waits; what goes wrong on the way there is an answer too."""
    try:
        with accounts.at_heleket(actor) as (client, account):
            return now(seen, client, account, actor=actor)
    except Refused as exc:
        payout = Payout.objects.filter(pk=seen.id).only("number").first()
        return refused(seen.id, str(payout or ""), exc.refusal)
