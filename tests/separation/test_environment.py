"""What a database is taken for: production unless something inside it, bound to its identity, says otherwise."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from pytest_django.fixtures import Settings

from separation import environment
from separation.database import now_of
from separation.environment import (
    Environment,
    environment_of,
    is_marked_scratch,
    mark,
    mark_scratch,
    refuse_on_production,
)
from separation.errors import Refused
from separation.identity import identity_of
from tests.databases import LegacyDatabase, default_connection_to, manage, server
from tests.separation.engine import one, query

Make = Callable[..., LegacyDatabase]


def test_a_database_of_the_embedded_server_is_scratch(empty_database: str, settings: Settings) -> None:
    with default_connection_to(empty_database) as connection:
        if settings.EMBEDDED:
            assert environment_of(connection) == Environment("scratch", "it lives on the embedded server")


def test_the_same_database_by_address_is_production(empty_database: str) -> None:
    done = manage(empty_database, "environment")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == f"{empty_database}: production (nothing inside it says otherwise)\n"


def test_a_variable_makes_it_stricter(legacy_database: Make, settings: Settings) -> None:
    connection = legacy_database("plain").connection
    assert environment_of(connection).name == "scratch"
    settings.ENVIRONMENT = "production"
    assert environment_of(connection) == Environment("production", "the variable ENVIRONMENT says so")


def test_no_variable_makes_it_more_lenient(empty_database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ENVIRONMENT", "scratch")
    done = manage(empty_database, "environment")
    assert done.returncode == 1
    assert "ENVIRONMENT is 'scratch'; the only value is 'production'." in done.stderr


def test_reading_writes_nothing(empty_database: str) -> None:
    with default_connection_to(empty_database) as connection:
        environment_of(connection)
        assert one(connection, "SELECT to_regclass('separation_environment')") is None


def test_staging_needs_the_phrase(empty_database: str) -> None:
    for phrase in ("", "STAGING", f"staging {empty_database}\n", f"STAGING {empty_database} \n"):
        done = manage(empty_database, "environment", "--set", "staging", stdin=phrase)
        assert done.returncode == 4
        assert done.stderr == (
            f"Database '{empty_database}' will be taken for staging.\nType exactly: STAGING {empty_database}\n"
            f"Error: The phrase 'STAGING {empty_database}' was not given exactly, so nothing was changed.\n"
        )
    assert manage(empty_database, "environment").stdout.startswith(f"{empty_database}: production (")


def test_staging_with_the_phrase(empty_database: str) -> None:
    done = manage(empty_database, "environment", "--set", "staging", stdin=f"STAGING {empty_database}\n")
    assert done.returncode == 0
    assert done.stdout.startswith(f"{empty_database}: staging (marked by ")
    assert manage(empty_database, "environment").stdout == done.stdout

    done = manage(empty_database, "environment", "--set", "production", stdin=f"PRODUCTION {empty_database}\n")
    assert done.stdout.startswith(f"{empty_database}: production (marked by ")


def test_a_copy_is_as_closed_as_production(legacy_database: Make) -> None:
    database = legacy_database("plain")
    mark(database.connection, "copy")
    assert environment_of(database.connection).is_production
    with pytest.raises(Refused) as refusal:
        refuse_on_production(database.connection, "Demo data needs a scratch database", "python manage.py environment")
    assert refusal.value.interlock == "production"
    assert refusal.value.message.startswith(
        f"Demo data needs a scratch database: database '{database.name}' counts as copy (marked by "
    )
    mark(database.connection, "staging")
    refuse_on_production(database.connection, "Demo data needs a scratch database", "python manage.py environment")


def test_a_mark_does_not_travel_with_a_copy(legacy_database: Make) -> None:
    original = legacy_database("plain")
    identity = identity_of(original.connection)
    original.connection.close()
    name = f"{original.name}_copy"
    with server() as admin, admin.cursor() as cursor:
        cursor.execute(f'CREATE DATABASE "{name}" TEMPLATE "{original.name}"')
        try:
            with default_connection_to(name) as connection:
                assert one(connection, "SELECT environment FROM separation_environment LIMIT 1") == "scratch"
                assert identity_of(connection) != identity
            assert manage(name, "environment").stdout == f"{name}: production (nothing inside it says otherwise)\n"
        finally:
            cursor.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


def test_a_mark_does_not_survive_a_new_name(empty_database: str) -> None:
    with default_connection_to(empty_database) as connection:
        mark_scratch(connection)
    assert manage(empty_database, "environment").stdout.startswith(f"{empty_database}: scratch (")
    with server() as admin, admin.cursor() as cursor:
        cursor.execute(f'ALTER DATABASE "{empty_database}" RENAME TO "{empty_database}_renamed"')
        try:
            done = manage(f"{empty_database}_renamed", "environment")
        finally:
            cursor.execute(f'ALTER DATABASE "{empty_database}_renamed" RENAME TO "{empty_database}"')
    assert done.stdout == f"{empty_database}_renamed: production (nothing inside it says otherwise)\n"


def test_a_mark_that_a_role_may_not_read_is_none(legacy_database: Make) -> None:
    database = legacy_database("plain")
    role = f"{database.name}_reader"
    superuser = identity_of(database.connection)
    query(database.connection, f"CREATE ROLE {role} LOGIN")
    try:
        database.connection.close()
        database.connection.settings_dict["USER"] = role
        database.connection.settings_dict["ENGINE"] = "django.db.backends.postgresql"
        assert environment_of(database.connection) == Environment("production", "nothing inside it says otherwise")
        assert identity_of(database.connection) == superuser
    finally:
        database.connection.close()
        database.connection.settings_dict["USER"] = ""
        database.connection.settings_dict["ENGINE"] = "config.embedded_postgres"
        query(database.connection, f"DROP ROLE {role}")


NOT_SIGNED = "is not signed with this SECRET_KEY; to mark it again: python manage.py environment --set staging)\n"


@pytest.mark.parametrize("edit", ["set_by = 'somebody'", "set_at = set_at - interval '1 s'", "signature = ''"])
def test_a_mark_changed_by_hand_is_none(empty_database: str, edit: str) -> None:
    with default_connection_to(empty_database) as connection:
        mark(connection, "staging")
        query(connection, f"UPDATE separation_environment SET {edit}")
    assert manage(empty_database, "environment").stdout == (
        f"{empty_database}: production (its mark as staging {NOT_SIGNED}"
    )


def test_production_is_not_made_lenient_by_hand(empty_database: str) -> None:
    with default_connection_to(empty_database) as connection:
        mark(connection, "production")
        query(connection, "UPDATE separation_environment SET environment = 'scratch'")
    assert manage(empty_database, "environment").stdout == (
        f"{empty_database}: production (its mark as scratch {NOT_SIGNED}"
    )


def test_the_mark_of_another_database_is_none(legacy_database: Make, empty_database: str) -> None:
    """Not even with the signature that it has there, and under this database's identity."""
    (signed,) = query(
        legacy_database("plain").connection,
        "SELECT environment, set_by, set_at, signature FROM separation_environment ORDER BY set_at DESC LIMIT 1",
    )
    with default_connection_to(empty_database) as connection:
        mark(connection, "production")
        query(
            connection,
            "UPDATE separation_environment SET (environment, set_by, set_at, signature) = (%s, %s, %s, %s)",
            signed,
        )
    assert manage(empty_database, "environment").stdout == (
        f"{empty_database}: production (its mark as scratch {NOT_SIGNED}"
    )


