"""The tests' own databases."""

from collections.abc import Callable

import pytest
from django.db import connection

from separation.environment import environment_of
from tests.databases import Databases, LegacyDatabase, database_url, server

pytestmark = pytest.mark.engine


def count_users() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM users")
        count: int = cursor.fetchone()[0]
        return count


def test_a_clone_is_behind_the_default_connection(legacy_database: Callable[..., LegacyDatabase]) -> None:
    database = legacy_database("plain")
    assert connection.settings_dict["NAME"] == database.name
    assert count_users() == database.summary.rows["users"]


def test_a_clone_is_marked_scratch(legacy_database: Callable[..., LegacyDatabase]) -> None:
    assert environment_of(legacy_database("plain").connection).name == "scratch"


def test_what_one_clone_loses_another_still_has(legacy_database: Callable[..., LegacyDatabase]) -> None:
    first = legacy_database("plain")
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM reservation_logs")
    second = legacy_database("plain")
    assert first.name != second.name
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM reservation_logs")
        assert cursor.fetchone() == (second.summary.rows["reservation_logs"],)


@pytest.mark.parametrize("kind", ["plain", "ahead", "dirty"])
def test_adopted_databases_have_been_migrated(legacy_database: Callable[..., LegacyDatabase], kind: str) -> None:
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
