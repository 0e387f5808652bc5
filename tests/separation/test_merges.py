"""Two customers with one email who are the same person: everything of the one becomes the other's, and back."""

import pytest

from customers.models import Customer
from orders.forgetting import customer_forget
from reservations.services import Actor
from separation.decisions import decision_undo, duplicate_keep, duplicate_merge
from separation.mirror import drain
from separation.models import Finding, Merge, Undo
from separation.planner import make_plan
from separation.verification import verify
from tests.separation.engine import checksums, columns_of, move, one, query, take_back
from tests.separation.old_application import BCRYPT, application_role, book, old_application, order, register

TWINS = """SELECT min(id), max(id) FROM users WHERE is_customer GROUP BY lower(btrim(email)) HAVING count(*) = 2
    AND bool_and(email LIKE '%@%') ORDER BY 1 LIMIT 1"""
LINKED = "SELECT count(*) FROM {table} WHERE user_id = %s AND customer_id = %s"


def in_step(connection):
    assert drain(connection) == 0
    assert [(r.id, r.details or r.sample) for r in verify(connection).failures] == []


def legacy_of(connection):
    columns = columns_of(connection)
    return {table: names for table, names in columns.items() if not table.startswith("separation_")}


def merge(connection, loser, winner):
    return duplicate_merge(connection=connection, user_id=loser, into=winner, by="Ada", note="same phone", execute=True)


def undo(connection, user, kind="duplicate_email"):
    return decision_undo(connection=connection, kind=kind, user_id=user, by="Ada", execute=True)


@pytest.fixture
def world(legacy_database):
    """A migrated database, its connection, the old application's, and two customers with one email and bookings."""
    database = legacy_database("plain", moved=True)
    ((winner, loser),) = query(database.connection, TWINS)
    with application_role(database.name) as role, old_application(database.name, role) as old:
        book(old, loser, 1)
        book(old, winner, 2)
        order(old, loser, 1, "merged-1", 40)
        yield database.connection, old, winner, loser


def named(connection, table, user):
    return {c for (c,) in query(connection, f"SELECT customer_id FROM {table} WHERE user_id = %s", [user])}


@pytest.mark.parametrize("kind", ["plain", "ahead", "dirty"])
def test_forth_and_back_any_number_of_times(legacy_database, kind):
    connection = legacy_database(kind, adopted=True).connection
    columns = legacy_of(connection)
    before = checksums(connection, columns)
    move(connection)
    ((winner, loser),) = query(connection, TWINS)

    merge(connection, loser, winner)
    in_step(connection)
    assert named(connection, "reservations", loser) <= {winner}

    for _ in range(2):
        take_back(connection)
        assert checksums(connection, columns) == before
        assert (Merge.objects.get().customer_id, Undo.objects.count()) == (winner, 0)
        move(connection)
        in_step(connection)
        assert one(connection, "SELECT count(*) FROM customers WHERE id IN (%s, %s)", [winner, loser]) == 1
        assert named(connection, "reservations", loser) <= {winner}

    undo(connection, loser)
    in_step(connection)
    assert one(connection, "SELECT count(*) FROM customers WHERE id IN (%s, %s)", [winner, loser]) == 0
    take_back(connection)
    assert checksums(connection, columns) == before


def test_bookings_visits_and_spend_follow_at_once(world):
    connection, _, winner, loser = world

    merge(connection, loser, winner)

    assert (named(connection, "reservations", loser), named(connection, "orders", loser)) == ({winner}, {winner})
    assert (
        dict(
            query(
                connection,
                "SELECT restaurant_id, total_spent FROM customer_restaurants WHERE customer_id = %s",
                [winner],
            )
        )[1]
        >= 40
    )
    assert list(
        Finding.objects.filter(row_id__in=[winner, loser])
        .order_by("row_id")
        .values_list("state", "decision", "decided_by", "note")
    ) == [("settled", "keep", "Ada", "same phone"), ("settled", "merge", "Ada", "same phone")]
    in_step(connection)


def test_what_whoever_was_merged_does_in_the_old_application(world):
    connection, old, winner, loser = world
    merge(connection, loser, winner)

    later = book(old, loser, 3, "CONFIRMED")
    assert one(connection, "SELECT customer_id FROM reservations WHERE id = %s", [later]) == winner
    old.execute("UPDATE users SET password = %s, name = 'Other Name' WHERE id = %s", [BCRYPT, loser])
    in_step(connection)
    assert one(connection, "SELECT first_name FROM customers WHERE id = %s", [winner]) != "Other"

    old.execute("UPDATE users SET email = 'nobody.else@example.org' WHERE id = %s", [loser])
    in_step(connection)
    assert one(connection, "SELECT count(*) FROM customers WHERE id = %s", [loser]) == 0
    assert Finding.objects.get(row_id=loser).state == "settled"

    old.execute("UPDATE reservations SET user_id = %s WHERE id = %s", [winner, later])
    old.execute("UPDATE reservations SET user_id = %s WHERE id = %s", [loser, later])
    assert one(connection, "SELECT customer_id FROM reservations WHERE id = %s", [later]) == winner
    in_step(connection)

    old.execute("DELETE FROM users WHERE id = %s", [loser])
    in_step(connection)
    assert not Merge.objects.exists()


