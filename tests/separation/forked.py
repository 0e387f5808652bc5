"""Commands in real processes that cost nothing to start: forked from this one, which has Django loaded.

A blow may go with one: at a certain instant of its life it is killed, loses its connections, or finds the disk full.
Instants are counted in statements and commits, so that they are the same ones on a slow machine; what is under way then
goes on at the server.
"""

import functools
import os
import random
import signal
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

import psycopg
from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.postgresql.base import DatabaseWrapper
from django.db.backends.utils import CursorWrapper

from separation.migrator import Pace
from separation.models import Run
from separation.verification import verify
from tests.databases import database_url
from tests.forking import command, connect_anew, fork
from tests.separation.engine import checksums, columns_of, one

Strike = Callable[[], object]

# What of the engine's own tables is empty again after a roll-back.
FORGOTTEN = {"separation_chunks", "separation_undo", "separation_pending"}


@dataclass(frozen=True)
class Blow:
    """What befalls a process at the instant AT: before that statement is sent, or DELAY seconds after."""

    strike: Strike
    at: int
    delay: float | None = None


@dataclass(frozen=True)
class Ended:
    """How a process ended: its exit code, or the negative number of the signal, and what it had said."""

    code: int
    out: str
    err: str
    statements: list[str]


@dataclass(frozen=True)
class Process:
    """A command under way in a process of its own."""

    pid: int
    out: int
    err: int
    trace: Path

    def wait(self) -> Ended:
        """Return how it ended."""
        _, status = os.waitpid(self.pid, 0)
        out, err = (_rest_of(stream) for stream in (self.out, self.err))
        return Ended(os.waitstatus_to_exitcode(status), out, err, self.trace.read_text().splitlines())


def start(
    connection: BaseDatabaseWrapper,
    trace: Path,
    *arguments: str,
    stdin: str = "",
    blow: Blow | None = None,
    prepare: Strike = lambda: None,
    chunk: int = 7,
) -> Process:
    """Start `manage.py ARGUMENTS` on CONNECTION's database, in chunks of CHUNK customers, after PREPARE.

    What it says goes into pipes: it may not be more than a pipe holds. Its statements go to the file TRACE.
    """
    trace.write_text("")
    (typed, terminal), (out, says), (err, notes) = os.pipe(), os.pipe(), os.pipe()
    os.write(terminal, stdin.encode())

    def live() -> int:
        os.close(terminal)
        if connection.connection is not None:
            _spared.append(connection.connection.info.backend_pid)
        connect_anew(connection)
        _count_instants(trace, blow)
        _pace(chunk)
        prepare()
        return command(*arguments)

    process = fork((typed, says, notes), live)
    for stream in (typed, terminal, says, notes):
        os.close(stream)
    return Process(process, out, err, trace)


def run(connection: BaseDatabaseWrapper, trace: Path, *arguments: str, **how: Any) -> Ended:
    """Do what `start` does, and return how it ended."""
    return start(connection, trace, *arguments, **how).wait()


def kill() -> None:
    """End this process as `kill -9` does."""
    os.kill(os.getpid(), signal.SIGKILL)


def lose_connections(most: int = 100) -> None:
    """Have the server end every connection of this process's database but that of the test, or some of them."""
    with psycopg.connect(database_url("postgres"), autocommit=True) as admin:
        admin.execute(
            """SELECT pg_terminate_backend(pid) FROM (
                SELECT pid FROM pg_stat_activity WHERE datname = %s AND pid <> ALL (%s) ORDER BY random() LIMIT %s
            ) p""",
            [connections["default"].settings_dict["NAME"], _spared, most],
        )


def lose_one_connection() -> None:
    """Have the server end one of this process's connections."""
    lose_connections(1)


def spread(seed: int, begin: int, end: int, number: int) -> list[int]:
    """Return NUMBER instants from BEGIN to END: one at random in each of as many equal parts."""
    chance, width = random.Random(seed), (end - begin) / number  # noqa: S311
    return [begin + int(part * width + chance.random() * width) for part in range(number)]


def begun(statements: list[str]) -> int:
    """Return the instant at which the run is recorded: the phrase was given, and the data is about to change."""
    return next(number for number, sql in enumerate(statements) if sql.startswith('INSERT INTO "separation_runs"'))


