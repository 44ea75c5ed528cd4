"""Whether there are people enough for what takes two, and for what floors above need besides."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from django.contrib.auth.models import User
from django.core import checks
from django.db import connection
from django.db.models import QuerySet
from django.utils.translation import gettext as _

from payouts.staff import powers, roles
from payouts.staff.drafts import CONFIRM

BACKEND = "django.contrib.auth.backends.ModelBackend"

Lacks = Callable[[], Iterable[str]]
needs: list[Lacks] = []


def register_need(lacks: Lacks) -> Lacks:
    """Have a floor above say, in sentences, what it lacks of people, such as a policy."""
    needs.append(lacks)
    return lacks


def who_may(right: str) -> QuerySet[User]:
    """Return the people who may come in and hold a right."""
    held: QuerySet[User] = User.objects.with_perm(right, backend=BACKEND)
    return held.filter(is_staff=True)


def lacking() -> list[str]:
    """Say what the staff as it is cannot do."""
    if not powers.holders().exists():
        return [_("Nobody holds a right that counts yet: make_first_staff sets a new desk up.")]
    managers = set(who_may("auth.change_user").values_list("pk", flat=True))
    confirmers = set(who_may(CONFIRM).values_list("pk", flat=True))
    approvers = who_may("payouts.approve_payout").values_list("pk", flat=True)
    found = []
    if not managers:
        found.append(_("Nobody manages users: two policy managers can name somebody."))
    elif not any(confirmers - {each} for each in managers):
        found.append(_("Nobody can confirm what the only user manager drafts."))
    if len(confirmers - managers) < 2:
        found.append(_("Less than two policy managers: nobody could replace the user manager."))
    if not roles.people_who_may_approve(approvers):
        found.append(_("Nobody approves payouts."))
    return [*found, *(sentence for lacks in needs for sentence in lacks())]


def check_staff(
    databases: Sequence[str] | None = None, **_options: Any
) -> list[checks.CheckMessage]:
    """Tell what the staff cannot do. Django asks for it with a database alone."""
    known = connection.introspection.table_names() if "default" in (databases or ()) else []
    if User._meta.db_table not in known:
        return []
    return [checks.Warning(sentence, id="desk.W003") for sentence in lacking()]
