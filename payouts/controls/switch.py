"""The sending switch: whether anything is sent at all."""

from django.contrib.auth.models import User
from django.db import transaction
from django.utils.translation import gettext as _

from audit import clock
from audit.events import log_event
from audit.models import Channel
from audit.refusals import Refused, require
from audit.texts import needed
from payouts import wakeups
from payouts.controls.models import Switch
from wallets import stops


def pause(*, reason: str, by: User, source: Channel) -> bool:
    """Let no new call start, and tell whether that is new. Calls under way go on, see
    `submission.calls_out`.

    Raises NotAllowed, and PayoutError without a reason.
    """
    return turn("pause", is_on=False, reason=reason, by=by, source=source)


def resume(*, reason: str, by: User, source: Channel, seen: str | None = None) -> bool:
    """Let calls start again, and tell whether that is new. Raises as `pause` does, and if sending
    was paused again since somebody saw it paused at `seen`."""
    return turn("resume", is_on=True, reason=reason, by=by, source=source, seen=seen)


def turn(
    act: str, *, is_on: bool, reason: str, by: User, source: Channel, seen: str | None = None
) -> bool:
    require(by, "payouts_controls.turn_switch")
    reason = needed(reason, _("Say why."))
    with transaction.atomic():
        stops.overtake_claims()  # those begun before are committed then, later ones see the switch
        switch = Switch.objects.select_for_update().get(pk=1)
        if switch.is_on == is_on:
            return False
        if seen is not None and str(switch.turned_at) != seen:
            told = _("Sending was paused again since you opened this page: %s")
            raise Refused(told % switch.reason)
        switch.is_on, switch.turned_at, switch.turned_by = is_on, clock.now(), by
        switch.reason = reason
        switch.save()
        log_event(act, reason, by=by, source=source)
        if is_on:
            wakeups.ring("submit")
    return True
