"""Whoever the customers are, and whatever is decided about them: clean-up takes them out of users, and nothing else."""

from contextlib import suppress

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from separation.cleanup import flow
from separation.decisions import duplicate_merge
from separation.errors import Refused
from separation.models import Archived
from separation.phases import phase_of
from separation.verification import verify
from tests.separation.cleaning import bookings, clean, decide_everything
from tests.separation.engine import move, query
from tests.separation.test_engine_properties import fill, people

TWINS = """SELECT max(id), min(id) FROM users WHERE is_customer GROUP BY lower(btrim(email)) HAVING count(*) > 1"""
CUSTOMERS = "SELECT id, email, password, first_name, last_name, phone FROM customers ORDER BY id"
STAFF = """SELECT id, email, name, password, role FROM users
    WHERE NOT is_customer OR id NOT IN (SELECT id FROM customers UNION SELECT user_id FROM separation_merges)
    ORDER BY id"""
LOST = """SELECT t.id FROM reservations t WHERE num_nonnulls(t.user_id, t.customer_id) = 0
    OR t.user_id IS NOT NULL AND t.user_id NOT IN (SELECT id FROM users)
    OR t.customer_id IS NOT NULL AND t.customer_id NOT IN (SELECT id FROM customers)"""


@pytest.fixture(autouse=True)
def without_interlocks(monkeypatch, settings, tmp_path):
    settings.LOG_DIR, settings.SEPARATION_POLICY = tmp_path / "logs", ""
    monkeypatch.setattr(flow, "_require_all", lambda connection, operator: None)


# Each example has a database of its own, so there are fewer of them.
@settings(max_examples=settings().max_examples // 4, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(persons=people, restaurants=st.integers(1, 3), size=st.integers(1, 5), merge=st.booleans())
def test_any_customers_leave_users_and_nothing_else_does(
    databases, django_db_blocker, tmp_path, persons, restaurants, size, merge
):
    with django_db_blocker.unblock(), databases.clone("plain", 1, 1, True) as database:
        connection = database.connection
        fill(connection, persons, restaurants)
        move(connection, size=size)
        for user, into in query(connection, TWINS) if merge else []:
            with suppress(Refused):
                duplicate_merge(connection=connection, user_id=user, into=into, by="a test", execute=True)
        decide_everything(connection, tmp_path)
        before, customers, staff = bookings(connection), query(connection, CUSTOMERS), query(connection, STAFF)
        everybody = {person for (person,) in query(connection, "SELECT id FROM users")}

        clean(connection)

        assert phase_of(connection) == "separated"
        assert bookings(connection) == before
        assert query(connection, CUSTOMERS) == customers
        assert query(connection, "SELECT id, email, name, password, role FROM users ORDER BY id") == staff
        assert query(connection, "SELECT id FROM users WHERE is_customer") == query(connection, LOST) == []
        gone = Archived.objects.filter(table_name="users", gone=True).values_list("row_id", flat=True)
        assert sorted(int(person) for person in gone) == sorted(everybody - {row[0] for row in staff})
        assert [(result.id, result.sample) for result in verify(connection).failures] == []
