"""The Admin of the desk, in which every package registers its pages."""

from collections.abc import Callable, Sequence
from typing import Any

from django.contrib.auth.models import User
from django.http import HttpResponse
from django.shortcuts import redirect
from django.urls import URLPattern
from django.utils.translation import gettext as _
from unfold.forms import AuthenticationForm
from unfold.sites import UnfoldAdminSite

from payouts.staff import people
from payouts.staff.pages import StaffRequest, actor_of

# The first page for a person, by the first of these rights that they hold.
STARTS = [
    ("payouts.view_payout", "payouts_payout_start"),
    ("auth.view_user", "auth_user_changelist"),
    ("payouts_books.view_movement", "payouts_books_movement_books"),
]

Urls = Callable[["DeskSite"], Sequence[URLPattern]]
added: list[Urls] = []


def register_pages(urls: Urls) -> Urls:
    """Have the Admin serve pages that are about no one kind of row."""
    added.append(urls)
    return urls


class LoginForm(AuthenticationForm):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["username"].label = _("Login")


class DeskSite(UnfoldAdminSite):
    login_form = LoginForm

    def get_urls(self) -> list[Any]:
        """Leave out the way to a row's page outside the Admin: none has one, and ids of another
        kind make it fail."""
        urls = super().get_urls()
        known = [each for each in urls if getattr(each, "name", "") != "view_on_site"]
        # Before Django's own, the last of which takes every address.
        return [*(each for some in added for each in some(self)), *known]

    def index(self, request: StaffRequest, extra_context: Any = None) -> HttpResponse:
        """Open where a person's work is: at the queue of payouts that needs them."""
        for right, page in STARTS:
            if request.user.has_perm(right):
                return redirect(f"{self.name}:{page}")
        response: HttpResponse = super().index(request, extra_context)
        return response

    def password_change(self, request: StaffRequest, extra_context: Any = None) -> HttpResponse:
        with people.logging_password(request.user, actor=actor_of(request)):
            # All of the row is saved: as it is by now, or what was taken meanwhile came back.
            request.user = User.objects.select_for_update().get(pk=request.user.pk)
            response: HttpResponse = super().password_change(request, extra_context)
        return response
