"""Tables that no model knows: measured before a migration, compared after it."""

from collections.abc import Callable

import pytest
from django.db import connection

from separation.verification import baseline_of, verify
from tests.databases import LegacyDatabase
from tests.separation.verify import broken, damage, migrate, result_of

pytestmark = pytest.mark.engine

UNKNOWN = [
    "email_verification_tokens",
    "guest_reservations",
    "issue_comments",
    "issues",
    "password_reset_tokens",
    "prep_columns",
    "prep_tasks",
    "refresh_tokens",
    "reservation_logs",
]
OLD_APPLICATION = "The ledger proves that no chunk wrote to it, so the old application did."


def test_the_baseline_has_every_table_that_no_model_knows(legacy_database: Callable[..., LegacyDatabase]) -> None:
    database = legacy_database("plain", adopted=True)
    baseline = baseline_of(connection)
    assert {table: measure["rows"] for table, measure in baseline.items()} == {
        table: database.summary.rows[table] for table in UNKNOWN
    }


def test_the_checksum_is_of_the_rows_in_any_order(legacy_database: Callable[..., LegacyDatabase]) -> None:
    legacy_database("plain", adopted=True)
    before = baseline_of(connection)
    damage(connection, "UPDATE refresh_tokens SET token = token WHERE id < 3")
    assert baseline_of(connection) == before
    damage(connection, "UPDATE refresh_tokens SET token = token || 'x' WHERE id = 1")
    assert [table for table, measure in baseline_of(connection).items() if measure != before[table]] == [
        "refresh_tokens"
    ]


def test_the_checksum_does_not_depend_on_the_session(legacy_database: Callable[..., LegacyDatabase]) -> None:
    legacy_database("plain", adopted=True)
    damage(
        connection,
        """CREATE TABLE moods (t timestamptz, gap interval, weight float, raw bytea);
        INSERT INTO moods VALUES ('2026-03-29 02:30+01', '1 day 02:03:04', 0.1::float + 0.2::float, '\\x00ff')""",
    )
    before = baseline_of(connection)
    damage(
        connection,
        """SET TimeZone = 'America/New_York'; SET DateStyle = 'German'; SET IntervalStyle = 'iso_8601';
        SET extra_float_digits = 0; SET bytea_output = 'escape'""",
    )
    assert baseline_of(connection) == before


@pytest.mark.parametrize(
    ("table", "columns"),
    [
        ('Weird " name', "id int"),
        ("t", "t int, id int"),
        ("percent%s", "id int"),
        ("nothing", ""),
        (
            "parts",
            "id int) PARTITION BY RANGE (id); CREATE TABLE parts_one PARTITION OF parts FOR VALUES FROM (0) TO (9",
        ),
    ],
)
def test_tables_of_any_name_and_make_are_measured(
    legacy_database: Callable[..., LegacyDatabase], table: str, columns: str
) -> None:
    legacy_database("plain", adopted=True)
    quoted = '"' + table.replace('"', '""') + '"'
    damage(connection, f"CREATE TABLE {quoted} ({columns})")
    damage(connection, f"INSERT INTO {quoted} DEFAULT VALUES" if table != "parts" else "INSERT INTO parts VALUES (1)")
    baseline = baseline_of(connection)
    assert (baseline[table]["rows"], "parts_one" in baseline) == (1, False)


@pytest.mark.parametrize(
    ("sql", "detail"),
    [
        ("DELETE FROM refresh_tokens WHERE id = 1", "refresh_tokens: 12 rows before, 11 rows now"),
        (
            "UPDATE refresh_tokens SET revoked = NOT revoked WHERE id = 1",
            "refresh_tokens: 12 rows before, 12 rows now, the same number with other contents",
        ),
        ("DROP TABLE refresh_tokens", "refresh_tokens: 12 rows before, gone now"),
    ],
)
def test_what_the_ledger_did_not_write_is_a_warning(
    legacy_database: Callable[..., LegacyDatabase], sql: str, detail: str
) -> None:
    legacy_database("plain", adopted=True)
    migrate(connection)
    damage(connection, sql)
    report = verify(connection)
    (result,) = report.warnings
    assert (report.ok, result.id, result.status, result.sample) == (
        True,
        "unknown_tables_unchanged",
        "warn",
        ["refresh_tokens"],
    )
    assert result.details == [f"{detail}. {OLD_APPLICATION}"]
    assert result.figure == "9 tables compared; 1 changed"


def test_what_the_ledger_may_have_written_is_a_failure(legacy_database: Callable[..., LegacyDatabase]) -> None:
    legacy_database("plain", adopted=True)
    migrate(connection)
    chunk = damage(
        connection,
        """DELETE FROM refresh_tokens WHERE id = 1;
        UPDATE separation_chunks SET written = written || '{"refresh_tokens": 1}'
        WHERE id = (SELECT min(id) FROM separation_chunks) RETURNING id""",
    )
    assert broken(verify(connection)) == {
        "only_own_tables_written": chunk,
        "unknown_tables_unchanged": ["refresh_tokens"],
    }
    assert result_of(connection, "only_own_tables_written").details == [
        f"chunk {chunk[0]} wrote 1 rows of refresh_tokens"
    ]
    assert result_of(connection, "unknown_tables_unchanged").details == [
        "refresh_tokens: 12 rows before, 11 rows now. "
        "The ledger has a chunk that wrote where it must not (only_own_tables_written)."
    ]


def test_a_table_that_the_old_application_made_since_is_nobodys_fault(
    legacy_database: Callable[..., LegacyDatabase],
) -> None:
    legacy_database("plain", adopted=True)
    migrate(connection)
    damage(connection, "CREATE TABLE vouchers (id serial, user_id int)")
    assert (broken(verify(connection)), verify(connection).warnings) == ({}, [])


def test_a_key_that_was_never_validated_proves_nothing(legacy_database: Callable[..., LegacyDatabase]) -> None:
    legacy_database("plain", adopted=True)
    migrate(connection)
    damage(
        connection,
        """CREATE TABLE vouchers (id serial, user_id int);
        INSERT INTO vouchers (user_id) VALUES (999999);
        ALTER TABLE vouchers ADD FOREIGN KEY (user_id) REFERENCES users (id) NOT VALID""",
    )
    assert broken(verify(connection)) == {}


def test_a_reference_to_nobody_is_counted(legacy_database: Callable[..., LegacyDatabase]) -> None:
    legacy_database("plain", adopted=True)
    damage(connection, "UPDATE refresh_tokens SET user_id = 999999 WHERE id < 3")
    result = result_of(connection, "unknown_rows_refer")
    assert (result.status, result.sample, result.details) == (
        "fail",
        ["refresh_tokens.user_id"],
        ["refresh_tokens.user_id: 2 rows point to nobody"],
    )
