"""What a person or a role is to be given beyond what one person gives alone, as drafts."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from django.contrib.auth.models import Group, Permission, User
from django.db import transaction
from django.db.models import Q
from django.utils.functional import cached_property
from django.utils.translation import gettext as _

from audit.actor import Actor
from audit.models import DeskEvent
from audit.refusals import NotAllowed, Refused
from audit.texts import day_and_hour
from payouts.staff import changes, links, people, powers, rights, roles
from payouts.staff.codes import StaffCode
from payouts.staff.drafts import Draft, digest_of_facts, draft, register

CHANGE = "auth.change_user"


@dataclass
class Grant:
    """What a person is to get: ids of roles and of rights, flags that go on, another address."""

    roles: list[int] = field(default_factory=list)
    rights: list[int] = field(default_factory=list)
    flags: list[str] = field(default_factory=list)
    email: str | None = None

    def __bool__(self) -> bool:
        return bool(self.roles or self.rights or self.flags or self.email is not None)

    def groups_of(self, person: User) -> list[Group]:
        """Return all roles that the person has then."""
        return list(Group.objects.filter(Q(pk__in=self.roles) | Q(user=person)).distinct())

    def rights_of(self, person: User) -> list[Permission]:
        """Return all rights of their own that the person has then."""
        rights = Permission.objects.filter(Q(pk__in=self.rights) | Q(user=person)).distinct()
        return list(rights.select_related("content_type"))

    def facts(self, person: User, before: people.Facts) -> people.Facts:
        """Return the facts of a person, who is like this before, with what they are to get."""
        return before | {
            "roles": ", ".join(sorted(each.name for each in self.groups_of(person))),
            "rights": ", ".join(sorted(people.names_of(self.rights_of(person)))),
            "email": before["email"] if self.email is None else self.email,
            **{flag.removeprefix("is_"): str(True) for flag in self.flags},
        }


def divide_person(stored: User, data: dict[str, Any]) -> Grant:
    """Leave in the data of a form what one person does alone, and return what takes two."""
    grant = Grant()
    if "groups" in data:
        held = set(stored.groups.values_list("pk", flat=True))
        new = [each for each in data["groups"] if each.pk not in held]
        grant.roles = [each.pk for each in new if powers.of_role(each)]
        data["groups"] = data["groups"].exclude(pk__in=grant.roles)
    if "user_permissions" in data:
        held = set(stored.user_permissions.values_list("pk", flat=True))
        rights = data["user_permissions"].select_related("content_type")
        new = [each for each in rights if each.pk not in held]
        grant.rights = [each.pk for each in new if powers.of_right(each)]
        data["user_permissions"] = data["user_permissions"].exclude(pk__in=grant.rights)
    if data.get("is_superuser") and not stored.is_superuser:
        data["is_superuser"] = False
        grant.flags.append("is_superuser")
    if stays_powerful(stored, data):
        if data.get("is_staff") and not stored.is_staff:
            data["is_staff"] = False
            grant.flags.append("is_staff")
        if data.get("email", stored.email) != stored.email:
            grant.email, data["email"] = data["email"], stored.email
    return grant


def stays_powerful(stored: User, data: dict[str, Any]) -> bool:
    """Whether somebody holds something powerful still once what is taken from them is gone."""
    return bool(
        data.get("is_superuser", stored.is_superuser)
        or any(map(powers.of_role, data.get("groups", stored.groups.all())))
        or any(map(powers.of_right, data.get("user_permissions", rights_of(stored))))
    )


def rights_of(person: User) -> Any:
    return person.user_permissions.select_related("content_type")


def divide_role(role: Group, data: dict[str, Any]) -> list[int]:
    """Leave in the data of a form what one person does alone, and return the rights that take two
    people, whether or not somebody has the role."""
    held = set(role.permissions.values_list("pk", flat=True)) if role.pk else set()
    given = data["permissions"].select_related("content_type")
    new = [each.pk for each in given if each.pk not in held and powers.of_right(each)]
    data["permissions"] = data["permissions"].exclude(pk__in=new)
    return new


@register
class GivePerson(Draft):
    act = "give_person"
    right = CHANGE

    @cached_property
    def person(self) -> User:
        return User.objects.get(pk=self.subject_id)

    @property
    def grant(self) -> Grant:
        return Grant(**self.joint.data)

    @property
    def name(self) -> str:
        return called(self.person)

    def differences(self) -> people.Facts:
        before = people.facts_of_person(self.person)
        return people.differences(before, self.grant.facts(self.person, before))

    def lines(self) -> Sequence[tuple[str, str]]:
        return [
            (str(changes.LABELS[name]), changes.value_in_words(name, change))
            for name, change in self.differences().items()
        ]

    def new_roles(self) -> list[Group]:
        return list(Group.objects.filter(pk__in=self.grant.roles).order_by("name"))

    def sealed(self) -> dict[str, object]:
        changed = people.without_personal(self.differences())
        return {"whom": self.subject_id, "whose": self.person.username, **changed}

    def notes(self) -> Sequence[str]:
        permitted = [f"{each.name}: {permitted_by(each)}" for each in self.new_roles()]
        return [*permitted, *ways_in(self.person, is_readdressed=self.grant.email is not None)]

    def lock(self) -> None:
        self.__dict__["person"] = User.objects.select_for_update().get(pk=self.subject_id)

    def facts(self) -> str:
        """The person as they are, and what their new roles permit."""
        return digest_of_facts(
            [
                people.facts_of_person(self.person),
                self.person.password,
                people.last_stop(self.person),
                [people.facts_of_role(each) for each in self.new_roles()],
            ]
        )

    def gains(self, person_id: int) -> bool:
        return person_id == self.subject_id

    def do(self, actor: Actor) -> None:
        person, grant = self.person, self.grant
        had_password = person.has_usable_password()
        links.end_new_password(person, actor=actor)
        if "is_active" in grant.flags and not person.is_active:
            person.is_active = True
            person.save(update_fields=["is_active"])
            powers.note_change([person.pk])
            reason = self.joint.reason
            people.log(DeskEvent.Type.ENABLE, person, reason, actor=actor, **self.drafter())
        before = people.facts_of_person(person)
        for flag in grant.flags:
            setattr(person, flag, True)
        if grant.email is not None:
            person.email = grant.email
        person.save(update_fields=[*grant.flags, "email"])
        if not person.is_superuser:
            people.as_refusal(
                people.refuse_both, grant.groups_of(person), grant.rights_of(person), person=person
            )
        person.groups.add(*grant.roles)
        person.user_permissions.add(*grant.rights)
        people.log_person(person, before, actor=actor, **self.drafter())
        if had_password and not person.has_usable_password():
            self.choosing_anew = [person]


def called(person: User) -> str:
    """Return a person's login, with their name if it is known."""
    name = person.get_full_name()
    return f"{person.username} ({name})" if name else person.username


