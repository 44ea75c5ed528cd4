"""What a payout waits for, since when, who can act, and what happens next by itself.

The page, the list and the command line all say the same, in plain words.
"""

from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from django.utils.translation import gettext as _

from audit.actor import Actor, Channel
from audit.operations import Outcome
from payouts import linked
from payouts.codes import PayoutCode
from payouts.gateway.models import Pause
from payouts.models import (
    Discrepancy,
    Effective,
    Payout,
    PayoutStatus,
    WaitingFor,
)
from payouts.operations import RETRY
from payouts.states import States
from payouts.waits import BY_THE_WORKER, EXPLAINERS, NOBODY, left_stopped, no_worker, who_ends
from wallets.amounts import money


@dataclass(frozen=True)
class Explanation:
    """`waiting_for` is a `WaitingFor` or empty; `since` is None for what has ended."""

    waiting_for: str
    sentence: str
    since: datetime | None
    who: str
    next: str

    @property
    def label(self) -> str:
        return str(WaitingFor(self.waiting_for).label) if self.waiting_for else ""


def explain(payout: Payout, states: States | None = None) -> Explanation:
    """Explain one payout's state. Without `states` they are read: four queries."""
    states = states or States.now()
    found = explained(payout, states)
    if not payout.is_linked:
        return found
    return replace(found, sentence=f"{found.sentence} {linked.in_words(payout)}")


def explained(payout: Payout, states: States) -> Explanation:
    if payout.is_ended:
        return ended(payout, states)
    waiting_for = what_it_waits_for(payout, states)
    sentence, who, then = EXPLAINERS[waiting_for](payout, states)
    is_for_people = payout.status == PayoutStatus.PENDING
    if waiting_for in BY_THE_WORKER and not is_for_people and not states.has_worker:
        then = f"{no_worker(states)} {then}"
    return Explanation(waiting_for, sentence, since(payout, waiting_for, states), who, then)


def label_of(payout: Payout, states: States) -> str:
    """Name what it waits for, if anything. Reads nothing of its own: it is fit for long lists."""
    if payout.is_ended:
        return str(WaitingFor.DISCREPANCY.label) if payout.pk in states.discrepancies else ""
    return str(what_it_waits_for(payout, states).label)


def what_it_waits_for(payout: Payout, states: States) -> WaitingFor:
    """The switch and Heleket's pauses hold up many payouts, so they are not written on each."""
    own = WaitingFor(payout.waiting_for)
    may_be_sent = own in (WaitingFor.WORKER, WaitingFor.FUNDS, WaitingFor.GATEWAY)
    may_be_sent |= own == WaitingFor.DATE and not payout.is_early
    may_be_sent &= payout.reason_code != PayoutCode.UNKNOWN_THERE
    if payout.status == PayoutStatus.APPROVED and may_be_sent:
        if states.stop_of(payout):
            return WaitingFor.SWITCH
        if pause := states.pause_for(payout):
            return WaitingFor.FUNDS if pause.cause == Pause.Cause.FUNDS else WaitingFor.GATEWAY
        if states.rate_limit.is_backing_off:
            return WaitingFor.GATEWAY
        return own if own == WaitingFor.DATE and payout.is_for_later else WaitingFor.WORKER
    return own


def since(payout: Payout, waiting_for: WaitingFor, states: States) -> datetime | None:
    started = payout.waiting_since or payout.requested_at
    is_own_wait = payout.reason_code == PayoutCode.UNKNOWN_THERE
    pause = None if is_own_wait else states.pause_for(payout)
    stop = states.stop_of(payout)
    if waiting_for == WaitingFor.SWITCH and stop and stop.changed_at:
        return max(started, stop.changed_at)
    if waiting_for in (WaitingFor.FUNDS, WaitingFor.GATEWAY) and pause:
        return max(pause.since, payout.pay_from or pause.since, payout.approved_at or pause.since)
    return started


