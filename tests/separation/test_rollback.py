"""A roll-back leaves every legacy row byte for byte as it was, and the new tables as `migrate` made them."""

import pytest

from separation.migrator import StopRequest
from separation.models import Chunk, Finding, Run, Undo
from separation.phases import change_phase
from separation.rollback import is_rolled_back, purge, roll_back
from tests.separation import forked
from tests.separation.engine import checksums, columns_of, move, one, other_application, query, take_back

pytestmark = pytest.mark.engine

NAMED = """
    INSERT INTO reservations (customer_name, restaurant_id, party_size, reservation_date, reservation_time, status,
        table_ids, updated_at, user_id, customer_id)
    SELECT 'x', id, 2, '2026-01-01', '19:00', 'CONFIRMED', '{}', '2026-01-01', %(lena)s, %(lena)s
    FROM restaurants LIMIT 1"""


@pytest.mark.parametrize("kind", ["plain", "ahead", "dirty"])
def test_every_table_is_what_it_was(legacy_database, kind):
    database = legacy_database(kind, adopted=True)
    columns = {t: names for t, names in columns_of(database.connection).items() if not t.startswith("separation_")}
    before = checksums(database.connection, columns)

    for size in (7, 1000):
        move(database.connection, size=size)
        assert checksums(database.connection, columns) != before
        take_back(database.connection)
        assert checksums(database.connection, columns) == before

    assert one(database.connection, "SELECT name FROM separation_phase") == "legacy"
    assert not Chunk.objects.exists()
    assert not Undo.objects.exists()


def test_execute_changes_no_legacy_column_but_customer_id(legacy_database):
    legacy = columns_of(legacy_database("ahead").connection)
    database = legacy_database("ahead", adopted=True)
    legacy["reservations"].remove("customer_id")
    columns = ", ".join(legacy.pop("customer_profiles"))
    profiles = f"SELECT {columns} FROM customer_profiles WHERE user_id IS NOT NULL ORDER BY id"
    before = checksums(database.connection, legacy), query(database.connection, profiles)

    move(database.connection)

    assert (checksums(database.connection, legacy), query(database.connection, profiles)) == before


def test_runs_and_findings_stay(legacy_database):
    database = legacy_database("plain", moved=True)
    found = Finding.objects.count()

    take_back(database.connection)

    assert Finding.objects.count() == found
    assert list(Run.objects.values_list("kind", flat=True)) == ["rollback", "execute"]


def test_a_customer_id_that_stood_there_before_stays(legacy_database):
    database = legacy_database("ahead", adopted=True)
    sql = "SELECT id, customer_id FROM reservations WHERE customer_id IS NOT NULL ORDER BY id"
    before = query(database.connection, sql)
    assert before

    move(database.connection)
    take_back(database.connection)

    assert query(database.connection, sql) == before


def test_a_purge_that_was_interrupted_goes_on(legacy_database):
    database = legacy_database("plain", adopted=True)
    columns = {t: names for t, names in columns_of(database.connection).items() if not t.startswith("separation_")}
    before = checksums(database.connection, columns)
    move(database.connection)
    first, last = query(database.connection, "SELECT min(id), max(id) / 2 FROM customers")[0]
    purge(database.connection, Run.objects.create(kind="rollback"), first, last)
    assert one(database.connection, "SELECT count(*) FROM customers") > 0

    take_back(database.connection)

    assert checksums(database.connection, columns) == before


def test_a_roll_back_that_forgot_nothing_yet_is_not_done(legacy_database, tmp_path, settings):
    settings.LOG_DIR = tmp_path / "logs"
    database = legacy_database("ahead", moved=True)
    change_phase(database.connection, "dual", "legacy")
    purge(database.connection, Run.objects.create(kind="rollback"), 1, 2**31 - 1)
    assert Chunk.objects.exists()
    assert Undo.objects.exists()

    done = forked.run(
        database.connection,
        tmp_path / "process",
        "migrate_customers",
        "--rollback",
        stdin=f"ROLLBACK {database.name}\n",
    )

    assert done.code == 0, done.err
    assert done.out.splitlines()[0] == "Rolled back: 0 customers, 0 reservations, 0 orders."
    assert not Chunk.objects.exists()
    assert not Undo.objects.exists()


