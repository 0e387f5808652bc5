"""What an earlier attempt at a separation left, and whether it can be taken over."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from django.db.backends.base.base import BaseDatabaseWrapper
from psycopg import sql

from config.sql import Queries
from separation.database import has_table, row, rows, scalar
from separation.kinds import ADOPTED, HALF, Kind
from separation.parking import has_parked
from separation.shape import misfits

EARLIER = Queries(Path(__file__).with_name("earlier.sql"))
_HIGHEST_ID = 2**31 - 1
_ANY = sql.SQL("SELECT EXISTS (SELECT FROM {} WHERE {} IS NOT NULL)")


@dataclass(frozen=True)
class Figures:
    """How many rows there are, how many customers have the marker for a password, and how many rows are of nobody."""

    rows: int
    markers: int
    nobodys: int


@dataclass
class Earlier:
    """The rows of an earlier attempt: at their own ids before `migrate`, parked at negative ones after it."""

    connection: BaseDatabaseWrapper
    kind: Kind

    @cached_property
    def is_there(self) -> bool:
        """Whether an earlier attempt left its table, before `migrate`, or rows in it, after it."""
        if self.kind.name == ADOPTED:
            return has_table(self.connection, "customers") and has_parked(self.connection)
        return self.kind.name == HALF

    @cached_property
    def figures(self) -> Figures:
        """What it left, in numbers."""
        return Figures(*row(self.connection, EARLIER.figures, below=self._below))

    @cached_property
    def put_back(self) -> list[int]:
        """The customers of users whose hash survived and can be put back."""
        found = rows(self.connection, EARLIER.put_back, below=self._below) if self.is_there else []
        return [identifier for (identifier,) in found]

    def obstacles(self) -> list[str]:
        """Return why it cannot be taken over, a sentence each; what `migrate` has dealt with is not looked at again."""
        return [*self._of_the_tables(), *self._of_the_users()]

    def _of_the_tables(self) -> Iterator[str]:
        if self.kind.name != HALF:
            return
        unfit = [str(misfit) for misfit in misfits(self.connection)]
        yield from unfit
        yield from (reason for (reason,) in rows(self.connection, EARLIER.reasons))
        for table, column, of_old_application, follows in rows(self.connection, EARLIER.keys):
            if (of_old_application or not follows) and self._is_used(table, column):
                yield f"{table}.{column} " + (
                    "names customers by ids of the earlier attempt, which nobody else knows"
                    if of_old_application
                    else "references customers without ON UPDATE CASCADE, so that it cannot follow them"
                )
        if not any(line.startswith("customers.id ") for line in unfit):
            first, last = row(self.connection, EARLIER.ids)
            if first < 1 or last > _HIGHEST_ID:
                yield f"customers has the ids {first} to {last}; only 1 to {_HIGHEST_ID} can be parked"

    def _is_used(self, table: str, column: str) -> bool:
        with self.connection.cursor() as cursor:
            cursor.execute(_ANY.format(sql.SQL(table), sql.Identifier(column)))
            return bool(cursor.fetchone()[0])

    def _of_the_users(self) -> Iterator[str]:
        if scalar(self.connection, "SELECT count(*) FROM users WHERE password = 'MIGRATED_TO_CUSTOMERS_TABLE'"):
            for (trigger,) in rows(self.connection, EARLIER.user_triggers):
                yield f"the trigger {trigger} on users would fire when passwords are put back"

    @property
    def _below(self) -> int:
        return 0 if self.kind.name == ADOPTED else _HIGHEST_ID + 1
