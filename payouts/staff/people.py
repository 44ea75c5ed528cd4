"""What is done to the people of the desk and their roles, each act with its sealed event.

A page shows a person or a role as it is; it is saved only while it still is that. What was given or
stopped in the meantime is not undone by a page that knew nothing of it.
"""

import json
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from typing import Any

from django.contrib.auth.models import Group, Permission, User
from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from audit import clock
from audit.actor import Actor
from audit.codes import Reason
from audit.events import log_event
from audit.models import DeskEvent
from audit.refusals import NotAllowed, Refused
from audit.texts import folded, needed, refuse_mixed_scripts
from payouts.staff import changes, powers, roles
from payouts.staff.codes import StaffCode
from payouts.staff.models import Login, PowerChange

Facts = dict[str, str]

PERSONAL = {"name", "email"}  # never sealed, so that a person can be forgotten
RIGHTS = {"active", "staff", "superuser", "roles", "rights"}


def names_of(permissions: Iterable[Permission]) -> set[str]:
    return {f"{each.content_type.app_label}.{each.codename}" for each in permissions}


def facts_of_person(person: User) -> Facts:
    own = person.user_permissions.select_related("content_type")
    return {
        "login": person.username,
        "name": person.get_full_name(),
        "email": person.email,
        "active": str(person.is_active),
        "staff": str(person.is_staff),
        "superuser": str(person.is_superuser),
        "roles": ", ".join(sorted(person.groups.values_list("name", flat=True))),
        "rights": ", ".join(sorted(names_of(own))),
    }


def facts_of_role(role: Group) -> Facts:
    rights = names_of(role.permissions.select_related("content_type"))
    return {"role": role.name, "rights": ", ".join(sorted(rights))}


def token(facts: Facts) -> str:
    return json.dumps(facts)


def read_token(text: str) -> Facts:
    with suppress(ValueError, RecursionError):
        facts = json.loads(text)
        if isinstance(facts, dict):
            return {str(name): str(value) for name, value in facts.items()}
    return {}


def differences(before: Facts, now: Facts) -> Facts:
    """Say what is another now, as “before → now”."""
    return {
        name: f"{before.get(name) or '—'} → {value or '—'}"
        for name, value in now.items()
        if before.get(name) != value
    }


def refuse_stale(shown: str, now: Facts) -> None:
    """Raise ValidationError, saying what changed, if a page showed something else."""
    before = read_token(shown)
    if not before.keys() >= now.keys():
        raise ValidationError(_("Open the page again; it does not say what it showed."))
    if changed := differences(before, now):
        raise ValidationError(
            _("This changed since you opened the page (%s). Open it again.")
            % changes.in_words(changed)
        )


# Roles and rights


def refuse_both(groups: Iterable[Group], own: Iterable[Permission]) -> None:
    """Raise ValidationError if one person would manage users and decide about money."""
    groups = list(groups)
    through = Permission.objects.filter(group__in=groups).select_related("content_type")
    rights = names_of([*through, *own])
    if not roles.are_apart([group.name for group in groups], rights):
        raise ValidationError(
            _(
                "One person never manages users and decides about money: “%(manager)s” goes with "
                "none of %(deciders)s, nor with their rights."
            )
            % {
                "manager": ", ".join(roles.MANAGERS),
                "deciders": ", ".join(f"“{each}”" for each in sorted(roles.DECIDERS)),
            }
        )


def refuse_both_for_members(role: Group, name: str, permissions: Iterable[Permission]) -> None:
    """Raise ValidationError if a role with this name and these rights gave anyone both sides."""
    given = names_of(permissions)
    if not roles.are_apart([name], given):
        raise ValidationError(_("No role holds both: managing users, and deciding about money."))
    if role.pk is None:
        return
    members = role.user_set.filter(is_superuser=False).order_by("username")
    torn = [person.username for person in members if not stays_apart(person, role, name, given)]
    if torn:
        raise ValidationError(
            _("Then these people would manage users and decide about money: %s.") % ", ".join(torn)
        )


def stays_apart(person: User, role: Group, name: str, given: set[str]) -> bool:
    others = person.groups.exclude(pk=role.pk)
    through = Permission.objects.filter(group__in=others).select_related("content_type")
    own = person.user_permissions.select_related("content_type")
    held = [*others.values_list("name", flat=True), name]
    return roles.are_apart(held, names_of([*through, *own]) | given)


