"""A primary of a test's own and its standby: two servers of which nobody else knows."""

import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from config.embedded_postgres import ensure_running
from tests.separation.backups import execute


@contextmanager
def primary_and_standby() -> Iterator[Path]:
    """Start both; the folder holds their sockets, of the primary on port 1 and of the standby on port 2."""
    folder = Path(tempfile.mkdtemp(prefix="standby-", dir="/tmp"))
    ensure_running().place.give(folder)
    try:
        _program(
            "initdb", f"--pgdata={folder}/1", "--auth=trust", "--username=postgres", "--no-sync", "--encoding=UTF8"
        )
        _start(folder, 1)
        _program("pg_basebackup", f"--dbname={address(folder, 1)}", f"--pgdata={folder}/2", "-R", "--checkpoint=fast")
        _start(folder, 2)
        yield folder
    finally:
        for number in (2, 1):
            _program("pg_ctl", "stop", f"--pgdata={folder}/{number}", "--mode=immediate", check=False)
        shutil.rmtree(folder)


def address(folder: Path, number: int, name: str = "postgres") -> str:
    """Return the address of the database NAME on the primary, 1, or the standby, 2."""
    return f"postgres://postgres@/{name}?host={folder}&port={number}"


def settings_of(folder: Path, number: int) -> dict[str, Any]:
    """Return what Django's settings say of the primary, 1, or the standby, 2."""
    return {"ENGINE": "django.db.backends.postgresql", "HOST": str(folder), "PORT": number, "USER": "postgres"}


def catch_up(folder: Path) -> None:
    """Wait until the standby has all that was written."""
    ((written,),) = execute(address(folder, 1), "SELECT pg_current_wal_flush_lsn()")
    until(folder, 2, f"SELECT pg_last_wal_replay_lsn() >= '{written}'")


def until(folder: Path, number: int, question: str) -> None:
    """Wait until the primary, 1, or the standby, 2, says yes to a question."""
    deadline = time.monotonic() + 60
    while execute(address(folder, number), question) != [(True,)]:
        assert time.monotonic() < deadline, (folder / f"{number}.log").read_text()
        time.sleep(0.05)


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
