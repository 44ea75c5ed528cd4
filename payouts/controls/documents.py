"""A policy as a document: what is stored, drafted and compared, and the dataclasses it is read to.

Amounts are texts, as JSON's numbers are floats elsewhere. A document that is not whole, or has a
member that is not known, is refused: it may mean something that nobody would see.
"""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Any, TypeVar

from django.db import models
from django.utils.timezone import localtime, make_aware
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from audit.refusals import Refused
from payouts.controls.codes import ControlsCode
from payouts.controls.flags import FLAGS
from payouts.controls.rates import MAX_AGE, MOST_CHANGE, RateBounds
from payouts.controls.rules import ANYONE, Conditions, Effect, Measure, Range, Rule
from wallets.amounts import parse_amount

LONGEST_NAME = 80
MOST_RULES = 30  # nobody oversees more, and a form sends no more fields


class LimitOf(models.TextChoices):
    """Whose payouts a limit adds up."""

    PAYOUT = "payout", gettext_lazy("one payout")
    CLIENT = "client", gettext_lazy("one client")
    CURRENCY = "currency", gettext_lazy("one coin")
    DESK = "desk", gettext_lazy("the whole desk")


WINDOWS = {24: gettext_lazy("24 hours"), 168: gettext_lazy("7 days"), 720: gettext_lazy("30 days")}


@dataclass(frozen=True)
class Limit:
    """At most so much in the reference currency, in a window of hours; none for a single payout.

    `only` names one coin or one client (external id); of a client it takes the place of the limit
    for all clients with the same window.
    """

    of: LimitOf
    at_most: Decimal
    hours: int = 0
    only: str = ""


class FundsOrder(StrEnum):
    STRICT = "strict"
    WHAT_FITS = "what_fits"


@dataclass(frozen=True)
class Values:
    """The numbers that finance decides."""

    delay: timedelta = timedelta(minutes=2)  # from the last approval to the claim
    run_times: tuple[time, ...] = ()  # of the day; with some, payouts go out at these alone
    approvals_last: timedelta = timedelta(days=7)
    duplicate_days: int = 7
    rate_age: timedelta = MAX_AGE
    rate_change: Decimal = MOST_CHANGE * 100  # percent, from the last accepted one
    drift: Decimal = Decimal(5)  # percent, from which the claim prices again
    fee_percent: Decimal = Decimal(20)  # of the amount
    fee_amount: Decimal = Decimal(100)  # in the reference currency
    funds_order: FundsOrder = FundsOrder.STRICT
    passed_over: timedelta = timedelta(hours=24)  # before what fits waits for what does not
    guard_probes: int = 5
    guard_discrepancies: int = 3
    guard_failures: int = 10
    guard_foreign: bool = False

    @property
    def rate_bounds(self) -> RateBounds:
        return RateBounds(self.rate_age, self.rate_change / 100)

    def goes_out_at(self, approved_at: datetime) -> datetime:
        """Return when what was approved at that moment may be claimed: after the delay, and then at
        the next run time, if there are any."""
        earliest = localtime(approved_at + self.delay)
        if not self.run_times:
            return earliest
        days = [earliest.date(), earliest.date() + timedelta(days=1)]
        runs = [make_aware(datetime.combine(day, at)) for day in days for at in self.run_times]
        return min(run for run in runs if run >= earliest)


@dataclass(frozen=True)
class Document:
    rules: tuple[Rule, ...]
    limits: tuple[Limit, ...]
    values: Values


