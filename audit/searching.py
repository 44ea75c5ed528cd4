"""How people search: by a part of a name or by words, whatever their case, accents and apostrophes.

Rows keep their text as it is compared. On PostgreSQL words have an index of its own kind; SQLite,
which serves a small desk, looks at each row.
"""

import re
import unicodedata
from collections.abc import Sequence
from typing import Any

from django.db import models
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations import RunPython
from django.db.models.lookups import Lookup
from django.db.models.sql.compiler import SQLCompiler

from audit.texts import folded

MOST_WORDS = 8  # of a search
LONGEST_WORD = 300  # PostgreSQL takes no longer ones, and no row has one
FEWEST_LETTERS = 3  # of the beginning of a word
FILLED_AT_ONCE = 500  # rows that a migration locks at a time
APOSTROPHES = "'’‘ʼʹ′´`"
# Letters that are no other letter with a mark, and what people type for them.
PLAIN = {"đ": "d", "ð": "d", "ł": "l", "ø": "o", "æ": "ae", "œ": "oe", "þ": "th", "ħ": "h"}
PLAIN_LETTERS = str.maketrans(PLAIN | dict.fromkeys(APOSTROPHES, ""))


def searchable(text: str) -> str:
    """Return a text as searches compare it: “O’Connor, Nguyễn” is “oconnor, nguyen”."""
    letters = unicodedata.normalize("NFKD", folded(text.translate(PLAIN_LETTERS)))
    plain = "".join(each for each in letters if not unicodedata.combining(each))
    return plain.translate(PLAIN_LETTERS)


def words_of(text: str) -> list[str]:
    return re.findall(r"\w+", searchable(text))


class Searched(models.TextField):  # type: ignore[type-arg]  # generic in the stubs alone
    """The words of other fields, written when a row is added and on each `save`. Who changes those
    fields by an UPDATE changes this one too. Empty in rows older than the field, until a migration
    has filled it."""

    def __init__(self, of: Sequence[str] = (), **kwargs: Any) -> None:
        self.of = tuple(of)
        super().__init__(**kwargs | {"null": True, "editable": False})

    def deconstruct(self) -> Any:
        name, path, args, kwargs = super().deconstruct()
        kwargs = {key: kwargs[key] for key in kwargs.keys() - {"null", "editable"}}
        return name, path, args, {**kwargs, "of": self.of}

    def text_for(self, row: models.Model) -> str:
        return " ".join(words_of(" ".join(getattr(row, name) for name in self.of)))

    def pre_save(self, row: models.Model, add: bool) -> Any:  # noqa: ARG002  # given by name
        setattr(row, self.attname, self.text_for(row))
        return getattr(row, self.attname)


def refresh(row: models.Model) -> None:
    """Write in memory what is searched of a row whose text has changed."""
    for field in row._meta.concrete_fields:
        if isinstance(field, Searched):
            field.pre_save(row, add=False)


def fill(rows: models.Manager[Any], number: str = "pk") -> None:
    """Write what is searched of rows older than the field, some at a time, in the order of a
    column that numbers them."""
    last = 0
    while some := list(rows.filter(**{f"{number}__gt": last}).order_by(number)[:FILLED_AT_ONCE]):
        for row in some:
            refresh(row)
        rows.bulk_update(some, ["searched"])
        last = getattr(some[-1], number)


@Searched.register_lookup
class Words(Lookup):
    """Rows that have each of these words, the last of which may be the beginning of one."""

    lookup_name = "words"

    def words(self) -> list[tuple[str, bool]]:
        """Return the words, each with whether it may go on. Numbers and short words are whole: half
        of all rows have a word that begins with “p”."""
        words = [word[:LONGEST_WORD] for word in words_of(str(self.rhs))[:MOST_WORDS]]
        may_go_on = len(words[-1]) >= FEWEST_LETTERS and not words[-1].isdecimal()
        return [(word, may_go_on and word is words[-1]) for word in words]

    def as_postgresql(
        self, compiler: SQLCompiler, connection: BaseDatabaseWrapper
    ) -> tuple[str, tuple[Any, ...]]:
        column, params = self.process_lhs(compiler, connection)
        # Words are letters and digits alone, so nothing of them can end the quotes. PostgreSQL
        # knows how many rows have a word, and of a beginning too little: so it is given both.
        wanted = (f"('{word}' | '{word}':*)" if on else f"'{word}'" for word, on in self.words())
        return f"{vector(column)} @@ %s::tsquery", (*params, " & ".join(wanted))

    def as_sql(
        self, compiler: SQLCompiler, connection: BaseDatabaseWrapper
    ) -> tuple[str, tuple[Any, ...]]:
        column, params = self.process_lhs(compiler, connection)
        wanted = [f"% {word}%" if may_go_on else f"% {word} %" for word, may_go_on in self.words()]
        escaped = [each.replace("_", r"\_") for each in wanted]
        each_word = rf"' ' || {column} || ' ' LIKE %s ESCAPE '\'"
        values = (value for word in escaped for value in (*params, word))
        return " AND ".join([each_word] * len(wanted)), tuple(values)


def vector(column: str) -> str:
    """The words of a column as PostgreSQL indexes them. Its own parser is left out: it takes
    “inv-7” for a word and a negative number."""
    return f"array_to_tsvector(string_to_array({column}, ' '))"


def index_words(table: str, column: str, name: str) -> RunPython:
    """Return the operation that indexes words; its migration needs `atomic = False`."""

    def add(_apps: Any, editor: BaseDatabaseSchemaEditor) -> None:
        if editor.connection.vendor == "postgresql":
            editor.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {name}")
            editor.execute(
                f"CREATE INDEX CONCURRENTLY {name} ON {table} USING gin (({vector(column)}))"
            )

    def remove(_apps: Any, editor: BaseDatabaseSchemaEditor) -> None:
        if editor.connection.vendor == "postgresql":
            editor.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {name}")

    return RunPython(add, remove)
