"""Tables that no model knows: the migration must not touch a row of them."""

from dataclasses import dataclass
from typing import Any

from django.apps import apps
from django.db import transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from psycopg import sql

from separation.database import execute, rows

_TABLES = """
SELECT c.relname FROM pg_class c
WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition
ORDER BY c.relname
"""
# A text of a row depends on these; the baseline and the comparison must see the same.
_SETTINGS = """
SELECT set_config('TimeZone', 'UTC', true), set_config('DateStyle', 'ISO', true),
    set_config('IntervalStyle', 'postgres', true), set_config('extra_float_digits', '1', true),
    set_config('bytea_output', 'hex', true)
"""
# In any order, in constant memory: each row counts as a number, twice the same row as twice the number.
_CHECKSUM = sql.SQL("SELECT count(*), coalesce(sum(hashtextextended((t.*)::text, 0)::numeric), 0)::text FROM {} AS t")
_REFERENCES = """
SELECT c.relname, a.attname FROM pg_constraint k
    JOIN pg_class c ON c.oid = k.conrelid AND c.relnamespace = current_schema()::regnamespace
    JOIN pg_attribute a ON a.attrelid = k.conrelid AND k.conkey = ARRAY[a.attnum]
WHERE k.contype = 'f' AND k.confrelid = 'users'::regclass AND k.convalidated AND k.conparentid = 0
ORDER BY c.relname, a.attname
"""
_DANGLING = sql.SQL(
    "SELECT count(*) FROM {} AS t LEFT JOIN users AS u ON u.id = t.{} WHERE t.{} IS NOT NULL AND u.id IS NULL"
)


@dataclass(frozen=True)
class Reference:
    """A key from a table that no model knows to `users`, and how many of its rows point to nobody."""

    table: str
    column: str
    dangling: int


def unknown_tables(connection: BaseDatabaseWrapper) -> list[str]:
    """Return the tables of the schema that belong to no model, sorted by name."""
    models = {model._meta.db_table for model in apps.get_models(include_auto_created=True)}
    ours = ("separation_", "django_", "auth_")
    return [table for (table,) in rows(connection, _TABLES) if table not in models and not table.startswith(ours)]


def baseline_of(connection: BaseDatabaseWrapper) -> dict[str, dict[str, Any]]:
    """Return rows and checksum of each table that no model knows, as {"table": {"rows": 3, "checksum": "…"}}.

    The checksum is of the rows in any order; the server computes it in one pass and constant memory.
    """
    with transaction.atomic(connection.alias):
        execute(connection, _SETTINGS)
        return {table: _measure(connection, table) for table in unknown_tables(connection)}


def references(connection: BaseDatabaseWrapper) -> list[Reference]:
    """Return each validated key to `users` from a table that no model knows, with the rows that point to nobody."""
    unknown = set(unknown_tables(connection))
    return [
        Reference(table, column, _dangling(connection, table, column))
        for table, column in rows(connection, _REFERENCES)
        if table in unknown
    ]


def _measure(connection: BaseDatabaseWrapper, table: str) -> dict[str, Any]:
    with connection.cursor() as cursor:
        cursor.execute(_CHECKSUM.format(sql.Identifier(table)))
        count, checksum = cursor.fetchone()
    return {"rows": count, "checksum": checksum}


def _dangling(connection: BaseDatabaseWrapper, table: str, column: str) -> int:
    name = sql.Identifier(column)
    with connection.cursor() as cursor:
        cursor.execute(_DANGLING.format(sql.Identifier(table), name, name))
        count: int = cursor.fetchone()[0]
    return count
