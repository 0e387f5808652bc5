"""What an execute on production asks of rehearsals, and every way around it."""

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from django.conf import settings as project
from django.core.management import call_command
from django.db.backends.base.base import BaseDatabaseWrapper
from pytest_django.fixtures import Settings
from pytest_django.plugin import DjangoDbBlocker

from separation.database import name_of, now_of
from separation.environment import COPY, STAGING, mark
from separation.errors import Refused
from separation.identity import identity_of
from separation.interlocks import require_rehearsal
from separation.models import Rehearsal
from separation.rehearsal import code_version, latest, latest_passed, records, save
from tests.databases import Databases, default_connection_to
from tests.separation.engine import one, query


@pytest.fixture(scope="module")
def shared(databases: Databases, django_db_blocker: DjangoDbBlocker) -> Iterator[BaseDatabaseWrapper]:
    with django_db_blocker.unblock(), databases.clone("plain", 60, 1, True) as database:
        yield database.connection


@pytest.fixture
def connection(shared: BaseDatabaseWrapper, settings: Settings) -> BaseDatabaseWrapper:
    settings.ENVIRONMENT = "production"
    query(shared, "DELETE FROM separation_rehearsals")
    return shared


def rehearsed(connection: BaseDatabaseWrapper, ago: timedelta = timedelta(hours=1), **changed: object) -> Rehearsal:
    """Put a rehearsal on record that passed, unless CHANGED says otherwise, on data of one hour before it."""
    finished = now_of(connection) - ago
    facts = {
        "backup_id": "backup-2026-01-02-030405",
        "backup_taken_at": finished - timedelta(hours=1),
        "identity": identity_of(connection).key(),
        "code": code_version(),
        "same_server": True,
        "started_at": finished - timedelta(minutes=1),
        "finished_at": finished,
        "passed": True,
        "customers": 60,
        "steps": [
            {"name": "migrate", "seconds": 0.1, "ok": True, "locks": {"users": ["ShareLock", 0.05]}, "refused": False}
        ],
        "operator": "a test",
    }
    rehearsal = Rehearsal(**facts | changed)
    save(connection, rehearsal)
    return rehearsal


def refusal(connection: BaseDatabaseWrapper) -> str:
    """Return why, and check all around it."""
    with pytest.raises(Refused) as refused:
        require_rehearsal(connection)
    assert refused.value.interlock == "rehearsal"
    assert refused.value.next_command == "python manage.py rehearse"
    name, reason = name_of(connection), "the variable ENVIRONMENT says so"
    before = f"Database {name!r} counts as production ({reason}), and "
    assert refused.value.message.startswith(before)
    return refused.value.message.removeprefix(before)


def test_without_one_it_is_refused(connection: BaseDatabaseWrapper) -> None:
    assert refusal(connection) == "no rehearsal of it is on record."
    assert latest(connection) is None
    assert latest_passed(connection) is None


def test_one_that_passed_is_enough(connection: BaseDatabaseWrapper) -> None:
    rehearsal = rehearsed(connection)
    require_rehearsal(connection)
    assert latest(connection) == latest_passed(connection) == rehearsal


def test_staging_and_scratch_need_none(connection: BaseDatabaseWrapper, settings: Settings) -> None:
    settings.ENVIRONMENT = ""
    require_rehearsal(connection)
    mark(connection, STAGING)
    require_rehearsal(connection)


def test_a_copy_that_is_not_declared_live_is_as_closed(connection: BaseDatabaseWrapper, settings: Settings) -> None:
    settings.ENVIRONMENT = ""
    mark(connection, COPY)
    with pytest.raises(Refused):
        require_rehearsal(connection)
    mark(connection, STAGING)


@pytest.mark.parametrize(
    "edit",
    [
        "passed = true",
        "backup_taken_at = now() - interval '1 hour'",
        "finished_at = now() - interval '1 hour'",
        "identity = 'x' || identity",
        "code = 'x'",
        "customers = 61",
        "steps = '[]'",
        "signature = ''",
        "signature = reverse(signature)",
    ],
)
def test_an_edited_record_counts_for_nothing(connection: BaseDatabaseWrapper, edit: str) -> None:
    rehearsed(connection, timedelta(days=9), passed=False)
    query(connection, f"UPDATE separation_rehearsals SET {edit}")
    assert refusal(connection) == "no rehearsal of it is on record."


def test_a_record_signed_with_another_key_counts_for_nothing(
    connection: BaseDatabaseWrapper, settings: Settings
) -> None:
    rehearsed(connection)
    settings.SECRET_KEY = "another " * 10
    assert refusal(connection) == "no rehearsal of it is on record."


