"""The first page of a list that nobody narrowed is read by SQL made beforehand: it is what any other way gives."""

from datetime import UTC, datetime, timedelta

import pytest

from reservations.models import BookingPolicy
from tests.factories import CustomerFactory, ReservationFactory, RestaurantFactory

pytestmark = pytest.mark.django_db

NOON = datetime(2026, 6, 1, tzinfo=UTC)


def test_it_is_the_page_that_the_same_order_gives(as_customer):
    carla = CustomerFactory.create()
    restaurant = RestaurantFactory.create()
    BookingPolicy.objects.create(restaurant=restaurant, time_zone="Asia/Tokyo")
    for number in range(7):
        day = NOON + timedelta(days=number % 3)
        ReservationFactory.create(customer=carla, restaurant=restaurant, reservation_date=day, reservation_time="9:30")
    ReservationFactory.create()
    client = as_customer(carla)

    for size in (3, 20):
        page = client.get(f"me/reservations?page_size={size}").json()
        same = client.get(f"me/reservations?page_size={size}&ordering=-date").json()
        assert page["results"] == same["results"]
        assert (page["next"] is None, page["previous"]) == (size == 20, None)
    following = client.get(client.get("me/reservations?page_size=3").json()["next"]).json()
    everything = client.get("me/reservations").json()["results"]
    assert following["results"] == everything[3:6]


def test_nobody_elses_are_on_it(as_customer):
    ReservationFactory.create(customer=CustomerFactory.create())

    assert as_customer(CustomerFactory.create()).get("me/reservations").json()["results"] == []
