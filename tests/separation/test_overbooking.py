"""What the old application books beyond a restaurant's limits is never refused, counts, and becomes a finding."""

from datetime import UTC, date, datetime

import pytest
from django.core.management import call_command
from django.db import connection

from reservations.errors import SlotFull
from reservations.models import BookingPolicy, Reservation
from reservations.services import Contact, reservation_create
from restaurants.models import Restaurant
from separation import overbooking
from separation.models import Finding
from tests.factories import BookingPolicyFactory, OpeningExceptionFactory
from tests.separation.engine import one, query
from tests.separation.old_application import application_role, book, old_application

pytestmark = pytest.mark.engine

FRIDAY = "2100-01-08"
UNHOLDABLE = """
INSERT INTO reservations (customer_name, restaurant_id, party_size, reservation_date, reservation_time, table_ids,
    updated_at, user_id)
SELECT '', restaurant_id, 9, 'infinity', '', '{}', now(), user_id FROM reservations ORDER BY id DESC LIMIT 1
"""


@pytest.fixture
def restaurant(legacy_database):
    legacy_database("plain", moved=True)
    query(connection, "DELETE FROM reservations WHERE reservation_date > now()")
    restaurant = Restaurant.objects.filter(is_active=True).earliest("id")
    Restaurant.objects.filter(pk=restaurant.pk).update(opening_hours={"fri": "18:00-01:00", "sat": "18:00-23:00"})
    BookingPolicyFactory.create(restaurant=restaurant, covers_per_slot=4, time_zone="Europe/Berlin")
    return Restaurant.objects.get(pk=restaurant.pk)


@pytest.fixture
def old(restaurant):
    """Book as the old application does; a user who is staff."""
    user = one(connection, "SELECT min(user_id) FROM restaurant_staff WHERE restaurant_id = %s", [restaurant.pk])
    name = connection.settings_dict["NAME"]
    with application_role(name) as role, old_application(name, role) as application:

        def booking(time, size=2, day=FRIDAY):
            identifier = book(application, user, restaurant.pk, "CONFIRMED")
            application.execute(
                "UPDATE reservations SET reservation_date = %s, reservation_time = %s, party_size = %s WHERE id = %s",
                [day, time, size, identifier],
            )
            return identifier

        yield booking


def found():
    return [
        (each.state, each.row_id, each.detail["day"], each.detail["time"], each.detail["covers"], each.detail["limit"])
        for each in Finding.objects.filter(kind="overbooked").order_by("row_id")
    ]


def test_one_too_many_is_found_and_closed_by_itself(restaurant, old):
    ids = [old("19:00"), old("20:00"), old("20:15"), old("22:00")]
    old("evening", 50)
    assert overbooking.find(connection) == 1
    assert found() == [("open", ids[2], FRIDAY, "20:15", 6, 4)]
    (finding,) = Finding.objects.filter(kind="overbooked")
    assert (finding.table_name, finding.detail["restaurant"]) == ("reservations", restaurant.pk)
    with pytest.raises(SlotFull):
        reservation_create(
            restaurant=restaurant,
            party_size=1,
            day=date(2100, 1, 8),
            time="20:30",
            contact=Contact("Guest"),
            source="portal_guest",
            now=datetime(2100, 1, 1, tzinfo=UTC),
        )
    Reservation.objects.filter(pk=ids[1]).update(status="CANCELLED")
    assert overbooking.find(connection) == 0
    assert found() == [("gone", ids[2], FRIDAY, "20:15", 6, 4)]
    late = old("20:30", 3)
    assert overbooking.find(connection) == 1
    assert found() == [("gone", ids[2], FRIDAY, "20:15", 6, 4), ("open", late, FRIDAY, "20:30", 5, 4)]


def test_a_day_is_overbooked_with_its_night(restaurant, old):
    BookingPolicy.objects.update(covers_per_slot=None, covers_per_day=5)
    OpeningExceptionFactory.create(restaurant=restaurant, date=date(2100, 1, 16), hours="")
    old("19:00")
    night = old("00:30", 4, "2100-01-09")
    old("19:00", 5, "2100-01-09")
    assert overbooking.find(connection) == 1
    assert found() == [("open", night, FRIDAY, None, 6, 5)]


def test_who_has_no_limit_and_what_is_over_is_not_looked_at(restaurant, old):
    old("19:00", 9, "2020-01-03")
    assert overbooking.find(connection) == 0
    BookingPolicy.objects.update(covers_per_slot=None)
    old("19:00", 9)
    assert overbooking.find(connection) == 0


def test_a_verification_looks_and_holds(restaurant, old):
    old("19:00", 9)
    query(connection, UNHOLDABLE)
    call_command("verify_separation")
    assert [state for state, *_ in found()] == ["open"]
    query(connection, "UPDATE separation_phase SET name = 'separated'")
    assert overbooking.find(connection) == 0
