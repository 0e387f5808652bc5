"""Restaurants as everybody may see them."""

from typing import Any

from rest_framework import serializers

from restaurants.hours import DAY_MINUTES, DAYS, Day, OpeningHours, clock, opening_hours
from restaurants.models import Restaurant

PUBLIC: tuple[str, ...] = (
    *("id", "slug", "name", "description", "cuisine", "address", "zip_code", "city", "state", "country"),
    *("phone", "email", "website", "logo_url", "cover_image_url"),
)


class IntervalSerializer(serializers.Serializer[Any]):
    """From when to when a restaurant is open, in its own time; `closes` may be on the next day."""

    opens = serializers.RegexField(r"^\d\d:\d\d$")
    closes = serializers.RegexField(r"^\d\d:\d\d$", help_text="`24:00` at the end of the day")
    closes_next_day = serializers.BooleanField(help_text="the restaurant closes after midnight")


class DaySerializer(serializers.Serializer[Any]):
    """One day of the week; without intervals it is closed."""

    day = serializers.ChoiceField(choices=DAYS)
    intervals = IntervalSerializer(many=True)


class RestaurantSerializer(serializers.ModelSerializer[Restaurant]):
    """A restaurant in a list."""

    class Meta:
        model = Restaurant
        fields = PUBLIC


class RestaurantDetailSerializer(RestaurantSerializer):
    """A restaurant with the week's opening hours, Monday first; `opening_hours` is null where nobody gave any."""

    opening_hours = DaySerializer(many=True, allow_null=True, read_only=True)

    class Meta(RestaurantSerializer.Meta):
        fields = (*PUBLIC, "opening_hours")


class RestaurantRefSerializer(serializers.Serializer[Any]):
    """Which restaurant something is at."""

    id = serializers.IntegerField()
    slug = serializers.CharField()
    name = serializers.CharField()


def restaurant_data(restaurant: Restaurant) -> dict[str, Any]:
    """Return a restaurant as RestaurantSerializer describes it."""
    return {name: getattr(restaurant, name) for name in PUBLIC}


def restaurant_detail(restaurant: Restaurant) -> dict[str, Any]:
    """Return a restaurant as RestaurantDetailSerializer describes it."""
    hours = opening_hours(restaurant.opening_hours)
    return restaurant_data(restaurant) | {"opening_hours": week_data(hours) if hours.is_known else None}


def week_data(hours: OpeningHours) -> list[dict[str, Any]]:
    """Return the seven days as DaySerializer describes them."""
    return [{"day": day, "intervals": intervals_data(open_)} for day, open_ in zip(DAYS, hours.week, strict=True)]


def intervals_data(day: Day) -> list[dict[str, Any]]:
    """Return the intervals of one day as IntervalSerializer describes them."""
    return [
        {"opens": clock(each.opens), "closes": clock(each.closes), "closes_next_day": each.closes > DAY_MINUTES}
        for each in day
    ]


def restaurant_ref(restaurant: Restaurant) -> dict[str, Any]:
    """Return which restaurant it is, as RestaurantRefSerializer describes it."""
    return {"id": restaurant.pk, "slug": restaurant.slug, "name": restaurant.name}
