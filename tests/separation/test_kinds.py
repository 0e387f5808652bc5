"""The kind of a database, and why."""

from collections.abc import Callable

import pytest
from django.core.management import call_command

from separation.kinds import Kind, kind_of
from tests.databases import LegacyDatabase, default_connection_to
from tests.separation.engine import query

pytestmark = pytest.mark.engine

Make = Callable[..., LegacyDatabase]


def test_a_database_with_nothing_in_it_is_empty(empty_database: str) -> None:
    with default_connection_to(empty_database) as connection:
        assert kind_of(connection) == Kind("empty", "it has no table of the old application")
        assert kind_of(connection).remedy == "python manage.py migrate"


def test_what_django_and_an_interrupted_build_left_does_not_count(empty_database: str) -> None:
    with default_connection_to(empty_database) as connection:
        call_command("migrate", "reservations", verbosity=0)
        assert kind_of(connection).name == "empty"


@pytest.mark.parametrize("kind", ["plain", "dirty"])
def test_plain(legacy_database: Make, kind: str) -> None:
    found = kind_of(legacy_database(kind).connection)
    assert found == Kind("plain", "users holds everybody, and nothing of customers' own is there")
    assert found.is_legacy
    assert not found.is_refused


def test_ahead(legacy_database: Make) -> None:
    found = kind_of(legacy_database("ahead").connection)
    assert found == Kind("ahead", "reservations.customer_id is there and references users")
    assert found.is_legacy


def test_ahead_without_the_column(legacy_database: Make) -> None:
    connection = legacy_database("ahead").connection
    query(connection, "ALTER TABLE reservations DROP COLUMN customer_id")
    assert kind_of(connection) == Kind("ahead", "customer_profiles is there, made by the old application")


def test_ahead_without_the_key(legacy_database: Make) -> None:
    connection = legacy_database("plain").connection
    query(connection, "ALTER TABLE reservations ADD COLUMN customer_id integer")
    assert kind_of(connection) == Kind("ahead", "reservations.customer_id is there, and customers is not")


def test_adopted(legacy_database: Make) -> None:
    found = kind_of(legacy_database("plain", adopted=True).connection)
    assert found == Kind("adopted", "it has our table separation_phase")
    assert not found.is_legacy
    assert not found.is_refused


@pytest.mark.parametrize("kind", ["plain", "ahead", "half"])
def test_legacy_again_once_the_separation_is_taken_away(legacy_database: Make, kind: str) -> None:
    connection = legacy_database(kind, adopted=True).connection
    call_command("migrate", "separation", "zero", verbosity=0)
    assert kind_of(connection).name == kind


def test_half(legacy_database: Make) -> None:
    connection = legacy_database("ahead").connection
    query(connection, "CREATE TABLE customers (id serial PRIMARY KEY, email text NOT NULL)")
    found = kind_of(connection)
    assert found == Kind(
        "half", "an earlier attempt at a separation left its table customers, which migrate did not make"
    )
    assert found.is_legacy
    assert not found.is_refused
    assert found.remedy == "python manage.py migrate"


def test_camel(legacy_database: Make) -> None:
    connection = legacy_database("plain").connection
    query(
        connection,
        """ALTER TABLE users RENAME is_customer TO "isCustomer"; ALTER TABLE users RENAME created_at TO "createdAt";
        ALTER TABLE reservations RENAME user_id TO "userId"; ALTER TABLE orders RENAME user_id TO "userId";""",
    )
    found = kind_of(connection)
    assert found == Kind(
        "camel",
        'columns are named in camelCase (orders."userId", reservations."userId", users."isCustomer" and 1 more), and '
        "renaming them would break the old application",
    )
    assert found.is_refused


def test_camel_in_tables_named_like_classes(empty_database: str) -> None:
    with default_connection_to(empty_database) as connection:
        query(connection, 'CREATE TABLE "User" (id serial, email text, "isCustomer" boolean)')
        query(connection, 'CREATE TABLE "MenuItem" (id serial, "sectionId" integer)')
        assert kind_of(connection).why.startswith(
            'columns are named in camelCase (MenuItem."sectionId", User."isCustomer"), and'
        )


def test_a_strange_table_in_camel_case_is_no_camel(legacy_database: Make) -> None:
    connection = legacy_database("plain").connection
    query(connection, 'CREATE TABLE audit (id serial, "userId" integer)')
    assert kind_of(connection).name == "plain"


def test_unknown_without_users(empty_database: str) -> None:
    with default_connection_to(empty_database) as connection:
        query(connection, "CREATE TABLE invoices (id serial); CREATE TABLE payments (id serial)")
        found = kind_of(connection)
        assert found == Kind("unknown", "it has 2 tables, but none of them is users")
        assert found.is_refused


def test_unknown_with_other_users(empty_database: str) -> None:
    with default_connection_to(empty_database) as connection:
        query(connection, "CREATE TABLE users (id serial, login text)")
        assert kind_of(connection) == Kind("unknown", "its table users has no email and no password")
