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
from payouts.controls.models import ALL, OF_ALL, Scope, Switch
from payouts.gateway import breaker, continuity
from payouts.gateway.continuity import Continuity
from wallets import stops
from wallets.models import PayoutMethod

SET_SENDING = "payouts_controls.set_sending"
GUARD = Actor.system(Channel.WORKER)
Question = Continuity.Question


def set_sending(
    is_on: bool,
    *,
    reason: str,
    actor: Actor,
    scope: Scope = ALL,
    seen: str | None = None,
    is_same_database: bool = False,
) -> bool:
    """Let calls start, or no new one, and return whether that is new.

    Calls under way go on, see `submission.calls_out`. Raises NotAllowed, and Refused without a
    reason, for a coin or network that there is not, or if sending was paused again since somebody
    saw it paused at `seen`. After a gap sending is resumed only by who says that this
    `is_same_database`, and after a restore only once all of that is done.
    """
    actor.require(SET_SENDING)
    why = Reason(words=needed(reason))
    with transaction.atomic():
        if is_on and scope == ALL:
            settle_question(why, actor, is_same_database=is_same_database)
        return set_switch(is_on, why, scope=scope, actor=actor, seen=seen)


def pull(scope: Scope, reason: Reason) -> bool:
    """Pause by the guard, and return whether that is new."""
    return set_switch(False, reason, scope=scope, actor=GUARD)


def settle_question(reason: Reason, actor: Actor, *, is_same_database: bool) -> None:
    """Take an answer to what keeps the desk from sending, or raise Refused for want of one."""
    stops.overtake_claims()
    question = continuity.locked().question
    if question in (Question.GAP, Question.SERVER):
        if not is_same_database:
            raise Refused(ControlsCode.SAY_SAME, why=why_paused())
        log_event(DeskEvent.Type.SAME_DATABASE, reason, actor=actor, asked=question)
        continuity.answer()
    elif question == Question.RESTORE:
        raise Refused(ControlsCode.RESTORE_OPEN, left="; ".join(continuity.left()))
    elif question:
        raise Refused(ControlsCode.RUN_AFTER_RESTORE, why=why_paused())


def why_paused() -> str:
    return Switch.objects.get(pk=OF_ALL).words


def ask(question: Question, reason: Reason, *, actor: Actor = GUARD) -> None:
    """Pause until a person has answered this: also what is paused already is not resumed before."""
    with transaction.atomic():
        stops.overtake_claims()
        now = continuity.locked()
        now.question, now.checked_at = question, None
        now.save(update_fields=["question", "checked_at"])
        if not set_switch(False, reason, scope=ALL, actor=actor):
            say_why(reason, actor)


def say_why(reason: Reason, actor: Actor) -> None:
    """Give another reason for what is paused already."""
    row = Switch.objects.select_for_update().get(pk=OF_ALL)
    row.reason_code, row.reason = reason
    row.changed_at, row.changed_by = clock.now(), actor.person
    row.save()
    log_event(DeskEvent.Type.PAUSE, reason, actor=actor)


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
