"""Tables that were sold twice: the old application books without the portal's locks, and is never refused.

What is too many is told by what refuses it in the portal, the timetable of `reservations.availability`, and only of
restaurants that have a limit, from yesterday on.
"""

import json
from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

from django.conf import settings
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import Q
from django.utils import timezone

from config.sql import Queries
from reservations.availability import CELL, TAKES, Taken, Timetable, cells_of, covers_by_cell, seated
from reservations.models import BookingPolicy, OpeningException
from reservations.terms import midnight
from separation.database import execute, has_table
from separation.models import Phase

SQL = Queries(settings.BASE_DIR / "separation" / "sql" / "overbooking.sql")


def find(connection: BaseDatabaseWrapper) -> int:
    """Record what is overbooked, settle what is right again, and return how many are; in phase `dual` only.

    For each restaurant and day at most one: the last booking of those who sit there when it is fullest. Four queries.
    """
    in_dual = Phase.objects.using(connection.alias).filter(name=Phase.DUAL)
    if not (has_table(connection, "booking_policies") and in_dual.exists()):
        return 0
    found = {each["row_id"]: each for table, taken in _tables(connection) for each in _too_many(table, taken)}
    execute(connection, SQL.find, found=json.dumps(list(found.values())))
    execute(connection, SQL.settle, rows=list(found))
    return len(found)


def _tables(connection: BaseDatabaseWrapper) -> Iterator[tuple[Timetable, list[Taken]]]:
    """Give the restaurants that have a limit, with who sits there from yesterday on."""
    alias, since = connection.alias, timezone.now().date() - timedelta(days=1)
    limited = Q(covers_per_slot__isnull=False) | Q(covers_per_day__isnull=False)
    policies = list(BookingPolicy.objects.using(alias).filter(limited).select_related("restaurant"))
    places = [policy.restaurant_id for policy in policies]
    days: dict[int, dict[date, OpeningException]] = defaultdict(dict)
    for day in OpeningException.objects.using(alias).filter(restaurant__in=places, date__gte=since - timedelta(days=1)):
        days[day.restaurant_id][day.date] = day
    rows: dict[int, list[tuple[Any, ...]]] = defaultdict(list)
    found = seated().using(alias).filter(restaurant__in=places, reservation_date__gte=midnight(since))
    for place, *row in found.values_list("restaurant_id", *TAKES):
        if isinstance(row[1], datetime):  # not `infinity`
            rows[place].append(tuple(row))
    for policy in policies:
        table = Timetable(policy.restaurant, policy, days[policy.restaurant_id])
        yield table, [table.taken(row) for row in rows[policy.restaurant_id]]


def _too_many(table: Timetable, taken: list[Taken]) -> Iterator[dict[str, Any]]:
    yield from _days(table, taken)
    yield from _slots(table, taken)


def _days(table: Timetable, taken: list[Taken]) -> Iterator[dict[str, Any]]:
    limit = table.policy.day_limit
    by_day: Counter[date] = Counter()
    last: dict[date, int] = {}
    for each in taken:
        day = table.day_of(each)
        by_day[day] += each.covers
        last[day] = max(last.get(day, 0), each.id)
    for day, covers in by_day.items():
        if limit is not None and covers > limit:
            yield _finding(table, last[day], day, None, covers, limit)


def _slots(table: Timetable, taken: list[Taken]) -> Iterator[dict[str, Any]]:
    """Give of each day the quarter of an hour in which most sit, if that is too many."""
    limit = table.policy.slot_limit
    if limit is None:
        return
    crowded = {cell: covers for cell, covers in covers_by_cell(taken).items() if covers > limit}
    fullest: dict[date, int] = {}
    for cell in sorted(crowded):
        day = _shown(table, cell).date()
        if crowded[cell] > crowded.get(fullest.get(day, -1), limit):
            fullest[day] = cell
    last = dict.fromkeys(fullest.values(), 0)
    for each in taken:
        if each.starts_at and each.ends_at:
            for cell in last.keys() & set(cells_of(each.starts_at, each.ends_at)):
                last[cell] = max(last[cell], each.id)
    for day, cell in fullest.items():
        yield _finding(table, last[cell], day, f"{_shown(table, cell):%H:%M}", crowded[cell], limit)


def _shown(table: Timetable, cell: int) -> datetime:
    """Return what the restaurant's clock shows when a quarter of an hour begins."""
    return datetime.fromtimestamp(cell * CELL.total_seconds(), UTC).astimezone(table.policy.zone)


def _finding(table: Timetable, row: int, day: date, time: str | None, covers: int, limit: int) -> dict[str, Any]:
    return {
        "row_id": row,
        "restaurant": table.restaurant.pk,
        "day": day.isoformat(),
        "time": time,
        "covers": covers,
        "limit": limit,
    }
