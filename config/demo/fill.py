"""Fill the demo's own database with example data, and no other."""

import sqlite3
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path
from random import Random

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import DatabaseError, connection
from rich.progress import track

from audit import clock
from config import environment
from config.demo import history, place
from payouts.models import Payout

# What SQLite has to tell whose file this is: "demo". A desk of real money has none.
APPLICATION_ID = 0x64656D6F


def refuse_another_desk() -> None:
    """Raise CommandError unless this process has the demo's values and works on the demo's data."""
    its_place = settings.DATABASES["default"]["NAME"] == str(place.DATABASE)
    if not (has_made_up_values() and its_place):
        raise CommandError(
            "This process has the settings of another desk, so nothing was done. "
            "Start the demo with “make demo” or “python manage.py demo”."
        )
    if holds_other_data(place.DATABASE):
        raise CommandError(f"{place.DATABASE} holds other data than the demo's. Nothing was done.")


def has_made_up_values() -> bool:
    names = ["SECRET_KEY", "INSTALLATION", "HELEKET_MERCHANT_ID", "HELEKET_API_KEY"]
    return all(getattr(settings, name) == environment.MADE_UP[name] for name in names)


def holds_other_data(path: Path) -> bool:
    """Look into a database without changing a byte of it."""
    if not path.exists() or path.stat().st_size == 0:
        return False
    with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)) as database:
        found: int = database.execute("PRAGMA application_id").fetchone()[0]
    return found != APPLICATION_ID


def fill_once() -> None:
    """Bring the database up to date, and fill it unless that was done before."""
    if place.STATE.exists():
        bring_up_to_date()
    else:
        remove_unfinished()
        with connection.cursor() as cursor:
            cursor.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        end = clock.now()
        start = end - timedelta(days=history.DAYS + 1)
        make_tables(start)
        place.PORT_KEPT.write_text(settings.HELEKET_PROJECT_URL.rpartition(":")[2])
        fill(start, end)
    connection.close()


def bring_up_to_date() -> None:
    """Migrate example data of an earlier version. Raises CommandError where that cannot be."""
    try:
        call_command("migrate", verbosity=0)
        Payout.objects.first()  # before the first release migrations were written anew
    except DatabaseError as exc:
        raise CommandError(
            f"The example data in {place.FOLDER} is of another version. Remove that folder to "
            "start over."
        ) from exc


def make_tables(start: datetime) -> None:
    """Make the tables of a database that is filled for the first time. Its story begins at `start`,
    and what a fresh desk is given is of that moment, such as its first policy."""
    if connection.vendor == "sqlite":
        with connection.cursor() as cursor:
            cursor.execute("PRAGMA synchronous = OFF")  # what a crash spoils is made again
    with clock.replaced(lambda: start):
        call_command("migrate", verbosity=0)


def remove_unfinished() -> None:
    place.FOLDER.mkdir(exist_ok=True)
    connection.close()
    for path in place.FOLDER.glob(f"{place.DATABASE.name}*"):
        path.unlink()


def fill(start: datetime, end: datetime) -> None:
    """Live through the demo's days and save the sandbox's side of them."""
    chance = Random(history.DAYS)  # noqa: S311  # the same story every time
    with history.opened(start, chance) as story:
        days = history.live(story, end)
        for _ in track(days, "Example data", total=history.DAYS + 1):
            pass
        story.gateway.save(place.STATE)
