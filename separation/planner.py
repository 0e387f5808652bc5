"""The plan of a migration: what will happen to whom, from read-only queries on one snapshot."""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from django.db import transaction
from django.db.backends.base.base import BaseDatabaseWrapper

from separation.database import execute, row, scalar
from separation.migrator import CHUNK, EVERYBODY, FINISH, LEDGER, run_chunk
from separation.parking import has_parked

SAMPLE_SIZE = 1000


@dataclass(frozen=True)
class Plan:
    """What an execute would do now; all figures are exact on the snapshot they were read from."""

    moved_already: int
    to_move: int
    kept_back: dict[str, int]
    needs_password_reset: int
    reservations: int
    orders: int
    links: list[tuple[int, str, int]]
    to_examine: int
    unexamined: int
    stragglers: int
    unfinished_chunks: int
    parked: int
    put_back: int

    @property
    def nothing_to_do(self) -> bool:
        """Whether an execute would change nothing."""
        return not (self.to_move or self.unexamined or self.stragglers or self.unfinished_chunks)


@dataclass(frozen=True)
class Trial:
    """One real chunk, executed and rolled back."""

    customers: int
    seconds: float

    def estimate(self, customers: int) -> float:
        """Return how many seconds CUSTOMERS will take at this rate."""
        return self.seconds / self.customers * customers if self.customers else 0.0


@contextmanager
def snapshot(connection: BaseDatabaseWrapper) -> Iterator[None]:
    """One read-only view of the database for every query in the block."""
    with transaction.atomic(connection.alias):
        execute(connection, "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        yield


def make_plan(connection: BaseDatabaseWrapper) -> Plan:
    """Return the plan for the database as it is now; only reads."""
    with snapshot(connection):
        found, reservations, orders, links = row(connection, CHUNK.plan, **EVERYBODY)
        outcomes = {outcome: (count, unreadable) for outcome, count, unreadable in json.loads(found)}
        to_move, resets = outcomes.pop("move", (0, 0))
        parked, put_back, readable = (
            row(connection, CHUNK.survivors, **EVERYBODY) if has_parked(connection) else (0, 0, 0)
        )
        return Plan(
            moved_already=scalar(connection, "SELECT count(*) FROM customers WHERE id > 0"),
            to_move=to_move,
            kept_back={outcome: count for outcome, (count, _) in outcomes.items()},
            needs_password_reset=resets - readable,
            reservations=reservations,
            orders=orders,
            links=[(identifier, name, count) for identifier, name, count in json.loads(links)],
            to_examine=scalar(connection, LEDGER.to_examine, after=scalar(connection, LEDGER.end_of_ledger)),
            unexamined=scalar(connection, LEDGER.unexamined),
            stragglers=scalar(connection, FINISH.stragglers),
            unfinished_chunks=scalar(connection, LEDGER.unfinished),
            parked=parked,
            put_back=put_back,
        )


def try_one_chunk(connection: BaseDatabaseWrapper) -> Trial:
    """Execute the next chunk for real and roll it back, so that what cannot work is found now.

    Raises what the chunk raises: missing rights, a constraint, a trigger that writes elsewhere.
    """
    after = scalar(connection, LEDGER.end_of_ledger)
    last, customers = row(connection, LEDGER.next_range, after=after, size=SAMPLE_SIZE)
    if not customers:
        return Trial(0, 0.0)
    started = time.monotonic()
    with transaction.atomic(connection.alias):
        run_chunk(connection, after + 1, last, None)
        transaction.set_rollback(True, connection.alias)
    return Trial(customers, time.monotonic() - started)
