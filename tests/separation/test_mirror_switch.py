"""Who becomes a customer, stops being one or becomes staff, by the old application: followed, or a finding at once."""

import pytest

from separation.mirror import drain
from separation.models import Finding
from separation.verification import verify
from tests.separation.engine import move, one, query
from tests.separation.old_application import BCRYPT, application_role, book, old_application, order, register, returned

pytestmark = pytest.mark.engine

BOTH = pytest.mark.parametrize("world", ["plain", "ahead"], indirect=True)
ON = "UPDATE users SET is_customer = true WHERE id = %s"
OFF = "UPDATE users SET is_customer = false WHERE id = %s"
PROFILE = "SELECT dietary_restrictions, marketing_opt_in, tags FROM customer_profiles WHERE customer_id = %s"
LINKS = "SELECT restaurant_id, visit_count, notes FROM customer_restaurants WHERE customer_id = %s ORDER BY 1"
GOES = {
    "switched off": (OFF, ON),
    "staff": ("UPDATE users SET role = 'ADMIN' WHERE id = %s", "UPDATE users SET role = 'USER' WHERE id = %s"),
    "no address": (
        "UPDATE users SET email = 'lena' WHERE id = %s",
        "UPDATE users SET email = 'lena@example.org' WHERE id = %s",
    ),
    "an author": (
        "INSERT INTO menus (name, user_id, updated_at) VALUES ('M', %s, now())",
        "DELETE FROM menus WHERE user_id = %s",
    ),
}


@pytest.fixture
def world(request, legacy_database):
    """A moved database of a kind, plain unless said otherwise, with the old application connected to it."""
    kind = getattr(request, "param", "plain")
    database = legacy_database(kind, moved=True)
    with (
        application_role(database.name, profiles=kind == "ahead") as role,
        old_application(database.name, role) as old,
    ):
        yield database.connection, old
    assert drain(database.connection) == 0
    assert [(result.id, result.sample) for result in verify(database.connection).failures] == []


def waiter(old, role="USER"):
    sql = "INSERT INTO users (email, password, role, updated_at) VALUES ('w@example.org', %s, %s, now()) RETURNING id"
    return returned(old, sql, BCRYPT, role)


def known(connection, person):
    """Give a customer what only the new tables can hold."""
    query(connection, "UPDATE customer_profiles SET dietary_restrictions = 'nuts' WHERE customer_id = %s", [person])
    query(connection, "UPDATE customer_restaurants SET notes = 'Jazz' WHERE customer_id = %s", [person])
    query(
        connection,
        "INSERT INTO customer_sessions (id, customer_id, token_hash, family, expires_at) "
        "VALUES (gen_random_uuid(), %s, '', gen_random_uuid(), '2027-01-01')",
        [person],
    )


@BOTH
def test_whoever_becomes_a_customer_brings_bookings_and_staff_links_along(world):
    connection, old = world
    person = waiter(old)
    booking = book(old, person, 1)
    ordered = order(old, person, 2, "before", 7)
    old.execute("INSERT INTO restaurant_staff (user_id, restaurant_id, updated_at) VALUES (%s, 3, now())", [person])

    old.execute(ON, [person])

    assert one(connection, "SELECT customer_id FROM reservations WHERE id = %s", [booking]) == person
    assert one(connection, "SELECT customer_id FROM orders WHERE id = %s", [ordered]) == person
    assert [link[:2] for link in query(connection, LINKS, [person])] == [(1, 1), (2, 1), (3, 0)]
    assert one(connection, "SELECT count(*) FROM customer_profiles WHERE customer_id = %s", [person]) == 1


@pytest.mark.parametrize("world", ["ahead"], indirect=True)
def test_whoever_becomes_a_customer_brings_the_profile_along(world):
    connection, old = world
    person = waiter(old)
    sql = (
        "INSERT INTO customer_profiles (user_id, tags, dietary_restrictions, updated_at) VALUES (%s, '{}', 'n', now())"
    )
    old.execute(sql, [person])

    old.execute(ON, [person])

    assert query(connection, PROFILE, [person]) == [("n", False, [])]


def test_staff_who_are_switched_on_are_found_and_their_bookings_stay(world):
    connection, old = world
    person = waiter(old, "ADMIN")
    booking = book(old, person, 1)

    old.execute(ON, [person])

    assert Finding.objects.get(row_id=person, state=Finding.OPEN).kind == "staff_marked_as_customer"
    assert one(connection, "SELECT customer_id FROM reservations WHERE id = %s", [booking]) is None
    old.execute(OFF, [person])
    assert not Finding.objects.filter(row_id=person, state=Finding.OPEN).exists()


@pytest.mark.parametrize("way", GOES)
def test_what_only_the_new_tables_hold_of_whoever_goes_is_found_and_given_back(world, way):
    connection, old = world
    person = register(old, "lena@example.org")
    book(old, person, 1)
    known(connection, person)
    goes, comes = GOES[way]

    old.execute(goes, [person])

    finding = Finding.objects.get(kind="set_aside", row_id=person)
    assert (finding.state, finding.detail["profile"]["dietary_restrictions"]) == ("open", "nuts")
    assert finding.detail["links"] == [{"restaurant_id": 1, "notes": "Jazz", "vip_status": False}]
    assert one(connection, "SELECT count(*) FROM customer_sessions") == 0
    old.execute(comes, [person])
    assert drain(connection) == 0
    assert query(connection, PROFILE, [person]) == [("nuts", False, [])]
    assert query(connection, LINKS, [person]) == [(1, 1, "Jazz")]
    finding.refresh_from_db()
    assert (finding.state, finding.detail) == ("gone", {})


def test_of_whoever_goes_without_such_data_nothing_is_found(world):
    _, old = world
    person = register(old, "lena@example.org")
    book(old, person, 1)

    old.execute(OFF, [person])

    assert not Finding.objects.filter(row_id=person, state=Finding.OPEN).exists()


def test_of_whoever_is_deleted_nothing_is_kept(world):
    connection, old = world
    first, second = register(old, "first@example.org"), register(old, "second@example.org")
    for person in (first, second):
        book(old, person, 1)
        known(connection, person)

    old.execute("DELETE FROM users WHERE id = %s", [first])
    old.execute(OFF, [second])
    old.execute("DELETE FROM users WHERE id = %s", [second])
    move(connection)

    assert not Finding.objects.filter(kind="set_aside").exclude(detail={}).exists()


def test_who_is_switched_by_a_client_that_sees_a_snapshot(world):
    connection, old = world
    person, other = register(old, "lena@example.org"), waiter(old)
    book(old, other, 1)
    with old.transaction():
        old.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        old.execute(OFF, [person])
        old.execute(ON, [other])

    assert drain(connection) == 0
    assert query(connection, "SELECT id FROM customers WHERE id IN (%s, %s)", [person, other]) == [(other,)]
