"""Both applications write the same people at the same time: nothing is lost, and only the new one may have to wait."""

import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import psycopg
import pytest
from django.db import transaction

from separation.migrator import EVERYBODY, Migration, Pace, StopRequest, run_chunk
from separation.mirror import drain
from separation.models import Finding, Run
from separation.verification import verify
from tests.databases import database_url
from tests.separation.engine import move, one, query
from tests.separation.old_application import BCRYPT, application_role, book, old_application, register, returned

NEW_HASH = "$2b$12$" + "n" * 53
OLD_HASH = "$2b$12$" + "o" * 53
# What each application writes of one person, and what users has of it afterwards.
PORTAL = {
    "password": ("password = %(new)s", {"password": NEW_HASH}),
    "email": ("email = 'portal-' || id || '@example.org'", {"email": "portal-{}@example.org"}),
    "names": ("first_name = 'Maria', last_name = 'King'", {"name": "Maria King"}),
    "deactivation": ("is_active = false", {"password": f"!{BCRYPT}"}),
    "everything": (
        "email = 'portal-' || id || '@example.org', password = %(new)s, first_name = 'M', last_name = 'K', phone = '1'",
        {"email": "portal-{}@example.org", "password": NEW_HASH, "name": "M K", "phone": "1"},
    ),
}
OLD = {
    "phone": ("UPDATE users SET phone = '2' WHERE id = %(person)s", {"phone": "2"}),
    "name": ("UPDATE users SET name = 'Old Name' WHERE id = %(person)s", {"name": "Old Name"}),
    "password": ("UPDATE users SET password = %(old)s WHERE id = %(person)s", {"password": OLD_HASH}),
    "email": (
        "UPDATE users SET email = 'old-' || id || '@example.org' WHERE id = %(person)s",
        {"email": "old-{}@example.org"},
    ),
    "booking": (
        """INSERT INTO reservations (customer_name, restaurant_id, party_size, reservation_date, reservation_time,
            status, table_ids, updated_at, user_id)
        VALUES ('x', 1, 2, '2026-01-01', '19:00', 'COMPLETED', '{}', now(), %(person)s)""",
        {},
    ),
    "leaving": ("UPDATE users SET is_customer = false WHERE id = %(person)s", None),
    "deletion": ("DELETE FROM users WHERE id = %(person)s", None),
}
VALUES = {"new": NEW_HASH, "old": OLD_HASH}
# What any row that refers to a user takes, such as a log-in's.
SESSION = "SELECT id FROM users WHERE id = %s FOR KEY SHARE"
# For a lock, or asking for it again and again.
WAITS = "SELECT count(*) FROM pg_stat_activity WHERE pid = %s AND (wait_event_type = 'Lock' OR wait_event = 'PgSleep')"


@pytest.fixture
def world(legacy_database):
    """A moved database, the old application's connection to it, and the portal's."""
    database = legacy_database("plain", moved=True)
    with (
        application_role(database.name) as role,
        old_application(database.name, role) as old,
        psycopg.connect(database_url(database.name), autocommit=True) as portal,
    ):
        yield database, old, portal
    in_step(database.connection)


def in_step(connection):
    move(connection)
    assert drain(connection) == 0
    assert [(result.id, result.sample) for result in verify(connection).failures] == []


@contextmanager
def meanwhile(connection, first, second, work):
    """Hold what FIRST writes in the block until SECOND, doing WORK in a thread, waits for it or is done with it."""
    with ThreadPoolExecutor(1) as pool:
        with first.transaction():
            yield
            doing: Future[int] = pool.submit(work)
            while not doing.done() and not one(connection, WAITS, [second.info.backend_pid]):
                time.sleep(0.01)
        doing.result(20)


def update(portal, person, change):
    sql = f"UPDATE customers SET {PORTAL[change][0]} WHERE id = %(person)s"
    return portal.execute(sql, {"person": person, **VALUES}).rowcount


def write(old, person, change):
    return old.execute(OLD[change][0], {"person": person, **VALUES}).rowcount


