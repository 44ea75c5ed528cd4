"""What contradicts itself in a policy, or can never be met by the staff that there is.

Nothing here reads the database: `staffing` gathers what is `Known`.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from itertools import combinations

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from payouts.controls.documents import WINDOWS, Document, Limit, LimitOf
from payouts.controls.rules import (
    ANYONE,
    Conditions,
    Effect,
    Measure,
    Range,
    Rule,
    in_words,
    missing,
)
from wallets.amounts import format_amount

WHOLE = Decimal(100)  # percent: a rate cannot fall by more
OF_A_DAY = {Measure.REQUESTER, Measure.CLIENT, Measure.ADDRESS}


@dataclass(frozen=True)
class Known:
    """What a policy is held against: the staff, and what its conditions may name."""

    groups: Collection[str]
    approvers: Mapping[int, Collection[str]]  # who may approve, each with their groups
    requesters: Collection[int]  # who may request payouts
    logins: Mapping[int, str]
    clients: Collection[str]  # external ids
    currencies: Collection[str]
    networks: Collection[str]


@dataclass(frozen=True)
class Finding:
    """What is wrong, and at which rule or limit, counted from 0."""

    sentence: str
    rule: int | None = None
    limit: int | None = None


@dataclass(frozen=True)
class Findings:
    """Refusals keep a policy from being drafted; warnings are shown beside it."""

    refusals: Sequence[Finding]
    warnings: Sequence[Finding]


def check(document: Document, known: Known) -> Findings:
    refusals = [*own_faults(document, known), *contradictions(document.rules)]
    if not refusals:
        refusals = list(never_met(document.rules, known))
    warnings = [
        *doubts(document),
        *needless(document.rules),
        *split_up(document),
        *never_reached(document.limits),
    ]
    return Findings(refusals, warnings)


def own_faults(document: Document, known: Known) -> Iterator[Finding]:
    """Find what is wrong with one rule or limit, whatever the others say."""
    for at, rule in enumerate(document.rules):
        for sentence in [*faults_of_names(rule, known), *faults_of_staff(rule, known)]:
            yield Finding(sentence, rule=at)
        if not is_possible(rule.conditions):
            yield Finding(
                _("“%s” can never apply: a sum includes the payout itself, so it is no smaller.")
                % rule.name,
                rule=at,
            )
        yield from above_the_limit(at, rule, document.limits)
    for at, limit in enumerate(document.limits):
        if not limit.at_most:
            yield Finding(
                _("A limit of 0 lets nothing go. Have a rule block it, or pause sending."),
                limit=at,
            )
        if limit.of == LimitOf.CLIENT and limit.only and limit.only not in known.clients:
            yield Finding(_("There is no client with the id “%s”.") % limit.only, limit=at)
        if limit.of == LimitOf.CURRENCY and limit.only and limit.only not in known.currencies:
            yield Finding(_("The desk does not know the coin “%s”.") % limit.only, limit=at)


def above_the_limit(at: int, rule: Rule, limits: Sequence[Limit]) -> Iterator[Finding]:
    """Find a rule that speaks of payouts alone which are too large to be sent at all."""
    least = bounds(rule.conditions, Measure.PAYOUT).above
    most = lowest(*(limit.at_most for limit in limits if limit.of == LimitOf.PAYOUT))
    if least is not None and most is not None and least >= most:
        words = {"rule": rule.name, "most": format_amount(most)}
        yield Finding(
            _("“%(rule)s” can never apply: the limit for one payout is %(most)s.") % words, rule=at
        )


def faults_of_names(rule: Rule, known: Known) -> Iterator[str]:
    asked = rule.conditions
    for name in sorted(set(asked.clients) - set(known.clients)):
        yield _("There is no client with the id “%s”.") % name
    for name in sorted(set(asked.currencies) - set(known.currencies)):
        yield _("The desk does not know the coin “%s”.") % name
    for name in sorted(set(asked.networks) - set(known.networks)):
        yield _("The desk does not know the network “%s”.") % name


def faults_of_staff(rule: Rule, known: Known) -> Iterator[str]:
    if rule.effect != Effect.REQUIRE:
        return
    people = [
        person
        for person, groups in known.approvers.items()
        if rule.group == ANYONE or rule.group in groups
    ]
    words = {"rule": rule.name, "asked": rule.count, "there": len(people), "role": rule.group}
    if rule.group != ANYONE and rule.group not in known.groups:
        yield _("“%(rule)s” asks for the role “%(role)s”, which does not exist.") % words
    elif len(people) < rule.count and rule.group == ANYONE:
        sentence = ngettext(
            "“%(rule)s” asks for %(asked)d approval, and nobody may approve.",
            "“%(rule)s” asks for %(asked)d approvals. People who may approve: %(there)d.",
            rule.count,
        )
        yield sentence % words
    elif len(people) < rule.count:
        sentence = ngettext(
            "“%(rule)s” asks for %(asked)d approval from %(role)s. Active people with that role "
            "who may approve: %(there)d.",
            "“%(rule)s” asks for %(asked)d approvals from %(role)s. Active people with that role "
            "who may approve: %(there)d.",
            rule.count,
        )
        yield sentence % words


def contradictions(rules: Sequence[Rule]) -> Iterator[Finding]:
    seen: set[str] = set()
    for at, rule in enumerate(rules):
        if rule.name in seen:
            yield Finding(_("There is another rule called “%s”.") % rule.name, rule=at)
        seen.add(rule.name)
        if rule.effect == Effect.ALLOW and (other := overruling(rule, rules)):
            yield Finding(
                _("“%(rule)s” lets nothing go: “%(other)s” applies to all of it as well.")
                % {"rule": rule.name, "other": other.name},
                rule=at,
            )


def overruling(rule: Rule, rules: Sequence[Rule]) -> Rule | None:
    """Return a rule that asks for more wherever this one allows a payout."""
    others = (each for each in rules if each.effect != Effect.ALLOW)
    return next((each for each in others if is_wider(each.conditions, rule.conditions)), None)


def doubts(document: Document) -> Iterator[Finding]:
    everything = [rule for rule in document.rules if rule.conditions == Conditions()]
    if not everything:
        yield Finding(
            _("No rule applies to every payout. One to which none applies is never paid.")
        )
    for rule in everything:
        if rule.effect == Effect.BLOCK:
            yield Finding(_("“%s” blocks every payout: nothing is paid any more.") % rule.name)
    change = document.values.rate_change
    if change >= WHOLE:
        yield Finding(
            _("A rate is doubted from %s %% on: one that falls never is, however far.")
            % format_amount(change)
        )


def needless(rules: Sequence[Rule]) -> Iterator[Finding]:
    """Find rules that ask for no more than others do wherever they apply. Of two that are equal it
    is the second."""
    for at, rule in enumerate(rules):
        if rule.effect != Effect.REQUIRE:
            continue
        others = [
            other
            for place, other in enumerate(rules)
            if place != at
            and other.effect == Effect.REQUIRE
            and is_wider(other.conditions, rule.conditions)
            and (place < at or not is_wider(rule.conditions, other.conditions))
        ]
        required = required_by(others)
        asked = required.get(rule.group, 0)
        if rule.group == ANYONE:
            asked = max(asked, sum(count for group, count in required.items() if group))
        if asked >= rule.count:
            words = {"rule": rule.name, "required": in_words(required)}
            text = _("“%(rule)s” adds nothing: where it applies, others ask for %(required)s.")
            yield Finding(text % words, rule=at)


def split_up(document: Document) -> Iterator[Finding]:
    """Find what lets small payouts go without approval, however many, where nothing looks at the
    sum of a day."""
    if any(limit.hours and not limit.only for limit in document.limits):
        return
    for at, rule in enumerate(document.rules):
        bounded = {measure for measure, asked in rule.conditions.amounts if asked.up_to is not None}
        if rule.effect != Effect.ALLOW or Measure.PAYOUT not in bounded or bounded & OF_A_DAY:
            continue
        if not any(stops_a_day(other, rule) for other in document.rules):
            text = _(
                "“%s” lets one person split a payment: no rule and no limit looks at the sum of a "
                "day."
            )
            yield Finding(text % rule.name, rule=at)


def stops_a_day(other: Rule, allowing: Rule) -> bool:
    """Whether a rule asks for more, from some sum of a day on, of what the other one allows."""
    looks_at = {measure for measure, asked in other.conditions.amounts if asked.above is not None}
    is_stricter = other.effect != Effect.ALLOW and bool(looks_at & OF_A_DAY)
    return is_stricter and joint(allowing.conditions, other.conditions) is not None


def never_reached(limits: Sequence[Limit]) -> Iterator[Finding]:
    for (_at, one), (at, other) in combinations(enumerate(limits), 2):
        if (one.of, one.only, one.hours) == (other.of, other.only, other.hours):
            yield Finding(_("There are two limits for %s.") % limit_name(one), limit=at)
    for at, limit in enumerate(limits):
        lower = [each for each in limits if binds(each, limit) and each.at_most < limit.at_most]
        if lower:
            first = min(lower, key=lambda each: each.at_most)
            yield Finding(
                _("The limit for %(short)s is above that for %(long)s, which is reached before.")
                % {"short": limit_name(limit), "long": limit_name(first)},
                limit=at,
            )


def binds(wide: Limit, narrow: Limit) -> bool:
    """Whether all that counts towards the narrow limit counts towards the wide one, too. Of one
    window a client's own limit takes the place of that for all."""
    if wide.hours < narrow.hours:
        return False
    is_longer = wide.hours > narrow.hours
    if wide.of == LimitOf.DESK:
        return is_longer or narrow.of != LimitOf.DESK
    if wide.of != narrow.of or wide.only not in ("", narrow.only):
        return False
    return is_longer or (wide.of == LimitOf.CURRENCY and wide.only != narrow.only)


