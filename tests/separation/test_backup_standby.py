"""A backup can be taken on a hot standby, which cannot be written at all."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from django.conf import settings
from django.db.backends.base.base import BaseDatabaseWrapper

from separation.backups import latest_verified, restore, take
from separation.errors import Refused
from tests.separation.backups import connected, dump, execute, fill_with_everything
from tests.separation.standby import address, catch_up, primary_and_standby, settings_of

pytestmark = [
    pytest.mark.engine,
    pytest.mark.skipif(not settings.EMBEDDED, reason="starts servers with the programs of the embedded one"),
]


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    """A primary and its standby; the folder holds the sockets of both."""
    with primary_and_standby() as folder:
        yield folder


def test_a_standby_gives_the_same_backup(folder, databases, django_db_blocker, backup_dir):
    execute(address(folder, 1), "CREATE DATABASE everything TEMPLATE template0")
    primary = address(folder, 1, "everything")
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
    execute(address(folder, 1), "CREATE UNLOGGED TABLE scratch (id int)")
    with django_db_blocker.unblock(), on_standby(folder, "postgres") as copy, pytest.raises(Refused) as refusal:
        take(copy)
    assert refusal.value.message == (
        "The backup would not be whole: "
        "a standby cannot read the unlogged table public.scratch (take the backup on the primary)."
    )


@contextmanager
def on_standby(folder: Path, name: str) -> Iterator[BaseDatabaseWrapper]:
    """Wait until the standby has all that was written, and connect to the database NAME there."""
    catch_up(folder)
    with connected(name, **settings_of(folder, 2)) as copy:
        yield copy