def test_a_mark_of_a_time_to_come_is_none(empty_database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """As if the server's clock, which dates marks, had been set back since."""
    with default_connection_to(empty_database) as connection:
        tomorrow = now_of(connection) + timedelta(days=1)
        with monkeypatch.context() as patch:
            patch.setattr(environment, "now_of", lambda connection: tomorrow)
            mark(connection, "staging")
    assert manage(empty_database, "environment").stdout == (
        f"{empty_database}: production (its mark as staging is of a time still to come by the server's clock; to mark "
        "it again: python manage.py environment --set staging)\n"
    )


def test_a_mark_of_an_earlier_version_is_none_until_it_is_made_again(empty_database: str) -> None:
    with default_connection_to(empty_database) as connection:
        mark(connection, "staging")
        query(connection, "ALTER TABLE separation_environment DROP COLUMN signature")
    assert manage(empty_database, "environment").stdout == (
        f"{empty_database}: production (its mark as staging {NOT_SIGNED}"
    )
    done = manage(empty_database, "environment", "--set", "staging", stdin=f"STAGING {empty_database}\n")
    assert done.stdout.startswith(f"{empty_database}: staging (marked by ")


def test_a_mark_with_another_key_is_none(empty_database: str, settings: Settings) -> None:
    with default_connection_to(empty_database) as connection:
        settings.SECRET_KEY = "another key " * 6
        mark(connection, "scratch")
        assert is_marked_scratch(connection)
    assert manage(empty_database, "environment").stdout == (
        f"{empty_database}: production (its mark as scratch {NOT_SIGNED}"
    )


def test_a_stricter_mark_needs_no_signature(legacy_database: Make) -> None:
    connection = legacy_database("plain").connection
    mark(connection, "copy")
    query(connection, "UPDATE separation_environment SET signature = ''")
    assert environment_of(connection).name == "copy"
