"""A table that somebody has locked for an hour: each command says who, comes back, and has done nothing by halves."""

import io
import re
import sys

import pytest

from separation import database, lock, tenancy, waiting
from separation.backups import clients, session
from separation.cleanup import flow
from separation.cleanup.run import CleanUp
from separation.phases import phase_of
from separation.preflight import run
from separation.verification import verify
from tests.forking import command
from tests.separation.cleaning import decide_everything
from tests.separation.engine import checksums, columns_of, move, one, other_application, query

IN_VAIN = re.compile(
    r"Error: A lock was waited for in vain; the open transaction was undone\. Locks are held by process \d+ "
    r"\(an hour of work, idle in transaction for \d+ s, holds (\w+)\)\."
)
AGAIN = "Next: wait for that, or end it, then the same command again: what is done is not done twice"


@pytest.fixture
def impatient(monkeypatch):
    """As if the time that each of them waits were over soon."""
    monkeypatch.setattr(database, "LOCK_TIMEOUT", "20ms")
    monkeypatch.setattr(run, "LOCK_TIMEOUT", "20ms")
    for module in (session, clients):
        monkeypatch.setattr(module, "LOCK_WAIT", "20ms")
    for module, name in ((lock, "_SET"), (tenancy, "_SETTINGS"), (sys.modules[verify.__module__], "_SETTINGS")):
        monkeypatch.setattr(module, name, getattr(module, name).replace("5s", "20ms"))
    monkeypatch.setattr(waiting, "_ATTEMPTS", 2)


@pytest.fixture
def locked(legacy_database, impatient):
    """A database, and what locks one of its tables until it is told to stop."""
    adopted = legacy_database("plain", adopted=True)
    with other_application(adopted.name) as hog:
        hog.execute("SET application_name = 'an hour of work'")

        def lock_table(table):
            hog.execute("BEGIN")
            hog.execute(f"LOCK TABLE {table}")
            return lambda: hog.execute("ROLLBACK")

        yield adopted, lock_table


def looks(connection):
    """Return the checksums of everything but the record of runs and backups."""
    columns = columns_of(connection)
    return checksums(connection, {table: columns[table] for table in columns if table not in RECORDS})


RECORDS = ("separation_runs", "separation_backups")
COMMANDS = [
    ("separation_environment", "environment"),
    ("separation_environment", "environment --set staging"),
    ("users", "backup"),
    ("users", "migrate_customers"),
    ("separation_phase", "migrate_customers --execute"),
    ("customers", "migrate_customers --rollback"),
    ("users", "verify_separation"),
    ("users", "check_tenancy"),
    ("users", "diagnose_customer 30"),
    ("separation_findings", "resolve_findings"),
    ("separation_phase", "compatibility on"),
    ("customers", "compatibility on"),
    ("users", "cleanup_legacy"),
    ("separation_environment", "flush --no-input"),
]


@pytest.mark.parametrize(("table", "line"), COMMANDS)
def test_it_says_who_and_comes_back(locked, capfd, monkeypatch, table, line):
    adopted, lock_table = locked
    monkeypatch.setattr(sys, "stdin", io.StringIO(f"STAGING {adopted.name}\n"))
    before = looks(adopted.connection)
    release = lock_table(table)

    code = command(*line.split())

    said = capfd.readouterr().err.splitlines()
    release()
    assert code == 1, said
    assert (found := IN_VAIN.fullmatch(said[-2])), said
    assert (found[1], said[-1]) == (table, AGAIN)
    assert looks(adopted.connection) == before
    assert one(adopted.connection, "SHOW lock_timeout") == "0"


def test_the_preflight_says_which_checks_could_not_look(locked, capfd):
    _, lock_table = locked
    release = lock_table("users")
    assert command("preflight") == 1
    release()
    assert "It could not look within 20ms: another session has locked what it reads." in capfd.readouterr().out


def test_the_status_says_what_it_can(locked, capfd):
    _, lock_table = locked
    release = lock_table("users")
    assert command("separation_status") == 0
    release()
    assert "Customers in users" in capfd.readouterr().out


def test_a_table_that_is_given_back_in_time_is_waited_for(locked):
    adopted, lock_table = locked
    release, said = lock_table("customers"), []

    def give_back(text):
        said.append(text)
        release()

    assert waiting.wait_for_tables(adopted.connection, "the same again", give_back)
    assert not waiting.wait_for_tables(adopted.connection, "the same again", give_back)
    (text,) = said
    assert re.fullmatch(r"Waiting for the table customers, which is locked by process \d+ \(an hour of work\)\.", text)


def test_the_limits_end_with_each_transaction_and_a_lock_on_a_row_is_no_lock_on_a_table(locked):
    adopted, _ = locked
    with database.bounded(adopted.connection):
        assert one(adopted.connection, "SHOW lock_timeout") == "20ms"
        assert one(adopted.connection, "SHOW statement_timeout") == "30min"
        query(adopted.connection, "UPDATE users SET name = name WHERE id = 1")
        assert not waiting.wait_for_tables(adopted.connection, "the same again")
    assert (
        one(adopted.connection, "SELECT current_setting('lock_timeout') || current_setting('statement_timeout')")
        == "00"
    )


def test_a_table_locked_in_the_midst_of_a_clean_up(locked, capfd, monkeypatch, settings, tmp_path):
    adopted, lock_table = locked
    settings.SEPARATION_QUIET_DAYS, settings.SEPARATION_POLICY, settings.LOG_DIR = 0, "", tmp_path / "logs"
    move(adopted.connection)
    decide_everything(adopted.connection, tmp_path)
    monkeypatch.setattr(flow, "_require_all", lambda connection, operator: None)
    let_go, releases = CleanUp.let_go, []

    def lock_first(*arguments):
        releases.append(lock_table("reservations"))
        let_go(*arguments)

    def clean_up():
        monkeypatch.setattr(sys, "stdin", io.StringIO(f"CLEANUP {adopted.name}\n"))
        return command("cleanup_legacy", "--execute")

    with monkeypatch.context() as patch:
        patch.setattr(CleanUp, "let_go", lock_first)
        assert clean_up() == 1
    releases[0]()
    said = capfd.readouterr().err.splitlines()
    assert IN_VAIN.fullmatch(said[-2]), said
    assert phase_of(adopted.connection) == "cleaning"
    assert clean_up() == 0
    assert phase_of(adopted.connection) == "separated"