def test_another_databases_record_counts_for_nothing(connection: BaseDatabaseWrapper) -> None:
    rehearsed(connection, identity=identity_of(connection).key().replace(name_of(connection), "another"))
    assert refusal(connection) == "no rehearsal of it is on record."


def test_a_copied_databases_record_counts_for_nothing(
    connection: BaseDatabaseWrapper, databases: Databases, settings: Settings
) -> None:
    rehearsed(connection)
    name = name_of(connection)
    connection.close()
    copy = databases._create(name)
    try:
        with default_connection_to(copy) as other:
            assert one(other, "SELECT count(*) FROM separation_rehearsals WHERE passed") == 1
            assert refusal(other) == "no rehearsal of it is on record."
    finally:
        databases._drop(copy)


def test_one_of_a_time_to_come_counts_for_nothing(connection: BaseDatabaseWrapper) -> None:
    rehearsed(connection, -timedelta(minutes=1))
    rehearsed(connection, backup_taken_at=now_of(connection) + timedelta(days=1))
    assert refusal(connection) == "no rehearsal of it is on record."


def test_after_one_that_failed_an_older_one_that_passed_is_not_enough(connection: BaseDatabaseWrapper) -> None:
    passed = rehearsed(connection, timedelta(hours=2))
    failed = rehearsed(connection, passed=False)
    assert refusal(connection) == f"its latest rehearsal, of {failed.finished_at:%Y-%m-%d %H:%M} UTC, failed."
    assert latest_passed(connection) == passed


def test_one_of_old_data_is_not_enough(connection: BaseDatabaseWrapper) -> None:
    taken_at = now_of(connection) - timedelta(days=7, hours=3)
    rehearsal = rehearsed(connection, backup_taken_at=taken_at)
    assert refusal(connection) == (
        f"its latest rehearsal, of {rehearsal.finished_at:%Y-%m-%d %H:%M} UTC, was of data that is 7.1 days old by "
        "now; the limit is 7."
    )


def test_one_of_other_code_is_not_enough(
    connection: BaseDatabaseWrapper, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rehearsal = rehearsed(connection)
    settings.BASE_DIR = tmp_path
    assert refusal(connection) == (
        f"its latest rehearsal, of {rehearsal.finished_at:%Y-%m-%d %H:%M} UTC, was made with other code than this."
    )


def test_the_code_is_what_a_rehearsal_goes_through(settings: Settings, tmp_path: Path) -> None:
    settings.BASE_DIR = tmp_path
    for folder in ("separation/sql", "portal/api", "orders/migrations", "separation/__pycache__"):
        (tmp_path / folder).mkdir(parents=True)

    def changes(path: str) -> bool:
        before = code_version()
        (tmp_path / path).write_text(before)
        return code_version() != before

    assert changes("separation/sql/chunk.sql")
    assert changes("separation/flows.py")
    assert changes("orders/models.py")
    assert changes("orders/migrations/0002_more.py")
    assert not changes("portal/api/views.py")
    assert not changes("separation/__pycache__/flows.cpython-311.pyc")


def test_the_code_of_this_project_is_found() -> None:
    found = {path.name for pattern in records._CODE for path in project.BASE_DIR.glob(pattern)}
    assert {"chunk.sql", "flows.py", "tables.sql", "models.py", "settings.py", "0001_initial.py"} <= found


def test_a_database_without_the_table_has_none_and_gets_it_with_the_first(connection: BaseDatabaseWrapper) -> None:
    query(connection, "DROP TABLE separation_rehearsals")
    assert refusal(connection) == "no rehearsal of it is on record."
    assert latest(connection) is None
    rehearsed(connection)
    require_rehearsal(connection)


def shown(capsys: pytest.CaptureFixture[str]) -> str:
    call_command("separation_status")
    (line,) = [line for line in capsys.readouterr().out.splitlines() if line.startswith("Rehearsal ")]
    return line.removeprefix("Rehearsal").strip()


def test_the_status_says_whether_it_is_enough(
    connection: BaseDatabaseWrapper, capsys: pytest.CaptureFixture[str]
) -> None:
    assert shown(capsys) == "not enough: no rehearsal of it is on record; python manage.py rehearse"
    rehearsal = rehearsed(connection)
    until = rehearsal.backup_taken_at + timedelta(days=7)
    assert shown(capsys) == f"passed on {rehearsal.backup_id}, good until {until:%Y-%m-%d %H:%M} UTC"

    call_command("separation_status", json=True)
    assert json.loads(capsys.readouterr().out)["rehearsal"] == {
        "finished_at": str(rehearsal.finished_at),
        "passed": True,
        "backup": rehearsal.backup_id,
        "backup_taken_at": str(rehearsal.backup_taken_at),
        "customers": 60,
        "same_server": True,
        "lacks": "",
    }
