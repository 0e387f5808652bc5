"""Whatever the old application writes while both schemas live, it cannot tell: the same answers, and after a roll-back
the same rows as in a database that was never migrated. And the new tables are in step all the time."""

from contextlib import ExitStack

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from separation.migrator import Migration, Pace, StopRequest
from separation.mirror import drain
from separation.models import Phase, Run
from separation.phases import change_phase
from separation.verification import verify
from tests.databases import database_url, default_connection_to
from tests.separation.engine import checksums, columns_of, take_back
from tests.separation.old_application import BCRYPT, application_role, old_application

KINDS = ["plain", "ahead"]
emails = st.sampled_from(["a@x.example", "A@x.example", " a@X.example", "b@x.example", "none", ""])
some = st.integers(0, 40)  # which of the rows there are, counted round
restaurants = st.sampled_from([0, 1, 2])
status = st.sampled_from(["CONFIRMED", "COMPLETED", "CANCELLED"])

PERSON = "(SELECT id FROM users ORDER BY id OFFSET %s %% (SELECT count(*) FROM users) LIMIT 1)"
CUSTOMER = (
    "(SELECT id FROM users WHERE is_customer ORDER BY id "
    "OFFSET %s %% greatest((SELECT count(*) FROM users WHERE is_customer), 1) LIMIT 1)"
)
EMAIL = f"(SELECT email FROM users WHERE id = {PERSON})"
PLACE = "(SELECT id FROM restaurants ORDER BY id OFFSET %s %% (SELECT count(*) FROM restaurants) LIMIT 1)"
BOOKING = "(SELECT id FROM reservations ORDER BY id DESC OFFSET %s LIMIT 1)"
ORDER = "(SELECT id FROM orders ORDER BY id DESC OFFSET %s LIMIT 1)"


def statement(sql, *values):
    return st.tuples(st.just(sql), st.tuples(*values))


everywhere = [
    statement(
        "INSERT INTO users (email, name, password, is_customer, updated_at) VALUES (%s, %s, %s, %s, '2026-02-01')",
        emails,
        st.sampled_from([None, "Ada", " Ada  Maria\tKing "]),
        st.sampled_from([BCRYPT, "sha"]),
        st.booleans(),
    ),
    statement(f"UPDATE users SET email = %s, updated_at = '2026-03-01' WHERE id = {CUSTOMER}", emails, some),
    statement(f"UPDATE users SET email = upper(email) WHERE id = {CUSTOMER}", some),
    statement(f"UPDATE users SET email = ' ' || lower(email) WHERE id = {CUSTOMER}", some),
    statement("UPDATE users SET email = initcap(email) WHERE is_customer"),
    statement(
        f"UPDATE users SET email = (SELECT email FROM users WHERE id = {PERSON}) WHERE id = {CUSTOMER}", some, some
    ),
    statement(f"UPDATE users SET email = upper({EMAIL}) WHERE id = {CUSTOMER}", some, some),
    statement(f"UPDATE users SET name = 'New Name', phone = '+1' WHERE id = {CUSTOMER}", some),
    statement(f"UPDATE users SET password = %s WHERE id = {CUSTOMER}", st.sampled_from([BCRYPT, "", "sha"]), some),
    statement(f"UPDATE users SET is_customer = NOT is_customer WHERE id = {PERSON}", some),
    statement(f"UPDATE users SET is_customer = NOT is_customer WHERE id = {CUSTOMER}", some),
    statement(f"UPDATE users SET role = 'ADMIN' WHERE id = {CUSTOMER}", some),
    statement("UPDATE users SET role = 'USER', is_customer = true WHERE role = 'ADMIN'"),
    statement(f"DELETE FROM users WHERE id = {CUSTOMER}", some),
    statement(
        f"""INSERT INTO restaurant_staff (user_id, restaurant_id, role, updated_at)
        VALUES ({CUSTOMER}, {PLACE}, %s::"StaffRole", '2026-02-01')""",
        some,
        restaurants,
        st.sampled_from(["STAFF", "MANAGER"]),
    ),
    statement(f"UPDATE restaurant_staff SET role = 'STAFF' WHERE user_id = {CUSTOMER}", some),
    statement(f"DELETE FROM restaurant_staff WHERE user_id = {CUSTOMER}", some),
    statement(f"INSERT INTO menus (name, user_id, updated_at) VALUES ('M', {CUSTOMER}, '2026-02-01')", some),
    statement("DELETE FROM menus WHERE name = 'M'"),
    statement(
        f"""INSERT INTO reservations (customer_name, restaurant_id, party_size, reservation_date, reservation_time,
            status, table_ids, updated_at, user_id)
        VALUES ('x', {PLACE}, 2, '2026-01-01', '19:00', %s::"ReservationStatus", '{{}}', '2026-01-01', {PERSON})""",
        restaurants,
        status,
        some,
    ),
    statement(
        f"""UPDATE reservations SET status = %s::"ReservationStatus", reservation_date = '2026-05-05'
        WHERE id = {BOOKING}""",
        status,
        some,
    ),
    statement(f"UPDATE reservations SET user_id = {PERSON} WHERE id = {BOOKING}", some, some),
    statement(f"UPDATE reservations SET restaurant_id = {PLACE} WHERE id = {BOOKING}", restaurants, some),
    statement(f"DELETE FROM reservations WHERE id = {BOOKING}", some),
    statement(f"DELETE FROM reservations WHERE user_id = {CUSTOMER}", some),
    statement(
        f"""INSERT INTO orders (order_number, restaurant_id, status, total_amount, updated_at, user_id, reservation_id)
        SELECT 'new-' || count(*), {PLACE}, %s::"OrderStatus", 12.5, '2026-01-01', {PERSON}, {BOOKING} FROM orders""",
        restaurants,
        st.sampled_from(["NEW", "COMPLETED"]),
        some,
        some,
    ),
    statement(
        f"""UPDATE orders SET status = %s::"OrderStatus", total_amount = 7 WHERE id = {ORDER}""",
        st.sampled_from(["NEW", "COMPLETED"]),
        some,
    ),
    statement(f"UPDATE orders SET user_id = {PERSON} WHERE id = {ORDER}", some, some),
    statement(f"DELETE FROM orders WHERE id = {ORDER}", some),
]
ahead = [
    statement(f"UPDATE reservations SET customer_id = {PERSON} WHERE id = {BOOKING}", some, some),
    statement(f"UPDATE reservations SET customer_id = NULL WHERE id = {BOOKING}", some),
    statement(f"UPDATE reservations SET customer_id = user_id WHERE id = {BOOKING}", some),
    statement(
        f"""INSERT INTO reservations (customer_name, restaurant_id, party_size, reservation_date, reservation_time,
            status, table_ids, updated_at, user_id, customer_id)
        VALUES ('x', {PLACE}, 2, '2026-01-01', '19:00', %s::"ReservationStatus", '{{}}', '2026-01-01', {PERSON},
            {PERSON})""",
        restaurants,
        status,
        some,
        some,
    ),
    statement(
        f"""INSERT INTO customer_profiles (user_id, tags, notes, updated_at)
        VALUES ({CUSTOMER}, '{{}}', 'written late', '2026-02-01')""",
        some,
    ),
    statement(f"UPDATE customer_profiles SET notes = 'changed' WHERE user_id = {CUSTOMER}", some),
    statement(f"UPDATE customer_profiles SET user_id = {PERSON} WHERE user_id = {CUSTOMER}", some, some),
    statement(f"DELETE FROM customer_profiles WHERE user_id = {CUSTOMER}", some),
]
writes = st.one_of(
    st.tuples(
        st.just("plain"), st.lists(st.one_of(everywhere), max_size=6), st.lists(st.one_of(everywhere), max_size=8)
    ),
    st.tuples(
        st.just("ahead"),
        st.lists(st.one_of(everywhere + ahead), max_size=6),
        st.lists(st.one_of(everywhere + ahead), max_size=8),
    ),
)


