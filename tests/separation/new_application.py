"""The new application: what it writes, and what that is in legacy form, worked out from the design alone."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
from django.db.backends.base.base import BaseDatabaseWrapper

from tests.separation.engine import one, query

Row = dict[str, Any]
Session = psycopg.Connection[Any]

FIELDS = ("email", "password", "first_name", "last_name", "phone", "is_active")
CUSTOMER = f"SELECT id, {', '.join(FIELDS)} FROM customers WHERE id = %s"
BOOK = """
INSERT INTO reservations (customer_name, restaurant_id, party_size, reservation_date, reservation_time, status,
    table_ids, updated_at, customer_id)
SELECT 'new', max(id), 2, '2026-04-04', '19:00', %s::"ReservationStatus", '{}', '2026-04-01', %s FROM restaurants
RETURNING id, user_id
"""
ORDER = """
INSERT INTO orders (order_number, restaurant_id, status, total_amount, updated_at, customer_id)
SELECT 'portal-' || (SELECT count(*) FROM orders), max(id), 'COMPLETED', 30, '2026-04-01', %s FROM restaurants
RETURNING id, user_id
"""


@contextmanager
def staff_role(connection: BaseDatabaseWrapper) -> Iterator[None]:
    """Let CONNECTION work as the processes that serve staff do: as no superuser, but a member of the tables' owner."""
    role, owner = f"{connection.settings_dict['NAME']}_staff", one(connection, "SELECT quote_ident(current_user)")
    query(connection, f'CREATE ROLE "{role}" NOLOGIN; GRANT {owner} TO "{role}"; SET ROLE "{role}"')
    try:
        yield
    finally:
        query(connection, f'RESET ROLE; DROP OWNED BY "{role}"; DROP ROLE "{role}"')


def words(*names: str | None) -> str:
    """Return names as one, with single blanks."""
    return " ".join(" ".join(name or "" for name in names).split())


def user_of(customer: Row) -> Row:
    """Return the row of users that a customer who just registered has."""
    password = customer["password"]
    suspended = not customer["is_active"] and not password.startswith("!")
    return {
        "id": customer["id"],
        "email": customer["email"],
        "name": words(customer["first_name"], customer["last_name"]) or None,
        "password": f"!{password}" if suspended else password,
        "phone": customer["phone"],
    }


def changed_user(user: Row, before: Row, after: Row) -> Row:
    """Return USER as it is when the new application has changed its customer."""
    changed = dict(user)
    for field in ("email", "phone"):
        if before[field] != after[field]:
            changed[field] = after[field]
    name = words(after["first_name"], after["last_name"])
    if name != words(before["first_name"], before["last_name"]) and name != words(user["name"]):
        changed["name"] = name or None
    readable = user["password"].removeprefix("!").startswith("$2")
    if before["password"] != after["password"]:
        changed["password"] = user_of(after)["password"]
    elif before["is_active"] != after["is_active"] and readable:
        changed["password"] = ("" if after["is_active"] else "!") + user["password"].removeprefix("!")
    return changed


def write(session: Session, sql: str, *values: Any) -> list[Row] | str:
    """Return the rows that a statement of the new application gives, or what went wrong."""
    try:
        cursor = session.cursor(row_factory=psycopg.rows.dict_row).execute(sql, values)
        return cursor.fetchall() if cursor.description else []
    except psycopg.Error as error:
        return error.sqlstate or "lost"


def only(session: Session, sql: str, *values: Any) -> Row:
    """Return the only row of a query."""
    (found,) = session.cursor(row_factory=psycopg.rows.dict_row).execute(sql, values).fetchall()
    return found