def permitted_by(role: Group) -> str:
    return rights.sentence(role.permissions.select_related("content_type"))


def ways_in(person: User, *, is_readdressed: bool = False) -> list[str]:
    """Say by what a person comes in, and what a confirmation makes of it."""
    said = [address_in_words(person), password_in_words(person), last_link_in_words(person)]
    if person.has_usable_password() and (is_readdressed or links.is_new(person)):
        said.append(
            _(
                "With the confirmation this password works no more: it, or the address, has not "
                "stood for 24 hours, or changes. They choose another one by a link."
            )
        )
    return said


def address_in_words(person: User) -> str:
    if not person.email:
        return _("There is no e-mail address of this person yet.")
    at = day_and_hour(people.address_since(person))
    return _("E-mail address: %(email)s, since %(at)s.") % {"email": person.email, "at": at}


def password_in_words(person: User) -> str:
    if not person.has_usable_password():
        return _("There is no password of this person: they cannot come in before they choose one.")
    return _("Password: since %s.") % day_and_hour(people.password_since(person))


def last_link_in_words(person: User) -> str:
    link = links.last_to(person)
    if link is None:
        return _("No link for a password was ever sent.")
    words = {"at": day_and_hour(link.made_at), "email": link.sent_to}
    if not link.sent_to:
        return _("The last link for a password was made at the desk's machine, %(at)s.") % words
    return _("The last link for a password went to %(email)s, %(at)s.") % words


