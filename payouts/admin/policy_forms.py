"""The form in which a policy is drafted: rules and limits as rows, values as fields.

It works without scripts. A button that adds, moves or removes a row posts everything that was
typed, and the page comes back with it and with the rows as they are wanted.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import time
from decimal import Decimal
from typing import Any, Self

from django import forms
from django.contrib.auth.models import Group
from django.core.exceptions import ValidationError
from django.http import QueryDict
from django.utils.text import format_lazy
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from audit.refusals import Refused
from payouts.admin.policy_words import ORDERS, REFERENCE, VALUES
from payouts.admin.widgets import Boxes
from payouts.controls import documents, policy, staffing
from payouts.controls.checks import Finding
from payouts.controls.documents import (
    AMOUNTS,
    COUNTS,
    LONGEST_NAME,
    MOST_RULES,
    SPANS,
    WINDOWS,
    Document,
    Limit,
    LimitOf,
)
from payouts.controls.flags import Flag
from payouts.controls.rules import ANYONE, Effect, Measure, Range, Rule
from payouts.models import Origin
from payouts.staff.forms import reason_field, text_field
from wallets.amounts import AmountFormField, format_amount
from wallets.coins import NETWORKS

BLANK = [("", "—")]
EFFECTS = {
    Effect.REQUIRE: gettext_lazy("require approvals"),
    Effect.HOLD: gettext_lazy("put on hold"),
    Effect.BLOCK: gettext_lazy("block"),
    Effect.ALLOW: gettext_lazy("allow without approval"),
}
MEASURES = {
    Measure.PAYOUT: gettext_lazy("The payout itself"),
    Measure.BATCH: gettext_lazy("Its file or run"),
    Measure.REQUESTER: gettext_lazy("By one requester in 24 hours"),
    Measure.CLIENT: gettext_lazy("To one client in 24 hours"),
    Measure.ADDRESS: gettext_lazy("To one address in 24 hours"),
}
WALLET = "wallet_hours"
RANGES = {
    **{str(name): format_lazy("{} ({})", label, REFERENCE) for name, label in MEASURES.items()},
    WALLET: gettext_lazy("Hours since the wallet was approved"),
}
LISTED = ("currencies", "clients")  # typed with commas between
TICKED = ("networks", "origins")


class BoundField(AmountFormField):
    """An amount, or 0."""

    def __init__(self, label: Any = "", **kwargs: Any) -> None:
        super().__init__(label=label, **{"required": False, **kwargs})

    def to_python(self, value: Any) -> Any:
        return Decimal(0) if str(value).strip() == "0" else super().to_python(value)


class ListField(forms.CharField):
    """Names with commas between them."""

    def __init__(self, *, upper: bool = False, **kwargs: Any) -> None:
        super().__init__(required=False, **kwargs)
        self.upper = upper
        self.widget.attrs.setdefault("autocomplete", "off")

    def to_python(self, value: Any) -> Any:
        names = [each.strip() for each in (value or "").split(",")]
        return sorted({each.upper() if self.upper else each for each in names if each})

    def prepare_value(self, value: Any) -> Any:
        return value if isinstance(value, str) or value is None else ", ".join(value)


class TimesField(ListField):
    def to_python(self, value: Any) -> Any:
        try:
            return sorted(
                {time.fromisoformat(each).strftime("%H:%M") for each in super().to_python(value)}
            )
        except ValueError:
            raise ValidationError(_("Write times like 09:00, with commas between them.")) from None


class Row(forms.Form):
    """One rule or limit among others of its kind."""

    def __init__(self, data: Any = None, *, number: int, kind: str, **kwargs: Any) -> None:
        super().__init__(data, prefix=f"{kind}-{number}", **kwargs)
        self.number = number

    def names_of(self, name: str, known: Iterable[tuple[Any, Any]]) -> None:
        """Offer these choices, and what the row has that is none of them any more."""
        choices = list(known)
        typed = self[name].value() or []
        for each in [typed] if isinstance(typed, str) else typed:
            if each not in dict(choices):
                choices.append((each, each))
        self.fields[name].choices = choices  # type: ignore[attr-defined]


class RuleForm(Row):
    name = text_field(
        gettext_lazy("Name"),
        LONGEST_NAME,
        error_messages={"required": gettext_lazy("Give the rule a name.")},
    )
    effect = forms.ChoiceField(label=gettext_lazy("What it does"), choices=list(EFFECTS.items()))
    count = forms.IntegerField(
        label=gettext_lazy("Approvals"), required=False, min_value=1, max_value=20
    )
    group = forms.ChoiceField(label=gettext_lazy("From the role"), required=False)
    currencies = ListField(
        label=gettext_lazy("Coins"), upper=True, help_text=gettext_lazy("With commas between them")
    )
    clients = ListField(
        label=gettext_lazy("Clients"),
        help_text=gettext_lazy("Their external ids, with commas between them"),
    )
    networks = forms.MultipleChoiceField(
        label=gettext_lazy("Networks"), required=False, widget=Boxes
    )
    origins = forms.MultipleChoiceField(
        label=gettext_lazy("Requested by way of"),
        required=False,
        widget=Boxes,
    )
    flag = forms.ChoiceField(
        label=gettext_lazy("With a flag of at least"),
        required=False,
        choices=[*BLANK, *((each.word, each.label) for each in list(Flag)[1:])],
    )

    def __init__(self, *args: Any, groups: Sequence[str] = (), **kwargs: Any) -> None:
        super().__init__(*args, kind="rule", **kwargs)
        for name in RANGES:
            self.fields |= {f"{name}_above": BoundField(), f"{name}_up_to": BoundField()}
        anyone = (ANYONE, _("anyone who may approve"))
        self.names_of("group", [anyone, *((each, each) for each in groups)])
        self.names_of("networks", NETWORKS.items())
        self.names_of("origins", Origin.choices)

    @property
    def ranges(self) -> Iterator[tuple[Any, Any, Any]]:
        """What is measured, with the fields of its bounds."""
        for name, label in RANGES.items():
            yield label, self[f"{name}_above"], self[f"{name}_up_to"]

    @property
    def has_conditions(self) -> bool:
        first = ("name", "effect", "count", "group")
        return any(
            self[name].value() or self[name].errors for name in self.fields if name not in first
        )

    def clean_origins(self) -> list[str]:
        origins: list[str] = self.cleaned_data["origins"]
        if unknown := sorted(set(origins) - set(Origin.values)):
            raise ValidationError(_("There is no “%s” any more: leave it out.") % unknown[0])
        return origins

    def clean(self) -> dict[str, Any]:
        data = super().clean() or self.cleaned_data
        if data.get("effect") == Effect.REQUIRE and "count" in data and not data["count"]:
            self.add_error("count", _("Say how many."))
        for name in RANGES:
            above, up_to = data.get(f"{name}_above"), data.get(f"{name}_up_to")
            if above is not None and up_to is not None and above >= up_to:
                sentence = _("It has to be above %s.") % format_amount(above)
                self.add_error(f"{name}_up_to", sentence)
        return data

    def member(self) -> dict[str, Any]:
        """Return the rule as a document has it."""
        data = self.cleaned_data
        asked: dict[str, Any] = {name: data[name] for name in (*LISTED, *TICKED) if data[name]}
        if data["flag"]:
            asked["flag"] = data["flag"]
        if wallet := self.bounds(WALLET):
            asked[WALLET] = wallet
        if amounts := {str(name): found for name in MEASURES if (found := self.bounds(name))}:
            asked["amounts"] = amounts
        rule = {"name": data["name"], "effect": data["effect"], "if": asked}
        if data["effect"] == Effect.REQUIRE:
            rule |= {"count": data["count"], **({"group": data["group"]} if data["group"] else {})}
        return rule

    def bounds(self, name: str) -> dict[str, str]:
        found = {each: self.cleaned_data[f"{name}_{each}"] for each in ("above", "up_to")}
        return {each: format_amount(amount) for each, amount in found.items() if amount is not None}

    @staticmethod
    def filled(rule: Rule) -> dict[str, Any]:
        """Return what the fields say of this rule."""
        asked = rule.conditions
        ranges: list[tuple[str, Range]] = [(str(name), of) for name, of in asked.amounts]
        if asked.wallet_hours:
            ranges.append((WALLET, asked.wallet_hours))
        return {
            "name": rule.name,
            "effect": rule.effect.value,
            "count": rule.count or None,
            "group": rule.group,
            **{name: list(getattr(asked, name)) for name in (*LISTED, *TICKED)},
            "flag": asked.flag.word if asked.flag else "",
            **{f"{name}_above": of.above for name, of in ranges},
            **{f"{name}_up_to": of.up_to for name, of in ranges},
        }


class LimitForm(Row):
    of = forms.ChoiceField(label=gettext_lazy("Limit for"), choices=LimitOf.choices)
    hours = forms.TypedChoiceField(
        label=gettext_lazy("In"), required=False, coerce=int, empty_value=None,
        choices=[*BLANK, *WINDOWS.items()],
    )  # fmt: skip
    only = forms.CharField(
        label=gettext_lazy("Only this one"),
        max_length=LONGEST_NAME,
        required=False,
        help_text=gettext_lazy("A coin, or a client's external id. Empty: each of them."),
        widget=forms.TextInput({"autocomplete": "off"}),
    )
    at_most = BoundField(
        gettext_lazy("At most"),
        required=True,
        error_messages={"required": gettext_lazy("Say how much.")},
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, kind="limit", **kwargs)
        self.fields["at_most"].label = f"{_('At most')} ({REFERENCE})"

    def clean(self) -> dict[str, Any]:
        data = super().clean() or self.cleaned_data
        of, hours, only = data.get("of"), data.get("hours"), data.get("only")
        if of == LimitOf.PAYOUT and hours:
            self.add_error("hours", _("A limit for one payout has no window."))
        if of and of != LimitOf.PAYOUT and not hours and "hours" in data:
            self.add_error("hours", _("Choose a window."))
        if only and of in (LimitOf.PAYOUT, LimitOf.DESK):
            self.add_error("only", _("Leave this empty here."))
        return data

    def member(self) -> dict[str, Any]:
        data = self.cleaned_data
        only = data["only"].upper() if data["of"] == LimitOf.CURRENCY else data["only"]
        limit = {"of": data["of"], "at_most": format_amount(data["at_most"])}
        return limit | ({"hours": data["hours"]} if data["hours"] else {}) | (
            {"only": only} if only else {}
        )  # fmt: skip

    @staticmethod
    def filled(limit: Limit) -> dict[str, Any]:
        return {
            "of": limit.of.value,
            "hours": limit.hours or "",
            "only": limit.only,
            "at_most": limit.at_most,
        }


def value_field(name: str) -> forms.Field:
    value = VALUES[name]
    label = f"{value.label} ({value.unit})" if value.unit else value.label
    shown = {"label": label, "help_text": value.help}
    if name in SPANS:
        _field, _unit, least, most = SPANS[name]
        return forms.IntegerField(min_value=least, max_value=most, **shown)
    if name in COUNTS:
        least, most = COUNTS[name]
        return forms.IntegerField(min_value=least, max_value=most, **shown)
    if name in AMOUNTS:
        return BoundField(required=True, **shown)
    if name == "run_times":
        return TimesField(**shown)
    if name == "funds_order":
        return forms.ChoiceField(
            choices=[(key.value, text) for key, text in ORDERS.items()], **shown
        )
    yes_or_no = [(True, _("yes")), (False, _("no"))]
    return forms.TypedChoiceField(choices=yes_or_no, coerce=lambda text: text == "True", **shown)


class ValuesForm(forms.Form):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields |= {name: value_field(name) for name in VALUES}

    def member(self) -> dict[str, Any]:
        return {
            name: format_amount(found) if name in AMOUNTS else found
            for name, found in self.cleaned_data.items()
        }


class WhyForm(forms.Form):
    """`seen` is the state of the policy that the page showed."""

    seen = forms.CharField(widget=forms.HiddenInput, required=False)
    reason = reason_field(gettext_lazy("Say why. It is kept for ever."))


@dataclass
class PolicyForms:
    """All that makes a draft, on one page."""

    rules: list[RuleForm]
    limits: list[LimitForm]
    values: ValuesForm
    why: WhyForm
    warnings: list[str] = field(default_factory=list)

    @classmethod
    def of(cls, text: str) -> Self:
        """Return forms that say what a document says."""
        document, groups = documents.read(text), names_of_groups()
        return cls(
            rules=[
                RuleForm(initial=RuleForm.filled(rule), number=number, groups=groups)
                for number, rule in enumerate(document.rules)
            ],
            limits=[
                LimitForm(initial=LimitForm.filled(limit), number=number)
                for number, limit in enumerate(document.limits)
            ],
            values=ValuesForm(initial=json.loads(text)["values"]),
            why=WhyForm(initial={"seen": policy.state()}),
        )

    @classmethod
    def posted(cls, data: QueryDict) -> Self:
        """Return forms that judge what was typed."""
        groups = names_of_groups()
        return cls(
            rules=[RuleForm(data, number=n, groups=groups) for n in range(count_of("rules", data))],
            limits=[LimitForm(data, number=n) for n in range(count_of("limits", data))],
            values=ValuesForm(data),
            why=WhyForm(data),
        )

    def rearranged(self, act: str, kind: str, number: int) -> Self:
        """Return what was typed with a row added, moved or removed; nothing is judged."""
        rows: dict[str, list[Mapping[str, Any]]] = {
            "rule": [typed_in(form) for form in self.rules],
            "limit": [typed_in(form) for form in self.limits],
        }
        if kind in rows:
            rearrange(rows[kind], act, number)
        groups = names_of_groups()
        return type(self)(
            rules=[
                RuleForm(initial=each, number=n, groups=groups)
                for n, each in enumerate(rows["rule"])
            ],
            limits=[LimitForm(initial=each, number=n) for n, each in enumerate(rows["limit"])],
            values=ValuesForm(initial=typed_in(self.values)),
            why=WhyForm(initial=typed_in(self.why)),
        )

    def judged(self) -> str | None:
        """Return the document if it can be drafted; else say beside each field or row why not."""
        each: list[forms.Form] = [*self.rules, *self.limits, self.values, self.why]
        if not all(form.is_valid() for form in each):
            return None
        text = documents.canonical(
            {
                "rules": [form.member() for form in self.rules],
                "limits": [form.member() for form in self.limits],
                "values": self.values.member(),
            }
        )
        try:
            document = documents.read(text)
        except Refused as exc:
            self.why.add_error(None, str(exc))
            return None
        return None if self.has_faults(document) else text

    def has_faults(self, document: Document) -> bool:
        found = staffing.findings(document)
        self.warnings = [each.sentence for each in found.warnings]
        for each in found.refusals:
            self.form_of(each).add_error(None, each.sentence)
        return bool(found.refusals)

    def form_of(self, found: Finding) -> forms.Form:
        if found.rule is not None:
            return self.rules[found.rule]
        return self.why if found.limit is None else self.limits[found.limit]


def names_of_groups() -> list[str]:
    return list(Group.objects.order_by("name").values_list("name", flat=True))


def count_of(kind: str, data: QueryDict) -> int:
    text = data.get(kind, "")
    return (
        min(int(text), MOST_RULES) if text.isascii() and text.isdecimal() and len(text) < 4 else 0
    )


def typed_in(form: forms.Form) -> dict[str, Any]:
    return {
        name: form.fields[name].widget.value_from_datadict(
            form.data, form.files, form.add_prefix(name)
        )
        for name in form.fields
    }


def rearrange(rows: list[Mapping[str, Any]], act: str, number: int) -> None:
    """Change a list of rows as one of its buttons says; a button of a row that is gone does
    nothing."""
    if act == "add" and len(rows) < MOST_RULES:
        rows.append({})
    if not 0 <= number < len(rows):
        return
    if act == "remove":
        del rows[number]
    elif act == "up" and number:
        rows.insert(number - 1, rows.pop(number))
    elif act == "down":
        rows.insert(number + 1, rows.pop(number))
