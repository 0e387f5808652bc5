"""By what customers narrow their list of orders."""

from typing import Any

from django_filters import CharFilter, ChoiceFilter, FilterSet

from config.api.filters import day_filters
from orders.models import Order


class OrderFilter(FilterSet):  # type: ignore[misc]
    """What `GET me/orders` takes."""

    status = ChoiceFilter(choices=Order.Status.choices)
    restaurant = CharFilter(field_name="restaurant__slug", max_length=255, label="The restaurant's slug.")

    @classmethod
    def get_filters(cls) -> Any:
        """Return the filters, those by days among them."""
        return super().get_filters() | day_filters("created_at", where=", in UTC")
