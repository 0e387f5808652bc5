"""A backup can be taken on a hot standby, which cannot be written at all."""

import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest
from django.conf import settings

from config.embedded_postgres import ensure_running
from separation.backups import latest_verified, restore, take
from separation.errors import Refused
from tests.separation.backups import connected, dump, execute, fill_with_everything

pytestmark = [
    pytest.mark.engine,
    pytest.mark.skipif(not settings.EMBEDDED, reason="makes a standby of the embedded server"),
]


@pytest.fixture(scope="module")
def standby() -> Iterator[Path]:
    """Start a physical standby of the tests' server, and give the folder of its socket."""
    folder = Path(tempfile.mkdtemp(prefix="standby-", dir="/tmp"))
    server = ensure_running()
    server.place.give(folder)
    primary = f"host={server.socket_dir} port={server.port} user={server.user}"
    _program(
        "pg_basebackup", f"--dbname={primary}", f"--pgdata={folder}/data", "--write-recovery-conf", "--checkpoint=fast"
    )
    options = (
        f"-k {folder} -c listen_addresses= -c port={server.port} -c max_connections=300 -c hot_standby_feedback=on"
    )
    _program("pg_ctl", "start", "--wait", f"--pgdata={folder}/data", f"--log={folder}/log", f"--options={options}")
    try:
        yield folder
    finally:
        _program("pg_ctl", "stop", f"--pgdata={folder}/data", "--mode=immediate")
        shutil.rmtree(folder)


def test_a_standby_gives_the_same_backup(standby, databases, django_db_blocker, backup_dir):
    with django_db_blocker.unblock(), databases.empty() as name, databases.empty() as target:
        fill_with_everything(name)
        execute(name, "DROP TABLE unlogged")
        with on_standby(standby, name) as copy:
            record = take(copy)
            assert latest_verified(copy) == record
        with connected(target) as into:
            restore(into, record.path)
        # PostgreSQL writes sequences ahead into the log, so a standby sees them a little later than they are.
        lines = [[line for line in dump(each) if "pg_catalog.setval" not in line] for each in (target, name)]
        assert lines[0] == lines[1]


def test_an_unlogged_table_is_refused_there(standby, databases, django_db_blocker, backup_dir):
    with django_db_blocker.unblock(), databases.empty() as name:
        execute(name, "CREATE UNLOGGED TABLE scratch (id int)")
        with on_standby(standby, name) as copy, pytest.raises(Refused) as refusal:
            take(copy)
    assert refusal.value.message == (
        "The backup would not be whole: "
        "a standby cannot read the unlogged table public.scratch (take the backup on the primary)."
    )


@contextmanager
def on_standby(standby: Path, name: str):
    """Wait until the standby has all that was written, and connect to the database NAME there."""
    (written,) = execute(name, "SELECT pg_current_wal_lsn()")[0]
    server = ensure_running()
    with psycopg.connect(host=str(standby), port=server.port, user=server.user, dbname="postgres") as there:
        while there.execute("SELECT pg_last_wal_replay_lsn() >= %s::pg_lsn", [written]).fetchone() != (True,):
            time.sleep(0.05)
            there.rollback()
    plain = {"ENGINE": "django.db.backends.postgresql", "HOST": str(standby), "PORT": server.port, "USER": server.user}
    with connected(name, **plain) as copy:
        yield copy


def _program(name: str, *arguments: str) -> None:
    place = ensure_running().place
    account = place.account
    subprocess.run(
        [str(place.programs() / name), *arguments],
        check=True,
        cwd="/",
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        user=account and account.uid,
        group=account and account.gid,
        extra_groups=account and [],
    )
