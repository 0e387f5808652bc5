"""What the old application writes while both schemas live is in the new tables at once, whatever rights it has."""

import psycopg
import pytest

from separation.mirror import drain
from separation.models import Finding, Pending, Undo
from separation.phases import change_phase
from separation.verification import verify
from tests.separation.engine import one, query, take_back
from tests.separation.old_application import BCRYPT, application_role, book, old_application, order, register

pytestmark = pytest.mark.engine

PERSON = "SELECT email, password, first_name, last_name, phone FROM customers WHERE id = %s"


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


ahead = pytest.mark.parametrize("world", ["ahead"], indirect=True)


def customer_of(connection):
    return one(connection, "SELECT customer_id FROM reservations WHERE customer_id IS NOT NULL ORDER BY id LIMIT 1")


def test_the_role_has_no_right_on_the_new_tables(world):
    _, old = world
    for sql in (
        "SELECT * FROM customers",
        "SELECT * FROM separation_phase",
        "SELECT separation_sync('{1}')",
        "SELECT separation_queue('{1}')",
    ):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            old.execute(sql)


def test_a_new_customer(world):
    connection, old = world

    person = register(old, " Lena@example.org ", " Late  Lena Maria ")

    assert query(connection, PERSON, [person]) == [("Lena@example.org", BCRYPT, "Late", "Lena Maria", None)]
    assert one(connection, "SELECT count(*) FROM customer_profiles WHERE customer_id = %s", [person]) == 1


def test_a_changed_customer(world):
    connection, old = world
    person = customer_of(connection)

    old.execute("UPDATE users SET email = 'new@example.org', name = 'New Name', phone = '1' WHERE id = %s", [person])
    old.execute("UPDATE users SET password = %s, updated_at = '2026-02-02' WHERE id = %s", [BCRYPT, person])

    assert query(connection, PERSON, [person]) == [("new@example.org", BCRYPT, "New", "Name", "1")]


def test_an_update_that_changes_nothing_writes_nothing(world):
    connection, old = world
    before = query(connection, "SELECT id, xmin::text FROM customers ORDER BY id")

    old.execute("UPDATE users SET phone = phone")

    assert query(connection, "SELECT id, xmin::text FROM customers ORDER BY id") == before


def test_a_password_nobody_can_read_is_found_and_a_readable_one_settles_it(world):
    connection, old = world
    person = register(old, "lena@example.org")

    old.execute("UPDATE users SET password = 'sha' WHERE id = %s", [person])

    finding = Finding.objects.get(kind="needs_password_reset", row_id=person)
    assert (finding.state, one(connection, "SELECT password FROM customers WHERE id = %s", [person])) == ("open", "!")
    old.execute("UPDATE users SET password = %s WHERE id = %s", [BCRYPT, person])
    finding.refresh_from_db()
    assert finding.state == "gone"


def test_a_deleted_customer(world):
    connection, old = world
    person = customer_of(connection)

    old.execute("DELETE FROM users WHERE id = %s", [person])

    for table in ("customer_profiles", "customer_restaurants", "reservations", "orders"):
        assert one(connection, f"SELECT count(*) FROM {table} WHERE customer_id = %s", [person]) == 0
    assert query(connection, PERSON, [person]) == []


@pytest.mark.parametrize(
    ("sql", "kind"),
    [
        ("UPDATE users SET role = 'ADMIN' WHERE id = %s", "staff_marked_as_customer"),
        ("UPDATE users SET email = 'nothing' WHERE id = %s", "invalid_email"),
        (
            "UPDATE users SET email = (SELECT upper(email) FROM customers_too) WHERE id = %s",
            "duplicate_email",
        ),
        (
            "INSERT INTO restaurant_staff (user_id, restaurant_id, role, updated_at) VALUES (%s, 1, 'OWNER', now())",
            "staff_marked_as_customer",
        ),
        ("INSERT INTO menus (name, user_id, updated_at) VALUES ('M', %s, now())", "staff_marked_as_customer"),
    ],
)
def test_whoever_cannot_be_customer_any_more_is_taken_out_and_found(world, sql, kind):
    connection, old = world
    first = register(old, "first@example.org")
    person = register(old, "second@example.org")
    booking = book(old, person, 2)
    sql = sql.replace("(SELECT upper(email) FROM customers_too)", "'FIRST@example.org'")

    old.execute(sql, [person])

    assert query(connection, PERSON, [person]) == []
    assert one(connection, "SELECT customer_id FROM reservations WHERE id = %s", [booking]) is None
    assert Finding.objects.get(row_id=person, table_name="users").kind == kind
    assert query(connection, "SELECT email FROM customers WHERE id = %s", [first]) == [("first@example.org",)]


