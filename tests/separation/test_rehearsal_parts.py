"""What a rehearsal looks at: rows to the last byte, and locks as others see them."""

from collections.abc import Callable

import pytest

from separation.errors import CheckFailed
from separation.rehearsal.locks import Sampler, in_words, sampled
from separation.rehearsal.rows import LegacyRows
from tests.databases import LegacyDatabase
from tests.separation.engine import one, other_application, query

Make = Callable[..., LegacyDatabase]


def different(rows: LegacyRows) -> str:
    with pytest.raises(CheckFailed) as failed:
        rows.compare()
    return failed.value.message


def test_one_byte_in_one_row_is_found_and_its_table_named(legacy_database: Make) -> None:
    connection = legacy_database("plain").connection
    rows = LegacyRows(connection)
    before = rows.remember()
    assert rows.compare() == f"{before}, SHA-256 equal"

    query(connection, "UPDATE reservations SET updated_at = updated_at + interval '1 ms' WHERE id = 5")
    assert different(rows) == "After the roll-back these tables are not what they were: reservations."
    query(connection, "UPDATE users SET password = password || ' ' WHERE id = 5")
    assert different(rows) == "After the roll-back these tables are not what they were: reservations, users."


def test_what_migrate_adds_is_no_difference(legacy_database: Make) -> None:
    connection = legacy_database("plain").connection
    rows = LegacyRows(connection)
    rows.remember()
    query(connection, "ALTER TABLE orders ADD COLUMN customer_id integer DEFAULT 1; CREATE TABLE customers (id int)")
    assert rows.compare().endswith("SHA-256 equal")


def test_only_passwords_that_an_earlier_attempt_overwrote_may_be_put_back(legacy_database: Make) -> None:
    connection = legacy_database("half").connection
    marked = "password = 'MIGRATED_TO_CUSTOMERS_TABLE'"
    rows = LegacyRows(connection)
    rows.remember()
    query(connection, f"UPDATE users SET password = '$2b$12$back' WHERE {marked}")
    assert rows.compare().endswith("SHA-256 equal")

    query(connection, "UPDATE users SET phone = 'x' WHERE password = '$2b$12$back'")
    assert different(rows).endswith(" were: users.")


def test_another_password_beside_them_is_found(legacy_database: Make) -> None:
    connection = legacy_database("half").connection
    rows = LegacyRows(connection)
    rows.remember()
    staff = one(connection, "SELECT min(id) FROM users WHERE NOT is_customer")
    query(connection, "UPDATE users SET password = 'x' WHERE id = %s", [staff])
    assert different(rows).endswith(" were: users.")


def test_the_tables_of_an_earlier_attempt_are_left_out_since_migrate_parks_them(legacy_database: Make) -> None:
    half, ahead = (LegacyRows(legacy_database(kind).connection).tables for kind in ("half", "ahead"))
    assert "customers" not in half
    assert "customer_profiles" not in half
    assert "customer_profiles" in ahead


def test_the_strongest_lock_of_each_table_is_seen_and_whose_it_is_not(legacy_database: Make) -> None:
    database = legacy_database("plain")
    with (
        sampled(database.connection, []),
        other_application(database.name) as other,
        other_application(database.name) as mere_writer,
    ):
        sampler = Sampler(database.connection, ["users", "orders", "menus"])
        sampler.look()
        with other.transaction():
            other.execute("LOCK TABLE users IN SHARE ROW EXCLUSIVE MODE")
            sampler.look()
            other.execute("LOCK TABLE users IN ACCESS EXCLUSIVE MODE; LOCK TABLE recipes IN EXCLUSIVE MODE")
            with mere_writer.transaction():
                mere_writer.execute("UPDATE orders SET notes = notes")
                sampler.look()
        sampler.look()
    taken = sampler.taken()
    assert {table: mode for table, (mode, _) in taken.items()} == {
        "users": "AccessExclusiveLock",
        "orders": "RowExclusiveLock",
    }
    assert sampler.taken() == {}


def test_locks_are_told_in_words_without_those_of_mere_writers() -> None:
    assert in_words({}) == "none"
    assert in_words({"orders": ("RowExclusiveLock", 3.0)}) == "none"
    assert in_words({"users": ("AccessExclusiveLock", 0.0), "orders": ("ShareLock", 1.234)}) == (
        "orders Share 1.23 s, users AccessExclusive < 0.05 s"
    )
