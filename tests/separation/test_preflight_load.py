"""The preflight about what surrounds the data: other sessions, backups, disk, folders, the environment."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest
from django.core.management import call_command
from django.db.backends.base.base import BaseDatabaseWrapper
from django.utils import timezone
from pytest_django.fixtures import Settings

from separation.backups import BackupRecord
from separation.environment import mark
from separation.preflight import FAIL, PASS, WARN, Result, run_preflight
from separation.preflight.look import SQL, Look
from tests.databases import LegacyDatabase
from tests.separation.engine import other_application

pytestmark = pytest.mark.engine

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
    monkeypatch.setattr("separation.preflight.checks.latest_verified", lambda connection: record)
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
    monkeypatch.setattr("separation.preflight.checks.SQL", SimpleNamespace(sessions=at_once))
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


def test_too_little_disk(legacy_database: Make, monkeypatch: pytest.MonkeyPatch, settings: Settings) -> None:
    connection = legacy_database("plain").connection
    monkeypatch.setattr(Look, "rows", lambda look, sql: [(10**15, 10**15)])
    if settings.EMBEDDED:
        result = check(connection, "disk")
        assert result.status == FAIL
        assert result.message.startswith(
            "The database has 1,000,000,000 MB; the migration adds about 1,000,000,000 MB. Its disk has "
        )
        assert result.remedy == "free some space, then: python manage.py preflight"
    settings.EMBEDDED = False
    result = check(connection, "disk")
    assert result.status == PASS
    assert result.message.endswith("What is free on the server cannot be seen from here.")


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