def test_a_customer_who_is_none_any_more_is_taken_out_and_can_come_back(world):
    connection, old = world
    person = register(old, "lena@example.org")
    booking = book(old, person, 1)

    old.execute("UPDATE users SET is_customer = false WHERE id = %s", [person])
    assert query(connection, PERSON, [person]) == []
    assert one(connection, "SELECT customer_id FROM reservations WHERE id = %s", [booking]) is None

    old.execute("UPDATE users SET is_customer = true WHERE id = %s", [person])
    assert one(connection, "SELECT customer_id FROM reservations WHERE id = %s", [booking]) == person


def test_a_later_duplicate_is_kept_back_until_the_email_is_free(world):
    connection, old = world
    first = register(old, "lena@example.org")

    second = register(old, "LENA@example.org")

    finding = Finding.objects.get(kind="duplicate_email", row_id=second)
    assert query(connection, PERSON, [second]) == []
    assert len(query(connection, PERSON, [first])) == 1

    old.execute("UPDATE users SET phone = '1' WHERE id = %s", [first])
    assert len(query(connection, PERSON, [first])) == 1

    old.execute("UPDATE users SET email = 'other@example.org' WHERE id = %s", [first])
    assert drain(connection) == 0
    finding.refresh_from_db()
    assert finding.state == "gone"
    assert len(query(connection, PERSON, [second])) == 1


def test_two_customers_who_exchange_their_emails_by_way_of_the_queue(world):
    connection, old = world
    one_, two = register(old, "one@example.org"), register(old, "two@example.org")
    with old.transaction():
        old.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        old.execute("UPDATE users SET email = 'three@example.org' WHERE id = %s", [one_])
        old.execute("UPDATE users SET email = 'one@example.org' WHERE id = %s", [two])
        old.execute("UPDATE users SET email = 'two@example.org' WHERE id = %s", [one_])

    assert drain(connection) == 0

    emails = query(connection, "SELECT email FROM customers WHERE id = ANY (%s) ORDER BY id", [[one_, two]])
    assert emails == [("two@example.org",), ("one@example.org",)]


def test_a_reservation_and_an_order(world):
    connection, old = world
    person = register(old, "lena@example.org")

    booking = book(old, person, 1)
    order(old, person, 1, "tied", 20, booking)
    order(old, person, 2, "alone", 5)

    links = "SELECT restaurant_id, visit_count, total_spent FROM customer_restaurants WHERE customer_id = %s ORDER BY 1"
    assert query(connection, links, [person]) == [(1, 1, 20), (2, 1, 5)]
    old.execute("UPDATE reservations SET status = 'CANCELLED' WHERE id = %s", [booking])
    assert query(connection, links, [person]) == [(1, 1, 20), (2, 1, 5)]
    old.execute("UPDATE orders SET status = 'CANCELLED' WHERE order_number = 'tied'")
    assert query(connection, links, [person]) == [(1, 0, 0), (2, 1, 5)]
    old.execute("DELETE FROM orders WHERE order_number = 'alone'")
    assert query(connection, links, [person]) == [(1, 0, 0)]


def test_a_link_with_notes_stays_without_a_reason(world):
    connection, old = world
    person = register(old, "lena@example.org")
    booking = book(old, person, 1)
    query(connection, "UPDATE customer_restaurants SET notes = 'Likes jazz' WHERE customer_id = %s", [person])

    old.execute("DELETE FROM reservations WHERE id = %s", [booking])

    link = "SELECT notes, visit_count, first_visit FROM customer_restaurants WHERE customer_id = %s"
    assert query(connection, link, [person]) == [("Likes jazz", 0, None)]


def test_a_booking_that_passes_to_another_user(world):
    connection, old = world
    lena, maria = register(old, "lena@example.org"), register(old, "maria@example.org")
    staff = one(connection, "SELECT min(id) FROM users WHERE NOT is_customer")
    booking = book(old, lena, 1)

    owners = []
    for user in (maria, staff, lena):
        old.execute("UPDATE reservations SET user_id = %s WHERE id = %s", [user, booking])
        owners.append(one(connection, "SELECT customer_id FROM reservations WHERE id = %s", [booking]))

    assert owners == [maria, None, lena]


@ahead
def test_a_customer_named_by_the_old_application_stays_after_a_roll_back(world):
    connection, old = world
    lena = register(old, "lena@example.org")
    staff = one(connection, "SELECT min(id) FROM users WHERE NOT is_customer")
    phoned = book(old, staff, 1, customer_id=lena)
    named = book(old, lena, 1, customer_id=lena)
    filled = book(old, lena, 1)
    late = book(old, lena, 1)
    old.execute("UPDATE reservations SET customer_id = user_id WHERE id = %s", [late])
    ids = [phoned, named, filled, late]
    assert one(connection, "SELECT count(*) FROM reservations WHERE customer_id = %s", [lena]) == 4

    take_back(connection)

    named_by = dict(query(connection, "SELECT id, customer_id FROM reservations WHERE id = ANY (%s)", [ids]))
    assert named_by == {phoned: lena, named: lena, filled: None, late: lena}