def limit_name(limit: Limit) -> str:
    of = f"“{limit.only}”" if limit.only else str(limit.of.label)
    if not limit.hours:
        return of
    return _("%(of)s in %(window)s") % {"of": of, "window": WINDOWS[limit.hours]}


# Can the staff satisfy it, whoever requests the payout?


def never_met(rules: Sequence[Rule], known: Known) -> Iterator[Finding]:
    """Find rules that apply together and that too few people could satisfy. Whoever requests a
    payout does not approve it, so that each in turn is left out."""
    asking = [rule for rule in rules if rule.effect == Effect.REQUIRE]
    both = sorted(set(known.requesters) & known.approvers.keys())
    for absent in [None, *both]:
        people = {each: groups for each, groups in known.approvers.items() if each != absent}
        if found := unmet(asking, people):
            words = {
                "rules": ", ".join(f"“{rule.name}”" for rule in found),
                "required": in_words(required_by(found)),
                "missing": in_words(missing(required_by(found), people)),
                "person": known.logins[absent] if absent else "",
            }
            yield Finding(sentence_of_unmet(absent is None) % words)
            return


def sentence_of_unmet(whoever_asks: bool) -> str:
    if whoever_asks:
        return _(
            "The staff could never approve a payout to which these apply: %(rules)s. They need "
            "%(required)s, each from another person; %(missing)s would be missing."
        )
    return _(
        "If %(person)s requests a payout, the others could never approve it where these apply: "
        "%(rules)s. They need %(required)s; %(missing)s would be missing."
    )


