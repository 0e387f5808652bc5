"""Everything there is of one customer, for that customer; one query a table, whatever their number of visits."""

from typing import Any

from django.db.models import Prefetch, QuerySet
from django.utils import timezone
from rest_framework import serializers

from customers.api.account_serializers import Me, Profile
from customers.models import Customer, CustomerChange, CustomerRestaurant, CustomerSession
from customers.preferences import preferences_of
from customers.selectors import profile_of
from orders.models import Order, OrderItem
from reservations.models import Reservation

FORMAT = 1
# What staff note in a profile for themselves.
WRITTEN_BY_STAFF = ("vip_status", "tags", "notes")


class _Session(serializers.ModelSerializer[CustomerSession]):
    class Meta:
        model = CustomerSession
        fields = (
            *("id", "user_agent", "ip", "created_at", "last_used_at", "expires_at", "revoked_at", "revoked_reason"),
        )


class _Visits(serializers.ModelSerializer[CustomerRestaurant]):
    restaurant = serializers.CharField(source="restaurant.name")

    class Meta:
        model = CustomerRestaurant
        fields = ("restaurant", "first_visit", "last_visit", "visit_count", "total_spent")


class _Reservation(serializers.ModelSerializer[Reservation]):
    restaurant = serializers.CharField(source="restaurant.name")
    date = serializers.SerializerMethodField()
    time = serializers.CharField(source="reservation_time")

    class Meta:
        model = Reservation
        fields = (
            *("id", "restaurant", "date", "time", "party_size", "duration_minutes", "status", "source"),
            *("customer_name", "customer_phone", "customer_email", "special_requests", "created_at", "updated_at"),
        )

    def get_date(self, reservation: Reservation) -> str:
        """Return the day."""
        return str(reservation.reservation_date)[:10]


class _Item(serializers.ModelSerializer[OrderItem]):
    name = serializers.CharField(source="menu_item.name")

    class Meta:
        model = OrderItem
        fields = ("name", "quantity", "price", "modifiers", "notes", "status")


class _Order(serializers.ModelSerializer[Order]):
    restaurant = serializers.CharField(source="restaurant.name")
    items = _Item(many=True)

    class Meta:
        model = Order
        fields = (
            *("id", "order_number", "restaurant", "reservation_id", "customer_name", "status", "order_type", "notes"),
            *("total_amount", "created_at", "updated_at", "items"),
        )


def export_of(customer: Customer) -> dict[str, Any]:
    """Return all that is kept of CUSTOMER, but hashes, and what staff note for themselves."""
    profile = profile_of(customer)
    return {
        "format": FORMAT,
        "exported_at": timezone.now(),
        "customer": {**Me(customer).data, "last_login": customer.last_login, "updated_at": customer.updated_at},
        "profile": Profile(profile).data,
        "preferences": preferences_of(profile.preferences),
        "sessions": _Session(customer.sessions.order_by("created_at", "id"), many=True).data,
        "restaurants": _Visits(
            customer.restaurants.select_related("restaurant").order_by("restaurant_id"), many=True
        ).data,
        "reservations": _Reservation(
            customer.reservations.select_related("restaurant").order_by("reservation_date", "id"), many=True
        ).data,
        "orders": _Order(_orders(customer), many=True).data,
        "changes": _changes(customer),
    }


def _changes(customer: Customer) -> list[dict[str, Any]]:
    """Return what was changed of the account and the profile, but what staff note for themselves."""
    kept = customer.changes.exclude(about=CustomerChange.About.RESTAURANT).order_by("changed_at", "id")
    found = []
    for change in kept:
        before, after = (
            {name: value for name, value in row.items() if name not in WRITTEN_BY_STAFF}
            for row in (change.before, change.after)
        )
        if after:
            found.append({"changed_at": change.changed_at, "before": before, "after": after})
    return found


def _orders(customer: Customer) -> QuerySet[Order]:
    items = OrderItem.objects.select_related("menu_item").order_by("id")
    orders: QuerySet[Order] = customer.orders.select_related("restaurant").prefetch_related(Prefetch("items", items))
    return orders.order_by("created_at", "id")
