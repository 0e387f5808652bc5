"""Kill -9, and connections that the server ends, at instants over the whole life of a clean-up: every booking is there,
whoever is not archived is in users, and the same command goes on."""

import os
import signal
from contextlib import contextmanager

import pytest

from separation.cleanup import flow
from separation.environment import mark_scratch
from separation.models import Run
from separation.phases import phase_of
from separation.verification import verify
from tests.databases import LegacyDatabase, default_connection_to, server
from tests.separation import forked
from tests.separation.cleaning import POLICY, bookings, ready
from tests.separation.engine import one
from tests.separation.forked import Blow, kill, lose_connections

LOST = """SELECT count(*) FROM customers c WHERE c.id > 0 AND NOT EXISTS (SELECT FROM users u WHERE u.id = c.id)
    AND NOT EXISTS (
        SELECT FROM separation_archive a WHERE a.table_name = 'users' AND a.gone AND a.row_id = c.id::text)"""


@pytest.fixture(autouse=True)
def folders(settings, tmp_path):
    settings.LOG_DIR = tmp_path / "logs"
    settings.SEPARATION_POLICY = ""
    return tmp_path


def without_interlocks():
    flow._require_all = lambda connection, operator: None


def run(database, folder, blow=None):
    ended = forked.run(
        database.connection,
        folder / "trace",
        "cleanup_legacy",
        "--execute",
        stdin=f"CLEANUP {database.name}\n",
        blow=blow,
        prepare=without_interlocks,
        chunk=12,
    )
    while one(
        database.connection,
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()",
    ):
        pass
    return ended


@pytest.fixture
def fresh(legacy_database, folders):
    """Give a database in which everything is decided, each time the same."""
    template = ready(legacy_database, folders, "half")
    template.connection.close()
    made: list[str] = []

    @contextmanager
    def make():
        name = f"{template.name}_{len(made)}"
        with server() as admin, admin.cursor() as cursor:
            cursor.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template.name}"')
            made.append(name)
            with default_connection_to(name) as connection:
                mark_scratch(connection)
                yield LegacyDatabase(name, connection, template.summary)
            cursor.execute(f'DROP DATABASE "{name}" WITH (FORCE)')

    return make


def nobody_is_lost(database, before):
    assert bookings(database.connection) == before
    assert one(database.connection, LOST) == 0
    assert {result.id for result in verify(database.connection).failures} == set()


def interrupt():
    """Press Ctrl-C."""
    os.kill(os.getpid(), signal.SIGINT)


def test_ctrl_c_finishes_the_chunk_and_the_same_command_goes_on_with_the_same_policy(fresh, folders):
    with fresh() as database:
        before = bookings(database.connection)
        whole = run(database, folders).statements
    locked = [n for n, sql in enumerate(whole) if sql.startswith("SELECT count(*) FROM ( SELECT u.id FROM users u")]
    with fresh() as database:
        ended = run(database, folders, Blow(interrupt, locked[1]))

        assert ended.code == 130, ended.err
        assert "Interrupted: Stopped after a whole chunk; nothing is half done." in ended.err
        assert one(database.connection, "SELECT count(*) FROM users WHERE is_customer") > 0
        nobody_is_lost(database, before)

        (folders / "separation.toml").write_text("")
        refused = run(database, folders)
        assert refused.code == 3
        assert "Refused (foreign keys): " in refused.err

        (folders / "separation.toml").write_text(POLICY)
        assert run(database, folders).code == 0
        nobody_is_lost(database, before)


@pytest.mark.parametrize(("strike", "code", "seed", "lives"), [(kill, -9, 1, 6), (lose_connections, 1, 2, 2)])
def test_a_clean_up_that_ends_at_any_instant(strike, code, seed, lives, fresh, folders):
    with fresh() as database:
        whole = run(database, folders).statements
    begun = next(n for n, sql in enumerate(whole) if sql.startswith("ALTER TABLE users ADD CONSTRAINT"))
    ends, phases = [], set()
    again = forked.spread(seed + 1, begun, len(whole) * 2 // 3, lives)
    for first, second in zip(forked.spread(seed, begun - 4, len(whole), lives), reversed(again), strict=True):
        with fresh() as database:
            before = bookings(database.connection)
            for at in (first, second):
                ends.append(run(database, folders, Blow(strike, at)).code)
                phases.add(phase_of(database.connection))
                nobody_is_lost(database, before)

            assert run(database, folders).code == 0
            assert phase_of(database.connection) == "separated"
            nobody_is_lost(database, before)
            assert one(database.connection, "SELECT count(*) FROM users WHERE is_customer") == 0
            assert not Run.objects.filter(state=Run.RUNNING).exists()
    assert ends.count(code) >= lives, ends
    assert "cleaning" in phases
