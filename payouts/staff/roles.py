"""Who may do what: the groups of the staff, and the acts of each. A migration makes the groups."""

from collections.abc import Collection, Iterable, Sequence
from functools import cache
from typing import Any

from django.contrib.auth.models import Group, Permission, User
from django.core import checks
from django.db import connection
from django.db.models import Q, QuerySet, Value
from django.db.models.functions import Concat

ROLES: dict[str, list[str]] = {
    "Requester": [
        "payouts.view_payout",
        "payouts.view_flags",
        "payouts.add_note",
        "payouts.add_payout",
        "payouts.edit_payout",
        "payouts.answer_payout",
        "payouts.cancel_own_payout",
        "wallets.view_client",
        "wallets.add_client",
        "wallets.change_client",
        "wallets.view_wallet",
        "wallets.add_wallet",
        "wallets.change_wallet",
        "wallets.view_payoutmethod",
        "payouts_gateway.view_balance",
        "payouts_controls.view_policyversion",
    ],
    "Approver": [
        "payouts.view_payout",
        "payouts.view_flags",
        "payouts.add_note",
        "payouts.approve_payout",
        "payouts.send_back_payout",
        "payouts.reject_payout",
        "payouts.hold_payout",
        "payouts.release_payout",
        "payouts.view_discrepancy",
        "wallets.view_client",
        "wallets.view_wallet",
        "wallets.approve_wallet",
        "wallets.freeze_wallet",
        "wallets.view_payoutmethod",
        "payouts_gateway.view_balance",
        "payouts_controls.view_policyversion",
        "payouts_controls.view_exchangerate",
    ],
    "Operator": [
        "payouts.view_payout",
        "payouts.view_flags",
        "payouts.add_note",
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
        "payouts_portal.view_webhookendpoint",
        "wallets.view_client",
        "wallets.view_wallet",
        "wallets.view_payoutmethod",
        "payouts_gateway.view_balance",
        "payouts_controls.view_policyversion",
        "payouts_controls.view_exchangerate",
    ],
    "Policy manager": [
        "payouts.view_payout",
        "payouts.view_flags",
        "payouts.add_note",
        "payouts.view_category",
        "payouts.add_category",
        "payouts.change_category",
        "payouts_staff.confirm_rights",
        "payouts_staff.name_user_manager",
        "payouts_controls.view_switch",
        "wallets.view_client",
        "wallets.view_wallet",
        "wallets.view_payoutmethod",
        "payouts_gateway.view_balance",
        "payouts_controls.change_policy",
        "payouts_controls.view_policyversion",
        "payouts_controls.view_exchangerate",
        "payouts_controls.accept_rate",
    ],
    "User manager": [
        "auth.view_user",
        "auth.add_user",
        "auth.change_user",
        "auth.view_group",
        "auth.add_group",
        "payouts_staff.confirm_rights",
        "payouts_portal.view_apikey",
        "payouts_portal.issue_apikey",
        "payouts_portal.view_webhookendpoint",
        "payouts_portal.set_webhookendpoint",
    ],
    # Answers clients: sees neither balances nor warnings, policy or exports.
    "Support": [
        "payouts.view_payout",
        "payouts.add_note",
        "payouts.ask_payout",
        "wallets.view_client",
        "wallets.view_wallet",
    ],
    "Accountant": [
        "payouts.view_payout",
        "payouts.export_payout",
        "payouts.view_flags",
        "payouts.view_category",
        "payouts.add_category",
        "payouts.change_category",
        "payouts.view_entry",
        "payouts.view_accountrule",
        "payouts.add_accountrule",
        "payouts.change_accountrule",
        "payouts.view_closedmonth",
        "payouts.view_discrepancy",
        "wallets.view_client",
        "wallets.view_wallet",
        "wallets.view_payoutmethod",
        "payouts_gateway.view_balance",
        "payouts_controls.view_exchangerate",
        "payouts_books.view_movement",
        "payouts_books.add_movement",
        "payouts_books.close_month",
    ],
    "Auditor": [
        "payouts.view_payout",
        "payouts.export_payout",
        "payouts.view_flags",
        "payouts.view_category",
        "payouts.view_payoutevent",
        "payouts.view_entry",
        "payouts.view_accountrule",
        "payouts.view_closedmonth",
        "audit.view_deskevent",
        "payouts.view_discrepancy",
        "payouts.view_webhookdelivery",
        "payouts_gateway.view_binding",
        "payouts_gateway.view_pause",
        "payouts_controls.view_switch",
        "wallets.view_client",
        "wallets.view_wallet",
        "wallets.view_payoutmethod",
        "payouts_gateway.view_balance",
        "payouts_controls.view_exchangerate",
        "auth.view_user",
        "auth.view_group",
        "payouts_portal.view_apikey",
        "payouts_portal.view_webhookendpoint",
        "payouts_controls.view_policyversion",
        "payouts_books.view_movement",
    ],
}

