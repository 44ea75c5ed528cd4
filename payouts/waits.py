"""What each wait is: what to read of it, who can act, and what happens next by itself."""

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from audit import clock
from audit.texts import day_and_hour
from payouts import shortage
from payouts.codes import PayoutCode
from payouts.controls.models import Switch
from payouts.funds import what_fits_goes_now
from payouts.gateway.models import Pause, RateLimit
from payouts.models import (
    FINAL_FAILURES,
    Discrepancy,
    EventType,
    Payout,
    PayoutStatus,
    WaitingFor,
)
from payouts.staff import two_people
from payouts.staff.models import JointAct
from payouts.states import States
from payouts.times import at_day, at_time
from wallets.models import Wallet, WalletStatus

Sentences = tuple[str, str, str]
NOBODY = ""


def approvals(payout: Payout, states: States) -> Sentences:
    if payout.status == PayoutStatus.SUBMITTING:
        return parked(payout, states)
    if payout.status == PayoutStatus.APPROVED:
        text = _("It is not sent, as its records are not what people did: %s")
        who = _("Whoever runs the desk should find out who wrote to its database.")
        then = _("Nothing until it is put on hold, released and approved again, or cancelled.")
        return text % payout.why.sentence, who, then
    text = _("It waits for approval.")
    if payout.reason_code == PayoutCode.ANOTHER_APPROVAL:
        text = f"{text} {payout.why.sentence}"
    elif payout.why.sentence:
        text = _("It waits for approval again. %s") % payout.why.sentence
    return text, who_approves(payout), _("Nothing until it is approved.")


def who_approves(payout: Payout) -> str:
    given = payout.approvals.standing().select_related("person").order_by("pk")
    names = [str(approval.person) for approval in given]
    if not names:
        return _("An approver who had no hand in it.")
    text = ngettext(
        "Another approver who had no hand in it: %s has approved it.",
        "Another approver who had no hand in it: %s have approved it.",
        len(names),
    )
    return text % ", ".join(names)


def question(payout: Payout, _states: States) -> Sentences:
    who = _("A requester can answer it, or edit the payout.")
    return payout.why.sentence, who, _("Nothing until it is answered.")


def date(payout: Payout, states: States) -> Sentences:
    if not payout.is_for_later:
        return worker(payout, states)
    if not payout.is_early:
        text = _("It is approved and goes out at %s.") % at_time(payout.due_at)
        who = _("Who approved it can take the approval back until then.")
        return text, who, _("The worker sends it then.")
    text = _("It is approved, and paid from %s on.") % day_and_hour(payout.pay_from)
    who = _("A requester can give it another date; it then needs approval again.")
    return text, who, _("The worker sends it then.")


def release(payout: Payout, _states: States) -> Sentences:
    text = _("It was put on hold: %s") % payout.why.sentence
    return text, _("An approver can release it."), _("Nothing until it is released.")


def worker(payout: Payout, states: States) -> Sentences:
    text = _("It is approved and waits for the worker.")
    if payout.why.sentence and payout.waiting_for != WaitingFor.DATE:
        text = _("It goes out again, as nothing came of the last try: %s") % payout.why.sentence
    then = _("The worker sends it within seconds.")
    if not states.has_worker:
        then = _("Then it is sent at once.")
    elif states.rate_limit.busy_seconds(clock.now()) > 0:
        then = _("The worker sends it in its turn: it calls Heleket only so often.")
    return text, _("An operator can send it now."), then


def no_worker(states: States) -> str:
    if states.worker_seen_at is None:
        return _("No worker has been seen yet, so nothing happens by itself until one runs.")
    text = _("No worker has been seen since %s, so nothing happens by itself until one runs.")
    return text % at_time(states.worker_seen_at)


def switch(payout: Payout, states: States) -> Sentences:
    stop = states.stop_of(payout) or states.switch
    return why_stopped(stop), who_resumes(), _("It is sent after sending is resumed.")


def why_stopped(stop: Switch) -> str:
    return _("%(what)s: %(why)s") % {"what": stop, "why": stop.words}


def who_resumes() -> str:
    return _("An operator can resume sending.")


def pause(payout: Payout, states: States) -> Sentences:
    if payout.reason_code == PayoutCode.UNKNOWN_THERE:
        return unknown_there(payout, states)
    their = states.pause_for(payout)
    if their is None:
        return backoff(states) if states.rate_limit.is_backing_off else worker(payout, states)
    if their.cause == Pause.Cause.FUNDS:
        return funds(payout, states, their)
    text = _("%(why)s. Heleket says: “%(text)s”") % {"why": str(their), "text": their.text}
    who = {
        Pause.Cause.FORBIDDEN: _("Whoever owns the Heleket account can ask their support."),
        Pause.Cause.UNAUTHORIZED: _("Whoever runs the desk can check the payout key."),
        Pause.Cause.UNKNOWN: _("An operator should read the text and ask Heleket's support."),
    }.get(Pause.Cause(their.cause), _("Nobody has to act."))
    return text, who, tried_at(their)


