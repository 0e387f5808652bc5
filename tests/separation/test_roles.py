"""Both applications work with roles of their own: the old one as before, the new one with what the runbook grants."""

import re
from contextlib import closing
from datetime import UTC, date, datetime

import psycopg
import pytest
from django.conf import settings

from customers.models import Customer
from customers.passwords import customer_set_password
from portal.export import export_of
from portal.journeys.run import PASS, Outcome, Report, walk
from portal.journeys.steps import CUSTOMER, EVERYBODY, GUEST, STEPS, Journey, staff_see_it
from portal.services import customer_anonymise
from reservations.availability import availability
from reservations.idempotency import idempotency_keys_forget, idempotent
from reservations.models import Reservation
from reservations.services import (
    Actor,
    Changes,
    Contact,
    booking_persons_forget,
    booking_slots_forget,
    reservation_cancel,
    reservation_change,
    reservation_create,
)
from restaurants.models import Restaurant
from separation.mirror import drain
from separation.verification import verify
from tests.databases import database_url
from tests.factories import BookingPolicyFactory
from tests.portal.deployment import serving
from tests.separation.engine import one, query
from tests.separation.old_application import application_role, book, old_application, order, register

pytestmark = pytest.mark.engine

GRANTS = re.compile(r"^```sql\n(GRANT .*?)^```$", re.MULTILINE | re.DOTALL)
REGISTER = "INSERT INTO customers (email, password) VALUES ('lena@example.org', '!') RETURNING id"
LATER = "INSERT INTO customers (email, password) VALUES ('maria@example.org', '!') RETURNING id"
# What the portal does for the customer %(lena)s.
WRITES = (
    "UPDATE customers SET phone = '5' WHERE id = %(lena)s",
    "UPDATE customer_profiles SET notes = 'Vegan' WHERE customer_id = %(lena)s",
    """INSERT INTO reservations (customer_name, restaurant_id, party_size, reservation_date, reservation_time, status,
        table_ids, updated_at, customer_id)
    SELECT name, id, 2, '2026-04-04', '19:00', 'CONFIRMED', '{}', now(), %(lena)s FROM restaurants LIMIT 1""",
    "UPDATE reservations SET status = 'CANCELLED' WHERE customer_id = %(lena)s",
    """INSERT INTO orders (order_number, restaurant_id, total_amount, updated_at, customer_id)
    SELECT 'portal', id, 10, now(), %(lena)s FROM restaurants LIMIT 1""",
    """INSERT INTO order_items (order_id, menu_item_id, price, updated_at)
    SELECT o.id, m.id, 10, now() FROM orders o, menu_items m WHERE o.customer_id = %(lena)s LIMIT 1""",
    "UPDATE customer_restaurants SET notes = 'Window' WHERE customer_id = %(lena)s",
    """INSERT INTO customer_sessions (id, customer_id, token_hash, family, expires_at)
    VALUES (gen_random_uuid(), %(lena)s, '', gen_random_uuid(), now())""",
    "UPDATE customer_sessions SET revoked_at = now() WHERE customer_id = %(lena)s",
    """INSERT INTO staff_sessions (id, user_id, password_hash, token_hash, family, expires_at)
    VALUES (gen_random_uuid(), %(lena)s, '', '', gen_random_uuid(), now())""",
    "DELETE FROM staff_sessions",
    "INSERT INTO request_throttles (key, expires_at) VALUES ('x', now())",
    "DELETE FROM request_throttles",
    "SELECT separation_arrive('lena@example.org')",
    "SELECT name, closed FROM separation_phase",
)


