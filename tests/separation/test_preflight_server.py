"""The preflight about the server, the connection and the role."""

import secrets
from collections.abc import Callable

import pytest
from django.db.backends.base.base import BaseDatabaseWrapper

from separation.preflight import FAIL, PASS, WARN, Result, run_preflight
from separation.preflight.look import Look
from tests.databases import LegacyDatabase, default_connection_to, server
from tests.separation.engine import query

pytestmark = pytest.mark.engine

Make = Callable[..., LegacyDatabase]
Become = Callable[[LegacyDatabase], BaseDatabaseWrapper]


def check(connection: BaseDatabaseWrapper, name: str) -> Result:
    (result,) = run_preflight(connection, only=(name,)).results
    return result


def test_who_is_connected_to_what(legacy_database: Make) -> None:
    database = legacy_database("plain")
    assert check(database.connection, "connection") == Result(
        PASS,
        f"Connected to database {database.name!r}, schema public, as role postgres.",
        database.name,
        id="connection",
    )


TOO_OLD = Result(
    FAIL,
    "The server is too old: it is PostgreSQL 13, and 14 or newer is needed.",
    13,
    remedy="upgrade the server to PostgreSQL 14 or newer",
    id="server_version",
)


def test_a_server_that_is_too_old(legacy_database: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    connection = legacy_database("plain").connection
    monkeypatch.setitem(connection.__dict__, "pg_version", 130011)
    assert check(connection, "server_version") == TOO_OLD


def test_a_server_that_django_will_not_even_talk_to(legacy_database: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    connection = legacy_database("plain").connection
    connection.close()
    monkeypatch.setitem(connection.__dict__, "pg_version", 130011)
    monkeypatch.setattr("django.db.backends.base.base.RAN_DB_VERSION_CHECK", set())
    assert run_preflight(connection).results == [TOO_OLD]


def test_a_server_newer_than_any_that_was_tried(legacy_database: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    connection = legacy_database("plain").connection
    monkeypatch.setitem(connection.__dict__, "pg_version", 190001)
    result = check(connection, "server_version")
    assert (result.status, result.figure) == (WARN, 19)
    assert result.message.endswith(" is newer than 18, the newest this was tested on.")


def test_a_standby(legacy_database: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Look, "server", ("18.0", "restaurants", "postgres", "UTF8", True, "public"))
    assert check(legacy_database("plain").connection, "writable") == Result(
        FAIL,
        "This is a standby, which cannot be written to.",
        "standby",
        remedy="point DATABASE_URL at the primary server",
        id="writable",
    )


def test_a_pooler_in_transaction_mode(legacy_database: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    connection = legacy_database("plain").connection
    processes = iter((11, 12, 13))
    monkeypatch.setattr("separation.preflight.run.scalar", lambda connection, sql: next(processes))
    assert check(connection, "pooling") == Result(
        FAIL,
        "Each transaction reaches another server process: a pooler stands between, in transaction mode.",
        3,
        remedy="point DATABASE_URL at the server, past the pooler",
        id="pooling",
    )


def test_a_pooler_that_may_be_in_session_mode(legacy_database: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    connection = legacy_database("plain").connection
    monkeypatch.setattr("separation.preflight.run.scalar", lambda connection, sql: 11)
    assert check(connection, "pooling") == Result(
        WARN,
        "A pooler stands between; it has to give each connection a server process of its own.",
        1,
        remedy="point DATABASE_URL at the server, past the pooler",
        id="pooling",
    )


@pytest.mark.parametrize(
    ("encoding", "expected"),
    [
        (
            "SQL_ASCII",
            Result(
                FAIL,
                "The database has the encoding SQL_ASCII: what its bytes mean cannot be known.",
                "SQL_ASCII",
                remedy="restore the database into one with the encoding UTF8",
                id="encoding",
            ),
        ),
        (
            "LATIN1",
            Result(WARN, "The database has the encoding LATIN1; new names must fit into it.", "LATIN1", id="encoding"),
        ),
    ],
)
@pytest.mark.usefixtures("databases")
def test_an_encoding_that_is_not_unicode(encoding: str, expected: Result) -> None:
    name = f"test_encoding_{secrets.token_hex(4)}"
    with server() as admin, admin.cursor() as cursor:
        cursor.execute(f"CREATE DATABASE {name} TEMPLATE template0 ENCODING {encoding} LOCALE_PROVIDER libc LOCALE 'C'")
        try:
            with default_connection_to(name) as connection:
                assert check(connection, "encoding") == expected
        finally:
            cursor.execute(f"DROP DATABASE {name}")


def test_a_role_without_any_right_before_adoption(legacy_database: Make, role: str, become: Become) -> None:
    database = legacy_database("plain")
    connection = become(database)

    result = check(connection, "privileges")

    assert (result.status, result.figure) == (FAIL, 33)
    assert result.message == f"Role {role} lacks 33 privileges that the next step needs."
    assert result.details[0] == "SELECT on restaurants"
    assert result.details[-2:] == ["SELECT on reservation_logs", "CREATE on schema public"]
    assert result.details[17:23] == [
        "UPDATE on orders",
        "OWNERSHIP on users",
        "OWNERSHIP on reservations",
        "OWNERSHIP on orders",
        "OWNERSHIP on menus",
        "OWNERSHIP on recipes",
    ]
    assert result.remedy == f"grant them to {role}, or name the owner of the tables in DATABASE_URL"


def test_the_rest_of_the_report_for_a_role_without_any_right(legacy_database: Make, become: Become) -> None:
    report = run_preflight(become(legacy_database("plain")))
    assert [result.id for result in report.failures] == ["privileges", "backup"]
    assert report.kind == "plain"
    assert report.left_out == [
        "users_sequence",
        "foreign_keys",
        "counts",
        "superadmin",
        "duplicate_email",
        "invalid_email",
        "staff_marked_as_customer",
        "needs_password_reset",
        "orphan",
        "no_restaurant",
        "restaurant_mismatch",
    ]


def test_a_role_with_just_the_rights_the_migration_needs(legacy_database: Make, role: str, become: Become) -> None:
    database = legacy_database("plain", adopted=True)
    query(database.connection, f"GRANT SELECT ON ALL TABLES IN SCHEMA public TO {role}")
    query(database.connection, f"GRANT UPDATE ON users, reservations, orders TO {role}")
    tables = "customers, customer_profiles, customer_sessions, customer_restaurants"
    engine = ", ".join(
        f"separation_{name}" for name in ("phase", "runs", "chunks", "merges", "findings", "pending", "undo", "backups")
    )
    query(database.connection, f"GRANT INSERT, UPDATE, DELETE ON {tables}, {engine} TO {role}")

    report = run_preflight(become(database))

    assert [result.id for result in report.failures] == ["backup"]
    assert report.left_out == []


def test_rows_that_a_policy_hides(legacy_database: Make, role: str, become: Become) -> None:
    database = legacy_database("plain", adopted=True)
    query(database.connection, f"GRANT SELECT ON ALL TABLES IN SCHEMA public TO {role}")
    query(database.connection, "ALTER TABLE orders ENABLE ROW LEVEL SECURITY")
    assert check(become(database), "row_security") == Result(
        FAIL,
        "Row security hides rows of orders from this role.",
        1,
        remedy="name a role with BYPASSRLS in DATABASE_URL",
        id="row_security",
    )


def test_a_role_that_writes_as_a_replica(legacy_database: Make, role: str) -> None:
    database = legacy_database("plain")
    query(
        database.connection,
        f"ALTER ROLE {role} IN DATABASE {database.name} SET session_replication_role = 'replica'",
    )

    found = check(database.connection, "subscriptions")

    assert found.status == WARN
    assert found.message == f"Somebody writes into this database without firing triggers: role {role}."


def test_a_subscription(legacy_database: Make) -> None:
    connection = legacy_database("plain").connection
    query(
        connection,
        "CREATE SUBSCRIPTION from_elsewhere CONNECTION 'dbname=none' PUBLICATION all_of_it "
        "WITH (connect = false, slot_name = NONE)",
    )
    try:
        assert check(connection, "subscriptions") == Result(
            WARN,
            "Somebody writes into this database without firing triggers: subscription from_elsewhere.",
            1,
            remedy="make sure that none of them writes to users, reservations or orders",
            id="subscriptions",
        )
    finally:
        query(connection, "DROP SUBSCRIPTION from_elsewhere")
