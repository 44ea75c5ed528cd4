"""A policy in sentences, and what a version changes of the one before it."""

import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.conf import settings
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from payouts.controls import documents, usage
from payouts.controls.documents import WINDOWS, Document, FundsOrder, Limit, LimitOf
from payouts.controls.flags import Flag
from payouts.controls.rules import ANYONE, Conditions, Effect, Measure, Range, Rule
from payouts.controls.staffing import clients_named_in
from payouts.controls.usage import InUse
from payouts.models import Origin
from wallets.amounts import money
from wallets.coins import network_name

REFERENCE = settings.REFERENCE_CURRENCY

Names = Mapping[str, str]  # of clients, by external id

MEASURES = {
    Measure.PAYOUT: gettext_lazy("%s"),
    Measure.BATCH: gettext_lazy("%s in its file or run"),
    Measure.REQUESTER: gettext_lazy("%s by one requester in 24 hours"),
    Measure.CLIENT: gettext_lazy("%s to one client in 24 hours"),
    Measure.ADDRESS: gettext_lazy("%s to one address in 24 hours"),
}
EFFECTS = {
    Effect.BLOCK: gettext_lazy("blocked"),
    Effect.HOLD: gettext_lazy("put on hold"),
    Effect.ALLOW: gettext_lazy("no approval needed"),
}
EACH = {
    LimitOf.PAYOUT: gettext_lazy("One payout"),
    LimitOf.CLIENT: gettext_lazy("Each client"),
    LimitOf.CURRENCY: gettext_lazy("Each coin"),
    LimitOf.DESK: gettext_lazy("The whole desk"),
}
ORDERS = {
    FundsOrder.STRICT: gettext_lazy("strict order: the first that does not fit stops its coin"),
    FundsOrder.WHAT_FITS: gettext_lazy(
        "what fits goes, for as long as nothing is passed over too long"
    ),
}


# Rules and limits


def rule_in_words(rule: Rule, names: Names) -> str:
    """Say when a rule applies, and what it does then."""
    when = ", ".join(conditions_in_words(rule.conditions, names)) or _("every payout")
    return f"{capfirst(when)}: {effect_in_words(rule)}"


def effect_in_words(rule: Rule) -> str:
    if rule.effect != Effect.REQUIRE:
        return str(EFFECTS[rule.effect])
    group = _("anyone who may approve") if rule.group == ANYONE else rule.group
    sentence = ngettext(
        "%(count)d approval from %(group)s", "%(count)d approvals from %(group)s", rule.count
    )
    return sentence % {"count": rule.count, "group": group}


def conditions_in_words(asked: Conditions, names: Names) -> list[str]:
    found = [str(MEASURES[measure]) % amounts_in_words(of) for measure, of in asked.amounts]
    if asked.currencies:
        found.append(_("in %s") % any_of(f"“{each}”" for each in asked.currencies))
    if asked.networks:
        found.append(_("on %s") % any_of(network_name(each) for each in asked.networks))
    if asked.clients:
        found.append(_("to %s") % any_of(client_in_words(each, names) for each in asked.clients))
    if asked.origins:
        origins = dict(Origin.choices)
        found.append(
            _("requested by way of: %s") % any_of(str(origins.get(o, o)) for o in asked.origins)
        )
    if asked.wallet_hours:
        found.append(age_in_words(asked.wallet_hours))
    if asked.flag:
        is_highest = asked.flag == max(Flag)
        words = _("with a flag of %s") if is_highest else _("with a flag of %s or higher")
        found.append(words % asked.flag.label.lower())
    return found


def any_of(names: Iterable[str]) -> str:
    *others, last = names
    return (
        _("%(names)s or %(last)s") % {"names": ", ".join(others), "last": last} if others else last
    )


def client_in_words(external_id: str, names: Names) -> str:
    name = names.get(external_id)
    return f"“{name}” (“{external_id}”)" if name else f"“{external_id}”"


def amounts_in_words(asked: Range) -> str:
    found = []
    if asked.above is not None:
        found.append(_("more than %s") % money(asked.above, REFERENCE))
    if asked.up_to is not None:
        found.append(_("at most %s") % money(asked.up_to, REFERENCE))
    return _(" and ").join(found)


def age_in_words(asked: Range) -> str:
    words = {"above": money(asked.above or Decimal(0), "").strip(), "up_to": ""}
    if asked.up_to is None:
        return _("wallet approved more than %(above)s hours ago") % words
    words["up_to"] = money(asked.up_to, "").strip()
    if asked.above is None:
        return _("wallet approved in the last %(up_to)s hours") % words
    return _("wallet approved %(above)s to %(up_to)s hours ago") % words


def limit_in_words(limit: Limit, names: Names) -> str:
    return f"{whose_limit(limit, names)}: {_('at most %s') % money(limit.at_most, REFERENCE)}"


def whose_limit(limit: Limit, names: Names) -> str:
    whose = str(EACH[limit.of])
    if limit.only:
        is_client = limit.of == LimitOf.CLIENT
        whose = client_in_words(limit.only, names) if is_client else f"“{limit.only}”"
    if not limit.hours:
        return whose
    return _("%(whose)s in %(window)s") % {"whose": whose, "window": WINDOWS[limit.hours]}


def limits_in_use(all_limits: Sequence[Limit]) -> list[tuple[str, InUse]]:
    """Say of each limit with a window whose it is, and how much of it is used: two statements."""
    return [
        (whose_limit(each.limit, {each.limit.only: each.client_name}), each)
        for each in usage.in_use(all_limits)
    ]


# Values


