"""When a restaurant is open: its week, and the days that differ from it."""

from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest
from django.utils import timezone

from reservations.models import BookingPolicy, OpeningException
from tests.api import refused
from tests.factories import RestaurantFactory

pytestmark = pytest.mark.django_db

CLOSED: dict[str, list[object]] = {
    day: [] for day in ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
}


@pytest.fixture
def casa():
    restaurant = RestaurantFactory.create(slug="casa-lucia", opening_hours={"friday": "18:00-02:00"})
    BookingPolicy.objects.create(restaurant=restaurant, time_zone="Asia/Tokyo")
    return restaurant


def test_the_week_and_what_differs_from_it(api, casa, django_assert_max_num_queries):
    today = timezone.now().astimezone(ZoneInfo("Asia/Tokyo")).date()
    days = [today + timedelta(days=days) for days in (-1, 0, 1, 60, 61)]
    for day, hours, note in zip(days, ("", "", "12:00-15:00, 18:00-24:00", "whenever", ""), "abcde", strict=True):
        OpeningException.objects.create(restaurant=casa, date=day, hours=hours, note=note)
    OpeningException.objects.create(restaurant=RestaurantFactory.create(), date=today)

    with django_assert_max_num_queries(4):
        response = api.get("restaurants/casa-lucia/opening-hours")

    body = response.json()
    week = {day["day"]: day["intervals"] for day in body.pop("week")}
    assert week == CLOSED | {"friday": [{"opens": "18:00", "closes": "02:00", "closes_next_day": True}]}
    assert (response.status_code, body) == (
        200,
        {
            "restaurant": "casa-lucia",
            "time_zone": "Asia/Tokyo",
            "exceptions": [
                {"date": days[1].isoformat(), "intervals": [], "note": "b"},
                {
                    "date": days[2].isoformat(),
                    "intervals": [
                        {"opens": "12:00", "closes": "15:00", "closes_next_day": False},
                        {"opens": "18:00", "closes": "24:00", "closes_next_day": False},
                    ],
                    "note": "c",
                },
                {"date": days[3].isoformat(), "intervals": [], "note": "d"},
            ],
        },
    )


def test_a_week_that_nobody_told_is_null(api):
    RestaurantFactory.create(slug="new")

    body = api.get("restaurants/new/opening-hours").json()

    assert (body["week"], body["exceptions"]) == (None, [])


def test_what_has_not_changed_is_not_sent_again(api, casa):
    first = api.get("restaurants/casa-lucia/opening-hours")
    again = api.get("restaurants/casa-lucia/opening-hours", headers={"if-none-match": first["ETag"]})

    assert (again.status_code, again.content, again["Cache-Control"]) == (304, b"", "public, max-age=60")


@pytest.mark.parametrize("slug", ["nobody", "closed", "a%00b"])
def test_what_is_not_there(slug, api):
    RestaurantFactory.create(slug="closed", is_active=False)

    assert refused(api.get(f"restaurants/{slug}/opening-hours")) == (404, "not_found")
