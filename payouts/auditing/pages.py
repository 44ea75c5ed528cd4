"""Pages for those who check what others did: they read, and change nothing."""

from collections.abc import Sequence
from datetime import date
from typing import Any
from uuid import UUID

from django.contrib import admin
from django.contrib.auth.models import User
from django.forms import Form
from django.http import FileResponse, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils.timezone import localdate, localtime
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST
from unfold.widgets import BASE_INPUT_CLASSES

from audit import clock
from payouts.admin import details, exports
from payouts.admin.filters import end_of
from payouts.admin.policy_words import differences, read_all
from payouts.auditing import deeds, evidence, finding, rights_then, samples, story
from payouts.auditing.forms import DayForm, SampleForm
from payouts.controls.models import PolicyVersion
from payouts.models import Payout
from payouts.staff.changes import named
from payouts.staff.pages import StaffRequest, actor_of, require
from payouts.staff.rights import called
from payouts.staff.site import DeskSite, register_pages

STORY = ("payouts.view_payout", story.FLAGS)
DEEDS = ("auth.view_user", "audit.view_deskevent", *STORY)
PEOPLE = ("auth.view_user", "auth.view_group")
POLICY = ("payouts_controls.view_policyversion",)
SAMPLE = (exports.RIGHT, *STORY)
CHANGES_SHOWN = 200
LONGEST_TEXT = 300  # of a search: no id, address or name is longer


@register_pages
def pages(site: DeskSite) -> Sequence[URLPattern]:
    view = site.admin_view
    return [
        path("auditing/story/<uuid:pk>/", view(show_story), name="auditing_story"),
        path("auditing/find/", view(find), name="auditing_find"),
        path("auditing/people/<int:pk>/", view(show_person), name="auditing_person"),
        path("auditing/rights/", view(show_rights), name="auditing_rights"),
        path("auditing/policy/", view(show_policy), name="auditing_policy"),
        path("auditing/sample/", view(show_sample), name="auditing_sample"),
        path("auditing/sample/zip/", view(require_POST(export)), name="auditing_sample_export"),
    ]


def page(request: StaffRequest, template: str, title: Any, **context: Any) -> HttpResponse:
    frame = admin.site.each_context(request)
    return TemplateResponse(request, template, {**frame, "title": title, **context})


def require_all(request: StaffRequest, rights: Sequence[str]) -> None:
    for right in rights:
        require(request, right)


# The story of a payout


def show_story(request: StaffRequest, pk: UUID) -> HttpResponse:
    require_all(request, STORY)
    known = Payout.objects.select_related("client", "wallet", "requested_by")
    payout = get_object_or_404(known, pk=pk)
    found = story.story_of(payout, request.user.has_perm)
    title = _("The story of %s") % payout
    read = {"now": clock.now(), "by": request.user.get_username()}
    return page(request, "auditing/story.html", title, story=found, payout=payout, **read)


# Search, and what somebody did


def find(request: StaffRequest) -> HttpResponse:
    require_all(request, STORY)
    text = request.GET.get("q", "").replace("\x00", "").strip()[:LONGEST_TEXT]
    groups = finding.find(text, request.user.has_perm) if text else []
    context = {"text": text, "groups": groups, "input_classes": " ".join(BASE_INPUT_CLASSES)}
    return page(request, "auditing/find.html", _("Find"), **context)


def show_person(request: StaffRequest, pk: int) -> HttpResponse:
    require_all(request, DEEDS)
    person = get_object_or_404(User, pk=pk)
    found, cursor = deeds.of(person, request.GET.get("behind", ""))
    title = _("What a person did")
    goes_on = {"is_later": "behind" in request.GET, "cursor": cursor}
    return page(request, "auditing/person.html", title, person=person, deeds=found, **goes_on)


# As at a day


def day_of(request: StaffRequest) -> tuple[Form, date]:
    """Return the form with the day that was asked for, or today."""
    today = localdate(clock.now())
    form = DayForm(request.GET if "on" in request.GET else None, initial={"on": today})
    chosen = form.cleaned_data["on"] if form.is_valid() else None
    return form, chosen or today


def show_rights(request: StaffRequest) -> HttpResponse:
    require_all(request, PEOPLE)
    form, on = day_of(request)
    then = rights_then.at(end_of(on))
    shown = then.changes[:CHANGES_SHOWN]
    context = {
        "form": form,
        "on": on,
        "then": then,
        "people": [(each, rights_in_words(each.may)) for each in then.people],
        "roles": [(each, rights_in_words(named(each.rights.value))) for each in then.roles],
        "changes": [(each, details.in_words(each.facts)) for each in shown],
        "older": len(then.changes) - len(shown),
        "sees_deeds": all(map(request.user.has_perm, DEEDS)),
    }
    return page(request, "auditing/rights.html", _("Who held which rights"), **context)


def rights_in_words(rights: set[str]) -> list[str]:
    return sorted(called(each) for each in rights)


def show_policy(request: StaffRequest) -> HttpResponse:
    require_all(request, POLICY)
    form, on = day_of(request)
    versions = PolicyVersion.objects.select_related("drafted_by", "approved_by")
    until = versions.filter(in_force_at__lt=end_of(on))
    version = until.order_by("-number").first()
    context: dict[str, Any] = {"form": form, "on": on, "version": version}
    if version:
        before = versions.filter(number=version.number - 1).first()
        now, *old = read_all(version.document, *([before.document] if before else []))
        context |= {
            "sentences": now,
            "before": before,
            "after": versions.filter(number=version.number + 1).first(),
            "changes": differences(old[0], now) if old else [],
            "same_day": [
                each
                for each in until.order_by("-number")[: CHANGES_SHOWN + 1]
                if localdate(each.in_force_at) == on and each.number != version.number
            ],
        }
    return page(request, "auditing/policy.html", _("The policy on a day"), **context)


# A sample


def show_sample(request: StaffRequest) -> HttpResponse:
    require_all(request, SAMPLE)
    asked = "seed" in request.GET
    today = localdate(clock.now())
    initial = {"from_day": today.replace(month=1, day=1), "to_day": today}
    form = SampleForm(request.GET if asked else None, initial=initial)
    drawn = draw(form) if asked and form.is_valid() else None
    kept = [(name, text) for name in request.GET for text in request.GET.getlist(name)]
    context = {"form": form, "drawn": drawn, "kept": kept, "rule": samples.RULE}
    return page(request, "auditing/sample.html", _("A sample of payouts"), **context)


def draw(form: SampleForm) -> samples.Sample:
    stated = form.cleaned_data
    return samples.draw(form.population(), stated["seed"], stated["size"])


def export(request: StaffRequest) -> HttpResponseBase:
    """Hand out the sample as it is stated, with the evidence of each of its payouts."""
    require_all(request, SAMPLE)
    form = SampleForm(request.POST)
    if not form.is_valid():
        title = _("A sample of payouts")
        return page(request, "auditing/sample.html", title, form=form, drawn=None)
    stated = form.cleaned_data
    packed = evidence.pack(
        draw(form),
        actor_of(request),
        seed=stated["seed"],
        size=stated["size"],
        population=form.filter(),
    )
    name = f"sample-{localtime(clock.now()):%Y-%m-%d-%H%M}.zip"
    return FileResponse(
        packed,
        as_attachment=True,
        filename=name,
        headers={"X-Content-Type-Options": "nosniff", "Cache-Control": "no-store"},
    )
