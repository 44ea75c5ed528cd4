"""Who sees to a discrepancy: taken, handed to another, or given back, each under a sealed event."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import QuerySet

from audit.actor import Actor
from audit.events import log_event
from audit.models import DeskEvent
from audit.refusals import Refused
from payouts import transitions
from payouts.codes import PayoutCode
from payouts.endings import RIGHT
from payouts.models import Discrepancy, EventType
from payouts.staff.codes import StaffCode

LONGEST_LIST = 200


def set_owner(
    discrepancy_id: int, owner: User | None, *, seen: int | None, actor: Actor
) -> Discrepancy:
    """Have somebody see to an open discrepancy, or nobody. `seen` is the id of the owner whom the
    person saw.

    Raises NotAllowed, and Refused if it is ended, another one sees to it by now, or the new owner
    may not end it.
    """
    actor.require(RIGHT)
    if owner and not (owner.is_active and owner.has_perm(RIGHT)):
        raise Refused(PayoutCode.OWNER_MAY_NOT_END)
    with locked(discrepancy_id, owner, actor) as found:
        if found.closed_at:
            raise Refused(PayoutCode.CLOSED_DISCREPANCY)
        if found.owner_id != seen:
            raise Refused(StaffCode.FACTS_CHANGED)
        found.owner = owner
        Discrepancy.objects.filter(pk=found.pk).update(owner=owner)
    return found


@contextmanager
def locked(discrepancy_id: int, owner: User | None, actor: Actor) -> Iterator[Discrepancy]:
    """Lock a discrepancy with its payout, and seal with that one, or the desk, who sees to it."""
    name = owner.get_username() if owner else ""
    row = Discrepancy.objects.filter(pk=discrepancy_id)
    payout_id = row.values_list("payout", flat=True).first()
    with transaction.atomic():
        if payout_id is None:
            found = row.select_for_update().get()
            yield found
            log_event(DeskEvent.Type.FOREIGN_OWNER, actor=actor, uuid=found.key, owner=name)
            return
        with transitions.change([payout_id], actor=actor) as changes:
            found = row.select_for_update().get()
            yield found
            changes[0].log_event(EventType.OWNER, kind=found.kind, owner=name)


def possible_owners() -> QuerySet[User]:
    """Return who may end discrepancies, by their names."""
    people = User.objects.with_perm(RIGHT, backend="django.contrib.auth.backends.ModelBackend")
    return people.filter(is_staff=True).order_by("username")[:LONGEST_LIST]
