"""What of the policy in force the present staff cannot meet."""

from collections.abc import Sequence

from django.db import connection
from django.utils.translation import gettext as _

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


def lacks_for_policy() -> Sequence[str]:
    """Say it among all that the staff cannot do, which Django also asks for before there is a
    policy in the database."""
    if PolicyVersion._meta.db_table not in connection.introspection.table_names():
        return []
    return [f"{_('The staff cannot satisfy the policy.')} {each}" for each in shortcomings()]