def seconds(number: int) -> str:
    if number and number % 60 == 0:
        return minutes(number // 60)
    return ngettext("%d second", "%d seconds", number) % number


def minutes(number: int) -> str:
    return ngettext("%d minute", "%d minutes", number) % number


def hours(number: int) -> str:
    return ngettext("%d hour", "%d hours", number) % number


def days(number: int) -> str:
    return ngettext("%d day", "%d days", number) % number


def percent(number: str) -> str:
    return f"{number} %"


def in_reference(number: str) -> str:
    return money(Decimal(number), REFERENCE)


def times(found: Sequence[str]) -> str:
    return ", ".join(each[:5] for each in found) or _("none: at any time")


def yes_or_no(found: bool) -> str:
    return _("yes") if found else _("no")


def order_in_words(found: str) -> str:
    return str(ORDERS[FundsOrder(found)])


@dataclass(frozen=True)
class Value:
    """One of the values: what it is called, its unit in a form, and how it reads."""

    label: Any
    in_words: Callable[[Any], str] = str
    unit: Any = ""
    help: Any = ""


VALUES = {
    "delay_seconds": Value(
        gettext_lazy("Time to undo"),
        seconds,
        gettext_lazy("seconds"),
        gettext_lazy("From the last approval until it is sent, who approved can take it back."),
    ),
    "run_times": Value(
        gettext_lazy("Run times of the day"),
        times,
        help=gettext_lazy("Like 09:00, 15:30. With some, payouts go out at these times alone."),
    ),
    "approvals_last_hours": Value(gettext_lazy("An approval lasts"), hours, gettext_lazy("hours")),
    "duplicate_days": Value(
        gettext_lazy("A like payout is a likely duplicate within"), days, gettext_lazy("days")
    ),
    "rate_age_minutes": Value(
        gettext_lazy("A rate is too old after"), minutes, gettext_lazy("minutes")
    ),
    "rate_change": Value(
        gettext_lazy("A rate is doubted if it moved by more than"),
        percent,
        gettext_lazy("percent"),
    ),
    "drift": Value(
        gettext_lazy("An approved payout is priced again if the rate moved by more than"),
        percent,
        gettext_lazy("percent"),
    ),
    "fee_percent": Value(
        gettext_lazy("Highest fee, as a share of the amount"), percent, gettext_lazy("percent")
    ),
    "fee_amount": Value(gettext_lazy("Highest fee"), in_reference, REFERENCE),
    "funds_order": Value(gettext_lazy("When the balance is short"), order_in_words),
    "passed_over_hours": Value(
        gettext_lazy("A payout is passed over for at most"), hours, gettext_lazy("hours")
    ),
    "guard_probes": Value(
        gettext_lazy("Sending pauses by itself after refusals of our key"),
        unit=gettext_lazy("in a row"),
    ),
    "guard_discrepancies": Value(
        gettext_lazy("Sending pauses by itself after discrepancies"),
        unit=gettext_lazy("within an hour"),
    ),
    "guard_failures": Value(
        gettext_lazy("Sending pauses by itself after failures"), unit=gettext_lazy("in a row")
    ),
    "guard_foreign": Value(
        gettext_lazy("Sending pauses by itself if Heleket has a payout that is not ours"),
        yes_or_no,
    ),
}


def value_in_words(name: str, found: Any) -> str:
    value = VALUES[name]
    text = value.in_words(found)
    return f"{text} {value.unit}" if value.in_words is str else text


# A whole policy, and what changes


@dataclass(frozen=True)
class Line:
    """One rule, limit or value: what it is called, and what it says."""

    name: str
    sentence: str


@dataclass(frozen=True)
class Sentences:
    rules: list[Line]
    limits: list[Line]
    values: list[Line]


@dataclass(frozen=True)
class Difference:
    """One line that a version adds, removes or changes; the side that it lacks is empty."""

    name: str
    before: str
    after: str

    @property
    def kind(self) -> str:
        if self.before and self.after:
            return _("changed")
        return _("added") if self.after else _("removed")

    @property
    def tone(self) -> str:
        if self.before and self.after:
            return "warning"
        return "success" if self.after else "danger"


def sentences_of(text: str, document: Document, names: Names) -> Sentences:
    values = json.loads(text)["values"]
    return Sentences(
        rules=[Line(rule.name, rule_in_words(rule, names)) for rule in document.rules],
        limits=[
            Line(whose_limit(each, names), limit_in_words(each, names)) for each in document.limits
        ],
        values=[
            Line(str(VALUES[name].label), value_in_words(name, values[name])) for name in VALUES
        ],
    )


def read_all(*texts: str) -> list[Sentences]:
    """Read the documents of several versions, with the names of the clients in them."""
    known = [documents.read(text) for text in texts]
    names = clients_named_in(*known)
    return [sentences_of(*each, names) for each in zip(texts, known, strict=True)]


def differences(before: Sentences, after: Sentences) -> list[Difference]:
    return [
        *changed(before.rules, after.rules),
        *changed(before.limits, after.limits),
        *changed(before.values, after.values),
    ]


def changed(before: Sequence[Line], after: Sequence[Line]) -> Iterator[Difference]:
    """Compare line by line of the same name, and name last what is gone."""
    old, new = by_name(before), by_name(after)
    for name, sentence in new.items():
        if old.get(name) != sentence:
            yield Difference(name[0], old.get(name, ""), sentence)
    for name, sentence in old.items():
        if name not in new:
            yield Difference(name[0], sentence, "")


def by_name(lines: Sequence[Line]) -> dict[tuple[str, int], str]:
    """Number those of one name, so that none of them hides another."""
    seen: Counter[str] = Counter()
    found = {}
    for line in lines:
        found[line.name, seen[line.name]] = line.sentence
        seen[line.name] += 1
    return found
