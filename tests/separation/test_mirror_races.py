"""The mirror against a chunk in flight, and against many writers: nothing lost, and no error in the old application."""

import threading
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest
from django.db import transaction

from separation.errors import CheckFailed
from separation.migrator import EVERYBODY, Migration, Pace, StopRequest, run_chunk
from separation.mirror import drain
from separation.models import Pending, Phase, Run
from separation.phases import change_phase
from separation.verification import verify
from tests.separation.engine import move, one, query
from tests.separation.old_application import application_role, book, old_application, register, returned


@pytest.fixture
def world(request, legacy_database):
    """A database in phase dual with nobody moved, the old application's connection to it, and how to get more."""
    kind = getattr(request, "param", "plain")
    database = legacy_database(kind, adopted=True)
    change_phase(database.connection, Phase.LEGACY, Phase.DUAL)
    with application_role(database.name, profiles=kind == "ahead") as role, old_application(database.name, role) as old:
        yield database.connection, old, lambda: old_application(database.name, role)


def person_of(connection):
    return one(connection, "SELECT id FROM users WHERE is_customer AND email LIKE '%%@example.%%' ORDER BY id LIMIT 1")


def in_step(connection):
    move(connection)
    assert drain(connection) == 0
    assert [(result.id, result.sample) for result in verify(connection).failures] == []


RESERVED = """INSERT INTO reservations (customer_name, restaurant_id, party_size, reservation_date, reservation_time,
        status, table_ids, updated_at, user_id{column})
    SELECT 'x', max(id), 2, '2026-01-01', '19:00', 'COMPLETED', '{{}}', now(), {values} FROM restaurants"""
PLAIN = {
    "register": """INSERT INTO users (email, name, password, is_customer, updated_at)
        VALUES ('late@example.org', 'Late', 'none', true, now())""",
    "email": "UPDATE users SET email = 'new@example.org', updated_at = now() WHERE id = %(person)s",
    "update": "UPDATE users SET phone = '+99', name = 'New Name', password = 'none' WHERE id = %(person)s",
    "switch off": "UPDATE users SET is_customer = false WHERE id = %(person)s",
    "switch on": """UPDATE users SET is_customer = true, role = 'USER'
        WHERE id = (SELECT max(id) FROM users WHERE NOT is_customer)""",
    "made staff": "UPDATE users SET role = 'ADMIN' WHERE id = %(person)s",
    "no staff any more": "UPDATE users SET role = 'USER' WHERE is_customer AND role <> 'USER'",
    "delete": "DELETE FROM users WHERE id = %(person)s",
    "staff": """INSERT INTO restaurant_staff (user_id, restaurant_id, role, updated_at)
        SELECT %(person)s, max(id), 'OWNER', now() FROM restaurants""",
    "staff link": """INSERT INTO restaurant_staff (user_id, restaurant_id, updated_at)
        SELECT %(person)s, max(id), now() FROM restaurants""",
    "author": "INSERT INTO menus (name, user_id, updated_at) VALUES ('M', %(person)s, now())",
    "reservation": RESERVED.format(column="", values="%(person)s"),
    "order": """INSERT INTO orders (order_number, restaurant_id, status, total_amount, updated_at, user_id)
        SELECT 'late', max(id), 'COMPLETED', 10, now(), %(person)s FROM restaurants""",
    "booking": "UPDATE reservations SET status = 'COMPLETED' WHERE user_id = %(person)s",
    "passed on": """UPDATE reservations SET user_id = (SELECT min(id) FROM users WHERE is_customer AND id > %(person)s)
        WHERE user_id = %(person)s""",
    "moved bookings": "UPDATE orders SET restaurant_id = 1, reservation_id = NULL WHERE user_id = %(person)s",
    "deleted bookings": "DELETE FROM reservations WHERE user_id = %(person)s",
    "restaurant opened": "INSERT INTO restaurants (name, slug, updated_at) VALUES ('N', 'n', now())",
    "restaurant closed": "DELETE FROM restaurants WHERE id = (SELECT max(id) FROM restaurants)",
}
AHEAD = {
    "phoned": RESERVED.format(
        column=", customer_id", values="(SELECT min(id) FROM users WHERE NOT is_customer), %(person)s"
    ),
    "named": """UPDATE reservations SET customer_id = %(person)s
        WHERE id = (SELECT max(id) FROM reservations WHERE user_id <> %(person)s)""",
    "profile written": """INSERT INTO customer_profiles (user_id, tags, notes, updated_at)
        VALUES (%(person)s, '{}', 'late', now()) ON CONFLICT (user_id) DO UPDATE SET notes = 'late'""",
    "profile verified": "UPDATE customer_profiles SET email_verified = NOT email_verified",
    "profile deleted": "DELETE FROM customer_profiles",
}
WRITES = PLAIN | AHEAD
PAIRS = pytest.mark.parametrize(
    ("world", "write"), [("plain", name) for name in PLAIN] + [("ahead", name) for name in AHEAD], indirect=["world"]
)
# Those that a chunk waits for, or is tried again.
HELD = {"booking", "restaurant closed"}
# Those that lock nothing that a chunk has, so that nobody waits for its end.
AT_ONCE = {
    "register",
    "switch on",
    "staff",
    "staff link",
    "author",
    "reservation",
    "order",
    "restaurant opened",
    "phoned",
}


