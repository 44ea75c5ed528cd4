"""What people do to payouts in the Admin: confirm, act, result.

A confirmation shows rows and hands out a token for each, which says what was shown. Posted back,
the tokens are all that the act applies to.
"""

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.db.models import QuerySet
from django.utils.translation import gettext_lazy, ngettext

import heleket
from audit.actor import Actor
from audit.operations import Outcome, perform, refused
from audit.refusals import Refusal, Refused
from payouts import operations, polling, submission
from payouts.codes import PayoutCode
from payouts.gateway import accounts
from payouts.gateway.codes import GatewayCode
from payouts.models import Payout
from payouts.operations import PayoutOperation
from payouts.seen import Seen, see

MOST_AT_ONCE = 1000

OneNow = Callable[..., Outcome]


@dataclass(frozen=True)
class Act:
    """An operation as pages offer it. `now` does it for one payout while the person waits."""

    name: str
    title: Any
    explanation: Any
    operation: PayoutOperation[Any]
    icon: str
    now: OneNow | None = None
    sends: bool = False
    tone: str = "default"
    phrase: Any = "{title} {payouts}"

    def is_allowed(self, actor: Actor) -> bool:
        return actor.may(*self.operation.permissions)


ACTS = {
    act.name: act
    for act in [
        Act(
            "approve",
            gettext_lazy("Approve"),
            gettext_lazy("What is approved is sent at once. What has left cannot come back."),
            operations.APPROVE,
            "check_circle",
            sends=True,
            tone="primary",
        ),
        Act(
            "send",
            gettext_lazy("Send now"),
            gettext_lazy("What has gone to Heleket cannot come back."),
            operations.EXPEDITE,
            "send",
            now=submission.send_now,
            sends=True,
            tone="primary",
            phrase=gettext_lazy("Send {payouts} now"),
        ),
        Act(
            "ask",
            gettext_lazy("Ask Heleket"),
            gettext_lazy("Heleket tells what became of it. Nothing is sent."),
            operations.REQUEST_CHECK,
            "contact_support",
            now=polling.ask_now,
            tone="primary",
            phrase=gettext_lazy("Ask Heleket about {payouts}"),
        ),
        Act(
            "release",
            gettext_lazy("Release"),
            gettext_lazy("What is released waits for approval, even if it was approved before."),
            operations.RELEASE,
            "play_circle",
            tone="primary",
        ),
        Act(
            "retry",
            gettext_lazy("Retry"),
            gettext_lazy("What was not paid waits for approval again, under a new order id."),
            operations.RETRY,
            "replay",
            tone="primary",
        ),
        Act(
            "hold",
            gettext_lazy("Hold"),
            gettext_lazy("What is on hold is not sent until it is released and approved again."),
            operations.HOLD,
            "pause_circle",
        ),
        Act(
            "reject",
            gettext_lazy("Reject"),
            gettext_lazy("What is rejected is not paid and cannot be brought back."),
            operations.REJECT,
            "block",
            tone="danger",
        ),
        Act(
            "cancel",
            gettext_lazy("Cancel"),
            gettext_lazy("What is cancelled is not paid and cannot be brought back."),
            operations.CANCEL,
            "cancel",
            tone="danger",
        ),
    ]
}


# Confirm


@dataclass(frozen=True)
class Sum:
    currency: str
    amount: Decimal
    count: int


@dataclass(frozen=True)
class Confirmation:
    """What a person is about to do: to which rows, and to which of the chosen ones not."""

    act: Act
    payouts: list[Payout]
    left_out: list[tuple[Payout, str]]
    tokens: str

    @property
    def phrase(self) -> str:
        """Name the act with its object, like “Approve 5 payouts”."""
        count = len(self.payouts)
        payouts = ngettext("this payout", "%(count)d payouts", count) % {"count": count}
        return str(self.act.phrase).format(title=self.act.title, payouts=payouts)

    @property
    def sums(self) -> list[Sum]:
        amounts: dict[str, list[Decimal]] = defaultdict(list)
        for payout in self.payouts:
            amounts[payout.currency].append(payout.amount)
        return [Sum(name, sum(some, Decimal(0)), len(some)) for name, some in amounts.items()]

    @property
    def only(self) -> Payout | None:
        return self.payouts[0] if len(self.payouts) == 1 and not self.left_out else None


def prepare(act: Act, chosen: QuerySet[Payout], actor: Actor) -> Confirmation:
    """Look at the chosen payouts. Raises PayoutError if they are too many or none."""
    payouts = list(chosen.select_related("client").order_by("number")[: MOST_AT_ONCE + 1])
    refuse_wrong_count(len(payouts))
    facts = act.operation.load(payouts)
    possible, left_out = [], []
    for payout in payouts:
        if refusal := act.operation.refusal(payout, facts, actor):
            left_out.append((payout, refusal.sentence))
        else:
            possible.append(payout)
    # One field for all: Django takes no more than 1,000 fields.
    tokens = " ".join(each.token for each in see(possible))
    return Confirmation(act, possible, left_out, tokens)


def refuse_wrong_count(count: int) -> None:
    if not count:
        raise Refused(PayoutCode.NONE_CHOSEN)
    if count > MOST_AT_ONCE:
        raise Refused(PayoutCode.TOO_MANY, most=f"{MOST_AT_ONCE:,}")


# Act


def read_tokens(text: str) -> list[Seen]:
    """Return what the confirmation showed. A token that names no payout is dropped."""
    seen = (Seen.read(token) for token in text.split())
    return list({each.id: each for each in seen if each}.values())


def do(act: Act, seen: Sequence[Seen], *, reason: str, actor: Actor) -> list[Outcome]:
    """Do it to exactly what was seen. Raises Refused if nothing at all could be tried."""
    refuse_wrong_count(len(seen))
    if act.now and len(seen) == 1:
        return [do_now(act.now, seen[0], actor)]
    return perform(act.operation, seen, actor=actor, reason=reason)


def do_now(now: OneNow, seen: Seen, actor: Actor) -> Outcome:
    """Call Heleket while the person waits; what goes wrong on the way there is an answer too."""
    try:
        with accounts.heleket_client() as client:
            account = accounts.open_account(client, actor=actor)
            return now(seen, client, account, actor=actor)
    except (Refused, heleket.HeleketError, heleket.InvalidBaseUrl) as exc:
        payout = Payout.objects.filter(pk=seen.id).only("number").first()
        refusal = getattr(exc, "refusal", Refusal(GatewayCode.GATEWAY, words=exc))
        return refused(seen.id, str(payout or ""), refusal)