def unknown_there(payout: Payout, states: States) -> Sentences:
    text, _who, then = parked(payout, states)
    who = _("Two operators have to link or explain what Heleket has: see the discrepancies.")
    if payout.status == PayoutStatus.APPROVED:
        then = _("It goes on by itself as soon as that has ended.")
    return text, who, then


def tried_at(pause: Pause) -> str:
    if pause.cause == Pause.Cause.FUNDS and what_fits_goes_now(pause.currency):
        text = _("What fits the balance goes before the rest, of which one is tried at %s.")
        return text % at_time(pause.probe_at)
    text = _("One payout is tried at %s; when it goes through, the others follow.")
    return text % at_time(pause.probe_at)


def funds(payout: Payout, states: States, pause: Pause) -> Sentences:
    """The oldest of a coin is tried first. The others wait behind it, however small they are,
    unless the policy lets what fits the balance go before it."""
    text = _("%(why)s in %(coin)s.") % {"why": str(pause), "coin": pause.currency}
    who = _("Treasury can top up the balance at Heleket.")
    if missing := shortage.of_coin(payout.currency, shows_balance=states.shows_balances):
        why = shortage.sentence(missing, payout)
        text = f"{text} {why}"
        who = shortage.who_can_act(missing, payout, pause.probe_at)
    return text, who, tried_at(pause)


def backoff(states: States) -> Sentences:
    text = _("Heleket asks us to call less often, so nobody calls it for a while.")
    return text, _("Nobody has to act."), calls_go_on(states.rate_limit)


def calls_go_on(rate_limit: RateLimit) -> str:
    text = _("Heleket asks us to call less often; calls go on at %s.")
    return text % at_time(rate_limit.backoff_until)


def wallet(payout: Payout, states: States) -> Sentences:
    if payout.status == PayoutStatus.SUBMITTING:
        return parked(payout, states)
    text, who = _("It waits for the approval of its wallet."), who_approves_wallet(payout.wallet)
    if payout.wallet.status == WalletStatus.FROZEN:
        text = _("It waits for its wallet, which is frozen.")
        who = _("An approver can release the wallet. It then has to be approved again.")
    return text, who, _("Nothing until the wallet is approved. Then it waits for its own approval.")


def who_approves_wallet(wallet: Wallet) -> str:
    if wallet.adder:
        return _("An approver of wallets: not %s, who added it.") % wallet.adder
    return _("An approver of wallets.")


def parked(payout: Payout, _states: States) -> Sentences:
    if payout.status == PayoutStatus.SUBMITTING:
        text = _("It was sent, nobody knows whether Heleket has it, and it is not sent again: %s")
        then = _("Heleket is asked at %s; if it never had it, it ends as not paid after a day.")
        who = _("An operator can ask Heleket now, or cancel it.")
        return text % payout.why.sentence, who, then % at_time(payout.due_at)
    then = _("The desk looks again at %s.") % at_time(payout.due_at)
    return payout.why.sentence, who_stops(), then


def who_stops() -> str:
    return _("An approver can put it on hold, an operator can cancel it.")


def answer(payout: Payout, states: States) -> Sentences:
    if payout.cancel_asked_at:
        text = _("It should be cancelled, but Heleket may have it already. Nothing is sent again.")
        if states.rate_limit.is_backing_off:
            return text, NOBODY, calls_go_on(states.rate_limit)
        then = _(
            "Heleket is asked; it ends as cancelled once it is sure that Heleket never had it."
        )
        return text, NOBODY, then
    if payout.status == PayoutStatus.APPROVED:
        then = _("Heleket is asked; this try goes out once it says that it pays no earlier one.")
        return payout.why.sentence, who_stops(), then
    text = _("It was sent, and it is not known yet whether Heleket has it.")
    text = f"{text} {last_heard(payout)}".strip()
    if states.rate_limit.is_backing_off:
        return text, _("Nobody has to act."), calls_go_on(states.rate_limit)
    if payout.may_repeat and (stop := states.stop_of(payout)):
        then = _("Heleket has twice not known it: the same request is sent again after a resume.")
        return f"{text} {why_stopped(stop)}", who_resumes(), then
    if payout.may_repeat:
        then = _("Heleket has twice not known it: the same request is sent again.")
    else:
        then = _("Heleket is asked at %s.") % at_time(payout.due_at)
    return text, _("An operator can ask Heleket now."), then


