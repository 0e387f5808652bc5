"""What tests of backups share: sample databases, what pg_dump sees in them, reading a backup without our own code."""

import hashlib
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import zstandard
from django.conf import settings as project
from django.db import connections
from django.db.backends.base.base import NO_DB_ALIAS, BaseDatabaseWrapper
from django.db.utils import load_backend

from config.embedded_postgres.programs import program
from config.sql import Queries
from tests.databases import database_url

SAMPLES = Queries(Path(__file__).with_name("backup_samples.sql"))


# Runs a command in a process of its own and stops at one function of it: before it, or after.
STOPPED = """
import os, sys
import django; django.setup()
from django.core.management import call_command
from separation.backups import checking, restoring, scratch, taking
scratch._PREFIX = os.environ.get("SCRATCH_PREFIX", scratch._PREFIX)
command, module, name, when, *arguments = sys.argv[1:]
module = {"checking": checking, "taking": taking, "restoring": restoring}[module]
function = getattr(module, name)
def wait():
    print("there", flush=True)
    sys.stdin.read()
def stopped(*args, **kwargs):
    if when == "before":
        wait()
    result = function(*args, **kwargs)
    if when == "after":
        wait()
    return result
setattr(module, name, stopped)
call_command(command, *arguments)
"""


class Stopped:
    """A command under way, standing still."""

    def __init__(self, name: str, *arguments: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", STOPPED, *arguments],
            cwd=project.BASE_DIR,
            env=os.environ
            | {
                "DJANGO_SETTINGS_MODULE": "config.settings",
                "DATABASE_URL": database_url(name),
                "SECRET_KEY": "for tests " * 6,
                "PORTAL_SIGNING_KEY": "for tests too " * 6,
            },
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout
        assert self.process.stdout.readline() == "there\n", self.process.communicate()

    def end_by(self, number: int) -> str:
        self.process.send_signal(number)
        return self.process.communicate(timeout=60)[1]

    def go_on(self) -> int:
        self.process.communicate(timeout=60)
        return self.process.returncode


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
