from django.contrib.auth.management import create_permissions
from django.db import migrations

# What each role got when this was written; `payouts.staff.roles` has the present table.
GIVEN = {
    "Requester": ["payouts.view_flags", "payouts.add_note", "payouts.answer_payout"],
    "Approver": ["payouts.view_flags", "payouts.add_note", "payouts.send_back_payout"],
    "Operator": ["payouts.view_flags", "payouts.add_note"],
    "Policy manager": [
        "payouts.view_flags",
        "payouts.add_note",
        "payouts.view_category",
        "payouts.add_category",
        "payouts.change_category",
    ],
    "Auditor": ["payouts.view_flags", "payouts.view_category"],
    "Support": [
        "payouts.view_payout",
        "payouts.add_note",
        "payouts.ask_payout",
        "wallets.view_client",
        "wallets.view_wallet",
    ],
}


def permissions_by_name(apps):
    # Permissions are usually made after all migrations; the groups need them now.
    for config in apps.get_app_configs():
        config.models_module = True
        create_permissions(config, apps=apps, verbosity=0)
        config.models_module = None
    return {
        f"{each.content_type.app_label}.{each.codename}": each
        for each in apps.get_model("auth", "Permission").objects.select_related("content_type")
    }


def give(apps, schema_editor):
    permissions = permissions_by_name(apps)
    for name, rights in GIVEN.items():
        group, _ = apps.get_model("auth", "Group").objects.get_or_create(name=name)
        group.permissions.add(*(permissions[right] for right in rights))


def take(apps, schema_editor):
    permissions = permissions_by_name(apps)
    groups = apps.get_model("auth", "Group").objects
    groups.filter(name="Support").delete()
    for group in groups.filter(name__in=GIVEN):
        group.permissions.remove(*(permissions[right] for right in GIVEN[group.name]))


class Migration(migrations.Migration):
    """A role for who answers clients; notes, questions and warnings for the others."""

    dependencies = [
        ("payouts_staff", "0009_export_right"),
        ("payouts", "0014_notes_stay"),
    ]
    operations = [migrations.RunPython(give, take)]
