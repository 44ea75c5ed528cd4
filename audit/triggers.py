"""Database triggers that keep records as they were written, for PostgreSQL and SQLite.

Used by migrations. SQLite drops a table's triggers when a migration rebuilds the table, so one that
adds a constraint, or a column with a default, is a `KeepingMigration`.
"""

from collections.abc import Callable, Sequence
from typing import Any

from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations import Migration
from django.db.migrations.operations.base import Operation

FUNCTION = """
CREATE OR REPLACE FUNCTION desk_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN RAISE EXCEPTION '%% of %% is refused: %%', TG_OP, TG_TABLE_NAME, TG_ARGV[0]
USING ERRCODE = 'integrity_constraint_violation'; END $$
"""

TRIGGERS = """
SELECT name, sql FROM sqlite_master AS found
WHERE type = 'trigger' AND EXISTS (SELECT 1 FROM sqlite_master WHERE name = found.tbl_name)
"""

Act = Callable[[BaseDatabaseSchemaEditor], None]


class Trigger(Operation):
    """Create a trigger. Unlike RunPython it needs no models, which would be built for each."""

    def __init__(self, name: str, create: Act, drop: Act) -> None:
        self.name, self.create, self.drop = name, create, drop

    def state_forwards(self, _app_label: str, _state: Any) -> None:
        """No model changes."""

    def database_forwards(
        self, _app_label: str, editor: BaseDatabaseSchemaEditor, *_states: Any
    ) -> None:
        self.create(editor)

    def database_backwards(
        self, _app_label: str, editor: BaseDatabaseSchemaEditor, *_states: Any
    ) -> None:
        self.drop(editor)

    def describe(self) -> str:
        return f"Create trigger {self.name}"


class KeepingMigration(Migration):
    """Creates the triggers again that SQLite dropped with a table which was built anew.

    It makes or drops none of its own: those would come back, too.
    """

    def apply(self, state: Any, editor: BaseDatabaseSchemaEditor, collect_sql: bool = False) -> Any:
        return self._keeping(super().apply, state, editor, collect_sql)

    def unapply(
        self, state: Any, editor: BaseDatabaseSchemaEditor, collect_sql: bool = False
    ) -> Any:
        return self._keeping(super().unapply, state, editor, collect_sql)

    def _keeping(
        self, move: Callable[..., Any], state: Any, editor: BaseDatabaseSchemaEditor, *more: Any
    ) -> Any:
        if editor.connection.vendor != "sqlite":
            return move(state, editor, *more)
        with editor.connection.cursor() as cursor:
            before = dict(cursor.execute(TRIGGERS))
            state = move(state, editor, *more)
            after = dict(cursor.execute(TRIGGERS))
            for name in before.keys() - after.keys():
                cursor.execute(before[name])
        return state


def never_deleted(table: str) -> Trigger:
    """Refuse DELETE."""
    return refuse(f"{table}_kept", table, "DELETE", "", "it is kept for ever")


def never_changed(table: str) -> Trigger:
    """Refuse UPDATE."""
    return refuse(f"{table}_fixed", table, "UPDATE", "", "rows are only added")


def columns_never_changed(table: str, columns: Sequence[str]) -> Trigger:
    """Refuse an UPDATE that gives one of these columns another value."""
    return refuse(f"{table}_fixed", table, "UPDATE", changed(columns), "what it says is fixed")


def changed(columns: Sequence[str]) -> str:
    return " OR ".join(f"OLD.{name} IS DISTINCT FROM NEW.{name}" for name in columns)


def refuse(name: str, table: str, event: str, when: str, why: str) -> Trigger:
    condition = f" WHEN ({when})" if when else ""

    def create(editor: BaseDatabaseSchemaEditor) -> None:
        head = f"CREATE TRIGGER {name} BEFORE {event} ON {table} FOR EACH ROW"
        if editor.connection.vendor == "postgresql":
            editor.execute(FUNCTION, params=())
            editor.execute(f"{head}{condition} EXECUTE FUNCTION desk_refuse('{why}')")
        else:
            condition_here = condition.replace("IS DISTINCT FROM", "IS NOT")
            editor.execute(f"{head}{condition_here} BEGIN SELECT RAISE(ABORT, '{why}'); END")

    def drop(editor: BaseDatabaseSchemaEditor) -> None:
        on_table = f" ON {table}" if editor.connection.vendor == "postgresql" else ""
        editor.execute(f"DROP TRIGGER {name}{on_table}")

    return Trigger(name, create, drop)


