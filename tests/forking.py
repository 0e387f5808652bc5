"""Processes that cost nothing to start: forked from this one, which has Django loaded."""

import os
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
        for number, stream in enumerate(streams):
            os.dup2(stream, number)
        sys.stdin, sys.stdout, sys.stderr = open(0), open(1, "w"), open(2, "w", buffering=1)  # noqa: SIM115
        code = live()
        sys.stdout.flush()
    except BaseException:
        traceback.print_exc()
        code = code or 1
    finally:
        os._exit(code)


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