@register
class GiveRole(Draft):
    """Rights for a role, and so for all who have it."""

    act = "give_role"
    right = "auth.add_group"  # of a new one, too; the page of an old one asks for its own right

    @cached_property
    def role(self) -> Group:
        return Group.objects.get(pk=self.subject_id)

    @property
    def given(self) -> Any:
        rights = Permission.objects.filter(pk__in=self.joint.data["rights"])
        return rights.select_related("content_type")

    @property
    def name(self) -> str:
        return self.role.name

    def differences(self) -> people.Facts:
        before = people.facts_of_role(self.role)
        rights = {*changes.named(before["rights"]), *people.names_of(self.given)}
        return people.differences(before, before | {"rights": ", ".join(sorted(rights))})

    def lines(self) -> Sequence[tuple[str, str]]:
        return [
            (str(changes.LABELS[name]), changes.value_in_words(name, change))
            for name, change in self.differences().items()
        ]

    def sealed(self) -> dict[str, object]:
        changed = {f"{name}_changed": change for name, change in self.differences().items()}
        return {"role": self.name, **changed}

    def notes(self) -> Sequence[str]:
        members = self.role.user_set.order_by("username")
        if not members:
            return [_("Nobody has the role yet.")]
        names = ", ".join(map(called, members))
        found = [(each.username, " ".join(ways_in(each))) for each in members]
        return [_("Who has the role: %s.") % names, *(f"{who}: {said}" for who, said in found)]

    def lock(self) -> None:
        self.__dict__["role"] = Group.objects.select_for_update().get(pk=self.subject_id)

    def facts(self) -> str:
        members = self.role.user_set.order_by("pk").values_list("pk", flat=True)
        return digest_of_facts([people.facts_of_role(self.role), list(members)])

    def gains(self, person_id: int) -> bool:
        return self.role.user_set.filter(pk=person_id).exists()

    def do(self, actor: Actor) -> None:
        before = people.facts_of_role(self.role)
        held = [*self.role.permissions.select_related("content_type"), *self.given]
        people.as_refusal(
            people.refuse_both_for_members, self.role, self.role.name, held, person=self.role
        )
        for member in self.role.user_set.select_for_update().order_by("pk"):
            had_password = member.has_usable_password()
            links.end_new_password(member, actor=actor)
            if had_password and not member.has_usable_password():
                self.choosing_anew.append(member)
        self.role.permissions.add(*self.given)
        people.log_role(self.role, before, actor=actor, **self.drafter())


# What pages and forms draft


def draft_person(person: User, grant: Grant, *, reason: str, actor: Actor) -> Draft:
    """Draft what a person is to get, behind the lock of their row. Raises Refused."""
    subject = f"person:{person.pk}"
    return draft(GivePerson, subject, asdict(grant), reason=reason, actor=actor)


def draft_role(role: Group, rights: Sequence[int], *, reason: str, actor: Actor) -> Draft:
    data = {"rights": list(rights)}
    return draft(GiveRole, f"role:{role.pk}", data, reason=reason, actor=actor)


def enable(person: User, *, seen: int, reason: str, actor: Actor) -> Draft | None:
    """Let a person in again, or draft it if they are powerful; see `people.enable`."""
    with transaction.atomic():
        locked = User.objects.select_for_update().get(pk=person.pk)
        if not powers.holds(locked):
            people.enable(locked, seen=seen, reason=reason, actor=actor)
            return None
        people.refuse_active(locked, True, actor=actor, seen=seen)
        return draft_person(locked, Grant(flags=["is_active"]), reason=reason, actor=actor)


# By two policy managers

NAME_MANAGER = "payouts_staff.name_user_manager"


@register
class NameUserManager(GivePerson):
    """A user manager who is named or mended without one."""

    act = "name_user_manager"
    right = NAME_MANAGER


def name_user_manager(login: str, email: str, *, reason: str, actor: Actor) -> Draft:
    """Draft that somebody, new or known, manages users and may come in, with this address if one is
    given. It takes another policy manager, or a user manager. Raises Refused."""
    actor.require(NAME_MANAGER)
    with transaction.atomic():
        known = User.objects.select_for_update().filter(username=login).first()
        person = known or people.add(login, email, actor=actor)
        if person.is_superuser:
            raise NotAllowed(StaffCode.SUPERUSER)
        [role] = Group.objects.filter(name__in=roles.MANAGERS)
        grant = Grant(roles=[] if person.groups.contains(role) else [role.pk])
        grant.flags = [each for each in ("is_staff", "is_active") if not getattr(person, each)]
        if email and email != person.email:
            grant.email = email
        if not grant:
            raise Refused(StaffCode.SO_ALREADY)
        groups, rights = grant.groups_of(person), grant.rights_of(person)
        people.as_refusal(people.refuse_both, groups, rights, person=person)
        subject, data = f"person:{person.pk}", asdict(grant)
        return draft(NameUserManager, subject, data, reason=reason, actor=actor)