# Who gives rights never decides about money. A person holds a side by the name of a role, for the
# rights it may get later, or by one of its rights, whatever role or row it comes from.
MANAGERS = {"User manager"}
DECIDERS = {"Approver", "Operator", "Policy manager"}
MANAGES = {
    f"auth.{act}_{what}" for act in ("add", "change", "delete") for what in ("user", "group")
}
BESIDE = {  # no decisions about money
    *("payouts.add_note", "payouts.add_category", "payouts.change_category"),
    *("payouts_staff.confirm_rights", "payouts_staff.name_user_manager"),
}
DECIDES = {right for role in DECIDERS for right in ROLES[role] if ".view_" not in right} - BESIDE


def are_apart(roles: Iterable[str], rights: Iterable[str]) -> bool:
    """Whether one person may hold these together. The database holds it too, by triggers."""
    held, may = set(roles), set(rights)
    manages = held & MANAGERS or may & MANAGES
    return not (manages and (held & DECIDERS or may & DECIDES))


def permissions_called(rights: Iterable[str]) -> QuerySet[Permission]:
    named = Permission.objects.annotate(
        right=Concat("content_type__app_label", Value("."), "codename")
    )
    return named.filter(right__in=sorted(rights))


def holders(roles: Iterable[str], rights: Iterable[str]) -> QuerySet[User]:
    """People with one of these roles or rights, superusers only if they were given one."""
    permissions = permissions_called(rights)
    groups = Group.objects.filter(Q(name__in=sorted(roles)) | Q(permissions__in=permissions))
    members = User.groups.through.objects.filter(group__in=groups)
    alone = User.user_permissions.through.objects.filter(permission__in=permissions)
    return User.objects.filter(Q(pk__in=members.values("user")) | Q(pk__in=alone.values("user")))


def user_managers() -> QuerySet[User]:
    return holders(MANAGERS, MANAGES)


def people_who_may_approve(ids: Iterable[int]) -> set[int]:
    """Those of the given people who are active and hold the right at this moment."""
    asked = _approvers().filter(pk__in=set(ids))
    return set(asked.values_list("pk", flat=True))


def all_who_may_approve() -> list[User]:
    """Return all who may approve at this moment, by login."""
    return list(_approvers().order_by("username"))


def groups_of(people: Collection[int]) -> dict[int, set[str]]:
    """Return the names of the groups of each of these people: one statement."""
    groups: dict[int, set[str]] = {person: set() for person in people}
    rows = User.groups.through.objects.filter(user_id__in=people)
    for person, name in rows.values_list("user_id", "group__name"):
        groups[person].add(name)
    return groups


@cache
def _approvers() -> QuerySet[User]:
    """All people who may approve, for `filter` alone: read as it is, it would keep its rows.

    Django takes longer to put this question together than the database to answer it. Who also
    manages users could have given the right to themselves: it does not count for them.
    """
    people = User.objects.with_perm(
        "payouts.approve_payout", backend="django.contrib.auth.backends.ModelBackend"
    )
    return people.exclude(pk__in=user_managers().values("pk"), is_superuser=False)


def people_with_both() -> QuerySet[User]:
    """Those whose approvals do not count until one side is taken from them."""
    both = user_managers() & holders(DECIDERS, DECIDES)
    return both.filter(is_superuser=False).order_by("username")


def check_apart(
    databases: Sequence[str] | None = None, **_options: Any
) -> list[checks.CheckMessage]:
    """Tell who has both, and who is bound by nothing. Django asks for it with a database alone."""
    known = connection.introspection.table_names() if "default" in (databases or ()) else []
    if User._meta.db_table not in known:
        return []
    found: list[checks.CheckMessage] = [
        checks.Warning(
            f"{person} manages users and decides about money.",
            hint="Take one of the roles away. Until then their approvals do not count.",
            id="desk.W002",
        )
        for person in people_with_both()
    ]
    superusers = User.objects.filter(is_superuser=True, is_active=True).order_by("username")
    return found + [
        checks.Info(f"{person} is a superuser, who may do everything.", id="desk.I001")
        for person in superusers
    ]
