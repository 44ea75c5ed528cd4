"""The clock that leases are counted by, on Linux and on a Mac."""

import importlib.util
import time

from audit import clock

A_CLOCK = 7  # the number that Linux gives it


def read_again():
    spec = importlib.util.spec_from_file_location("clock_read_again", clock.__file__)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_f6_the_clock_that_goes_on_in_sleep_is_taken_where_there_is_one(monkeypatch):
    monkeypatch.setattr(time, "CLOCK_BOOTTIME", A_CLOCK, raising=False)
    assert read_again().STEADY == A_CLOCK


def test_f6_a_mac_has_no_such_name_and_counts_leases_all_the_same(monkeypatch):
    monkeypatch.delattr(time, "CLOCK_BOOTTIME", raising=False)
    on_a_mac, before = read_again(), time.clock_gettime(time.CLOCK_MONOTONIC)
    assert before <= on_a_mac.monotonic() <= time.clock_gettime(time.CLOCK_MONOTONIC)