def expected(person, portal_change, old_change, *, portal_last):
    """Return what users must have of a person whom both changed; who came last has the last word of a column."""
    ours, theirs = PORTAL[portal_change][1], OLD[old_change][1] or {}
    found = {"email": "person-{}@example.org", "name": "Late Lena", "password": BCRYPT, "phone": None}
    found |= (theirs | ours) if portal_last else (ours | theirs)
    if (portal_change, old_change) == ("deactivation", "password"):
        found["password"] = f"!{OLD_HASH}"
    return {name: value and value.format(person) for name, value in found.items()}


def newcomer(old):
    person = register(old, "person@example.org")
    old.execute("UPDATE users SET email = %s WHERE id = %s", [f"person-{person}@example.org", person])
    return person


def check(connection, person, change, old_change, *, portal_last):
    rows = query(connection, "SELECT email, name, password, phone FROM users WHERE id = %s", [person])
    if OLD[old_change][1] is None:
        assert one(connection, "SELECT count(*) FROM customers WHERE id = %s", [person]) == 0
    else:
        found = dict(zip(("email", "name", "password", "phone"), rows[0], strict=True))
        assert found == expected(person, change, old_change, portal_last=portal_last), (change, old_change)


@pytest.mark.parametrize("change", PORTAL)
def test_the_portal_writes_while_the_old_application_does(world, change):
    database, old, portal = world
    for old_change in OLD:
        person = newcomer(old)
        done: list[int] = []
        with meanwhile(database.connection, old, portal, lambda: done.append(update(portal, person, change))):  # noqa: B023
            write(old, person, old_change)
        assert done == [OLD[old_change][1] is not None]
        check(database.connection, person, change, old_change, portal_last=True)


@pytest.mark.parametrize("change", PORTAL)
def test_the_old_application_writes_while_the_portal_does(world, change):
    database, old, portal = world
    for old_change in OLD:
        person = newcomer(old)
        done: list[int] = []
        with meanwhile(database.connection, portal, old, lambda: done.append(write(old, person, old_change))):  # noqa: B023
            update(portal, person, change)
        assert done == [1]
        assert drain(database.connection) == 0
        check(database.connection, person, change, old_change, portal_last=False)


@pytest.mark.parametrize("change", PORTAL)
def test_the_portal_and_a_chunk(world, change):
    database, old, portal = world
    connection = database.connection
    run = Run.objects.create(kind="execute")
    first, second = newcomer(old), newcomer(old)
    with ThreadPoolExecutor(1) as pool:
        with transaction.atomic():
            run_chunk(connection, EVERYBODY["first"], EVERYBODY["last"], run.pk)
            updated = pool.submit(update, portal, first, change)
            registered = pool.submit(sign_up, portal, "portal@example.org")
        assert updated.result(20) == 1
        assert registered.result(20) > second
    with portal.transaction():
        assert update(portal, second, change) == 1
        with transaction.atomic():
            run_chunk(connection, EVERYBODY["first"], EVERYBODY["last"], run.pk)

    assert drain(connection) == 0
    for person in (first, second):
        check(connection, person, change, "booking", portal_last=True)


def sign_up(portal, email):
    return returned(portal, "INSERT INTO customers (email, password) VALUES (%s, %s) RETURNING id", email, BCRYPT)


def test_two_who_register_with_one_email_at_the_same_time(world):
    database, old, portal = world
    connection = database.connection
    done: list[Any] = []

    def refused():
        with pytest.raises(psycopg.errors.UniqueViolation) as failed:
            sign_up(portal, "lena@example.org")
        done.append(failed.value.diag.constraint_name)

    with meanwhile(connection, old, portal, refused):
        register(old, "lena@example.org")
    with meanwhile(connection, portal, old, lambda: done.append(register(old, "MARIA@example.org"))):
        maria = sign_up(portal, "maria@example.org")

    assert done[0] in ("users_email_key", "customers_email_key")
    assert drain(connection) == 0
    assert Finding.objects.get(row_id=done[1]).kind == "duplicate_email"
    assert query(connection, "SELECT id FROM customers WHERE lower(email) = 'maria@example.org'") == [(maria,)]


