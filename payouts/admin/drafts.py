"""The pages of drafts: what another person wants given, and to whom, before it is confirmed."""

from collections.abc import Callable

from django.contrib import messages
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.db import IntegrityError
from django.http import HttpResponse
from django.shortcuts import redirect
from django.urls import URLPattern, path
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from audit.refusals import Refused
from payouts.admin.ways_in import site_of_links
from payouts.staff import drafts, links, two_people
from payouts.staff.codes import StaffCode
from payouts.staff.drafts import Draft
from payouts.staff.pages import DeskPages, StaffRequest, actor_of


class DraftPages(DeskPages):
    """Pages beside those of people, for policy managers too, who see no others of people."""

    def draft_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view
        return [
            path("drafts/", view(self.drafts_view), name="auth_user_drafts"),
            path("drafts/<int:pk>/", view(self.draft_view), name="auth_user_draft"),
            path(
                "drafts/<int:pk>/confirm/",
                view(require_POST(self.confirm_view)),
                name="auth_user_confirm",
            ),
            path(
                "drafts/<int:pk>/withdraw/",
                view(require_POST(self.withdraw_view)),
                name="auth_user_withdraw",
            ),
        ]

    def require_sight(self, request: StaffRequest) -> None:
        if not request.user.has_perm(drafts.CONFIRM) and not request.user.has_perm(
            "auth.view_user"
        ):
            raise PermissionDenied

    def drafts_view(self, request: StaffRequest) -> HttpResponse:
        self.require_sight(request)
        found = [drafts.of(each) for each in drafts.open_drafts()]
        return self.page(request, "payouts/drafts.html", _("Drafts of rights"), drafts=found)

    def draft_view(self, request: StaffRequest, pk: int) -> HttpResponse:
        self.require_sight(request)
        try:
            draft = drafts.waiting(pk)
        except Refused as exc:
            return self.leave(request, str(exc))
        return self.page(
            request,
            "payouts/draft.html",
            _("Draft: %s") % draft.name,
            draft=draft,
            seen=draft.facts(),
            is_outdated=draft.is_outdated,
            is_own=draft.joint.proposed_by_id == request.user.pk,
            gains=draft.gains(request.user.pk),
            drafted_earlier=two_people.drafted_earlier(draft.joint, request.user.pk),
            may_confirm=request.user.has_perm(drafts.CONFIRM),
            back=self.url("drafts"),
        )

    def confirm_view(self, request: StaffRequest, pk: int) -> HttpResponse:
        seen = request.POST.get("seen", "")
        confirmed = _("Confirmed. It is kept with both names and the reason.")
        actor = actor_of(request)

        def confirm() -> Draft:
            draft = drafts.confirm(pk, seen, actor=actor)
            for person in draft.choosing_anew:
                self.send_link(request, person)
            return draft

        return self.act(request, pk, confirm, confirmed)

    def send_link(self, request: StaffRequest, person: User) -> None:
        """Send a link to somebody whose password ended, and say so."""
        try:
            links.send(person, site=site_of_links(), actor=actor_of(request), right=drafts.CONFIRM)
        except Refused as exc:
            ended = _("%(person)s has to choose a password anew, but no link was sent. %(why)s")
            messages.warning(request, ended % {"person": person, "why": exc})
        else:
            ended = _("%(person)s has to choose a password anew: a link was sent to %(email)s.")
            messages.warning(request, ended % {"person": person, "email": person.email})

    def withdraw_view(self, request: StaffRequest, pk: int) -> HttpResponse:
        over = _("The draft is over. Nothing was given.")
        return self.act(request, pk, lambda: drafts.withdraw(pk, actor=actor_of(request)), over)

    def act(
        self, request: StaffRequest, pk: int, act: Callable[[], Draft], done: str
    ) -> HttpResponse:
        try:
            act()
        except (Refused, IntegrityError) as exc:  # the database keeps roles apart
            if isinstance(exc, Refused) and exc.refusal.code == StaffCode.PROPOSAL_OVER:
                return self.leave(request, str(exc))
            messages.error(request, str(exc))
            return redirect(self.url("draft", pk))
        messages.success(request, done)
        return redirect(self.url("drafts"))

    def leave(self, request: StaffRequest, why: str) -> HttpResponse:
        messages.error(request, why)
        return redirect(self.url("drafts"))
