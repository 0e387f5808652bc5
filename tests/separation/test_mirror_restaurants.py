"""Restaurants that come and go while both schemas live: customers of the only one, and of one that is gone."""

import pytest

from separation.mirror import drain
from separation.models import Pending
from separation.verification import verify
from tests.separation.engine import one, query
from tests.separation.old_application import application_role, book, old_application, order, register, returned

pytestmark = pytest.mark.engine

OPEN = "INSERT INTO restaurants (name, slug, updated_at) VALUES ('Second', 'second', '2026-01-01') RETURNING id"
OTHERS = "DELETE FROM restaurants WHERE id <> %s"


@pytest.fixture
def world(legacy_database):
    """A moved database with the old application connected to it."""
    database = legacy_database("plain", moved=True)
    with application_role(database.name) as role, old_application(database.name, role) as old:
        yield database.connection, old


def in_step(connection):
    assert drain(connection) == 0
    assert [(result.id, result.sample) for result in verify(connection).failures] == []


def links(connection, person):
    sql = "SELECT restaurant_id, visit_count FROM customer_restaurants WHERE customer_id = %s ORDER BY 1"
    return query(connection, sql, [person])


def test_the_customers_of_the_only_restaurant_stay_its_customers_when_another_opens(world):
    connection, old = world
    only = one(connection, "SELECT min(id) FROM restaurants")
    old.execute(OTHERS, [only])
    person, later = register(old, "lena@example.org"), register(old, "maria@example.org")
    in_step(connection)
    assert links(connection, person) == [(only, 0)]

    second = returned(old, OPEN)

    assert not Pending.objects.exists()
    old.execute("UPDATE users SET is_customer = true, phone = '1', email = 'l@example.org' WHERE id = %s", [person])
    assert links(connection, person) == [(only, 0)]
    book(old, later, second)
    assert links(connection, later) == [(second, 1)]
    in_step(connection)


def test_whom_nobody_knows_is_known_to_the_only_restaurant_that_is_left(world):
    connection, old = world
    only = one(connection, "SELECT min(id) FROM restaurants")
    person = register(old, "lena@example.org")
    assert links(connection, person) == []

    old.execute(OTHERS, [only])

    in_step(connection)
    assert links(connection, person) == [(only, 0)]


def test_a_deleted_restaurant_takes_its_bookings_and_links_along(world):
    connection, old = world
    person = register(old, "lena@example.org")
    gone = returned(old, OPEN)
    order(old, person, gone, "there", 10, book(old, person, gone))
    book(old, person, 1)
    assert links(connection, person) == [(1, 1), (gone, 1)]

    old.execute("DELETE FROM restaurants WHERE id = %s", [gone])

    in_step(connection)
    assert links(connection, person) == [(1, 1)]


def test_whoever_loses_the_last_booking_stays_known_where_it_was(world):
    connection, old = world
    person = register(old, "lena@example.org")
    booking = book(old, person, 2)

    old.execute("DELETE FROM reservations WHERE id = %s", [booking])

    assert links(connection, person) == [(2, 0)]
    book(old, person, 1, "CONFIRMED")
    assert links(connection, person) == [(1, 0)]
    in_step(connection)
