"""What each right lets a person do, in words for people."""

from collections.abc import Iterable

from django.contrib.auth.models import Permission
from django.db.models import QuerySet
from django.utils.text import get_text_list
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

ACTS = {
    "payouts.add_payout": gettext_lazy("request payouts"),
    "payouts.edit_payout": gettext_lazy("edit payouts"),
    "payouts.approve_payout": gettext_lazy("approve payouts"),
    "payouts.reject_payout": gettext_lazy("reject payouts"),
    "payouts.hold_payout": gettext_lazy("put payouts on hold"),
    "payouts.send_back_payout": gettext_lazy("send payouts back with a question"),
    "payouts.answer_payout": gettext_lazy("answer questions about payouts"),
    "payouts.release_payout": gettext_lazy("release payouts from hold"),
    "payouts.send_payout": gettext_lazy("send approved payouts now"),
    "payouts.ask_payout": gettext_lazy("ask Heleket about payouts"),
    "payouts.cancel_payout": gettext_lazy("cancel payouts"),
    "payouts.cancel_own_payout": gettext_lazy("cancel payouts that they requested"),
    "payouts.retry_payout": gettext_lazy("retry payouts that were not paid"),
    "payouts.add_note": gettext_lazy("write notes and add documents"),
    "payouts.add_category": gettext_lazy("add categories"),
    "payouts.change_category": gettext_lazy("change categories"),
    "payouts.add_accountrule": gettext_lazy("add accounts"),
    "payouts.change_accountrule": gettext_lazy("change accounts"),
    "payouts.export_payout": gettext_lazy("take lists of payouts home as files"),
    "payouts.close_discrepancy": gettext_lazy("end discrepancies"),
    "payouts_controls.change_policy": gettext_lazy("draft the policy and approve drafts of others"),
    "payouts_controls.set_sending": gettext_lazy("pause and resume sending"),
    "payouts_controls.accept_rate": gettext_lazy("accept exchange rates that have jumped, as two"),
    "payouts_books.add_movement": gettext_lazy("enter in the books what else moved balances"),
    "payouts_books.close_month": gettext_lazy("close months, as two"),
    "wallets.add_client": gettext_lazy("add clients"),
    "wallets.change_client": gettext_lazy("change and close clients"),
    "wallets.add_wallet": gettext_lazy("add wallets"),
    "wallets.change_wallet": gettext_lazy("label and archive wallets"),
    "wallets.approve_wallet": gettext_lazy("approve wallets that others added"),
    "wallets.freeze_wallet": gettext_lazy("freeze and release wallets"),
    "payouts_portal.issue_apikey": gettext_lazy("issue and revoke API keys"),
    "payouts_portal.set_webhookendpoint": gettext_lazy("add, change and stop webhook endpoints"),
    "payouts_staff.confirm_rights": gettext_lazy("confirm rights that another person gives"),
    "payouts_staff.name_user_manager": gettext_lazy("name a user manager, by two"),
    "auth.add_user": gettext_lazy("add people"),
    "auth.change_user": gettext_lazy("change and stop people"),
    "auth.delete_user": gettext_lazy("delete people (which the desk never does)"),
    "auth.add_group": gettext_lazy("add roles"),
    "auth.change_group": gettext_lazy("change roles"),
    "auth.delete_group": gettext_lazy("delete roles (which the desk never does)"),
}

SIGHTS = {
    "payouts.view_payout": gettext_lazy("payouts"),
    "payouts.view_flags": gettext_lazy("warnings and what the staff says of payouts"),
    "payouts.view_category": gettext_lazy("categories"),
    "payouts.view_entry": gettext_lazy("the journal"),
    "payouts.view_accountrule": gettext_lazy("accounts"),
    "payouts.view_closedmonth": gettext_lazy("closed months"),
    "payouts.view_payoutevent": gettext_lazy("what happened to payouts"),
    "payouts.view_discrepancy": gettext_lazy("discrepancies"),
    "wallets.view_client": gettext_lazy("clients"),
    "wallets.view_wallet": gettext_lazy("wallets"),
    "wallets.view_walletevent": gettext_lazy("what happened to wallets"),
    "wallets.view_payoutmethod": gettext_lazy("services and fees"),
    "payouts_controls.view_policyversion": gettext_lazy("the policy"),
    "payouts_controls.view_switch": gettext_lazy("the Desk page"),
    "payouts_gateway.view_binding": gettext_lazy("the account at Heleket"),
    "payouts_gateway.view_balance": gettext_lazy("balances"),
    "payouts_controls.view_exchangerate": gettext_lazy("exchange rates"),
    "payouts_books.view_movement": gettext_lazy("the books"),
    "payouts_gateway.view_pause": gettext_lazy("the pauses of Heleket"),
    "payouts.view_webhookdelivery": gettext_lazy("webhooks"),
    "audit.view_deskevent": gettext_lazy("desk events"),
    "payouts_portal.view_apikey": gettext_lazy("API keys"),
    "payouts_portal.view_webhookendpoint": gettext_lazy("webhook endpoints"),
    "auth.view_user": gettext_lazy("people"),
    "auth.view_group": gettext_lazy("roles"),
}

ORDER = [*ACTS, *SIGHTS]


def called(right: str, name: str = "") -> str:
    """Say what a right permits; one that is in no table by its own name."""
    if right in SIGHTS:
        return _("see %s") % SIGHTS[right]
    return str(ACTS.get(right) or name.removeprefix("Can ") or right)


def right_of(permission: Permission) -> str:
    return f"{permission.content_type.app_label}.{permission.codename}"


def in_words(permission: Permission) -> str:
    return called(right_of(permission), permission.name)


def sentence(permissions: Iterable[Permission]) -> str:
    """Say what somebody with these rights may do, and what they see."""
    held = sorted(permissions, key=place)
    acts = [in_words(each) for each in held if right_of(each) not in SIGHTS]
    seen = [str(SIGHTS[right_of(each)]) for each in held if right_of(each) in SIGHTS]
    last = _("and")
    said = [_("May %s.") % get_text_list(acts, last)] if acts else []
    said += [_("Sees %s.") % get_text_list(seen, last)] if seen else []
    return " ".join(said) or _("May do nothing.")


def place(permission: Permission) -> tuple[int, str]:
    right = right_of(permission)
    return (ORDER.index(right) if right in ORDER else len(ORDER), right)


def of_the_desk() -> QuerySet[Permission]:
    """Return the rights that mean something here: not those on Django's own tables."""
    permissions = Permission.objects.select_related("content_type").exclude(
        content_type__app_label__in=["admin", "contenttypes", "sessions"]
    )
    return permissions.exclude(content_type__model__startswith="historical").exclude(
        content_type__app_label="auth", content_type__model="permission"
    )
