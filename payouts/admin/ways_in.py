"""How a user manager comes in: named by two policy managers, or let in from the desk's machine."""

from django import forms
from django.conf import settings
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import URLPattern, path
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST
from unfold.widgets import UnfoldAdminEmailInputWidget

from audit.refusals import Refused
from payouts.staff import grants, links, recovery, roles
from payouts.staff.drafts import CONFIRM
from payouts.staff.forms import reason_field, text_field
from payouts.staff.pages import DeskPages, StaffRequest, actor_of, require

WHY_MISSING = gettext_lazy("Say why. It is kept for ever.")


class NameForm(forms.Form):
    login = text_field(
        gettext_lazy("Login"), 150, help_text=gettext_lazy("Of somebody known, or a new one.")
    )
    email = forms.EmailField(
        label=gettext_lazy("E-mail"), required=False, widget=UnfoldAdminEmailInputWidget()
    )
    reason = reason_field(WHY_MISSING)


class StopForm(forms.Form):
    reason = reason_field(WHY_MISSING)


def site_of_links() -> str:
    """Return the address with which links in mail begin, or nothing if no mail is sent."""
    return str(settings.PUBLIC_URL) if settings.SENDS_MAIL else ""


class WayInPages(DeskPages):
    """Pages beside those of people, for policy managers, who see no others of people."""

    def way_in_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view
        return [
            path("managers/", view(self.managers_view), name="auth_user_managers"),
            path(
                "managers/<int:pk>/link/",
                view(require_POST(self.link_view)),
                name="auth_user_managers_again",
            ),
            path(
                "recoveries/<int:pk>/stop/",
                view(self.stop_recovery_view),
                name="auth_user_stop_recovery",
            ),
        ]

    def managers_view(self, request: StaffRequest) -> HttpResponse:
        require(request, grants.NAME_MANAGER)

        def name(login: str, email: str, reason: str) -> str:
            grants.name_user_manager(login, email, reason=reason, actor=actor_of(request))
            return _("Drafted. Another policy manager, or a user manager, has to confirm it.")

        return self.ask(
            request,
            NameForm(request.POST or None),
            name,
            template="payouts/user_managers.html",
            title=_("Name a user manager"),
            back=self.url("drafts"),
            managers=roles.user_managers().filter(is_superuser=False).order_by("username"),
        )

    def link_view(self, request: StaffRequest, pk: int) -> HttpResponse:
        """Have a user manager choose a password, and nobody else."""
        require(request, grants.NAME_MANAGER)
        managers = roles.user_managers().filter(is_superuser=False)
        person, actor = get_object_or_404(managers, pk=pk), actor_of(request)
        try:
            links.send(person, site=site_of_links(), actor=actor, right=grants.NAME_MANAGER)
        except Refused as exc:
            messages.error(request, str(exc))
        else:
            messages.success(request, _("A link was sent to %s.") % person.email)
        return redirect(self.url("managers"))

    def stop_recovery_view(self, request: StaffRequest, pk: int) -> HttpResponse:
        require(request, CONFIRM)
        found = get_object_or_404(recovery.open_recoveries(), pk=pk)

        def stop(reason: str) -> str:
            recovery.stop(pk, reason=reason, actor=actor_of(request))
            return _("Stopped. Nobody is let in.")

        return self.ask(
            request,
            StopForm(request.POST or None),
            stop,
            template="payouts/stop_recovery.html",
            title=_("Stop that %s is let in?") % found.person,
            back=self.url("drafts"),
            recovery=found,
        )
