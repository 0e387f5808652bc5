"""Waiting for others without standing in their way: for transactions to end, and for locks never long."""

import time
from collections.abc import Callable
from typing import TypeVar

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


def silent(_: str) -> None:
    """Say nothing."""


def is_transient(error: BaseException) -> bool:
    """Whether the same statement may well succeed in a moment."""
    return sqlstate_of(error) in TRANSIENT


def wait_for_older(
    connection: BaseDatabaseWrapper, again: str, note: Note = silent, *, snapshots: bool = False
) -> None:
    """Return once every transaction that was under way, and wrote to what the mirror follows, is over.

    With SNAPSHOTS those are waited for as well that still see the database as it was. Raises CheckFailed, naming the
    session in the way and the command AGAIN, after PATIENCE seconds. Call it outside a transaction.
    """
    found = [key for key, _ in rows(connection, _OLDER, snapshots=snapshots)]
    deadline, said = time.monotonic() + PATIENCE, False
    while found and (left := rows(connection, _STILL_THERE, transactions=found)):
        ((process, name),) = left
        who = f"process {process} ({name})" if process else name
        if time.monotonic() > deadline:
            raise CheckFailed(
                f"{who[0].upper()}{who[1:]} has had a transaction open for more than {PATIENCE:.0f} s, and what it "
                "wrote cannot be seen before it ends.",
                f"end that transaction, then: {again}",
            )
        if not said:
            note(f"Waiting for transactions that began earlier to end: {who}.")
            said = True
        time.sleep(_INTERVAL)


def patiently(connection: BaseDatabaseWrapper, work: Callable[[], _T]) -> _T:
    """Do WORK in a transaction that waits briefly for locks and bypasses the mirror; again while that is in vain."""
    for attempt in range(1, _ATTEMPTS + 1):
        try:
            with transaction.atomic(connection.alias):
                execute(
                    connection,
                    "SELECT set_config('lock_timeout', %(wait)s, true), set_config('separation.bypass', 'on', true)",
                    wait=BRIEFLY,
                )
                return work()
        except DatabaseError as error:
            if not is_transient(error) or attempt == _ATTEMPTS:
                raise
            time.sleep(min(0.05 * 2**attempt, 2))
    raise AssertionError("unreachable")
