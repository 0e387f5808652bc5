"""A day as staff see it: who comes when, and how full it gets."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from pytest_django import DjangoAssertNumQueries

from reservations.models import Reservation
from reservations.selectors import day_sheet
from reservations.stages import Stage
from restaurants.models import Restaurant
from tests.factories import BookingPolicyFactory, OpeningExceptionFactory, ReservationFactory, RestaurantFactory

pytestmark = pytest.mark.django_db

FRIDAY = date(2026, 6, 5)


@pytest.fixture
def restaurant() -> Restaurant:
    """Open from six to one, for six people at a time, in Berlin."""
    restaurant = RestaurantFactory.create(opening_hours={"fri": "22:00-01:00", "sat": "18:00-19:00"})
    BookingPolicyFactory.create(restaurant=restaurant, time_zone="Europe/Berlin", covers_per_slot=6)
    return Restaurant.objects.select_related("booking_policy").get()


def party(restaurant: Restaurant, day: int, time: str, **given: Any) -> Reservation:
    return ReservationFactory.create(
        restaurant=restaurant,
        reservation_date=datetime(2026, 6, day, tzinfo=UTC),
        reservation_time=time,
        **{"duration_minutes": 60, **given},
    )


def test_a_day_with_everything(restaurant: Restaurant, django_assert_num_queries: DjangoAssertNumQueries) -> None:
    came = datetime(2026, 6, 5, 20, 0, tzinfo=UTC)
    late = party(restaurant, 6, "00:15", party_size=4, table_ids=[2])
    sits = party(restaurant, 5, "22:00", party_size=4, actual_arrival_time=came, table_ids=[1])
    beside = party(restaurant, 5, "22:30", party_size=3, table_ids=[1])
    gone = party(restaurant, 5, "22:00", party_size=9, status="COMPLETED")
    party(restaurant, 6, "18:00")
    party(restaurant, 5, "00:30")
    party(RestaurantFactory.create(), 5, "22:00")
    early = party(restaurant, 5, "9", party_size=1)
    unreadable = party(restaurant, 5, "evening", status="NO_SHOW")
    OpeningExceptionFactory.create(restaurant=restaurant, date=FRIDAY, hours="22:00-01:00", note="Music.")
    with django_assert_num_queries(2):
        sheet = day_sheet(restaurant=restaurant, day=FRIDAY)
    assert (sheet.hours, sheet.note) == ("22:00-01:00", "Music.")
    assert [(row.reservation, row.time, row.stage.value, row.clashes) for row in sheet.rows[1:]] == [
        (early, "09:00", "expected", False),
        (sits, "22:00", "seated", True),
        (gone, "22:00", "left", False),
        (beside, "22:30", "expected", True),
        (late, "00:15", "expected", False),
        (unreadable, "evening", "no_show", False),
    ]
    assert [(slot.time, slot.covers, slot.arriving, slot.capacity, slot.is_over) for slot in sheet.slots] == [
        ("00:30", 2, 2, 6, False),
        ("09:00", 1, 1, 6, False),
        ("22:00", 4, 13, 6, False),
        ("22:30", 7, 3, 6, True),
        ("23:00", 3, 0, 6, False),
        ("23:30", 0, 0, 6, False),
        ("00:00", 4, 4, 6, False),
        ("00:30", 4, 0, 6, False),
    ]
    assert sheet.parties == {Stage.EXPECTED: 4, Stage.SEATED: 1, Stage.LEFT: 1, Stage.NO_SHOW: 1}
    assert sheet.covers == {Stage.EXPECTED: 10, Stage.SEATED: 4, Stage.LEFT: 9, Stage.NO_SHOW: 2}
    quarter = timedelta(minutes=15)
    at_ten = came + timedelta(minutes=30)
    assert [row.is_late(at_ten + quarter) for row in sheet.rows] == [True, True, False, False, False, False, False]
    assert [row.is_overdue(came + 5 * quarter) for row in sheet.rows].index(True) == 2


def test_a_day_without_anything() -> None:
    sheet = day_sheet(restaurant=RestaurantFactory.create(), day=date(9999, 12, 31))
    assert (sheet.hours, sheet.note, sheet.rows, sheet.slots) == ("", "", (), ())
    assert day_sheet(restaurant=sheet.restaurant, day=date.min).rows == ()
