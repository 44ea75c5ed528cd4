from django.db import migrations

from audit import chain, clock, triggers
from payouts.controls import documents, starter


COLUMNS = [
    *("number", "document", "digest", "drafted_by_id", "approved_by_id"),
    *("in_force_at", "reason", "hash"),
]


def store(apps, schema_editor):
    versions = apps.get_model("payouts_controls", "PolicyVersion").objects
    if versions.exists():
        return
    document, now = documents.canonical(starter.DOCUMENT), clock.now().replace(microsecond=0)
    fields = [1, document, None, None, chain.stamp(now), starter.REASON]
    versions.create(
        number=1,
        document=document,
        digest=documents.digest_of(document),
        in_force_at=now,
        reason=starter.REASON,
        hash=chain.sealed(fields, ""),
    )


class Migration(migrations.Migration):
    """The policy that a desk begins with; from here on versions are only added."""

    dependencies = [("payouts_controls", "0003_policy")]
    operations = [
        migrations.RunPython(store, migrations.RunPython.noop),
        triggers.columns_never_changed("payouts_controls_policyversion", COLUMNS),
        triggers.never_deleted("payouts_controls_policyversion"),
    ]
