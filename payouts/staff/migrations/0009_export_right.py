from django.contrib.auth.management import create_permissions
from django.db import migrations

RIGHT = ("payouts", "export_payout")


def add_right(apps, schema_editor):
    # Permissions are usually made after all migrations; the group needs this one now.
    config = apps.get_app_config("payouts")
    config.models_module = True
    create_permissions(config, apps=apps, verbosity=0)
    config.models_module = None
    auditors, permission = found(apps)
    auditors.permissions.add(permission)


def remove_right(apps, schema_editor):
    auditors, permission = found(apps)
    auditors.permissions.remove(permission)


def found(apps):
    app, codename = RIGHT
    permissions = apps.get_model("auth", "Permission").objects
    group, _ = apps.get_model("auth", "Group").objects.get_or_create(name="Auditor")
    return group, permissions.get(content_type__app_label=app, codename=codename)


class Migration(migrations.Migration):
    """Who sees everything and changes nothing may also take it home."""

    dependencies = [("payouts_staff", "0008_who_sees_balances"), ("payouts", "0009_export_right")]
    operations = [migrations.RunPython(add_right, remove_right)]
