from django.contrib.auth.management import create_permissions
from django.db import migrations

RIGHT = {"codename": "view_balance", "content_type__app_label": "payouts_gateway"}
# As they were when this was written; `payouts.staff.roles` has the present table.
ROLES = ["Requester", "Approver", "Operator", "Policy manager", "Auditor"]


def give(apps, schema_editor):
    # Permissions are usually made after all migrations; the groups need this one now.
    config = apps.get_app_config("payouts_gateway")
    config.models_module = True
    create_permissions(config, apps=apps, verbosity=0)
    config.models_module = None
    right = apps.get_model("auth", "Permission").objects.get(**RIGHT)
    for group in apps.get_model("auth", "Group").objects.filter(name__in=ROLES):
        group.permissions.add(right)


def take_away(apps, schema_editor):
    for right in apps.get_model("auth", "Permission").objects.filter(**RIGHT):
        right.group_set.clear()


class Migration(migrations.Migration):
    dependencies = [
        ("payouts_staff", "0007_keys_off"),
        ("payouts_gateway", "0003_balance"),
    ]
    operations = [migrations.RunPython(give, take_away)]