ONE_AT_A_TIME = 0x6170617274  # "apart"


def refuse_if(name: str, table: str, events: Sequence[str], condition: str, why: str) -> Trigger:
    """Refuse what leaves the database in a condition, which may look at other rows and tables.

    Two transactions at once would each see only its own half (write skew), so a lock lets them in
    one after the other.
    """

    def create(editor: BaseDatabaseSchemaEditor) -> None:
        if editor.connection.vendor == "postgresql":
            editor.execute(
                f"CREATE OR REPLACE FUNCTION desk_{name}() RETURNS trigger LANGUAGE plpgsql AS $$ "
                f"BEGIN PERFORM pg_advisory_xact_lock({ONE_AT_A_TIME}); "
                f"IF {condition} THEN RAISE EXCEPTION '{why}' "
                "USING ERRCODE = 'integrity_constraint_violation'; END IF; RETURN NULL; END $$",
                params=None,
            )
            editor.execute(
                f"CREATE TRIGGER {name} AFTER {' OR '.join(events)} ON {table} "
                f"FOR EACH ROW EXECUTE FUNCTION desk_{name}()"
            )
            return
        for number, event in enumerate(events):  # SQLite has one event per trigger
            editor.execute(
                f"CREATE TRIGGER {name}_{number} AFTER {event} ON {table} FOR EACH ROW "
                f"BEGIN SELECT RAISE(ABORT, '{why}') WHERE {condition}; END"
            )

    def drop(editor: BaseDatabaseSchemaEditor) -> None:
        if editor.connection.vendor == "postgresql":
            editor.execute(f"DROP TRIGGER {name} ON {table}")
            editor.execute(f"DROP FUNCTION desk_{name}()")
            return
        for number in range(len(events)):
            editor.execute(f"DROP TRIGGER {name}_{number}")

    return Trigger(name, create, drop)


def refuse_added(
    name: str,
    table: str,
    columns: Sequence[str],
    condition: str,
    why: str,
    *,
    on_sqlite: str = "",
    lock: str = "",
) -> Trigger:
    """Refuse rows that are added in a condition, which reads these columns of them from `{added}`
    and may look at other tables. On PostgreSQL it is asked once for all rows of a statement.

    `on_sqlite` is the condition there if it is another. `lock` is a call of PostgreSQL's that is
    made before, so that what another transaction does at the same moment is waited for.
    """

    def create(editor: BaseDatabaseSchemaEditor) -> None:
        if editor.connection.vendor == "postgresql":
            before = f"PERFORM {lock};" if lock else ""
            editor.execute(
                f"CREATE OR REPLACE FUNCTION desk_{name}() RETURNS trigger LANGUAGE plpgsql AS $$ "
                f"BEGIN {before} IF {condition.format(added='added')} THEN "
                f"RAISE EXCEPTION '{why}' USING ERRCODE = 'integrity_constraint_violation'; "
                "END IF; RETURN NULL; END $$",
                params=None,
            )
            editor.execute(
                f"CREATE TRIGGER {name} AFTER INSERT ON {table} REFERENCING NEW TABLE AS added "
                f"FOR EACH STATEMENT EXECUTE FUNCTION desk_{name}()"
            )
            return
        row = ", ".join(f"NEW.{column} AS {column}" for column in columns)
        here = (on_sqlite or condition).format(added=f"(SELECT {row}) AS added")
        editor.execute(
            f"CREATE TRIGGER {name} AFTER INSERT ON {table} FOR EACH ROW "
            f"BEGIN SELECT RAISE(ABORT, '{why}') WHERE {here}; END"
        )

    def drop(editor: BaseDatabaseSchemaEditor) -> None:
        if editor.connection.vendor == "postgresql":
            editor.execute(f"DROP TRIGGER {name} ON {table}")
            editor.execute(f"DROP FUNCTION desk_{name}()")
            return
        editor.execute(f"DROP TRIGGER {name}")

    return Trigger(name, create, drop)


def replaced(before: Trigger, now: Trigger) -> Trigger:
    """Let one trigger take the place of another of the same name."""

    def create(editor: BaseDatabaseSchemaEditor) -> None:
        before.drop(editor)
        now.create(editor)

    def drop(editor: BaseDatabaseSchemaEditor) -> None:
        now.drop(editor)
        before.create(editor)

    return Trigger(now.name, create, drop)
