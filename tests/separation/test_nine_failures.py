"""The nine failures of a published migration of this kind, replayed one by one: each is impossible now, or repaired."""

import io
from collections.abc import Callable
from typing import Any

import pytest
from django.core.management import call_command
from django.db import DatabaseError
from django.db.backends.base.base import BaseDatabaseWrapper

from separation.models import Chunk, Finding, Phase
from separation.phases import TRANSITIONS, change_phase
from separation.planner import make_plan
from separation.verification import verify
from tests.databases import LegacyDatabase
from tests.separation.engine import checksums, columns_of, move, one, query, take_back
from tests.separation.verify import broken

Make = Callable[..., LegacyDatabase]

MARKER = "MIGRATED_TO_CUSTOMERS_TABLE"
OF_CUSTOMERS = "FROM {0} t JOIN users u ON u.id = t.user_id JOIN customers c ON c.id = u.id WHERE c.id > 0"


@pytest.fixture
def half(legacy_database: Make) -> BaseDatabaseWrapper:
    """A database in which those failures happened, and on which migrate has run."""
    return legacy_database("half", adopted=True).connection


def run(command: str, *arguments: str) -> tuple[int, str]:
    """Run a command; return its exit code, and all it said."""
    said = io.StringIO()
    try:
        call_command(command, *arguments, stdout=said, stderr=said, no_color=True)
    except SystemExit as ended:
        return int(ended.code or 0), said.getvalue()
    return 0, said.getvalue()


def count(connection: BaseDatabaseWrapper, table: str) -> int:
    return int(one(connection, f'SELECT count(*) FROM "{table}"'))


def test_1_a_table_of_profiles_of_another_shape_is_completed_or_named(legacy_database: Make) -> None:
    connection = legacy_database("half").connection
    shapes = "SELECT attname FROM pg_attribute WHERE attrelid = 'customer_profiles'::regclass AND attnum > 0"
    assert ("customer_id",) not in query(connection, shapes)
    query(connection, "ALTER TABLE customer_profiles ALTER COLUMN birthday TYPE text")
    code, said = run("migrate")
    assert (code, "customer_profiles.birthday is text, the model's is date" in said) == (1, True)

    query(connection, "ALTER TABLE customer_profiles ALTER COLUMN birthday TYPE date USING birthday::date")
    legacy = count(connection, "customer_profiles")
    call_command("migrate", verbosity=0)
    move(connection)

    whose = "SELECT count(*) FROM customer_profiles WHERE user_id IS NOT NULL"
    assert one(connection, whose) == legacy
    assert query(
        connection,
        """SELECT count(p.id), count(DISTINCT p.customer_id), count(*) FILTER (WHERE p.user_id <> p.customer_id)
        FROM customers c LEFT JOIN customer_profiles p ON p.customer_id = c.id WHERE c.id > 0""",
    ) == [(55, 55, 0)]


def test_2_the_dry_run_meets_what_the_move_would_meet(half: BaseDatabaseWrapper) -> None:
    query(half, "ALTER TABLE customer_profiles ADD CONSTRAINT never CHECK (customer_id IS NULL)")
    before = count(half, "customers")

    code, said = run("migrate_customers")

    assert code == 1
    assert "never" in said
    assert (count(half, "customers"), Phase.objects.get().name) == (before, "legacy")


def test_3_a_customer_is_moved_with_all_that_is_theirs_or_not_at_all(half: BaseDatabaseWrapper) -> None:
    query(half, "ALTER TABLE customer_profiles ADD CONSTRAINT odd CHECK (customer_id % 10 <> 0)")

    run_of = move(half)

    assert run_of.counts["failed"] == Finding.objects.filter(kind="row_failed", state="open").count() > 0
    assert one(half, "SELECT count(*) FROM customers WHERE id > 0 AND id % 10 = 0") == 0
    assert broken(verify(half)).keys() <= {"chunks_done"}
    query(half, "ALTER TABLE customer_profiles DROP CONSTRAINT odd")
    move(half)
    assert broken(verify(half)) == {}
    assert one(half, "SELECT count(*) FROM customers WHERE id > 0") == 55


def test_4_no_hash_is_overwritten_and_those_that_were_are_put_back(half: BaseDatabaseWrapper) -> None:
    marked = f"SELECT count(*) FROM users WHERE password = '{MARKER}'"
    others = "SELECT xmin::text, t::text FROM users t WHERE id <> ALL (%s)"
    touched = [key for (key,) in query(half, f"SELECT id FROM users WHERE password = '{MARKER}'")]
    before, readable = query(half, others, [touched]), "SELECT count(*) FROM users WHERE password LIKE '$2%'"
    hashes = one(half, readable)
    assert one(half, marked) == 30
    # Nothing that destroys is within reach of a database where nobody was moved.
    with pytest.raises(SystemExit, match=r"^3$"):
        call_command("cleanup_legacy", "--execute")
    assert (Phase.LEGACY, Phase.CLEANING) not in TRANSITIONS
    with pytest.raises(ValueError, match="No transition leads from phase 'legacy' to 'cleaning'"):
        change_phase(half, Phase.LEGACY, Phase.CLEANING)

    move(half)

    assert (one(half, marked), one(half, readable)) == (0, hashes + 30)
    assert query(half, others, [touched]) == before


