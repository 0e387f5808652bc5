"""Who may work on a database: advisory locks, which the server frees when their holder's connection ends.

Workers that move customers share the lock of all runs; whatever else changes data holds it alone. Nobody waits for it.
"""

import os
import re
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from django.conf import settings
from django.db.backends.base.base import BaseDatabaseWrapper

from config.sql import Queries
from separation.database import LOCK_TIMEOUT, STATEMENT_TIMEOUT, execute, name_session, rows, scalar
from separation.errors import STATUS, Refused
from separation.models import Run

LOCK = Queries(settings.BASE_DIR / "separation" / "sql" / "lock.sql")

_KEY = 0x5E9A7A7E
# Held by the one worker that does the last step of a run.
_LAST_STEP = _KEY + 1
# Held for the moment in which a worker adds a chunk at the ledger's end.
ALLOCATION = _KEY + 2

_NAME = re.compile(r"separation worker (?P<run>\d+)/(?P<number>\d+) (?P<doing>\w+) (?P<pid>\d+)@(?P<host>.*)")


@dataclass(frozen=True)
class Worker:
    """A session that shares in a run, as anybody sees it who looks at the server."""

    process: int
    name: str

    def __str__(self) -> str:
        if found := _NAME.fullmatch(self.name):
            return "worker {number}, process {pid} on {host}".format(**found.groupdict())
        return f"server process {self.process}" + (f" ({self.name})" if self.name else "")

    @property
    def doing(self) -> str:
        """What it does: working, paused, waiting or finishing; connected if it has not said so."""
        found = _NAME.fullmatch(self.name)
        return found["doing"] if found else "connected"


# Whoever works waits for nobody for long, is not waited for if it stops in the middle of a transaction, and leaves the
# other processors to those who use the applications meanwhile.
_SETTINGS = {
    "lock_timeout": LOCK_TIMEOUT,
    "statement_timeout": STATEMENT_TIMEOUT,
    "idle_in_transaction_session_timeout": "1min",
    "max_parallel_workers_per_gather": "0",
}
_SET = "SELECT " + ", ".join(f"set_config('{name}', '{value}', false)" for name, value in _SETTINGS.items())
_RESET = "; ".join(f"RESET {name}" for name in _SETTINGS)


@contextmanager
def exclusive(connection: BaseDatabaseWrapper) -> Iterator[None]:
    """Hold the lock of all runs alone; raises Refused, saying who holds it since when, if it is taken."""
    with alone_if_free(connection) as alone:
        if not alone:
            raise Refused("one run at a time", _holder(connection), STATUS)
        yield


@contextmanager
def alone_if_free(connection: BaseDatabaseWrapper) -> Iterator[bool]:
    """Hold the lock of all runs alone, or yield False.

    Runs that a dead process left behind are marked as interrupted: whoever holds the lock alone knows that nobody runs.
    """
    execute(connection, _SET)
    try:
        alone = scalar(connection, "SELECT pg_try_advisory_lock(%(key)s)", key=_KEY)
        if alone:
            execute(connection, LOCK.interrupt_runs)
        yield bool(alone)
    finally:
        release(connection)


@contextmanager
def shared(connection: BaseDatabaseWrapper) -> Iterator[None]:
    """Hold the lock together with the other workers of a run; raises Refused if somebody holds it alone."""
    execute(connection, _SET)
    try:
        if not scalar(connection, "SELECT pg_try_advisory_lock_shared(%(key)s)", key=_KEY):
            raise Refused("one run at a time", _holder(connection), STATUS)
        yield
    finally:
        release(connection)


def share(connection: BaseDatabaseWrapper) -> None:
    """Let other workers in: from holding the lock alone to sharing it, without a moment between."""
    scalar(connection, "SELECT pg_try_advisory_lock_shared(%(key)s)", key=_KEY)
    scalar(connection, "SELECT pg_advisory_unlock(%(key)s)", key=_KEY)


def take_last_step(connection: BaseDatabaseWrapper) -> bool:
    """Return whether this worker is the one that ends the run; another one gets the right if its connection is lost."""
    return bool(scalar(connection, "SELECT pg_try_advisory_lock(%(key)s)", key=_LAST_STEP))


def release(connection: BaseDatabaseWrapper) -> None:
    """Free every advisory lock of this connection, which are all of this module; a lost one has none."""
    if connection.is_usable():
        execute(connection, f"SELECT pg_advisory_unlock_all(); {_RESET}")


def workers(connection: BaseDatabaseWrapper) -> list[Worker]:
    """Return the sessions that share the lock, in the order in which they connected; waits for nobody."""
    return [Worker(*found) for found in rows(connection, LOCK.workers, key=_KEY)]


def is_last(connection: BaseDatabaseWrapper) -> bool:
    """Return whether no other session shares the lock."""
    own = scalar(connection, "SELECT pg_backend_pid()")
    return not [worker for worker in workers(connection) if worker.process != own]


def introduce(connection: BaseDatabaseWrapper, run: int, number: int, doing: str) -> None:
    """Name the session, so that everybody sees on the server which worker it is and what it does."""
    name = f"separation worker {run}/{number} {doing} {os.getpid()}@{socket.gethostname()}"
    name_session(connection, name)


def _holder(connection: BaseDatabaseWrapper) -> str:
    run = Run.objects.using(connection.alias).filter(state=Run.RUNNING).first()
    if run:
        at_work = "; ".join(str(worker) for worker in workers(connection))
        at_work = f" At work: {at_work}." if at_work else ""
        return (
            f"Run {run.pk} ({run.kind}) by {run.operator} holds the lock since "
            f"{run.started_at:%Y-%m-%d %H:%M:%S} UTC.{at_work}"
        )
    for pid, user, host, since in rows(connection, LOCK.holder, key=_KEY):
        return (
            f"{user} from {host} (server process {pid}) holds the lock, connected since {since:%Y-%m-%d %H:%M:%S} UTC."
        )
    return "Another run held the lock until just now."