def test_the_old_application_gets_the_same_error_as_always_for_an_email_that_the_portal_takes_just_now(world):
    database, old, portal = world

    def refused():
        with pytest.raises(psycopg.errors.UniqueViolation) as failed:
            register(old, "lena@example.org")
        assert failed.value.diag.constraint_name == "users_email_key"

    with meanwhile(database.connection, portal, old, refused):
        sign_up(portal, "lena@example.org")


def test_a_booking_and_a_change_in_one_transaction_while_the_portal_changes_the_email(world):
    database, old, portal = world
    person = newcomer(old)
    with ThreadPoolExecutor(1) as pool:
        with old.transaction():
            book(old, person, 1)
            updated = pool.submit(update, portal, person, "email")
            time.sleep(0.1)
            old.execute("UPDATE users SET phone = '2' WHERE id = %s", [person])
        assert updated.result(20) == 1

    assert query(database.connection, "SELECT email, phone FROM users WHERE id = %s", [person]) == [
        (f"portal-{person}@example.org", "2")
    ]


def test_who_waits_to_change_an_email_is_in_nobodys_way(world):
    database, old, portal = world
    person = newcomer(old)

    def seen_to_wait(session):
        while not one(database.connection, WAITS, [session.info.backend_pid]):
            time.sleep(0.01)

    with (
        ThreadPoolExecutor(2) as pool,
        psycopg.connect(database_url(database.name), autocommit=True) as first,
        psycopg.connect(database_url(database.name), autocommit=True) as second,
    ):
        second.execute("SET lock_timeout = '5s'")
        with old.transaction():
            old.execute(SESSION, [person])
            with first.transaction():
                first.execute("SELECT id FROM users WHERE id = %s FOR NO KEY UPDATE", [person])
                changing = pool.submit(update, portal, person, "email")
                seen_to_wait(portal)
                writing = pool.submit(write, second, person, "phone")
                seen_to_wait(second)
            assert writing.result(20) == 1  # though the log-in is still open, and the email waits for it
        assert changing.result(20) == 1
    assert query(database.connection, "SELECT email, phone FROM users WHERE id = %s", [person]) == [
        (f"portal-{person}@example.org", "2")
    ]


def test_an_email_that_cannot_be_changed_for_long_is_refused(world):
    _, old, portal = world
    person = newcomer(old)
    with old.transaction():
        old.execute(SESSION, [person])
        with pytest.raises(psycopg.errors.LockNotAvailable) as refused:
            update(portal, person, "email")
    assert refused.value.diag.message_primary == (
        f"The email of customer {person} cannot be changed now: the old application is writing that person. Try again."
    )
    assert update(portal, person, "email") == 1


def test_writers_of_both_applications_and_the_chunks(world):
    database, old, _ = world
    connection = database.connection
    people = [newcomer(old) for _ in range(8)]
    role = f"{database.name}_app"
    start = threading.Event()

    def old_writer(number):
        with old_application(database.name, role) as mine:
            start.wait(20)
            for turn in range(6):
                person, other = people[(number + turn) % 8], people[(number * 3 + turn) % 8]
                with mine.transaction():
                    book(mine, other, 1)
                    mine.execute("UPDATE users SET phone = %s WHERE id = %s", [str(number), person])

    def portal_writer(number):
        with psycopg.connect(database_url(database.name), autocommit=True) as mine:
            start.wait(20)
            for turn in range(6):
                update(mine, people[(number * 5 + turn) % 8], ("password", "email", "names")[turn % 3])
            sign_up(mine, f"new{number}@example.org")

    with ThreadPoolExecutor(24) as pool:
        writers = [pool.submit(work, number) for number in range(12) for work in (old_writer, portal_writer)]
        start.set()
        migration = Migration(connection, Run.objects.create(kind="execute"), pace=Pace(size=3, smallest=3, largest=3))
        migration.move_all(StopRequest(), lambda _: None)
        errors = [error for writer in writers if (error := writer.exception(60))]

    assert [str(error) for error in errors] == []
    assert one(connection, "SELECT count(*) FROM users WHERE email LIKE 'new%%@example.org'") == 12
    migration.finish()
