"""manage.py for benchmarks: `.env` is not read, and the sandbox's authority is the one trusted."""

import sys

import certifi
from django.core.management import execute_from_command_line

from benchmarks.stage import CA_FILE

if __name__ == "__main__":
    certifi.where = lambda: str(CA_FILE)
    execute_from_command_line(sys.argv)