@pytest.mark.parametrize("command", [("migrate_customers", "--execute"), ("compatibility", "on")])
def test_nothing_begins_before_a_roll_back_is_finished(legacy_database, tmp_path, command):
    database = legacy_database("plain", moved=True)
    change_phase(database.connection, "dual", "legacy")

    done = forked.run(database.connection, tmp_path / "process", *command)

    assert (done.code, done.out) == (3, "")
    assert done.err.splitlines() == [
        f"Refused (roll-back): A roll-back of database {database.name!r} is not finished: 55 customers are still in "
        "the new tables, and nothing keeps them in step.",
        "Next: python manage.py migrate_customers --rollback",
    ]


def test_a_booking_that_passes_to_another_while_the_purge_is_under_way_names_no_customer(legacy_database):
    database = legacy_database("ahead", moved=True)
    change_phase(database.connection, "dual", "legacy")
    booking, other = query(
        database.connection,
        """SELECT r.id, (SELECT min(id) FROM users WHERE NOT is_customer) FROM reservations r
        WHERE r.customer_id = r.user_id AND r.id NOT IN (SELECT row_id FROM separation_undo) ORDER BY r.id LIMIT 1""",
    )[0]
    with other_application(database.name) as old:
        old.execute("UPDATE reservations SET user_id = %s WHERE id = %s", [other, booking])

    take_back(database.connection)

    assert query(database.connection, "SELECT user_id, customer_id FROM reservations WHERE id = %s", [booking]) == [
        (other, None)
    ]


def test_a_customer_that_the_old_application_names_while_the_purge_is_under_way_stays(legacy_database):
    database = legacy_database("ahead", moved=True)
    change_phase(database.connection, "dual", "legacy")
    sql = "SELECT customer_id = user_id FROM reservations WHERE id = %s"
    with other_application(database.name) as old:
        ((named,),) = old.execute(
            """UPDATE reservations SET customer_id = user_id WHERE id = (SELECT min(id) FROM reservations
            WHERE customer_id = user_id AND id NOT IN (SELECT row_id FROM separation_undo)) RETURNING id"""
        ).fetchall()
        ((made,),) = old.execute(
            """INSERT INTO reservations (customer_name, restaurant_id, party_size, reservation_date, reservation_time,
                table_ids, updated_at, user_id, customer_id)
            SELECT 'x', restaurant_id, 2, '2026-01-01', '19:00', '{}', '2026-01-01', user_id, user_id
            FROM reservations WHERE id = %s RETURNING id""",
            [named],
        ).fetchall()

    take_back(database.connection)

    assert [one(database.connection, sql, [booking]) for booking in (named, made)] == [True, True]
    assert not Undo.objects.exists()


def test_what_the_old_application_says_at_the_last_moment_is_forgotten_too(legacy_database):
    database = legacy_database("ahead", moved=True)
    ((lena,),) = query(database.connection, "SELECT min(id) FROM customers")

    with other_application(database.name) as old:

        def name_her(execute, sql, *arguments):
            if sql.startswith("DELETE FROM customers"):
                old.execute("BEGIN")
                old.execute(NAMED, {"lena": lena})
            return execute(sql, *arguments)

        def let_commit(_):
            old.execute("COMMIT")

        with database.connection.execute_wrapper(name_her):
            roll_back(database.connection, Run(kind=Run.ROLLBACK), StopRequest(), lambda _: None, let_commit)

    assert is_rolled_back(database.connection)
    assert query(database.connection, "SELECT customer_id FROM reservations WHERE customer_name = 'x'") == [(lena,)]
