"""Schema changes on a live legacy database: they look before they create, wait briefly, and try again.

Every function is idempotent, so a migration that was interrupted is simply run again. Functions that change an
existing table are for migrations with `atomic = False`: each statement is its own short transaction.
"""

import json
import re
import time
from collections.abc import Iterable, Mapping
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
_DEFAULT_GIVEN = "(default given by manage.py migrate)"
_WAS = re.compile(r"\(was (.+?) before manage\.py migrate\)")
_DEFINITION = re.compile(r"(?P<type>.+?)(?: NOT NULL)?(?: DEFAULT (?P<default>.+))?$")
_ASIDE = "(set aside by manage.py migrate)"
KEYS_ASIDE = re.compile(r"\(keys put aside by manage\.py migrate: (.*)\)$", re.DOTALL)
_FOUND_COLUMNS = """
SELECT a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull,
    a.atthasdef OR a.attidentity <> '' OR a.attgenerated <> ''
FROM pg_attribute a WHERE a.attrelid = to_regclass(%s) AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum
"""
# Every key of a table but the primary one, with what makes it again.
_KEYS_OF = """
SELECT c.relname, k.conname,
    CASE WHEN k.oid IS NULL THEN pg_get_indexdef(i.indexrelid)
        ELSE format(
            'ALTER TABLE %%s ADD CONSTRAINT %%I %%s', i.indrelid::regclass, k.conname, pg_get_constraintdef(k.oid))
    END
FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
    LEFT JOIN pg_constraint k ON k.conindid = i.indexrelid AND k.conrelid = i.indrelid AND k.contype IN ('u', 'x')
WHERE i.indrelid = to_regclass(%s) AND (i.indisunique OR i.indisexclusion) AND NOT i.indisprimary ORDER BY c.relname
"""
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
    return MADE_BY_MIGRATE in (_note_on(editor, table, column), _table_note(editor, table))


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
    if _NULL_ALLOWED not in note:
        return
    check = f"{table}_{column}_not_null_check"
    change(editor, f"ALTER TABLE {table} DROP CONSTRAINT IF EXISTS {check}")
    change(editor, f'ALTER TABLE {table} ADD CONSTRAINT {check} CHECK ("{column}" IS NOT NULL) NOT VALID')
    change(editor, f"ALTER TABLE {table} VALIDATE CONSTRAINT {check}")
    change(
        editor,
        f'ALTER TABLE {table} ALTER COLUMN "{column}" SET NOT NULL, DROP CONSTRAINT {check}; '
        + _comment(table, column, note.replace(_NULL_ALLOWED, "").strip()),
    )


def complete(editor: BaseDatabaseSchemaEditor, table: str, definitions: Mapping[str, str]) -> None:
    """Give a table that was found what a model needs: DEFINITIONS by column.

    Columns that are missing are added; one that holds less than the model is widened, where that rewrites nothing; one
    without a default gets that of its definition. Each change is noted on its column, for `uncomplete`. A table that
    `migrate` made stays as it is.
    """
    if table_is_ours(editor, table):
        return
    found = _columns_found(editor, table)
    for column, definition in definitions.items():
        if column in found:
            _fit(editor, table, column, definition, found[column])
        else:
            add_column(editor, table, column, definition)


def relax(editor: BaseDatabaseSchemaEditor, table: str, known: Iterable[str]) -> None:
    """Let the columns of a table that was found be null which are not KNOWN, and which every row would have to fill."""
    for column, (_, not_null, filled) in _columns_found(editor, table).items():
        if column not in known and not_null and not filled:
            drop_not_null(editor, table, column)


