"""A verification of what was written since an earlier one: the same relations, which are made to see no more than that.

What is always looked at whole: the phase, findings, decisions, merges, chunks, what an earlier attempt left, log-ins.
What is never looked at: tables that no model knows, since a checksum needs all of them.
"""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from django.db.backends.base.base import BaseDatabaseWrapper

from config.sql import Queries
from separation.database import row, scalar
from separation.models import Phase

SQL = Queries(Path(__file__).with_name("changed.sql"))

# The tables of which a lost row would go unnoticed.
_COUNTED = (
    *("users", "customers", "reservations", "orders", "customer_profiles", "customer_restaurants"),
    *("separation_findings", "separation_undo"),
)
# Beyond, looking at everything is cheaper; and transaction numbers begin anew after 2^31.
_MOST_PEOPLE = 100_000
_OLDEST = 2**30

# By the relation it narrows: what it sees, and which of its rows are complete in that.
_ALL, _PEOPLE = "true", "id = ANY (%(people)s)"
NARROWED = {
    "people": (SQL.narrow, _PEOPLE),
    "emails": (SQL.same_email, _ALL),
    "profiles": (SQL.narrow, _PEOPLE),
    "profile_owners": (SQL.narrow, _ALL),
    "link_owners": (SQL.narrow, _ALL),
    "reservations": (SQL.narrow, _ALL),
    "orders": (SQL.narrow, _ALL),
    "restaurant_reservations": (SQL.narrow, _ALL),
    "restaurant_orders": (SQL.narrow, _ALL),
    "links": (SQL.narrow, _PEOPLE),
    "ledger": (SQL.narrow, _PEOPLE),
}


@dataclass(frozen=True)
class Mark:
    """How far a verification saw: the transaction before which all were over, and of each table count and last id."""

    at: datetime
    xid: str
    extents: dict[str, list[int]]


@dataclass(frozen=True)
class Changed:
    """What was written since a mark, and what has to do with it: lists of ids."""

    people: list[int]
    around: list[int]
    reservations: list[int]
    orders: list[int]

    def figures(self) -> dict[str, int]:
        """Return how many of each were looked at."""
        return {"people": len(self.people), "reservations": len(self.reservations), "orders": len(self.orders)}


def mark_of(connection: BaseDatabaseWrapper, at: datetime) -> Mark:
    """Return how far the transaction that is open sees."""
    xid = row(connection, SQL.seen, xid="0")[0]
    return Mark(at, xid, {table: _extent(connection, table, 0)[:2] for table in _COUNTED})


def changed_since(connection: BaseDatabaseWrapper, mark: Mark) -> Changed | str:
    """Return what was written since MARK, or why that cannot be told, so that everything has to be looked at."""
    if (phase := Phase.objects.using(connection.alias).get(pk=1).name) != Phase.DUAL:
        return f"the phase is {phase}"
    if not 0 <= row(connection, SQL.seen, xid=mark.xid)[1] <= _OLDEST:
        return "the last verification is too long ago, or of another database"
    if scalar(connection, SQL.chunks, xid=mark.xid):
        return "a run was at work"
    for table, (count, last) in mark.extents.items():
        now, _, added = _extent(connection, table, last)
        if now < count + added:
            return f"{count + added - now:,} rows of {table} were deleted"
    people = scalar(connection, SQL.people, xid=mark.xid)
    if len(people) > _MOST_PEOPLE:
        return f"{len(people):,} people were written, or what is theirs"
    return concerning(connection, people, mark.xid)


def concerning(connection: BaseDatabaseWrapper, people: list[int], xid: str | None = None) -> Changed:
    """Return PEOPLE with their bookings and whatever those have to do with, and the bookings written since XID."""
    found: dict[str, Any] = {"people": people}
    for name in ("orders", "reservations", "around"):
        found[name] = scalar(connection, getattr(SQL, name), xid=xid, **found)
    return Changed(**found)


def _extent(connection: BaseDatabaseWrapper, table: str, last: int) -> list[int]:
    """Return how many rows TABLE has, its last id, and how many rows come after the id LAST."""
    sql = f"SELECT count(*), coalesce(max(id), 0), count(*) FILTER (WHERE id > %(last)s) FROM {table}"  # noqa: S608
    return list(row(connection, sql, last=last))
