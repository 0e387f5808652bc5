"""Schema changes on a live legacy database: they look before they create, wait briefly, and try again.

Every function is idempotent, so a migration that was interrupted is simply run again. Functions that change an
existing table are for migrations with `atomic = False`: each statement is its own short transaction.
"""

import time
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import OperationalError, transaction
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.operations.base import Operation
from django.db.migrations.state import ProjectState

from config.sql import Queries

LOCK_TIMEOUT_MS = 3000
LOCK_ATTEMPTS = 10
LOCK_NOT_AVAILABLE = "55P03"


class CreateMissingTables(Operation):
    """Creates the types and tables of a named SQL file that the database does not have; what exists stays as it is.

    What it creates it marks with a comment, so that reversing drops exactly that, and only while it is empty: a table
    that was found, or holds a row, is never dropped.
    """

    reversible = True

    def __init__(self, sql_file: str) -> None:
        self.sql_file = sql_file

    @property
    def queries(self) -> Queries:
        """The named statements of the file."""
        return Queries(Path(settings.BASE_DIR) / self.sql_file)

    def state_forwards(self, app_label: str, state: ProjectState) -> None:
        """Change nothing: the models are in the state operations beside this one."""

    def database_forwards(
        self, app_label: str, schema_editor: BaseDatabaseSchemaEditor, from_state: Any, to_state: Any
    ) -> None:
        """Create what is missing, in the file's order."""
        queries = self.queries
        for name in queries:
            kind, quoted = _object(name)
            if not one(schema_editor, _FIND[kind], quoted):
                schema_editor.execute(getattr(queries, name), params=None)
                schema_editor.execute(f"COMMENT ON {kind} {quoted} IS '{MADE_BY_MIGRATE}'", params=None)

    def database_backwards(
        self, app_label: str, schema_editor: BaseDatabaseSchemaEditor, from_state: Any, to_state: Any
    ) -> None:
        """Drop what this operation created and nobody used, last first."""
        for name in reversed(list(self.queries)):
            kind, quoted = _object(name)
            oid = one(schema_editor, _FIND[kind], quoted)
            if (
                oid
                and one(schema_editor, _COMMENT[kind], oid) == MADE_BY_MIGRATE
                and not one(schema_editor, _in_use(kind, quoted))
            ):
                schema_editor.execute(f"DROP {kind} {quoted}", params=None)

    def describe(self) -> str:
        """Say what the operation does, for `migrate --plan`."""
        return f"Create what is missing of {self.sql_file}"


MADE_BY_MIGRATE = "made by manage.py migrate"
_NULL_ALLOWED = "(null allowed by manage.py migrate)"
_COLUMN_NOTE = """
SELECT coalesce(col_description(attrelid, attnum), '') FROM pg_attribute
WHERE attrelid = to_regclass(%s) AND attname = %s AND NOT attisdropped
"""
_IS_NOT_NULL = "SELECT attnotnull FROM pg_attribute WHERE attrelid = to_regclass(%s) AND attname = %s"
_FIND = {"TABLE": "SELECT to_regclass(%s)::oid", "TYPE": "SELECT to_regtype(%s)::oid"}
_COMMENT = {"TABLE": "SELECT obj_description(%s, 'pg_class')", "TYPE": "SELECT obj_description(%s, 'pg_type')"}


def _object(name: str) -> tuple[str, str]:
    """Return the kind and the quoted name of what the block NAME creates: a table, or for `type_X` the type X."""
    if name.startswith("type_"):
        return "TYPE", f'"{name.removeprefix("type_")}"'
    return "TABLE", f'"{name}"'


def _in_use(kind: str, quoted: str) -> str:
    """Return a query that is true while the object may not be dropped."""
    if kind == "TABLE":
        return f"SELECT EXISTS (SELECT FROM {quoted})"  # noqa: S608
    return f"SELECT EXISTS (SELECT FROM pg_attribute WHERE atttypid = '{quoted}'::regtype AND NOT attisdropped)"  # noqa: S608


