"""What `verify_audit` looks through of acts that take two people."""

from collections.abc import Iterator

from django.utils.translation import gettext as _

from audit import verifying
from audit.verifying import CHUNK, Finding, Show, shown
from payouts.staff import two_people
from payouts.staff.models import JointAct


def joint_acts(show: Show) -> Iterator[Finding]:
    done = JointAct.objects.filter(ending=JointAct.Ending.DONE).order_by("pk")
    for each in shown(done.iterator(chunk_size=CHUNK), show):
        second = each.ended_by_id
        is_one = second in (None, each.proposed_by_id)
        if is_one or (each.begun_with_id and two_people.drafted_earlier(each, second)):
            yield Finding(
                "not_by_two",
                f"{JointAct._meta.label} {each.pk}",
                _("“%(act)s” of %(subject)s takes two people, and was done by one.")
                % {"act": each.act, "subject": each.subject},
            )


def register() -> None:
    verifying.register("two people", joint_acts, JointAct.objects.count)
