"""Who held which roles and rights at a moment of the past, out of the sealed events of the desk.

Each event seals all of what it changed, as it was before and as it was after. So a fact at a moment
is what the last event until then made of it, or else what the first one behind it found. What no
event has ever changed stands as it does today, which nothing seals: that is shown as such.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from django.contrib.auth.models import Group, User
from django.db import transaction

from audit.actor import Actor
from audit.events import log_event
from audit.models import DeskEvent
from payouts.staff import changes
from payouts.staff.people import RIGHTS, Facts, names_of

Type = DeskEvent.Type
OF_PEOPLE = (Type.ADD_PERSON, Type.CHANGE_PERSON, Type.DISABLE, Type.ENABLE, Type.RENAME)
OF_ROLES = (Type.ADD_ROLE, Type.CHANGE_ROLE)
BESIDE = (Type.FIRST_STAFF, Type.RECOVER, Type.FIND_RIGHTS)
TYPES = [*OF_PEOPLE, *OF_ROLES, *BESIDE]

# What a person holds who was just added: everything else is given afterwards.
NEW = {"active": "True", "staff": "False", "superuser": "False", "roles": "", "rights": ""}
EVER = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True)
class Step:
    """One fact, before and after one event; `before` is None where the event does not say."""

    number: int
    at: datetime
    before: str | None
    after: str


Steps = Mapping[str, list[Step]]  # by the name of the fact


@dataclass
class Held:
    """A fact at a moment: `is_sealed` if an event says so, `differs` if the tables of today say
    something else than the last event of all."""

    value: str
    is_sealed: bool
    differs: bool = False


@dataclass
class PersonThen:
    person: User
    login: str
    facts: Mapping[str, Held]
    may: set[str] = field(default_factory=set)

    @property
    def roles(self) -> list[str]:
        return sorted(changes.named(self.facts["roles"].value))

    @property
    def comes_in(self) -> bool:
        return self.facts["active"].value == self.facts["staff"].value == "True"

    @property
    def is_superuser(self) -> bool:
        return self.facts["superuser"].value == "True"

    @property
    def is_sealed(self) -> bool:
        return all(each.is_sealed for each in self.facts.values())

    @property
    def differs(self) -> bool:
        return any(each.differs for each in self.facts.values())


@dataclass(frozen=True)
class RoleThen:
    name: str
    rights: Held


@dataclass(frozen=True)
class Then:
    people: Sequence[PersonThen]
    roles: Sequence[RoleThen]
    changes: Sequence[DeskEvent]  # until then, the newest first
    known_since: datetime | None  # everything after it is sealed


def at(moment: datetime) -> Then:
    """Replay: a constant number of statements, however many people there are."""
    events = list(
        DeskEvent.objects.filter(event_type__in=TYPES).select_related("person").order_by("number")
    )
    roles = roles_at(moment, events)
    people = people_at(moment, events)
    rights = {each.name: changes.named(each.rights.value) for each in roles}
    for person in people:
        given = [rights.get(name, set()) for name in person.roles]
        person.may = changes.named(person.facts["rights"].value).union(*given)
    until = [each for each in reversed(events) if each.at <= moment]
    return Then(people, roles, until, known_since(events))


def known_since(events: Iterable[DeskEvent]) -> datetime | None:
    """Return when the whole staff was first written down, as it stood."""
    return next((each.at for each in events if each.event_type == Type.FIND_RIGHTS), None)


def fact_at(moment: datetime, steps: Sequence[Step], today: str | None) -> Held:
    until = [each for each in steps if each.at <= moment]
    differs = bool(steps) and today is not None and not same(steps[-1].after, today)
    if until:
        return Held(until[-1].after, is_sealed=True, differs=differs)
    if steps and steps[0].before is not None:
        return Held(steps[0].before, is_sealed=True, differs=differs)
    return Held(steps[0].after if steps else today or "", is_sealed=False, differs=differs)


def same(one: str, other: str) -> bool:
    return one == other or changes.named(one) == changes.named(other)


def plain(text: str) -> str:
    return "" if text == changes.NOTHING else text


def divided(change: str) -> tuple[str, str]:
    before, _arrow, after = change.partition(changes.ARROW)
    return plain(before), plain(after)


# People


def people_at(moment: datetime, events: Sequence[DeskEvent]) -> list[PersonThen]:
    staff = User.objects.prefetch_related("groups", "user_permissions__content_type")
    people = {str(each.pk): each for each in staff.order_by("username")}
    steps, logins, added = steps_of_people(events)
    found = []
    for pk, person in people.items():
        if (added.get(pk) or person.date_joined) > moment:
            continue
        today = facts_today(person)
        facts = {name: fact_at(moment, steps[pk][name], today[name]) for name in sorted(RIGHTS)}
        login = fact_at(moment, logins[pk], person.username).value
        found.append(PersonThen(person, login, facts))
    return sorted(found, key=lambda each: each.login)


def facts_today(person: User) -> Facts:
    """What `facts_of_person` says of rights, from rows that were read together."""
    return {
        "active": str(person.is_active),
        "staff": str(person.is_staff),
        "superuser": str(person.is_superuser),
        "roles": ", ".join(sorted(each.name for each in person.groups.all())),
        "rights": ", ".join(sorted(names_of(person.user_permissions.all()))),
    }


def steps_of_people(
    events: Iterable[DeskEvent],
) -> tuple[Mapping[str, Steps], Mapping[str, list[Step]], Mapping[str, datetime]]:
    """Return what events say of each person by id: of their rights, of their logins, and when they
    were added."""
    steps: Mapping[str, dict[str, list[Step]]] = defaultdict(lambda: defaultdict(list))
    logins: Mapping[str, list[Step]] = defaultdict(list)
    added: dict[str, datetime] = {}
    by_login: dict[str, str] = {}
    for event in events:
        facts, whom = event.facts, event.facts.get("whom", "")
        if event.event_type == Type.ADD_PERSON:
            added[whom], by_login[facts.get("whose", "")] = event.at, whom
        if event.event_type == Type.RENAME:
            logins[whom].append(step(event, *divided(facts["renamed"])))
        if event.event_type == Type.FIRST_STAFF:
            for login, roles in first_staff(facts.get("people", "")):
                person = steps[by_login.get(login, "")]
                person["roles"].append(step(event, "", roles))
                person["staff"].append(step(event, "False", "True"))
        for name, before, after in changed_of(event):
            steps[whom][name].append(step(event, before, after))
    return steps, logins, added


def step(event: DeskEvent, before: str | None, after: str) -> Step:
    return Step(event.number, event.at, before, after)


def found_step(event: DeskEvent, said: str) -> Step:
    """Return what an event says of a fact: a change, or only what it is from then on."""
    if changes.ARROW in said:
        return step(event, *divided(said))
    return step(event, None, plain(said))


def changed_of(event: DeskEvent) -> Iterable[tuple[str, str | None, str]]:
    """Yield each right of a person that an event changed, with what it was and became."""
    facts = event.facts
    if event.event_type == Type.ADD_PERSON:
        yield from ((name, None, value) for name, value in NEW.items())
    elif event.event_type in (Type.DISABLE, Type.ENABLE):
        is_on = event.event_type == Type.ENABLE
        yield "active", str(not is_on), str(is_on)
    elif event.event_type in (Type.CHANGE_PERSON, Type.FIND_RIGHTS):
        for name in RIGHTS & facts.keys():
            found = found_step(event, facts[name])
            yield name, found.before, found.after


def first_staff(made: str) -> Iterable[tuple[str, str]]:
    for each in filter(None, made.split("; ")):
        login, _colon, roles = each.partition(": ")
        yield login, roles


# Roles


def roles_at(moment: datetime, events: Sequence[DeskEvent]) -> list[RoleThen]:
    roles = Group.objects.prefetch_related("permissions__content_type").order_by("name")
    today = {each.name: ", ".join(sorted(names_of(each.permissions.all()))) for each in roles}
    steps, names, added = steps_of_roles(events, today)
    found = []
    for name, rights in today.items():
        if name in added and added[name] > moment:
            continue
        called = fact_at(moment, names[name], name).value
        found.append(RoleThen(called, fact_at(moment, steps[name], rights)))
    return sorted(found, key=lambda each: each.name)


def steps_of_roles(
    events: Sequence[DeskEvent], today: Iterable[str]
) -> tuple[Mapping[str, list[Step]], Mapping[str, list[Step]], Mapping[str, datetime]]:
    """Return what events say of each role by its name of today: of its rights, of its names, and
    when it was added. Read backwards, as a role may have been called otherwise."""
    steps: Mapping[str, list[Step]] = defaultdict(list)
    names: Mapping[str, list[Step]] = defaultdict(list)
    added: dict[str, datetime] = {}
    now_called = {name: name for name in today}
    for event in reversed(events):
        facts = event.facts
        if event.event_type not in (*OF_ROLES, Type.FIND_RIGHTS) or "role" not in facts:
            continue
        name = now_called.get(facts["role"], facts["role"])
        if "rights_changed" in facts:
            steps[name].insert(0, step(event, *divided(facts["rights_changed"])))
        if event.event_type == Type.FIND_RIGHTS:
            steps[name].insert(0, found_step(event, facts["rights"]))
        if event.event_type == Type.ADD_ROLE:
            added[name] = event.at
        elif "role_changed" in facts:
            before, after = divided(facts["role_changed"])
            names[name].insert(0, step(event, before, after))
            now_called[before] = name
    return steps, names, added


# Writing it down as it stands


@dataclass(frozen=True)
class Found:
    """What no event says of a person or a role, or says otherwise than their rows today."""

    about: Mapping[str, str]
    facts: Mapping[str, str]


def unsealed() -> list[Found]:
    """Return all that nobody could replay: what a migration, a command or somebody with the
    database wrote, and what is older than the events."""
    then = at(EVER)
    found = [
        Found(
            {"whom": str(each.person.pk), "whose": each.person.get_username()},
            {
                name: as_found(each.facts[name], today)
                for name, today in facts_today(each.person).items()
                if is_news(each.facts[name])
            },
        )
        for each in then.people
    ]
    rights = {
        each.name: ", ".join(sorted(names_of(each.permissions.all())))
        for each in Group.objects.prefetch_related("permissions__content_type")
    }
    found += [
        Found({"role": each.name}, {"rights": as_found(each.rights, rights[each.name])})
        for each in then.roles
        if is_news(each.rights)
    ]
    return [each for each in found if each.facts]


def is_news(held: Held) -> bool:
    return held.differs or not held.is_sealed


def as_found(held: Held, today: str) -> str:
    """Write what is there; behind what events say, where they say something else."""
    if not held.is_sealed:
        return today
    return f"{held.value or changes.NOTHING}{changes.ARROW}{today or changes.NOTHING}"


def write_down(actor: Actor) -> int:
    """Seal what nobody could replay, and return how many people and roles that was about."""
    with transaction.atomic():
        DeskEvent.objects.lock_chain()  # two at once would seal it twice
        found = unsealed()
        for each in found:
            log_event(Type.FIND_RIGHTS, actor=actor, **each.about, **each.facts)
    return len(found)
