"""manage.py on a host whose wall clock is DAYS_OFF days off; SIGUSR1 steps it to the other side."""

import os
import signal
import sys
from datetime import UTC, datetime, timedelta

import time_machine

from tests.payouts.processes import manage

off = timedelta(days=float(os.environ["DAYS_OFF"]))
clock = time_machine.travel(datetime.now(UTC) + off).start()


def step(*_signal):
    global off
    clock.shift(-2 * off)
    off = -off


if __name__ == "__main__":
    signal.signal(signal.SIGUSR1, step)
    manage.run(sys.argv)