def one(editor: BaseDatabaseSchemaEditor, sql: str, *params: Any) -> Any:
    """Return the first column of the first row, or None."""
    with editor.connection.cursor() as cursor:
        cursor.execute(sql, params or None)
        row = cursor.fetchone()
    return row[0] if row else None


def change(editor: BaseDatabaseSchemaEditor, sql: str) -> None:
    """Execute SQL in a transaction of its own that waits at most LOCK_TIMEOUT_MS for a lock, up to LOCK_ATTEMPTS times.

    A statement that waits for a lock on a busy table makes every later query wait behind it; giving up and coming
    back lets those through. Raises OperationalError when the last attempt timed out too.
    """
    for attempt in range(1, LOCK_ATTEMPTS + 1):
        try:
            with transaction.atomic(editor.connection.alias), editor.connection.cursor() as cursor:
                cursor.execute(f"SET LOCAL lock_timeout = {LOCK_TIMEOUT_MS}")
                cursor.execute(sql)
            return
        except OperationalError as error:
            if getattr(error.__cause__, "sqlstate", None) != LOCK_NOT_AVAILABLE or attempt == LOCK_ATTEMPTS:
                raise
            time.sleep(min(0.1 * 2**attempt, 5))


def add_column(editor: BaseDatabaseSchemaEditor, table: str, column: str, definition: str) -> None:
    """Add a column unless it is there, and mark it as ours; DEFINITION must not rewrite the table."""
    if _note_on(editor, table, column) is None:
        change(
            editor,
            f'ALTER TABLE {table} ADD COLUMN "{column}" {definition}; '
            f"COMMENT ON COLUMN {table}.\"{column}\" IS '{MADE_BY_MIGRATE}'",
        )


def drop_added_column(editor: BaseDatabaseSchemaEditor, table: str, column: str) -> None:
    """Drop a column, with its indexes and constraints, if `add_column` made it; one that was found stays."""
    if _note_on(editor, table, column) == MADE_BY_MIGRATE:
        change(editor, f'ALTER TABLE {table} DROP COLUMN "{column}"')


def is_ours(editor: BaseDatabaseSchemaEditor, table: str, column: str) -> bool:
    """Tell whether the column was made by us, alone or with its table, and not by the old application."""
    table_note = one(editor, "SELECT obj_description(to_regclass(%s), 'pg_class')", table)
    return MADE_BY_MIGRATE in (_note_on(editor, table, column), table_note)


def drop_not_null(editor: BaseDatabaseSchemaEditor, table: str, column: str) -> None:
    """Let a column be null, and note on it that it could not be before."""
    note = _note_on(editor, table, column) or ""
    if one(editor, _IS_NOT_NULL, table, column):
        change(
            editor,
            f'ALTER TABLE {table} ALTER COLUMN "{column}" DROP NOT NULL; '
            + _comment(table, column, f"{note} {_NULL_ALLOWED}".strip()),
        )


def restore_not_null(editor: BaseDatabaseSchemaEditor, table: str, column: str) -> None:
    """Forbid null in a column again if `drop_not_null` allowed it, scanning the table without blocking its writers."""
    note = _note_on(editor, table, column) or ""
    if not note.endswith(_NULL_ALLOWED):
        return
    check = f"{table}_{column}_not_null_check"
    change(editor, f"ALTER TABLE {table} DROP CONSTRAINT IF EXISTS {check}")
    change(editor, f'ALTER TABLE {table} ADD CONSTRAINT {check} CHECK ("{column}" IS NOT NULL) NOT VALID')
    change(editor, f"ALTER TABLE {table} VALIDATE CONSTRAINT {check}")
    change(
        editor,
        f'ALTER TABLE {table} ALTER COLUMN "{column}" SET NOT NULL, DROP CONSTRAINT {check}; '
        + _comment(table, column, note.removesuffix(_NULL_ALLOWED).strip()),
    )


