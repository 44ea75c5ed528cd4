from decimal import Decimal

import pytest
from django import forms
from django.core.exceptions import ValidationError
from django.db import DataError, IntegrityError, connection, transaction
from django.db.models import F, Q, Sum
from django.test.utils import CaptureQueriesContext
from hypothesis import given
from hypothesis import strategies as st

from tests.factories import PayoutMethodFactory
from wallets.amounts import (
    MAX_AMOUNT,
    AmountFormField,
    InvalidAmount,
    Total,
    exact,
    format_amount,
    meant_by,
    parse_amount,
)
from wallets.models import PayoutMethod

amounts = st.decimals(min_value=Decimal("0.00000001"), max_value=MAX_AMOUNT, places=8)

WRONG = [
    "", " ", "NaN", "nan", "Infinity", "-1", "0", "-0", "0.00000000", "+5", "1e3", "1E-7", "1_000",
    "٣", "५", "５", "²", "1,5", "1.000,00", "1 000", ".5", "5.", ".", "5 USDT", "- 5", "1\n5",
    "1.2.3", "0x10", "$5", "5USDT", "1\u200b0", "−5", "4" * 40, "1" + "0" * 18, "1.000000000",
    "0.123456789", "5\x00",
]  # fmt: skip


@pytest.mark.parametrize("text", WRONG)
def test_d1_amounts_in_other_forms_are_refused_with_a_sentence(text):
    with pytest.raises(InvalidAmount) as refusal:
        parse_amount(text)

    assert str(refusal.value).endswith(".")


@pytest.mark.parametrize("value", [5, 5.0, True, None, Decimal(5), b"5", ["5"], float("nan")])
def test_d1_amounts_that_are_not_text_are_refused(value):
    with pytest.raises(InvalidAmount):
        parse_amount(value)


@given(st.text())
def test_d1_any_text_is_an_amount_in_plain_digits_or_is_refused(text):
    try:
        amount = parse_amount(text)
    except InvalidAmount:
        return
    assert set(text.strip()) <= set("0123456789.")
    assert amount == Decimal(text.strip()) > 0


@pytest.mark.parametrize("text", [" 5", "5 ", "5\n", "\t5", "\u00a05\u202f", "\r\n 5 \r\n"])
def test_blanks_around_a_pasted_amount_are_dropped(text):
    assert parse_amount(text) == 5
    assert AmountForm({"amount": text}).is_valid()


COMMA, BLANK = "There is a comma in the amount.", "There is a blank in the amount."
EXPONENT, OTHER = "There is an exponent in the amount.", "The amount is not in plain digits."

MEANT = [
    ("1,5", COMMA, "1.5"),
    ("0,500", COMMA, "0.5"),
    ("1,500.00", COMMA, "1500"),
    ("1.500,25", COMMA, "1500.25"),
    ("1,000,000", COMMA, "1000000"),
    ("12,34,567.5", COMMA, "1234567.5"),
    ("1 500,50", COMMA, "1500.5"),
    ("1,500", COMMA, "1500 or 1.5"),
    ("1 500", BLANK, "1500"),
    ("1\u00a0500.5", BLANK, "1500.5"),
    ("1e3", EXPONENT, "1000"),
    ("1E-7", EXPONENT, "0.0000001"),
    ("1.000.000", OTHER, "1000000"),
    ("1'500", OTHER, "1500"),
    (".5", OTHER, "0.5"),
]


@pytest.mark.parametrize(("text", "found", "meant"), MEANT)
def test_g83_a_refusal_names_the_comma_or_blank_and_offers_the_number_meant(text, found, meant):
    with pytest.raises(InvalidAmount) as refusal:
        parse_amount(text)

    whichever = ", whichever you mean" if " or " in meant else ""
    assert str(refusal.value) == f"{found} Write {meant} instead{whichever}."


@pytest.mark.parametrize("text", ["1,2,3", ",", "1.2.3", "1e99", "-1,5", "1,5" + "0" * 60, "a,5"])
def test_what_may_mean_anything_is_offered_no_number(text):
    with pytest.raises(InvalidAmount, match="plain digits, like 1250"):
        parse_amount(text)


@given(st.text("0123456789., 'e-", max_size=20))
def test_every_number_that_is_offered_is_taken(text):
    for number in meant_by(text):
        assert format_amount(parse_amount(number)) == number


def test_d1_a_coin_with_fewer_decimals_takes_fewer():
    assert parse_amount("0.000001", decimals=6) == Decimal("0.000001")
    with pytest.raises(InvalidAmount, match="at most 6 decimals"):
        parse_amount("0.0000001", decimals=6)


@given(amounts)
def test_d2_what_is_written_is_what_is_read(amount):
    text = format_amount(amount)

    assert parse_amount(text) == amount
    assert "e" not in text.lower()
    assert format_amount(parse_amount(text)) == text


@pytest.mark.parametrize(
    ("amount", "text"),
    [
        ("5.00000000", "5"),
        ("1E-7", "0.0000001"),
        ("0E-8", "0"),
        ("1E+3", "1000"),
        ("100", "100"),
        ("0.10", "0.1"),
    ],
)
def test_d2_amounts_are_written_in_plain_digits(amount, text):
    assert format_amount(Decimal(amount)) == text


def test_d2_what_is_no_number_is_not_written():
    with pytest.raises(InvalidAmount):
        format_amount(Decimal("NaN"))


