"""The list of a customer's reservations: all that are theirs, whoever booked them, narrowed and in order."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from django.db import connection

from customers.models import Customer
from reservations.models import Reservation
from restaurants.models import Restaurant
from tests.api import Api, refused
from tests.factories import BookingPolicyFactory, CustomerFactory, ReservationFactory, RestaurantFactory
from tests.reservations.conftest import shown

LIST = "me/reservations"


def on(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


@pytest.fixture
def mine(carla: Customer, zaika: Restaurant) -> Callable[..., Reservation]:
    """A function: a reservation of Carla's."""

    def make(day: date, time: str = "19:30", **columns: Any) -> Reservation:
        usual = {"restaurant": zaika, "customer": carla, "reservation_date": on(day), "reservation_time": time}
        return ReservationFactory.create(**usual | columns)

    return make


def ids(response: Any) -> list[int]:
    assert response.status_code == 200, response.content
    return [each["id"] for each in response.json()["results"]]


def test_whoever_booked_it_a_reservation_of_mine_is_shown_whole(
    client: Api, mine: Callable[..., Reservation], day: date
) -> None:
    theirs = {"customer_name": "Carla Cruz", "customer_phone": "+34 5", "customer_email": "carla@example.org"}
    staff = mine(day, party_size=4, source="phone", notes="VIP", guest_notes="tips", table_ids=[3], **theirs)
    response = client.get(LIST)
    path = f"/api/v1/me/reservations/{staff.pk}"
    assert response.status_code == 200
    assert response.json() == {"next": None, "previous": None, "results": [shown(staff, day, path, source="phone")]}


def test_nothing_of_anybody_else(client: Api, mine: Callable[..., Reservation], zaika: Restaurant, day: date) -> None:
    mine(day, customer=CustomerFactory.create())
    mine(day, customer=None, customer_email="carla@example.org", source="portal_guest")
    assert client.get(LIST).json() == {"next": None, "previous": None, "results": []}


def test_the_last_first_unless_they_are_to_come(client: Api, mine: Callable[..., Reservation], day: date) -> None:
    ago = day - timedelta(days=60)
    old, older = mine(ago, "12:00").pk, mine(ago, "9:30").pk
    soon, later = mine(day, "19:00").pk, mine(day, "20:00").pk
    assert ids(client.get(LIST)) == [later, soon, old, older]
    assert ids(client.get(f"{LIST}?ordering=date")) == [older, old, soon, later]
    assert ids(client.get(f"{LIST}?when=upcoming")) == [soon, later]
    assert ids(client.get(f"{LIST}?when=upcoming&ordering=-date")) == [later, soon]
    assert ids(client.get(f"{LIST}?when=past")) == [old, older]


def test_what_is_to_come_is_said_by_each_restaurants_clocks(client: Api, mine: Callable[..., Reservation]) -> None:
    """A day between Honolulu and Kiritimati: whatever the hour, it has been noon in one and not in the other."""
    noon = {"reservation_time": "12:00"}
    found = {}
    for zone, shift in (("Pacific/Kiritimati", 14), ("Pacific/Pago_Pago", -11)):
        restaurant = RestaurantFactory.create(slug=zone.rpartition("/")[2].lower())
        BookingPolicyFactory.create(restaurant=restaurant, time_zone=zone)
        there = datetime.now(UTC) + timedelta(hours=shift)
        for minutes in (-30, 30):
            at = there + timedelta(minutes=minutes)
            found[zone, minutes] = mine(
                at.date(), **noon | {"reservation_time": f"{at:%H:%M}"}, restaurant=restaurant
            ).pk
    assert set(ids(client.get(f"{LIST}?when=upcoming"))) == {pk for (_, minutes), pk in found.items() if minutes > 0}
    assert set(ids(client.get(f"{LIST}?when=past"))) == {pk for (_, minutes), pk in found.items() if minutes < 0}


