"""How the engine speaks to the database: plain SQL, through Django's connection."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from typing import Any

import psycopg
from django.db import DatabaseError, InterfaceError, OperationalError
from django.db.backends.base.base import BaseDatabaseWrapper
from psycopg.pq import TransactionStatus

from separation.errors import CheckFailed

# How long a statement of a command waits for a lock, and how long it may take, where no other limit is set.
LOCK_TIMEOUT, STATEMENT_TIMEOUT = "5s", "30min"

_LONGEST_NAME = 63  # of a session, by the server
_LOST = ("08", "57P")  # connection exceptions; the server was told to end the session, or shuts down


def rows(connection: BaseDatabaseWrapper, sql: str, **values: Any) -> list[tuple[Any, ...]]:
    """Return all rows of SQL, with VALUES bound to its `%(name)s`; for few rows only."""
    with connection.cursor() as cursor:
        cursor.execute(sql, values)
        found: list[tuple[Any, ...]] = cursor.fetchall()
    return found


def row(connection: BaseDatabaseWrapper, sql: str, **values: Any) -> tuple[Any, ...]:
    """Return the only row of SQL."""
    (found,) = rows(connection, sql, **values)
    return found


def scalar(connection: BaseDatabaseWrapper, sql: str, **values: Any) -> Any:
    """Return the only value of SQL."""
    return row(connection, sql, **values)[0]


def execute(connection: BaseDatabaseWrapper, sql: str, **values: Any) -> int:
    """Execute SQL and return how many rows it wrote."""
    with connection.cursor() as cursor:
        cursor.execute(sql, values)
        return int(cursor.rowcount)


@contextmanager
def bounded(connection: BaseDatabaseWrapper) -> Iterator[None]:
    """Let no statement on CONNECTION inside the block wait long for a lock, or go on for ever.

    The limits are set where a transaction begins, and end with it: behind a pooler the next client would inherit those
    of a session. Whoever needs others sets them in the transaction. What must be outside of one has the session's.
    """
    with connection.execute_wrapper(_within_limits):
        yield


def _within_limits(run: Callable[..., Any], sql: str, params: Any, many: bool, context: dict[str, Any]) -> Any:
    """Do what RUN does; if that begins a transaction, with limits, and in autocommit with its end."""
    connection = context["connection"]
    raw: psycopg.Connection[Any] = connection.connection
    if raw.info.transaction_status != TransactionStatus.IDLE or "CONCURRENTLY" in sql:
        return run(sql, params, many, context)
    limits = f"SET LOCAL lock_timeout = '{LOCK_TIMEOUT}'; SET LOCAL statement_timeout = '{STATEMENT_TIMEOUT}'"
    with connection.wrap_database_errors:
        raw.execute(f"BEGIN; {limits}" if raw.autocommit else limits)
    if not raw.autocommit:
        return run(sql, params, many, context)
    try:
        found = run(sql, params, many, context)
        with connection.wrap_database_errors:
            raw.commit()
    except BaseException:
        with suppress(psycopg.Error):
            raw.rollback()
        raise
    return found


def name_session(connection: BaseDatabaseWrapper, name: str) -> None:
    """Show NAME, cut to 63 characters, to everybody who looks at the server's sessions."""
    execute(connection, "SELECT set_config('application_name', %(name)s, false)", name=name[:_LONGEST_NAME])


def name_of(connection: BaseDatabaseWrapper) -> str:
    """Return the database's name, as the server knows it."""
    return str(scalar(connection, "SELECT current_database()"))


def now_of(connection: BaseDatabaseWrapper) -> datetime:
    """Return what the server's clock says, in UTC: what it has stamped is compared with no other clock."""
    return scalar(connection, "SELECT clock_timestamp() AT TIME ZONE 'UTC'").replace(tzinfo=UTC)  # type: ignore[no-any-return]


def has_table(connection: BaseDatabaseWrapper, table: str) -> bool:
    """Return whether the schema has TABLE."""
    return bool(scalar(connection, "SELECT to_regclass(quote_ident(%(table)s)) IS NOT NULL", table=table))


def sqlstate_of(error: BaseException) -> str:
    """Return the SQLSTATE of what PostgreSQL said, or nothing if it said nothing."""
    return getattr(error.__cause__, "sqlstate", None) or ""


def is_lost(connection: BaseDatabaseWrapper, error: Exception) -> bool:
    """Return whether ERROR means that the connection is gone; Django may have opened another one by itself since."""
    state = sqlstate_of(error)
    # What goes wrong at the server has a state; a socket that is closed has none.
    cut = not state and isinstance(error, (OperationalError, InterfaceError))
    return cut or state.startswith(_LOST) or not connection.is_usable()


@contextmanager
def loss_is_said(connection: BaseDatabaseWrapper, resume: str) -> Iterator[None]:
    """Turn the loss of the connection into CheckFailed with the command RESUME; the next query connects anew.

    Raises what a connection that cannot even be opened raises.
    """
    connection.ensure_connection()
    try:
        yield
    except (DatabaseError, InterfaceError) as error:
        if not is_lost(connection, error):
            raise
        connection.close()
        raise CheckFailed(
            "The connection to the database was lost; the server undid the open transaction, all others are whole.",
            resume,
        ) from error
