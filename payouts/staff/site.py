"""The Admin of the desk, in which every package registers its pages."""

from typing import Any

from django.http import HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from unfold.sites import UnfoldAdminSite

from payouts.staff import people
from payouts.staff.pages import StaffRequest, actor_of

# The first page for a person, by the first of these rights that they hold.
STARTS = [
    ("payouts.approve_payout", "payouts_payout_changelist", "?queue=mine"),
    ("payouts.view_payout", "payouts_payout_changelist", ""),
    ("auth.view_user", "auth_user_changelist", ""),
]


class DeskSite(UnfoldAdminSite):
    site_url = None  # there is no other site to return to

    def index(self, request: StaffRequest, extra_context: Any = None) -> HttpResponse:
        """Open where a person's work is: an approver's at what needs their approval."""
        for right, page, query in STARTS:
            if request.user.has_perm(right):
                return redirect(reverse(f"{self.name}:{page}") + query)
        response: HttpResponse = super().index(request, extra_context)
        return response

    def password_change(self, request: StaffRequest, extra_context: Any = None) -> HttpResponse:
        with people.logging_password(request.user, actor=actor_of(request)):
            response: HttpResponse = super().password_change(request, extra_context)
        return response