def as_refusal(check: Callable[..., None], *arguments: Any, person: object) -> None:
    """Raise Refused with the words in which a form would refuse it."""
    try:
        check(*arguments)
    except ValidationError as exc:
        raise Refused(StaffCode.PERSON_UNFIT, person=person, why=" ".join(exc.messages)) from None


# Logins


def refuse_login(login: str, person: User | None) -> None:
    """Raise ValidationError if this login is, was, or looks like that of another person."""
    refuse_mixed_scripts(login)
    fold = folded(login)
    kept = Login.objects.filter(folded=fold)
    others = User.objects.all()
    if person is not None:
        kept, others = kept.exclude(person=person), others.exclude(pk=person.pk)
    names = others.values_list("username", flat=True)
    if not fold or kept.exists() or any(folded(each) == fold for each in names):
        raise ValidationError(
            _("Another person has or had this login, or it looks like theirs. It stays theirs.")
        )


def keep_login(person: User, login: str) -> None:
    """Write down for ever whose login this is. Raises Refused if somebody was faster."""
    kept, _new = Login.objects.get_or_create(
        folded=folded(login), defaults={"person": person, "text": login}
    )
    if kept.person_id != person.pk:
        raise Refused(StaffCode.LOGIN_TAKEN)


def keep_logins(person: User, before: Facts | None) -> None:
    if before is None:
        keep_login(person, person.username)
    elif before["login"] != person.username:
        keep_login(person, person.username)
        # Two that look alike from before this was watched: whoever was written down first keeps it.
        with suppress(Refused):
            keep_login(person, before["login"])


def add(login: str, email: str, *, actor: Actor) -> User:
    """Add a person who holds nothing and has no password, and return them. Raises Refused."""
    login_kept = User.normalize_username(login)
    person = User(username=login_kept, email=email, date_joined=clock.now())
    person.set_unusable_password()
    as_refusal(refuse_login, person.username, None, person=login)
    as_refusal(person.full_clean, person=login)
    with transaction.atomic():
        person.save()
        keep_login(person, person.username)
        log(DeskEvent.Type.ADD_PERSON, person, actor=actor)
    return person


# Events


def without_personal(changed: Facts) -> Facts:
    return changed | dict.fromkeys(changed.keys() & PERSONAL, "changed")


def log_person(person: User, before: Facts | None, *, actor: Actor, **drafter: str) -> bool:
    """Seal what a saved page or a draft changed, and return whether it changed anything."""
    now = facts_of_person(User.objects.get(pk=person.pk))
    if before is None:
        log(DeskEvent.Type.ADD_PERSON, person, actor=actor)
        return True
    changed = differences(before, now)
    if changed.keys() & RIGHTS:
        powers.note_change([person.pk])
    if "email" in changed:
        powers.note_change([person.pk], PowerChange.What.ADDRESS)
        # Who had the mailbox of before may know the password; the owner of the new one does not.
        if str(person.pk) not in (str(actor.person_id), drafter.get("drafter_id")):
            end_password(person, actor=actor)
    sealed = without_personal(changed)
    if renamed := sealed.pop("login", ""):
        log(DeskEvent.Type.RENAME, person, actor=actor, renamed=renamed)
    if sealed:
        log(DeskEvent.Type.CHANGE_PERSON, person, actor=actor, **sealed, **drafter)
    return bool(changed)


def log_role(role: Group, before: Facts | None, *, actor: Actor, **drafter: str) -> bool:
    """Seal what a saved page or a draft changed, and return whether it changed anything."""
    now = facts_of_role(Group.objects.get(pk=role.pk))
    changed = differences(before or {}, now)
    if not changed:
        return False
    rights = [changes.named(each["rights"]) for each in (before or now, now)]
    if (rights[0] ^ rights[1]) & powers.RIGHTS:
        powers.note_change(role.user_set.values_list("pk", flat=True))
    event_type = DeskEvent.Type.ADD_ROLE if before is None else DeskEvent.Type.CHANGE_ROLE
    said = {f"{name}_changed": change for name, change in changed.items()}
    log_event(event_type, actor=actor, role=role.name, **said, **drafter)
    return True


