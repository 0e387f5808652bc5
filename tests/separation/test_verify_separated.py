"""Each damage to a database that was cleaned up is caught by exactly the invariant that names it."""

import pytest

from separation.cleanup import flow
from separation.verification import examine
from separation.verification.report import WARN
from tests.databases import default_connection_to
from tests.separation.cleaning import clean, ready
from tests.separation.engine import query
from tests.separation.verify import broken, damage, undone

pytestmark = pytest.mark.engine

DAMAGES = {
    "users_closed": "ALTER TABLE users DROP CONSTRAINT users_hold_no_customers; SELECT 'users'",
    "archived_are_gone": """INSERT INTO users (id, email, password, updated_at)
        SELECT min(id), 'x', '', now() FROM customers RETURNING id""",
    "archived_once": """INSERT INTO separation_archive (table_name, row_id, columns, "values", gone)
        SELECT table_name, row_id, '{}', '{}', true FROM separation_archive WHERE table_name = 'users' AND gone
        ORDER BY row_id::integer LIMIT 1 RETURNING row_id::integer""",
    "everybody_archived": """DELETE FROM separation_archive WHERE table_name = 'users' AND NOT gone
        AND id = (SELECT min(id) FROM separation_archive WHERE table_name = 'users' AND NOT gone); SELECT 'users'""",
    "reservations_have_somebody": """UPDATE reservations SET customer_id = NULL
        WHERE id = (SELECT min(id) FROM reservations WHERE user_id IS NULL) RETURNING id""",
    "orders_lead_somewhere": """UPDATE orders SET customer_id = 999999
        WHERE id = (SELECT min(id) FROM orders WHERE user_id IS NULL) RETURNING id""",
    "reservation_users_there": """UPDATE reservations SET user_id = 999999
        WHERE id = (SELECT min(id) FROM reservations WHERE user_id IS NULL) RETURNING id""",
    "keys_safe": """ALTER TABLE orders DROP CONSTRAINT orders_user_id_fkey, ADD CONSTRAINT orders_user_id_fkey
        FOREIGN KEY (user_id) REFERENCES users (id) ON DELETE CASCADE; SELECT 'orders.user_id'""",
    "keys_rearmed": """COMMENT ON CONSTRAINT menus_user_id_fkey ON menus IS '(disarmed by cleanup_legacy, was: x)';
        SELECT 'menus.user_id'""",
    "emails_are_addresses": """UPDATE customers SET email = 'nobody'
        WHERE id = (SELECT min(id) FROM customers) RETURNING id""",
    "passwords_readable": "UPDATE customers SET password = 'x' WHERE id = (SELECT min(id) FROM customers) RETURNING id",
    "nobody_parked": "INSERT INTO customers (id, email, password) VALUES (-1, 'x@y.example', '!') RETURNING id",
    "profiles_lead_somewhere": """UPDATE customer_profiles SET customer_id = 999999
        WHERE id = (SELECT min(id) FROM customer_profiles) RETURNING id""",
    "visits_right": """UPDATE customer_restaurants SET visit_count = visit_count + 1
        WHERE id = (SELECT min(id) FROM customer_restaurants) RETURNING customer_id""",
    "archive_without_secrets": """UPDATE separation_archive SET "values"[1] = '$2b$10$abc'
        WHERE id = (SELECT min(id) FROM separation_archive) RETURNING id::integer""",
    "deleted_archived": """DELETE FROM separation_archive WHERE table_name = 'refresh_tokens'
        AND id = (SELECT min(id) FROM separation_archive WHERE table_name = 'refresh_tokens');
        SELECT 'refresh_tokens'""",
    "mirror_gone": """CREATE FUNCTION separation_x() RETURNS integer LANGUAGE sql AS 'SELECT 1';
        SELECT 'separation_x()'""",
}
# What such a damage breaks besides, since it is that as well.
BESIDES = {
    "archived_once": {"deleted_archived"},
    "reservations_have_somebody": {"visits_right"},
    "orders_lead_somewhere": {"visits_right"},
}


@pytest.fixture(scope="module")
def separated(databases, django_db_blocker, tmp_path_factory):
    """The name of a database that was cleaned up."""
    folder = tmp_path_factory.mktemp("separated")
    with (
        pytest.MonkeyPatch.context() as patch,
        django_db_blocker.unblock(),
        databases.clone("plain", 60, 1, True, True) as database,
    ):
        patch.setattr(flow, "_require_all", lambda connection, operator: None)
        patch.setattr("django.conf.settings.LOG_DIR", folder / "logs")
        patch.setattr("django.conf.settings.SEPARATION_POLICY", "")
        ready(lambda kind, moved: database, folder)
        clean(database.connection)
        yield database.name


@pytest.mark.parametrize("invariant", DAMAGES)
def test_the_invariant_names_the_damage(invariant, separated):
    with default_connection_to(separated) as connection, undone(connection):
        ids = damage(connection, DAMAGES[invariant])

        found = broken(examine(connection))

    assert found[invariant] == ids
    assert found.keys() - {invariant} <= BESIDES.get(invariant, set())


def test_a_customer_in_users(separated):
    with default_connection_to(separated) as connection, undone(connection):
        damage(connection, "ALTER TABLE users DROP CONSTRAINT users_hold_no_customers; SELECT 1")
        flag = "UPDATE users SET is_customer = true WHERE id = (SELECT min(id) FROM users) RETURNING id"
        ids = damage(connection, flag)
        found = broken(examine(connection))

    assert found["customers_gone"] == ids


def test_a_booking_that_an_application_deleted_since_is_a_warning(separated):
    with default_connection_to(separated) as connection, undone(connection):
        query(
            connection, "DELETE FROM orders WHERE id = (SELECT min(id) FROM orders WHERE user_id IS NULL) RETURNING id"
        )
        report = examine(connection)

    (warning,) = report.warnings
    assert (warning.id, warning.status) == ("bookings_kept", WARN)
    assert report.ok
