"""The sending switches: whether anything is sent at all, or of a coin, a network or a client."""

from django.db import transaction

from audit import clock
from audit.actor import Actor, Channel
from audit.codes import Reason
from audit.events import log_event
from audit.models import DeskEvent
from audit.refusals import Refused
from audit.texts import needed
from payouts import wakeups
from payouts.controls.codes import ControlsCode
from payouts.controls.models import ALL, Scope, Switch
from payouts.gateway import breaker
from wallets import stops
from wallets.models import PayoutMethod

SET_SENDING = "payouts_controls.set_sending"
GUARD = Actor.system(Channel.WORKER)


def set_sending(
    is_on: bool, *, reason: str, actor: Actor, scope: Scope = ALL, seen: str | None = None
) -> bool:
    """Let calls start, or no new one, and return whether that is new.

    Calls under way go on, see `submission.calls_out`. Raises NotAllowed, and Refused without a
    reason, for a coin or network that there is not, or if sending was paused again since somebody
    saw it paused at `seen`.
    """
    actor.require(SET_SENDING)
    return set_switch(is_on, Reason(words=needed(reason)), scope=scope, actor=actor, seen=seen)


def pull(scope: Scope, reason: Reason) -> bool:
    """Pause by the guard, and return whether that is new."""
    return set_switch(False, reason, scope=scope, actor=GUARD)


def set_switch(
    is_on: bool, reason: Reason, *, scope: Scope, actor: Actor, seen: str | None = None
) -> bool:
    with transaction.atomic():
        stops.overtake_claims()  # those begun before are committed then, later ones see the switch
        switch = Switch.objects.select_for_update().of(scope).first()
        switch = switch or new_switch(scope)
        if switch.is_on == is_on:
            return False
        if seen is not None and str(switch.changed_at) != seen:
            raise Refused(ControlsCode.PAUSED_AGAIN, words=switch.words)
        switch.is_on, switch.changed_at, switch.changed_by = is_on, clock.now(), actor.person
        switch.reason_code, switch.reason = reason
        switch.save()
        if is_on and switch.is_for_all:
            breaker.begin_anew()
        event_type = DeskEvent.Type.RESUME if is_on else DeskEvent.Type.PAUSE
        log_event(event_type, reason, actor=actor, **facts_of(scope))
        if is_on:
            wakeups.wake("submit")
    return True


def new_switch(scope: Scope) -> Switch:
    """Return a switch that is on, not stored yet. Nobody else makes one: the stop lock is held.

    Its id is not the database's to choose: PostgreSQL's sequence knows nothing of the first row,
    which was stored with its id.
    """
    coin = {"network": scope.network, "currency": scope.currency}
    known = {name: value for name, value in coin.items() if value}
    if known and not PayoutMethod.objects.filter(**known).exists():
        raise Refused(ControlsCode.NO_SUCH_COIN, words=", ".join(known.values()))
    last = Switch.objects.latest("pk")
    return Switch(pk=last.pk + 1, client_id=scope.client_id, **coin)


def facts_of(scope: Scope) -> dict[str, object]:
    """What an event says of a scope, by the names that events use."""
    names = {"client_id": "client"}
    return {names.get(name, name): value for name, value in scope.columns.items()}
