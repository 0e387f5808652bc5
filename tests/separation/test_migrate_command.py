"""`manage.py migrate`: what it refuses and how it says so, and what it does while others hold locks."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from django.core.management import call_command, load_command_class
from django.core.management import get_commands as commands_by_app
from django.utils import timezone
from pytest_django.fixtures import Settings

from config import ddl
from separation import adoption, interlocks
from separation import database as engine_database
from separation.backups import BackupRecord
from separation.identity import identity_of
from separation.management.commands import migrate as migrate_command
from separation.preflight import WARN, Result
from separation.preflight.checks import Check
from tests.databases import LegacyDatabase, default_connection_to, manage
from tests.separation.engine import checksums, columns_of, one, other_application, query

Make = Callable[..., LegacyDatabase]


@pytest.fixture
def migrate(capfd: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str]]:
    """Run migrate in this process; return its exit code and what it said on standard error."""

    def run(*arguments: str) -> tuple[int, str]:
        try:
            call_command("migrate", *arguments, verbosity=0)
            code = 0
        except SystemExit as end:
            code = int(str(end.code))
        return code, capfd.readouterr().err

    return run


@pytest.fixture
def production(legacy_database: Make, settings: Settings) -> Make:
    """Make a legacy database that counts as production."""

    def make(kind: str, *, adopted: bool = False) -> LegacyDatabase:
        database = legacy_database(kind, adopted=adopted)
        settings.ENVIRONMENT = "production"
        return database

    return make


@pytest.fixture
def backed_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if a backup had been taken and verified just now."""
    monkeypatch.setattr(interlocks, "latest_verified", record_of_just_now)


def record_of_just_now(connection: object) -> BackupRecord:
    now = timezone.now()
    return BackupRecord("backup-1", Path("/nowhere"), "", now, now, 1, 1, 1, "")


def test_our_command_is_the_one_that_runs() -> None:
    assert commands_by_app()["migrate"] == "separation"
    assert load_command_class("separation", "migrate").help.startswith("Build an empty database, adopt a legacy one")


def test_an_empty_database_is_built(empty_database: str, settings: Settings) -> None:
    settings.ENVIRONMENT = "production"
    with default_connection_to(empty_database) as connection:
        call_command("migrate", verbosity=0)
        assert query(connection, "SELECT name FROM separation_phase") == [("legacy",)]


def test_an_operator_sees_what_was_applied(legacy_database: Make) -> None:
    done = manage(legacy_database("plain").name, "migrate")
    assert done.returncode == 0
    assert done.stderr == ""
    assert "Applying separation.0002_legacy_side... OK" in done.stdout


def test_half_that_cannot_be_taken_over_is_refused(
    legacy_database: Make, migrate: Callable[..., tuple[int, str]]
) -> None:
    database = legacy_database("ahead")
    query(database.connection, "CREATE TABLE customers (id serial PRIMARY KEY, email text NOT NULL)")
    columns = columns_of(database.connection)

    code, said = migrate()

    assert code == 1
    assert said == (
        f"Error: Database '{database.name}' (half) cannot be adopted as it is. What an earlier attempt left cannot be "
        "taken over: 1 reason. customers.password is missing.\n"
        "Next: put that right in the database, then: python manage.py preflight\n"
    )
    assert columns_of(database.connection) == columns


def test_camel_case_is_refused(legacy_database: Make, migrate: Callable[..., tuple[int, str]]) -> None:
    database = legacy_database("plain")
    query(database.connection, 'ALTER TABLE users RENAME is_customer TO "isCustomer"')
    columns = columns_of(database.connection)

    code, said = migrate()

    assert code == 3
    assert said == (
        f"Refused (kind camel): Database '{database.name}' is in camel case: columns are named in camelCase "
        '(users."isCustomer"), and renaming them would break the old application. Such a database cannot be adopted.\n'
        "Next: point DATABASE_URL at a database whose columns are in snake_case, then: python manage.py preflight\n"
    )
    assert columns_of(database.connection) == columns


