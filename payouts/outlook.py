"""What holds up the whole desk at this moment, and when a payout that is approved now is sent."""

from collections.abc import Collection
from dataclasses import dataclass

from django.utils.translation import gettext as _

from audit.directions import isolated
from payouts.explain import calls_go_on, no_worker, tried_at
from payouts.gateway.models import Pause
from payouts.states import States
from payouts.times import at_time


@dataclass(frozen=True)
class Standstill:
    """Something that holds up payouts: what it is, and since when, why and how long."""

    what: str
    text: str
    given: str = ""  # the name in the text
    is_grave: bool = False  # nothing at all is sent until somebody does something


def standstills(states: States) -> list[Standstill]:
    found = [] if states.switch.is_on else [paused(states)]
    if not states.has_worker:
        found.append(Standstill(_("No worker."), no_worker(states), is_grave=True))
    is_at_work = states.switch.is_on and states.has_worker
    found += [of_pause(each, is_tried=is_at_work) for each in states.pauses]
    if states.rate_limit.is_backing_off:
        found.append(Standstill(_("Calls to Heleket wait."), calls_go_on(states.rate_limit)))
    return found


def paused(states: States) -> Standstill:
    """Who paused sending, when and why."""
    switch = states.switch
    who, reason = str(switch.changed_by or _("somebody")), isolated(switch.reason or "?")
    text = _("Since %(at)s, by %(who)s:") % {"at": at_time(switch.changed_at), "who": who}
    return Standstill(_("Sending is paused."), f"{text} {reason}", given=who, is_grave=True)


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


def when_sent(currencies: Collection[str], states: States) -> list[str]:
    """Say when payouts of these coins are sent that are approved now."""
    if not states.switch.is_on:
        words = {"at": at_time(states.switch.changed_at), "why": states.switch.reason or "?"}
        return [_("It is sent once sending is resumed. Paused since %(at)s: %(why)s") % words]
    if not states.has_worker:
        return [f"{_('It is sent once a worker runs.')} {no_worker(states)}"]
    pauses = [each for each in states.pauses if each.currency in ("", *currencies)]
    if pauses:
        return [f"{name_of(each)}. {tried_at(each)}" for each in pauses]
    if states.rate_limit.is_backing_off:
        return [calls_go_on(states.rate_limit)]
    return [_("It is sent within seconds.")]
