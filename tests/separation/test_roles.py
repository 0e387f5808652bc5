"""Both applications work with roles of their own: the old one as before, the new one with what the runbook grants."""

import re
from contextlib import closing

import psycopg
import pytest
from django.conf import settings

from separation.mirror import drain
from separation.verification import verify
from tests.databases import database_url
from tests.separation.engine import move, one, query
from tests.separation.old_application import application_role, book, old_application, order, register

pytestmark = pytest.mark.engine

GRANTS = re.compile(r"^```sql\n(GRANT .*?)^```$", re.MULTILINE | re.DOTALL)
REGISTER = "INSERT INTO customers (email, password) VALUES ('lena@example.org', '!') RETURNING id"
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
    "INSERT INTO request_throttles (key, expires_at) VALUES ('x', now())",
    "DELETE FROM request_throttles",
    "SELECT separation_arrive('lena@example.org')",
    "SELECT name, closed FROM separation_phase",
)


def test_each_application_with_a_role_of_its_own(legacy_database):
    database = legacy_database("plain", adopted=True)
    move(database.connection)
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
