from django.db import migrations

from audit import triggers

# As they were when this was written; `payouts.staff.roles` has the present table. The roles' names count
# too, for rights that they get later.
MANAGER_ROLES = ["User manager"]
MANAGES = [
    *("auth.add_user", "auth.change_user", "auth.delete_user"),
    *("auth.add_group", "auth.change_group", "auth.delete_group"),
]
DECIDER_ROLES = ["Approver", "Operator", "Policy manager"]
DECIDES = [
    *("payouts.approve_payout", "payouts.reject_payout"),
    *("payouts.hold_payout", "payouts.release_payout"),
    *("payouts.send_payout", "payouts.ask_payout"),
    *("payouts.cancel_payout", "payouts.retry_payout"),
    *("payouts.close_discrepancy", "payouts_controls.set_sending"),
    *("wallets.approve_wallet", "wallets.freeze_wallet"),
]
WHY = "one person never manages users and decides about money"


def quoted(names):
    return ", ".join(f"'{name}'" for name in names)


def holds(roles, rights):
    """SQL: the person `u` has one of these roles, or one of these rights by any way."""
    is_one = f"(c.app_label || '.' || p.codename) IN ({quoted(rights)})"
    permission = "auth_permission p JOIN django_content_type c ON c.id = p.content_type_id"
    return (
        "(EXISTS (SELECT 1 FROM auth_user_groups ug JOIN auth_group g ON g.id = ug.group_id "
        f"WHERE ug.user_id = u.id AND (g.name IN ({quoted(roles)}) "
        f"OR EXISTS (SELECT 1 FROM auth_group_permissions gp, {permission} "
        f"WHERE gp.permission_id = p.id AND gp.group_id = g.id AND {is_one}))) "
        f"OR EXISTS (SELECT 1 FROM auth_user_user_permissions up, {permission} "
        f"WHERE up.permission_id = p.id AND up.user_id = u.id AND {is_one}))"
    )


BOTH = f"{holds(MANAGER_ROLES, MANAGES)} AND {holds(DECIDER_ROLES, DECIDES)}"
MEMBERS = "u.id IN (SELECT user_id FROM auth_user_groups WHERE group_id = NEW.{})"


def apart(table, events, whom):
    return triggers.refuse_if(
        f"{table}_apart",
        table,
        events,
        f"EXISTS (SELECT 1 FROM auth_user u WHERE {whom} AND NOT u.is_superuser AND {BOTH})",
        WHY,
    )


ADDED = ["INSERT", "UPDATE"]


class Migration(migrations.Migration):
    """Nobody can be given both by any way, a shell and SQL included: a person's roles and rights,
    a role's rights and its name, and the end of being a superuser, who holds everything anyway."""

    dependencies = [
        ("payouts_staff", "0003_roles"),
        ("auth", "0012_alter_user_first_name_max_length"),
        ("contenttypes", "0002_remove_content_type_name"),
    ]
    operations = [
        apart("auth_user_groups", ADDED, "u.id = NEW.user_id"),
        apart("auth_user_user_permissions", ADDED, "u.id = NEW.user_id"),
        apart("auth_group_permissions", ADDED, MEMBERS.format("group_id")),
        apart("auth_group", ["UPDATE OF name"], MEMBERS.format("id")),
        apart("auth_user", ["UPDATE OF is_superuser"], "u.id = NEW.id"),
    ]
