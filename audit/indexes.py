"""Indexes that are built while the desk works. Used by migrations, which need `atomic = False`.

An ordinary CREATE INDEX keeps everybody from writing until the whole table has been read.
"""

from typing import Any

from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor


class AddIndex(AddIndexConcurrently):
    """Add an index without a lock that writers wait for; one that broke off is built anew."""

    def database_forwards(
        self, app_label: str, editor: BaseDatabaseSchemaEditor, from_state: Any, to_state: Any
    ) -> None:
        if editor.connection.vendor != "postgresql":
            migrations.AddIndex.database_forwards(self, app_label, editor, from_state, to_state)
            return
        self._ensure_not_in_transaction(editor)
        editor.execute(f'DROP INDEX CONCURRENTLY IF EXISTS "{self.index.name}"')
        super().database_forwards(app_label, editor, from_state, to_state)

    def database_backwards(
        self, app_label: str, editor: BaseDatabaseSchemaEditor, from_state: Any, to_state: Any
    ) -> None:
        if editor.connection.vendor != "postgresql":
            migrations.AddIndex.database_backwards(self, app_label, editor, from_state, to_state)
            return
        super().database_backwards(app_label, editor, from_state, to_state)