NOT_KNOWN = frozenset({EventType.NOT_FOUND, EventType.ALLOW_REPEAT})
OF_CALLS = frozenset(
    {
        *(EventType.REPEAT, EventType.NO_ANSWER, EventType.REFUSED),
        *(EventType.NOT_EXECUTED, EventType.UNSENT),
    }
)


def last_heard(payout: Payout) -> str:
    """Quote what came of the last call, unless Heleket has said since that it does not know it."""
    heard = payout.events.filter(event_type__in=NOT_KNOWN | OF_CALLS).order_by("number").last()
    if heard and heard.event_type in NOT_KNOWN:
        return _("The last that was heard: Heleket does not know it.")
    words = payout.reason or payout.why.sentence
    return _("The last that was heard: “%s”") % words if words else ""


def final_word(payout: Payout, states: States) -> Sentences:
    text = _("Heleket has it and has not said its final word.")
    word = payout.attempts.filter(generation=payout.generation, is_final=False)
    if word.filter(remote_status__in=FINAL_FAILURES).exists():
        text = _("Heleket says that it failed, but not finally: it may still be paid.")
    if payout.cancel_asked_at:
        text = _("It should be cancelled, but Heleket has it and cannot call it back.")
    if states.rate_limit.is_backing_off:
        return text, _("Nobody has to act."), calls_go_on(states.rate_limit)
    then = _("Heleket is asked at %s, or as soon as its webhook comes.") % at_time(payout.due_at)
    return text, _("An operator can ask Heleket now."), then


def discrepancy(payout: Payout, states: States) -> Sentences:
    found = states.discrepancies.get(payout.pk)
    text = _("Heleket and the desk differ about it, so everything has stopped.")
    if found and found.reopens_at:
        text = left_stopped(found)
    return text, who_ends(found), asked_for_news(payout)


def asked_for_news(payout: Payout) -> str:
    if not payout.due_at:
        return _("Nothing until the discrepancy is ended.")
    then = _("Nothing until the discrepancy is ended; Heleket is asked for news at %s.")
    return then % at_time(payout.due_at)


def left_stopped(found: Discrepancy) -> str:
    day = at_day(found.reopens_at) if found.reopens_at else "?"
    words = {"day": day, "who": found.closed_by, "why": found.close_reason}
    return _("It was left stopped until %(day)s by %(who)s: %(why)s") % words


def who_ends(found: Discrepancy | None) -> str:
    if found and found.reopens_at:
        return _("An operator looks at it again then.")
    if found is None or (joint := proposed_end(found)) is None:
        return _("An operator has to find out why and end the discrepancy.")
    words = {
        "who": joint.proposed_by,
        "outcome": Discrepancy.Outcome(joint.data["outcome"]).label,
    }
    if joint.facts == found.facts:
        text = _("%(who)s proposes: %(outcome)s. Another operator has to confirm or decline it.")
    else:
        text = _(
            "%(who)s proposed: %(outcome)s. The facts have changed since, so an operator has to "
            "propose an end anew."
        )
    return text % words


def proposed_end(found: Discrepancy) -> JointAct | None:
    """Return the end that one person has proposed, as `endings` stores it."""
    return two_people.proposed("end_discrepancy", f"discrepancy:{found.pk}")


EXPLAINERS = {
    WaitingFor.APPROVALS: approvals,
    WaitingFor.ANSWER_OF_REQUESTER: question,
    WaitingFor.DATE: date,
    WaitingFor.RELEASE: release,
    WaitingFor.WORKER: worker,
    WaitingFor.SWITCH: switch,
    WaitingFor.FUNDS: pause,
    WaitingFor.GATEWAY: pause,
    WaitingFor.SERVICE: parked,
    WaitingFor.WALLET: wallet,
    WaitingFor.LIMIT: parked,
    WaitingFor.RATE: parked,
    WaitingFor.ANSWER: answer,
    WaitingFor.FINAL_WORD: final_word,
    WaitingFor.DISCREPANCY: discrepancy,
}

# What happens next by itself of these is the worker's to do.
BY_THE_WORKER = frozenset(
    {
        *(WaitingFor.DATE, WaitingFor.WORKER, WaitingFor.FUNDS, WaitingFor.GATEWAY),
        *(WaitingFor.SERVICE, WaitingFor.WALLET, WaitingFor.LIMIT, WaitingFor.RATE),
        *(WaitingFor.ANSWER, WaitingFor.FINAL_WORD),
    }
)
