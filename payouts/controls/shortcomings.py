"""What of the policy in force the present staff cannot meet."""

from collections.abc import Sequence
from typing import Any

from django.contrib.auth.models import User
from django.core import checks
from django.db import connection

from audit.refusals import Refused
from payouts.controls import policy
from payouts.controls.models import PolicyVersion
from payouts.controls.staffing import findings


def shortcomings() -> Sequence[str]:
    """Say what of the policy in force the present staff cannot meet."""
    try:
        document = policy.in_force().document
    except Refused as exc:
        return [str(exc)]
    return [each.sentence for each in findings(document).refusals]


def check_policy(
    databases: Sequence[str] | None = None, **_options: Any
) -> list[checks.CheckMessage]:
    """Say that the staff cannot satisfy the policy, once there is a staff."""
    known = connection.introspection.table_names() if "default" in (databases or ()) else []
    if PolicyVersion._meta.db_table not in known:
        return []
    if not (PolicyVersion.objects.exists() and User.objects.filter(is_active=True).exists()):
        return []
    return [
        checks.Warning(
            f"The staff cannot satisfy the policy. {sentence}",
            hint="Give people the roles that it asks for, or draft a policy that fits.",
            id="desk.W003",
        )
        for sentence in shortcomings()
    ]
