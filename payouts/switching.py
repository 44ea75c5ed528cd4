"""The switch of the desk: off means that no new call that pays starts."""

from django.contrib.auth.models import User
from django.db import transaction
from django.utils.translation import gettext as _

from payouts import clock, door
from payouts.controls.models import Switch
from payouts.errors import NotAllowed
from payouts.models import Attempt, Source
from payouts.services import needed


def pause(*, reason: str, by: User, source: Source) -> bool:
    """Let no new call start, and tell whether that is new. Calls under way go on, see `calls_out`.

    Raises NotAllowed, and PayoutError without a reason.
    """
    return turn("pause", is_on=False, reason=reason, by=by, source=source)


def resume(*, reason: str, by: User, source: Source) -> bool:
    """Let calls start again, and tell whether that is new. Raises as `pause` does."""
    return turn("resume", is_on=True, reason=reason, by=by, source=source)


def turn(act: str, *, is_on: bool, reason: str, by: User, source: Source) -> bool:
    require_right(by)
    reason = needed(reason, _("Say why."))
    with transaction.atomic():
        # Waits for the claims that hold the switch as it was: afterwards all of them are committed.
        switch = Switch.objects.select_for_update().get(pk=1)
        if switch.is_on == is_on:
            return False
        switch.is_on, switch.turned_at, switch.turned_by = is_on, clock.now(), by
        switch.reason = reason
        switch.save()
        door.tell_desk(act, reason, by=by, source=source)
    return True


def require_right(by: User) -> None:
    if not (by.is_active and by.has_perm("controls.turn_switch")):
        raise NotAllowed(_("You do not have the right to do this."))


def calls_out() -> int:
    """Count the calls that may still be made or answered: claimed, no answer, within the lease."""
    return Attempt.objects.filter(lease_until__gt=clock.now()).exclude(unanswered=[]).count()