@PAIRS
def test_a_write_that_begins_before_the_chunk_and_ends_after_it(world, write):
    connection, old, _ = world
    person = person_of(connection)
    run = Run.objects.create(kind="execute")
    migration = Migration(connection, run, pace=Pace(size=10_000))
    barrier = threading.Barrier(2, timeout=20)

    def writer():
        with old.transaction():
            old.execute(WRITES[write], {"person": person})
            barrier.wait()
            barrier.wait()

    with ThreadPoolExecutor(1) as pool:
        written = pool.submit(writer)
        barrier.wait()
        if write in HELD:
            # The chunk cannot have this row while the writer does, and is tried again.
            barrier.wait()
            written.result(20)
            migration.move_all(StopRequest(), lambda _: None)
        else:
            migration.move_all(StopRequest(), lambda _: None)
            barrier.wait()
            written.result(20)

    migration.finish()
    in_step(connection)


@PAIRS
def test_a_write_while_the_chunk_is_open(world, write):
    connection, old, _ = world
    person = person_of(connection)
    run = Run.objects.create(kind="execute")
    with ThreadPoolExecutor(1) as pool:
        with transaction.atomic():
            run_chunk(connection, EVERYBODY["first"], EVERYBODY["last"], run.pk)
            written = pool.submit(old.execute, WRITES[write], {"person": person})
            # What locks the person waits for the chunk, all else is done at once.
            if write in AT_ONCE:
                written.result(20)
        written.result(20)

    in_step(connection)


def test_a_reservation_while_its_customer_is_being_taken_out(world):
    connection, old, another = world
    person = register(old, "lena@example.org")
    with another() as second, old.transaction():
        old.execute("UPDATE users SET is_customer = false WHERE id = %s", [person])
        booking = book(second, person, 1)

    assert one(connection, "SELECT customer_id FROM reservations WHERE id = %s", [booking]) is None
    assert drain(connection) == 0
    in_step(connection)


def test_two_bookings_of_one_customer_at_the_same_time(world):
    connection, old, another = world
    person = register(old, "lena@example.org")
    with another() as second, old.transaction():
        book(old, person, 1)
        book(second, person, 1)

    assert Pending.objects.filter(user_id=person).exists()
    assert drain(connection) == 0
    visits = "SELECT visit_count FROM customer_restaurants WHERE customer_id = %s AND restaurant_id = 1"
    assert one(connection, visits, [person]) == 2


def test_two_duplicates_that_register_at_the_same_time(world):
    connection, old, another = world
    with another() as second, old.transaction():
        first = register(old, "lena@example.org")
        later = register(second, "LENA@example.org")

    assert drain(connection) == 0
    assert query(connection, "SELECT id FROM customers WHERE lower(email) = 'lena@example.org'") == [(first,)]
    assert one(connection, "SELECT kind FROM separation_findings WHERE row_id = %s", [later]) == "duplicate_email"


