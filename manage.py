#!/usr/bin/env python
import os
import sys

from config import environment
from config.demo import place


def main() -> None:
    if sys.argv[1:2] == ["demo"]:
        place.use_demo_values()
    else:
        environment.read_env_file()
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    from django.core.management import execute_from_command_line

    execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
