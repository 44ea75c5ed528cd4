from django.contrib.auth.management import create_permissions
from django.db import migrations

# As they were when the groups were made; `payouts.staff.roles` has the present table.
ROLES = {
    "Requester": [
        "payouts.view_payout",
        "payouts.add_payout",
        "payouts.edit_payout",
        "payouts.cancel_own_payout",
        "wallets.view_client",
        "wallets.add_client",
        "wallets.change_client",
        "wallets.view_wallet",
        "wallets.add_wallet",
        "wallets.change_wallet",
        "wallets.view_payoutmethod",
    ],
    "Approver": [
        "payouts.view_payout",
        "payouts.approve_payout",
        "payouts.reject_payout",
        "payouts.hold_payout",
        "payouts.release_payout",
        "wallets.view_client",
        "wallets.view_wallet",
        "wallets.approve_wallet",
        "wallets.freeze_wallet",
        "wallets.view_payoutmethod",
    ],
    "Operator": [
        "payouts.view_payout",
        "payouts.send_payout",
        "payouts.ask_payout",
        "payouts.cancel_payout",
        "payouts.retry_payout",
        "payouts.view_discrepancy",
        "payouts.close_discrepancy",
        "payouts.view_webhookdelivery",
        "audit.view_deskevent",
        "payouts_gateway.view_binding",
        "payouts_gateway.view_pause",
        "payouts_controls.view_switch",
        "payouts_controls.set_sending",
        "wallets.view_client",
        "wallets.view_wallet",
        "wallets.view_payoutmethod",
    ],
    "Policy manager": [
        "payouts.view_payout",
        "payouts_controls.view_switch",
        "wallets.view_client",
        "wallets.view_wallet",
        "wallets.view_payoutmethod",
    ],
    "User manager": [
        "auth.view_user",
        "auth.add_user",
        "auth.change_user",
        "auth.view_group",
    ],
    "Auditor": [
        "payouts.view_payout",
        "payouts.view_payoutevent",
        "audit.view_deskevent",
        "payouts.view_discrepancy",
        "payouts.view_webhookdelivery",
        "payouts_gateway.view_binding",
        "payouts_gateway.view_pause",
        "payouts_controls.view_switch",
        "wallets.view_client",
        "wallets.view_wallet",
        "wallets.view_payoutmethod",
        "auth.view_user",
        "auth.view_group",
    ],
}


def add_groups(apps, schema_editor):
    # Permissions are usually made after all migrations; the groups need them now.
    for config in apps.get_app_configs():
        config.models_module = True
        create_permissions(config, apps=apps, verbosity=0)
        config.models_module = None
    permissions = {
        f"{each.content_type.app_label}.{each.codename}": each
        for each in apps.get_model("auth", "Permission").objects.select_related("content_type")
    }
    for name, acts in ROLES.items():
        group, _ = apps.get_model("auth", "Group").objects.get_or_create(name=name)
        group.permissions.set([permissions[act] for act in acts])


def remove_groups(apps, schema_editor):
    apps.get_model("auth", "Group").objects.filter(name__in=ROLES).delete()


class Migration(migrations.Migration):
    dependencies = [
        ("payouts_staff", "0002_logins_stay"),
        ("payouts", "0001_initial"),
        ("payouts_controls", "0001_initial"),
        ("payouts_gateway", "0001_initial"),
        ("wallets", "0001_initial"),
        ("audit", "0001_initial"),
        ("auth", "0012_alter_user_first_name_max_length"),
        ("contenttypes", "0002_remove_content_type_name"),
    ]
    operations = [migrations.RunPython(add_groups, remove_groups)]