@pytest.mark.parametrize("level", ["REPEATABLE READ", "SERIALIZABLE"])
def test_a_client_that_sees_a_snapshot_gets_no_error_out_of_the_mirror(world, level):
    connection, old, another = world
    person = register(old, "lena@example.org")
    with another() as second, old.transaction():
        old.execute(f"SET TRANSACTION ISOLATION LEVEL {level}")
        returned(old, "SELECT count(*) FROM restaurants")
        book(second, person, 1)
        query(connection, "UPDATE customers SET last_login = now() WHERE id = %s", [person])
        second.execute(
            "INSERT INTO restaurant_staff (user_id, restaurant_id, updated_at) VALUES (%s, 1, now())", [person]
        )
        old.execute("UPDATE users SET phone = '7' WHERE id = %s", [person])
        book(old, person, 1)
        late = register(old, "later@example.org")

    assert drain(connection) == 0
    assert query(connection, "SELECT phone FROM customers WHERE id = %s", [person]) == [("7",)]
    assert one(connection, "SELECT count(*) FROM customers WHERE id = %s", [late]) == 1
    in_step(connection)


def test_whoever_is_held_stays_queued(world):
    connection, old, _ = world
    person = register(old, "lena@example.org")
    query(connection, "INSERT INTO separation_pending (user_id) VALUES (%s)", [person])
    with old.transaction():
        old.execute("UPDATE users SET phone = '8' WHERE id = %s", [person])
        assert drain(connection) == 1
    assert drain(connection) == 0


def test_the_end_of_a_run_names_the_transaction_in_the_way(world, monkeypatch):
    connection, old, _ = world
    monkeypatch.setattr("separation.waiting.PATIENCE", 0.3)
    said: list[str] = []
    migration = Migration(connection, Run.objects.create(kind="execute"), note=said.append)
    with old.transaction():
        register(old, "lena@example.org")
        migration.move_all(StopRequest(), lambda _: None)
        with pytest.raises(CheckFailed) as failed:
            migration.finish()
    process = old.info.backend_pid

    assert said[0].startswith(f"Waiting for transactions that began earlier to end: process {process} (")
    assert failed.value.message.startswith(f"Process {process} (")
    assert failed.value.next_command == "end that transaction, then: python manage.py migrate_customers --execute"
    migration.finish()
    in_step(connection)


def test_sixty_writers_and_the_chunks(world):
    connection, _, another = world
    people = [row[0] for row in query(connection, "SELECT id FROM users WHERE is_customer ORDER BY id")]
    places = [row[0] for row in query(connection, "SELECT id FROM restaurants ORDER BY id")]
    start = threading.Event()

    def write(number):
        """Lock bookings before persons, the other way round than a chunk does."""
        with another() as old:
            start.wait(20)
            for turn in range(5):
                person, other = (people[(number * 7 + turn * step) % (len(people) - 1)] for step in (3, 11))
                with old.transaction():
                    book(old, other, places[number % len(places)])
                    old.execute(
                        """UPDATE reservations SET status = 'COMPLETED'
                        WHERE id = (SELECT min(id) FROM reservations WHERE user_id = %s)""",
                        [person],
                    )
                    old.execute("UPDATE users SET phone = %s WHERE id = %s", [str(number), person])
            if number == 5:
                old.execute("UPDATE users SET is_customer = false WHERE id = %s", [people[-1]])

    with ThreadPoolExecutor(60) as pool:
        writers = [pool.submit(write, number) for number in range(60)]
        start.set()
        migration = Migration(connection, Run.objects.create(kind="execute"), pace=Pace(size=3, smallest=3, largest=3))
        migration.move_all(StopRequest(), lambda _: None)
        errors = [error for writer in writers if (error := writer.exception(120))]

    assert [error for error in errors if not isinstance(error, psycopg.Error)] == []
    assert [str(error) for error in errors] == []
    migration.finish()
    assert "failed" not in migration.run.counts
    in_step(connection)
