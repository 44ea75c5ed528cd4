#!/usr/bin/env python
import os
import sys

from config import command_line, environment
from config.demo import place


def asks_for_help(arguments: list[str]) -> bool:
    """Whether only help is wanted, which needs no settings at all."""
    own = arguments[: arguments.index("--")] if "--" in arguments else arguments
    return own[1:2] in ([], ["help"]) or not {"-h", "--help"}.isdisjoint(own)


def main() -> None:
    """Run a command. `demo` before another command runs that one with the demo's data."""
    arguments = sys.argv
    if arguments[1:2] == ["demo"]:
        beside = len(arguments) > 2 and not arguments[2].startswith("-")
        place.use_demo_values(beside=beside)
        arguments = [arguments[0], *arguments[2:]] if beside else arguments
    elif arguments[1:2] == ["seed"]:
        place.use_seed_values()
    elif asks_for_help(arguments):
        environment.use_made_up_values()
    else:
        environment.read_env_file()
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    import django
    from django.core.management import execute_from_command_line

    if arguments[1:] in ([], ["help"]):
        django.setup()
        print(command_line.help_of_all())  # noqa: T201  # it is what was asked for
    else:
        execute_from_command_line(arguments)


if __name__ == "__main__":
    with command_line.in_good_order():
        main()
