"""What is counted all the time, read once an hour: writes that the mirror repeated, and log-ins by schema."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from math import ceil
from typing import Any

from django.conf import settings
from django.db.backends.base.base import BaseDatabaseWrapper

from config.sql import Queries
from separation.database import execute, has_table, scalar
from separation.identity import identity_of

SQL = Queries(settings.BASE_DIR / "separation" / "sql" / "sampling.sql")
HOUR, SOON = timedelta(hours=1), timedelta(minutes=10)


def sample(connection: BaseDatabaseWrapper) -> None:
    """Keep what the counters read, unless this hour has a reading; does nothing where no writes are taken."""
    if connection.in_atomic_block or not has_table(connection, "separation_samples"):
        return
    if scalar(connection, SQL.may_write) and execute(connection, SQL.take, identity=identity_of(connection).key()):
        execute(connection, SQL.forget)


@dataclass(frozen=True)
class Hour:
    """What was counted from one hour to the next, by counter; None where that is unknown."""

    begins: datetime
    counts: Mapping[str, float | None]


def hours(readings: Iterable[tuple[datetime, Mapping[str, Any]]], names: Iterable[str], last: int) -> list[Hour]:
    """Return what was counted in each of the LAST hours that readings cover, oldest first.

    READINGS are in the order of time. Between two that are hours apart what was counted is shared out evenly. A counter
    that reads less than before began anew: after a crash of the server, say.
    """
    found = list(readings)
    names = list(names)
    counted: dict[datetime, dict[str, float | None]] = {}
    for (begin, before), (end, after) in pairwise(found):
        spread = _hours_between(begin, end)
        for hour in spread:
            counts = counted.setdefault(hour, dict.fromkeys(names))
            for name in names:
                if (grown := _grown(before.get(name), after.get(name))) is not None:
                    counts[name] = (counts[name] or 0) + grown / len(spread)
    return [Hour(hour, counted[hour]) for hour in sorted(counted)[-last:]]


def _hours_between(begin: datetime, end: datetime) -> list[datetime]:
    """Return the hours that the time between two readings is told by; one is taken soon after an hour began."""
    first = begin.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
    count = max(1, ceil((end - first - SOON) / HOUR))
    return [first + number * HOUR for number in range(count)]


def _grown(before: float | None, after: float | None) -> float | None:
    if after is None:
        return None
    return after if before is None or after < before else after - before
