"""Exact amounts of money: one parser for everything typed or received, one field, one sum.

An amount is a finite `Decimal`, never negative, with at most 18 digits before the point and 8
after it. An exchange rate has up to 20 after it: a coin may be worth a millionth of a cent.
"""

import json
import re
from collections.abc import Iterator
from decimal import Context, Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any, TypeVar

from django import forms
from django.core.exceptions import ValidationError
from django.db import models
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models.expressions import Case, When
from django.db.models.query_utils import DeferredAttribute
from django.db.models.sql.compiler import SQLCompiler
from django.utils.translation import gettext as _

WHOLE_DIGITS = 18
DECIMALS = 8
RATE_DECIMALS = 20
UNIT = Decimal(1).scaleb(-DECIMALS)
MAX_AMOUNT = 10**WHOLE_DIGITS - UNIT

PLAIN_DIGITS = re.compile(r"[0-9]+(\.[0-9]+)?")
LONGEST_TYPED = 60  # nobody means a number of more characters
SEPARATORS = "'’_"  # besides blanks, as people write thousands
EXACT = Context(prec=WHOLE_DIGITS + RATE_DECIMALS)

# The stubs' Field takes the types of what is set and got; Django's own takes none.
_Set = TypeVar("_Set", contravariant=True)
_Get = TypeVar("_Get", covariant=True)
if TYPE_CHECKING:
    _Field = models.Field
else:

    class _Field(models.Field):
        def __class_getitem__(cls, _types):
            return cls


class InvalidAmount(ValueError):
    """The text or number is no amount; the message is fit for the person who gave it."""


def parse_amount(text: str, *, decimals: int = DECIMALS) -> Decimal:
    """Return the amount written in plain digits, more than zero, with at most `decimals` decimals.

    Blanks around it come with a paste and are dropped. Signs, exponents, blanks within, separators,
    digits of other scripts, numbers instead of text: all raise InvalidAmount, since each has been
    read as another number by some program before. The sentence offers what may be meant.
    """
    if isinstance(text, str):
        text = text.strip()
    if not isinstance(text, str) or not PLAIN_DIGITS.fullmatch(text):
        raise InvalidAmount(sentence_about(text))
    whole, _point, fraction = text.partition(".")
    if len(whole) > WHOLE_DIGITS:
        raise InvalidAmount(
            _("The amount may have at most %d digits before the point.") % WHOLE_DIGITS
        )
    if len(fraction) > decimals:
        raise InvalidAmount(_("The amount may have at most %d decimals here.") % decimals)
    if not text.strip("0."):
        raise InvalidAmount(_("The amount must be more than zero."))
    return Decimal(text)


def sentence_about(text: object) -> str:
    """Say what is wrong with the writing of an amount, and how the number meant is written."""
    if not isinstance(text, str) or not (meant := meant_by(text)):
        return _("Write the amount in plain digits, like 1250 or 0.75.")
    if "," in text:
        found = _("There is a comma in the amount.")
    elif any(character.isspace() for character in text):
        found = _("There is a blank in the amount.")
    elif "e" in text.lower():
        found = _("There is an exponent in the amount.")
    else:
        found = _("The amount is not in plain digits.")
    how = _("Write %s instead, whichever you mean.") if meant[1:] else _("Write %s instead.")
    return f"{found} {how % _(' or ').join(meant)}"


def meant_by(text: str) -> list[str]:
    """Return the numbers, in plain digits, that a person may mean who wrote this."""
    if len(text) > LONGEST_TYPED:
        return []
    joined = "".join(each for each in text if not each.isspace() and each not in SEPARATORS)
    if re.fullmatch(r"[0-9]+(\.[0-9]+)?[eE][+-]?[0-9]{1,2}", joined):
        return plain_digits(joined)
    if not re.fullmatch("[0-9.,]+", joined):
        return []
    found = [number for reading in readings(joined) for number in plain_digits(reading)]
    return list(dict.fromkeys(found))


