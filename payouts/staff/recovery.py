"""The last way back in: whoever runs the desk's machine gets a user manager back, in a day, while
all of the staff look on. Any user or policy manager stops it until then."""

from datetime import timedelta

from django.contrib.auth.models import Group, User
from django.db import transaction
from django.db.models import QuerySet

from audit import clock
from audit.actor import Actor
from audit.codes import Reason
from audit.events import log_event
from audit.models import DeskEvent
from audit.refusals import Refused
from audit.texts import day_and_hour, needed
from payouts.staff import links, people, roles
from payouts.staff.codes import StaffCode
from payouts.staff.drafts import CONFIRM
from payouts.staff.models import Recovery

DELAY = timedelta(hours=24)
[ROLE] = roles.MANAGERS


def open_recoveries() -> QuerySet[Recovery]:
    return Recovery.objects.filter(ended_at=None).select_related("person").order_by("asked_at")


def of(person: User) -> Recovery | None:
    return open_recoveries().filter(person=person).first()


def ask(person: User, *, reason: str, actor: Actor) -> Recovery:
    """Announce that the person is to manage users in a while. Raises Refused."""
    reason, now = needed(reason), clock.now()
    with transaction.atomic():
        locked = User.objects.select_for_update().get(pk=person.pk)
        refuse_decider(locked)
        found = Recovery.objects.create(
            person=locked, reason=reason, asked_at=now, effective_at=now + DELAY
        )
        log(DeskEvent.Type.ASK_RECOVERY, found, reason, actor=actor)
    return found


def refuse_decider(person: User) -> None:
    deciders = roles.holders(roles.DECIDERS, roles.DECIDES)
    if not person.is_superuser and deciders.filter(pk=person.pk).exists():
        raise Refused(StaffCode.RECOVERS_NO_DECIDER, person=person)


def stop(recovery_id: int, *, reason: str, actor: Actor) -> None:
    actor.require(CONFIRM)
    reason = needed(reason)
    with transaction.atomic():
        found = lock(recovery_id)
        found.ended_at, found.stopped_by = clock.now(), actor.person
        found.save(update_fields=["ended_at", "stopped_by"])
        log(DeskEvent.Type.STOP_RECOVERY, found, reason, actor=actor)


def finish(recovery_id: int, *, actor: Actor) -> str:
    """Let the person in as a user manager; return the token of a link for their password.

    Raises Refused before the time, or if it was stopped.
    """
    with transaction.atomic():
        found = lock(recovery_id)
        if clock.now() < found.effective_at:
            raise Refused(StaffCode.RECOVERY_EARLY, at=day_and_hour(found.effective_at))
        person = User.objects.select_for_update().get(pk=found.person_id)
        refuse_decider(person)
        before = people.facts_of_person(person)
        person.is_active = person.is_staff = True
        person.save(update_fields=["is_active", "is_staff"])
        links.end_new_password(person, actor=actor)
        person.groups.add(Group.objects.get(name=ROLE))
        people.log_person(person, before, actor=actor)
        found.ended_at = clock.now()
        found.save(update_fields=["ended_at"])
        log(DeskEvent.Type.RECOVER, found, found.reason, actor=actor)
        return links.make(person, made_by=None)


def lock(recovery_id: int) -> Recovery:
    found = Recovery.objects.select_for_update().filter(pk=recovery_id, ended_at=None).first()
    if found is None:
        raise Refused(StaffCode.RECOVERY_OVER)
    return found


def log(event_type: DeskEvent.Type, found: Recovery, reason: str, *, actor: Actor) -> None:
    whom = {"whom": found.person_id, "whose": found.person.get_username()}
    log_event(event_type, Reason(words=reason), actor=actor, **whom)


def addresses() -> list[str]:
    """Return where all of the staff who may come in are told of it."""
    staff = User.objects.filter(is_active=True, is_staff=True).exclude(email="")
    return list(staff.order_by("pk").values_list("email", flat=True))