def canonical(document: Mapping[str, Any]) -> str:
    """Return the one text of a document: RFC 8785, as it holds texts, whole numbers, lists and
    objects with ASCII names alone."""
    return json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def digest_of(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


# Reading


Read = TypeVar("Read")


class Unfit(Exception):
    """What a document says is no policy."""


def read(text: str) -> Document:
    """Read a document. Raises Refused with what is wrong where."""
    try:
        found = json.loads(text)
        members(found, {"rules", "limits", "values"})
        return Document(
            rules=each_of(found["rules"], read_rule, _("Rule %d")),
            limits=each_of(found["limits"], read_limit, _("Limit %d")),
            values=read_values(found["values"]),
        )
    except (Unfit, ValueError) as exc:
        raise Refused(ControlsCode.NO_POLICY, why=exc) from exc


def each_of(found: Any, read_one: Callable[[Any], Read], where: str) -> tuple[Read, ...]:
    if not isinstance(found, list) or len(found) > MOST_RULES:
        raise Unfit(_("A list of at most %d is needed.") % MOST_RULES)
    items = []
    for number, each in enumerate(found, start=1):
        try:
            items.append(read_one(each))
        except (Unfit, ValueError) as exc:
            raise Unfit(f"{where % number}: {exc}") from exc
    return tuple(items)


def members(found: Any, needed: set[str], optional: Sequence[str] = ()) -> None:
    if not isinstance(found, dict):
        raise Unfit(_("An object is needed."))
    if lacking := sorted(needed - found.keys()):
        raise Unfit(_("“%s” is missing.") % lacking[0])
    if unknown := sorted(found.keys() - needed - set(optional)):
        raise Unfit(_("“%s” is not known.") % unknown[0])


def read_rule(found: Any) -> Rule:
    members(found, {"name", "effect"}, ["if", "count", "group"])
    effect = one_of(found["effect"], Effect)
    requires = effect == Effect.REQUIRE
    if requires != ("count" in found) or ("group" in found and not requires):
        raise Unfit(_("A rule names a number of approvals if it requires some, and only then."))
    return Rule(
        name=a_name(found["name"]),
        effect=effect,
        conditions=read_conditions(found.get("if", {})),
        count=whole(found["count"], 1, 20) if requires else 0,
        group=a_name(found["group"]) if found.get("group") else ANYONE,
    )


def read_conditions(found: Any) -> Conditions:
    lists = ["currencies", "networks", "origins", "clients"]
    members(found, set(), [*lists, "wallet_hours", "flag", "amounts"])
    amounts = found.get("amounts", {})
    if not isinstance(amounts, dict):
        raise Unfit(_("An object is needed."))
    return Conditions(
        **{name: names(found.get(name, [])) for name in lists},
        wallet_hours=read_range(found["wallet_hours"]) if "wallet_hours" in found else None,
        flag=FLAGS[one_of(found["flag"], FLAGS)] if "flag" in found else None,
        amounts=tuple(
            (one_of(name, Measure), read_range(amounts[name])) for name in sorted(amounts)
        ),
    )


def read_range(found: Any) -> Range:
    members(found, set(), ["above", "up_to"])
    bounds = {name: amount(text) for name, text in found.items()}
    if not bounds:
        raise Unfit(_("Say above what, or up to what."))
    if "above" in bounds and "up_to" in bounds and bounds["above"] >= bounds["up_to"]:
        raise Unfit(_("Nothing is above %(above)s and at most %(up_to)s.") % bounds)
    return Range(**bounds)


def read_limit(found: Any) -> Limit:
    members(found, {"of", "at_most"}, ["hours", "only"])
    of, hours = one_of(found["of"], LimitOf), found.get("hours", 0)
    only = found.get("only", "")
    if of == LimitOf.PAYOUT and (hours or only):
        raise Unfit(_("A limit for one payout has no window and names nobody."))
    if of != LimitOf.PAYOUT and hours not in WINDOWS:
        raise Unfit(_("A limit counts 24 hours, 168 or 720."))
    if of == LimitOf.DESK and only:
        raise Unfit(_("A limit for the whole desk names nobody."))
    return Limit(of, amount(found["at_most"]), hours, a_name(only) if only else "")


SPANS = {
    "delay_seconds": ("delay", timedelta(seconds=1), 0, 24 * 60 * 60),
    "approvals_last_hours": ("approvals_last", timedelta(hours=1), 1, 24 * 90),
    "rate_age_minutes": ("rate_age", timedelta(minutes=1), 10, 60 * 24 * 7),
    "passed_over_hours": ("passed_over", timedelta(hours=1), 1, 24 * 30),
}
COUNTS = {
    "duplicate_days": (1, 90),
    "guard_probes": (1, 100),
    "guard_discrepancies": (1, 1000),
    "guard_failures": (1, 1000),
}
AMOUNTS = ("rate_change", "drift", "fee_percent", "fee_amount")


def read_values(found: Any) -> Values:
    known = [*SPANS, *COUNTS, *AMOUNTS, "run_times", "funds_order", "guard_foreign"]
    members(found, set(known))
    read: dict[str, Any] = {}
    for name, (field, unit, least, most) in SPANS.items():
        read[field] = unit * named(name, whole, found[name], least, most)
    for name, (least, most) in COUNTS.items():
        read[name] = named(name, whole, found[name], least, most)
    for name in AMOUNTS:
        read[name] = named(name, amount, found[name])
    if not isinstance(found["guard_foreign"], bool):
        raise Unfit(_("“%s”: yes or no is needed.") % "guard_foreign")
    times = named("run_times", names, found["run_times"])
    return Values(
        **read,
        run_times=tuple(sorted({time.fromisoformat(each) for each in times})),
        funds_order=one_of(found["funds_order"], FundsOrder),
        guard_foreign=found["guard_foreign"],
    )


def named(name: str, read_one: Callable[..., Read], *given: Any) -> Read:
    try:
        return read_one(*given)
    except (Unfit, ValueError) as exc:
        raise Unfit(f"“{name}”: {exc}") from exc


def one_of(found: Any, known: Any) -> Any:
    """Return the member of an enum, or the key of a mapping, of this value."""
    values = [each if isinstance(each, str) else each.value for each in known]
    if found not in values:
        raise Unfit(_("“%(found)s” is none of %(known)s.") % words(found, values))
    return found if isinstance(known, Mapping) else known(found)


def words(found: Any, values: Sequence[str]) -> dict[str, str]:
    return {"found": str(found)[:LONGEST_NAME], "known": ", ".join(map(str, values))}


def names(found: Any) -> tuple[str, ...]:
    if not isinstance(found, list):
        raise Unfit(_("A list is needed."))
    return tuple(sorted({a_name(each) for each in found}))


def a_name(found: Any) -> str:
    if not isinstance(found, str) or not found.strip() or len(found) > LONGEST_NAME:
        raise Unfit(_("A name of at most %d characters is needed.") % LONGEST_NAME)
    if not found.isprintable():
        raise Unfit(_("A name is one line of text that can be seen."))
    return found.strip()


def whole(found: Any, least: int, most: int) -> int:
    if type(found) is not int or not least <= found <= most:
        raise Unfit(
            _("A whole number from %(least)d to %(most)d is needed.") % vars_of(least, most)
        )
    return found


def vars_of(least: int, most: int) -> dict[str, int]:
    return {"least": least, "most": most}


def amount(found: Any) -> Decimal:
    """Read an amount in plain digits; 0 is one here."""
    return Decimal(0) if found == "0" else parse_amount(found)
