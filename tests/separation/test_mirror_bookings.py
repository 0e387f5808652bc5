"""Bookings while both schemas live: whose they are, by either column, whoever writes them; and what needs nothing."""

import pytest
from django.db import IntegrityError

from separation.mirror import drain
from separation.models import Finding, Merge, Pending, Undo
from separation.verification import verify
from tests.separation.engine import checksums, columns_of, one, query, take_back
from tests.separation.old_application import application_role, book, old_application, order, register

pytestmark = pytest.mark.engine

BOTH = pytest.mark.parametrize("world", ["plain", "ahead"], indirect=True)
NEW = {
    "reservations": """INSERT INTO reservations (customer_name, restaurant_id, party_size, reservation_date,
            reservation_time, table_ids, updated_at, customer_id)
        VALUES ('x', 1, 2, '2026-01-01', '19:00', '{}', '2026-01-01', %s) RETURNING id, user_id, customer_id""",
    "orders": """INSERT INTO orders (order_number, restaurant_id, updated_at, customer_id)
        VALUES ('portal', 1, '2026-01-01', %s) RETURNING id, user_id, customer_id""",
}


@pytest.fixture
def world(request, legacy_database):
    """A moved database of a kind, plain unless said otherwise, and how to connect to it as the old application."""
    kind = getattr(request, "param", "plain")
    database = legacy_database(kind, moved=True)
    with (
        application_role(database.name, profiles=kind == "ahead") as role,
        old_application(database.name, role) as old,
    ):
        yield database.connection, old, lambda: old_application(database.name, role)
    assert drain(database.connection) == 0
    assert [(result.id, result.sample) for result in verify(database.connection).failures] == []


def links(connection, person):
    return query(
        connection,
        "SELECT restaurant_id, visit_count FROM customer_restaurants WHERE customer_id = %s ORDER BY 1",
        [person],
    )


@BOTH
@pytest.mark.parametrize("table", NEW)
def test_a_booking_of_the_new_application_is_its_customers_in_legacy_form_too(world, table):
    connection, old, _ = world
    person = register(old, "lena@example.org")

    ((booking, user, customer),) = query(connection, NEW[table], [person])

    assert (user, customer) == (person, person)
    assert not Undo.objects.filter(table_name=table, row_id=booking).exists()
    assert links(connection, person) == [(1, 0)]
    take_back(connection)
    owner = f"SELECT user_id, customer_id FROM {table} WHERE id = %s"
    assert query(connection, owner, [booking]) == [(person, None)]


@BOTH
def test_what_the_new_application_changes_of_a_booking_needs_nothing_else(world):
    connection, old, _ = world
    person = register(old, "lena@example.org")
    booking = book(old, person, 1, "CONFIRMED")
    engine = {table: names for table, names in columns_of(connection).items() if table.startswith("separation_")}
    before = checksums(connection, engine)

    query(
        connection,
        """UPDATE reservations SET reservation_date = '2026-02-02', reservation_time = '20:00', party_size = 4,
            status = 'CANCELLED', updated_at = '2026-01-02' WHERE id = %s""",
        [booking],
    )

    assert checksums(connection, engine) == before


@pytest.mark.parametrize(
    "sql",
    [
        NEW["reservations"],
        NEW["orders"],
        "UPDATE reservations SET user_id = NULL, customer_id = %s WHERE id = (SELECT max(id) FROM reservations)",
        "UPDATE orders SET customer_id = %s, user_id = NULL WHERE id = (SELECT max(id) FROM orders)",
    ],
)
def test_a_booking_of_nobody_is_refused_as_the_legacy_schema_did(world, sql):
    connection, _, _ = world
    with pytest.raises(IntegrityError, match=r'null value in column "user_id" of relation .* violates not-null'):
        query(connection, sql, [None])


def test_a_booking_that_loses_its_user_is_its_customers(world):
    connection, old, _ = world
    person = register(old, "lena@example.org")
    booking = book(old, person, 1, "CONFIRMED")

    query(connection, "UPDATE reservations SET user_id = NULL WHERE id = %s", [booking])

    assert one(connection, "SELECT user_id FROM reservations WHERE id = %s", [booking]) == person


def test_what_a_merged_user_books_is_the_customers_it_was_merged_into(world):
    connection, old, _ = world
    kept, merged = register(old, "lena@example.org"), register(old, "LENA@example.org")
    Merge.objects.create(user_id=merged, customer_id=kept)
    Finding.objects.filter(row_id=merged).update(state=Finding.SETTLED)

    booking = book(old, merged, 1, "CONFIRMED")
    visit = book(old, merged, 2)

    owners = query(connection, "SELECT user_id, customer_id FROM reservations WHERE id IN (%s, %s)", [booking, visit])
    assert owners == [(merged, kept), (merged, kept)]
    assert links(connection, kept) == [(1, 0), (2, 1)]


def test_a_booking_of_staff_or_of_a_customer_whom_the_restaurant_knows_writes_nothing_else(world):
    connection, old, _ = world
    person = register(old, "lena@example.org")
    book(old, person, 1)
    staff = one(connection, "SELECT min(id) FROM users WHERE NOT is_customer")
    ours = columns_of(connection)
    ours = {table: names for table, names in ours.items() if table.startswith(("separation_", "customer"))}
    before = checksums(connection, ours)

    book(old, person, 1, "CONFIRMED")
    book(old, staff, 1)
    order(old, staff, 1, "of staff")

    assert checksums(connection, ours) == before


def test_an_order_elsewhere_than_its_reservation_is_found_whosever_it_is(world):
    connection, old, _ = world
    staff = one(connection, "SELECT min(id) FROM users WHERE NOT is_customer")
    moved, kept_back = register(old, "lena@example.org"), register(old, "LENA@example.org")

    elsewhere = [order(old, user, 2, f"of {user}", 5, book(old, user, 1)) for user in (staff, moved, kept_back)]

    found = Finding.objects.filter(kind="restaurant_mismatch", row_id__in=elsewhere, state=Finding.OPEN)
    assert found.count() == 3


def test_a_booking_at_a_restaurant_that_does_not_know_its_customer_makes_the_link(world):
    connection, old, _ = world
    person = register(old, "lena@example.org")

    book(old, person, 2, "CONFIRMED")

    assert links(connection, person) == [(2, 0)]


def test_a_booking_while_the_link_it_counts_on_is_being_taken_away(world):
    connection, old, another = world
    person = register(old, "lena@example.org")
    only = book(old, person, 1)
    with another() as second, old.transaction():
        old.execute("DELETE FROM reservations WHERE id = %s", [only])
        assert Pending.objects.count() == 0
        booking = book(second, person, 1, "CONFIRMED")

    assert one(connection, "SELECT customer_id FROM reservations WHERE id = %s", [booking]) is None
    assert drain(connection) == 0
    assert links(connection, person) == [(1, 0)]


def test_a_link_is_not_taken_away_while_a_booking_counts_on_it(world):
    connection, old, another = world
    person = register(old, "lena@example.org")
    only = book(old, person, 1)
    with another() as second, old.transaction():
        book(old, person, 1, "CONFIRMED")
        second.execute("DELETE FROM reservations WHERE id = %s", [only])
        assert links(connection, person) == [(1, 1)]

    assert drain(connection) == 0
    assert links(connection, person) == [(1, 0)]


def test_a_mark_lasts_no_longer_than_its_transaction(world):
    _, old, _ = world
    person = register(old, "lena@example.org")

    book(old, person, 1)

    assert old.execute("SELECT current_setting('separation.reservations', true)").fetchone() in [(None,), ("",)]
