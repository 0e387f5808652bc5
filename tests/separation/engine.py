"""What tests of the engine share: running it without its interlocks, and comparing legacy tables to the last byte."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
from django.db.backends.base.base import BaseDatabaseWrapper

from separation.migrator import Migration, Pace, StopRequest
from separation.models import Phase, Run
from separation.phases import change_phase, phase_of
from separation.rollback import roll_back
from tests.databases import database_url

Columns = dict[str, list[str]]

# Counts the customers of whom a part is missing: chunks that are whole leave none.
WHOLE = """
SELECT count(*) FROM customers c
WHERE NOT EXISTS (SELECT FROM customer_profiles p WHERE p.customer_id = c.id)
    OR EXISTS (SELECT FROM reservations r WHERE r.user_id = c.id AND r.customer_id IS NULL)
    OR EXISTS (SELECT FROM orders o WHERE o.user_id = c.id AND o.customer_id IS NULL)
    OR NOT EXISTS (SELECT FROM separation_chunks k WHERE c.id BETWEEN k.first_id AND k.last_id AND k.state <> 'pending')
"""


def move(connection: BaseDatabaseWrapper, size: int = 25) -> Run:
    """Move everybody, in chunks of SIZE customers, and finish; return the run with its counts."""
    run = Run.objects.create(kind=Run.EXECUTE, operator="a test")
    if phase_of(connection) == Phase.LEGACY:
        change_phase(connection, Phase.LEGACY, Phase.DUAL)
    migration = Migration(connection, run, pace=Pace(size=size, smallest=size, largest=size))
    migration.reopen()
    migration.move_all(StopRequest(), lambda _: None)
    migration.finish()
    run.state = Run.DONE
    run.save()
    return run


def take_back(connection: BaseDatabaseWrapper) -> Run:
    """Roll back; return the run with its counts."""
    run = Run.objects.create(kind=Run.ROLLBACK, operator="a test")
    roll_back(connection, run, StopRequest(), lambda _: None)
    run.state = Run.DONE
    run.save()
    return run


def columns_of(connection: BaseDatabaseWrapper) -> Columns:
    """Return the columns of every table there is, to compare those and no others later."""
    found: Columns = {}
    for table, column in query(
        connection,
        """SELECT c.table_name, c.column_name FROM information_schema.columns c
        JOIN information_schema.tables t USING (table_schema, table_name)
        WHERE c.table_schema = 'public' AND t.table_type = 'BASE TABLE' AND c.table_name <> 'separation_environment'
        ORDER BY c.table_name, c.ordinal_position""",
    ):
        found.setdefault(table, []).append(column)
    return found


def checksums(connection: BaseDatabaseWrapper, columns: Columns) -> dict[str, str]:
    """Return SHA-256 over all rows of each table, of the given columns only, in a fixed order."""
    return {table: _checksum(connection, table, names) for table, names in columns.items()}


def _checksum(connection: BaseDatabaseWrapper, table: str, names: list[str]) -> str:
    listed = ", ".join(f'"{name}"' for name in names)
    digest = hashlib.sha256()
    for (text,) in query(connection, f'SELECT ROW({listed})::text FROM "{table}" ORDER BY 1'):
        digest.update(text.encode() + b"\n")
    return digest.hexdigest()


def query(connection: BaseDatabaseWrapper, sql: str, params: Any = None) -> list[tuple[Any, ...]]:
    """Return all rows of a query."""
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
        return cursor.fetchall() if cursor.description else []


def one(connection: BaseDatabaseWrapper, sql: str, params: Any = None) -> Any:
    """Return the only value of a query."""
    ((value,),) = query(connection, sql, params)
    return value


@contextmanager
def other_application(name: str) -> Iterator["psycopg.Connection[tuple[Any, ...]]"]:
    """Open a second, real connection to the database NAME, as the old application would."""
    with psycopg.connect(database_url(name), autocommit=True) as connection:
        yield connection