def log(
    event_type: DeskEvent.Type, person: User, reason: str = "", *, actor: Actor, **fields: str
) -> None:
    log_event(
        event_type,
        Reason(words=reason),
        actor=actor,
        whom=person.pk,
        whose=person.username,
        **fields,
    )


@contextmanager
def logging_password(person: User | None, *, actor: Actor) -> Iterator[None]:
    """Seal that a person's password is another one afterwards, in the same transaction."""
    with transaction.atomic():
        before = person and User.objects.get(pk=person.pk).password
        yield
        if person and User.objects.get(pk=person.pk).password != before:
            log_password(person, actor=actor)


def changed_at(person: User, what: PowerChange.What) -> datetime | None:
    """Return when this last changed of a person, if it ever did."""
    found = PowerChange.objects.filter(person=person, what=what)
    return found.order_by("-at").values_list("at", flat=True).first()


def address_since(person: User) -> datetime:
    return changed_at(person, PowerChange.What.ADDRESS) or person.date_joined


def password_since(person: User) -> datetime:
    """Return since when a person comes in by the same password, if they have one."""
    return changed_at(person, PowerChange.What.PASSWORD) or person.date_joined


def end_password(person: User, *, actor: Actor) -> None:
    """Have a person choose their password anew, by a link. Their sessions end with the old one."""
    stored = User.objects.select_for_update().get(pk=person.pk)
    if stored.has_usable_password():
        stored.set_unusable_password()
        stored.save(update_fields=["password"])
        ended = f"{changes.CHOSEN}{changes.ARROW}{changes.NOTHING}"
        log(DeskEvent.Type.CHANGE_PERSON, stored, actor=actor, password=ended)
    person.password = stored.password


def log_password(person: User, *, actor: Actor, **fields: str) -> None:
    powers.note_change([person.pk], PowerChange.What.PASSWORD)
    log(DeskEvent.Type.PASSWORD, person, actor=actor, **fields)


# Stop and permit


def last_stop(person: User) -> int:
    """Return the number of the last event that let this person in or kept them out."""
    events = DeskEvent.objects.filter(
        event_type__in=[DeskEvent.Type.DISABLE, DeskEvent.Type.ENABLE],
        data__contains=f'"whom": "{person.pk}"',
    )
    return events.order_by("-number").values_list("number", flat=True).first() or 0


def disable(person: User, *, reason: str, actor: Actor) -> None:
    """Keep a person out from now on; their approvals count no more. Raises Refused."""
    set_active(person, False, reason=reason, actor=actor)


def enable(person: User, *, seen: int, reason: str, actor: Actor) -> None:
    """Let a person in again, unless they were stopped once more since `seen`, see `last_stop`.

    For somebody powerful that takes two, see `grants.enable`.
    """
    set_active(person, True, reason=reason, actor=actor, seen=seen)


def set_active(
    person: User, active: bool, *, reason: str, actor: Actor, seen: int | None = None
) -> None:
    reason = needed(reason)
    with transaction.atomic():
        locked = User.objects.select_for_update().get(pk=person.pk)
        refuse_active(locked, active, actor=actor, seen=seen)
        if active and powers.holds(locked):
            raise Refused(StaffCode.TAKES_TWO)
        locked.is_active = active
        locked.save(update_fields=["is_active"])
        powers.note_change([locked.pk])
        event_type = DeskEvent.Type.ENABLE if active else DeskEvent.Type.DISABLE
        log(event_type, locked, reason, actor=actor)


def refuse_active(locked: User, active: bool, *, actor: Actor, seen: int | None) -> None:
    """Raise Refused unless the actor may let this person in, or keep them out."""
    actor.require("auth.change_user")
    if locked.pk == actor.person_id:
        raise NotAllowed(StaffCode.NOT_YOURSELF)
    if locked.is_superuser and not (actor.person and actor.person.is_superuser):
        raise NotAllowed(StaffCode.SUPERUSER)
    if active and last_stop(locked) != seen:
        raise Refused(StaffCode.STOPPED_AGAIN)
    if locked.is_active == active:
        raise Refused(StaffCode.SO_ALREADY)
