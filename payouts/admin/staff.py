"""Staff and their roles. Rights come with the roles; nobody changes their own."""

from functools import partial
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.utils import unquote
from django.contrib.auth.admin import GroupAdmin as DjangoGroupAdmin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.models import Group, Permission, User
from django.core.exceptions import PermissionDenied
from django.db import IntegrityError
from django.db.models import Count, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import URLPattern, path
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.decorators import display

from audit.actor import Actor
from audit.refusals import Refused
from payouts.admin.drafts import DraftPages
from payouts.admin.forms import PersonActForm
from payouts.admin.lists import CarefulList
from payouts.admin.staff_forms import (
    ChosenField,
    ChosenRights,
    NewPersonForm,
    PersonForm,
    RoleForm,
)
from payouts.admin.ways_in import WayInPages, site_of_links
from payouts.staff import drafts, links, needs, people, powers, rights, roles
from payouts.staff.forms import NothingAsked
from payouts.staff.grants import draft_person, draft_role, enable
from payouts.staff.pages import DeskPages, StaffRequest, actor_of

admin.site.unregister(User)
admin.site.unregister(Group)

DRAFTED = gettext_lazy(
    "What lets somebody decide about money or rights is a draft now: another person has to "
    "confirm it, under “Drafts of rights”."
)
POWERS = ["is_superuser", "user_permissions"]
TONES = {"in": "success", "out": "danger", "new": "warning"}


def say_drafted(request: HttpRequest) -> None:
    messages.warning(request, DRAFTED)


class KeptAdmin(admin.ModelAdmin):  # type: ignore[type-arg]  # generic in the stubs alone
    """Saved as it was shown, and never deleted."""

    change_list_template = "payouts/lasting.html"
    show_add_link = False  # the list has a button in words
    filter_horizontal = ()

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def facts(self, obj: Any) -> people.Facts:
        raise NotImplementedError

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[CarefulList]:
        return CarefulList

    def formfield_for_manytomany(self, db_field: Any, *args: Any, **kwargs: Any) -> Any:
        if db_field.remote_field.model is Permission:
            kwargs |= {"form_class": ChosenRights, "queryset": rights.of_the_desk()}
        else:
            roles = Group.objects.prefetch_related("permissions__content_type").order_by("name")
            kwargs |= {"form_class": ChosenField, "queryset": roles}
        return super().formfield_for_manytomany(
            db_field, *args, **kwargs, widget=forms.CheckboxSelectMultiple
        )

    def formfield_for_dbfield(self, *args: Any, **kwargs: Any) -> Any:
        """Leave out the links that Django puts around a choice of rows, to see the boxes alone."""
        field = super().formfield_for_dbfield(*args, **kwargs)
        if isinstance(field, ChosenField):
            field.widget = field.widget.widget
        return field

    def response_add(self, request: HttpRequest, obj: Any, post_url_continue: Any = None) -> Any:
        messages.success(request, _("%s was added.") % obj)
        return redirect(f"admin:{self.opts.app_label}_{self.opts.model_name}_change", obj.pk)

    def response_change(self, request: Any, obj: Any) -> Any:
        if request.changed_anything:
            messages.success(request, _("The change of %s was saved.") % obj)
        return redirect(f"admin:{self.opts.app_label}_{self.opts.model_name}_change", obj.pk)

    def changeform_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        try:
            response: HttpResponse = super().changeform_view(request, *args, **kwargs)
        except (Refused, IntegrityError) as exc:  # somebody was faster than the form's checks
            messages.error(request, str(exc))
            return redirect(request.get_full_path())
        return response

    def render_change_form(
        self, request: Any, context: dict[str, Any], *args: Any, **shown: Any
    ) -> HttpResponse:
        """A page that was refused goes on saying what it showed: it has to be opened again."""
        context["shown"] = request.POST.get("shown", "")
        if shown["obj"] is not None and request.method != "POST":
            context["shown"] = people.token(self.facts(shown["obj"]))
        response: HttpResponse = super().render_change_form(request, context, *args, **shown)
        return response


