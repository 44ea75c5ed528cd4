"""Fill an empty database with a desk of any size, lived through as the demo's is."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from random import Random

from django.conf import settings
from django.core.management.base import CommandError
from django.db import connection

from config.demo import history, incidents
from config.demo.fill import make_tables
from payouts.gateway.models import Binding

USUAL = 3.5  # requests a day at the demo's desk, beside its incidents
FEWEST_CLIENTS, MOST_CLIENTS = 20, 4000
LAST_MINUTES = timedelta(minutes=10)


def refuse_filled_database() -> None:
    """Raise CommandError unless the database is empty: no other desk's data is touched."""
    if connection.introspection.table_names():
        raise CommandError(
            f"The database {connection.settings_dict['NAME']} holds data already, so nothing was "
            "done. Give an empty one, or remove this one first."
        )


def made_this_database() -> bool:
    """Tell whether it is bound to the account that does not exist."""
    bound = Binding._meta.db_table in connection.introspection.table_names()
    return bound and Binding.objects.filter(merchant_id=settings.HELEKET_MERCHANT_ID).exists()


def build(rows: int, days: int, seed: int, end: datetime) -> Iterator[int]:
    """Make tables, people and about `rows` payouts of so many days before `end`.

    Yields the days that are left. The same seed at the same time gives the same payouts.
    """
    start = end - timedelta(days=days + 1)
    make_tables(start)
    clients = min(max(rows // 50, FEWEST_CLIENTS), MOST_CLIENTS)
    chance = Random(seed)  # noqa: S311  # the same desk every time
    with history.opened(start, chance, clients=clients) as story:
        times = times_as_busy(rows, days)
        yield from history.live(story, end - LAST_MINUTES, days=days, times=times)
        for incident in incidents.NOW:
            incident(story)


def times_as_busy(rows: int, days: int) -> float:
    """How many times the demo's requests a day make so many payouts, together with incidents."""
    earlier = sum(len(incidents.of_day(day)) for day in range(1, days + 1))
    ordinary = rows - earlier - len(incidents.TODAY) - len(incidents.NOW)
    return max(ordinary, 0) / days / USUAL
