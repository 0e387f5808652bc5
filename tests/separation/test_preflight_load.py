"""The preflight about what surrounds the data: other sessions, backups, disk, folders, the environment."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest
from django.core.management import call_command
from django.db.backends.base.base import BaseDatabaseWrapper
from django.utils import timezone
from pytest_django.fixtures import Settings

from separation.backups import BackupRecord
from separation.environment import mark
from separation.models import Rehearsal, Run
from separation.preflight import FAIL, PASS, WARN, Result, run_preflight
from separation.preflight.look import SQL, Look
from tests.databases import LegacyDatabase
from tests.separation.engine import other_application, query

Make = Callable[..., LegacyDatabase]


def check(connection: BaseDatabaseWrapper, name: str) -> Result:
    (result,) = run_preflight(connection, only=(name,)).results
    return result


def test_no_backup(legacy_database: Make) -> None:
    assert check(legacy_database("plain").connection, "backup") == Result(
        FAIL,
        "No verified backup of this database is on record.",
        0,
        remedy="python manage.py backup",
        id="backup",
    )


@pytest.mark.parametrize("adopted", [False, True])
def test_a_backup_of_this_database(legacy_database: Make, settings: Settings, tmp_path: Path, adopted: bool) -> None:
    settings.BACKUP_DIR = tmp_path
    connection = legacy_database("plain", adopted=adopted).connection
    call_command("backup")
    result = check(connection, "backup")
    assert result.status == PASS
    assert result.message == f"The newest verified backup, {result.figure}, is 0.0 hours old."


def test_a_backup_of_another_database(legacy_database: Make, settings: Settings, tmp_path: Path) -> None:
    settings.BACKUP_DIR = tmp_path
    legacy_database("plain")
    call_command("backup")
    assert check(legacy_database("plain").connection, "backup").status == FAIL


def test_a_backup_that_is_too_old(legacy_database: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    taken = timezone.now() - timedelta(hours=25)
    record = BackupRecord("backup-9", Path("/nowhere"), "", taken, taken, 1, 1, 1, "")
    monkeypatch.setattr("separation.preflight.around.latest_verified", lambda connection: record)
    assert check(legacy_database("plain").connection, "backup") == Result(
        FAIL,
        "The newest verified backup, backup-9, is 25.0 hours old. The limit is 24.",
        "backup-9",
        remedy="python manage.py backup",
        id="backup",
    )


def test_a_session_idle_in_its_transaction(legacy_database: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    database = legacy_database("plain")
    at_once = SQL.sessions.replace("'60 seconds'", "'0 seconds'")
    monkeypatch.setattr("separation.preflight.server.SQL", SimpleNamespace(sessions=at_once))
    with other_application(database.name) as other, other.transaction():
        other.execute("SET application_name = 'old application'")
        result = check(database.connection, "long_transactions")
        pid = other.info.backend_pid
    assert result == Result(
        WARN,
        "1 session with a transaction open for long; they keep others waiting.",
        1,
        details=[f"process {pid} (old application): idle in transaction, its transaction open for 0 seconds"],
        remedy=f"SELECT pg_terminate_backend({pid})  -- once you know whose it is",
        id="long_transactions",
    )


def test_no_session_in_a_long_transaction(legacy_database: Make) -> None:
    database = legacy_database("plain")
    with other_application(database.name) as other, other.transaction():
        result = check(database.connection, "long_transactions")
    assert result == Result(PASS, "No transaction has been open for long.", 0, id="long_transactions")


def test_a_prepared_transaction(legacy_database: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    # The embedded server, like most, allows none.
    connection = legacy_database("plain").connection
    assert check(connection, "prepared_transactions") == Result(
        PASS, "No prepared transaction holds locks.", 0, id="prepared_transactions"
    )
    monkeypatch.setattr(Look, "rows", lambda look, sql: [("transfer-17", 5400)])
    assert check(connection, "prepared_transactions") == Result(
        WARN,
        "1 prepared transaction holding locks until somebody ends them.",
        1,
        details=["transfer-17: prepared 5,400 seconds ago"],
        remedy="COMMIT PREPARED or ROLLBACK PREPARED 'transfer-17'",
        id="prepared_transactions",
    )


def sizes(look: Look, sql: str) -> list[tuple[object, ...]]:
    return [(10**15, 10**15, 2 * 10**15)] if "pg_database_size" in sql else [("/",)]


@pytest.fixture
def huge(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Look, "rows", sizes)


HUGE = (
    "The database has 1,000,000,000 MB; the migration adds about 1,000,000,000 MB, and writes 2,000,000,000 MB of WAL. "
)


def test_too_little_disk(legacy_database: Make, huge: None, settings: Settings) -> None:
    settings.EMBEDDED = True
    result = check(legacy_database("plain").connection, "disk")
    assert result.status == FAIL
    assert result.message.startswith(f"{HUGE}Its disk has ")
    assert result.remedy == "free some space, then: python manage.py preflight"


def test_a_disk_that_cannot_be_seen(
    legacy_database: Make, huge: None, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.EMBEDDED = False
    monkeypatch.setattr("separation.preflight.around._is_on_this_host", lambda look: False)
    assert check(legacy_database("plain").connection, "disk") == Result(
        PASS,
        f"{HUGE}What is free on the server cannot be seen from here; look at the disk of its data directory there.",
        10**15,
        id="disk",
    )


@pytest.mark.parametrize(("variable", "name"), [("BACKUP_DIR", "backup_dir"), ("LOG_DIR", "log_dir")])
def test_folders(legacy_database: Make, settings: Settings, tmp_path: Path, variable: str, name: str) -> None:
    connection = legacy_database("plain").connection
    setattr(settings, variable, tmp_path / "not" / "yet")
    assert check(connection, name).message.startswith(f"{variable} is {tmp_path}/not/yet, with ")
    assert check(connection, name).status == PASS
    (tmp_path / "file").touch()
    setattr(settings, variable, tmp_path / "file" / "below")
    result = check(connection, name)
    assert (result.status, result.message) == (
        FAIL,
        f"{variable} is {tmp_path}/file/below, where nothing can be written.",
    )
    assert result.remedy == f"make it writable, or set {variable} to another folder"


def test_the_environment(legacy_database: Make, settings: Settings) -> None:
    connection = legacy_database("plain").connection
    result = check(connection, "environment")
    assert (result.status, result.figure) == (PASS, "scratch")
    mark(connection, "copy")
    result = check(connection, "environment")
    assert (result.status, result.figure) == (WARN, "copy")
    assert result.remedy == "python manage.py environment --set staging"
    settings.ENVIRONMENT = "production"
    result = check(connection, "environment")
    assert (result.status, result.message) == (
        PASS,
        "The database counts as production: the variable ENVIRONMENT says so.",
    )


def test_this_code(legacy_database: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    connection = legacy_database("plain").connection
    said = {"rev-parse": "0ddba11", "status": ""}
    monkeypatch.setattr("separation.preflight.around._git", lambda command, *rest: said[command])
    assert check(connection, "code") == Result(PASS, "This code is commit 0ddba11, unchanged.", "0ddba11", id="code")
    said["status"] = "M separation/policy.py\n D README.md"
    assert check(connection, "code") == Result(
        WARN,
        "2 files of this code differ from commit 0ddba11: what runs is on no record.",
        "0ddba11",
        details=["M separation/policy.py", "D README.md"],
        remedy="git stash, or git commit",
        id="code",
    )


def test_code_without_git(legacy_database: Make, settings: Settings, tmp_path: Path) -> None:
    settings.BASE_DIR = tmp_path
    assert check(legacy_database("plain").connection, "code") == Result(
        PASS, "This code is no git checkout, so that its version cannot be told.", "", id="code"
    )


def test_what_was_written_since_the_backup(legacy_database: Make, settings: Settings, tmp_path: Path) -> None:
    settings.BACKUP_DIR = tmp_path
    connection = legacy_database("plain").connection
    assert check(connection, "backup_changes").message == "There is no backup to compare with."
    call_command("backup")
    query(connection, "DELETE FROM orders WHERE id IN (SELECT id FROM orders ORDER BY id LIMIT 2)")
    query(connection, "UPDATE reservations SET updated_at = now() AT TIME ZONE 'UTC' + '1 min' WHERE id = 5")
    query(
        connection,
        "INSERT INTO users (email, password, created_at, updated_at) SELECT 'new@example.org', '', t, t "
        "FROM (SELECT now() AT TIME ZONE 'UTC' + '1 min') n (t)",
    )
    found = check(connection, "backup_changes")
    assert found.status == PASS
    assert found.message.endswith(", 2 rows of users, reservations, orders were written.")
    assert found.details == [
        "users: 1 row written, 0 deleted",
        "reservations: 1 row written, 0 deleted",
        "orders: 0 rows written, 2 deleted",
    ]


@pytest.fixture
def rehearsed(monkeypatch: pytest.MonkeyPatch) -> Rehearsal:
    """A rehearsal that passed; whether records can be trusted is tested elsewhere."""
    moment = datetime(2026, 3, 4, 5, 6, tzinfo=UTC)
    steps = [{"name": "migrate", "seconds": 2.04}, {"name": "execute", "seconds": 10.0}]
    found = Rehearsal(
        id=7, backup_taken_at=moment, finished_at=moment + timedelta(hours=3), passed=True, customers=600, steps=steps
    )
    monkeypatch.setattr("separation.preflight.around.shortcoming", lambda connection: "")
    monkeypatch.setattr("separation.preflight.around.latest_passed", lambda connection: found)
    return found


def test_a_rehearsal(legacy_database: Make, rehearsed: Rehearsal) -> None:
    assert check(legacy_database("plain").connection, "rehearsal") == Result(
        PASS,
        "Rehearsed on 2026-03-04 08:06 UTC, on the data of 2026-03-04 05:06 UTC (600 customers): every step passed.",
        7,
        details=["migrate: 2.0 s", "execute: 10.0 s"],
        id="rehearsal",
    )


def test_no_rehearsal(legacy_database: Make, settings: Settings) -> None:
    connection = legacy_database("plain").connection
    message = "The migration is not rehearsed: no rehearsal of it is on record."
    assert check(connection, "rehearsal") == Result(
        PASS, f"{message} Only a production database needs that.", 0, id="rehearsal"
    )
    settings.ENVIRONMENT = "production"
    assert check(connection, "rehearsal") == Result(
        FAIL, message, 0, remedy="python manage.py rehearse", id="rehearsal"
    )


def test_how_long_it_will_take_by_a_rehearsal(legacy_database: Make, rehearsed: Rehearsal) -> None:
    found = check(legacy_database("plain").connection, "prediction")
    assert (found.status, found.figure) == (PASS, 1)
    assert found.message.startswith("About 1 s for 55 customers, and ")
    assert found.message.endswith(" MB more: 60 customers a second, as in the rehearsal of 2026-03-04.")


def test_how_long_it_will_take_by_a_dry_run(legacy_database: Make) -> None:
    connection = legacy_database("plain", adopted=True).connection
    Run.objects.create(kind=Run.DRY_RUN, counts={"to_move": 55, "trial": 50, "trial_ms": 250_000})
    found = check(connection, "prediction")
    assert found.figure == 275
    assert found.message.startswith("About 5 min for 55 customers, and ")
    assert " MB more: 0 customers a second, as in the chunk that was tried on 20" in found.message


def test_how_long_it_will_take_by_what_was_measured_elsewhere(legacy_database: Make) -> None:
    found = check(legacy_database("plain").connection, "prediction")
    assert found.message.startswith("About 0 s for 55 customers, and ")
    assert found.message.endswith(
        ": 3,500 customers a second, as was measured on two cores (README); a dry run, or a rehearsal, tells more."
    )


@pytest.mark.parametrize(
    ("state", "error", "status", "message"),
    [
        ("done", "", PASS, "is done."),
        ("failed", "2 customers could not be moved.", WARN, "is failed: 2 customers could not be moved."),
        ("interrupted", "", WARN, "is interrupted."),
    ],
)
def test_the_latest_run(legacy_database: Make, state: str, error: str, status: str, message: str) -> None:
    connection = legacy_database("plain", adopted=True).connection
    assert check(connection, "last_run").message == "Nothing has been run on this database yet."
    run = Run.objects.create(kind=Run.EXECUTE, state=state, error=error)
    found = check(connection, "last_run")
    assert (found.status, found.figure) == (status, run.pk)
    assert (
        found.message
        == f"The latest run, {run.pk} (execute), began on {run.started_at:%Y-%m-%d %H:%M} UTC and {message}"
    )
    assert found.remedy == ("" if status == PASS else "python manage.py separation_status")


def test_people_in_the_queue(legacy_database: Make) -> None:
    connection = legacy_database("plain", adopted=True).connection
    assert check(connection, "queue") == Result(PASS, "Nobody waits to be brought into step.", 0, id="queue")
    query(connection, "INSERT INTO separation_pending (user_id) VALUES (1), (2), (2)")
    assert check(connection, "queue") == Result(
        WARN,
        "2 people wait to be brought into step.",
        2,
        remedy="python manage.py separation_status",
        id="queue",
    )