def book_tables(connection, role, lena):
    """Book, change and cancel as the portal does, with and without an account, all that is limited."""
    restaurant = Restaurant.objects.filter(opening_hours__isnull=False, is_active=True).earliest("id")
    BookingPolicyFactory.create(restaurant=restaurant, covers_per_slot=50, covers_per_day=500)
    now = datetime(2100, 1, 1, tzinfo=UTC)
    query(connection, f'SET ROLE "{role}"')
    try:
        found = availability(restaurant=restaurant, day=date(2100, 1, 8), party_size=2, now=now)
        slot = found.slots[0]
        for customer in (Customer.objects.get(pk=lena), None):

            def do(customer=customer):
                booked = reservation_create(
                    restaurant=restaurant,
                    party_size=2,
                    day=slot.day,
                    time=slot.time,
                    contact=Contact("Lena"),
                    source="portal",
                    customer=customer,
                    now=now,
                )
                return 201, booked.pk

            answer = idempotent(scope="role", key=str(customer), request={}, do=do)
            booked = Reservation.objects.get(pk=answer.body)
            actor = Actor("guest")
            reservation_change(reservation=booked, actor=actor, changes=Changes(party_size=3), now=now)
            reservation_cancel(reservation=booked, actor=actor, now=now)
            booking_persons_forget(reservations=[booked.pk])
        assert (idempotency_keys_forget(scope="role"), booking_slots_forget(now=now)) == (2, 0)
    finally:
        query(connection, "RESET ROLE")


def leave(connection, role, lena):
    """Take everything along, and be forgotten."""
    query(connection, f'SET ROLE "{role}"')
    try:
        customer = Customer.objects.get(pk=lena)
        customer_set_password(customer=customer, raw_password="correct horse battery")
        assert export_of(customer)["customer"]["id"] == lena
        customer_anonymise(customer=customer, password="correct horse battery")
    finally:
        query(connection, "RESET ROLE")


def live_a_day(name, role, monkeypatch):
    """Do over HTTP whatever a customer and a guest come for, at a deployment that has this role's rights alone."""
    theirs = [step for step in STEPS if step.who in (EVERYBODY, CUSTOMER, GUEST) and step.take is not staff_see_it]
    monkeypatch.setattr("portal.journeys.run.STEPS", theirs)
    told: list[Outcome] = []
    with serving(role=role) as url:
        walk(Report(name, url), Journey(url), told.append)
    assert [f"{outcome.step}: {outcome.detail}" for outcome in told if outcome.status != PASS] == []
    assert len(told) == len(theirs) + 1


def test_each_application_with_a_role_of_its_own(legacy_database, monkeypatch):
    database = legacy_database("plain", moved=True)
    (grants,) = GRANTS.findall((settings.BASE_DIR / "docs" / "RUNBOOK.md").read_text(encoding="utf-8"))
    role = f"{database.name}_portal"
    query(database.connection, f'CREATE ROLE "{role}" NOLOGIN; ' + grants.replace("TO portal", f'TO "{role}"'))
    try:
        with closing(psycopg.connect(database_url(database.name), autocommit=True)) as portal:
            portal.execute(f'SET ROLE "{role}"')
            ((lena,),) = portal.execute(REGISTER).fetchall()
            assert [portal.execute(sql, {"lena": lena}).rowcount for sql in WRITES] == [1] * len(WRITES)
            for table in ("users", "separation_findings", "separation_undo"):
                with pytest.raises(psycopg.errors.InsufficientPrivilege):
                    portal.execute(f"SELECT FROM {table}")
        book_tables(database.connection, role, lena)
        live_a_day(database.name, role, monkeypatch)
        leave(database.connection, role, query(database.connection, LATER)[0][0])
        with application_role(database.name) as old_role, old_application(database.name, old_role) as old:
            late = register(old, "late@example.org")
            book(old, lena, 1)
            order(old, late, 1, "old")
            assert old.execute("UPDATE users SET phone = '6' WHERE id = %s", [lena]).rowcount == 1
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                old.execute("SELECT FROM customers")
    finally:
        query(database.connection, f'DROP OWNED BY "{role}"; DROP ROLE "{role}"')
    assert one(database.connection, "SELECT phone FROM customers WHERE id = %s", [lena]) == "6"
    assert drain(database.connection) == 0
    assert verify(database.connection).failures == []
