"""An execute waits for a real standby that does not keep up, says which, and goes on once it does."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from django.conf import settings
from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper

from config.embedded_postgres.programs import program
from separation.manners import Manners
from separation.migrator import Migration, StopRequest
from separation.models import Phase, Run
from separation.phases import change_phase
from tests.databases import database_url
from tests.separation.backups import connected, execute
from tests.separation.engine import one
from tests.separation.standby import address, primary_and_standby, settings_of, until

pytestmark = [
    pytest.mark.engine,
    pytest.mark.skipif(not settings.EMBEDDED, reason="starts servers with the programs of the embedded one"),
]

WRITE = "SELECT pg_logical_emit_message(true, 'a test', 'writes')"


class Clock:
    """A clock that only sleeping moves, while the primary writes and NEXT things happen."""

    def __init__(self, primary: str, *happens):
        self.primary, self.happens, self.slept = primary, list(happens), 0.0

    def monotonic(self):
        return self.slept

    def sleep(self, seconds):
        self.slept += seconds
        if self.happens:
            self.happens.pop(0)()
        execute(self.primary, WRITE)


def test_an_execute_pauses_until_the_standby_has_caught_up(legacy_database):
    source = legacy_database("plain", customers=10, adopted=True)
    with primary_and_standby() as folder, moved_there(source.name, folder) as connection:
        standby = address(folder, 2)
        said: list[str] = []
        execute(standby, "SELECT pg_wal_replay_pause()")
        until(folder, 2, "SELECT pg_get_wal_replay_pause_state() = 'paused'")
        until(folder, 1, f"{WRITE}; SELECT max(replay_lag) > '0.3 s' FROM pg_stat_replication")

        def resume():
            assert said == ["Paused: the standby walreceiver is more than 0.3 s behind."]
            assert one(connection, "SELECT count(*) FROM customers") == 0
            execute(standby, "SELECT pg_wal_replay_resume()")

        clock = Clock(address(folder, 1), resume)
        run = Run.objects.create(kind=Run.EXECUTE, operator="a test")
        change_phase(connection, Phase.LEGACY, Phase.DUAL)
        polite = Manners(max_lag=0.3, clock=clock.monotonic, sleep=clock.sleep, note=said.append)
        Migration(connection, run, manners=polite).move_all(StopRequest(), lambda _: None)

        assert said[1].startswith("Going on after ")
        assert run.journal.pauses[0]["why"] == "the standby walreceiver is more than 0.3 s behind"
        assert run.counts["examined"] == one(connection, "SELECT count(*) FROM users WHERE is_customer")


@contextmanager
def moved_there(name: str, folder: Path) -> Iterator[BaseDatabaseWrapper]:
    """Put a copy of the database NAME on the primary, and that behind the default connection."""
    execute(address(folder, 1), "CREATE DATABASE copy TEMPLATE template0")
    dump = [str(program("pg_dump")), "--no-owner", f"--dbname={database_url(name)}"]
    read = [str(program("psql")), "--quiet", "--set=ON_ERROR_STOP=1", f"--dbname={address(folder, 1, 'copy')}"]
    # pg_dump 18 writes a setting that older servers do not know.
    text = subprocess.run(dump, check=True, capture_output=True).stdout.replace(b"SET transaction_timeout = 0;", b"")
    subprocess.run(read, check=True, input=text, stdout=subprocess.DEVNULL)
    former = connections["default"]
    with connected("copy", **settings_of(folder, 1)) as connection:
        connection.alias = "default"
        connections["default"] = connection
        try:
            yield connection
        finally:
            connections["default"] = former
