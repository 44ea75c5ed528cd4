"""People and roles as they are added and changed: in words, and only as the page showed them."""

from collections.abc import Iterator, Sequence
from typing import Any, ClassVar

from django import forms
from django.contrib.auth.forms import UsernameField
from django.contrib.auth.models import Group, Permission, User
from django.core.exceptions import ValidationError
from django.utils.html import format_html
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.forms import UserChangeForm
from unfold.widgets import UnfoldAdminTextInputWidget

from audit import clock
from payouts.admin.lists import is_too_long
from payouts.staff import people, powers, rights, roles
from payouts.staff.forms import reason_field
from payouts.staff.grants import Grant, divide_person, divide_role
from payouts.staff.pages import LONGEST_ID

LABELS = {
    "username": gettext_lazy("Login"),
    "email": gettext_lazy("E-mail"),
    "groups": gettext_lazy("Roles"),
    "is_staff": gettext_lazy("May use the desk"),
    "is_superuser": gettext_lazy("Superuser: may do everything, but never approves what they made"),
    "user_permissions": gettext_lazy("Rights besides those of the roles"),
}


WHY_MISSING = gettext_lazy("Say why. It is kept for ever.")


def in_our_words(form: forms.BaseForm) -> None:
    for name in LABELS.keys() & form.fields.keys():
        form.fields[name].label, form.fields[name].help_text = LABELS[name], ""


class NewPersonForm(forms.ModelForm):  # type: ignore[type-arg]  # generic in the stubs alone
    """A person who holds nothing yet, and has no password: they choose it by a link."""

    class Meta:
        model = User
        fields = ("username", "first_name", "last_name", "email")
        field_classes: ClassVar = {"username": UsernameField}
        widgets: ClassVar = {name: UnfoldAdminTextInputWidget() for name in fields}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        in_our_words(self)

    def clean_username(self) -> str:
        login: str = self.cleaned_data["username"]
        people.refuse_login(login, None)
        return login

    def save(self, commit: bool = True) -> User:
        self.instance.set_unusable_password()
        self.instance.date_joined = clock.now()
        person: User = super().save(commit)
        return person


def why_field() -> forms.CharField:
    """Return a field for the reason of what is drafted; one that drafts nothing needs none."""
    help_text = gettext_lazy(
        "Needed for what lets somebody decide about money or rights: it is a draft until another "
        "person confirms it."
    )
    field = reason_field(WHY_MISSING)
    field.required, field.help_text = False, help_text
    return field


def need_reason(form: Any) -> None:
    """Refuse a draft without a reason."""
    if form.grant and not form.cleaned_data.get("reason") and "reason" not in form.errors:
        form.add_error("reason", WHY_MISSING)


class PersonForm(UserChangeForm):
    """A person as the page showed them, or nothing is saved. What takes two people is left out of
    what it saves, and kept as `grant`."""

    reason = why_field()
    before: people.Facts | None = None
    grant = Grant()

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        in_our_words(self)

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
        # All of the row is saved, and what was read before the lock may have ended since.
        data["password"] = self.instance.password = stored.password
        if not data.get("is_superuser", stored.is_superuser):
            groups = data.get("groups", stored.groups.all())
            own = data.get("user_permissions", stored.user_permissions.all())
            people.refuse_both(groups, own.select_related("content_type"))
        self.grant = divide_person(stored, data)
        need_reason(self)
        return data


class RoleForm(forms.ModelForm):  # type: ignore[type-arg]  # generic in the stubs alone
    """A role as the page showed it, or nothing is saved. Rights that take two people are left out
    of what it saves, and kept as `grant`."""

    reason = why_field()
    before: people.Facts | None = None
    grant: Sequence[int] = ()

    def clean_name(self) -> str:
        name: str = self.cleaned_data["name"]
        fixed = {*roles.ROLES, *powers.powerful_groups()}
        if self.instance.pk and name != self.instance.name and fixed & {name, self.instance.name}:
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
            self.grant = divide_role(self.instance, data)
            need_reason(self)
        return data


class ChosenField(forms.ModelMultipleChoiceField):  # type: ignore[type-arg]  # as above
    """Roles with what they permit, by ids that rows can have: SQLite chokes on longer ones."""

    def label_from_instance(self, obj: Any) -> str:
        held = rights.sentence(obj.permissions.all())
        return format_html('<strong>{}</strong> <span class="quiet">{}</span>', obj.name, held)

    def clean(self, value: Any) -> Any:
        if wrong := [each for each in value or [] if is_too_long(str(each))]:
            raise ValidationError(
                self.error_messages["invalid_choice"],
                code="invalid_choice",
                params={"value": wrong[0][:LONGEST_ID] + "…"},
            )
        return super().clean(value)


class InTheirOrder(forms.models.ModelChoiceIterator):  # type: ignore[type-arg]  # as above
    """Acts before what is only seen, as a role's sentence has them."""

    def __iter__(self) -> Iterator[Any]:
        for each in sorted(self.queryset, key=rights.place):
            yield self.choice(each)


class ChosenRights(ChosenField):
    iterator = InTheirOrder

    def label_from_instance(self, obj: Permission) -> str:
        return capfirst(rights.in_words(obj))
