"""What all commands of the desk share: who does it, how they refuse, report and show progress.

Exit codes: 0 done, 1 error and nothing was changed, 2 done but something was refused or found.
"""

import argparse
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from django.contrib.auth.models import User
from django.core.management.base import CommandError, CommandParser, OutputWrapper
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

import heleket
from audit.actor import Actor, Channel
from audit.refusals import Refused

FINDINGS = 2
MOST = 10**9  # more than any desk has, and fit for a query on either database


def positive(text: str) -> int:
    number = int(text)
    if not 1 <= number <= MOST:
        raise argparse.ArgumentTypeError(f"must be from 1 to {MOST:,}")
    return number


def add_report_options(parser: CommandParser) -> None:
    parser.add_argument("--format", choices=["text", "json"], default="text", help="how to report")


def add_person(parser: argparse.ArgumentParser, *, required: bool = True) -> None:
    parser.add_argument(
        "--by",
        required=required,
        metavar="USERNAME",
        help="who does this; their rights are checked and their name is kept in the history",
    )


def person(username: str) -> User:
    found = User.objects.filter(username=username, is_active=True).first()
    if found is None:
        raise CommandError(f"There is no active user called “{username}”.")
    return found


def actor(username: str) -> Actor:
    return Actor.staff(person(username), Channel.COMMAND)


@contextmanager
def refusals_as_errors() -> Iterator[None]:
    """End the command with the sentence of a refusal that concerns all of it."""
    try:
        yield
    except (Refused, heleket.InvalidBaseUrl, heleket.MissingCredentials) as exc:
        raise CommandError(str(exc)) from exc


def write_json(out: OutputWrapper, report: Any) -> None:
    out.write(json.dumps(report, indent=2, default=str))


@contextmanager
def progress_bar(what: str, total: int | None = None) -> Iterator[Callable[..., None]]:
    """Yield a function that shows how many are done, and of how many if that is known only then: a
    bar on a terminal, else nothing."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    console = Console(stderr=True)
    with Progress(*columns, console=console, disable=not console.is_terminal) as progress:
        task = progress.add_task(what, total=total)
        yield lambda done, total=None: progress.update(task, completed=done, total=total)
