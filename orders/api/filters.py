"""By what customers narrow their list of orders."""

from typing import Any

from django.db.models import QuerySet
from django_filters import BooleanFilter, CharFilter, ChoiceFilter, FilterSet, NumberFilter

from config.api.filters import day_filters
from orders.flow import OPEN, OVER
from orders.models import Order


class OrderFilter(FilterSet):  # type: ignore[misc]
    """What `GET me/orders` takes."""

    status = ChoiceFilter(choices=Order.Status.choices)
    restaurant = CharFilter(field_name="restaurant__slug", max_length=255, label="The restaurant's slug.")

    @classmethod
    def get_filters(cls) -> Any:
        """Return the filters, those by days among them."""
        return super().get_filters() | day_filters("created_at", where=", in UTC")


class StaffOrderFilter(FilterSet):  # type: ignore[misc]
    """What `GET staff/orders` takes."""

    status = ChoiceFilter(choices=Order.Status.choices)
    open = BooleanFilter(method="worked_on", label="Whether it is still being worked on.")
    restaurant = CharFilter(field_name="restaurant__slug", max_length=255, label="The restaurant's slug.")
    reservation = NumberFilter(field_name="reservation_id", min_value=1, max_value=2**31 - 1, label="At whose table.")
    customer = NumberFilter(field_name="customer_id", min_value=1, max_value=2**31 - 1, label="The customer's id.")

    @classmethod
    def get_filters(cls) -> Any:
        """Return the filters, those by days among them."""
        return super().get_filters() | day_filters("created_at", where=", in UTC")

    def worked_on(self, orders: QuerySet[Order], name: str, wanted: bool) -> QuerySet[Order]:
        """Return those that are open, or those that are not."""
        return orders.filter(status__in=OPEN if wanted else OVER)
