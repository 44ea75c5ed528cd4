"""A request that creates breaks anywhere: it leaves nothing, or all, and its repeat makes one."""

import sys
from contextlib import contextmanager

import pytest
from django.db import OperationalError, connection, transaction

from payouts.models import Payout
from payouts.portal import idempotent
from payouts.portal.models import ApiAnswer
from wallets.models import Wallet

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clock", "usdt")]


@pytest.fixture
def asked(portal, wallet):
    """Ask for one of a kind, whatever breaks."""
    portal.client.raise_request_exception = False
    payout = {"wallet": str(wallet.public_id), "currency": "USDT", "amount": "5", "purpose": "P"}
    address = "TJRyWwFs9wTFGZg3JbrVriFbNfCug5tDeC"
    asked = {
        Payout: ("payouts/", payout),
        Wallet: ("wallets/", {"network": "tron", "address": address}),
    }
    portal.get("payouts/")
    return lambda model: portal.post(*asked[model], key="1")


@contextmanager
def broken_statement(number):
    """Let the statement of this number fail, counted from 1; yield those that were begun."""
    begun = []

    def execute(run, sql, params, many, context):
        begun.append(sql)
        if len(begun) == number:
            raise OperationalError("the connection was lost")
        return run(sql, params, many, context)

    with connection.execute_wrapper(execute):
        yield begun


@contextmanager
def broken_line(number):
    """Let the line of this number fail, counted from 1 as they are first reached; yield those.

    A block that begins with `with` comes to that line once more to leave it; to fail there would be
    to leave a transaction open, which no line of Python does.
    """
    begun, before = [], sys.gettrace()

    def look(frame, event, _arg):
        if frame.f_code.co_filename != idempotent.__file__:
            return None
        place = (frame.f_code.co_filename, frame.f_lineno)
        if event == "line" and place not in begun:
            begun.append(place)
            if len(begun) == number:
                raise RuntimeError("broken")
        return look

    sys.settrace(look)
    try:
        yield begun
    finally:
        sys.settrace(before)


@pytest.mark.parametrize(
    ("model", "breaking"),
    [(Payout, broken_statement), (Payout, broken_line), (Wallet, broken_statement)],
)
def test_i13_a_request_that_breaks_anywhere_is_repeated_and_makes_one(asked, model, breaking):
    before, number, undone, kept = model.objects.count(), 0, 0, 0
    while True:
        number += 1
        with transaction.atomic():
            with breaking(number) as begun:
                answer = asked(model)
            if len(begun) < number:
                transaction.set_rollback(True)
                break
            assert (answer.status_code, answer.json()["code"]) == (500, "server_error"), begun[-1]
            made = model.objects.count() - before
            assert made == ApiAnswer.objects.count(), begun[-1]
            undone, kept = undone + (not made), kept + made
            again = asked(model)
            assert again.status_code == 201, (begun[-1], again.content)
            assert ("Idempotent-Replayed" in again) == bool(made)
            assert model.objects.count() - before == ApiAnswer.objects.count() == 1
            transaction.set_rollback(True)
    assert answer.status_code == 201
    assert undone > 10
    assert kept < undone  # there the answer alone was lost
