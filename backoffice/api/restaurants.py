"""The restaurants one works for."""

from typing import Any

from django.db import transaction
from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema, extend_schema_serializer
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.serializers import LinkShown
from accounts.api.views import StaffList, StaffView
from config.api.bodies import Exact, valid
from config.api.etags import etag_of, require_match, tagged
from config.api.schema import versioned
from config.api.values import instant
from config.columns import set_changed
from config.scoping import save_changes
from restaurants.api.serializers import PUBLIC, RestaurantDetailSerializer, restaurant_detail
from restaurants.hours import DAYS, Day, hours_written, intervals, opening_hours
from restaurants.models import Restaurant
from restaurants.rights import RESTAURANTS

# What an owner keeps right; where it is found, and whether it is there at all, is the platform's.
_CHANGED = tuple(name for name in PUBLIC if name not in ("id", "slug"))


@extend_schema_serializer(component_name="StaffRestaurant")
class RestaurantShown(RestaurantDetailSerializer):
    """A restaurant as those see it who work there."""

    is_active = serializers.BooleanField()
    updated_at = serializers.DateTimeField(allow_null=True)
    links = LinkShown()

    class Meta(RestaurantDetailSerializer.Meta):
        fields = (*RestaurantDetailSerializer.Meta.fields, "is_active", "updated_at", "links")


@extend_schema_serializer(component_name="StaffDay")
class DayBody(Exact, serializers.Serializer[Any]):
    """The hours of one day of the week."""

    day = serializers.ChoiceField(choices=DAYS)
    hours = serializers.CharField(
        max_length=200, allow_blank=True, help_text="As in `12:00-15:00, 18:00-23:00` or `18:00-02:00`; empty: closed."
    )

    def validate_hours(self, text: str) -> Day:
        """Return the intervals; raises ValidationError for what cannot be read."""
        try:
            return intervals(text)
        except ValueError as error:
            raise serializers.ValidationError(str(error), code="hours") from error


@extend_schema_serializer(component_name="StaffRestaurantChange")
class RestaurantBody(Exact, serializers.ModelSerializer[Restaurant]):
    """What an owner changes; what is not sent stays as it is, days of the week too."""

    opening_hours = DayBody(many=True)

    class Meta:
        model = Restaurant
        fields = (*_CHANGED, "opening_hours")

    def validate_opening_hours(self, days: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Return the days; raises ValidationError if one is told twice, since nobody could say which holds."""
        told = [each["day"] for each in days]
        if twice := next((day for day in told if told.count(day) > 1), ""):
            raise serializers.ValidationError(f"The hours of {twice} are told twice.", code="told_twice")
        return days


class RestaurantsBase(StaffView):
    """What both endpoints have in common."""

    rights = RESTAURANTS

    def restaurant(self, slug: str, action: str = "view") -> Restaurant:
        """Return a restaurant that this user may do ACTION to; raises Http404 or PermissionDenied."""
        return self.only(Restaurant.objects.filter(slug=slug), action, "pk")


class RestaurantsView(RestaurantsBase, StaffList[Restaurant]):
    """The restaurants one works for."""

    queryset = Restaurant.objects.none()  # by which the OpenAPI document knows the model
    serializer_class = RestaurantShown
    ordering = ("name", "pk")
    ordering_fields = ("name",)

    def get_queryset(self) -> QuerySet[Restaurant]:
        """Return those; of a SUPERADMIN, all there are."""
        return self.seen(Restaurant.objects.all(), "pk")

    @extend_schema(responses=RestaurantShown(many=True))
    def get(self, request: Request) -> Response:
        """List the restaurants one works for, by name."""
        return self.listed(self.get_queryset(), _shown)


class RestaurantView(RestaurantsBase):
    """One restaurant."""

    @versioned
    @extend_schema(responses=RestaurantShown)
    def get(self, request: Request, slug: str) -> Response:
        """Show a restaurant one works for, with the opening hours of its week."""
        return tagged(request, _shown(self.restaurant(slug)))

    @versioned
    @extend_schema(request=RestaurantBody, responses=RestaurantShown)
    def patch(self, request: Request, slug: str) -> Response:
        """Change a restaurant's texts, how it is reached, and when it is open; for its owners."""
        found, wanted = self.restaurant(slug, "change"), valid(RestaurantBody, request, partial=True)
        with transaction.atomic():
            row = Restaurant.objects.select_for_update(no_key=True).get(pk=found.pk)
            require_match(request, etag_of(_shown(row)))
            if "opening_hours" in wanted:
                wanted["opening_hours"] = _week(row, wanted["opening_hours"])
            changed = set_changed(row, wanted)
            save_changes(row, changed)
            if changed:
                self.log(row, f"Changed {', '.join(changed)}.")
                row.refresh_from_db()  # its time of change has no microseconds, by which the next change is compared
        return tagged(request, _shown(row))


def _week(restaurant: Restaurant, days: list[dict[str, Any]]) -> Any:
    """Return the column with these days' hours, in the shape that it has: another application reads it."""
    told = {each["day"]: each["hours"] for each in days}
    now = opening_hours(restaurant.opening_hours).week
    return hours_written(restaurant.opening_hours, [told.get(day, was) for day, was in zip(DAYS, now, strict=True)])


def _shown(restaurant: Restaurant) -> dict[str, Any]:
    return restaurant_detail(restaurant) | {
        "is_active": restaurant.is_active,
        "updated_at": instant(restaurant.updated_at),
        "links": {"self": f"/api/v1/staff/restaurants/{restaurant.slug}"},
    }
