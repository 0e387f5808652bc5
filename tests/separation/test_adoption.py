"""Adoption: what exists stays as it is, and everything that was added can be taken away again."""

import difflib
import signal
import subprocess
from collections.abc import Callable

import pytest
from django.apps import apps
from django.core.management import call_command
from django.db import IntegrityError
from django.db.backends.base.base import BaseDatabaseWrapper

from config.embedded_postgres.programs import program
from tests.databases import LegacyDatabase, database_url, default_connection_to, manage, start
from tests.separation.engine import checksums, columns_of, one, query

# Each takes with it whatever depends on it: everything goes.
ROOTS = ("separation", "restaurants", "contenttypes", "sessions", "post_office")


def schema_of(name: str) -> list[str]:
    """Return the schema of the database NAME as pg_dump writes it, without what says nothing of the application."""
    command = [str(program("pg_dump")), "--schema-only", "--no-owner", "--dbname", database_url(name)]
    command += ["--exclude-table=separation_environment", "--exclude-table=django_migrations*"]
    dumped = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return [line for line in dumped.splitlines() if line and not line.startswith(("--", "\\", "SET ", "SELECT pg_cat"))]


def migrate(*arguments: str) -> None:
    call_command("migrate", *arguments, verbosity=0)


def changes(before: list[str], after: list[str]) -> list[str]:
    """Return the lines of two dumps that differ, with - or + before them."""
    lines = difflib.unified_diff(before, after, lineterm="", n=0)
    return [line for line in lines if not line.startswith(("---", "+++", "@@"))]


def definitions(connection: BaseDatabaseWrapper) -> dict[str, str]:
    """Return each column, constraint and index of every table there is, and how it is defined."""
    found = query(
        connection,
        """SELECT 'column ' || c.relname || '.' || a.attname,
               concat_ws(' ', format_type(a.atttypid, a.atttypmod), a.attnotnull, pg_get_expr(d.adbin, d.adrelid))
        FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
             LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum
        WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r'
        UNION ALL
        SELECT 'constraint ' || conrelid::regclass || ' ' || conname, pg_get_constraintdef(oid) || convalidated
        FROM pg_constraint WHERE connamespace = 'public'::regnamespace AND contype <> 'n'
        UNION ALL
        SELECT 'index ' || indexname, indexdef FROM pg_indexes WHERE schemaname = 'public'""",
    )
    return dict(found)


@pytest.mark.engine
@pytest.mark.parametrize("kind", ["plain", "ahead", "dirty"])
def test_every_legacy_row_and_definition_stays(legacy_database: Callable[..., LegacyDatabase], kind: str) -> None:
    database = legacy_database(kind)
    columns, defined = columns_of(database.connection), definitions(database.connection)
    before = checksums(database.connection, columns)

    migrate()

    assert checksums(database.connection, columns) == before
    found = definitions(database.connection)
    changed = {name: found.get(name) for name, definition in defined.items() if found.get(name) != definition}
    nullable = {"column reservations.user_id": "integer f", "column orders.user_id": "integer f"}
    if kind == "ahead":
        nullable["column customer_profiles.user_id"] = "integer f"
    assert changed == nullable


@pytest.mark.parametrize("kind", ["plain", "ahead", "half", "dirty"])
def test_adoption_is_reversible_to_the_last_definition(
    legacy_database: Callable[..., LegacyDatabase], kind: str
) -> None:
    database = legacy_database(kind)
    columns, schema = columns_of(database.connection), schema_of(database.name)
    before = checksums(database.connection, columns)

    migrate()
    for app in ROOTS:
        migrate(app, "zero")

    assert changes(schema, schema_of(database.name)) == []
    assert columns_of(database.connection) == columns | {"django_migrations": ["id", "app", "name", "applied"]}
    assert checksums(database.connection, columns) == before


@pytest.mark.parametrize("kind", ["plain", "ahead", "half"])
def test_adopting_twice_is_adopting_once(legacy_database: Callable[..., LegacyDatabase], kind: str) -> None:
    database = legacy_database(kind)
    migrate()
    schema = schema_of(database.name)

    query(
        database.connection,
        "DELETE FROM django_migrations WHERE app IN ('customers', 'reservations', 'orders', 'menus')",
    )
    query(database.connection, "DELETE FROM django_migrations WHERE app = 'separation' AND name <> '0001_initial'")
    migrate()

    assert changes(schema, schema_of(database.name)) == []


def test_the_separation_alone_can_be_taken_away_and_put_back(legacy_database: Callable[..., LegacyDatabase]) -> None:
    database = legacy_database("ahead", adopted=True)
    schema = schema_of(database.name)

    migrate("separation", "zero")
    migrate()

    assert changes(schema, schema_of(database.name)) == []