def test_a_customer_named_before_anybody_moved_stays_when_the_booking_passes_to_another(legacy_database):
    database = legacy_database("ahead", adopted=True)
    connection = database.connection
    booking, named = query(connection, "SELECT id, customer_id FROM reservations WHERE customer_id = user_id LIMIT 1")[
        0
    ]
    change_phase(connection, "legacy", "dual")

    query(connection, "UPDATE reservations SET user_id = (SELECT min(id) FROM users) WHERE id = %s", [booking])

    assert one(connection, "SELECT customer_id FROM reservations WHERE id = %s", [booking]) == named


@ahead
def test_what_the_old_application_empties_is_not_remembered(world):
    connection, old = world
    lena, maria = register(old, "lena@example.org"), register(old, "maria@example.org")
    booking = book(old, lena, 1, customer_id=maria)
    assert Undo.objects.get(row_id=booking).customer_id == maria

    old.execute("UPDATE reservations SET customer_id = NULL WHERE id = %s", [booking])

    assert not Undo.objects.filter(row_id=booking).exists()
    assert one(connection, "SELECT customer_id FROM reservations WHERE id = %s", [booking]) == lena
    old.execute("UPDATE reservations SET customer_id = %s WHERE id = %s", [maria, booking])
    old.execute("DELETE FROM reservations WHERE id = %s", [booking])
    assert not Undo.objects.filter(row_id=booking).exists()


@ahead
def test_a_profile_takes_over_from_the_empty_one(world):
    connection, old = world
    lena = register(old, "lena@example.org")
    profiles = "SELECT user_id, notes FROM customer_profiles WHERE customer_id = %s"
    assert query(connection, profiles, [lena]) == [(None, None)]

    old.execute(
        "INSERT INTO customer_profiles (user_id, tags, notes, updated_at) VALUES (%s, '{}', 'Vegan', now())", [lena]
    )
    assert query(connection, profiles, [lena]) == [(lena, "Vegan")]

    old.execute("DELETE FROM customer_profiles WHERE user_id = %s", [lena])
    assert query(connection, profiles, [lena]) == [(None, None)]


def test_menus_without_a_restaurant_and_orders_elsewhere_are_found_at_once(world):
    connection, old = world
    lena = register(old, "lena@example.org")
    staff = one(connection, "SELECT min(id) FROM users WHERE NOT is_customer")
    order_id = order(old, lena, 2, "elsewhere", 5, book(old, lena, 1))

    old.execute("INSERT INTO menus (id, name, user_id, updated_at) VALUES (987654, 'M', %s, now())", [staff])

    assert Finding.objects.get(kind="restaurant_mismatch", row_id=order_id).state == "open"
    assert Finding.objects.get(kind="no_restaurant", row_id=987654).table_name == "menus"


def test_ten_thousand_rows_in_one_statement(world):
    connection, old = world
    with old.transaction():
        old.execute("SET LOCAL statement_timeout = '60s'")
        old.execute(
            """INSERT INTO users (email, name, password, is_customer, updated_at)
            SELECT 'bulk' || i || '@example.org', 'Bulk ' || i, %s, true, now() FROM generate_series(1, 10000) i""",
            [BCRYPT],
        )
        old.execute(
            """INSERT INTO reservations (customer_name, restaurant_id, party_size, reservation_date, reservation_time,
                status, table_ids, updated_at, user_id)
            SELECT 'x', 1, 2, '2026-01-01', '19:00', 'COMPLETED', '{}', now(), id FROM users WHERE email LIKE 'bulk%'"""
        )
        old.execute("UPDATE users SET phone = '1' WHERE email LIKE 'bulk%'")
        old.execute("DELETE FROM users WHERE email LIKE 'bulk%' AND id % 2 = 0")

    bulk = "FROM customers c JOIN customer_restaurants l ON l.customer_id = c.id WHERE c.email LIKE 'bulk%%'"
    assert one(connection, f"SELECT count(*) {bulk} AND c.phone = '1' AND l.visit_count = 1") == 5000
    assert one(connection, f"SELECT count(*) {bulk}") == 5000
    assert not Pending.objects.exists()


def test_nothing_is_followed_in_phase_legacy(world):
    connection, old = world
    take_back(connection)

    person = register(old, "lena@example.org")
    book(old, person, 1)

    assert one(connection, "SELECT count(*) FROM customers") == 0
    assert not Pending.objects.exists()
