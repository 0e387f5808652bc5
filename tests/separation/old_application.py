"""The old application: real connections of a role that has rights on the legacy tables and on nothing else."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg

from tests.databases import database_url

BCRYPT = "$2b$10$" + "abcdefghijklmnopqrstuv" + "ABCDEFGHIJKLMNOPQRSTUVWXYZabcde"
LEGACY = "users, restaurants, restaurant_staff, recipes, menus, reservations, orders, order_items"


@contextmanager
def application_role(name: str, *, profiles: bool = False) -> Iterator[str]:
    """Make the old application's role for the database NAME; with PROFILES it knows customer_profiles too."""
    role = f"{name}_app"
    tables = LEGACY + (", customer_profiles" if profiles else "")
    with psycopg.connect(database_url(name), autocommit=True) as admin:
        admin.execute(f'CREATE ROLE "{role}" NOLOGIN')
        admin.execute(f'GRANT SELECT, INSERT, UPDATE, DELETE ON {tables} TO "{role}"')
        admin.execute(f'GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO "{role}"')
    try:
        yield role
    finally:
        with psycopg.connect(database_url(name), autocommit=True) as admin:
            admin.execute(f'DROP OWNED BY "{role}"')
            admin.execute(f'DROP ROLE "{role}"')


@contextmanager
def old_application(name: str, role: str) -> Iterator["psycopg.Connection[tuple[Any, ...]]"]:
    """Open a connection of the old application, as ROLE, to the database NAME; each statement is its transaction."""
    with psycopg.connect(database_url(name), autocommit=True) as connection:
        connection.execute(f'SET ROLE "{role}"')
        yield connection


def register(old: "psycopg.Connection[tuple[Any, ...]]", email: str, name: str = "Late Lena") -> int:
    """Register a customer, and return the id."""
    identifier: int = returned(
        old,
        """INSERT INTO users (email, name, password, is_customer, updated_at)
        VALUES (%s, %s, %s, true, '2026-01-01') RETURNING id""",
        email,
        name,
        BCRYPT,
    )
    return identifier


def book(
    old: "psycopg.Connection[tuple[Any, ...]]", user: int, restaurant: int, status: str = "COMPLETED", **more: Any
) -> int:
    """Write a reservation, and return its id; MORE are further columns."""
    columns, values = "".join(f", {name}" for name in more), ", %s" * len(more)
    identifier: int = returned(
        old,
        f"""INSERT INTO reservations (customer_name, restaurant_id, party_size, reservation_date, reservation_time,
            status, table_ids, updated_at, user_id{columns})
        VALUES ('x', %s, 2, '2026-01-01', '19:00', %s, '{{}}', '2026-01-01', %s{values}) RETURNING id""",
        restaurant,
        status,
        user,
        *more.values(),
    )
    return identifier


def order(
    old: "psycopg.Connection[tuple[Any, ...]]",
    user: int,
    restaurant: int,
    number: str,
    amount: int = 10,
    reservation: int | None = None,
) -> int:
    """Write a completed order, and return its id."""
    identifier: int = returned(
        old,
        """INSERT INTO orders (order_number, restaurant_id, status, total_amount, updated_at, user_id, reservation_id)
        VALUES (%s, %s, 'COMPLETED', %s, '2026-01-01', %s, %s) RETURNING id""",
        number,
        restaurant,
        amount,
        user,
        reservation,
    )
    return identifier


def returned(old: "psycopg.Connection[tuple[Any, ...]]", sql: str, *values: Any) -> Any:
    """Return the only value that a statement returns."""
    row = old.execute(sql, values).fetchone()
    assert row
    return row[0]
