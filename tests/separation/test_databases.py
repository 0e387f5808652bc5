"""The tests' own databases."""

import os
import subprocess
import sys

import pytest
from django.conf import settings as project
from django.db import connection
from pytest_django.fixtures import Settings

from separation.environment import environment_of
from tests.databases import (
    Databases,
    MakeLegacyDatabase,
    database_url,
    default_connection_to,
    environment_for,
    server,
    why_not_scratch,
)


def count_users() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM users")
        count: int = cursor.fetchone()[0]
        return count


def test_a_clone_is_behind_the_default_connection(legacy_database: MakeLegacyDatabase) -> None:
    database = legacy_database("plain")
    assert connection.settings_dict["NAME"] == database.name
    assert count_users() == database.summary.rows["users"]


def test_a_clone_is_marked_scratch(legacy_database: MakeLegacyDatabase) -> None:
    assert environment_of(legacy_database("plain").connection).name == "scratch"


def test_what_one_clone_loses_another_still_has(legacy_database: MakeLegacyDatabase) -> None:
    first = legacy_database("plain")
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM reservation_logs")
    second = legacy_database("plain")
    assert first.name != second.name
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM reservation_logs")
        assert cursor.fetchone() == (second.summary.rows["reservation_logs"],)


@pytest.mark.parametrize("kind", ["plain", "ahead", "dirty"])
def test_adopted_databases_have_been_migrated(legacy_database: MakeLegacyDatabase, kind: str) -> None:
    with legacy_database(kind, adopted=True).connection.cursor() as cursor:
        cursor.execute("SELECT name FROM separation_phase")
        assert cursor.fetchone() == ("legacy",)


def test_what_a_killed_session_left_is_dropped_and_what_a_living_one_has_is_not(
    databases: Databases, empty_database: str
) -> None:
    leftover = "test_legacy_0badf00d_1"
    with server() as admin, admin.cursor() as cursor:
        cursor.execute(f'CREATE DATABASE "{leftover}"')
        Databases(admin)
        cursor.execute("SELECT datname FROM pg_database WHERE datname IN (%s, %s)", [leftover, empty_database])
        assert cursor.fetchall() == [(empty_database,)]


def test_the_address_of_a_database_reaches_it(empty_database: str) -> None:
    assert f"/{empty_database}" in database_url(empty_database)


def test_an_adopted_database_that_counts_as_production_keeps_tests_away(
    legacy_database: MakeLegacyDatabase, settings: Settings
) -> None:
    adopted = legacy_database("plain", adopted=True).name
    assert why_not_scratch(adopted) == ""
    settings.ENVIRONMENT = "production"
    assert why_not_scratch(adopted) == "is adopted and counts as production (the variable ENVIRONMENT says so)"


def test_a_database_that_is_not_adopted_keeps_nobody_away(empty_database: str, settings: Settings) -> None:
    settings.ENVIRONMENT = "production"
    assert why_not_scratch(empty_database) == ""


def test_a_database_that_nobody_can_look_into_keeps_tests_away() -> None:
    assert why_not_scratch("no_such_database") == "cannot be connected to, so nobody can tell what is in it"


def test_tests_refuse_the_server_of_a_production_database(databases: Databases) -> None:
    # Sorted before whatever else is on the server, and bound to be dropped.
    name = f"aaa_production_{os.getpid()}"
    with server() as admin, admin.cursor() as cursor:
        cursor.execute(f"DROP DATABASE IF EXISTS {name}")
        cursor.execute(f"CREATE DATABASE {name} TEMPLATE template0")
        try:
            with default_connection_to(name) as connection, connection.cursor() as inside:
                inside.execute("CREATE TABLE separation_phase ()")
            refused = subprocess.run(
                [sys.executable, "-m", "pytest", "-n", "0", "tests/config/test_sql_loader.py"],
                cwd=project.BASE_DIR,
                env=environment_for(name),
                capture_output=True,
                text=True,
                check=False,
            )
        finally:
            cursor.execute(f"DROP DATABASE {name} WITH (FORCE)")
    assert refused.returncode == 4
    assert refused.stderr.splitlines()[-1] == (
        f"Exit: Tests refuse the server of DATABASE_URL: its database '{name}' is adopted and counts as production "
        "(nothing inside it says otherwise). Unset DATABASE_URL to test on the embedded server."
    )
