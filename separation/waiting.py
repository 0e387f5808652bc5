"""Waiting for others without standing in their way: for transactions to end, and for locks never long."""

import time
from collections.abc import Callable
from typing import Any, TypeVar

from django.db import DatabaseError, transaction
from django.db.backends.base.base import BaseDatabaseWrapper

from separation.database import execute, rows, sqlstate_of
from separation.errors import CheckFailed

Note = Callable[[str], None]
_T = TypeVar("_T")

# How long the engine waits for one lock while it holds others: well below the second after which PostgreSQL looks for
# deadlocks in a waiting session, which would be the old application's.
BRIEFLY = "50ms"
_ATTEMPTS = 25
PATIENCE = 60.0
_INTERVAL = 0.1

# Serialization, deadlock, lock not available, statement timeout; an email that another session gives up just now.
TRANSIENT = {"40001", "40P01", "55P03", "57014", "23505"}

# A session in a transaction that cannot write, a right or a table taken away, a server without room or in trouble.
_NOT_OF_A_ROW = ("25", "42501", "42P01", "53", "58", "XX")

# Whoever holds a lock on a whole table that keeps its readers, or its writers, out.
_TABLES_LOCKED = """
SELECT l.pid, coalesce(nullif(a.application_name, ''), a.usename::text, 'a prepared transaction'), min(c.relname::text)
FROM pg_locks l JOIN pg_class c ON c.oid = l.relation LEFT JOIN pg_stat_activity a ON a.pid = l.pid
WHERE l.granted AND l.locktype = 'relation' AND l.pid IS DISTINCT FROM pg_backend_pid()
    AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
    AND l.mode IN ('ShareLock', 'ShareRowExclusiveLock', 'ExclusiveLock', 'AccessExclusiveLock')
    AND c.relkind IN ('r', 'p') AND c.relnamespace = current_schema()::regnamespace
GROUP BY l.pid, a.application_name, a.usename ORDER BY l.pid NULLS FIRST LIMIT 1
"""
# Transactions that wrote to what the mirror follows, prepared ones too, and with `snapshots` those that see the past.
_OLDER = """
SELECT DISTINCT l.virtualtransaction, l.pid FROM pg_locks l
WHERE l.granted AND l.pid IS DISTINCT FROM pg_backend_pid() AND (
    l.locktype = 'relation' AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
        AND l.mode IN ('RowExclusiveLock', 'ShareRowExclusiveLock', 'ExclusiveLock', 'AccessExclusiveLock')
        AND l.relation IN (
            SELECT to_regclass(t) FROM unnest(ARRAY[
                'users', 'restaurant_staff', 'recipes', 'menus', 'customer_profiles', 'reservations', 'orders',
                'customers', 'customer_restaurants', 'customer_sessions']) t)
    OR %(snapshots)s AND l.locktype = 'virtualxid' AND l.pid IN (
        SELECT a.pid FROM pg_stat_activity a
        WHERE a.datname = current_database() AND a.backend_type = 'client backend' AND a.backend_xmin IS NOT NULL))
"""
_STILL_THERE = """
SELECT l.pid, coalesce(nullif(a.application_name, ''), a.usename::text, 'a prepared transaction')
FROM pg_locks l LEFT JOIN pg_stat_activity a ON a.pid = l.pid
WHERE l.virtualtransaction = ANY (%(transactions)s)
ORDER BY l.pid NULLS FIRST LIMIT 1
"""

# A lock on a table of the application that a change of its definition has to wait for.
_HOLDERS = """
SELECT l.pid, coalesce(nullif(a.application_name, ''), a.usename::text, 'unknown'), coalesce(a.state, 'state unknown'),
    coalesce(extract(epoch FROM clock_timestamp() - a.xact_start)::int, 0), min(c.relname::text)
FROM pg_locks l JOIN pg_class c ON c.oid = l.relation LEFT JOIN pg_stat_activity a ON a.pid = l.pid
WHERE l.database = (SELECT oid FROM pg_database WHERE datname = current_database()) AND l.granted
    AND l.pid <> pg_backend_pid() AND c.relkind IN ('r', 'p') AND c.relnamespace = current_schema()::regnamespace
GROUP BY l.pid, a.application_name, a.usename, a.state, a.xact_start
ORDER BY a.xact_start NULLS LAST LIMIT 3
"""


