"""What `verify_audit` looks through of the policy: the chain of its versions."""

from collections.abc import Iterator

from django.utils.translation import gettext as _

from audit import chain, verifying
from audit.verifying import Finding, Show
from payouts.controls import documents
from payouts.controls.models import PolicyVersion


def versions(_show: Show) -> Iterator[Finding]:
    rows = list(PolicyVersion.objects.order_by("number"))
    found = chain.first_broken(rows)
    if isinstance(found, PolicyVersion):
        yield Finding(
            "chain_broken",
            where(found),
            _(
                "Version %d of the policy does not follow from the one before: it, or that one, is "
                "not what was put in force."
            )
            % found.number,
        )
        return
    for row in rows:
        is_by_two = row.number == 1 or None not in (row.drafted_by_id, row.approved_by_id)
        if not is_by_two or (row.number > 1 and row.drafted_by_id == row.approved_by_id):
            yield Finding(
                "not_by_two",
                where(row),
                _("Version %d of the policy was put in force by one person.") % row.number,
            )
        if documents.digest_of(row.document) != row.digest:
            yield Finding(
                "digest_differs",
                where(row),
                _("The digest of version %d of the policy is not that of its text.") % row.number,
            )


def where(version: PolicyVersion) -> str:
    return f"{PolicyVersion._meta.label} {version.pk}"


def register() -> None:
    verifying.register("policy", versions)