@admin.register(User)
class UserAdmin(KeptAdmin, DjangoUserAdmin, DraftPages, WayInPages):  # type: ignore[type-arg]  # as in Django
    form = PersonForm
    add_form = NewPersonForm
    add_fieldsets = ((None, {"fields": NewPersonForm.Meta.fields}),)
    add_form_template = "payouts/add_person.html"
    change_form_template = "payouts/person.html"
    list_title = gettext_lazy("People")
    add_words = gettext_lazy("Add a person")
    when_empty = gettext_lazy("There are no people yet")
    list_display = ["login", "name", "held_roles", "state", "last_here"]
    list_filter = ["is_active", "groups"]
    list_before_template = "payouts/people_note.html"
    search_help_text = gettext_lazy("Login, name or e-mail")

    def facts(self, obj: User) -> people.Facts:
        return people.facts_of_person(obj)

    def has_change_permission(self, request: Any, obj: Any = None) -> bool:
        """Leave superusers to superusers: whoever sets their password has all their rights."""
        if obj is not None and obj.is_superuser and not request.user.is_superuser:
            return False
        return bool(super().has_change_permission(request, obj))

    def get_readonly_fields(self, request: Any, obj: Any = None) -> list[str]:
        """Being active is changed by an act of its own, never by a tick."""
        fixed = ["is_active", "last_login", "date_joined"]
        if request.user.is_superuser:
            return fixed
        own = ["groups", "is_staff"] if obj == request.user else []
        return [*fixed, *POWERS, *own]

    def get_queryset(self, request: HttpRequest) -> QuerySet[User]:
        return super().get_queryset(request).prefetch_related("groups")

    @display(description=gettext_lazy("login"), ordering="username")
    def login(self, person: User) -> str:
        return person.username

    @display(description=gettext_lazy("name"), ordering="first_name")
    def name(self, person: User) -> str:
        return person.get_full_name() or "—"

    @display(description=gettext_lazy("roles"))
    def held_roles(self, person: User) -> str:
        names = sorted(role.name for role in person.groups.all())
        return ", ".join([*names, *([_("superuser")] if person.is_superuser else [])]) or "—"

    @display(description=gettext_lazy("state"), label=TONES)
    def state(self, person: User) -> tuple[str, str]:
        if not person.is_active or not person.is_staff:
            return "out", _("kept out")
        may_come_in = person.has_usable_password()
        return ("in", _("may come in")) if may_come_in else ("new", _("has no password"))

    @display(description=gettext_lazy("last here"), ordering="last_login")
    def last_here(self, person: User) -> Any:
        return person.last_login or _("never")

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view
        return [
            path("<int:person_id>/disable/", view(self.disable), name="auth_user_disable"),
            path("<int:person_id>/enable/", view(self.enable), name="auth_user_enable"),
            *self.draft_urls(),
            *self.way_in_urls(),
            *super().get_urls(),
        ]

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        context = {
            **(extra_context or {}),
            "with_both": roles.people_with_both(),
            "lacking": needs.lacking(),
            "drafts": [drafts.of(each) for each in drafts.open_drafts()],
        }
        response: HttpResponse = super().changelist_view(request, context)
        return response

    def render_change_form(
        self, request: Any, context: dict[str, Any], *args: Any, **shown: Any
    ) -> HttpResponse:
        person = shown["obj"]
        is_other = person is not None and person != request.user
        context["may_stop"] = is_other and self.has_change_permission(request, person)
        if person is not None:
            held = person.groups.prefetch_related("permissions__content_type").order_by("name")
            context["waiting"] = [
                drafts.of(each)
                for each in drafts.open_drafts().filter(subject=f"person:{person.pk}")
            ]
            context["held_roles"] = [
                (role.name, rights.sentence(role.permissions.all())) for role in held
            ]
        return super().render_change_form(request, context, *args, **shown)

    def save_related(self, request: Any, form: Any, formsets: Any, change: bool) -> None:
        super().save_related(request, form, formsets, change)
        before = form.before if change else None
        actor, person = actor_of(request), form.instance
        people.keep_logins(person, before)
        request.changed_anything = people.log_person(person, before, actor=actor)
        if change and form.grant:
            reason = form.cleaned_data["reason"]
            draft_person(person, form.grant, reason=reason, actor=actor)
            say_drafted(request)
        elif change and not request.changed_anything:
            messages.info(request, _("Nothing was changed."))

    def user_change_password(self, request: Any, id: str, *args: Any) -> HttpResponse:  # noqa: A002
        """Send a person the link by which they choose their password: nobody sets another's."""
        person = self.get_object(request, unquote(id))
        if person is None:
            raise Http404
        if not self.has_change_permission(request, person):
            raise PermissionDenied
        refusal, site = "", site_of_links()
        try:
            links.refuse_sending(person, site=site)
        except Refused as exc:
            refusal = str(exc)

        def send() -> str:
            links.send(person, site=site, actor=actor_of(request))
            return str(_("A link was sent to %s.") % person.email)

        return self.ask(
            request,
            NothingAsked(request.POST if request.method == "POST" else None),
            send,
            template="payouts/send_link.html",
            title=_("Send %s a link?") % person,
            back=self.url("change", person.pk),
            person=person,
            refusal=refusal,
        )

    def disable(self, request: StaffRequest, person_id: int) -> HttpResponse:
        return self.stop_or_permit(request, person_id, active=False)

    def enable(self, request: StaffRequest, person_id: int) -> HttpResponse:
        return self.stop_or_permit(request, person_id, active=True)

    def stop_or_permit(
        self, request: StaffRequest, person_id: int, *, active: bool
    ) -> HttpResponse:
        person = get_object_or_404(User, pk=person_id)
        if person == request.user or not self.has_change_permission(request, person):
            raise PermissionDenied
        shown = {"seen": people.last_stop(person)}
        return self.ask(
            request,
            PersonActForm(request.POST or None, initial=shown),
            partial(set_active, person, active, actor_of(request)),
            template="payouts/stop_person.html",
            title=(_("Enable %s?") if active else _("Disable %s?")) % person,
            back=self.url("change", person.pk),
            person=person,
            active=active,
            takes_two=active and powers.holds(person),
            facts=people.facts_of_person(person),
        )


