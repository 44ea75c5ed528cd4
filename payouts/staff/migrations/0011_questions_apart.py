from importlib import import_module

from django.db import migrations

from audit import triggers

BEFORE = import_module("payouts.staff.migrations.0004_roles_apart")
DECIDES = [*BEFORE.DECIDES, "payouts.send_back_payout"]
BOTH = (
    f"{BEFORE.holds(BEFORE.MANAGER_ROLES, BEFORE.MANAGES)} "
    f"AND {BEFORE.holds(BEFORE.DECIDER_ROLES, DECIDES)}"
)


def apart(table, events, whom):
    before = BEFORE.apart(table, events, whom)
    condition = f"EXISTS (SELECT 1 FROM auth_user u WHERE {whom} AND NOT u.is_superuser AND {BOTH})"
    now = triggers.refuse_if(f"{table}_apart", table, events, condition, BEFORE.WHY)
    return triggers.replaced(before, now)


class Migration(migrations.Migration):
    """Who sends payouts back decides about money as well, so they do not manage users."""

    dependencies = [("payouts_staff", "0010_support")]
    operations = [
        apart("auth_user_groups", BEFORE.ADDED, "u.id = NEW.user_id"),
        apart("auth_user_user_permissions", BEFORE.ADDED, "u.id = NEW.user_id"),
        apart("auth_group_permissions", BEFORE.ADDED, BEFORE.MEMBERS.format("group_id")),
        apart("auth_group", ["UPDATE OF name"], BEFORE.MEMBERS.format("id")),
        apart("auth_user", ["UPDATE OF is_superuser"], "u.id = NEW.id"),
    ]
