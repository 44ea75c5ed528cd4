"""Fill the demo's own database with example data, and no other."""

import logging
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import datetime, timedelta
from pathlib import Path

from django.conf import settings
from django.contrib.auth.models import User
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import connection
from django.utils import timezone
from rich.progress import track

import heleket
from audit import clock
from config import environment
from config.demo import history, people, place
from heleket.sandbox import Gateway
from wallets.models import Client, Wallet

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
        call_command("migrate", verbosity=0)
    else:
        remove_unfinished()
        with connection.cursor() as cursor:
            cursor.execute(f"PRAGMA application_id = {APPLICATION_ID}")
            cursor.execute("PRAGMA synchronous = OFF")  # what a crash spoils is made again
        call_command("migrate", verbosity=0)
        place.PORT_KEPT.write_text(settings.HELEKET_PROJECT_URL.rpartition(":")[2])
        with without_logging():
            fill()
    connection.close()


def remove_unfinished() -> None:
    place.FOLDER.mkdir(exist_ok=True)
    connection.close()
    for path in place.FOLDER.glob(f"{place.DATABASE.name}*"):
        path.unlink()


@contextmanager
def without_logging() -> Iterator[None]:
    """The story has its alarms; on a terminal they would look like the demo's own."""
    logging.disable()
    try:
        yield
    finally:
        logging.disable(logging.NOTSET)


def fill() -> None:
    """Live through the demo's days and save the sandbox's side of them."""
    end = timezone.now()
    start = end - timedelta(days=history.DAYS + 1)
    made_up_clock = history.Clock(start)
    gateway = Gateway(
        merchant_id=settings.HELEKET_MERCHANT_ID,
        payout_key=settings.HELEKET_API_KEY,
        payment_key=settings.HELEKET_PAYMENT_API_KEY,
        now=made_up_clock,
        sleep=lambda _seconds: None,
        pace_seconds=20,
    )
    staff = people.hire()
    people.register(staff)
    date_back(start)
    with clock.replaced(made_up_clock), client_of(gateway) as client:
        story = history.begin(made_up_clock, gateway, client, staff)
        for _ in track(history.live(story, end), "Example data", total=history.DAYS + 1):
            pass
    gateway.save(place.STATE)


def client_of(gateway: Gateway) -> heleket.HeleketClient:
    return heleket.HeleketClient(
        base_url=settings.HELEKET_PROJECT_URL,
        merchant_id=settings.HELEKET_MERCHANT_ID,
        payout_key=settings.HELEKET_API_KEY,
        payment_key=settings.HELEKET_PAYMENT_API_KEY,
        adapter=gateway.adapter(),
    )


def date_back(start: datetime) -> None:
    """Staff, clients and approved wallets were there before; their own times are the machine's."""
    User.objects.update(date_joined=start)
    Client.objects.update(created_at=start)
    Client.history.update(history_date=start)
    approved = Wallet.objects.exclude(approved_at=None)
    Wallet.history.filter(id__in=approved.values("pk")).update(history_date=start)
    approved.update(created_at=start, approved_at=start + timedelta(hours=1))
