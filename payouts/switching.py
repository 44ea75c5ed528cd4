"""What operators decide for the whole desk: whether anything is sent, and which words of Heleket
mean that it does not have a payout."""

from django.contrib.auth.models import User
from django.db import transaction
from django.utils.translation import gettext as _

import heleket
from payouts import bell, clock, door
from payouts.controls.models import Switch
from payouts.errors import NotAllowed, PayoutError
from payouts.models import Attempt, Gateway, Source
from payouts.services import needed
from wallets import stops


def pause(*, reason: str, by: User, source: Source) -> bool:
    """Let no new call start, and tell whether that is new. Calls under way go on, see `calls_out`.

    Raises NotAllowed, and PayoutError without a reason.
    """
    return turn("pause", is_on=False, reason=reason, by=by, source=source)


def resume(*, reason: str, by: User, source: Source, seen: str | None = None) -> bool:
    """Let calls start again, and tell whether that is new. Raises as `pause` does, and if sending
    was paused again since somebody saw it paused at `seen`."""
    return turn("resume", is_on=True, reason=reason, by=by, source=source, seen=seen)


def turn(
    act: str, *, is_on: bool, reason: str, by: User, source: Source, seen: str | None = None
) -> bool:
    require_right(by)
    reason = needed(reason, _("Say why."))
    with transaction.atomic():
        stops.overtake_claims()  # those begun before are committed then, later ones see the switch
        switch = Switch.objects.select_for_update().get(pk=1)
        if switch.is_on == is_on:
            return False
        if seen is not None and str(switch.turned_at) != seen:
            told = _("Sending was paused again since you opened this page: %s")
            raise PayoutError(told % switch.reason)
        switch.is_on, switch.turned_at, switch.turned_by = is_on, clock.now(), by
        switch.reason = reason
        switch.save()
        door.tell_desk(act, reason, by=by, source=source)
        if is_on:
            bell.ring("submit")
    return True


def require_right(by: User) -> None:
    if not (by.is_active and by.has_perm("controls.turn_switch")):
        raise NotAllowed(_("You do not have the right to do this."))


def calls_out() -> int:
    """Count the calls that may still be made or answered: claimed, no answer, within the lease."""
    return Attempt.objects.filter(lease_until__gt=clock.now()).exclude(unanswered=[]).count()


def learn_not_found(text: str, *, by: User, source: Source) -> None:
    """Take the words in which Heleket says that it has no such payout, once it uses other ones.

    Raises NotAllowed, and PayoutError for words that Heleket uses when it refuses something else,
    or if the database is bound to no account yet.
    """
    require_right(by)
    if not text or heleket.kind_of_refusal(text) != "unknown":
        raise PayoutError(_("“%s” is what Heleket says when it refuses something else.") % text)
    with transaction.atomic():
        if not Gateway.objects.filter(pk=1).update(not_found_text=text):
            raise PayoutError(
                _("Start the worker once first: it binds the database to the account.")
            )
        door.tell_desk("learn_not_found", text, by=by, source=source)
