"""When a restaurant is open: for everybody."""

from datetime import timedelta
from typing import Any

from django.http.response import HttpResponseBase
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request

from config.api.etags import tagged
from config.api.schema import versioned
from config.api.views import PublicView
from reservations.models import OpeningException
from reservations.terms import policy_of
from restaurants.api.serializers import DaySerializer, IntervalSerializer, intervals_data, week_data
from restaurants.api.views import MAX_AGE, restaurant_or_404
from restaurants.hours import opening_hours

# How many days ahead exceptions are told.
AHEAD = timedelta(days=60)


class OpeningExceptionSerializer(serializers.Serializer[OpeningException]):
    """A day that is not as its weekday; without intervals the restaurant is closed."""

    date = serializers.DateField()
    intervals = IntervalSerializer(many=True)
    note = serializers.CharField(allow_blank=True, help_text="Why, in the restaurant's words.")


class OpeningHoursSerializer(serializers.Serializer[Any]):
    """The week, Monday first, and the days of the next 60 that differ from it; all by the restaurant's clocks."""

    restaurant = serializers.CharField(help_text="Its slug.")
    time_zone = serializers.CharField(help_text="As in Europe/Berlin.")
    week = DaySerializer(many=True, allow_null=True, help_text="Null where nobody has told it.")
    exceptions = OpeningExceptionSerializer(many=True)


class OpeningHoursView(PublicView):
    """When a restaurant is open."""

    @versioned
    @extend_schema(responses=OpeningHoursSerializer)
    def get(self, request: Request, slug: str) -> HttpResponseBase:
        """Show when a restaurant is open.

        The week, and the days of the next 60 that differ from it: holidays, other hours.
        """
        restaurant = restaurant_or_404(slug)
        policy, hours = policy_of(restaurant), opening_hours(restaurant.opening_hours)
        today = timezone.now().astimezone(policy.zone).date()
        exceptions = restaurant.opening_exceptions.filter(date__range=(today, today + AHEAD)).order_by("date")
        body = {
            "restaurant": restaurant.slug,
            "time_zone": policy.zone.key,
            "week": week_data(hours) if hours.is_known else None,
            "exceptions": [_exception(each) for each in exceptions],
        }
        return tagged(request, body, max_age=MAX_AGE)


def _exception(exception: OpeningException) -> dict[str, Any]:
    # What SQL wrote past the form's check and cannot be read is closed, as it is for bookings.
    (hours, *_) = opening_hours({"monday": exception.hours}).week
    return {"date": exception.date.isoformat(), "intervals": intervals_data(hours), "note": exception.note}
