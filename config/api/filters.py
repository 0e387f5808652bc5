"""How lists are narrowed by days, whichever column of an instant they go by."""

from datetime import UTC, date, datetime, time
from typing import Any

from django.db.models import QuerySet
from django_filters import DateFilter


def day_filters(column: str, *, where: str = "") -> dict[str, DateFilter]:
    """Return the filters `from` and `to`, which a class cannot name, since Python keeps the one for itself.

    They go by COLUMN, to the first and the last instant of a day in UTC; WHERE is what their labels say of that.
    """
    return {
        "from": DateFilter(field_name=column, method=_from, label=f"The first day{where}."),
        "to": DateFilter(field_name=column, method=_to, label=f"The last day{where}."),
    }


def _from(rows: QuerySet[Any], column: str, day: date) -> QuerySet[Any]:
    return rows.filter(**{f"{column}__gte": datetime.combine(day, time.min, UTC)})


def _to(rows: QuerySet[Any], column: str, day: date) -> QuerySet[Any]:
    return rows.filter(**{f"{column}__lte": datetime.combine(day, time.max, UTC)})
