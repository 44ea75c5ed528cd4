"""What decides about money or about rights. Two people give it, and one takes it away at once.

A person is powerful by a role, by a right, whatever role or row it comes from, by a group that a
policy names, and as a superuser.
"""

from collections.abc import Callable, Collection, Iterable
from datetime import datetime

from django.contrib.auth.models import Group, Permission, User
from django.db.models import Max, Q, QuerySet

from audit import clock
from payouts.staff import roles
from payouts.staff.models import PowerChange
from payouts.staff.rights import right_of

ROLES = roles.MANAGERS | roles.DECIDERS
BESIDE = {  # asking Heleket, notes and the names of categories move no money
    *("payouts.ask_payout", "payouts.add_note"),
    *("payouts.add_category", "payouts.change_category"),
}
RIGHTS = (
    roles.MANAGES
    | {right for role in ROLES for right in roles.ROLES[role] if ".view_" not in right} - BESIDE
)

Names = Callable[[], Iterable[str]]
named: list[Names] = []


def register_named_groups(names: Names) -> Names:
    """Have groups that a floor above goes by, such as those of a policy, count as powerful."""
    named.append(names)
    return names


def powerful_groups() -> set[str]:
    return ROLES.union(*(names() for names in named))


def of_role(role: Group) -> bool:
    """Whether a role, as it is stored, gives something powerful."""
    held = role.permissions.select_related("content_type")
    return role.name in powerful_groups() or any(map(of_right, held))


def of_right(permission: Permission) -> bool:
    return right_of(permission) in RIGHTS


def holders() -> QuerySet[User]:
    """Everybody who holds something powerful, kept out or not."""
    given = roles.holders(powerful_groups(), RIGHTS).values("pk")
    return User.objects.filter(Q(pk__in=given) | Q(is_superuser=True))


def holds(person: User) -> bool:
    return holders().filter(pk=person.pk).exists()


# When it changed


def note_change(ids: Iterable[int], what: PowerChange.What = PowerChange.What.RIGHTS) -> None:
    """Write down that these people's power changed, so that what they approved before is void."""
    now = clock.now()
    PowerChange.objects.bulk_create(PowerChange(person_id=pk, at=now, what=what) for pk in ids)


def last_change_of_power(ids: Collection[int]) -> dict[int, datetime]:
    """Return when the rights, the password or the address of these people last changed, of those
    of whom one did."""
    changes = PowerChange.objects.filter(person__in=ids).order_by()
    return dict(changes.values_list("person").annotate(last=Max("at")))