def required_by(rules: Sequence[Rule]) -> dict[str, int]:
    required: dict[str, int] = {}
    for rule in rules:
        required[rule.group] = max(required.get(rule.group, 0), rule.count)
    return required


def unmet(rules: Sequence[Rule], people: Mapping[int, Collection[str]]) -> list[Rule]:
    """Return rules that can apply to one payout and that these people cannot satisfy together.

    Of each group one rule counts at most, the one that asks for most. What all the rest could add
    tells early which branches cannot fail.
    """
    groups = sorted({rule.group for rule in rules})

    def search(left: Sequence[str], chosen: list[Rule], so_far: Conditions) -> list[Rule]:
        worst = [*chosen, *(rule for rule in rules if rule.group in left)]
        if not missing(required_by(worst), people):
            return []
        if missing(required_by(chosen), people):
            return without_needless(chosen, people)
        for rule in sorted((r for r in rules if r.group == left[0]), key=lambda r: -r.count):
            joined = joint(so_far, rule.conditions)
            if joined and (found := search(left[1:], [*chosen, rule], joined)):
                return found
        return search(left[1:], chosen, so_far)

    return search(groups, [], Conditions())


def without_needless(rules: Sequence[Rule], people: Mapping[int, Collection[str]]) -> list[Rule]:
    """Leave out what these people could satisfy beside the rest."""
    kept = list(rules)
    for rule in rules:
        fewer = [each for each in kept if each is not rule]
        if missing(required_by(fewer), people):
            kept = fewer
    return kept


