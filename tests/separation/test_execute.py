"""Execute moves exactly those who can be moved, with all that is theirs."""

from itertools import pairwise

import pytest

from separation.models import Chunk, Finding
from separation.planner import make_plan
from separation.verification import verify
from tests.separation.engine import move, one, query, take_back

pytestmark = pytest.mark.engine


def findings(state="open"):
    counted: dict[str, int] = {}
    for kind in Finding.objects.filter(state=state).values_list("kind", flat=True):
        counted[kind] = counted.get(kind, 0) + 1
    return counted


@pytest.mark.parametrize("kind", ["plain", "ahead", "half", "dirty"])
def test_the_plan_is_what_happens(legacy_database, kind):
    database = legacy_database(kind, adopted=True)
    plan = make_plan(database.connection)

    run = move(database.connection)

    assert run.counts["customers"] == plan.to_move
    assert run.counts["profiles"] == plan.to_move
    assert run.counts["reservations"] == plan.reservations
    assert run.counts["orders"] == plan.orders
    links = query(database.connection, "SELECT restaurant_id, count(*) FROM customer_restaurants GROUP BY 1")
    assert dict(links) == {identifier: count for identifier, _, count in plan.links}
    assert "failed" not in run.counts
    assert one(database.connection, "SELECT name FROM separation_phase") == "dual"


@pytest.mark.parametrize("kind", ["plain", "ahead", "half", "dirty"])
def test_a_second_execute_has_nothing_to_do(legacy_database, kind):
    database = legacy_database(kind, adopted=True)
    move(database.connection)
    before = query(database.connection, "SELECT xmin::text, id FROM customers ORDER BY id")

    assert make_plan(database.connection).nothing_to_do
    run = move(database.connection)

    assert {name: count for name, count in run.counts.items() if count} == {}
    assert query(database.connection, "SELECT xmin::text, id FROM customers ORDER BY id") == before


def test_every_customer_keeps_id_password_and_dates(legacy_database):
    database = legacy_database("plain", adopted=True)
    move(database.connection)

    differing = query(
        database.connection,
        """SELECT c.id FROM customers c LEFT JOIN users u USING (id)
        WHERE u.id IS NULL OR c.email <> u.email OR c.phone IS DISTINCT FROM u.phone
            OR (c.created_at, c.updated_at) IS DISTINCT FROM (u.created_at, u.updated_at)
            OR c.password <> u.password AND c.password <> '!'""",
    )

    assert differing == []


def test_the_expected_findings_are_recorded_once(legacy_database):
    database = legacy_database("plain", adopted=True)
    move(database.connection)
    move(database.connection)

    assert findings() == database.summary.expected_findings


def test_chunks_cover_all_ids_without_a_gap(legacy_database):
    database = legacy_database("plain", adopted=True)
    move(database.connection, size=7)

    chunks = list(Chunk.objects.order_by("first_id"))

    assert len(chunks) == 9
    assert {chunk.state for chunk in chunks} == {"linked"}
    assert all(after.first_id == before.last_id + 1 for before, after in pairwise(chunks))
    ids = one(database.connection, "SELECT min(id) FROM users")
    assert chunks[0].first_id == ids
    assert chunks[-1].last_id == one(database.connection, "SELECT max(id) FROM users WHERE is_customer")


def test_users_is_not_written(legacy_database):
    database = legacy_database("plain", adopted=True)
    before = query(database.connection, "SELECT xmin::text, u::text FROM users u ORDER BY id")

    move(database.connection)

    assert query(database.connection, "SELECT xmin::text, u::text FROM users u ORDER BY id") == before


def test_a_customer_who_registers_after_the_run_is_there_at_once(legacy_database):
    database = legacy_database("plain", adopted=True)
    move(database.connection)
    identifier = one(
        database.connection,
        """INSERT INTO users (email, name, password, is_customer, updated_at)
        VALUES ('late@example.org', 'Late Lena', '$2b$10$' || repeat('a', 53), true, '2026-01-01') RETURNING id""",
    )

    moved = query(database.connection, "SELECT first_name, last_name FROM customers WHERE id = %s", [identifier])
    assert moved == [("Late", "Lena")]
    assert move(database.connection).counts["customers"] == 0


