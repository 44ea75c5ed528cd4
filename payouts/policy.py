"""What an approval needs today: one person who is no maker, over the present digest."""

from collections.abc import Iterable
from functools import cache

from django.contrib.auth.models import User
from django.db.models import QuerySet

from payouts.models import Approval, Payout
from payouts.staff import roles

POLICY_VERSION = 1
APPROVALS_NEEDED = 1


def people_who_may_approve(ids: Iterable[int]) -> set[int]:
    """Those of the given people who are active and hold the right at this moment."""
    asked = _approvers().filter(pk__in=set(ids))
    return set(asked.values_list("pk", flat=True))


@cache
def _approvers() -> QuerySet[User]:
    """All people who may approve, for `filter` alone: read as it is, it would keep its rows.

    Django takes longer to put this question together than the database to answer it. Who also
    manages users could have given the right to themselves: it does not count for them.
    """
    people = User.objects.with_perm(
        "payouts.approve_payout", backend="django.contrib.auth.backends.ModelBackend"
    )
    return people.exclude(pk__in=roles.user_managers().values("pk"), is_superuser=False)


def missing(payout: Payout, approvals: Iterable[Approval], makers: set[int], may: set[int]) -> str:
    """Say why these approvals do not carry the payout, or nothing if they do.

    `approvals` are the standing ones; `makers` and `may` are ids of people.
    """
    digest = payout.digest()
    standing = [each for each in approvals if each.decision == Approval.Decision.APPROVED]
    if any(each.digest != digest for each in standing):
        return "The payout is no longer what was approved."
    if any(each.person_id in makers for each in standing):
        return "A person who had a hand in the payout approved it."
    if any(each.person_id not in may for each in standing):
        return "An approver no longer has the right to approve."
    if len({each.person_id for each in standing}) < APPROVALS_NEEDED:
        return "An approval is missing."
    return ""
