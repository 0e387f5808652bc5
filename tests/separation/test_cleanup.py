"""Clean-up: the customers leave users, and nothing else goes."""

import pytest

from separation.cleanup import flow
from separation.errors import CheckFailed
from separation.models import Archived, Run
from separation.phases import phase_of
from separation.verification import verify
from tests.separation.cleaning import Operator, bookings, clean, ready
from tests.separation.engine import one, query

RULES = """SELECT k.conrelid::regclass || '.' || a.attname, k.confrelid::regclass::text, k.confdeltype, k.convalidated
FROM pg_constraint k JOIN pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = k.conkey[1]
WHERE k.contype = 'f' AND k.confrelid IN ('users'::regclass, 'customers'::regclass) ORDER BY 1"""


@pytest.fixture(autouse=True)
def folders(settings, tmp_path):
    settings.LOG_DIR = tmp_path / "logs"
    settings.SEPARATION_QUIET_DAYS = 0
    settings.SEPARATION_POLICY = ""
    return tmp_path


@pytest.fixture
def without_interlocks(monkeypatch):
    monkeypatch.setattr(flow, "_require_all", lambda connection, operator: None)


@pytest.mark.parametrize("kind", ["plain", "ahead", "half", "dirty"])
def test_the_customers_leave_users_and_every_booking_stays(kind, legacy_database, folders, without_interlocks):
    database = ready(legacy_database, folders, kind)
    connection = database.connection
    before, users = bookings(connection), one(connection, "SELECT count(*) FROM users")
    customers = query(connection, "SELECT id, email, password FROM customers WHERE id > 0 ORDER BY id")
    kept = one(connection, "SELECT count(*) FROM users WHERE NOT is_customer OR id NOT IN (SELECT id FROM customers)")

    clean(connection)

    assert phase_of(connection) == "separated"
    assert bookings(connection) == before
    assert query(connection, "SELECT id, email, password FROM customers ORDER BY id") == customers
    assert one(connection, "SELECT count(*) FROM users") == kept
    assert one(connection, "SELECT count(*) FROM users WHERE is_customer") == 0
    assert Archived.objects.filter(table_name="users", gone=True).count() == users - kept
    assert one(connection, "SELECT count(*) FROM reservations WHERE user_id IS NULL AND customer_id IS NULL") == 0
    assert verify(connection).ok
    assert query(connection, "SELECT tgname FROM pg_trigger WHERE tgname ~ '^(zz_)?separation_'") == []
    assert one(connection, "SELECT count(*) FROM pg_class WHERE relname LIKE 'separation_cleanup%'") == 0
    for table in ("separation_undo", "separation_pending", "separation_chunks"):
        assert one(connection, f"SELECT count(*) FROM {table}") == 0


def test_no_password_and_no_token_is_archived(legacy_database, folders, without_interlocks):
    database = ready(legacy_database, folders)

    clean(database.connection)

    columns = {tuple(found.columns) for found in Archived.objects.filter(gone=True, table_name="users")}
    assert columns == {("id", "email", "name", "role", "is_customer", "phone", "created_at", "updated_at")}
    tokens = {tuple(found.columns) for found in Archived.objects.filter(table_name="refresh_tokens")}
    assert tokens == {("id", "user_id", "ip", "user_agent", "revoked", "expires_at", "created_at")}


def test_keys_lead_to_customers_and_those_of_staff_are_what_they_were(legacy_database, folders, without_interlocks):
    database = ready(legacy_database, folders, "ahead")
    before = {key: rest for key, *rest in query(database.connection, RULES)}

    clean(database.connection)

    after = {key: rest for key, *rest in query(database.connection, RULES)}
    changed = {key: rest for key, rest in after.items() if before[key] != rest}
    assert changed == {
        "customer_profiles.user_id": ["users", "n", True],
        "guest_reservations.user_id": ["customers", "n", True],
        "orders.user_id": ["users", "r", True],
        "reservations.customer_id": ["customers", "n", True],
        "reservations.user_id": ["users", "r", True],
    }
    assert before.keys() == after.keys()


def test_no_customer_enters_users_again(legacy_database, folders, without_interlocks):
    database = ready(legacy_database, folders)
    clean(database.connection)

    with pytest.raises(Exception, match="users_hold_no_customers"):
        query(
            database.connection,
            "INSERT INTO users (email, password, is_customer, updated_at) VALUES ('a@b.example', '', true, now())",
        )


def test_a_second_time_there_is_nothing_to_do(legacy_database, folders, without_interlocks):
    database = ready(legacy_database, folders)
    clean(database.connection)

    operator = clean(database.connection)

    assert operator.said == [f"Nothing to do: database {database.name!r} is separated; nobody in users is a customer."]
    assert operator.asked == []
    assert Run.objects.filter(kind=Run.CLEANUP).count() == 1