def outcome_of(payout_id: UUID) -> Outcome:
    """Return where a payout stands after an act on it, with Heleket's own word if there is one."""
    payout = Payout.objects.get(pk=payout_id)
    explained = explain(payout)
    attempt = payout.attempts.filter(generation=payout.generation).first()
    words = [explained.sentence]
    if attempt and attempt.remote_status:
        words.append(_("Heleket's status: %s.") % attempt.remote_status)
    if attempt and attempt.txid:
        words.append(_("Transaction: %s.") % attempt.txid)
    if not payout.is_ended:
        words.append(explained.next)
    return Outcome(payout.pk, str(payout), done=True, text=" ".join(words))


def ended(payout: Payout, states: States) -> Explanation:
    if found := states.discrepancies.get(payout.pk):
        return contradicted(payout, found)
    return Explanation(
        waiting_for="",
        sentence=f"{how_it_ended(payout)} {beside(payout)}".strip(),
        since=None,
        who=who_tries_again(payout),
        next=_("Nothing: it has ended."),
    )


def who_tries_again(payout: Payout) -> str:
    if payout.status != PayoutStatus.FAILED:
        return NOBODY
    actor = Actor.system(Channel.WORKER)
    refusal = RETRY.refusal(payout, RETRY.load([payout], actor), actor)
    if refusal is None:
        return _("An operator can retry it; it then needs approval again.")
    if refusal.code == PayoutCode.PAID_AFTER_ALL:
        return NOBODY
    return _("A requester can request it again; it cannot be retried.")


def how_it_ended(payout: Payout) -> str:
    if payout.status == PayoutStatus.CONFIRMED:
        return _("It was paid: Heleket's final word.")
    if payout.status == PayoutStatus.FAILED:
        return f"{not_paid(payout)} {payout.why.sentence}".strip()
    return " ".join(filter(None, how_it_was_stopped(payout)))


def how_it_was_stopped(payout: Payout) -> list[str]:
    """Say whether what was rejected or cancelled was ever sent, and why it ended."""
    is_rejected = payout.status == PayoutStatus.REJECTED
    if not any(attempt.was_called for attempt in payout.attempts.all()):
        never = _("It was cancelled and never sent.")
        return [_("It was rejected and never sent.") if is_rejected else never, payout.why.sentence]
    text = _("It was rejected.") if is_rejected else _("It was cancelled.")
    if payout.reason_code == PayoutCode.NEVER_HAD_IT:
        return [text, payout.why.sentence]
    tried = _("An earlier try was sent and not paid.")
    if payout.effective:
        tried = _("An earlier try was sent.")
    reason = "" if payout.reason_code == PayoutCode.NEVER_SENT else payout.why.sentence
    return [text, tried, reason]


def beside(payout: Payout) -> str:
    """Say what stands beside a final status that Heleket has gone back on."""
    if payout.effective == Effective.NOT_PAID:
        return _("It does not count as paid: Heleket said later that it was not.")
    if payout.effective_amount is None:
        return ""
    paid = money(payout.effective_amount, payout.effective_currency)
    if payout.effective == Effective.PAID:
        return _("It counts as paid all the same: Heleket paid %s.") % paid
    return _("Heleket paid %s elsewhere: the client does not count as paid.") % paid


def contradicted(payout: Payout, found: Discrepancy) -> Explanation:
    words = {"status": payout.get_status_display(), "theirs": found.theirs.get("status", "?")}
    text = _("%(status)s, but Heleket now says %(theirs)s: open discrepancy.") % words
    if found.reopens_at:
        text = _("%(status)s, but Heleket now says %(theirs)s.") % words
        text = f"{text} {left_stopped(found)}"
    return Explanation(
        waiting_for=WaitingFor.DISCREPANCY,
        sentence=text,
        since=found.first_seen_at,
        who=who_ends(found),
        next=_("Nothing until the discrepancy is ended."),
    )


def not_paid(payout: Payout) -> str:
    if payout.reason_code in (PayoutCode.NOT_PAID, PayoutCode.CANCELLED_THERE):
        return _("It was not paid: Heleket's final word.")
    return _("It was not paid.")
