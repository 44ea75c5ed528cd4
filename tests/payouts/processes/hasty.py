"""manage.py whose worker looks for something to do twenty times a second, not twice."""

import sys

import django

from tests.payouts.processes import manage

if __name__ == "__main__":
    django.setup()
    from payouts.engine import worker

    worker.IDLE_SECONDS = 0.05
    manage.run(sys.argv)
