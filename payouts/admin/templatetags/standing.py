"""What pages say of the whole desk: what stands still, when something is sent, and the balance."""

from typing import Any

from django import template
from django.contrib.auth.models import User
from django.urls import reverse

from payouts import outlook
from payouts.admin import balances
from payouts.admin.moment import moment_of
from payouts.staff import drafts, recovery
from payouts.times import at_time

register = template.Library()
register.filter("moment", at_time)


@register.inclusion_tag("payouts/_standing.html", takes_context=True)
def standing(context: dict[str, Any]) -> dict[str, Any]:
    """Show on every page what holds up payouts, to those who are signed in."""
    request = context.get("request")
    if request is None or not request.user.is_staff or answers_clients(request.user):
        return {}
    desk = reverse("admin:payouts_controls_switch_changelist")
    states = moment_of(request).states
    lines = outlook.standstills(states)
    restore = reverse("admin:payouts_reconciliation_restore_changelist")
    is_asked = bool(states.continuity.question)
    return {
        "restore": restore if is_asked and request.path != restore else "",
        "lines": lines,
        "tone": "bad" if any(line.is_grave for line in lines) else "warn",
        "desk": desk if request.user.has_perm("payouts_controls.view_switch") else "",
        "cl": context.get("cl"),
        "request": request,
    }


@register.inclusion_tag("payouts/_recoveries.html", takes_context=True)
def recoveries(context: dict[str, Any]) -> dict[str, Any]:
    """Show on every page, to all of the staff, who is to be let in from the desk's machine."""
    request = context.get("request")
    if request is None or not request.user.is_staff:
        return {}
    found = recovery.open_recoveries()
    may_stop = request.user.has_perm(drafts.CONFIRM)
    return {"recoveries": found, "may_stop": may_stop, "cl": context.get("cl")}


def answers_clients(person: User) -> bool:
    """Whether somebody sees payouts and no troubles of the desk, so that clients hear of none."""
    return person.has_perm("payouts.view_payout") and not person.has_perm("payouts.view_flags")


@register.simple_tag(takes_context=True)
def when_sent(context: dict[str, Any]) -> list[str]:
    """Say on a confirmation when the payouts are sent, if that is what it leads to. One that a
    person sends is sent while they wait, pauses or not, unless sending is paused."""
    action, confirmation = context["action"], context["confirmation"]
    states = moment_of(context["request"]).states
    only = confirmation.only
    at_once = action.now and only and not states.stop_of(only)
    if not action.sends or at_once:
        return []
    facts = confirmation.facts if action.name == "approve" else None
    return outlook.when_sent(confirmation.rows, states, facts)


@register.inclusion_tag("payouts/_balances.html", takes_context=True)
def balance_line(context: dict[str, Any]) -> dict[str, Any]:
    """Show what the payouts of a list can draw on, to those who may see it."""
    request = context["request"]
    if not request.user.has_perm(balances.RIGHT):
        return {}
    coins = {payout.currency for payout in context["cl"].result_list}
    return {"shown": balances.shown(moment_of(request).states, coins)}
