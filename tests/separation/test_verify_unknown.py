"""Tables that no model knows: measured before a migration, compared after it."""

from collections.abc import Callable, Iterator

import pytest
from django.db.backends.base.base import BaseDatabaseWrapper

from separation.verification import baseline_of, examine
from tests.databases import Databases, default_connection_to
from tests.separation.verify import broken, damage, migrated_databases, result_of, undone

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


@pytest.fixture(scope="module")
def migrated(databases: Databases) -> Iterator[Callable[[str], str]]:
    """The name of a migrated database of a kind, made once for all tests of this file."""
    with migrated_databases(databases) as name_of:
        yield name_of


@pytest.fixture
def connection(migrated: Callable[[str], str]) -> Iterator[BaseDatabaseWrapper]:
    """The connection to a migrated database, where everything is undone after the test."""
    with default_connection_to(migrated("plain")) as connection, undone(connection):
        yield connection


def test_the_baseline_has_every_table_that_no_model_knows(connection: BaseDatabaseWrapper) -> None:
    baseline = baseline_of(connection)
    assert {table: measure["rows"] for table, measure in baseline.items()} == {
        table: damage(connection, f"SELECT count(*) FROM {table}")[0] for table in UNKNOWN
    }


def test_the_checksum_is_of_the_rows_in_any_order(connection: BaseDatabaseWrapper) -> None:
    before = baseline_of(connection)
    damage(connection, "UPDATE refresh_tokens SET token = token WHERE id < 3")
    assert baseline_of(connection) == before
    damage(connection, "UPDATE refresh_tokens SET token = token || 'x' WHERE id = 1")
    assert [table for table, measure in baseline_of(connection).items() if measure != before[table]] == [
        "refresh_tokens"
    ]


def test_the_checksum_does_not_depend_on_the_session(connection: BaseDatabaseWrapper) -> None:
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
def test_tables_of_any_name_and_make_are_measured(connection: BaseDatabaseWrapper, table: str, columns: str) -> None:
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
def test_what_the_ledger_did_not_write_is_a_warning(connection: BaseDatabaseWrapper, sql: str, detail: str) -> None:
    damage(connection, sql)
    report = examine(connection)
    (result,) = report.warnings
    assert (report.ok, result.id, result.status, result.sample) == (
        True,
        "unknown_tables_unchanged",
        "warn",
        ["refresh_tokens"],
    )
    assert result.details == [f"{detail}. {OLD_APPLICATION}"]
    assert result.figure == "9 tables compared; 1 changed"


def test_what_the_ledger_may_have_written_is_a_failure(connection: BaseDatabaseWrapper) -> None:
    chunk = damage(
        connection,
        """DELETE FROM refresh_tokens WHERE id = 1;
        UPDATE separation_chunks SET written = written || '{"refresh_tokens": 1}'
        WHERE id = (SELECT min(id) FROM separation_chunks) RETURNING id""",
    )
    assert broken(examine(connection)) == {
        "only_own_tables_written": chunk,
        "unknown_tables_unchanged": ["refresh_tokens"],
    }
    assert result_of(examine(connection), "only_own_tables_written").details == [
        f"chunk {chunk[0]} wrote 1 rows of refresh_tokens"
    ]
    assert result_of(examine(connection), "unknown_tables_unchanged").details == [
        "refresh_tokens: 12 rows before, 11 rows now. "
        "The ledger has a chunk that wrote where it must not (only_own_tables_written)."
    ]


def test_a_table_that_the_old_application_made_since_is_nobodys_fault(connection: BaseDatabaseWrapper) -> None:
    damage(connection, "CREATE TABLE vouchers (id serial, user_id int)")
    assert (broken(examine(connection)), examine(connection).warnings) == ({}, [])


def test_a_key_that_was_never_validated_proves_nothing(connection: BaseDatabaseWrapper) -> None:
    damage(
        connection,
        """CREATE TABLE vouchers (id serial, user_id int);
        INSERT INTO vouchers (user_id) VALUES (999999);
        ALTER TABLE vouchers ADD FOREIGN KEY (user_id) REFERENCES users (id) NOT VALID""",
    )
    assert broken(examine(connection)) == {}


def test_a_reference_to_nobody_is_counted(connection: BaseDatabaseWrapper) -> None:
    damage(connection, "UPDATE refresh_tokens SET user_id = 999999 WHERE id < 3")
    result = result_of(examine(connection), "unknown_rows_refer")
    assert (result.status, result.sample, result.details) == (
        "fail",
        ["refresh_tokens.user_id"],
        ["refresh_tokens.user_id: 2 rows point to nobody"],
    )


def test_without_a_baseline_nothing_is_proven(connection: BaseDatabaseWrapper) -> None:
    damage(connection, "UPDATE separation_runs SET baseline = '{}'")
    result = result_of(examine(connection), "unknown_tables_unchanged")
    assert (result.status, result.figure, result.details) == (
        "warn",
        "0 tables compared",
        ["No execute has recorded what these tables held before it."],
    )


def test_a_database_without_such_tables_has_nothing_to_prove(connection: BaseDatabaseWrapper) -> None:
    damage(connection, f"DROP TABLE {', '.join(UNKNOWN)}; UPDATE separation_runs SET baseline = '{{}}'")
    report = examine(connection)
    assert (broken(report), report.warnings) == ({}, [])