TRIGGERS = {
    "deletes": "DELETE FROM order_items WHERE id = (SELECT min(id) FROM order_items); RETURN NULL;",
    "changes": "UPDATE orders SET notes = 'gone' WHERE id = (SELECT min(id) FROM orders); RETURN NULL;",
    "empties": "TRUNCATE order_items; RETURN NULL;",
}
SAID = {
    "deletes": "delete 1 rows of order_items instead of 0",
    "changes": "change 102 rows of orders instead of 101",
    "empties": "empty or redefine order_items",
}


@pytest.mark.parametrize("what", TRIGGERS)
def test_a_trigger_that_writes_elsewhere_undoes_the_chunk(what, legacy_database, folders, without_interlocks):
    database = ready(legacy_database, folders)
    before, users = bookings(database.connection), query(database.connection, "SELECT u::text FROM users u ORDER BY id")
    query(
        database.connection,
        f"CREATE FUNCTION audit() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {TRIGGERS[what]} END $$; "
        "CREATE TRIGGER audit AFTER DELETE ON users FOR EACH STATEMENT EXECUTE FUNCTION audit()",
    )

    with pytest.raises(CheckFailed) as error:
        clean(database.connection)

    assert error.value.message == (
        f"Clean-up made PostgreSQL {SAID[what]}. The chunk was undone. Triggers there: users.audit."
    )
    assert error.value.next_command == "see to that, then: python manage.py cleanup_legacy --execute"
    assert bookings(database.connection) == before
    assert query(database.connection, "SELECT u::text FROM users u ORDER BY id") == users
    assert phase_of(database.connection) == "cleaning"
    assert verify(database.connection).ok

    query(database.connection, "DROP TRIGGER audit ON users")
    operator = clean(database.connection)
    assert operator.asked[0][1].startswith("This goes on where it stopped. This deletes 55 customers from users")
    assert bookings(database.connection) == before


def test_an_audit_log_of_ones_own_is_no_harm(legacy_database, folders, without_interlocks):
    database = ready(legacy_database, folders)
    query(
        database.connection,
        """CREATE TABLE audit_log (id serial, who integer);
        CREATE FUNCTION audit() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        INSERT INTO audit_log (who) VALUES (OLD.id); RETURN NULL; END $$;
        CREATE TRIGGER audit AFTER DELETE ON users FOR EACH ROW EXECUTE FUNCTION audit()""",
    )

    clean(database.connection)

    assert one(database.connection, "SELECT count(*) FROM audit_log") == 55


def test_a_trigger_that_keeps_users_undoes_the_chunk(legacy_database, folders, without_interlocks):
    database = ready(legacy_database, folders)
    query(
        database.connection,
        """CREATE FUNCTION keep() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$;
        CREATE TRIGGER keep BEFORE DELETE ON users FOR EACH ROW EXECUTE FUNCTION keep()""",
    )

    with pytest.raises(CheckFailed) as error:
        clean(database.connection)

    assert error.value.message == (
        "Of 63 users only 8 could be written: a trigger or a rule keeps them. The chunk was undone."
    )


def test_before_the_phrase_it_says_that_only_restore_leads_back(legacy_database, folders, without_interlocks):
    database = ready(legacy_database, folders)

    operator = clean(database.connection, Operator())

    ((phrase, consequence),) = operator.asked
    assert phrase == f"CLEANUP {database.name}"
    assert consequence == (
        f"This deletes 55 customers from users of database {database.name!r}; they live in customers. From here on no "
        "command leads back but restore, into another database: and no backup is where its record says."
    )


def test_visits_and_spend_are_kept_right_from_then_on(legacy_database, folders, without_interlocks):
    database = ready(legacy_database, folders)
    connection = database.connection
    clean(connection)
    figures = "SELECT visit_count, total_spent FROM customer_restaurants WHERE customer_id = %s AND restaurant_id = %s"
    ((customer, restaurant, visits, spent),) = query(
        connection,
        """SELECT l.customer_id, l.restaurant_id, l.visit_count, l.total_spent FROM customer_restaurants l
        WHERE l.visit_count > 0 ORDER BY l.id LIMIT 1""",
    )

    query(
        connection,
        f"""INSERT INTO orders (order_number, customer_id, restaurant_id, status, total_amount, updated_at)
        VALUES ('after', {customer}, {restaurant}, 'COMPLETED', 10.00, now())""",
    )

    assert query(connection, figures % (customer, restaurant)) == [(visits + 1, spent + 10)]
    assert verify(connection).ok


def test_what_the_mirror_keeps_right_nothing_else_writes(legacy_database):
    connection = legacy_database("plain", adopted=True).connection

    assert query(connection, "SELECT DISTINCT tgenabled FROM pg_trigger WHERE tgname LIKE 'customer_visits%'") == [
        ("D",)
    ]
