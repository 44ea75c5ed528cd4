"""Where one month ends and the next begins: at the id of an event, not at a time.

A number that is drawn when a row is written may become visible after a greater one, and an event of
23:59:59 may be committed after the month was closed. So a cut waits for whoever is writing: every
event up to it is committed, and every later one has a greater id. The numbers of the clients' feed
are given to committed events as well, but it passes over events that are no news for clients.

Numbers of journal entries are drawn before their table is written to, under a lock of their own.
"""

from typing import Any

from django.db import connection, transaction
from django.db.models import Max, Model, QuerySet

from payouts import journal
from payouts.models import Entry


def cut(model: type[Model]) -> int:
    """Return the id up to which all rows are committed. In no transaction of the caller's: with
    this table alone and nothing else locked there is no deadlock."""
    with transaction.atomic():
        if model is Entry:
            journal.lock_months()
        elif connection.vendor == "postgresql":  # SQLite has one writer at a time: this one
            with connection.cursor() as cursor:
                cursor.execute(f'LOCK TABLE "{model._meta.db_table}" IN SHARE MODE')
        rows: QuerySet[Any] = QuerySet(model)
        return rows.aggregate(last=Max("pk"))["last"] or 0
