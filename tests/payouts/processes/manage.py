"""manage.py for tests with real processes: the test authority is the one that is trusted."""

import sys
from pathlib import Path

import certifi
from django.core.management import execute_from_command_line

CA_FILE = Path(__file__).parents[2] / "heleket" / "tls" / "ca.pem"


def run(arguments):
    certifi.where = lambda: str(CA_FILE)
    execute_from_command_line(arguments)


if __name__ == "__main__":
    run(sys.argv)