def test_it_is_narrowed(client: Api, mine: Callable[..., Reservation], day: date) -> None:
    elsewhere = RestaurantFactory.create(slug="elsewhere")
    first, second = mine(day), mine(day + timedelta(days=1), status="CANCELLED")
    third = mine(day + timedelta(days=2), restaurant=elsewhere)
    asked = {
        "status=CANCELLED": [second.pk],
        "restaurant=elsewhere": [third.pk],
        "restaurant=nowhere": [],
        f"from={day + timedelta(days=1)}": [third.pk, second.pk],
        f"to={day + timedelta(days=1)}": [second.pk, first.pk],
        f"from={day}&to={day}": [first.pk],
    }
    assert {query: ids(client.get(f"{LIST}?{query}")) for query in asked} == asked


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("status=LOST", "status"),
        ("when=now", "when"),
        ("from=today", "from"),
        ("to=2026-02-30", "to"),
        ("ordering=notes", "ordering"),
        ("page_size=0", "page_size"),
        ("cursor=x", "cursor"),
        ("restaurant=a%00b", "restaurant"),
    ],
)
def test_what_it_cannot_be_narrowed_by(client: Api, query: str, field: str) -> None:
    response = client.get(f"{LIST}?{query}")
    assert refused(response) == (400, "invalid")
    assert {error["field"] for error in response.json()["errors"]} == {field}


@pytest.mark.parametrize("ordering", ["date", "-date"])
def test_page_by_page_each_comes_once_also_what_cannot_be_read(
    client: Api, mine: Callable[..., Reservation], day: date, ordering: str
) -> None:
    rows = [mine(day, f"{12 + number % 4}:00") for number in range(12)]
    for text in ("infinity", "-infinity", "0044-03-15 BC", "12026-01-01"):
        odd = mine(day, "whenever", created_at="2026-01-01T00:00Z")
        with connection.cursor() as cursor:
            cursor.execute("UPDATE reservations SET reservation_date = %s WHERE id = %s", [text, odd.pk])
        rows.append(odd)
    met, address = [], f"{LIST}?page_size=3&ordering={ordering}"
    while address:
        response = client.get(address)
        met += ids(response)
        address = response.json()["next"]
    assert sorted(met) == [row.pk for row in rows]


def test_a_row_whose_time_nobody_can_read_is_shown_as_far_as_it_can_be(
    client: Api, mine: Callable[..., Reservation], day: date
) -> None:
    odd = mine(day, "evening", customer_name="Carla Cruz", customer_email=None, party_size=0)
    path = f"/api/v1/me/reservations/{odd.pk}"
    unknown: dict[str, Any] = dict.fromkeys(("starts_at", "change_until", "cancel_until"))
    assert client.get(path).json() == shown(
        odd,
        day,
        path,
        **unknown,
        time="evening",
        party_size=0,
        can_change=False,
        can_cancel=False,
        contact={"name": "Carla Cruz", "email": None, "phone": None},
        source="website",
        links={"self": path, "cancel": f"{path}/cancel", "calendar": None},
    )
    assert refused(client.get(f"{path}/calendar.ics")) == (404, "not_found")
    assert refused(client.patch(path, {"party_size": 2}, headers={"If-Match": "*"})) == (409, "not_changeable")
    assert refused(client.post(f"{path}/cancel")) == (409, "not_changeable")
    with connection.cursor() as cursor:
        cursor.execute("UPDATE reservations SET reservation_date = 'infinity', updated_at = 'infinity'")
    there = client.get(path).json()
    assert (there["date"], there["starts_at"], there["updated_at"]) == (None, None, None)


def test_a_time_written_another_way_is_shown_as_any(client: Api, mine: Callable[..., Reservation], day: date) -> None:
    written = mine(day, "7:30 PM")
    there = client.get(f"{LIST}/{written.pk}").json()
    assert (there["time"], there["starts_at"]) == ("19:30", f"{day}T19:30:00+05:30")
    assert client.post(f"{LIST}/{written.pk}/cancel").json()["status"] == "CANCELLED"