def readings(text: str) -> Iterator[str]:
    """Read digits with commas and points: as separators of thousands, and the last as the point."""
    marks = re.sub("[0-9]", "", text)
    if not marks:
        yield text
        return
    last, others = marks[-1], set(marks[:-1])
    whole, _mark, fraction = text.rpartition(last)
    in_groups = re.fullmatch("[1-9][0-9]{0,2}([.,][0-9]{2,3})*", whole)
    if in_groups and len(fraction) == 3 and others <= {last} and marks != ".":
        yield digits_of(text)
    if last not in others and (in_groups or not others):
        yield f"{digits_of(whole)}.{fraction}"


def digits_of(text: str) -> str:
    return re.sub("[.,]", "", text)


def plain_digits(text: str) -> list[str]:
    """Return the number in the one form that is taken, or nothing if it is none or too large."""
    try:
        number = format_amount(Decimal(text))
        return [number] if parse_amount(number) else []
    except (InvalidOperation, InvalidAmount):
        return []


def format_amount(amount: Decimal) -> str:
    """Return plain digits, no exponent and no closing zeros: what we show and what we send."""
    if not amount.is_finite():
        raise InvalidAmount(f"{amount} is no amount.")
    text = format(amount, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def money(amount: Decimal, of: object) -> str:
    """Write an amount of a coin or service for a sentence, with its thousands set apart."""
    whole, point, decimals = format_amount(amount).partition(".")
    return f"{int(whole):,}{point}{decimals} {of}"


def exact(value: Decimal | int | str, decimals: int = DECIMALS) -> Decimal:
    """Return the same number with so many decimals; nothing is rounded.

    Raises TypeError for floats and other types, InvalidAmount for numbers that are no amount.
    """
    if isinstance(value, str):
        if not PLAIN_DIGITS.fullmatch(value):
            raise InvalidAmount(f"{value!r:.60} is not written in plain digits.")
    elif isinstance(value, bool) or not isinstance(value, Decimal | int):
        raise TypeError(f"An amount is a Decimal, not {type(value).__name__}.")
    amount = Decimal(value)
    if not amount.is_finite() or amount.is_signed() or amount > MAX_AMOUNT:
        raise InvalidAmount(f"{amount:.30} is not between 0 and {MAX_AMOUNT}.")
    quantised = amount.quantize(Decimal(1).scaleb(-decimals), context=EXACT)
    if quantised != amount:
        raise InvalidAmount(f"{amount:.30} has more than {decimals} decimals.")
    return quantised


class AmountFormField(forms.CharField):
    """A text input read by `parse_amount`, so that a form takes what every other entry takes."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.widget.attrs.setdefault("inputmode", "decimal")
        self.widget.attrs.setdefault("autocomplete", "off")

    def to_python(self, value: Any) -> Any:
        if value in self.empty_values or not value.strip():
            return None
        try:
            return parse_amount(value)
        except InvalidAmount as exc:
            raise ValidationError(str(exc)) from exc

    def prepare_value(self, value: Any) -> Any:
        return format_amount(value) if isinstance(value, Decimal) else value


class _ExactAttribute(DeferredAttribute):
    """Check and quantise at assignment: a row in memory holds what the database will give back."""

    def __set__(self, instance: models.Model, value: Decimal | int | str | None) -> None:
        instance.__dict__[self.field.attname] = self.field.to_python(value)


class AmountField(_Field[_Set, _Get]):
    """An exact amount, `numeric(26, 8)`.

    SQLite keeps decimals as floats. There the column is text of fixed width, like
    "000000000000000005.00000000", which sorts and compares as the number does. The column's own
    CHECK keeps NaN, negative numbers and other text out on both engines. Sum it with `Total`:
    `Sum` would go through floats and raises.
    """

    _pyi_private_set_type: Decimal | int | str
    _pyi_private_get_type: Decimal
    descriptor_class = _ExactAttribute
    decimals = DECIMALS

    def db_type(self, connection: BaseDatabaseWrapper) -> str:
        if connection.vendor == "sqlite":
            return "text"
        return f"numeric({WHOLE_DIGITS + self.decimals}, {self.decimals})"

    def get_internal_type(self) -> str:
        """Name a type that Django knows, or it stores many rows with a parameter for each value. As
        text, no value goes through a conversion of its own; the column is what `db_type` says."""
        return "TextField"

    def db_check(self, connection: BaseDatabaseWrapper) -> str:
        column = connection.ops.quote_name(str(self.column))
        if connection.vendor == "sqlite":
            digits = "[0-9]" * WHOLE_DIGITS + "." + "[0-9]" * self.decimals
            return f"{column} GLOB '{digits}'"
        # PostgreSQL sorts NaN above every number, so only an upper bound keeps it out.
        return f"{column} >= 0 AND {column} <= {MAX_AMOUNT}"

    def to_python(self, value: Any) -> Any:
        return None if value is None else exact(value, self.decimals)

    def get_prep_value(self, value: Any) -> Any:
        return self.to_python(super().get_prep_value(value))

    def get_db_prep_value(
        self, value: Any, connection: BaseDatabaseWrapper, prepared: bool = False
    ) -> Any:
        value = super().get_db_prep_value(value, connection, prepared)
        if value is None or connection.vendor != "sqlite":
            return value
        return f"{value:0{WHOLE_DIGITS + 1 + self.decimals}.{self.decimals}f}"

    def from_db_value(self, value: Any, *_args: Any) -> Decimal | None:
        if value is None:
            return None
        if not isinstance(value, Decimal | str):
            raise TypeError("This amount came through a float; sum amounts with Total.")
        return Decimal(value)

    def value_to_string(self, obj: models.Model) -> str:
        value = self.value_from_object(obj)
        return "" if value is None else format(value, "f")

    def formfield(self, **kwargs: Any) -> Any:
        return super().formfield(**{"form_class": AmountFormField} | kwargs)


class RateField(AmountField[_Set, _Get]):
    """An exact exchange rate, `numeric(38, 20)`. It is not summed."""

    decimals = RATE_DECIMALS


class Total(models.Aggregate):
    """The exact sum of an AmountField on both engines; zero when there is no row."""

    function = "SUM"
    name = "Total"
    arity = 1
    output_field = AmountField()

    # Integers on both sides of the point, joined into the same fixed width. printf's % stands
    # four times: once for this template, once for the cursor.
    sqlite_template = (
        "printf('%%%%018d.%%%%08d',"
        " SUM(CAST(substr(%(expressions)s, 1, 18) AS INTEGER))"
        " + SUM(CAST(substr(%(expressions)s, 20) AS INTEGER)) / 100000000,"
        " SUM(CAST(substr(%(expressions)s, 20) AS INTEGER)) %%%% 100000000)"
    )

    def __init__(self, expression: Any, **extra: Any) -> None:
        extra.setdefault("default", Decimal(0))
        super().__init__(expression, **extra)

    def as_sqlite(
        self, compiler: SQLCompiler, connection: BaseDatabaseWrapper, **extra: Any
    ) -> tuple[str, tuple[Any, ...]]:
        total = self.copy()
        amounts, condition = total.get_source_expressions()
        if condition is not None:  # FILTER would have to follow each of the three sums
            counted: list[Any] = [Case(When(condition, then=amounts)), None]
            total.set_source_expressions(counted)
        sql, params = total.as_sql(compiler, connection, template=self.sqlite_template, **extra)
        return sql, (*params,) * 3


class Amounts(models.Subquery):
    """The amounts that a query of one column finds, as a list in its order: exact on both engines.
    For few rows of each of many, where the database would have to rank all of them."""

    template = "ARRAY(%(subquery)s)"
    output_field = models.TextField()

    def as_sqlite(
        self, compiler: SQLCompiler, connection: BaseDatabaseWrapper, **extra: Any
    ) -> tuple[str, Any]:
        [column] = self.query.values_select or self.query.annotation_select
        as_json = "(SELECT json_group_array(%(column)s) FROM (%(subquery)s))"
        return self.as_sql(compiler, connection, template=as_json, column=column, **extra)

    def convert_value(self, found: Any, _expression: Any, _connection: Any) -> list[Decimal]:
        return [Decimal(each) for each in (json.loads(found) if isinstance(found, str) else found)]
