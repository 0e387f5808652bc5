"""What goes wrong while a process of a backup saves a table; other processes import this, so it imports little."""

import os
import signal
from typing import Any

import psycopg


def die(folder: Any, reader: Any, table: Any, advance: Any, **_: Any) -> None:
    """Be killed, as by the kernel when memory runs out."""
    os.kill(os.getpid(), signal.SIGKILL)


def lose(folder: Any, reader: Any, table: Any, advance: Any, **_: Any) -> None:
    """Lose the connection."""
    with psycopg.connect(reader.raw.info.dsn, autocommit=True) as other:
        other.execute("SELECT pg_terminate_backend(%s, 10000)", [reader.raw.info.backend_pid])
    reader.run("SELECT 1")


def fill_the_disk(folder: Any, reader: Any, table: Any, advance: Any, **_: Any) -> None:
    """Find no room."""
    raise OSError(28, "No space left on device")