@pytest.mark.parametrize("value", [0.5, 5.0, True, b"5", [5]])
def test_d2_floats_and_other_types_never_become_amounts(value):
    with pytest.raises(TypeError):
        exact(value)


@pytest.mark.parametrize("value", ["NaN", "Infinity", "-Infinity", "-1", "-0", "1E+18", "1E-9"])
def test_d1_numbers_that_are_no_amount_are_refused_at_assignment(value):
    with pytest.raises(InvalidAmount):
        PayoutMethod(min_amount=Decimal(value))


def test_d2_a_row_in_memory_holds_what_the_database_gives_back(db):
    service = PayoutMethodFactory(min_amount=Decimal("0.0000001"), max_amount=7)

    stored = PayoutMethod.objects.get()
    assert str(service.min_amount) == str(stored.min_amount) == "1.0E-7"
    assert str(service.max_amount) == str(stored.max_amount) == "7.00000000"


@pytest.mark.django_db
@given(st.lists(amounts, min_size=1, max_size=8))
def test_d3_stored_amounts_are_exact_sort_compare_and_add_up(values):
    with transaction.atomic():
        check_stored(values)
        transaction.set_rollback(True)


def check_stored(values):
    PayoutMethod.objects.bulk_create(
        PayoutMethodFactory.build(currency=str(i), min_amount=value)
        for i, value in enumerate(values)
    )
    services = PayoutMethod.objects.order_by("min_amount")
    pivot = values[0]

    assert [service.min_amount for service in services] == sorted(values)
    assert services.filter(min_amount__gt=pivot).count() == sum(v > pivot for v in values)
    assert services.filter(min_amount__lte=pivot).count() == sum(v <= pivot for v in values)
    assert services.filter(min_amount=pivot).exists()
    if sum(values) <= MAX_AMOUNT:
        assert services.aggregate(total=Total("min_amount")) == {"total": sum(values)}


@pytest.mark.postgres
def test_d3_many_rows_are_stored_with_one_list_for_each_column(db):
    """A parameter for each value costs a worker about a tenth of its time."""
    with CaptureQueriesContext(connection) as queries:
        PayoutMethod.objects.bulk_create(
            PayoutMethodFactory.build(currency=str(i), max_amount=MAX_AMOUNT) for i in range(3)
        )

    assert "UNNEST" in queries[-1]["sql"]
    assert [each.max_amount for each in PayoutMethod.objects.all()] == [MAX_AMOUNT] * 3


def test_d3_a_sum_does_not_drift(db):
    PayoutMethod.objects.bulk_create(
        PayoutMethodFactory.build(currency=str(i), min_amount=Decimal("0.1"), fee_amount=MAX_AMOUNT)
        for i in range(9)
    )

    sums = PayoutMethod.objects.aggregate(small=Total("min_amount"), large=Total("fee_amount"))

    assert sums == {"small": Decimal("0.9"), "large": 9 * MAX_AMOUNT}


def test_d3_sums_can_be_grouped_filtered_and_ordered(db):
    for number, (network, amount) in enumerate([("tron", 5), ("tron", 6), ("eth", 10), ("btc", 1)]):
        PayoutMethodFactory(network=network, currency=str(number), min_amount=amount)

    totals = (
        PayoutMethod.objects.values("network")
        .annotate(total=Total("min_amount"), six=Total("min_amount", filter=Q(min_amount=6)))
        .filter(total__gt=Decimal(9))
        .order_by("-total")
        .values_list("network", "total", "six")
    )

    assert list(totals) == [("tron", 11, 6), ("eth", 10, 0)]


def test_d3_the_sum_of_nothing_is_zero(db):
    assert PayoutMethod.objects.aggregate(total=Total("min_amount")) == {"total": Decimal(0)}


def test_d3_columns_compare_with_each_other(db):
    PayoutMethodFactory(min_amount=9, max_amount=10)

    assert PayoutMethod.objects.filter(min_amount__lt=F("max_amount")).exists()


def test_d1_the_column_itself_refuses_what_is_no_amount(db):
    PayoutMethodFactory()
    # In a numeric column 1e3 is a number like any other; in text it would sort wrongly.
    wrong = ["NaN", "-1"] + (["1e3", "5"] if connection.vendor == "sqlite" else [])

    for raw in wrong:
        with pytest.raises((IntegrityError, DataError)), transaction.atomic():
            connection.cursor().execute("UPDATE wallets_payoutmethod SET min_amount = %s", [raw])

    assert PayoutMethod.objects.get().min_amount == Decimal("0.5")


def test_d3_a_sum_through_floats_is_refused_on_sqlite(db):
    PayoutMethodFactory()

    if connection.vendor == "sqlite":
        with pytest.raises(TypeError, match="Total"):
            PayoutMethod.objects.aggregate(Sum("min_amount"))
    else:
        assert PayoutMethod.objects.aggregate(s=Sum("min_amount")) == {"s": Decimal("0.5")}


class AmountForm(forms.Form):
    amount = AmountFormField()


@pytest.mark.parametrize("text", WRONG)
def test_d1_forms_refuse_the_same(text):
    assert not AmountForm({"amount": text}).is_valid()


def test_forms_show_stored_amounts_in_plain_digits():
    assert 'value="0.0000001"' in str(AmountForm(initial={"amount": Decimal("1E-7")}))


def test_model_forms_use_the_same_parser():
    field = PayoutMethod._meta.get_field("min_amount").formfield()

    assert isinstance(field, AmountFormField)
    with pytest.raises(ValidationError):
        field.clean("1e3")
