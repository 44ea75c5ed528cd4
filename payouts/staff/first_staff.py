"""Setting a new desk up: its first people, once, while nobody holds a right that counts."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from django.contrib.auth.models import Group, User
from django.db import transaction

from audit.actor import Actor
from audit.events import log_event
from audit.models import DeskEvent
from audit.refusals import Refused
from payouts.staff import links, people, powers
from payouts.staff.codes import StaffCode

# So that three people are enough: one manages users, and each of the other two approves, confirms
# rights, and can stand in for the other; both together replace the first.
LEAST = {"User manager": 1, "Policy manager": 2, "Approver": 2}


@dataclass(frozen=True)
class Newcomer:
    login: str
    email: str
    roles: frozenset[str]


def make(newcomers: Iterable[Newcomer], *, actor: Actor) -> Mapping[str, str]:
    """Add the first people with their roles; return the token of a link for each by login.

    Raises Refused, and then nothing was changed.
    """
    newcomers = list(newcomers)
    refuse_lacking(newcomers)
    with transaction.atomic():
        DeskEvent.objects.lock_chain()  # two at once would each see a desk without staff
        refuse_again()
        tokens = {each.login: add(each, actor) for each in newcomers}
        made = "; ".join(f"{each.login}: {', '.join(sorted(each.roles))}" for each in newcomers)
        log_event(DeskEvent.Type.FIRST_STAFF, actor=actor, people=made)
    return tokens


def refuse_lacking(newcomers: Iterable[Newcomer]) -> None:
    held = [each.roles for each in newcomers]
    for role, needed in LEAST.items():
        if sum(role in some for some in held) < needed:
            raise Refused(StaffCode.STAFF_LACKING, needed=needed, role=role)


def refuse_again() -> None:
    was_done = DeskEvent.objects.filter(event_type=DeskEvent.Type.FIRST_STAFF).exists()
    if was_done or powers.holders().exists():
        raise Refused(StaffCode.STAFF_ALREADY)


def add(newcomer: Newcomer, actor: Actor) -> str:
    person = people.add(newcomer.login, newcomer.email, actor=actor)
    groups = list(Group.objects.filter(name__in=newcomer.roles))
    people.as_refusal(people.refuse_both, groups, [], person=person)
    User.objects.filter(pk=person.pk).update(is_staff=True)
    person.groups.set(groups)
    return links.make(person, made_by=None)
