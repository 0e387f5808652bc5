"""Building a sample legacy database: tables, rows in sets, then indexes and keys."""

import datetime
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings
from django.db import transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.utils import CursorWrapper

from config.sql import Queries

HERE = Path(__file__).parent
_FRAME = Queries(HERE / "frame.sql")
APPS = ("restaurants", "accounts", "menus", "reservations", "orders")
# Each kind with the files that make it out of a plain one.
_FILES = {"plain": (), "ahead": ("ahead",), "half": ("ahead", "half"), "dirty": ("dirty",)}
KINDS = tuple(_FILES)
# "Today" of a sample that is not told another one, so that a seed gives the same database for ever.
ANCHOR = datetime.date(2026, 6, 1)
# Everybody in a sample has one of these two; they are invented and public.
STAFF_PASSWORD = "demo-staff-1"  # noqa: S105
CUSTOMER_PASSWORD = "demo-customer-1"  # noqa: S105
# Above this many customers, orders have a total but no items.
ITEMS_UP_TO = 100_000


@dataclass(frozen=True)
class StaffLogin:
    """A member of staff to log in as, with STAFF_PASSWORD."""

    email: str
    role: str
    restaurant: str


@dataclass(frozen=True)
class Summary:
    """What a sample holds.

    `rows` counts the rows of every table, `customers` the users marked as customers, `staff` all other users;
    `expected_findings` the rows that each kind of finding must be about after the migration.
    """

    kind: str
    seed: int
    customers: int
    staff: int
    rows: dict[str, int]
    staff_logins: tuple[StaffLogin, ...]
    expected_findings: dict[str, int]


def build(
    connection: BaseDatabaseWrapper, *, kind: str, customers: int, seed: int, today: datetime.date = ANCHOR
) -> Summary:
    """Fill the empty database behind CONNECTION with a legacy database of KIND, in one transaction.

    Guarantees the same rows for the same arguments, on every server. Raises ValueError for a kind it does not know
    or fewer than one customer, and whatever the database says if a table of the legacy schema is there already.
    """
    if kind not in KINDS or customers < 1:
        raise ValueError(f"cannot build {customers} customers of kind {kind!r}: at least 1, of {', '.join(KINDS)}")
    tables, constraints = _split(_schema())
    with transaction.atomic(using=connection.alias), connection.cursor() as cursor:
        cursor.execute(_FRAME.speed)
        _execute(cursor, tables)
        size = _size(customers) | {"customers": customers, "seed": seed, "today": today.isoformat()}
        _execute(cursor, _rows(size, with_items=customers <= ITEMS_UP_TO))
        _execute(cursor, constraints)
        cursor.execute(_FRAME.sequences)
        for name in _FILES[kind]:
            _execute(cursor, _blocks(HERE / f"{name}.sql"))
        summary = _summarise(cursor, kind, seed)
        cursor.execute("DISCARD TEMP")
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
    return summary


def _size(customers: int) -> dict[str, int | str]:
    """Return how many restaurants CUSTOMERS fill, and how many staff each has: an owner, a manager, then waiters."""
    restaurants = min(50, max(3, min(12, customers // 400)) + customers // 25_000)
    return {"restaurants": restaurants, "ranks": max(5, -(-customers // (100 * restaurants)))}


def _blocks(path: Path) -> Iterator[str]:
    queries = Queries(path)
    return (getattr(queries, name) for name in queries)


def _schema() -> Iterator[str]:
    for app in APPS:
        yield from _blocks(settings.BASE_DIR / app / "sql" / "legacy.sql")
    yield from _blocks(HERE / "unknown.sql")


def _split(schema: Iterator[str]) -> tuple[list[str], list[str]]:
    """Return the statements that make tables and types, and those that make indexes and keys: faster after the rows."""
    statements = [statement for block in schema for statement in block.split(";\n")]
    first = [statement for statement in statements if statement.startswith(("CREATE TABLE", "CREATE TYPE"))]
    return first, [statement for statement in statements if statement not in first]


def _rows(size: dict[str, int | str], with_items: bool) -> Iterator[str]:
    people, bookings = Queries(HERE / "people.sql"), Queries(HERE / "bookings.sql")
    yield people.functions % size
    yield bookings.functions
    yield from (getattr(people, name) for name in people if name != "functions")
    yield from _blocks(HERE / "kitchen.sql")
    yield bookings.reservations
    if with_items:
        yield bookings.order_items
    yield bookings.orders
    yield from _blocks(HERE / "unknown_rows.sql")


def _execute(cursor: CursorWrapper, statements: Iterator[str] | list[str]) -> None:
    for statement in statements:
        cursor.execute(statement)


def _summarise(cursor: CursorWrapper, kind: str, seed: int) -> Summary:
    cursor.execute(_FRAME.people)
    customers, staff = cursor.fetchone()
    cursor.execute(_FRAME.findings)
    findings = dict(cursor.fetchall())
    cursor.execute(_FRAME.staff_logins)
    logins = tuple(StaffLogin(email, role, restaurant or "") for email, role, restaurant in cursor.fetchall())
    return Summary(kind, seed, customers, staff, _count_rows(cursor), logins, findings)


def _count_rows(cursor: CursorWrapper) -> dict[str, int]:
    cursor.execute(_FRAME.tables)
    tables = [name for (name,) in cursor.fetchall()]
    cursor.execute(" UNION ALL ".join(f"SELECT '{name}', count(*) FROM {name}" for name in tables))  # noqa: S608 (ours)
    return dict(cursor.fetchall())
