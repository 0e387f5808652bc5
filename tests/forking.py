"""Processes that cost nothing to start: forked from this one, which has Django loaded."""

import gc
import os
import signal
import sys
import traceback
import warnings
from collections.abc import Callable
from typing import Any

from django.core.management import execute_from_command_line
from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper

_left_alone: list[Any] = []


def fork(streams: tuple[int, int, int], live: Callable[[], int]) -> int:
    """Return the id of a new process with STREAMS for input, output and error, which ends with the code of LIVE."""
    with warnings.catch_warnings():
        # The child uses nothing that another thread of this process may hold.
        warnings.simplefilter("ignore", DeprecationWarning)
        process = os.fork()
    if process:
        return process
    code = 1
    try:
        gc.freeze()  # a collection would go through, and so copy, all that the parent has in memory
        for number, stream in enumerate(streams):
            os.dup2(stream, number)
        # What stood there may be the last of a former fork's, and must not close the new stream as it goes.
        sys.stdin, sys.stdout = open(0, closefd=False), open(1, "w", closefd=False)  # noqa: SIM115
        sys.stderr = open(2, "w", buffering=1, closefd=False)  # noqa: SIM115
        code = live()
        sys.stdout.flush()
    except BaseException:
        traceback.print_exc()
        code = code or 1
    finally:
        os._exit(code)


class Forked:
    """A process forked from this one that does what LIVE does, its streams in pipes: what tests want of a `Popen`.

    It may say no more on standard error than a pipe holds.
    """

    def __init__(self, live: Callable[[], int]) -> None:
        (typed, terminal), (out, says), (err, notes) = os.pipe(), os.pipe(), os.pipe()

        def begin() -> int:
            for stream in (terminal, out, err):
                os.close(stream)
            return live()

        self.returncode: int | None = None
        self.pid = fork((typed, says, notes), begin)
        for stream in (typed, says, notes):
            os.close(stream)
        self.stdin, self.stdout, self.stderr = open(terminal, "w", buffering=1), open(out), open(err)  # noqa: SIM115

    def __enter__(self) -> "Forked":
        return self

    def __exit__(self, *_: object) -> None:
        if self.poll() is None:
            self.send_signal(signal.SIGKILL)
            self.wait()
        for stream in (self.stdin, self.stdout, self.stderr):
            stream.close()

    def send_signal(self, number: int) -> None:
        os.kill(self.pid, number)

    def poll(self) -> int | None:
        """Return how it ended, or None as long as it lives."""
        return self._ended(os.WNOHANG)

    def wait(self) -> int | None:
        """Return how it ended, once it has: its exit code, or the negative number of the signal."""
        return self._ended(0)

    def communicate(self, typed: str = "") -> tuple[str, str]:
        """Type that, and no more; return what it says on both streams, once it has ended."""
        self.stdin.write(typed)
        self.stdin.close()
        said = self.stdout.read(), self.stderr.read()
        self.wait()
        return said

    def _ended(self, options: int) -> int | None:
        if self.returncode is None:
            ended, status = os.waitpid(self.pid, options)
            if ended:
                self.returncode = os.waitstatus_to_exitcode(status)
        return self.returncode


def connect_anew(connection: BaseDatabaseWrapper) -> None:
    """Connect to CONNECTION's database anew; what the parent has open is neither used nor closed here."""
    _left_alone.extend([connection, connections["default"]])
    connections.settings["default"] = connection.settings_dict
    connections["default"] = type(connection)(connection.settings_dict, alias="default")


def command(*arguments: str) -> int:
    """Do what `manage.py ARGUMENTS` does, and return its exit code."""
    try:
        execute_from_command_line(["manage.py", *arguments])
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else 1
    return 0
