"""What holds up the whole desk at this moment, and when a payout that is approved now is sent."""

from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from enum import Enum, auto

from django.utils.translation import gettext as _
from django.utils.translation import ngettext_lazy

from audit import clock
from audit.directions import isolated
from audit.texts import day_and_hour
from payouts import backlogs
from payouts.approvals import ApprovalFacts
from payouts.controls.models import Switch
from payouts.controls.rules import in_words
from payouts.eligibility import refusal_of_service
from payouts.gateway.models import Pause
from payouts.models import Payout
from payouts.states import States
from payouts.times import at_time
from payouts.waits import calls_go_on, no_worker, tried_at, why_stopped
from wallets.models import PayoutMethod


@dataclass(frozen=True)
class Standstill:
    """Something that holds up payouts: what it is, and since when, why and how long."""

    what: str
    text: str
    given: str = ""  # the name in the text
    is_grave: bool = False  # nothing at all is sent until somebody does something


def standstills(states: States) -> list[Standstill]:
    found = [paused(each) for each in states.switches_off if each.client is None]
    if not states.has_worker:
        found.append(Standstill(_("No worker."), no_worker(states), is_grave=True))
    is_at_work = states.switch.is_on and states.has_worker
    found += [of_pause(each, is_tried=is_at_work) for each in states.pauses]
    if trouble := states.continuity.trouble:
        found.append(not_started(trouble))
    if states.rate_limit.is_backing_off:
        found.append(Standstill(_("Calls to Heleket wait."), calls_go_on(states.rate_limit)))
    return [*found, *late_ones()] if states.has_worker else found


def late_ones() -> Iterator[Standstill]:
    """Say what a worker that is there does not keep up with."""
    for each in backlogs.REGISTERED:
        if each.trouble and (at := each.late_since()):
            text = _("What has happened since %s is still to be done.") % at_time(at)
            yield Standstill(str(each.trouble), text)


def not_started(trouble: str) -> Standstill:
    text = _("Nothing is sent until Heleket's list of payouts could be read: %s")
    return Standstill(_("The worker starts."), text % isolated(trouble), is_grave=True)


def paused(switch: Switch) -> Standstill:
    """Who paused sending, when and why."""
    who, reason = switch.who, isolated(switch.words)
    text = _("Since %(at)s, by %(who)s:") % {"at": at_time(switch.changed_at), "who": who}
    return Standstill(f"{switch}.", f"{text} {reason}", given=who, is_grave=switch.is_for_all)


def of_pause(pause: Pause, *, is_tried: bool) -> Standstill:
    text = _("Since %s.") % at_time(pause.since)
    if pause.cause != Pause.Cause.FUNDS:  # whose words are its name
        words = {"at": at_time(pause.since), "words": pause.text}
        text = _("Since %(at)s: “%(words)s”.") % words
    return Standstill(f"{name_of(pause)}.", f"{text} {tried_at(pause)}" if is_tried else text)


def name_of(pause: Pause) -> str:
    if not pause.currency:
        return str(pause)
    return _("%(cause)s: %(coin)s") % {"cause": pause, "coin": pause.currency}


class Then(Enum):
    """What comes of a payout once it is approved or let go, for all that is known now."""

    APPROVAL = auto()
    DATE = auto()
    SERVICE = auto()
    DELAY = auto()
    GOES = auto()


OF_MANY = {
    Then.APPROVAL: ngettext_lazy("%d then takes more approvals", "%d then take more approvals"),
    Then.DATE: ngettext_lazy("%d is sent on its day", "%d are sent on their days"),
    Then.SERVICE: ngettext_lazy("%d then waits for its service", "%d then wait for their services"),
    Then.DELAY: ngettext_lazy(
        "%d goes out once the time to undo is over", "%d go out once the time to undo is over"
    ),
    Then.GOES: ngettext_lazy("%d is sent within seconds", "%d are sent within seconds"),
}
HELD_UP = ngettext_lazy(
    "%d waits for what holds up sending now", "%d wait for what holds up sending now"
)


def when_sent(
    payouts: Sequence[Payout], states: States, approval: ApprovalFacts | None
) -> list[str]:
    """Say when these payouts are sent, which a person approves by these facts, or lets go now."""
    if not payouts:
        return []
    thens = what_comes_of(payouts, approval)
    kinds = Counter(kind for kind, _sentence in thens)
    going = [
        payout
        for payout, (kind, _sentence) in zip(payouts, thens, strict=True)
        if kind == Then.GOES
    ]
    held_up = what_holds_up(going, states) if going else []
    if len(payouts) > 1 and kinds.keys() != {Then.GOES}:
        texts = OF_MANY | {Then.GOES: HELD_UP} if held_up else OF_MANY
        parts = [texts[kind] % kinds[kind] for kind in Then if kind in kinds]
        return [f"{', '.join(parts)}.", *held_up]
    return held_up or [thens[0][1]]


def what_comes_of(
    payouts: Sequence[Payout], approval: ApprovalFacts | None
) -> list[tuple[Then, str]]:
    """Return for each what it waits for then, and a sentence that says so of one alone."""
    services = PayoutMethod.objects.by_coin(each.currency for each in payouts)
    now = clock.now()
    goes_at = approval.known.policy.values.goes_out_at(now) if approval else now

    def then(payout: Payout) -> tuple[Then, str]:
        if approval and (missing := approval.missing_after(payout)):
            return Then.APPROVAL, _("It then takes more approvals: %s.") % in_words(missing)
        if payout.is_early:
            return Then.DATE, _("It is sent on %s.") % day_and_hour(payout.pay_from)
        service = services.get((payout.network, payout.currency))
        if refusal := refusal_of_service(service, payout.amount):
            return Then.SERVICE, _("It then waits for the service: %s") % refusal.sentence
        if goes_at > now:
            return Then.DELAY, _("It goes out at %s. Until then you can take it back.") % at_time(
                goes_at
            )
        return Then.GOES, _("It is sent within seconds.")

    return [then(payout) for payout in payouts]


def what_holds_up(payouts: Collection[Payout], states: States) -> list[str]:
    """Say what holds up these payouts, which may be sent now, if anything does."""
    if not states.switch.is_on:
        words = {"at": at_time(states.switch.changed_at), "why": states.switch.words}
        return [_("It is sent once sending is resumed. Paused since %(at)s: %(why)s") % words]
    if not states.has_worker:
        return [f"{_('It is sent once a worker runs.')} {no_worker(states)}"]
    stops = [each for each in states.stopped if any(map(each.scope.covers, payouts))]
    coins = {"", *(payout.currency for payout in payouts)}
    pauses = [each for each in states.pauses if each.currency in coins]
    if stops or pauses:
        found = [_("%s. It is sent once that is resumed.") % why_stopped(each) for each in stops]
        return [*found, *(f"{name_of(each)}. {tried_at(each)}" for each in pauses)]
    return [calls_go_on(states.rate_limit)] if states.rate_limit.is_backing_off else []
