"""The judges of the books notice what is wrong in a run that was right."""

from contextlib import contextmanager

import pytest
from django.db import connection, transaction

from tests import canaries
from tests.sim.run import calm, storm
from tests.sim.stored import Broken, rows
from tests.sim.world import World

pytestmark = pytest.mark.sim

BOOKED = 11  # a seed in which payouts are made by hand, and end as foreign ones
TRIGGERS = "SELECT name FROM sqlite_master WHERE type = 'trigger'"


@pytest.fixture
def over():
    """A run that is over, its database still there."""
    world = World(BOOKED)
    with world.running():
        storm(world, 300)
        calm(world)
        yield world


@contextmanager
def changed_past_the_desk(statement):
    """Let somebody with the database, who has taken the triggers away, change it, and undo that."""
    with transaction.atomic():
        with connection.cursor() as cursor:
            for (name,) in rows(TRIGGERS):
                cursor.execute(f"DROP TRIGGER {name}")
            cursor.execute(statement)
            assert cursor.rowcount
        yield
        transaction.set_rollback(True)


def notices(judge, promise, statement):
    with pytest.raises(Broken, match=promise), changed_past_the_desk(statement):
        judge()


def test_i4_i10_i17_i18_i19_sim_the_judges_of_the_books_bite(over):
    auditor = over.oracle.auditor
    auditor.check_kept()
    for table, columns in auditor.tables.items():
        kept = dict(auditor.kept)
        last = f"WHERE id = (SELECT MAX(id) FROM {table})"
        if rows(f"SELECT 1 FROM {table}"):
            column = columns[-1] if columns else names_of(table)[-1]
            other = "'2001-01-01'" if column.endswith("_at") else f"COALESCE({column}, '') || '1'"
            statement = f"UPDATE {table} SET {column} = {other} {last}"
            notices(auditor.check_kept, f"I17 row .* of {table}", statement)
        auditor.kept = kept
    notices(
        over.oracle.check_all,
        "I4",
        "UPDATE payouts_payout SET status = 'rejected' WHERE number = 1",
    )
    auditor.check_kept()
    is_foreign = "kind = 'foreign'"
    for statement in [
        f"DELETE FROM payouts_discrepancy WHERE {is_foreign}",
        f"UPDATE payouts_discrepancy SET proposed_by_id = NULL WHERE {is_foreign}",
    ]:
        notices(auditor.check_end, "I19", statement)
    cost = "UPDATE payouts_attempt SET merchant_amount = REPLACE(merchant_amount, '5', '6')"
    notices(auditor.check_end, "I10", cost)
    auditor.check_end()
    written = "\n".join([*connection.connection.iterdump(), *over.trace])
    assert not [name for secret, name in canaries.everywhere.items() if secret in written]


def names_of(table):
    return [name for _number, name, *_others in rows(f"PRAGMA table_info({table})")]
