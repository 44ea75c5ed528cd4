from importlib import import_module

from django.db import migrations

GIVEN = {
    "User manager": ["payouts_portal.view_apikey", "payouts_portal.issue_apikey"],
    "Auditor": ["payouts_portal.view_apikey"],
}
permissions_by_name = import_module("payouts.staff.migrations.0010_support").permissions_by_name


def give(apps, schema_editor):
    permissions = permissions_by_name(apps)
    for name, rights in GIVEN.items():
        group, _ = apps.get_model("auth", "Group").objects.get_or_create(name=name)
        group.permissions.add(*(permissions[right] for right in rights))


def take(apps, schema_editor):
    permissions = permissions_by_name(apps)
    for group in apps.get_model("auth", "Group").objects.filter(name__in=GIVEN):
        group.permissions.remove(*(permissions[right] for right in GIVEN[group.name]))


class Migration(migrations.Migration):
    """User managers issue API keys, auditors see them."""

    dependencies = [("payouts_staff", "0011_questions_apart"), ("payouts_portal", "0001_keys")]
    operations = [migrations.RunPython(give, take)]