def uncomplete(editor: BaseDatabaseSchemaEditor, table: str) -> None:
    """Take back what `complete` and `relax` did to a table; rows must fit into it as it was."""
    if table_is_ours(editor, table):
        return
    for column in _columns_found(editor, table):
        drop_added_column(editor, table, column)
        restore_not_null(editor, table, column)
        note = _note_on(editor, table, column) or ""
        if _DEFAULT_GIVEN in note:
            note = note.replace(_DEFAULT_GIVEN, "").strip()
            change(
                editor, f'ALTER TABLE {table} ALTER COLUMN "{column}" DROP DEFAULT; ' + _comment(table, column, note)
            )
        if was := _WAS.search(note):
            note = note.replace(was[0], "").strip()
            change(
                editor,
                f'ALTER TABLE {table} ALTER COLUMN "{column}" TYPE {was[1]}; ' + _comment(table, column, note),
            )


def _fit(
    editor: BaseDatabaseSchemaEditor, table: str, column: str, definition: str, found: tuple[str, bool, bool]
) -> None:
    """Widen a column, and give it a default, if it needs that."""
    wanted = _DEFINITION.fullmatch(definition)
    assert wanted  # noqa: S101 (a definition of ours)
    found_type, _, filled = found
    note = _note_on(editor, table, column) or ""
    if _is_narrower(found_type, wanted["type"]):
        note = f"{note} (was {found_type} before manage.py migrate)".strip()
        change(
            editor,
            f'ALTER TABLE {table} ALTER COLUMN "{column}" TYPE {wanted["type"]}; ' + _comment(table, column, note),
        )
    if wanted["default"] and not filled:
        note = f"{note} {_DEFAULT_GIVEN}".strip()
        change(
            editor,
            f'ALTER TABLE {table} ALTER COLUMN "{column}" SET DEFAULT {wanted["default"]}; '
            + _comment(table, column, note),
        )


def _is_narrower(found: str, wanted: str) -> bool:
    """Tell whether every value of the type FOUND is one of WANTED, and is stored alike, but not the other way round."""
    if wanted == "text":
        return found.startswith("character varying(")
    both = [re.fullmatch(r"numeric\((\d+),(\d+)\)", name) for name in (found, wanted)]
    return bool(both[0] and both[1] and both[0][2] == both[1][2] and int(both[0][1]) < int(both[1][1]))


def _columns_found(editor: BaseDatabaseSchemaEditor, table: str) -> dict[str, tuple[str, bool, bool]]:
    """Return each column with its type, whether it cannot be null, and whether it fills itself."""
    with editor.connection.cursor() as cursor:
        cursor.execute(_FOUND_COLUMNS, [table])
        return {column: (type_name, not_null, filled) for column, type_name, not_null, filled in cursor.fetchall()}


def set_aside(editor: BaseDatabaseSchemaEditor, table: str, make: str) -> None:
    """Rename a table that was found, with its indexes, to earlier_…, and execute MAKE, which makes ours instead."""
    if table_is_ours(editor, table) or not one(editor, "SELECT to_regclass(%s)", table):
        return
    noted = _table_comment(editor, table, f"earlier_{table}", _ASIDE)
    change(
        editor,
        _renames(editor, table, "", "earlier_")
        + f"ALTER TABLE {table} RENAME TO earlier_{table}; {noted}; {make}; "
        + f"COMMENT ON TABLE {table} IS '{MADE_BY_MIGRATE}'",
    )


def bring_back(editor: BaseDatabaseSchemaEditor, table: str) -> None:
    """Undo `set_aside`: drop our table, which must be empty, and give the one that was found its names again."""
    note = _table_note(editor, f"earlier_{table}")
    if _ASIDE not in note:
        return
    if one(editor, f"SELECT EXISTS (SELECT FROM {table})"):  # noqa: S608 (a name of ours)
        raise RuntimeError(f"{table} has rows, which would be lost: nothing was changed.")
    change(
        editor,
        f"DROP TABLE {table}; "
        + _renames(editor, f"earlier_{table}", "earlier_", "")
        + f"ALTER TABLE earlier_{table} RENAME TO {table}; "
        + f"COMMENT ON TABLE {table} IS {_literal(note.replace(_ASIDE, '').strip())}",
    )