def answer(old, sql, values):
    """Return what the old application gets: how many rows it wrote, or what went wrong."""
    try:
        return old.execute(sql, values).rowcount
    except psycopg.Error as error:
        return error.sqlstate


def write(old, twin, statements):
    for sql, values in statements:
        assert answer(old, sql, values) == answer(twin, sql, values), sql


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(case=writes)
def test_the_old_application_cannot_tell(databases, django_db_blocker, case):
    kind, early, late = case
    with django_db_blocker.unblock(), ExitStack() as stack:
        twin_name = stack.enter_context(databases.clone(kind, 20, 1, True)).name
        database = stack.enter_context(databases.clone(kind, 20, 1, True))
        connection = database.connection
        role = stack.enter_context(application_role(database.name, profiles=kind == "ahead"))
        old = stack.enter_context(old_application(database.name, role))
        twin = stack.enter_context(psycopg.connect(database_url(twin_name), autocommit=True))
        columns = {
            # The server's clock and a sequence that the new profiles draw from as well; everything else is compared.
            table: [name for name in names if name != "created_at" and (table, name) != ("customer_profiles", "id")]
            for table, names in columns_of(connection).items()
            if not table.startswith("separation_")
        }

        run = Run.objects.create(kind=Run.EXECUTE, operator="a test")
        change_phase(connection, Phase.LEGACY, Phase.DUAL)
        migration = Migration(connection, run, pace=Pace(size=8, smallest=8, largest=8))
        stop = StopRequest()
        with pytest.raises(Exception, match="Stopped"):
            migration.move_all(stop, stop)
        write(old, twin, early)
        migration.move_all(StopRequest(), lambda _: None)
        migration.finish()
        write(old, twin, late)

        assert "failed" not in run.counts
        assert drain(connection) == 0
        assert [(r.id, r.details or r.sample) for r in verify(connection).failures] == []
        take_back(connection)
        left = checksums(connection, columns)
        with default_connection_to(twin_name) as untouched:
            assert checksums(untouched, columns) == left
