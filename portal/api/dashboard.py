"""What a customer sees first, in one call."""

from typing import Any

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from config.api.etags import tagged
from config.api.schema import versioned
from customers.api.authentication import customer_of
from customers.api.views import CustomerView
from customers.models import Customer
from orders.api.serializers import MoneyField, OrderSerializer
from portal.selectors import OF_CUSTOMER, OF_PROFILE, Dashboard, dashboard_of
from reservations.api.serializers import ReservationSerializer, own_path, reservation_shown
from restaurants.api.serializers import RestaurantRefSerializer

FIELDS = (*OF_CUSTOMER, *OF_PROFILE, "email_verified")


class DashboardCustomer(serializers.ModelSerializer[Customer]):
    """Whose dashboard it is."""

    class Meta:
        model = Customer
        fields = ("id", "first_name", "last_name", "email", "email_verified")


class DashboardReservations(serializers.Serializer[Any]):
    """The next five that hold, and the last five that were not cancelled."""

    next = ReservationSerializer(many=True, help_text="The soonest first.")
    past = ReservationSerializer(many=True, help_text="The latest first.")


class DashboardOrder(OrderSerializer):
    """An order, without its items."""

    items = updated_at = None  # type: ignore[assignment]


class DashboardRestaurant(serializers.Serializer[Any]):
    """How often a customer was at a restaurant, and for how much."""

    restaurant = RestaurantRefSerializer()
    visits = serializers.IntegerField(help_text="Completed reservations, and completed orders without one.")
    first_visit = serializers.DateField(allow_null=True)
    last_visit = serializers.DateField(allow_null=True)
    total_spent = MoneyField(help_text="What completed orders cost.")


class DashboardProfile(serializers.Serializer[Any]):
    """How complete the profile is."""

    complete_percent = serializers.IntegerField(min_value=0, max_value=100)
    missing = serializers.ListField(child=serializers.ChoiceField(FIELDS))


class DashboardHint(serializers.Serializer[Any]):
    """What the customer might do next; programs branch on `code`."""

    code = serializers.ChoiceField(("email_unverified",))
    message = serializers.CharField()


class DashboardSerializer(serializers.Serializer[Any]):
    """What a customer sees first."""

    customer = DashboardCustomer()
    reservations = DashboardReservations()
    orders = DashboardOrder(many=True, help_text="The last five.")
    restaurants = DashboardRestaurant(many=True, help_text="Those visited, most often first; at most 50.")
    profile = DashboardProfile()
    hints = DashboardHint(many=True)


class DashboardView(CustomerView):
    """The dashboard."""

    @versioned
    @extend_schema(responses=DashboardSerializer)
    def get(self, request: Request) -> Response:
        """Show what a customer sees first.

        The next and the last reservations, the last orders, the restaurants visited with visits and spend, and what is
        missing in the profile.
        """
        customer = customer_of(request)
        return tagged(request, dashboard_shown(customer, dashboard_of(customer, timezone.now())))


def dashboard_shown(customer: Customer, dashboard: Dashboard) -> dict[str, Any]:
    """Return a dashboard as DashboardSerializer describes it."""
    missing = [*dashboard.missing, *([] if customer.email_verified else ["email_verified"])]
    return {
        "customer": {name: getattr(customer, name) for name in DashboardCustomer.Meta.fields},
        "reservations": {
            "next": [reservation_shown(each, own_path(each)) for each in dashboard.coming],
            "past": [reservation_shown(each, own_path(each)) for each in dashboard.past],
        },
        "orders": dashboard.orders,
        "restaurants": dashboard.restaurants,
        "profile": {"complete_percent": 100 - 100 * len(missing) // len(FIELDS), "missing": missing},
        "hints": [] if customer.email_verified else [UNVERIFIED],
    }


UNVERIFIED = {
    "code": "email_unverified",
    "message": "Please confirm your address by the link in the mail; POST auth/resend-verification sends another.",
}