def set_active(person: User, active: bool, actor: Actor, seen: int, reason: str) -> str:
    """Let a person in or keep them out, and return a sentence about it. Raises Refused."""
    if active:
        if enable(person, seen=seen, reason=reason, actor=actor):
            return str(DRAFTED)
        return _("%s is enabled again.") % person
    people.disable(person, reason=reason, actor=actor)
    return _("%s is kept out from now on.") % person


@admin.register(Group)
class GroupAdmin(KeptAdmin, DjangoGroupAdmin, DeskPages):
    form = RoleForm
    add_form_template = change_form_template = "payouts/role.html"
    list_title = gettext_lazy("Roles")
    add_words = gettext_lazy("Add a role")
    when_empty = gettext_lazy("There are no roles yet")
    list_display = ["role", "may", "held_by"]

    def facts(self, obj: Group) -> people.Facts:
        return people.facts_of_role(obj)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Group]:
        roles: QuerySet[Group] = super().get_queryset(request)
        held = roles.annotate(people=Count("user", distinct=True))
        return held.prefetch_related("permissions__content_type")

    @display(description=gettext_lazy("role"), ordering="name")
    def role(self, role: Group) -> str:
        return role.name

    @display(description=gettext_lazy("what it permits"))
    def may(self, role: Group) -> str:
        return rights.sentence(role.permissions.all())

    @display(description=gettext_lazy("people"))
    def held_by(self, role: Any) -> int:
        return int(role.people)

    def render_change_form(
        self, request: Any, context: dict[str, Any], *args: Any, **shown: Any
    ) -> HttpResponse:
        role = shown["obj"]
        if role is not None:
            context["members"] = role.user_set.order_by("username")
            context["may"] = rights.sentence(role.permissions.select_related("content_type"))
            waiting = drafts.open_drafts().filter(subject=f"role:{role.pk}")
            context["waiting"] = [drafts.of(each) for each in waiting]
        return super().render_change_form(request, context, *args, **shown)

    def save_related(self, request: Any, form: Any, formsets: Any, change: bool) -> None:
        super().save_related(request, form, formsets, change)
        actor, role = actor_of(request), form.instance
        request.changed_anything = people.log_role(role, form.before, actor=actor)
        if form.grant:
            draft_role(role, form.grant, reason=form.cleaned_data["reason"], actor=actor)
            say_drafted(request)
        elif not request.changed_anything:
            messages.info(request, _("Nothing was changed."))
