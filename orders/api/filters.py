"""By what customers narrow their list of orders."""

from datetime import UTC, date, datetime, time
from typing import Any

from django.db.models import QuerySet
from django_filters import CharFilter, ChoiceFilter, DateFilter, FilterSet

from orders.models import Order


def _from(orders: QuerySet[Order], name: str, day: date) -> QuerySet[Order]:
    return orders.filter(created_at__gte=datetime.combine(day, time.min, UTC))


def _to(orders: QuerySet[Order], name: str, day: date) -> QuerySet[Order]:
    return orders.filter(created_at__lte=datetime.combine(day, time.max, UTC))


class OrderFilter(FilterSet):  # type: ignore[misc]
    """What `GET me/orders` takes."""

    status = ChoiceFilter(choices=Order.Status.choices)
    restaurant = CharFilter(field_name="restaurant__slug", max_length=255, label="The restaurant's slug.")

    @classmethod
    def get_filters(cls) -> Any:
        """Return the filters; two have names that Python keeps for itself."""
        days = {
            "from": DateFilter(method=_from, label="The first day, in UTC."),
            "to": DateFilter(method=_to, label="The last day, in UTC."),
        }
        return super().get_filters() | days