def test_a_strange_database_is_refused(empty_database: str, migrate: Callable[..., tuple[int, str]]) -> None:
    with default_connection_to(empty_database) as connection:
        query(connection, "CREATE TABLE invoices (id serial)")
        code, said = migrate()
        assert code == 3
        assert said == (
            f"Refused (kind unknown): Database '{empty_database}' is no database this project knows: it has 1 tables, "
            "but none of them is users.\n"
            "Next: point DATABASE_URL at the legacy database, or at an empty one, then: python manage.py preflight\n"
        )
        assert columns_of(connection) == {"invoices": ["id"]}


def test_a_missing_column_stops_the_adoption(legacy_database: Make, migrate: Callable[..., tuple[int, str]]) -> None:
    database = legacy_database("plain")
    query(database.connection, "ALTER TABLE reservations DROP COLUMN party_size")
    columns = columns_of(database.connection)

    code, said = migrate()

    assert code == 1
    assert said == (
        f"Error: Database '{database.name}' (plain) cannot be adopted as it is. 1 difference from the models' columns "
        "that they cannot work with. fails: reservations.party_size is missing.\n"
        "Next: put the columns right in the database, then: python manage.py preflight\n"
    )
    assert columns_of(database.connection) == columns


@pytest.mark.parametrize("kind", ["plain", "ahead"])
def test_production_needs_a_backup(migrate: Callable[..., tuple[int, str]], production: Make, kind: str) -> None:
    database = production(kind)
    columns = columns_of(database.connection)

    code, said = migrate()

    assert code == 3
    assert said == (
        f"Refused (backup): No verified backup of database '{database.name}' is on record.\n"
        "Next: python manage.py backup\n"
    )
    assert columns_of(database.connection) == columns


def test_production_with_a_backup_is_adopted(
    migrate: Callable[..., tuple[int, str]], production: Make, backed_up: None
) -> None:
    database = production("plain")
    assert migrate() == (0, "")
    assert one(database.connection, "SELECT name FROM separation_phase") == "legacy"


def test_the_record_of_a_backup_is_taken_over(
    legacy_database: Make, migrate: Callable[..., tuple[int, str]], settings: Settings, tmp_path: Path
) -> None:
    settings.BACKUP_DIR = tmp_path
    database = legacy_database("plain")
    call_command("backup")

    assert migrate()[0] == 0

    found = query(database.connection, "SELECT identity FROM separation_backups WHERE verified_at IS NOT NULL")
    assert found == [(identity_of(database.connection).key(),)]


@pytest.mark.parametrize("arguments", [("customers", "zero"), ("separation", "0001"), ("sessions", "zero")])
def test_production_is_not_reversed(
    migrate: Callable[..., tuple[int, str]], production: Make, arguments: tuple[str, str]
) -> None:
    database = production("plain", adopted=True)

    code, said = migrate(*arguments)

    assert code == 3
    assert said == (
        "Refused (production): No migration is undone but those of the separation as a whole: database "
        f"'{database.name}' counts as production (the variable ENVIRONMENT says so).\n"
        "Next: python manage.py migrate separation zero\n"
    )
    assert one(database.connection, "SELECT count(*) FROM separation_phase") == 1


def test_the_separation_is_taken_away_from_production(
    migrate: Callable[..., tuple[int, str]], production: Make
) -> None:
    database = production("plain", adopted=True)
    assert migrate("separation", "zero") == (0, "")
    assert one(database.connection, "SELECT to_regclass('separation_phase')") is None


def test_a_separation_in_use_is_not_taken_away(legacy_database: Make, migrate: Callable[..., tuple[int, str]]) -> None:
    database = legacy_database("plain", moved=True)
    columns = columns_of(database.connection)
    before = checksums(database.connection, columns)

    for arguments in (
        *(("separation", "zero"), ("separation", "zero", "--fake"), ("separation", "zero", "--no-input")),
        *(("customers", "zero"), ("reservations", "0001"), ("contenttypes", "zero"), ("separation", "0002_legacy")),
    ):
        code, said = migrate(*arguments)
        assert code == 3
        assert said == (
            f"Refused (separation in use): The separation of database '{database.name}' is in use: "
            "the phase is 'dual'.\nNext: python manage.py migrate_customers --rollback\n"
        )

    query(database.connection, "UPDATE separation_phase SET name = 'legacy'")
    count = one(database.connection, "SELECT count(*) FROM customers")
    code, said = migrate("separation", "zero")
    assert code == 3
    assert f"is in use: customers has {count} rows.\n" in said

    query(database.connection, "UPDATE separation_phase SET name = 'separated'")
    code, said = migrate("separation", "zero")
    assert code == 3
    assert said.endswith(
        "is in use: the phase is 'separated'.\n"
        "Next: python manage.py restore BACKUP --into postgres://…/new: from here only a restore leads back\n"
    )

    query(database.connection, "UPDATE separation_phase SET name = 'dual'")
    assert checksums(database.connection, columns) == before