def silent(_: str) -> None:
    """Say nothing."""


def is_transient(error: BaseException) -> bool:
    """Whether the same statement may well succeed in a moment."""
    return sqlstate_of(error) in TRANSIENT


def is_of_a_row(error: BaseException) -> bool:
    """Whether ERROR may be the fault of one of the rows: then the others can go on without it."""
    return not sqlstate_of(error).startswith(_NOT_OF_A_ROW)


def wait_for_tables(connection: BaseDatabaseWrapper, again: str, note: Note = silent) -> bool:
    """Return once nobody locks a whole table any more, and whether somebody did.

    Raises CheckFailed, naming the session and the table, and the command AGAIN, after PATIENCE seconds.
    """
    return _wait_while(
        lambda: rows(connection, _TABLES_LOCKED),
        "Waiting for the table {table}, which is locked by {who}.",
        f"{{Who}} has locked the table {{table}} for more than {PATIENCE:.0f} s. The open transaction was undone; "
        "nothing is half done.",
        again,
        note,
    )


def wait_for_older(
    connection: BaseDatabaseWrapper, again: str, note: Note = silent, *, snapshots: bool = False
) -> None:
    """Return once every transaction that was under way, and wrote to what the mirror follows, is over.

    With SNAPSHOTS those are waited for as well that still see the database as it was. Raises CheckFailed, naming the
    session in the way and the command AGAIN, after PATIENCE seconds. Call it outside a transaction.
    """
    found = [key for key, _ in rows(connection, _OLDER, snapshots=snapshots)]
    if found:
        _wait_while(
            lambda: rows(connection, _STILL_THERE, transactions=found),
            "Waiting for transactions that began earlier to end: {who}.",
            f"{{Who}} has had a transaction open for more than {PATIENCE:.0f} s, and what it wrote cannot be seen "
            "before it ends.",
            again,
            note,
        )


def _wait_while(look: Callable[[], list[tuple[Any, ...]]], waiting: str, in_vain: str, again: str, note: Note) -> bool:
    """Return once LOOK finds nobody any more, and whether it found somebody; say WAITING once.

    It finds one process, its name and perhaps a table. Raises CheckFailed with IN_VAIN and the command AGAIN after
    PATIENCE seconds.
    """
    deadline, said = time.monotonic() + PATIENCE, False
    while found := look():
        ((process, name, *tables),) = found
        who = f"process {process} ({name})" if process else name
        words = {"who": who, "Who": who[0].upper() + who[1:], "table": "".join(tables)}
        if time.monotonic() > deadline:
            raise CheckFailed(in_vain.format(**words), f"end that transaction, then: {again}")
        if not said:
            note(waiting.format(**words))
            said = True
        time.sleep(_INTERVAL)
    return said


def patiently(connection: BaseDatabaseWrapper, work: Callable[[], _T], *, attempts: int = 0) -> _T:
    """Do WORK in a transaction that waits briefly for locks and bypasses the mirror; again while that is in vain."""
    attempts = attempts or _ATTEMPTS
    for attempt in range(1, attempts + 1):
        try:
            with transaction.atomic(connection.alias):
                execute(
                    connection,
                    "SELECT set_config('lock_timeout', %(wait)s, true), set_config('separation.bypass', 'on', true)",
                    wait=BRIEFLY,
                )
                return work()
        except DatabaseError as error:
            if not is_transient(error) or attempt == attempts:
                raise
            time.sleep(min(0.05 * 2**attempt, 2))
    raise AssertionError("unreachable")


def lock_holders(connection: BaseDatabaseWrapper) -> str:
    """Return who holds locks on the tables, the oldest transaction first."""
    found = [
        f"process {pid} ({name}, {state} for {seconds} s, holds {table})"
        for pid, name, state, seconds, table in rows(connection, _HOLDERS)
    ]
    return "; ".join(found) or "nobody any more"