def turned(statements: list[str]) -> int:
    """Return the instant at which the phase changes."""
    return next(number for number, sql in enumerate(statements) if sql.startswith('UPDATE "separation_phase"'))


def without_preflight() -> None:
    """Leave the preflight out: it only reads, and takes as long as all the rest."""
    from separation import interlocks

    interlocks.require_preflight = lambda connection: None


class World:
    """A legacy database with its backup, the commands on it, and what it was like before."""

    def __init__(self, connection: BaseDatabaseWrapper, folder: Path) -> None:
        self.connection, self.folder = connection, folder
        self.name = str(connection.settings_dict["NAME"])
        self.columns = {
            table: names
            for table, names in columns_of(connection).items()
            if not table.startswith("separation_") or table in FORGOTTEN
        }
        backup = run(connection, folder / "trace", "backup")
        assert backup.code == 0, backup.err
        self.before = self.looks()

    def looks(self) -> dict[str, str]:
        """Return the checksum of every table that a roll-back leaves as it was."""
        return checksums(self.connection, self.columns)

    def start(
        self,
        option: str,
        blow: Blow | None = None,
        prepare: Strike = without_preflight,
        *more: str,
        trace: str = "trace",
    ) -> Process:
        """Start `migrate_customers` with OPTION and MORE, in chunks of six."""
        stdin = f"{'MIGRATE' if option == '--execute' else 'ROLLBACK'} {self.name}\n"
        arguments = ("migrate_customers", option, *more)
        path = self.folder / trace
        return start(self.connection, path, *arguments, stdin=stdin, blow=blow, prepare=prepare, chunk=6)

    def run(self, option: str, blow: Blow | None = None, prepare: Strike = without_preflight, *more: str) -> Ended:
        """Do what `start` does, and return how it ended once nobody else is connected."""
        ended = self.start(option, blow, prepare, *more).wait()
        self.alone()
        return ended

    def alone(self) -> None:
        """Return once the server has noticed that processes are gone: nobody but the test is connected."""
        others = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
        while one(self.connection, others):
            time.sleep(0.002)

    def goes_there(self) -> None:
        """Execute to the end: everything is verified."""
        done = self.run("--execute")
        assert done.code == 0, done.err
        said = done.out.splitlines()[-1]
        if not said.startswith("Verified: every invariant holds."):
            assert said.startswith("Nothing to do: all ")
            assert self.broken() == set()
        assert not Run.objects.filter(state=Run.RUNNING).exists()

    def comes_back(self) -> None:
        """Roll back to the end: every value is what it was."""
        done = self.run("--rollback")
        assert done.code == 0, done.err
        assert one(self.connection, "SELECT name FROM separation_phase") == "legacy"
        assert self.looks() == self.before

    def broken(self) -> set[str]:
        """Return the invariants that do not hold."""
        return {result.id for result in verify(self.connection).failures}


def _rest_of(stream: int) -> str:
    with open(stream, encoding="utf-8") as file:
        return file.read()


_spared: list[int] = []


def _count_instants(trace: Path, blow: Blow | None) -> None:
    """Write down every statement and every commit of this process, and strike at one of them."""
    numbers, file = count(), trace.open("w", buffering=1)

    def strike() -> None:
        assert blow
        time.sleep(blow.delay or 0)
        blow.strike()

    def counted(function: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(function)
        def wrapper(self: Any, *arguments: Any, **named: Any) -> Any:
            number = next(numbers)
            with suppress(OSError):
                file.write(" ".join(str(arguments[0] if arguments else "COMMIT").split())[:100] + "\n")
            if blow and number == blow.at:
                if blow.delay is None:
                    strike()
                else:
                    threading.Thread(target=strike, daemon=True).start()
            return function(self, *arguments, **named)

        return wrapper

    for owner, method in ((CursorWrapper, "_execute"), (CursorWrapper, "_executemany"), (DatabaseWrapper, "_commit")):
        setattr(owner, method, counted(getattr(owner, method)))


def _pace(chunk: int) -> None:
    """Take chunks of always the same size."""
    make = Pace.__init__

    def fixed(self: Pace, *arguments: Any, **named: Any) -> None:
        make(self, *arguments, **named)
        self.size = self.smallest = self.largest = chunk

    Pace.__init__ = fixed  # type: ignore[method-assign]
