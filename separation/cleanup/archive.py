"""What clean-up takes out of a table: kept in `separation_archive` first, then deleted or emptied, and counted."""

from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from typing import Any

from django.conf import settings
from django.db.backends.base.base import BaseDatabaseWrapper
from psycopg import sql

from config.sql import Queries
from separation.database import row, rows
from separation.errors import CLEAN_UP, CheckFailed
from separation.models import Run

CLEANUP = Queries(settings.BASE_DIR / "separation" / "cleanup" / "cleanup.sql")
ARCHIVE = "separation_archive"


@dataclass(frozen=True)
class Rows:
    """Rows of a table, which SQL calls t: those for which `condition` holds with these `values`."""

    table: str
    condition: sql.Composable
    values: dict[str, Any]


@dataclass
class Tally:
    """What a transaction of clean-up may do, and has done by its own count: rows by table."""

    inserted: Counter[str] = field(default_factory=Counter)
    updated: Counter[str] = field(default_factory=Counter)
    deleted: Counter[str] = field(default_factory=Counter)


def archive(
    connection: BaseDatabaseWrapper, what: Rows, run: Run, *, only: Iterable[str] = (), gone: bool = True
) -> int:
    """Keep rows, or of each the columns ONLY, without secrets; return how many."""
    key, columns = row(connection, CLEANUP.columns, table=what.table)
    kept = [*only] or columns
    statement = sql.SQL(CLEANUP.archive).format(
        key=_joined(key),
        names=sql.SQL("ARRAY[{}]::text[]").format(sql.SQL(", ").join(map(sql.Literal, kept))),
        values=sql.SQL("ARRAY[{}]::text[]").format(sql.SQL(", ").join(map(_as_text, kept))),
        table=sql.SQL(what.table),
        rows=what.condition,
    )
    return written(connection, statement, **what.values, table=what.table, gone=gone, run=run.pk)


def written(connection: BaseDatabaseWrapper, statement: sql.Composable, **values: Any) -> int:
    """Execute a statement and return how many rows it wrote."""
    with connection.cursor() as cursor:
        cursor.execute(statement, values or None)
        return int(cursor.rowcount)


def forget(connection: BaseDatabaseWrapper, what: Rows, run: Run, tally: Tally) -> int:
    """Archive and delete rows; return how many."""
    tally.inserted[ARCHIVE] += archive(connection, what, run)
    deleted = written(
        connection, sql.SQL(CLEANUP.delete).format(table=sql.SQL(what.table), rows=what.condition), **what.values
    )
    tally.deleted[what.table] += deleted
    return deleted


def empty(connection: BaseDatabaseWrapper, what: Rows, column: str, run: Run, tally: Tally) -> int:
    """Archive and empty a column of rows; return how many."""
    tally.inserted[ARCHIVE] += archive(connection, what, run, only=[column], gone=False)
    statement = sql.SQL(CLEANUP.empty).format(
        table=sql.SQL(what.table), column=sql.Identifier(column), rows=what.condition
    )
    emptied = written(connection, statement, **what.values)
    tally.updated[what.table] += emptied
    return emptied


def writes(connection: BaseDatabaseWrapper) -> Tally:
    """Return what PostgreSQL has counted of the open transaction, and more; only a difference says anything."""
    tally = Tally()
    for table, inserted, updated, deleted in rows(connection, CLEANUP.written):
        tally.inserted[table], tally.updated[table], tally.deleted[table] = int(inserted), int(updated), int(deleted)
    return tally


def require_nothing_else(
    connection: BaseDatabaseWrapper, before: Tally, expected: Tally, redefined: Collection[str] = ()
) -> None:
    """Raise CheckFailed if the open transaction deleted or changed any other row, of any table, than was EXPECTED.

    By PostgreSQL's own count, so that it does not matter what fired: a trigger, a cascade, a rule. Rows that somebody's
    trigger adds, as to a log of its own, are no harm. Nor was any table emptied by TRUNCATE or redefined but those in
    REDEFINED.
    """
    after = writes(connection)
    wrong = [
        f"{what} {after_count - before_count:,} rows of {table} instead of {want:,}"
        for what, counted, was, wanted in (
            ("delete", after.deleted, before.deleted, expected.deleted),
            ("change", after.updated, before.updated, expected.updated),
        )
        for table in sorted({*counted, *wanted})
        if (after_count := counted[table]) - (before_count := was[table]) != (want := wanted[table])
    ]
    wrong += [
        f"empty or redefine {table}" for (table,) in rows(connection, CLEANUP.redefined) if table not in redefined
    ]
    if wrong:
        touched = sorted({*expected.deleted, *expected.updated})
        found = [name for (name,) in rows(connection, CLEANUP.triggers, tables=touched)]
        who = f" Triggers there: {', '.join(found)}." if found else " A rule, or a cascade between other tables, does."
        raise CheckFailed(
            f"Clean-up made PostgreSQL {' and '.join(wrong)}. The chunk was undone.{who}",
            f"see to that, then: {CLEAN_UP}",
        )


def _joined(key: list[str]) -> sql.Composable:
    if not key:
        return sql.SQL("''")
    return sql.SQL("concat_ws(',', {})").format(sql.SQL(", ").join(map(_as_text, key)))


def _as_text(column: str) -> sql.Composable:
    return sql.SQL("t.{}::text").format(sql.Identifier(column))