def test_an_empty_database_becomes_what_an_adopted_one_is(
    legacy_database: Callable[..., LegacyDatabase], empty_database: str
) -> None:
    adopted = legacy_database("plain", adopted=True)
    unknown = [table for table in columns_of(adopted.connection) if table not in known_tables()]
    query(adopted.connection, f"DROP TABLE {', '.join(unknown)}")
    adopted_schema = [line for line in schema_of(adopted.name) if not line.startswith("COMMENT ON")]

    with default_connection_to(empty_database):
        migrate()
    built_schema = [line for line in schema_of(empty_database) if not line.startswith("COMMENT ON")]

    assert changes(adopted_schema, built_schema) == []


def known_tables() -> set[str]:
    return {str(model._meta.db_table) for model in apps.get_models(include_auto_created=True)} | {"django_migrations"}


def test_an_index_that_was_interrupted_is_made_again(legacy_database: Callable[..., LegacyDatabase]) -> None:
    database = legacy_database("plain")
    with pytest.raises(IntegrityError):
        query(
            database.connection,
            r"""CREATE UNIQUE INDEX CONCURRENTLY users_email_key_idx ON users (lower(btrim(email, E' \t\n\r\f\v')))""",
        )
    valid = "SELECT indisvalid FROM pg_index WHERE indexrelid = 'users_email_key_idx'::regclass"
    assert one(database.connection, valid) is False

    migrate()

    assert one(database.connection, valid) is True
    assert "UNIQUE" not in one(database.connection, "SELECT pg_get_indexdef('users_email_key_idx'::regclass)")


@pytest.mark.parametrize("at", ["customers.0002", "reservations.0002", "menus.0002", "separation.0002"])
def test_a_kill_at_any_moment_and_the_same_command_again(
    legacy_database: Callable[..., LegacyDatabase], adopted_schema: list[str], at: str
) -> None:
    database = legacy_database("ahead")
    columns = columns_of(database.connection)
    before = checksums(database.connection, columns)
    database.connection.close()

    kill_migrate(database.name, at)
    assert manage(database.name, "migrate").returncode == 0

    assert changes(adopted_schema, schema_of(database.name)) == []
    assert checksums(database.connection, columns) == before


@pytest.fixture
def adopted_schema(legacy_database: Callable[..., LegacyDatabase]) -> list[str]:
    return schema_of(legacy_database("ahead", adopted=True).name)


def kill_migrate(name: str, at: str) -> None:
    """Start migrate in a process of its own, and kill it as soon as it says that it applies the migration AT."""
    with start(name, "migrate") as process:
        said = ""
        while f"Applying {at}" not in said:
            said += (more := process.stdout.read(1))
            assert more, said
        process.send_signal(signal.SIGKILL)


def test_an_index_left_invalid_is_made_again(legacy_database: Callable[..., LegacyDatabase]) -> None:
    database = legacy_database("plain", adopted=True)
    schema = schema_of(database.name)
    query(
        database.connection,
        "UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'orders_customer_id_idx'::regclass",
    )
    query(database.connection, "DELETE FROM django_migrations WHERE app = 'orders' AND name >= '0002_customer'")
    query(database.connection, "DELETE FROM django_migrations WHERE app = 'separation' AND name <> '0001_initial'")

    migrate()

    assert one(
        database.connection, "SELECT indisvalid FROM pg_index WHERE indexrelid = 'orders_customer_id_idx'::regclass"
    )
    assert changes(schema, schema_of(database.name)) == []


@pytest.mark.engine
def test_what_an_unusual_database_brought_along_stays(legacy_database: Callable[..., LegacyDatabase]) -> None:
    database = legacy_database("plain")
    query(
        database.connection,
        """ALTER TABLE reservations ADD COLUMN customer_id integer;
        UPDATE reservations SET customer_id = user_id WHERE id % 2 = 0;
        ALTER TABLE orders ALTER COLUMN user_id DROP NOT NULL;
        COMMENT ON COLUMN reservations.user_id IS 'whoever''s booking';
        ALTER TABLE menus ADD COLUMN restaurant_id integer;
        COMMENT ON TABLE users IS 'everybody';""",
    )
    columns, schema = columns_of(database.connection), schema_of(database.name)
    before = checksums(database.connection, columns)

    migrate()
    assert checksums(database.connection, columns) == before
    for app in ROOTS:
        migrate(app, "zero")

    assert changes(schema, schema_of(database.name)) == []
    assert checksums(database.connection, columns) == before
