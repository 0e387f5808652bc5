"""The preflight about the server, the connection and the role."""

import secrets
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from django.db.backends.base.base import BaseDatabaseWrapper

from separation.preflight import FAIL, PASS, WARN, Result, run_preflight
from separation.preflight.look import SQL, Look
from tests.databases import LegacyDatabase, default_connection_to, server
from tests.separation.engine import one, query

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
        "fates",
        "counts",
        "superadmin",
        "duplicate_email",
        "invalid_email",
        "staff_marked_as_customer",
        "needs_password_reset",
        "orphan",
        "no_restaurant",
        "restaurant_mismatch",
        "prediction",
    ]


def test_a_role_with_just_the_rights_the_migration_needs(legacy_database: Make, role: str, become: Become) -> None:
    database = legacy_database("plain", adopted=True)
    query(database.connection, f"GRANT SELECT ON ALL TABLES IN SCHEMA public TO {role}")
    query(database.connection, f"GRANT UPDATE ON users, reservations, orders TO {role}")
    tables = "customers, customer_profiles, customer_sessions, customer_restaurants"
    engine = one(
        database.connection,
        "SELECT string_agg(relname, ', ') FROM pg_class WHERE relname ~ '^separation_' AND relkind = 'r' "
        "AND relname <> 'separation_environment'",
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


def rows_of(*answers: list[tuple[Any, ...]]) -> Callable[..., list[tuple[Any, ...]]]:
    """Return what stands in for Look.rows, and gives these answers one after the other."""
    left = list(answers)
    return lambda look, sql, **values: left.pop(0)


def test_a_server_that_pg_dump_cannot_save(legacy_database: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    connection = legacy_database("plain").connection
    monkeypatch.setattr("separation.preflight.server.psycopg.pq.version", lambda: 170004)
    assert check(connection, "clients") == Result(
        PASS,
        "This side speaks through libpq 17, and saves schemas with pg_dump 18, which comes with the project.",
        18,
        id="clients",
    )
    monkeypatch.setitem(connection.__dict__, "pg_version", 190001)
    assert check(connection, "clients") == Result(
        FAIL,
        "This side speaks through libpq 17, and saves schemas with pg_dump 18, which refuses a newer server.",
        18,
        remedy="install a newer version of this project",
        id="clients",
    )


@pytest.mark.parametrize(
    ("here", "there", "status", "message"),
    [
        (1000.0, 1004.0, PASS, "The server's clock and this host's agree."),
        (1000.0, 1090.0, WARN, "The server's clock is 90 seconds ahead of this host's: windows and logs go by this "),
        (1000.0, 910.0, WARN, "The server's clock is 90 seconds behind this host's: windows and logs go by this "),
    ],
)
def test_two_clocks(
    legacy_database: Make, monkeypatch: pytest.MonkeyPatch, here: float, there: float, status: str, message: str
) -> None:
    connection = legacy_database("plain").connection
    monkeypatch.setattr("separation.preflight.server.time", SimpleNamespace(time=lambda: here))
    monkeypatch.setattr(Look, "value", lambda look, sql: there)
    found = check(connection, "clock")
    assert (found.status, found.message[: len(message)]) == (status, message)


def test_timeouts_of_the_role(legacy_database: Make, role: str, become: Become) -> None:
    database = legacy_database("plain")
    query(database.connection, f"ALTER ROLE {role} SET lock_timeout = '3s'")
    found = check(become(database), "timeouts")
    assert (found.status, found.figure) == (PASS, "3000ms")
    assert found.message == (
        f"By itself role {role} waits for a lock for 3000ms; what changes the database sets a timeout of its own."
    )
    database.connection.close()
    database.connection.settings_dict["USER"] = ""
    query(database.connection, f"ALTER ROLE {role} SET idle_session_timeout = '60s'")
    found = check(become(database), "timeouts")
    assert (found.status, found.figure) == (WARN, 1)
    assert found.message == (
        f"Sessions of role {role} are cut off by idle_session_timeout = 60000ms: a backup or a pause can take longer."
    )
    assert found.remedy == f'ALTER ROLE "{role}" SET idle_session_timeout = 0'


@pytest.mark.parametrize(
    ("left", "status", "message"),
    [
        (2, FAIL, "2 connections left of 100, 98 in use."),
        (9, WARN, "9 connections left of 100, 98 in use. A run takes one for each of its --workers."),
        (10, PASS, "10 connections left of 100, 98 in use."),
    ],
)
def test_connections(
    legacy_database: Make, monkeypatch: pytest.MonkeyPatch, left: int, status: str, message: str
) -> None:
    connection = legacy_database("plain").connection
    monkeypatch.setattr(Look, "rows", rows_of([(100, 98, left)]))
    found = check(connection, "connections")
    assert (found.status, found.message, found.figure) == (status, message, left)


def test_connections_that_the_role_has_left(legacy_database: Make, role: str, become: Become) -> None:
    database = legacy_database("plain")
    query(database.connection, f"ALTER ROLE {role} CONNECTION LIMIT 4")
    found = check(become(database), "connections")
    assert (found.status, found.figure) == (WARN, 3)


STANDBY = ("north", "streaming", False, 2.0, 3_000_000)
LATE = ("south", "streaming", False, 42.0, 9_000_000)


@pytest.mark.parametrize(
    ("may_see", "awaited", "standbys", "slots", "status", "message"),
    [
        (True, "", [], [], PASS, "0 standby servers, none behind."),
        (True, "", [STANDBY], [], PASS, "1 standby server, none behind."),
        (
            True,
            "",
            [STANDBY, LATE],
            [],
            WARN,
            "Replication: 1 standby server more than 10 s behind. The migration writes more WAL.",
        ),
        (
            True,
            "",
            [],
            [("lost", 70_000_000)],
            WARN,
            "Replication: 1 slot keeping WAL for nobody. The migration writes more WAL.",
        ),
        (
            True,
            "north",
            [],
            [],
            FAIL,
            "Commits wait for a standby that is not there: synchronous_standby_names is 'north'.",
        ),
        (
            False,
            "north",
            [],
            [],
            WARN,
            "This role may not see how far standbys are behind, so a run will not wait for them.",
        ),
    ],
)
def test_replication(
    legacy_database: Make,
    monkeypatch: pytest.MonkeyPatch,
    may_see: bool,
    awaited: str,
    standbys: list[tuple[Any, ...]],
    slots: list[tuple[Any, ...]],
    status: str,
    message: str,
) -> None:
    connection = legacy_database("plain").connection
    server: list[tuple[Any, ...]] = [("18.0", "restaurants", "postgres", "UTF8", False, "public")]
    monkeypatch.setattr(Look, "rows", rows_of([(may_see, awaited)], standbys, slots, server))
    found = check(connection, "replication")
    assert (found.status, found.message) == (status, message)
    assert found.details == [
        f"standby {name} is streaming, {lag:.0f} s and {behind // 1_000_000} MB behind"
        for name, _, _, lag, behind in standbys
    ] + [f"slot {name} is in nobody's use, and keeps 70 MB of WAL" for name, _ in slots]


def test_a_slot_that_nobody_reads(legacy_database: Make) -> None:
    connection = legacy_database("plain").connection
    name = f"test_slot_{secrets.token_hex(4)}"
    query(connection, "SELECT pg_create_physical_replication_slot(%s, true)", [name])
    try:
        found = check(connection, "replication")
        assert found.status == WARN
        assert f"slot {name} is in nobody's use, and keeps " in "\n".join(found.details)
    finally:
        query(connection, "SELECT pg_drop_replication_slot(%s)", [name])


def test_a_publication(legacy_database: Make) -> None:
    connection = legacy_database("plain").connection
    query(connection, "CREATE PUBLICATION menu_items_only FOR TABLE menu_items")
    assert check(connection, "publications").status == PASS
    query(connection, "CREATE PUBLICATION everything FOR ALL TABLES; CREATE PUBLICATION people FOR TABLE users")
    assert check(connection, "publications") == Result(
        WARN,
        "2 publications will carry new tables or columns: everything, people.",
        2,
        remedy="give each subscriber the same tables and columns first, or its replication stops",
        id="publications",
    )


def test_autovacuum(legacy_database: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    connection = legacy_database("plain").connection
    assert check(connection, "autovacuum").message == ("Autovacuum is on, and every large table has its statistics.")
    neglected = SQL.neglected.replace("8000000", "0")
    query(connection, "ALTER TABLE orders SET (autovacuum_enabled = false)")
    monkeypatch.setattr(
        "separation.preflight.server.SQL", SimpleNamespace(autovacuum=SQL.autovacuum, neglected=neglected)
    )
    found = check(connection, "autovacuum")
    assert found.status == WARN
    assert "orders: autovacuum is switched off for it" in found.details
    monkeypatch.setattr(Look, "rows", rows_of([(False, True)], [("users", "never analysed")]))
    assert check(connection, "autovacuum") == Result(
        WARN,
        "2 things that will make plans slow, or tables grow.",
        2,
        details=["autovacuum is off on this server", "users: never analysed"],
        remedy="ALTER SYSTEM SET autovacuum = on; SELECT pg_reload_conf()",
        id="autovacuum",
    )


@pytest.mark.parametrize(("age", "status"), [(900_000_000, PASS), (1_100_000_000, WARN), (1_700_000_000, FAIL)])
def test_wraparound(legacy_database: Make, monkeypatch: pytest.MonkeyPatch, age: int, status: str) -> None:
    connection = legacy_database("plain").connection
    monkeypatch.setattr(Look, "rows", rows_of([(age, "orders")]))
    found = check(connection, "wraparound")
    assert (found.status, found.figure) == (status, 2_147_483_648 - age)
    assert found.message == (
        f"The oldest transaction id in the database is {age:,} transactions old; {2_147_483_648 - age:,} are left."
    )
    assert found.remedy == ("" if status == PASS else "VACUUM (FREEZE) orders")


def test_a_collation_that_has_changed(legacy_database: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    connection = legacy_database("plain").connection
    assert check(connection, "collation").status == PASS
    server = ("18.0", "restaurants", "postgres", "UTF8", False, "public")
    monkeypatch.setattr(Look, "server", server)
    monkeypatch.setattr(Look, "rows", rows_of([("that of the database", "2.31", "2.36")]))
    assert check(connection, "collation") == Result(
        WARN,
        "1 collation changed since indexes were made by it: equal emails may be missed.",
        1,
        details=["that of the database is of version 2.31, and the system's is 2.36"],
        remedy='REINDEX DATABASE "restaurants"; ALTER DATABASE "restaurants" REFRESH COLLATION VERSION',
        id="collation",
    )


def test_collations_of_columns_alone(legacy_database: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    connection = legacy_database("plain").connection
    monkeypatch.setitem(connection.__dict__, "pg_version", 140011)
    assert check(connection, "collation").status == PASS


def test_letters_that_the_database_does_not_know(legacy_database: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    connection = legacy_database("plain").connection
    query(connection, "UPDATE users SET is_customer = false WHERE email ~ '[^\\x01-\\x7f]'")
    query(
        connection,
        "UPDATE users SET email = 'Ärger@example.org' WHERE id = (SELECT max(id) FROM users WHERE is_customer)",
    )
    monkeypatch.setattr(
        Look,
        "value",
        lambda look, sql: False if sql == SQL.knows_letters else query(connection, sql)[0][0],
    )
    found = check(connection, "collation")
    assert (found.status, found.figure) == (WARN, 1)
    assert "and 1 email of customers have others: two that differ in their case will not count as one." in found.message


def test_extensions(legacy_database: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    connection = legacy_database("plain").connection
    assert check(connection, "extensions").message == "No extension is needed; there are: none."
    monkeypatch.setattr(Look, "rows", rows_of([("citus", "12.1"), ("pg_trgm", "1.6")]))
    assert check(connection, "extensions") == Result(
        WARN,
        "1 extension may write or distribute tables in a way of its own: citus 12.1.",
        1,
        details=["citus 12.1", "pg_trgm 1.6"],
        remedy="try it first on a copy: python manage.py rehearse",
        id="extensions",
    )