def _renames(editor: BaseDatabaseSchemaEditor, table: str, old: str, new: str) -> str:
    """Return the statements that rename the indexes of a table, from the prefix OLD to NEW, where the name has room."""
    with editor.connection.cursor() as cursor:
        cursor.execute(
            "SELECT c.relname FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid "
            "WHERE i.indrelid = to_regclass(%s) AND starts_with(c.relname, %s) "
            "AND octet_length(c.relname) + octet_length(%s) < 64 ORDER BY 1",
            [table, old, new],
        )
        names = [name for (name,) in cursor.fetchall()]
    return "".join(f'ALTER INDEX "{name}" RENAME TO "{new}{name.removeprefix(old)}"; ' for name in names)


def keys_put_aside(editor: BaseDatabaseSchemaEditor, table: str) -> bool:
    """Tell whether `keys_aside` was executed and `keys_back` was not since."""
    return bool(KEYS_ASIDE.search(_table_note(editor, table)))


def keys_aside(editor: BaseDatabaseSchemaEditor, table: str) -> str:
    """Return the statements that drop the keys of a table but the primary one, and note on it what makes them again."""
    with editor.connection.cursor() as cursor:
        cursor.execute(_KEYS_OF, [table])
        keys = cursor.fetchall()
    drops = [
        f'ALTER TABLE {table} DROP CONSTRAINT "{constraint}"; ' if constraint else f'DROP INDEX "{name}"; '
        for name, constraint, _ in keys
    ]
    note = f"(keys put aside by manage.py migrate: {json.dumps([definition for *_, definition in keys])})"
    return "".join(drops) + _table_comment(editor, table, table, note)


def keys_back(editor: BaseDatabaseSchemaEditor, table: str) -> str:
    """Return the statements that undo `keys_aside`."""
    note = _table_note(editor, table)
    kept = KEYS_ASIDE.search(note)
    definitions: list[str] = json.loads(kept[1]) if kept else []
    return "".join(f"{definition}; " for definition in definitions) + (
        f"COMMENT ON TABLE {table} IS {_literal(KEYS_ASIDE.sub('', note).strip())}"
    )


def table_is_ours(editor: BaseDatabaseSchemaEditor, table: str) -> bool:
    """Tell whether the table was made by `migrate`."""
    return _table_note(editor, table) == MADE_BY_MIGRATE


def _table_note(editor: BaseDatabaseSchemaEditor, table: str) -> str:
    return str(one(editor, "SELECT coalesce(obj_description(to_regclass(%s), 'pg_class'), '')", table))


def _table_comment(editor: BaseDatabaseSchemaEditor, table: str, renamed: str, tag: str) -> str:
    """Return the statement that adds TAG to the comment on a table that is called RENAMED by then."""
    return f"COMMENT ON TABLE {renamed} IS {_literal(f'{_table_note(editor, table)} {tag}'.strip())}"


def add_index(editor: BaseDatabaseSchemaEditor, name: str, definition: str) -> None:
    """Create an index without blocking writers: DEFINITION is what follows the name, `ON table (…)`.

    One that an interrupted attempt left invalid is dropped and made again. CONCURRENTLY waits for other transactions
    by design, and a large table takes its time, so there is no limit on either.
    """
    valid = one(editor, "SELECT indisvalid FROM pg_index WHERE indexrelid = to_regclass(%s)", name)
    if valid:
        return
    unique, _, rest = definition.rpartition("ON ")
    with editor.connection.cursor() as cursor:
        cursor.execute("SET lock_timeout = 0; SET statement_timeout = 0")
        if valid is False:
            cursor.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {name}")
        cursor.execute(f"CREATE {unique.strip()} INDEX CONCURRENTLY {name} ON {rest}")
        cursor.execute("RESET lock_timeout; RESET statement_timeout")
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
    return f'COMMENT ON COLUMN {table}."{column}" IS {_literal(note)}'


def _literal(note: str) -> str:
    return "NULL" if not note else "'" + note.replace("'", "''") + "'"
