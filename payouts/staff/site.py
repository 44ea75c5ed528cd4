"""The Admin of the desk, in which every package registers its pages."""

from typing import Any

from django.http import HttpResponse
from django.shortcuts import redirect
from unfold.sites import UnfoldAdminSite

from payouts.staff import people
from payouts.staff.pages import StaffRequest, actor_of

# The first page for a person, by the first of these rights that they hold.
STARTS = [
    ("payouts.view_payout", "payouts_payout_start"),
    ("auth.view_user", "auth_user_changelist"),
]


class DeskSite(UnfoldAdminSite):
    site_url = None  # there is no other site to return to

    def index(self, request: StaffRequest, extra_context: Any = None) -> HttpResponse:
        """Open where a person's work is: at the queue of payouts that needs them."""
        for right, page in STARTS:
            if request.user.has_perm(right):
                return redirect(f"{self.name}:{page}")
        response: HttpResponse = super().index(request, extra_context)
        return response

    def password_change(self, request: StaffRequest, extra_context: Any = None) -> HttpResponse:
        with people.logging_password(request.user, actor=actor_of(request)):
            response: HttpResponse = super().password_change(request, extra_context)
        return response
