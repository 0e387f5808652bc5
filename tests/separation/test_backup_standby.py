"""A backup can be taken on a hot standby, which cannot be written at all."""

import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.db.backends.base.base import BaseDatabaseWrapper

from config.embedded_postgres import ensure_running
from separation.backups import latest_verified, restore, take
from separation.errors import Refused
from tests.separation.backups import connected, dump, execute, fill_with_everything

pytestmark = [
    pytest.mark.engine,
    pytest.mark.skipif(not settings.EMBEDDED, reason="starts servers with the programs of the embedded one"),
]


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    """Start a primary and its standby, of which nobody else knows; the folder holds the sockets of both."""
    folder = Path(tempfile.mkdtemp(prefix="standby-", dir="/tmp"))
    ensure_running().place.give(folder)
    try:
        _program(
            "initdb", f"--pgdata={folder}/1", "--auth=trust", "--username=postgres", "--no-sync", "--encoding=UTF8"
        )
        _start(folder, 1)
        _program("pg_basebackup", f"--dbname={_address(folder, 1)}", f"--pgdata={folder}/2", "-R", "--checkpoint=fast")
        _start(folder, 2)
        yield folder
    finally:
        for number in (2, 1):
            _program("pg_ctl", "stop", f"--pgdata={folder}/{number}", "--mode=immediate", check=False)
        shutil.rmtree(folder)


def test_a_standby_gives_the_same_backup(folder, databases, django_db_blocker, backup_dir):
    execute(_address(folder, 1), "CREATE DATABASE everything TEMPLATE template0")
    primary = _address(folder, 1, "everything")
    fill_with_everything(primary)
    execute(primary, "DROP TABLE unlogged")

    with django_db_blocker.unblock(), on_standby(folder, "everything") as copy:
        record = take(copy)
        assert latest_verified(copy) == record

    with django_db_blocker.unblock(), databases.empty() as target, connected(target) as into:
        restore(into, record.path)
        # PostgreSQL writes sequences ahead into the log, so a standby sees them a little later than they are.
        lines = [[line for line in dump(each) if "pg_catalog.setval" not in line] for each in (target, primary)]
        assert lines[0] == lines[1]


def test_an_unlogged_table_is_refused_there(folder, django_db_blocker, backup_dir):
    execute(_address(folder, 1), "CREATE UNLOGGED TABLE scratch (id int)")
    with django_db_blocker.unblock(), on_standby(folder, "postgres") as copy, pytest.raises(Refused) as refusal:
        take(copy)
    assert refusal.value.message == (
        "The backup would not be whole: "
        "a standby cannot read the unlogged table public.scratch (take the backup on the primary)."
    )


@contextmanager
def on_standby(folder: Path, name: str) -> Iterator[BaseDatabaseWrapper]:
    """Wait until the standby has all that was written, and connect to the database NAME there."""
    ((written,),) = execute(_address(folder, 1), "SELECT pg_current_wal_flush_lsn()")
    deadline = time.monotonic() + 60
    while execute(_address(folder, 2), f"SELECT pg_last_wal_replay_lsn() >= '{written}'") != [(True,)]:
        assert time.monotonic() < deadline, (folder / "2.log").read_text()
        time.sleep(0.05)
    plain = {"ENGINE": "django.db.backends.postgresql", "HOST": str(folder), "PORT": 2, "USER": "postgres"}
    with connected(name, **plain) as copy:
        yield copy


def _address(folder: Path, number: int, name: str = "postgres") -> str:
    return f"postgres://postgres@/{name}?host={folder}&port={number}"


def _start(folder: Path, number: int) -> None:
    options = f"-k {folder} -c listen_addresses= -c port={number} -c fsync=off -c shared_buffers=16MB"
    log = folder / f"{number}.log"
    _program("pg_ctl", "start", "--wait", f"--pgdata={folder}/{number}", f"--log={log}", f"--options={options}")


def _program(name: str, *arguments: str, **options: Any) -> None:
    place = ensure_running().place
    account = place.account
    subprocess.run(
        [str(place.programs() / name), *arguments],
        **({"check": True} | options),
        cwd="/",
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        timeout=60,
        user=account and account.uid,
        group=account and account.gid,
        extra_groups=account and [],
    )
