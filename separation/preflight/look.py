"""What the checks look at: one database, with what several of them need read once."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from django.db.backends.base.base import BaseDatabaseWrapper

from config.sql import Queries
from separation.database import rows, scalar
from separation.kinds import ADOPTED, Kind
from separation.migrator import CHUNK
from separation.preflight.earlier import Earlier

# Who is who, the engine says; everybody is classified once.
_SHARED = {name: getattr(CHUNK, name) for name in ("readable", "classified_users")}
SQL = Queries(Path(__file__).with_name("checks.sql"), _SHARED)


@dataclass(frozen=True)
class Tally:
    """How many rows something is true of, and the ids of the first five."""

    count: int
    sample: list[int]


@dataclass
class Look:
    """A database under examination."""

    connection: BaseDatabaseWrapper
    kind: Kind
    # The server processes that answered one transaction after the other.
    processes: list[int]
    # Of an adopted database; nothing before, or where it cannot be read.
    phase: str = ""

    @property
    def is_adopted(self) -> bool:
        """Whether the new tables and columns are there."""
        return self.kind.name == ADOPTED

    def rows(self, sql: str, **values: Any) -> list[tuple[Any, ...]]:
        """Return all rows of a query of `checks.sql`."""
        return rows(self.connection, sql, **values)

    def value(self, sql: str, **values: Any) -> Any:
        """Return the only value of a query."""
        return scalar(self.connection, sql, **values)

    @cached_property
    def server(self) -> tuple[Any, ...]:
        """Version, database, role, encoding, whether it is a standby, schema."""
        return self.rows(SQL.server)[0]

    @cached_property
    def earlier(self) -> Earlier:
        """What an earlier attempt left."""
        return Earlier(self.connection, self.kind)

    @cached_property
    def outcomes(self) -> list[tuple[str, bool, int, list[int]]]:
        """The customers by the outcome that the migration gives them: (outcome, bcrypt, count, first ids)."""
        query = SQL.outcomes_adopted if self.is_adopted else SQL.outcomes
        return [(*row,) for row in self.rows(query, put_back=self.earlier.put_back)]

    def tally(self, outcome: str, *, bcrypt: bool | None = None) -> Tally:
        """Return the customers with this outcome, and with or without a bcrypt password if that is asked."""
        found = [row for row in self.outcomes if row[0] == outcome and bcrypt in (None, row[1])]
        return Tally(sum(row[2] for row in found), sorted(identifier for row in found for identifier in row[3])[:5])