def test_a_row_that_is_put_right_moves_at_once(legacy_database):
    database = legacy_database("plain", adopted=True)
    move(database.connection)
    broken = Finding.objects.get(kind="invalid_email", state="open")
    query(database.connection, "UPDATE users SET email = 'right@example.org' WHERE id = %s", [broken.row_id])

    assert one(database.connection, "SELECT email FROM customers WHERE id = %s", [broken.row_id]) == "right@example.org"
    broken.refresh_from_db()
    assert broken.state == "gone"


def test_who_is_kept_back_for_another_reason_by_the_next_execute(legacy_database):
    database = legacy_database("plain", adopted=True)
    move(database.connection)
    kept = Finding.objects.get(kind="invalid_email", state="open").row_id
    take_back(database.connection)
    query(
        database.connection,
        "UPDATE users SET email = (SELECT upper(email) FROM users WHERE id = %s) WHERE id = %s",
        [one(database.connection, "SELECT min(id) FROM users WHERE is_customer AND email LIKE '%%@%%'"), kept],
    )

    move(database.connection)

    found = Finding.objects.filter(table_name="users", row_id=kept).order_by("kind")
    assert list(found.values_list("kind", "state")) == [("duplicate_email", "open"), ("invalid_email", "gone")]
    assert verify(database.connection).failures == []


def test_a_reservation_written_after_its_chunk_is_linked_at_once(legacy_database):
    database = legacy_database("plain", adopted=True)
    move(database.connection)
    customer, restaurant = query(
        database.connection, "SELECT customer_id, restaurant_id FROM customer_restaurants ORDER BY id LIMIT 1"
    )[0]
    before = one(
        database.connection,
        "SELECT visit_count FROM customer_restaurants WHERE customer_id = %s AND restaurant_id = %s",
        [customer, restaurant],
    )
    reservation = one(
        database.connection,
        """INSERT INTO reservations (customer_name, restaurant_id, party_size, reservation_date, reservation_time,
            status, table_ids, updated_at, user_id)
        VALUES ('Late', %s, 2, '2026-01-01', '19:00', 'COMPLETED', '{}', '2026-01-01', %s) RETURNING id""",
        [restaurant, customer],
    )

    assert one(database.connection, "SELECT customer_id FROM reservations WHERE id = %s", [reservation]) == customer
    after = one(
        database.connection,
        "SELECT visit_count FROM customer_restaurants WHERE customer_id = %s AND restaurant_id = %s",
        [customer, restaurant],
    )
    assert after == before + 1


def test_who_registers_after_the_run_leaves_nothing_to_do(legacy_database):
    database = legacy_database("plain", adopted=True)
    move(database.connection)
    query(
        database.connection,
        """INSERT INTO users (email, name, password, is_customer, updated_at)
        VALUES ('late@example.org', 'Late Lena', '$2b$10$' || repeat('a', 53), true, '2026-01-01'),
            ('no address', 'Lost Lars', 'x', true, '2026-01-01')""",
    )

    plan = make_plan(database.connection)

    assert (plan.to_move, plan.to_examine, plan.unexamined) == (0, 2, 0)
    assert plan.nothing_to_do


def test_who_was_never_looked_at_is_something_to_do(legacy_database):
    database = legacy_database("plain", adopted=True)
    move(database.connection)
    query(
        database.connection,
        """BEGIN; SET LOCAL session_replication_role = 'replica';
        INSERT INTO users (email, name, password, is_customer, updated_at)
        VALUES ('no address', 'Lost Lars', 'x', true, '2026-01-01'); COMMIT""",
    )

    plan = make_plan(database.connection)

    assert (plan.to_move, plan.unexamined) == (0, 1)
    assert not plan.nothing_to_do
