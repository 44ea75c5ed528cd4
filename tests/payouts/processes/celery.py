"""The `celery` command for tests with real processes: the test authority is trusted."""

import sys

import certifi

from tests.payouts.processes.manage import CA_FILE

if __name__ == "__main__":
    certifi.where = lambda: str(CA_FILE)
    from celery.__main__ import main

    sys.exit(main())