def add_index(editor: BaseDatabaseSchemaEditor, name: str, definition: str) -> None:
    """Create an index without blocking writers: DEFINITION is what follows the name, `ON table (…)`.

    One that an interrupted attempt left invalid is dropped and made again. CONCURRENTLY waits for other transactions
    by design, so there is no lock timeout on it.
    """
    valid = one(editor, "SELECT indisvalid FROM pg_index WHERE indexrelid = to_regclass(%s)", name)
    if valid:
        return
    unique, _, rest = definition.rpartition("ON ")
    with editor.connection.cursor() as cursor:
        before = one(editor, "SELECT current_setting('lock_timeout')")
        cursor.execute("SET lock_timeout = 0")
        if valid is False:
            cursor.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {name}")
        cursor.execute(f"CREATE {unique.strip()} INDEX CONCURRENTLY {name} ON {rest}")
        cursor.execute("SELECT set_config('lock_timeout', %s, false)", [before])
        cursor.execute(f"COMMENT ON INDEX {name} IS '{MADE_BY_MIGRATE}'")


def drop_index(editor: BaseDatabaseSchemaEditor, name: str) -> None:
    """Drop an index if it is there."""
    change(editor, f"DROP INDEX IF EXISTS {name}")


def drop_added_index(editor: BaseDatabaseSchemaEditor, name: str) -> None:
    """Drop an index if `add_index` made it; one that was found stays."""
    if one(editor, "SELECT obj_description(to_regclass(%s), 'pg_class')", name) == MADE_BY_MIGRATE:
        drop_index(editor, name)


def foreign_key_of(editor: BaseDatabaseSchemaEditor, table: str, column: str) -> tuple[str, str, bool] | None:
    """Return (constraint, referenced table, validated) of the foreign key on one column, or None."""
    with editor.connection.cursor() as cursor:
        cursor.execute(
            """SELECT c.conname, c.confrelid::regclass::text, c.convalidated FROM pg_constraint c
            JOIN pg_attribute a ON a.attrelid = c.conrelid AND c.conkey = ARRAY[a.attnum]
            WHERE c.contype = 'f' AND c.conrelid = to_regclass(%s) AND a.attname = %s ORDER BY c.oid LIMIT 1""",
            [table, column],
        )
        row: tuple[str, str, bool] | None = cursor.fetchone()
    return row


def add_foreign_key(
    editor: BaseDatabaseSchemaEditor, table: str, column: str, target: str, on_delete: str = "SET NULL"
) -> None:
    """Add a key to TARGET, first NOT VALID, then validated without blocking writers.

    A column that has a key keeps it, since two keys on one column would make the old application's writes fail; and one
    that was found without a key gets none, since nobody knows what is in it.
    """
    name = f"{table}_{column}_fkey"
    found = foreign_key_of(editor, table, column)
    if found is None and is_ours(editor, table, column):
        change(
            editor,
            f'ALTER TABLE {table} ADD CONSTRAINT {name} FOREIGN KEY ("{column}") REFERENCES {target} (id) '
            f"ON DELETE {on_delete} ON UPDATE CASCADE NOT VALID",
        )
        found = (name, target, False)
    if found == (name, target, False):
        change(editor, f"ALTER TABLE {table} VALIDATE CONSTRAINT {name}")


def _note_on(editor: BaseDatabaseSchemaEditor, table: str, column: str) -> str | None:
    """Return the comment on a column, '' if it has none, or None if there is no such column."""
    note: str | None = one(editor, _COLUMN_NOTE, table, column)
    return note


def _comment(table: str, column: str, note: str) -> str:
    quoted = "NULL" if not note else "'" + note.replace("'", "''") + "'"
    return f'COMMENT ON COLUMN {table}."{column}" IS {quoted}'
