"""Whether the triggers that keep records are in the database as the migrations made them.

Whoever owns the database can drop them, change a row and create them again; that they are there
says that nobody has left a door open, and the chains say whether somebody came in.
"""

import re
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

from django.db import connection
from django.db.migrations.loader import MigrationLoader
from django.utils.translation import gettext as _

from audit.triggers import FUNCTION, Trigger
from audit.verifying import Finding, Show

CREATED = re.compile(r"CREATE TRIGGER (\w+) .*? ON (\w+)", re.DOTALL)
DROPPED = re.compile(r"DROP TRIGGER (?:IF EXISTS )?(\w+)")

ON_POSTGRES = """
SELECT tgname, tgrelid::regclass::text, tgenabled IN ('O', 'A'), pg_get_triggerdef(pg_trigger.oid)
FROM pg_trigger JOIN pg_class ON pg_class.oid = tgrelid
WHERE NOT tgisinternal AND pg_class.relnamespace = current_schema()::regnamespace
"""
BODY = "SELECT prosrc FROM pg_proc WHERE proname = 'desk_refuse'"
ON_SQLITE = "SELECT name, tbl_name, 1, sql FROM sqlite_master WHERE type = 'trigger'"


def wanted() -> dict[str, tuple[str, str]]:
    """Return table and statement of each trigger that the applied migrations leave, by its name."""
    loader = MigrationLoader(connection)
    found: dict[str, tuple[str, str]] = {}

    def execute(statement: str, **_params: object) -> None:
        if created := CREATED.search(statement):
            found[created[1]] = (created[2], statement)
        elif dropped := DROPPED.search(statement):
            found.pop(dropped[1], None)

    editor: Any = SimpleNamespace(connection=connection, execute=execute)
    for key in applied_in_order(loader):
        for operation in loader.graph.nodes[key].operations:
            if isinstance(operation, Trigger):
                operation.create(editor)
    return found


def applied_in_order(loader: MigrationLoader) -> list[tuple[str, str]]:
    order: dict[tuple[str, str], None] = {}
    for leaf in loader.graph.leaf_nodes():
        order.update(dict.fromkeys(loader.graph.forwards_plan(leaf)))
    return [key for key in order if key in loader.applied_migrations]


def present() -> dict[str, tuple[str, bool, str]]:
    """Return table, whether it works, and definition of each trigger that there is."""
    with connection.cursor() as cursor:
        cursor.execute(ON_POSTGRES if connection.vendor == "postgresql" else ON_SQLITE)
        return {name: (table, bool(works), text) for name, table, works, text in cursor.fetchall()}


def find(_show: Show) -> Iterator[Finding]:
    there = present()
    for name, (table, statement) in sorted(wanted().items()):
        here = there.get(name)
        if here is None or here[0] != table:
            yield Finding(
                "trigger_gone",
                name,
                _("The trigger “%(name)s”, which keeps rows of %(table)s as they are, is gone.")
                % {"name": name, "table": table},
            )
        elif not here[1] or is_another(statement, here[2]):
            yield Finding(
                "trigger_changed",
                name,
                _(
                    "The trigger “%(name)s” on %(table)s is switched off, or is another one than "
                    "was made."
                )
                % {"name": name, "table": table},
            )
    if connection.vendor == "postgresql" and not refuses():
        yield Finding(
            "trigger_changed",
            "desk_refuse",
            _("The function “desk_refuse” of the triggers is another one than was made."),
        )


def is_another(made: str, found: str) -> bool:
    """Whether a trigger does another thing. SQLite keeps the statement as it was; PostgreSQL writes
    it anew, so there its function and the columns that it names are compared."""
    if connection.vendor != "postgresql":
        return made != found
    return essence(made) != essence(found)


def essence(statement: str) -> tuple[Any, ...]:
    function = re.search(r"EXECUTE FUNCTION (?:\w+\.)?(\w+)\(", statement)
    timing = re.search(r"\b(BEFORE|AFTER|INSTEAD OF)\b", statement)
    events = re.search(r"(?:BEFORE|AFTER) (.+?) ON ", statement)
    columns = sorted(set(re.findall(r"\b(?:old|new)\.(\w+)", statement.lower())))
    return (
        function and function[1],
        timing and timing[1],
        sorted(events[1].split(" OR ")) if events else [],
        columns,
    )


def refuses() -> bool:
    with connection.cursor() as cursor:
        cursor.execute(BODY)
        found = cursor.fetchall()
    body = FUNCTION.replace("%%", "%").partition("$$")[2].partition("$$")[0]
    return [text for (text,) in found] == [body]
