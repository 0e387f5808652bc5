"""One run at a time: an advisory lock of the database, freed by the server when its holder's connection ends."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.db.backends.base.base import BaseDatabaseWrapper

from separation.database import execute, rows, scalar
from separation.errors import Refused
from separation.models import Run

_KEY = 0x5E9A7A7E

_HOLDER = """
SELECT a.pid, a.usename, coalesce(host(a.client_addr), 'this host'), a.backend_start
FROM pg_locks l JOIN pg_stat_activity a ON a.pid = l.pid
WHERE l.locktype = 'advisory' AND l.granted AND (l.classid::bigint << 32) + l.objid::bigint = %(key)s
    AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
"""


@contextmanager
def exclusive(connection: BaseDatabaseWrapper) -> Iterator[None]:
    """Hold the lock of all runs; raises Refused, saying who holds it since when, if it is taken.

    Runs that a dead process left behind are marked as interrupted: whoever holds the lock knows that nobody runs.
    """
    if not scalar(connection, "SELECT pg_try_advisory_lock(%(key)s)", key=_KEY):
        raise Refused("one run at a time", _holder(connection), "python manage.py separation_status")
    try:
        Run.objects.using(connection.alias).filter(state=Run.RUNNING).update(state=Run.INTERRUPTED)
        yield
    finally:
        if connection.is_usable():
            execute(connection, "SELECT pg_advisory_unlock(%(key)s)", key=_KEY)


def _holder(connection: BaseDatabaseWrapper) -> str:
    run = Run.objects.using(connection.alias).filter(state=Run.RUNNING).first()
    if run:
        return (
            f"Run {run.pk} ({run.kind}) by {run.operator} holds the lock since {run.started_at:%Y-%m-%d %H:%M:%S} UTC."
        )
    for pid, user, host, since in rows(connection, _HOLDER, key=_KEY):
        return (
            f"{user} from {host} (server process {pid}) holds the lock, connected since {since:%Y-%m-%d %H:%M:%S} UTC."
        )
    return "Another run held the lock until just now."
