"""The sending switch: whether anything is sent at all."""

from django.db import transaction

from audit import clock
from audit.actor import Actor
from audit.codes import Reason
from audit.events import log_event
from audit.models import DeskEvent
from audit.refusals import Refused
from audit.texts import needed
from payouts import wakeups
from payouts.controls.codes import ControlsCode
from payouts.controls.models import Switch
from wallets import stops


def set_sending(is_on: bool, *, reason: str, actor: Actor, seen: str | None = None) -> bool:
    """Let calls start, or no new one, and return whether that is new.

    Calls under way go on, see `submission.calls_out`. Raises NotAllowed, and Refused without a
    reason, or if sending was paused again since somebody saw it paused at `seen`.
    """
    actor.require("payouts_controls.set_sending")
    reason = needed(reason)
    with transaction.atomic():
        stops.overtake_claims()  # those begun before are committed then, later ones see the switch
        switch = Switch.objects.select_for_update().get(pk=1)
        if switch.is_on == is_on:
            return False
        if seen is not None and str(switch.changed_at) != seen:
            raise Refused(ControlsCode.PAUSED_AGAIN, words=switch.reason)
        switch.is_on, switch.changed_at, switch.changed_by = is_on, clock.now(), actor.person
        switch.reason = reason
        switch.save()
        event_type = DeskEvent.Type.RESUME if is_on else DeskEvent.Type.PAUSE
        log_event(event_type, Reason(words=reason), actor=actor)
        if is_on:
            wakeups.wake("submit")
    return True
