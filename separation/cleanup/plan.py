"""What a clean-up would do, in figures, and what keeps it from starting; only reads."""

from collections.abc import Callable
from dataclasses import dataclass

from django.db.backends.base.base import BaseDatabaseWrapper

from separation import interlocks
from separation.cleanup.archive import CLEANUP
from separation.database import rows, scalar
from separation.errors import Refused
from separation.policy import Fate, fates

OUTCOMES = {
    "moved": "Leave users: they have moved",
    "merged": "Leave users: merged into another",
    "both": "Stay in users as staff: decided to be both",
    "staff": "Stay in users as staff: decided to be staff",
    "left": "Stay in users: another with their email moved",
    "undecided": "Nobody knows what becomes of them",
}


@dataclass(frozen=True)
class Plan:
    """The customers of `users` by what becomes of them, and the fate of what refers to them."""

    people: dict[str, int]
    samples: dict[str, list[int]]
    parked: int
    fates: list[Fate]

    @property
    def customers(self) -> int:
        """How many rows of `users` are to be dealt with."""
        return sum(self.people.values())

    @property
    def leaving(self) -> int:
        """How many rows of `users` go."""
        return self.people.get("moved", 0) + self.people.get("merged", 0)


def make_plan(connection: BaseDatabaseWrapper) -> Plan:
    """Return the exact figures; raises Refused if the policy cannot be read."""
    found = rows(connection, CLEANUP.plan)
    return Plan(
        people={outcome: count for outcome, count, _ in found},
        samples={outcome: ids for outcome, _, ids in found},
        parked=int(scalar(connection, CLEANUP.parked)),
        fates=fates(connection),
    )


def obstacles(connection: BaseDatabaseWrapper) -> list[Refused]:
    """Return all that keeps a clean-up from starting, each with the command that helps; empty if nothing does."""
    return [refused for check in interlocks.BEFORE_CLEAN_UP if (refused := _refused(connection, check))]


def _refused(connection: BaseDatabaseWrapper, check: Callable[[BaseDatabaseWrapper], None]) -> Refused | None:
    try:
        check(connection)
    except Refused as refused:
        return refused
    return None
