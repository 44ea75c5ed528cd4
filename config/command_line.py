"""What holds for every command: its text goes through, its end is one sentence, its code is true.

Exit code 2 means "findings", so what argparse ends with 2 elsewhere ends with 1 here.
"""

import io
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn, TextIO, cast

from django.core.exceptions import ImproperlyConfigured
from django.core.management import CommandParser, get_commands, load_command_class
from django.db import DatabaseError, InterfaceError, OperationalError

SETTINGS_COME = "Settings come from .env beside manage.py; .env.example has them all."
PACKAGES = {"config", "payouts", "wallets", "audit", "heleket"}
USAGE = "manage.py COMMAND does what is said here, manage.py COMMAND --help says more:"
OTHERS = "Django's own commands, such as migrate and shell: manage.py help --commands"
INTERRUPTED = 130  # as a shell says it
MISSING = ("42P01", "42703")  # a table, a column; PostgreSQL's codes


@contextmanager
def in_good_order() -> Iterator[None]:
    """Run what `manage.py` does from its first line on."""
    sys.stdout, sys.stderr = patient(sys.stdout), patient(sys.stderr)
    sys.argv = [in_utf8(each) for each in sys.argv]
    CommandParser.error = end_with_usage  # type: ignore[assignment]  # of subparsers as well
    try:
        yield
    except ImproperlyConfigured as exc:
        sys.exit(f"{str(exc).rstrip('.')}. {SETTINGS_COME}")
    except (DatabaseError, InterfaceError) as exc:
        if not (sentence := trouble(exc)):
            raise
        sys.exit(sentence)
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)


class Patient(io.FileIO):
    """An output whose reader may go away, as `head` does: what is written then is dropped."""

    def write(self, data: Any) -> int:
        try:
            return super().write(data)
        except BrokenPipeError:
            return len(data)


def patient(stream: TextIO | None) -> TextIO:
    """Return a stream that takes all text, in escapes where its encoding has no such letter."""
    if stream is None:  # closed by whoever started us
        return Path(os.devnull).open("w")
    raw = Patient(stream.fileno(), "w", closefd=False)
    return io.TextIOWrapper(
        io.BufferedWriter(cast("io.RawIOBase", raw)),
        encoding=stream.encoding,
        errors="backslashreplace",
        line_buffering=bool(stream.line_buffering or getattr(stream, "write_through", False)),
    )


def in_utf8(argument: str) -> str:
    """Return an argument as its bytes are meant, whatever the locale takes them for."""
    try:
        return os.fsencode(argument).decode()
    except UnicodeDecodeError:
        sys.exit("An argument is not text in UTF-8.")


def help_of_all() -> str:
    """Name the desk's commands, each with the first sentence of what it says of itself."""
    ours = [name for name, app in get_commands().items() if app.partition(".")[0] in PACKAGES]
    lines = [f"  {name:<18} {line_about(name)}" for name in sorted(ours)]
    return "\n".join([USAGE, "", *lines, "", OTHERS])


def line_about(name: str) -> str:
    help_text = load_command_class(get_commands()[name], name).help
    sentence, dot, _rest = " ".join(help_text.split()).partition(". ")
    return sentence.rstrip(".") if dot else sentence


def end_with_usage(parser: CommandParser, message: str) -> NoReturn:
    parser.print_usage(sys.stderr)
    parser.exit(1, f"{parser.prog}: error: {message}\n")


def trouble(exc: Exception) -> str:
    """Return a sentence for a database that does not answer or has other tables, else nothing."""
    message = without_password(" ".join(str(exc).split()))
    if getattr(exc.__cause__, "pgcode", None) in MISSING or message.startswith("no such "):
        return f"The database is not that of this version, run “manage.py migrate”: {message}"
    if isinstance(exc, OperationalError | InterfaceError):
        return f"The database cannot be used, see DATABASE_URL: {message}"
    return ""


def without_password(message: str) -> str:
    from django.conf import settings  # read only once a command runs

    password = settings.DATABASES["default"].get("PASSWORD")
    return message.replace(password, "…") if password else message