def test_whoever_was_merged_is_no_customer_for_a_while(world):
    connection, old, winner, loser = world
    merge(connection, loser, winner)

    old.execute("UPDATE users SET is_customer = false WHERE id = %s", [loser])
    in_step(connection)
    assert named(connection, "reservations", loser) == {None}
    old.execute("UPDATE users SET is_customer = true WHERE id = %s", [loser])
    in_step(connection)
    assert named(connection, "reservations", loser) == {winner}


def test_the_other_is_deleted(world):
    connection, old, winner, loser = world
    merge(connection, loser, winner)
    old.execute("UPDATE users SET email = 'nobody.else@example.org' WHERE id = %s", [loser])

    old.execute("DELETE FROM users WHERE id = %s", [winner])

    in_step(connection)
    assert named(connection, "reservations", loser) == {None}
    assert Finding.objects.get(kind="duplicate_email", row_id=loser).state == "open"
    undo(connection, loser)
    in_step(connection)
    assert named(connection, "reservations", loser) == {loser}


def test_the_other_becomes_staff_and_is_a_customer_again(world):
    connection, old, winner, loser = world
    merge(connection, loser, winner)

    old.execute("UPDATE users SET role = 'ADMIN' WHERE id = %s", [winner])
    in_step(connection)
    assert named(connection, "reservations", loser) == {None}
    old.execute("UPDATE users SET role = 'USER' WHERE id = %s", [winner])
    in_step(connection)
    assert named(connection, "reservations", loser) == {winner}


def test_a_third_with_the_same_email_is_kept_back(world):
    connection, old, winner, loser = world
    merge(connection, loser, winner)

    third = register(old, one(connection, "SELECT upper(email) || ' ' FROM users WHERE id = %s", [winner]))

    in_step(connection)
    assert Finding.objects.get(row_id=third).state == "open"
    duplicate_keep(connection=connection, user_id=winner, by="Ada", execute=True)
    assert Finding.objects.get(row_id=third).decision == "left"
    in_step(connection)
    undo(connection, third)
    assert one(connection, "SELECT count(*) FROM customers WHERE id = %s", [winner]) == 1
    in_step(connection)


def test_restaurant_links_of_staff_rows_follow(world):
    connection, old, winner, loser = world
    old.execute(
        "INSERT INTO restaurant_staff (user_id, restaurant_id, role, updated_at) VALUES (%s, 3, 'STAFF', now())",
        [loser],
    )

    merge(connection, loser, winner)

    links = "SELECT count(*) FROM customer_restaurants WHERE customer_id = %s AND restaurant_id = 3"
    assert one(connection, links, [winner]) == 1
    in_step(connection)
    old.execute("DELETE FROM restaurant_staff WHERE user_id = %s", [loser])
    in_step(connection)


PROFILE = """SELECT notes, birthday::text, vip_status, tags, preferred_contact_method, marketing_opt_in
    FROM customer_profiles WHERE customer_id = %s"""
WRITE_PROFILE = """INSERT INTO customer_profiles (user_id, notes, birthday, vip_status, tags, preferred_contact_method,
        marketing_opt_in, updated_at)
    VALUES (%s, %s, %s, %s, %s, %s, %s, '2026-01-01')
    ON CONFLICT (user_id) DO UPDATE SET notes = excluded.notes, birthday = excluded.birthday,
        vip_status = excluded.vip_status, tags = excluded.tags, dietary_restrictions = NULL, special_requests = NULL,
        anniversary = NULL, preferred_contact_method = excluded.preferred_contact_method,
        marketing_opt_in = excluded.marketing_opt_in"""


@pytest.fixture
def ahead(legacy_database):
    """The same, of the kind that brings profiles and customers named by staff along, with nobody moved yet."""
    database = legacy_database("ahead", adopted=True)
    ((winner, loser),) = query(database.connection, TWINS)
    with (
        application_role(database.name, profiles=True) as role,
        old_application(database.name, role) as old,
    ):
        old.execute(WRITE_PROFILE, [winner, "", None, False, ["regular"], "sms", False])
        old.execute(WRITE_PROFILE, [loser, "Tips well", "1990-02-03", True, ["new"], "email", True])
        yield database.connection, old, winner, loser


