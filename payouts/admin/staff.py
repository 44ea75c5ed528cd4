"""Staff and their roles. Rights come with the roles; nobody changes their own."""

from functools import partial
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.utils import unquote
from django.contrib.auth.admin import GroupAdmin as DjangoGroupAdmin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.models import Group, User
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import IntegrityError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import URLPattern, path
from django.utils.translation import gettext as _
from unfold.forms import (
    AdminPasswordChangeForm,
    UserChangeForm,
    UserCreationForm,
)

from audit.actor import Actor
from audit.refusals import Refused
from payouts.admin.forms import PersonActForm
from payouts.admin.lists import CarefulList, is_too_long
from payouts.staff import people, roles
from payouts.staff.pages import LONGEST_ID, DeskPages, StaffRequest, actor_of

admin.site.unregister(User)
admin.site.unregister(Group)

POWERS = ["is_superuser", "user_permissions"]


class NewPersonForm(UserCreationForm):
    def clean_username(self) -> str:
        login: str = self.cleaned_data["username"]
        people.refuse_login(login, None)
        return login


class PersonForm(UserChangeForm):
    """A person as the page showed them, or nothing is saved."""

    before: people.Facts | None = None

    def clean_username(self) -> str:
        login: str = self.cleaned_data["username"]
        if login != self.initial["username"]:
            people.refuse_login(login, self.instance)
        return login

    def clean(self) -> dict[str, Any]:
        data: dict[str, Any] = super().clean() or self.cleaned_data
        stored = User.objects.select_for_update().get(pk=self.instance.pk)
        self.before = people.facts_of_person(stored)
        people.refuse_stale(self.data.get("shown", ""), self.before)
        if not data.get("is_superuser", stored.is_superuser):
            groups = data.get("groups", stored.groups.all())
            own = data.get("user_permissions", stored.user_permissions.all())
            people.refuse_both(groups, own.select_related("content_type"))
        return data


class RoleForm(forms.ModelForm):  # type: ignore[type-arg]  # generic in the stubs alone
    """A role as the page showed it, or nothing is saved."""

    before: people.Facts | None = None

    def clean_name(self) -> str:
        name: str = self.cleaned_data["name"]
        if self.instance.name in roles.ROLES and name != self.instance.name:
            raise ValidationError(_("The desk goes by the name of this role."))
        return name

    def clean(self) -> dict[str, Any]:
        data: dict[str, Any] = super().clean() or self.cleaned_data
        if self.instance.pk is not None:
            stored = Group.objects.select_for_update().get(pk=self.instance.pk)
            self.before = people.facts_of_role(stored)
            people.refuse_stale(self.data.get("shown", ""), self.before)
        if "name" in data and "permissions" in data:
            given = data["permissions"].select_related("content_type")
            people.refuse_both_for_members(self.instance, data["name"], given)
        return data


class ChosenField(forms.ModelMultipleChoiceField):  # type: ignore[type-arg]  # as above
    """Rows by ids that rows can have: SQLite chokes on longer ones."""

    def clean(self, value: Any) -> Any:
        if wrong := [each for each in value or [] if is_too_long(str(each))]:
            raise ValidationError(
                self.error_messages["invalid_choice"],
                code="invalid_choice",
                params={"value": wrong[0][:LONGEST_ID] + "…"},
            )
        return super().clean(value)


class KeptAdmin(admin.ModelAdmin):  # type: ignore[type-arg]  # generic in the stubs alone
    """Saved as it was shown, and never deleted."""

    change_form_before_template = "payouts/shown.html"

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def facts(self, obj: Any) -> people.Facts:
        raise NotImplementedError

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[CarefulList]:
        return CarefulList

    def formfield_for_manytomany(self, *args: Any, **kwargs: Any) -> Any:
        return super().formfield_for_manytomany(*args, **kwargs, form_class=ChosenField)

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
class UserAdmin(KeptAdmin, DjangoUserAdmin, DeskPages):  # type: ignore[type-arg]  # as in Django
    form = PersonForm
    add_form = NewPersonForm
    change_password_form = AdminPasswordChangeForm
    list_display = ["username", "first_name", "last_name", "is_active", "last_login"]
    list_filter = ["is_active", "groups"]
    list_before_template = "payouts/people_note.html"
    change_form_outer_before_template = "payouts/person_acts.html"

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

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view
        return [
            path("<int:person_id>/disable/", view(self.disable), name="auth_user_disable"),
            path("<int:person_id>/enable/", view(self.enable), name="auth_user_enable"),
            *super().get_urls(),
        ]

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        context = {**(extra_context or {}), "with_both": roles.people_with_both()}
        response: HttpResponse = super().changelist_view(request, context)
        return response

    def render_change_form(
        self, request: Any, context: dict[str, Any], *args: Any, **shown: Any
    ) -> HttpResponse:
        person = shown["obj"]
        is_other = person is not None and person != request.user
        context["may_stop"] = is_other and self.has_change_permission(request, person)
        return super().render_change_form(request, context, *args, **shown)

    def save_related(self, request: Any, form: Any, formsets: Any, change: bool) -> None:
        super().save_related(request, form, formsets, change)
        before = form.before if change else None
        people.keep_logins(form.instance, before)
        people.log_person(form.instance, before, actor=actor_of(request))

    def user_change_password(self, request: Any, id: str, *args: Any) -> HttpResponse:  # noqa: A002
        person = self.get_object(request, unquote(id))
        with people.logging_password(person, actor=actor_of(request)):
            response: HttpResponse = super().user_change_password(request, id, *args)
        return response

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
            facts=people.facts_of_person(person),
        )


def set_active(person: User, active: bool, actor: Actor, seen: int, reason: str) -> str:
    """Let a person in or keep them out, and return a sentence about it. Raises Refused."""
    if active:
        people.enable(person, seen=seen, reason=reason, actor=actor)
        return _("%s may come in again.") % person
    people.disable(person, reason=reason, actor=actor)
    return _("%s is kept out from now on.") % person


@admin.register(Group)
class GroupAdmin(KeptAdmin, DjangoGroupAdmin, DeskPages):
    form = RoleForm

    def facts(self, obj: Group) -> people.Facts:
        return people.facts_of_role(obj)

    def save_related(self, request: Any, form: Any, formsets: Any, change: bool) -> None:
        super().save_related(request, form, formsets, change)
        people.log_role(form.instance, form.before, actor=actor_of(request))
