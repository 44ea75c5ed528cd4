"""Celery workers with a real Redis, before a real gateway and database."""

import pytest

from tests.payouts.processes.conftest import assert_each_paid_once, until_all

pytestmark = pytest.mark.processes


def test_a13_two_hosts_and_two_beats_pay_each_of_100_rows_once(
    make_approved, sandbox, start_celery, start_beat
):
    make_approved(100)
    for _ in range(2):
        start_celery()
        start_beat()

    until_all("broadcast")

    assert_each_paid_once(sandbox)
    assert sandbox.creates() == 100