def test_what_is_empty_in_the_profile_is_filled_and_emptied_again(ahead):
    connection, _, winner, loser = ahead
    columns = legacy_of(connection)
    before = checksums(connection, columns)
    move(connection)

    effect = merge(connection, loser, winner)

    assert effect.filled == ["vip_status", "notes", "birthday"]
    assert query(connection, PROFILE, [winner]) == [("Tips well", "1990-02-03", True, ["regular"], "sms", False)]
    assert Merge.objects.get().filled == {
        "notes": ["", "Tips well"],
        "birthday": [None, "1990-02-03"],
        "vip_status": [False, True],
    }
    in_step(connection)
    take_back(connection)
    assert checksums(connection, columns) == before
    move(connection)
    in_step(connection)
    assert query(connection, PROFILE, [winner]) == [("Tips well", "1990-02-03", True, ["regular"], "sms", False)]
    undo(connection, loser)
    take_back(connection)
    assert checksums(connection, columns) == before


def test_whoever_is_forgotten_is_so_where_they_were_merged_from(ahead):
    connection, _, winner, loser = ahead
    move(connection)
    merge(connection, loser, winner)
    staff = one(connection, "SELECT min(id) FROM users WHERE NOT is_customer")

    customer_forget(customer=Customer.objects.get(pk=winner), actor=Actor("staff", staff))

    for _ in range(2):
        for person in (winner, loser):
            user = query(connection, "SELECT email, name, phone, left(password, 1) FROM users WHERE id = %s", [person])
            assert user == [(f"anonymised-{person}@anonymised.invalid", None, None, "!")]
            assert query(connection, PROFILE.replace("customer_id", "user_id"), [person]) == [
                (None, None, False, [], None, False)
            ]
        in_step(connection)
        take_back(connection)
        move(connection)
        assert not Customer.objects.get(pk=winner).is_active
    undo(connection, loser)
    in_step(connection)
    assert not Customer.objects.get(pk=loser).is_active


def test_what_the_old_application_writes_in_either_profile_counts(ahead):
    connection, old, winner, loser = ahead
    move(connection)
    merge(connection, loser, winner)

    old.execute("UPDATE customer_profiles SET notes = 'Own words' WHERE user_id = %s", [winner])
    old.execute(
        "UPDATE customer_profiles SET birthday = '2000-01-01', anniversary = '2010-10-10' WHERE user_id = %s", [loser]
    )
    in_step(connection)

    assert query(connection, PROFILE, [winner])[0][:2] == ("Own words", "2000-01-01")
    undo(connection, loser)
    assert query(
        connection, "SELECT notes, birthday, anniversary FROM customer_profiles WHERE user_id = %s", [winner]
    ) == [("Own words", None, None)]


def test_a_customer_named_by_staff_becomes_the_other_and_back(ahead):
    connection, old, winner, loser = ahead
    early = book(old, 1, 1, customer_id=loser)
    columns = legacy_of(connection)
    before = checksums(connection, columns)
    move(connection)

    merge(connection, loser, winner)
    late = book(old, 1, 2, customer_id=loser)

    found = "SELECT customer_id FROM reservations WHERE id IN (%s, %s)"
    assert query(connection, found, [early, late]) == [(winner,), (winner,)]
    in_step(connection)
    old.execute("UPDATE reservations SET customer_id = customer_id, notes = 'x' WHERE id = %s", [early])
    in_step(connection)
    old.execute("UPDATE reservations SET notes = NULL WHERE id = %s", [early])
    old.execute("DELETE FROM reservations WHERE id = %s", [late])
    take_back(connection)
    assert checksums(connection, columns) == before


def test_a_customer_named_by_staff_when_the_other_is_deleted(ahead):
    connection, old, winner, loser = ahead
    booking = book(old, 1, 1, customer_id=loser)
    move(connection)
    merge(connection, loser, winner)

    old.execute("DELETE FROM users WHERE id = %s", [winner])

    assert one(connection, "SELECT customer_id FROM reservations WHERE id = %s", [booking]) == loser
    in_step(connection)


def test_the_plan_counts_what_a_merge_links(legacy_database):
    connection = legacy_database("ahead", adopted=True).connection
    ((winner, loser),) = query(connection, TWINS)
    merge(connection, loser, winner)

    plan = make_plan(connection)
    move(connection)
    in_step(connection)

    assert (plan.kept_back["merged"], plan.to_move) == (1, one(connection, "SELECT count(*) FROM customers"))
    linked = """SELECT count(*) FROM reservations t JOIN users u ON u.id = t.user_id AND u.is_customer
        WHERE t.customer_id IS NOT NULL AND NOT EXISTS (SELECT FROM separation_undo o
            WHERE o.table_name = 'reservations' AND o.row_id = t.id)"""
    assert plan.reservations == one(connection, linked)
    assert {place: count for place, _, count in plan.links} == dict(
        query(connection, "SELECT restaurant_id, count(*) FROM customer_restaurants GROUP BY 1")
    )