def test_a_plan_writes_nothing(legacy_database: Make, migrate: Callable[..., tuple[int, str]]) -> None:
    database = legacy_database("plain")
    columns = columns_of(database.connection)
    assert migrate("--plan")[0] == 0
    assert migrate("--check")[0] == 1
    assert columns_of(database.connection) == columns


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine_database, "LOCK_TIMEOUT", "100ms")
    monkeypatch.setattr(ddl, "LOCK_TIMEOUT_MS", 100)
    monkeypatch.setattr(ddl, "LOCK_ATTEMPTS", 1)
    monkeypatch.setattr(migrate_command, "ATTEMPTS", 3)


@pytest.fixture
def locked_database(legacy_database: Make) -> Iterator[LegacyDatabase]:
    """A database on which the old application has a transaction open that wrote to users."""
    database = legacy_database("plain")
    with other_application(database.name) as other:
        other.execute("SET application_name = 'old application'")
        with other.transaction():
            other.execute("UPDATE users SET name = name WHERE id = 1")
            yield database


def test_a_lock_that_is_never_given_up(
    locked_database: LegacyDatabase, migrate: Callable[..., tuple[int, str]], impatient: None
) -> None:
    code, said = migrate()

    assert code == 1
    *waits, error, following = said.splitlines()
    assert len(waits) == 3
    assert waits[0].startswith("Waited in vain for a lock (attempt 1 of 3). Locks are held by process ")
    assert "(old application, idle in transaction for 0 s, holds users)" in waits[0].replace("for 1 s", "for 0 s")
    assert error.startswith("Error: Gave up after 3 attempts to get a lock, held by process ")
    assert error.endswith("What is done stays done.")
    assert following == "Next: python manage.py migrate"
    assert one(locked_database.connection, "SHOW lock_timeout") == "0"


def test_a_lock_that_is_given_up_in_time(
    legacy_database: Make, migrate: Callable[..., tuple[int, str]], impatient: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    database = legacy_database("plain")
    with other_application(database.name) as other:
        other.execute("BEGIN")
        other.execute("LOCK TABLE users IN EXCLUSIVE MODE")

        def give_up(connection: object) -> str:
            other.execute("COMMIT")
            return "the old application"

        monkeypatch.setattr(migrate_command, "lock_holders", give_up)
        code, said = migrate()
    assert code == 0
    assert said == "Waited in vain for a lock (attempt 1 of 3). Locks are held by the old application.\n"
    assert one(database.connection, "SELECT name FROM separation_phase") == "legacy"


def test_two_at_once_take_turns(
    legacy_database: Make, migrate: Callable[..., tuple[int, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    database = legacy_database("plain")
    with other_application(database.name) as other:
        other.execute("SELECT pg_advisory_lock(%s)", [adoption.MIGRATING])
        monkeypatch.setattr(adoption, "sleep", lambda _: other.execute("SELECT pg_advisory_unlock_all()"))
        code, said = migrate()
        assert (code, said) == (0, "Another migrate works on this database; waiting for it.\n")
        assert other.execute("SELECT pg_try_advisory_lock(%s)", [adoption.MIGRATING]).fetchone() == (True,)


def test_an_operator_is_told_whom_an_index_would_wait_for(
    legacy_database: Make, migrate: Callable[..., tuple[int, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    old = Result(
        WARN, "1 session with a transaction open for long.", 1, details=["process 7: idle, open for 90 seconds"]
    )
    monkeypatch.setattr("separation.preflight.checks.ALL", [Check("long_transactions", lambda look: old, False)])
    legacy_database("plain")
    assert migrate() == (0, "1 session with a transaction open for long.\nprocess 7: idle, open for 90 seconds\n")
    assert migrate() == (0, "")