# Conditions


def bounds(conditions: Conditions, measure: Measure) -> Range:
    return dict(conditions.amounts).get(measure, Range())


def is_possible(conditions: Conditions) -> bool:
    """Whether a payout can fulfil all of them: every sum includes the payout itself."""
    least = bounds(conditions, Measure.PAYOUT).above
    return least is None or all(
        asked.up_to is None or asked.up_to > least for _measure, asked in conditions.amounts
    )


def is_wider(wide: Conditions, narrow: Conditions) -> bool:
    """Whether all that fulfils the narrow conditions fulfils the wide ones."""
    lists = (
        (wide.currencies, narrow.currencies),
        (wide.networks, narrow.networks),
        (wide.origins, narrow.origins),
        (wide.clients, narrow.clients),
    )
    return (
        all(not ours or (theirs and set(theirs) <= set(ours)) for ours, theirs in lists)
        and (not wide.flag or (narrow.flag is not None and narrow.flag >= wide.flag))
        and holds_all(wide.wallet_hours or Range(), narrow.wallet_hours or Range())
        and all(holds_all(asked, reach(narrow, measure)) for measure, asked in wide.amounts)
    )


def reach(conditions: Conditions, measure: Measure) -> Range:
    """Return the bounds of an amount, by those of the payout, which every sum includes, too."""
    own = bounds(conditions, measure)
    if measure == Measure.PAYOUT:
        tops = [asked.up_to for _measure, asked in conditions.amounts if asked.up_to is not None]
        return replace(own, up_to=min(tops, default=None))
    return replace(own, above=highest(own.above, bounds(conditions, Measure.PAYOUT).above))


def highest(*bounds: Decimal | None) -> Decimal | None:
    return max((each for each in bounds if each is not None), default=None)


def lowest(*bounds: Decimal | None) -> Decimal | None:
    return min((each for each in bounds if each is not None), default=None)


def holds_all(wide: Range, narrow: Range) -> bool:
    above = wide.above is None or (narrow.above is not None and narrow.above >= wide.above)
    up_to = wide.up_to is None or (narrow.up_to is not None and narrow.up_to <= wide.up_to)
    return above and up_to


def joint(one: Conditions, other: Conditions) -> Conditions | None:
    """Return what fulfils both, or None if nothing can."""
    lists = {}
    for name in ("currencies", "networks", "origins", "clients"):
        ours, theirs = getattr(one, name), getattr(other, name)
        lists[name] = tuple(sorted(set(ours) & set(theirs))) if ours and theirs else ours or theirs
        if ours and theirs and not lists[name]:
            return None
    measures = sorted({measure for each in (one, other) for measure, _range in each.amounts})
    ranges = {each: overlap(bounds(one, each), bounds(other, each)) for each in measures}
    wallet = overlap(one.wallet_hours or Range(), other.wallet_hours or Range())
    if None in ranges.values() or wallet is None:
        return None
    joined = Conditions(
        **lists,
        wallet_hours=wallet,
        flag=max((each for each in (one.flag, other.flag) if each is not None), default=None),
        amounts=tuple((each, asked) for each, asked in ranges.items() if asked),
    )
    return joined if is_possible(joined) else None


def overlap(one: Range, other: Range) -> Range | None:
    both = Range(highest(one.above, other.above), lowest(one.up_to, other.up_to))
    is_empty = both.above is not None and both.up_to is not None and both.above >= both.up_to
    return None if is_empty else both
