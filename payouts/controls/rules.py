"""Rules of the policy, and what they say of a payout. Nothing here reads the database.

The core fills a `Proposal` with the facts that the rules ask for (`needs`), `judge` says what they
make of it, and `missing` which approvals it still needs. Every rule that matches fires; what
each requires adds up; where no rule matches nothing is paid.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from decimal import Decimal
from enum import StrEnum
from typing import Any

from django.db import models
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from payouts.controls.flags import FLAGS, Flag

ANYONE = ""  # in place of a group: whoever may approve


class Measure(StrEnum):
    """An amount in the reference currency that a rule may ask for. Those of a day are the sums of
    what waits, is under way, or was paid in the last 24 hours, the payout itself included."""

    PAYOUT = "payout"
    BATCH = "batch"  # of the file or run that it came with
    REQUESTER = "requester_day"  # by who asked, or who issued the key that did
    CLIENT = "client_day"
    ADDRESS = "address_day"


class Effect(models.TextChoices):
    BLOCK = "block", _("block")
    HOLD = "hold", _("put on hold")
    REQUIRE = "require", _("require approvals")
    ALLOW = "allow", _("allow without approval")


@dataclass(frozen=True)
class Range:
    """More than `above`, and at most `up_to`. What is not set is not asked for."""

    above: Decimal | None = None
    up_to: Decimal | None = None

    def holds(self, value: Decimal) -> bool:
        return (self.above is None or value > self.above) and (
            self.up_to is None or value <= self.up_to
        )


@dataclass(frozen=True)
class Conditions:
    """What has to be so for a rule to fire: all of it. What is empty is not asked for."""

    currencies: tuple[str, ...] = ()
    networks: tuple[str, ...] = ()
    origins: tuple[str, ...] = ()
    clients: tuple[str, ...] = ()  # external ids
    wallet_hours: Range | None = None  # since the wallet was approved
    flag: Flag | None = None  # at least
    amounts: tuple[tuple[Measure, Range], ...] = ()

    def hold(self, proposal: "Proposal") -> bool:
        one_of = (
            (self.currencies, proposal.currency),
            (self.networks, proposal.network),
            (self.origins, proposal.origin),
            (self.clients, proposal.client),
        )
        hours, flag = proposal.wallet_hours or Decimal(0), proposal.flag or Flag.NONE
        return (
            all(value in named for named, value in one_of if named)
            and (self.wallet_hours is None or self.wallet_hours.holds(hours))
            and (self.flag is None or flag >= self.flag)
            and all(asked.holds(proposal.amount_of(measure)) for measure, asked in self.amounts)
        )


@dataclass(frozen=True)
class Rule:
    """`count` approvals from `group` if its effect is to require some."""

    name: str
    effect: Effect
    conditions: Conditions = Conditions()
    count: int = 0
    group: str = ANYONE


@dataclass(frozen=True)
class Proposal:
    """A payout as the policy sees it, stored with each approval. Amounts are in the reference
    currency; what no rule asks for is not filled in, and not known afterwards (`answers`)."""

    currency: str
    network: str
    origin: str
    client: str
    rate: Decimal  # reference units for one of the coin
    fee: Decimal  # in the coin
    wallet_hours: Decimal | None = None
    flag: Flag | None = None
    amounts: Mapping[Measure, Decimal] = field(default_factory=dict)

    def answers(self, asked: Conditions) -> bool:
        """Whether all that these ask for was filled in."""
        return (
            all(measure in self.amounts for measure, _range in asked.amounts)
            and (asked.wallet_hours is None or self.wallet_hours is not None)
            and (asked.flag is None or self.flag is not None)
        )

    def amount_of(self, measure: Measure) -> Decimal:
        return self.amounts.get(measure, Decimal(0))

    def as_json(self) -> dict[str, Any]:
        known = {each.name: getattr(self, each.name) for each in fields(self)}
        return {
            **{name: str(value) for name, value in known.items() if value is not None},
            **({} if self.flag is None else {"flag": self.flag.word}),
            "amounts": {str(name): str(amount) for name, amount in self.amounts.items()},
        }

    @classmethod
    def read(cls, stored: Mapping[str, Any]) -> "Proposal":
        """Read what `as_json` wrote. Raises KeyError, ValueError or ArithmeticError."""
        amounts = {Measure(name): Decimal(text) for name, text in stored["amounts"].items()}
        return cls(
            currency=stored["currency"],
            network=stored["network"],
            origin=stored["origin"],
            client=stored["client"],
            rate=Decimal(stored["rate"]),
            fee=Decimal(stored["fee"]),
            wallet_hours=Decimal(stored["wallet_hours"]) if "wallet_hours" in stored else None,
            flag=FLAGS[stored["flag"]] if "flag" in stored else None,
            amounts=amounts,
        )


@dataclass(frozen=True)
class Verdict:
    """What the rules say: which of them fired, and how many approvals from which group."""

    fired: tuple[str, ...]
    blocked_by: tuple[str, ...]
    held_by: tuple[str, ...]
    required: Mapping[str, int]

    @property
    def is_covered(self) -> bool:
        """Whether any rule speaks of such a payout: default deny."""
        return bool(self.fired)

    def required_in(self, doubt: bool) -> Mapping[str, int]:
        """Two people let go what is like another one that may be paid after all."""
        if not doubt:
            return self.required
        return {**self.required, ANYONE: max(self.required.get(ANYONE, 0), 2)}

    @property
    def is_free(self) -> bool:
        """Whether a rule lets it be paid without approval, and none asks for one."""
        return self.is_covered and not (self.required or self.blocked_by or self.held_by)


@dataclass(frozen=True)
class Needs:
    """What has to be known of payouts before these rules can judge them."""

    measures: frozenset[Measure]
    flags: bool
    wallets: bool


def needs(rules: Iterable[Rule]) -> Needs:
    conditions = [rule.conditions for rule in rules]
    return Needs(
        frozenset(measure for each in conditions for measure, _range in each.amounts),
        flags=any(each.flag is not None for each in conditions),
        wallets=any(each.wallet_hours is not None for each in conditions),
    )


def thresholds(rules: Iterable[Rule]) -> dict[Measure, set[Decimal]]:
    """Return the sums from which these rules ask for more than below them."""
    found: dict[Measure, set[Decimal]] = {}
    for rule in rules:
        if rule.effect != Effect.ALLOW:
            for measure, asked in rule.conditions.amounts:
                if asked.above is not None:
                    found.setdefault(measure, set()).add(asked.above)
    return found


def judge(rules: Sequence[Rule], proposal: Proposal) -> Verdict:
    fired = [rule for rule in rules if rule.conditions.hold(proposal)]
    required: dict[str, int] = {}
    for rule in fired:
        if rule.effect == Effect.REQUIRE:
            required[rule.group] = max(required.get(rule.group, 0), rule.count)

    def names(effect: Effect) -> tuple[str, ...]:
        return tuple(rule.name for rule in fired if rule.effect == effect)

    return Verdict(
        tuple(rule.name for rule in fired), names(Effect.BLOCK), names(Effect.HOLD), required
    )


def missing(required: Mapping[str, int], people: Mapping[int, Collection[str]]) -> dict[str, int]:
    """Return how many approvals from which group are missing, given who approved, in which groups.

    One person fills one place, though several groups may know them: people are moved to other
    places as long as that fills one more. Those of a named group are among `ANYONE` as well.
    """
    named = [each for group, count in sorted(required.items()) if group for each in [group] * count]
    places = [*named, *[ANYONE] * (required.get(ANYONE, 0) - len(named))]
    taken: dict[int, int] = {}  # by place: the person

    def find_place(person: int, tried: set[int]) -> bool:
        for place, group in enumerate(places):
            if place in tried or (group != ANYONE and group not in people[person]):
                continue
            tried.add(place)
            if place not in taken or find_place(taken[place], tried):
                taken[place] = person
                return True
        return False

    for person in sorted(people):
        find_place(person, set())
    open_places = [group for place, group in enumerate(places) if place not in taken]
    return {group: open_places.count(group) for group in sorted(set(open_places))}


def in_words(missing: Mapping[str, int]) -> str:
    """Say which approvals are missing, as in “1 from Approver, 1 from Treasurer”."""
    return ", ".join(
        ngettext("%(count)d from %(group)s", "%(count)d from %(group)s", count)
        % {"count": count, "group": group or gettext("anyone who may approve")}
        for group, count in missing.items()
    )
