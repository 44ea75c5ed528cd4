"""What people do to payouts in the Admin: confirm, act, result.

A confirmation shows rows and hands out a token for each, which says what was shown. Posted back,
the tokens are all that the act applies to.
"""

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.contrib.auth.models import User
from django.db.models import QuerySet
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

import heleket
from audit.models import Channel
from audit.refusals import NotAllowed, Refused
from payouts import polling, services, submission
from payouts.gateway import accounts
from payouts.models import Payout, PayoutStatus
from payouts.services import Outcome, Seen

MOST_AT_ONCE = 1000

Status = PayoutStatus
OneNow = Callable[..., Outcome]


@dataclass(frozen=True)
class Act:
    """One act, for one payout or many. `now` does it for one while the person waits."""

    name: str
    title: Any
    explanation: Any
    rights: tuple[str, ...]
    statuses: tuple[PayoutStatus, ...]
    service: Callable[..., list[Outcome]]
    icon: str
    asks_reason: bool = False
    needs_reason: bool = False
    now: OneNow | None = None
    sends: bool = False
    tone: str = "default"
    phrase: Any = "{title} {payouts}"

    def is_allowed(self, person: User) -> bool:
        return any(person.has_perm(f"payouts.{right}") for right in self.rights)


ACTS = {
    act.name: act
    for act in [
        Act(
            "approve",
            gettext_lazy("Approve"),
            gettext_lazy("What is approved is sent at once. What has left cannot come back."),
            ("approve_payout",),
            (Status.PENDING,),
            services.approve_payouts,
            "check_circle",
            sends=True,
            tone="primary",
        ),
        Act(
            "send",
            gettext_lazy("Send now"),
            gettext_lazy("What has gone to Heleket cannot come back."),
            ("send_payout",),
            (Status.APPROVED,),
            services.hurry_payouts,
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
            ("ask_payout",),
            (Status.SUBMITTING, Status.BROADCAST),
            services.ask_soon,
            "contact_support",
            now=polling.ask_now,
            tone="primary",
            phrase=gettext_lazy("Ask Heleket about {payouts}"),
        ),
        Act(
            "release",
            gettext_lazy("Release"),
            gettext_lazy("What is released waits for approval, even if it was approved before."),
            ("release_payout",),
            (Status.HELD,),
            services.release_payouts,
            "play_circle",
            asks_reason=True,
            tone="primary",
        ),
        Act(
            "retry",
            gettext_lazy("Retry"),
            gettext_lazy("What was not paid waits for approval again, under a new order id."),
            ("retry_payout",),
            (Status.FAILED,),
            services.retry_payouts,
            "replay",
            asks_reason=True,
            needs_reason=True,
            tone="primary",
        ),
        Act(
            "hold",
            gettext_lazy("Hold"),
            gettext_lazy("What is on hold is not sent until it is released and approved again."),
            ("hold_payout",),
            (Status.PENDING, Status.APPROVED),
            services.hold_payouts,
            "pause_circle",
            asks_reason=True,
            needs_reason=True,
        ),
        Act(
            "reject",
            gettext_lazy("Reject"),
            gettext_lazy("What is rejected is not paid and cannot be brought back."),
            ("reject_payout",),
            (Status.PENDING, Status.HELD),
            services.reject_payouts,
            "block",
            asks_reason=True,
            needs_reason=True,
            tone="danger",
        ),
        Act(
            "cancel",
            gettext_lazy("Cancel"),
            gettext_lazy("What is cancelled is not paid and cannot be brought back."),
            ("cancel_payout", "cancel_own_payout"),
            (Status.PENDING, Status.HELD, Status.APPROVED, Status.SUBMITTING),
            services.cancel_payouts,
            "cancel",
            asks_reason=True,
            needs_reason=True,
            tone="danger",
        ),
    ]
}


def obstacle(act: Act, payout: Payout, person: User, makers: Sequence[services.Hand]) -> str:
    """Say why this person cannot do this to the payout as it stands, or nothing."""
    try:
        services.refuse_stopped(payout)
        refuse_other_status(act, payout)
        if act.name == "approve":
            services.refuse_maker(person, makers)
        if act.name == "cancel":
            refuse_others(payout, person)
    except Refused as exc:
        return str(exc)
    return ""


def refuse_other_status(act: Act, payout: Payout) -> None:
    if act.name == "cancel" and payout.status == Status.BROADCAST:
        raise Refused(services.at_heleket(payout))
    if payout.status not in act.statuses:
        raise Refused(
            _("This is not possible while it is “%(status)s”.")
            % {"status": payout.get_status_display()}
        )


def refuse_others(payout: Payout, person: User) -> None:
    if not person.has_perm("payouts.cancel_payout") and payout.requested_by_id != person.pk:
        raise NotAllowed(_("You may only cancel payouts that you requested yourself."))


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


def prepare(act: Act, chosen: QuerySet[Payout], person: User) -> Confirmation:
    """Look at the chosen payouts. Raises PayoutError if they are too many or none."""
    payouts = list(chosen.select_related("client").order_by("number")[: MOST_AT_ONCE + 1])
    refuse_wrong_count(len(payouts))
    makers = services.makers_of(payouts)
    possible, left_out = [], []
    for payout in payouts:
        if why := obstacle(act, payout, person, makers.get(payout.pk, [])):
            left_out.append((payout, why))
        else:
            possible.append(payout)
    # One field for all: Django takes no more than 1,000 fields.
    tokens = " ".join(each.token for each in services.see(possible))
    return Confirmation(act, possible, left_out, tokens)


def refuse_wrong_count(count: int) -> None:
    if not count:
        raise Refused(_("No payout was chosen. Nothing was changed."))
    if count > MOST_AT_ONCE:
        raise Refused(
            _("At most %(most)s payouts at once; choose fewer. Nothing was changed.")
            % {"most": f"{MOST_AT_ONCE:,}"}
        )


# Act


def read_tokens(text: str) -> list[Seen]:
    """Return what the confirmation showed. A token that names no payout is dropped."""
    seen = (Seen.read(token) for token in text.split())
    return list({each.id: each for each in seen if each}.values())


def perform(act: Act, seen: Sequence[Seen], *, reason: str, by: User) -> list[Outcome]:
    """Do it to exactly what was seen. Raises PayoutError if nothing at all could be tried."""
    refuse_wrong_count(len(seen))
    if act.now and len(seen) == 1:
        return [perform_now(act.now, seen[0], by)]
    told = {"reason": reason} if act.asks_reason else {}
    return act.service(seen, **told, by=by, source=Channel.ADMIN)


def perform_now(now: OneNow, seen: Seen, by: User) -> Outcome:
    """Call Heleket while the person waits; what goes wrong on the way there is an answer too."""
    try:
        with accounts.heleket_client() as client:
            opened = accounts.open_account(client, by=by, source=Channel.ADMIN)
            return now(seen, client, opened, by=by, source=Channel.ADMIN)
    except (Refused, heleket.HeleketError, heleket.InvalidBaseUrl) as exc:
        number = Payout.objects.filter(pk=seen.id).values_list("number", flat=True).first()
        return Outcome(seen.id, number, False, str(exc))