def test_5_a_verification_that_cannot_look_fails(half: BaseDatabaseWrapper) -> None:
    move(half)
    assert run("verify_separation")[0] == 0
    query(half, "ALTER TABLE customer_profiles DROP COLUMN customer_id CASCADE")

    code, said = run("verify_separation")

    assert code == 1
    assert "customer_id" in said
    assert "invariants hold" not in said


def test_6_a_second_run_moves_and_repairs_whatever_is_there_already(half: BaseDatabaseWrapper) -> None:
    emails = "SELECT count(*) FROM customers p JOIN users u ON u.email = p.email AND u.is_customer WHERE p.id < 0"
    assert one(half, emails) == 30
    assert move(half).counts["customers"] == 55
    lost = query(
        half,
        """SELECT set_config('separation.bypass', 'on', false);
        UPDATE reservations SET customer_id = NULL WHERE id IN (
            SELECT t.id FROM reservations t JOIN customers c ON c.id = t.user_id ORDER BY t.id LIMIT 5);
        SELECT set_config('separation.bypass', '', false)""",
    )
    assert lost
    assert not make_plan(half).nothing_to_do

    move(half)

    assert broken(verify(half)) == {}
    assert one(half, f"SELECT count(*) {OF_CUSTOMERS.format('reservations')} AND t.customer_id IS NULL") == 0


def test_7_the_way_back_knows_nobody_by_email_and_makes_nobody_staff(half: BaseDatabaseWrapper) -> None:
    columns = {table: names for table, names in columns_of(half).items() if not table.startswith("separation_")}
    del columns["users"]
    before = checksums(half, columns)
    move(half)
    query(
        half,
        """UPDATE users u SET email = 'swapped-' || u.id || '@example.org'
        WHERE u.id IN (SELECT id FROM customers WHERE id > 0 ORDER BY id LIMIT 5)""",
    )
    people = query(half, "SELECT t::text FROM users t ORDER BY id")

    take_back(half)

    assert checksums(half, columns) == before
    assert query(half, "SELECT t::text FROM users t ORDER BY id") == people
    assert not Chunk.objects.exists()


def test_8_a_customer_id_that_references_users_is_kept_and_filled(half: BaseDatabaseWrapper) -> None:
    key = """SELECT confrelid::regclass::text, confdeltype::text FROM pg_constraint
        WHERE conrelid = 'reservations'::regclass AND conname = 'reservations_customer_id_fkey'"""
    assert query(half, key) == [("users", "n")]
    by_staff = """SELECT t.id, t.customer_id FROM reservations t JOIN users u ON u.id = t.user_id
        WHERE NOT u.is_customer ORDER BY 1"""
    phoned = query(half, by_staff)
    waiting, place = (
        one(half, "SELECT min(id) FROM users WHERE is_customer"),
        one(half, "SELECT min(id) FROM restaurants"),
    )
    # The old application names a customer who is not moved yet.
    late = one(
        half,
        """INSERT INTO reservations (customer_name, restaurant_id, party_size, reservation_date, reservation_time,
            table_ids, updated_at, user_id, customer_id)
        VALUES ('x', %s, 2, '2026-01-01', '19:00', '{}', '2026-01-01', 1, %s) RETURNING id""",
        [place, waiting],
    )

    move(half)

    assert query(half, key) == [("users", "n")]
    assert one(half, f"SELECT count(*) {OF_CUSTOMERS.format('reservations')} AND t.customer_id IS NULL") == 0
    assert one(half, "SELECT count(*) FROM reservations WHERE user_id IS NULL") == 0
    assert query(half, by_staff) == sorted([*phoned, (late, waiting)])


def test_9_nothing_that_goes_takes_a_booking_with_it(half: BaseDatabaseWrapper) -> None:
    tables = ("reservations", "orders", "order_items", "users")
    before = {table: count(half, table) for table in tables}
    move(half)
    cascades: list[Any] = query(
        half,
        """SELECT conrelid::regclass::text FROM pg_constraint WHERE contype = 'f' AND confdeltype = 'c'
            AND confrelid = 'customers'::regclass AND conrelid IN ('reservations'::regclass, 'orders'::regclass)""",
    )

    with pytest.raises(DatabaseError, match="cannot be deleted while both schemas live"):
        query(half, "DELETE FROM customers WHERE id > 0")
    take_back(half)

    assert cascades == []
    assert {table: count(half, table) for table in tables} == before
