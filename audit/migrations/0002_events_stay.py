from django.db import migrations

from audit import triggers


class Migration(migrations.Migration):
    """Events are only added."""

    dependencies = [("audit", "0001_initial")]
    operations = [
        triggers.never_changed("audit_deskevent"),
        triggers.never_deleted("audit_deskevent"),
    ]
