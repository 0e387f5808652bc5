"""What tests of backups share: sample databases, what pg_dump sees in them, reading a backup without our own code."""

import hashlib
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

import psycopg
import zstandard
from django.db import connections
from django.db.backends.base.base import NO_DB_ALIAS, BaseDatabaseWrapper
from django.db.utils import load_backend

from config.embedded_postgres.programs import program
from config.sql import Queries
from tests.databases import database_url, start

SAMPLES = Queries(Path(__file__).with_name("backup_samples.sql"))


class Stopped:
    """A command under way in a process of its own on the database NAME, standing still BEFORE or AFTER a function."""

    def __init__(self, name: str, command: str, module: ModuleType, function: str, when: str, *arguments: str) -> None:
        self.process = start(name, command, *arguments, prepare=lambda: _stop_at(module, function, when))
        said = self.process.stdout.readline()
        assert said == "there\n", self.process.communicate()

    def end_by(self, number: int) -> str:
        """Send it the signal NUMBER, and return what it says of it."""
        self.process.send_signal(number)
        return self._end()

    def go_on(self) -> int | None:
        """Let it go on to its end, and return its exit code."""
        self._end()
        return self.process.returncode

    def _end(self) -> str:
        with self.process:
            return self.process.communicate()[1]


def _stop_at(module: ModuleType, name: str, when: str) -> None:
    """Have this process say that it is THERE, before or after that function, and stand still until nobody types."""
    function = getattr(module, name)

    def wait() -> None:
        print("there", flush=True)  # noqa: T201
        sys.stdin.read()

    def stopped(*arguments: Any, **named: Any) -> Any:
        if when == "before":
            wait()
        result = function(*arguments, **named)
        if when == "after":
            wait()
        return result

    setattr(module, name, stopped)


@contextmanager
def connected(name: str, **settings: Any) -> Iterator[BaseDatabaseWrapper]:
    """Open a connection of its own to the database NAME, for instance as another USER."""
    default = connections["default"]
    wrapper = load_backend(settings.get("ENGINE", default.settings_dict["ENGINE"])).DatabaseWrapper
    connection: BaseDatabaseWrapper = wrapper({**default.settings_dict, "NAME": name, **settings}, alias=NO_DB_ALIAS)
    try:
        yield connection
    finally:
        connection.close()


def execute(name: str, sql: str) -> list[tuple[Any, ...]]:
    """Execute one statement or several in the database NAME (or at that address); return the rows of the last."""
    with psycopg.connect(_address(name), autocommit=True) as connection:
        cursor = connection.execute(sql)
        while cursor.nextset():
            pass
        return cursor.fetchall() if cursor.description else []


def fill_with_everything(name: str) -> None:
    """Put one of every kind of object and value into the database NAME."""
    for sample in SAMPLES:
        execute(name, getattr(SAMPLES, sample))


def dump(name: str) -> list[str]:
    """Return the lines of what PostgreSQL's own tool saves of the database NAME, rows too, in an order of their own."""
    options = ("--no-owner", "--no-privileges", "--exclude-table=separation_environment", "--rows-per-insert=1")
    command = [str(program("pg_dump")), *options, f"--dbname={_address(name)}"]
    text = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return sorted(line for line in text.splitlines() if not re.match(r"\\(un)?restrict \w{60}", line))


def _address(name: str) -> str:
    return name if "://" in name else database_url(name)


def rows_in(folder: Path, file: str) -> list[list[str | None]]:
    """Return the rows of one file of a backup, read with nothing but a decompressor and a JSON parser."""
    with (
        (folder / file).open("rb") as packed,
        zstandard.ZstdDecompressor().stream_reader(packed, read_across_frames=True) as content,
    ):
        return [json.loads(line) for line in content.read().decode().split("\n")[:-1]]


def rewrite_manifest(folder: Path, **changes: Any) -> None:
    """Change a manifest as somebody would who knows how: SHA256SUMS agrees with it afterwards."""
    manifest = json.loads((folder / "manifest.json").read_text())
    (folder / "manifest.json").write_text(json.dumps(manifest | changes))
    digest = hashlib.sha256((folder / "manifest.json").read_bytes()).hexdigest()
    sums = (folder / "SHA256SUMS").read_text().splitlines(keepends=True)
    (folder / "SHA256SUMS").write_text("".join([f"{digest}  manifest.json\n", *sums[1:]]))


def files_in(folder: Path) -> list[str]:
    """Return the names of everything in a folder, hidden or not."""
    return sorted(path.name for path in folder.iterdir())
