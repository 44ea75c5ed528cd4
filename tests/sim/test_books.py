"""What the simulation says of the books is true: each judge of them notices what is wrong."""

from contextlib import contextmanager

import pytest
from django.db import connection, transaction

from tests import canaries
from tests.sim.auditor import KEPT
from tests.sim.run import calm, storm
from tests.sim.stored import Broken, rows
from tests.sim.swarm import Swarm
from tests.sim.world import World

pytestmark = pytest.mark.sim

BOOKED = 14  # a seed with payouts made by hand, and all kinds of rows in the end


@contextmanager
def finished(seed=BOOKED):
    """A run that is over, its database still there."""
    world = World(seed)
    with world.running():
        storm(world, 150)
        calm(world)
        yield world


@contextmanager
def done_past_the_desk(*statements):
    """Let somebody with the database change it, who has taken the triggers away, and undo it."""
    with transaction.atomic():
        with connection.cursor() as cursor:
            for name in [name for (name,) in rows(TRIGGERS)]:
                cursor.execute(f"DROP TRIGGER {name}")
            for statement in statements:
                cursor.execute(statement)
                assert cursor.rowcount
        yield
        transaction.set_rollback(True)


TRIGGERS = "SELECT name FROM sqlite_master WHERE type = 'trigger'"


def test_i17_sim_what_is_written_stays():
    """Of each table: no row goes, and no column changes."""
    with finished() as world:
        auditor = world.oracle.auditor
        kept = dict(auditor.kept)
        for table, columns in auditor.tables.items():
            if not rows(f"SELECT 1 FROM {table}"):
                continue
            column = (columns or [name for name in names_of(table) if name != "id"])[-1]
            last = f"WHERE id = (SELECT MAX(id) FROM {table})"
            statements = [f"UPDATE {table} SET {column} = 'x' {last}"]
            if not columns:
                statements.append(f"DELETE FROM {table} {last}")
            for statement in statements:
                with (
                    pytest.raises(Broken, match=f"I17 row .* of {table}"),
                    unchecked(),
                    done_past_the_desk(statement),
                ):
                    auditor.check_kept()
                auditor.kept = dict(kept)
        auditor.check_kept()


def names_of(table):
    return [name for _n, name, *_others in rows(f"PRAGMA table_info({table})")]
