"""Where one month ends and the next begins: at the id of an event, not at a time.

A number that is drawn when a row is written may become visible after a greater one, and an event of
23:59:59 may be committed after the month was closed. So a cut waits for whoever is writing: every
event up to it is committed, and every later one has a greater id. The numbers of the clients' feed
are given to committed events as well, but it passes over events that are no news for clients.
"""

from collections.abc import Iterator
from itertools import groupby
from operator import itemgetter
from typing import Any

from django.db import connection, transaction
from django.db.models import Max, Model, QuerySet

from audit.verifying import CHUNK

Link = tuple[Any, int, str]  # a row, the number of its last event, and its hash


def cut(model: type[Model]) -> int:
    """Return the id up to which all rows are committed. In no transaction of the caller's: with
    this table alone and nothing else locked there is no deadlock."""
    with transaction.atomic():
        if connection.vendor == "postgresql":  # SQLite has one writer at a time: this one
            with connection.cursor() as cursor:
                cursor.execute(f'LOCK TABLE "{model._meta.db_table}" IN SHARE MODE')
        rows: QuerySet[Any] = QuerySet(model)
        return rows.aggregate(last=Max("pk"))["last"] or 0


def last_links(model: type[Model], owner: str, upto: int) -> Iterator[Link]:
    """Yield the last event, up to an id, of each row's chain, in the order of the rows."""
    events: QuerySet[Any] = QuerySet(model).filter(pk__lte=upto)
    events = events.order_by(f"{owner}_id", "number")
    links = events.values_list(f"{owner}_id", "number", "hash").iterator(chunk_size=CHUNK)
    for _row, some in groupby(links, itemgetter(0)):
        *_before, last = some
        yield last
