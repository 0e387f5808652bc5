"""Commands in real processes that cost nothing to start: forked from this one, which has Django loaded.

A blow may go with one: at a certain instant of its life it is killed, or loses its connections. Instants are counted in
statements and commits, so that they are the same ones on a slow machine; what is under way then goes on at the server.
"""

import functools
import os
import random
import signal
import sys
import threading
import time
import traceback
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

import psycopg
from django.core.management import execute_from_command_line
from django.db import connections
from django.db.backends.postgresql.base import DatabaseWrapper
from django.db.backends.utils import CursorWrapper

from separation.migrator import Pace
from tests.databases import LegacyDatabase, database_url
from tests.separation.engine import one

KILL, TERMINATE = "kill", "terminate"


@dataclass(frozen=True)
class Blow:
    """What befalls a process at the instant AT: before that statement is sent, or DELAY seconds after."""

    kind: str
    at: int
    delay: float | None = None


@dataclass(frozen=True)
class Ended:
    """How a process ended: its exit code, or the negative number of the signal, and what it had said."""

    code: int
    out: str
    err: str
    statements: list[str]


@dataclass
class Process:
    """A command under way in a process of its own."""

    pid: int
    folder: Path

    def wait(self) -> Ended:
        """Return how it ended."""
        _, status = os.waitpid(self.pid, 0)
        said = [(self.folder / name).read_text() for name in ("out", "err", "statements")]
        return Ended(os.waitstatus_to_exitcode(status), said[0], said[1], said[2].splitlines())


def start(
    database: LegacyDatabase,
    folder: Path,
    *arguments: str,
    stdin: str = "",
    blow: Blow | None = None,
    prepare: Callable[[], None] = lambda: None,
    chunk: int = 7,
) -> Process:
    """Start `manage.py ARGUMENTS` on DATABASE, with chunks of CHUNK customers, after PREPARE was called there."""
    folder.mkdir(exist_ok=True)
    (folder / "in").write_text(stdin)
    for name in ("out", "err", "statements"):
        (folder / name).write_text("")
    spared = database.connection.connection and database.connection.connection.info.backend_pid
    with warnings.catch_warnings():
        # The child uses nothing that another thread of this process may hold.
        warnings.simplefilter("ignore", DeprecationWarning)
        pid = os.fork()
    if pid:
        return Process(pid, folder)
    code = 99
    try:
        _take_streams(folder)
        _take_connection(database.name)
        _count_instants(folder, blow, database.name, spared or 0)
        _pace(chunk)
        prepare()
        code = _run(arguments)
    except BaseException:
        traceback.print_exc()
    finally:
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
        os._exit(code)


def run(database: LegacyDatabase, folder: Path, *arguments: str, **how: Any) -> Ended:
    """Do what `start` does, and return how it ended."""
    return start(database, folder, *arguments, **how).wait()


def alone(database: LegacyDatabase) -> None:
    """Return once the server has noticed that the processes are gone: nobody but the test is connected."""
    others = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
    while one(database.connection, others):
        time.sleep(0.002)


def spread(seed: int, begin: int, end: int, number: int) -> list[int]:
    """Return NUMBER instants from BEGIN to END: one at random in each of as many equal parts."""
    chance, width = random.Random(seed), (end - begin) / number  # noqa: S311
    return [begin + int(part * width + chance.random() * width) for part in range(number)]


def _take_streams(folder: Path) -> None:
    for number, name, flags in ((0, "in", os.O_RDONLY), (1, "out", os.O_WRONLY), (2, "err", os.O_WRONLY)):
        os.dup2(os.open(folder / name, flags), number)
    sys.stdin, sys.stdout, sys.stderr = open(0), open(1, "w"), open(2, "w")  # noqa: SIM115


_left_alone: list[Any] = []


def _take_connection(name: str) -> None:
    """Connect anew to the database NAME; what the parent has open is neither used nor closed here."""
    wrapper = connections["default"]
    _left_alone.append(wrapper)
    wrapper.settings_dict["NAME"] = name
    connections["default"] = type(wrapper)(wrapper.settings_dict, alias="default")


def _count_instants(folder: Path, blow: Blow | None, name: str, spared: int) -> None:
    """Write down every statement and every commit of this process, and strike at one of them; the parent is SPARED."""
    numbers, trace = count(), (folder / "statements").open("w", buffering=1)
    admin = psycopg.connect(database_url("postgres"), autocommit=True) if blow and blow.kind == TERMINATE else None

    def strike() -> None:
        time.sleep((blow and blow.delay) or 0)
        if admin is None:
            os.kill(os.getpid(), signal.SIGKILL)
        else:
            admin.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s AND pid <> %s",
                [name, spared],
            )

    def counted(function: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(function)
        def wrapper(self: Any, *arguments: Any, **named: Any) -> Any:
            number = next(numbers)
            trace.write(" ".join(str(arguments[0] if arguments else "COMMIT").split())[:100] + "\n")
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


def _run(arguments: tuple[str, ...]) -> int:
    try:
        execute_from_command_line(["manage.py", *arguments])
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else 1
    return 0
