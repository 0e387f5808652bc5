"""What was written past the mirror, as a replica or a restore does: verify names it, and its remedy repairs it."""

import pytest

from separation.planner import make_plan
from separation.verification import verify
from separation.verification.invariants import EXECUTE
from tests.separation.engine import move, query
from tests.separation.old_application import old_application, register
from tests.separation.verify import damage

UNSEEN = {
    "a registration": (
        "customers_accounted",
        """INSERT INTO users (email, password, is_customer, updated_at)
        VALUES ('late@example.org', 'none', true, now()) RETURNING id""",
    ),
    "a deleted user": ("customers_have_users", "DELETE FROM users WHERE email = 'lena@example.org' RETURNING id"),
    "a staff link that is no more": (
        "held_back_rightly",
        """UPDATE users SET role = 'USER' WHERE is_customer;
        DELETE FROM restaurant_staff WHERE role <> 'STAFF' AND user_id IN (SELECT id FROM users WHERE is_customer);
        DELETE FROM menus WHERE user_id IN (SELECT id FROM users WHERE is_customer);
        DELETE FROM recipes WHERE user_id IN (SELECT id FROM users WHERE is_customer) RETURNING id""",
    ),
    "an order elsewhere": (
        "mismatches_found",
        """UPDATE orders o SET restaurant_id = (SELECT max(x.id) FROM restaurants x WHERE x.id <> r.restaurant_id)
        FROM reservations r WHERE r.id = o.reservation_id
            AND o.id = (SELECT min(z.id) FROM orders z WHERE z.reservation_id IS NOT NULL AND z.customer_id IS NULL)
        RETURNING o.id""",
    ),
    "a menu without a restaurant": (
        "homeless_dishes_found",
        "UPDATE menus SET restaurant_id = NULL WHERE id = (SELECT min(id) FROM menus) RETURNING id",
    ),
    "an unlinked reservation": (
        "reservations_counted",
        """UPDATE reservations SET customer_id = NULL
        WHERE id = (SELECT min(id) FROM reservations WHERE customer_id = user_id) RETURNING id""",
    ),
    "an emptied table": (
        "customers_have_users",
        "TRUNCATE users CASCADE; SELECT 1",
    ),
}


@pytest.mark.parametrize("unseen", UNSEEN)
def test_what_was_written_unseen_is_named_and_execute_repairs_it(legacy_database, unseen):
    invariant, sql = UNSEEN[unseen]
    database = legacy_database("plain", moved=True)
    connection = database.connection
    assert make_plan(connection).nothing_to_do
    with old_application(database.name, "postgres") as old:
        register(old, "lena@example.org")

    assert damage(connection, sql)

    failed = {result.id: result.remedy for result in verify(connection).failures}
    assert failed[invariant] == EXECUTE
    assert not make_plan(connection).nothing_to_do
    move(connection)
    assert [(result.id, result.sample) for result in verify(connection).failures] == []
    assert make_plan(connection).nothing_to_do


def test_nothing_is_left_to_do_about_rows_before_a_run_has_begun(legacy_database):
    connection = legacy_database("plain", adopted=True).connection
    query(connection, "UPDATE menus SET restaurant_id = NULL")
    query(connection, "UPDATE users SET is_customer = false")
    assert make_plan(connection).nothing_to_do
