"""The balance proof: opening + movements + refunds − debits = closing, to the last unit."""

import logging
from datetime import date
from decimal import Decimal

import pytest

from audit.models import DeskEvent
from payouts.books import balance_proof, falls
from payouts.books.models import BalanceReading, Fall
from payouts.models import Attempt, Discrepancy, Posting
from tests.factories import PayoutFactory
from tests.payouts.rounds import submit_due

pytestmark = pytest.mark.django_db

FRIDAY, SATURDAY = date(2026, 10, 30), date(2026, 10, 31)


def period(day=FRIDAY, coin="USDT"):
    [found] = [
        each for each in balance_proof.of_span(day, day).of_day(day) if each.currency == coin
    ]
    return found


def test_a_day_with_payouts_and_a_refund_adds_up_to_the_last_unit(books):
    books.read()
    books.pay("5.00000001")
    books.settle()
    books.read()
    books.pay("7.3", fate="final_fail")
    books.settle()
    books.at("2026-10-31 00:00:20")
    books.read()

    found = period()

    assert found.opening.amount == 1_000_000
    assert found.debits == Decimal("6.00000001") + Decimal("8.3")
    assert found.refunds == Decimal("8.3")
    assert found.closing.amount == Decimal("999993.99999999")
    assert found.rest == 0
    assert found.agrees


def test_what_heleket_paid_in_another_coin_is_a_debit_and_a_fee_of_that_coin(books):
    """Under our order id, as two people found: the balance of what was asked for stays."""
    books.sandbox.top_up("TRX", "1000")
    books.read()
    payout = PayoutFactory(amount=Decimal(5), status="approved")
    books.sandbox.add_foreign_payout(
        order_id=payout.order_id("test"), amount="70", currency="TRX", address=payout.address
    )
    submit_due(1, books.office.client, books.office.account)
    books.settle()
    books.office.end(Discrepancy.objects.get(), Discrepancy.Outcome.AS_HELEKET)
    books.at("2026-10-31 00:00:20")
    books.read()

    attempt, asked_for, paid = Attempt.objects.get(), period(), period(coin="TRX")

    assert attempt.taken_for["currency"] == "TRX"
    assert (asked_for.debits, asked_for.rest) == (0, 0)
    assert (paid.debits, paid.rest) == (attempt.merchant_amount, 0)
    fees = Posting.objects.filter(kind="fees").values_list("currency", "amount")
    assert list(fees) == [("TRX", attempt.merchant_amount - 70)]


def test_g64_what_customers_pay_in_is_to_be_explained_until_somebody_enters_it(books):
    books.read()
    books.pay("5")
    books.settle()
    books.sandbox.top_up("USDT", "250.00000001")
    books.at("2026-10-31 00:00:20")
    books.read()

    assert period().rest == Decimal("250.00000001")
    assert period().debits == Decimal("6")  # never mixed with payouts
    assert not period().agrees
    books.enter(FRIDAY, "250", "customer")
    assert period().rest == Decimal("0.00000001")
    books.enter(FRIDAY, "0.00000001", "customer")

    assert period().agrees
    assert period().movements == Decimal("250.00000001")
    assert not Fall.objects.exists()  # nothing has left


def test_g64_a_transfer_to_the_personal_wallet_alarms_once_until_it_is_entered(books, caplog):
    books.read()
    books.pay("5")
    books.settle()
    books.read()
    books.office.client.transfer_to_personal(amount=Decimal("1000"), currency="USDT")
    with caplog.at_level(logging.CRITICAL):
        books.read()
        books.read()

    assert [each.message for each in caplog.records if each.levelno == logging.CRITICAL] != []
    [event] = DeskEvent.objects.filter(event_type="balance_fell")
    assert event.facts["amount"] == "1000"
    assert event.facts["coin"] == "USDT"
    [standing] = falls.standing()
    assert standing.amount == 1000
    books.enter(FRIDAY, "-999", "transfer_out")
    assert falls.standing()
    books.enter(FRIDAY, "-1", "transfer_out")

    assert not falls.standing()
    assert Fall.objects.count() == 1
    books.at("2026-10-31 00:00:20")
    books.read()
    assert period().agrees


def test_a_transfer_that_was_entered_before_it_shows_does_not_alarm(books):
    books.read()
    books.enter(FRIDAY, "-1000", "transfer_out")
    books.office.client.transfer_to_personal(amount=Decimal("1000"), currency="USDT")
    books.read()

    assert not Fall.objects.exists()
    assert not DeskEvent.objects.filter(event_type="balance_fell").exists()


def test_payouts_alone_never_alarm(books):
    books.read()
    for amount in ("5", "0.5", "77.12345678"):
        books.pay(amount)
        books.read()
    books.settle()
    books.read()

    assert not Fall.objects.exists()
    assert period().rest == 0


def test_a_balance_counts_only_while_nothing_is_under_way(books):
    books.read()
    books.sandbox.lose_answers = True
    books.pay("5")
    books.read()
    assert not BalanceReading.objects.latest("pk").is_clear
    assert period().latest.amount == 1_000_000
    assert not Fall.objects.exists()

    books.sandbox.lose_answers = False
    books.office.work(minutes=10)
    books.read()

    assert BalanceReading.objects.filter(currency="USDT", way="balance").latest("pk").is_clear
    assert period().rest == 0
    assert not Fall.objects.exists()


def test_a_payout_of_this_very_second_leaves_a_balance_in_doubt(books):
    books.read()
    books.pay("5")
    books.read(after=balance_proof.timedelta(seconds=3))

    assert not BalanceReading.objects.filter(way="balance").latest("pk").is_clear


def test_midnight_is_hele_kets_and_what_ends_a_day_begins_the_next(books):
    books.at("2026-10-30 23:58:00")
    books.read()
    books.pay("1")
    books.settle()
    books.at("2026-10-30 23:59:59")
    books.pay("2")
    books.settle()
    books.at("2026-10-31 00:00:10")
    books.pay("4")
    books.settle()
    books.at("2026-10-31 00:01:00")
    books.read()
    books.pay("8")
    books.settle()
    books.at("2026-11-01 00:00:20")
    books.read()

    assert period(FRIDAY).debits == 2 + 3 + 5
    assert period(SATURDAY).debits == 9
    assert period(FRIDAY).closing == period(SATURDAY).opening
    assert period(FRIDAY).agrees
    assert period(SATURDAY).agrees


def test_a_day_without_a_balance_joins_the_one_before(books):
    books.read()
    books.at("2026-11-01 08:00:00")
    books.read()

    assert period(FRIDAY).days == [FRIDAY, SATURDAY]
    assert period(FRIDAY).agrees


def test_a_refund_that_was_there_before_we_heard_of_it_is_no_line(books):
    books.read()
    books.pay("5", fate="final_fail")
    books.at("2026-10-30 23:59:00")
    while books.sandbox.advance():
        pass
    books.at("2026-10-31 00:00:20")
    books.read()  # it is back, and nobody here knows
    assert period().rest == Decimal("6")
    books.at("2026-10-31 00:05:00")
    books.office.ask_now()
    books.read()

    assert period().rest == 0
    assert period().refunds == Decimal("6")
    assert period(SATURDAY).rest == 0
    assert not Fall.objects.exists()


def test_what_a_payout_said_of_the_balance_is_kept_beside(books):
    books.read()
    books.pay("5")
    books.read()

    [said] = BalanceReading.objects.filter(way="payout")
    assert said.amount == Decimal("999994")
    assert not said.is_clear
