"""The policy in the Admin: the version in force in sentences, its history, and the next one."""

from collections.abc import Callable
from typing import Any

from django.contrib import admin, messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import URLPattern, path
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST

from audit.refusals import Refused
from payouts import replay
from payouts.admin.lists import DeskAdmin
from payouts.admin.policy_forms import PolicyForms
from payouts.admin.policy_words import REFERENCE, differences, limits_in_use, read_all
from payouts.controls import documents, policy, staffing
from payouts.controls.models import PolicyVersion
from payouts.controls.shortcomings import shortcomings
from payouts.replay import Kind
from payouts.staff import two_people
from payouts.staff.codes import StaffCode
from payouts.staff.models import JointAct
from payouts.staff.pages import ID, StaffRequest, actor_of, require

READ, CHANGE = "payouts_controls.view_policyversion", policy.CHANGE
MOST_SHOWN = 100  # of the history; earlier ones are reached from the first of these
HEADINGS = {
    Kind.STOPPED: gettext_lazy("It would have stopped"),
    Kind.MORE: gettext_lazy("It would have asked for more approvals"),
    Kind.FEWER: gettext_lazy("It would have asked for fewer approvals"),
}
ROWS = ("add", "up", "down", "remove")


@admin.register(PolicyVersion)
class PolicyAdmin(DeskAdmin):
    def get_urls(self) -> list[URLPattern]:
        def page(route: str, view: Callable[..., HttpResponse], name: str) -> URLPattern:
            view = self.admin_site.admin_view(view)
            return path(route, view, name=f"payouts_controls_policyversion_{name}")

        return [
            page("", self.show, "changelist"),
            page("<int:number>/", self.show_version, "change"),
            page("draft/", self.show_draft, "draft"),
            page("draft/replay/", self.replay, "replay"),
            page("draft/edit/", self.edit, "edit"),
            page("draft/confirm/", require_POST(self.confirm), "confirm"),
            page("draft/withdraw/", require_POST(self.withdraw), "withdraw"),
        ]

    # What is in force, and what was

    def show(self, request: StaffRequest) -> HttpResponse:
        require(request, READ)
        versions = PolicyVersion.objects.select_related("drafted_by", "approved_by")
        history = list(versions.order_by("-number")[:MOST_SHOWN])
        context = {
            "version": history[0],
            "sentences": read_all(history[0].document)[0],
            "shortcomings": shortcomings(),
            "used_limits": limits_in_use(documents.read(history[0].document).limits),
            "reference": REFERENCE,
            "draft": policy.draft(),
            "may_change": request.user.has_perm(CHANGE),
            "history": history,
        }
        return self.page(request, "payouts/policy.html", _("Policy"), opts=None, **context)

    def show_version(self, request: StaffRequest, number: int) -> HttpResponse:
        require(request, READ)
        versions = PolicyVersion.objects.select_related("drafted_by", "approved_by")
        version = get_object_or_404(versions, number=number)
        before = PolicyVersion.objects.filter(number=number - 1).first()
        now, *old = read_all(version.document, *([before.document] if before else []))
        context = {
            "version": version,
            "sentences": now,
            "before": before,
            "changes": differences(old[0], now) if old else [],
            "is_in_force": not PolicyVersion.objects.filter(number__gt=number).exists(),
        }
        title = _("Policy, version %d") % number
        return self.page(request, "payouts/policy_version.html", title, **context)

    # The next one

    def show_draft(self, request: StaffRequest) -> HttpResponse:
        require(request, READ)
        waiting = policy.draft()
        context: dict[str, Any] = {
            "may_change": request.user.has_perm(CHANGE),
            "may_replay": request.user.has_perm("payouts.view_payout"),
            "draft": waiting,
            "days": replay.DAYS,
        }
        if waiting:
            current, text = newest(), waiting.data["document"]
            now, then = read_all(current.document, text)
            found = staffing.findings(documents.read(text))
            context |= {
                "version": current,
                "sentences": then,
                "changes": differences(now, then),
                "refusals": found.refusals,
                "warnings": found.warnings,
                "is_own": waiting.proposed_by_id == request.user.pk,
                "earlier": two_people.earlier(waiting),
                "drafted_earlier": two_people.drafted_earlier(waiting, request.user.pk),
                "is_abandoned": two_people.is_abandoned(waiting, CHANGE),
                "is_outdated": waiting.facts != policy.facts_of(text, current),
            }
        title = _("Draft of the policy")
        return self.page(request, "payouts/policy_draft.html", title, **context)

    def replay(self, request: StaffRequest) -> HttpResponse:
        """Show what the draft would have done with what was approved lately."""
        require(request, READ)
        require(request, "payouts.view_payout")
        waiting = policy.draft()
        if waiting is None:
            return redirect(self.url("draft"))
        begin = request.GET.get("before", "")
        before = int(begin) if ID.fullmatch(begin) else None
        judging = documents.read(waiting.data["document"]).rules
        found = replay.replay(judging, before=before)
        context = {
            "draft": waiting,
            "days": replay.DAYS,
            "goes_on": before is not None,
            "replay": found,
            "stopped": found.counts[Kind.STOPPED],
            "more": found.counts[Kind.MORE],
            "kinds": [
                (HEADINGS[kind], found.counts[kind], found.rows[kind])
                for kind in Kind
                if found.counts[kind]
            ],
            "unsure": list(found.unsure.items()),
        }
        title = _("What the draft would have done")
        return self.page(request, "payouts/replay.html", title, **context)

    def edit(self, request: StaffRequest) -> HttpResponse:
        """Show the form, rearrange its rows, check what it says, or store it as the draft."""
        require(request, CHANGE)
        waiting = policy.draft()
        if request.method != "POST":
            text = waiting.data["document"] if waiting else newest().document
            return self.show_form(request, PolicyForms.of(text), waiting, text=text)
        forms = PolicyForms.posted(request.POST)
        act, kind, number = (*request.POST.get("do", "").split("-"), "", "")[:3]
        if act in ROWS:
            at = int(number) if number.isascii() and number.isdecimal() else -1
            return self.show_form(request, forms.rearranged(act, kind, at), waiting)
        forms.why.fields["reason"].required = act == "save"
        text = forms.judged() or ""
        if text and act == "save":
            try:
                policy.propose(
                    text,
                    reason=forms.why.cleaned_data["reason"],
                    seen=forms.why.cleaned_data["seen"],
                    actor=actor_of(request),
                )
            except Refused as exc:
                forms.why.add_error(None, str(exc))
            else:
                messages.success(request, _("Drafted. Another person has to approve it."))
                return redirect(self.url("draft"))
        return self.show_form(request, forms, waiting, text=text, is_sound=bool(text))

    def show_form(
        self,
        request: StaffRequest,
        forms: PolicyForms,
        waiting: JointAct | None,
        *,
        text: str = "",
        is_sound: bool = False,
    ) -> HttpResponse:
        """Show the form, and what the text that it began with or says now would change."""
        current = newest()
        text = text or (waiting.data["document"] if waiting else current.document)
        context = {
            "forms": forms,
            "draft": waiting,
            "earlier": two_people.earlier(waiting) if waiting else [],
            "is_own": waiting and waiting.proposed_by_id == request.user.pk,
            "is_sound": is_sound,
            "reference": REFERENCE,
            "version": current,
            "changes": differences(*read_all(current.document, text)),
            "shows_draft": bool(waiting) and not is_sound,
        }
        return self.page(request, "payouts/edit_policy.html", _("Draft a policy"), **context)

    def confirm(self, request: StaffRequest) -> HttpResponse:
        def confirm(waiting: JointAct) -> str:
            new = policy.confirm(waiting.pk, actor=actor_of(request))
            return _("Version %d of the policy is in force.") % new.number

        return self.act_on_draft(request, confirm, done="changelist")

    def withdraw(self, request: StaffRequest) -> HttpResponse:
        def withdraw(waiting: JointAct) -> str:
            policy.withdraw(waiting.pk, actor=actor_of(request))
            is_own = waiting.proposed_by_id == request.user.pk
            return _("The draft is withdrawn.") if is_own else _("The draft is declined.")

        return self.act_on_draft(request, withdraw, done="changelist")

    def act_on_draft(
        self, request: StaffRequest, act: Callable[[JointAct], str], *, done: str
    ) -> HttpResponse:
        """Do something with the draft that the page showed."""
        require(request, CHANGE)
        waiting = policy.draft()
        try:
            if waiting is None or request.POST.get("proposal") != str(waiting.pk):
                raise Refused(StaffCode.PROPOSAL_OVER)
            messages.success(request, act(waiting))
        except Refused as exc:
            messages.error(request, str(exc))
            return redirect(self.url("draft"))
        return redirect(self.url(done))


def newest() -> PolicyVersion:
    return PolicyVersion.objects.select_related("drafted_by", "approved_by").latest("number")
