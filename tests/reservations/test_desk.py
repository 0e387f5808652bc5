"""The desk: staff see a day, book, mark, move, note and cancel on their phones."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.test import Client
from post_office.models import Email
from pytest_django import DjangoAssertNumQueries

from accounts.models import User
from reservations.models import BookingLog, Reservation
from restaurants.models import Restaurant
from tests.factories import (
    BookingPolicyFactory,
    CustomerFactory,
    CustomerRestaurantFactory,
    ReservationFactory,
    RestaurantFactory,
    UserFactory,
    staff_of,
)

pytestmark = pytest.mark.django_db

WEEK = dict.fromkeys(("mon", "tue", "wed", "thu", "fri", "sat", "sun"), "00:00-24:00")
BASE = "/admin/reservations/reservation/"
DAY = datetime.now(UTC).date() + timedelta(days=30)
EVE = datetime(DAY.year, DAY.month, DAY.day, tzinfo=UTC)


@pytest.fixture
def place() -> Restaurant:
    """A restaurant that never closes, for ten at a time."""
    place = RestaurantFactory.create(name="Zaika", opening_hours=WEEK)
    BookingPolicyFactory.create(restaurant=place, covers_per_slot=10)
    return place


@pytest.fixture
def waiter(place: Restaurant) -> User:
    return staff_of(place, "STAFF")


@pytest.fixture
def desk(waiter: User) -> Client:
    client = Client()
    client.force_login(waiter)
    return client


def form(**given: Any) -> dict[str, Any]:
    usual = {"day": DAY.isoformat(), "time": "19:10", "party_size": "4", "name": "Lena Berg", "phone": "+49 30 1"}
    return {**usual, "source": "phone", "key": "0" * 32, **given}


def said(response: Any) -> list[str]:
    """Return the messages at the top of the page that follows, or of this one, and what it marks."""
    page = response.content.decode()
    found = re.findall(r'class="staff-message is-(?:bad|warn)[^>]*>(.*?)</(?:p|div)>', page, re.DOTALL)
    marked = re.findall(r'<ul class="errorlist"[^>]*>(.*?)</ul>', page, re.DOTALL)
    text = [re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", each)).strip() for each in (*found, *marked)]
    return [*(str(message) for message in response.context["messages"]), *text]


def test_the_day_with_its_bookings(
    place: Restaurant, desk: Client, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    day = {"restaurant": place, "reservation_date": EVE}
    come = {"status": "CONFIRMED", "actual_arrival_time": EVE}
    ReservationFactory.create(**day, **come, customer_name="<b>Sits</b>", reservation_time="19:00", party_size=8)
    ReservationFactory.create(**day, customer_name="Comes", reservation_time="19:30", party_size=4, notes="window")
    ReservationFactory.create(**day, customer_name="Cancelled", status="CANCELLED")
    ReservationFactory.create(reservation_date=EVE, customer_name="Elsewhere")
    # The log-in, who works where, the restaurants, where one was last (4), two days' exceptions, the bookings.
    with django_assert_num_queries(10):
        page = desk.get(f"{BASE}day/", {"restaurant": str(place.pk), "date": DAY.isoformat()})
    shown = page.content.decode()
    rows = [*page.context["rows"], *page.context["done"]]
    assert [(row["at"].time, row["booking"].customer_name, row["steps"]) for row in rows] == [
        ("19:00", "<b>Sits</b>", ["complete", "reopen"]),
        ("19:30", "Comes", ["seat"]),
        ("18:30", "Cancelled", []),
    ]
    assert f"/admin/orders/order/add/?reservation={rows[0]['booking'].pk}" in shown
    assert [(tile["stage"], tile["parties"], tile["covers"]) for tile in page.context["tiles"]] == [
        ("expected", 1, 4),
        ("seated", 1, 8),
        ("left", 0, 0),
        ("no_show", 0, 0),
        ("cancelled", 1, 2),
    ]
    full = [slot for slot in page.context["slots"] if slot["at"].covers]
    assert [(slot["at"].time, slot["at"].covers, slot["percent"]) for slot in full] == [
        ("19:00", 8, 80),
        ("19:30", 12, 100),
        ("20:00", 12, 100),
        ("20:30", 4, 40),
    ]
    assert "&lt;b&gt;Sits&lt;/b&gt;" in shown
    assert "window" in shown
    assert "too many" in shown
    assert "Elsewhere" not in shown
    only = desk.get(f"{BASE}day/", {"restaurant": str(place.pk), "date": DAY.isoformat(), "stage": "seated"})
    assert [row["booking"].party_size for row in only.context["rows"]] == [8]


def test_a_day_of_nobody_and_a_day_that_is_none(place: Restaurant, desk: Client) -> None:
    today = desk.get(f"{BASE}day/")
    assert "Nobody has booked for this day yet." in today.content.decode()
    for wrong in ("2026-13-01", "x", "\x00", "99999-01-01"):
        assert desk.get(f"{BASE}day/", {"date": wrong}).context["is_today"], wrong
    for edge in ("0001-01-01", "9999-12-31"):
        assert desk.get(f"{BASE}day/", {"date": edge}).status_code == 200


def test_another_restaurant_is_not_there(place: Restaurant, desk: Client) -> None:
    row = ReservationFactory.create(customer_name="Secret")
    there = row.restaurant
    found = {
        path: (
            desk.get(f"{BASE}{path}").status_code,
            desk.post(f"{BASE}{path}", form(step="seat", seen="expected")).status_code,
        )
        for path in (
            f"day/?restaurant={there.pk}",
            f"add/?restaurant={there.pk}",
            f"{row.pk}/edit/",
            f"{row.pk}/cancel/",
            f"{row.pk}/mark/",
            "99999999999999999999/edit/",
        )
    }
    assert list(found.values()) == [
        (404, 405),
        (404, 404),
        (404, 404),
        (404, 404),
        (405, 404),
        (404, 404),
    ]
    assert desk.post(f"{BASE}add/", form()).status_code == 404
    assert Reservation.objects.get().status == "CONFIRMED"
    assert not BookingLog.objects.exists()


def test_whoever_calls_is_found_among_our_own_customers(place: Restaurant, desk: Client) -> None:
    lena = CustomerFactory.create(
        first_name="Lena", last_name="Berg", phone="+49 (30) 123-456", email="lena@example.org"
    )
    CustomerRestaurantFactory.create(customer=lena, restaurant=place)
    closed = CustomerFactory.create(first_name="Lena", phone="+49 30 123456", is_active=False)
    CustomerRestaurantFactory.create(customer=closed, restaurant=place)
    CustomerRestaurantFactory.create(customer__first_name="Lena", customer__phone="+49 30 123456")
    found = {
        text: [
            customer.pk
            for customer in desk.get(f"{BASE}add/", {"restaurant": str(place.pk), "q": text}).context["found"]
        ]
        for text in ("30 1234", "0301234", "lena", "LENA b", "le", "123", "nobody", "%", "\x00abc")
    }
    assert [text for text, numbers in found.items() if numbers == [lena.pk]] == ["30 1234", "0301234", "lena", "LENA b"]
    assert [text for text, numbers in found.items() if not numbers] == ["le", "123", "nobody", "%", "\x00abc"]
    page = desk.get(f"{BASE}add/", {"restaurant": str(place.pk), "customer": str(lena.pk), "time": "19:10"})
    assert {name: page.context["form"][name].value() for name in ("name", "phone", "email", "customer", "time")} == {
        "name": "Lena Berg",
        "phone": "+49 (30) 123-456",
        "email": "lena@example.org",
        "customer": lena.pk,
        "time": "19:10",
    }
    sent = form(customer=lena.pk, email=lena.email)
    assert desk.post(f"{BASE}add/?restaurant={place.pk}", sent).status_code == 303
    assert Reservation.objects.get().customer_id == lena.pk


def test_a_form_that_is_sent_twice_books_once(place: Restaurant, desk: Client, waiter: User) -> None:
    path = f"{BASE}add/?restaurant={place.pk}"
    first, second = (desk.post(path, form(table_ids="5, 4", notes="by the window")) for _ in range(2))
    row = Reservation.objects.get()
    assert (row.user_id, row.table_ids, row.notes, row.source) == (waiter.pk, [4, 5], "by the window", "phone")
    assert (row.reservation_time, row.party_size, row.duration_minutes) == ("19:10", 4, 90)
    there = f"{BASE}day/?restaurant={place.pk}&date={DAY}#booking-{row.pk}"
    assert (first.status_code, first["Location"], second["Location"]) == (303, there, there)
    other = desk.post(path, form(name="Somebody else"))
    assert (other.status_code, said(other)[2:]) == (
        409,
        ["This form has booked a table already. Open a new one for another booking."],
    )
    assert Reservation.objects.count() == 1


def test_what_is_beyond_is_booked_only_when_it_is_confirmed(place: Restaurant, desk: Client) -> None:
    path = f"{BASE}add/?restaurant={place.pk}"
    asked = desk.post(path, form(party_size="13", email="lena@example.org"))
    assert asked.status_code == 409
    assert said(asked) == [
        "This is more than the restaurant takes: "
        "13 people are more than the 12 of the largest party taken online. "
        "13 people would sit at 19:00; the limit is 10. "
        "Nothing was saved yet. You may do it all the same; the log keeps that you did."
    ]
    assert 'name="confirmed" value="party_too_large,slot_full"' in asked.content.decode()
    assert desk.post(path, form(party_size="13", confirmed="slot_full")).status_code == 409
    assert not Reservation.objects.exists()
    assert desk.post(path, form(party_size="13", confirmed="party_too_large,slot_full")).status_code == 303
    assert BookingLog.objects.get().after["beyond"] == ["party_too_large", "slot_full"]


@pytest.mark.parametrize(
    ("given", "wrong"),
    [
        ({"name": " "}, "This field is required."),
        ({"time": "late"}, "Enter a valid time."),
        ({"day": "2026-02-30"}, "Enter a valid date."),
        ({"party_size": "0"}, "Ensure this value is greater than or equal to 1."),
        ({"email": "lena@"}, "Enter a valid email address."),
        ({"table_ids": "4, bar"}, "&#x27;bar&#x27; is no number of a table, such as 4."),
        ({"table_ids": "99999999999"}, "&#x27;99999999999&#x27; is no number of a table, such as 4."),
        ({"duration_minutes": "5"}, "Ensure this value is greater than or equal to 15."),
        ({"name": "a\x00b"}, "Null characters are not allowed."),
    ],
)
def test_what_makes_no_sense_is_said_beside_its_field(
    place: Restaurant, desk: Client, given: dict[str, str], wrong: str
) -> None:
    answer = desk.post(f"{BASE}add/?restaurant={place.pk}", form(**given))
    assert (answer.status_code, said(answer)) == (400, ["Nothing was saved yet: see what is marked.", wrong])


def test_a_walk_in_sits_at_once(place: Restaurant, desk: Client) -> None:
    page = desk.get(f"{BASE}add/?restaurant={place.pk}&walk_in")
    begun = {name: page.context["form"][name].value() for name in ("day", "time", "name", "source", "seated", "key")}
    sent = form(**{**begun, "seated": "on", "phone": ""})
    assert desk.post(f"{BASE}add/?restaurant={place.pk}", sent).status_code == 303
    row = Reservation.objects.get()
    assert (row.customer_name, row.source, row.status) == ("Walk-in", "walk_in", "CONFIRMED")
    assert row.actual_arrival_time is not None


def test_marks_and_their_undo(place: Restaurant, desk: Client) -> None:
    now = datetime.now(UTC)
    row = ReservationFactory.create(
        restaurant=place,
        customer_name="Lena",
        reservation_date=datetime(now.year, now.month, now.day, tzinfo=UTC),
        reservation_time=f"{now:%H:%M}",
    )

    def mark(step: str, seen: str, **given: str) -> list[str]:
        sent = {"step": step, "seen": seen, **given}
        return said(desk.post(f"{BASE}{row.pk}/mark/", sent, follow=True))

    at = f"{now:%H:%M}"
    assert mark("seat", "expected", tables="bar") == ["'bar' is no number of a table, such as 4."]
    assert mark("seat", "expected", tables="4 5") == [f"Lena, {at}: seated."]
    assert mark("no_show", "expected") == [f"Booking {row.pk} (Lena, {at}) is seated by now. Look again."]
    assert mark("complete", "seated") == [f"Lena, {at}: left."]
    assert mark("reopen", "left") == [f"Lena, {at}: seated."]
    assert mark("reopen", "left") == [f"Lena, {at}: seated."]
    row.refresh_from_db()
    assert (row.table_ids, row.status, row.actual_departure_time) == ([4, 5], "CONFIRMED", None)
    assert desk.post(f"{BASE}{row.pk}/mark/", {"step": "delete", "seen": "seated"}).status_code == 400


def test_a_no_show_whose_table_is_gone_is_asked_about(place: Restaurant, desk: Client) -> None:
    day = {"restaurant": place, "reservation_date": EVE - timedelta(days=40)}
    late = ReservationFactory.create(**day, status="NO_SHOW")
    ReservationFactory.create(**day, party_size=9)
    sent = {"step": "seat", "seen": "no_show"}
    asked = desk.post(f"{BASE}{late.pk}/mark/", sent)
    assert asked.status_code == 409
    assert "11 people would sit at 18:30; the limit is 10." in said(asked)[0]
    assert desk.post(f"{BASE}{late.pk}/mark/", {**sent, "override": "on"}).status_code == 303
    assert BookingLog.objects.get().after["beyond"] == ["slot_full"]


def test_a_booking_is_moved_and_noted(place: Restaurant, desk: Client) -> None:
    row = ReservationFactory.create(
        restaurant=place, reservation_date=EVE, customer_name="Lena", customer_email="not an address"
    )
    path = f"{BASE}{row.pk}/edit/"
    page = desk.get(path)
    filled = {name: page.context["form"][name].value() for name in page.context["form"].fields}
    filled = {name: "" if value is None else value for name, value in filled.items()}
    sent = {**filled, "time": "20:15", "party_size": "5", "table_ids": "7", "guest_notes": "Allergic to nuts"}
    moved = desk.post(path, sent)
    assert (moved.status_code, moved["Location"].split("#")[1]) == (303, f"booking-{row.pk}")
    row.refresh_from_db()
    assert (row.reservation_time, row.party_size, row.table_ids) == ("20:15", 5, [7])
    assert (row.guest_notes, row.customer_email, row.notes) == ("Allergic to nuts", "not an address", None)
    again = desk.post(path, {**sent, "guest_notes": "mine"})
    assert (again.status_code, said(again)[1:]) == (
        409,
        ["Somebody else has changed this booking since you opened it. Here is what it is now; change it again."],
    )
    assert again.context["form"]["guest_notes"].value() == "Allergic to nuts"
    Reservation.objects.update(status="COMPLETED")
    over = desk.get(path).context["form"]
    assert list(over.fields) == ["table_ids", "special_requests", "notes", "confirmed", "guest_notes", "seen"]
    sent = {"seen": over["seen"].value(), "notes": "left a scarf"}
    assert desk.post(path, sent).status_code == 303
    row.refresh_from_db()
    assert (row.notes, row.reservation_time) == ("left a scarf", "20:15")


def test_a_booking_is_cancelled_with_words(place: Restaurant, desk: Client) -> None:
    row = ReservationFactory.create(
        restaurant=place, reservation_date=EVE, customer_name="Lena", customer_email="lena@example.org"
    )
    path = f"{BASE}{row.pk}/cancel/"
    assert desk.get(path).status_code == 200
    assert Reservation.objects.get().status == "CONFIRMED"
    answer = desk.post(path, {"reason": "flood", "words": "Our cellar is under water."}, follow=True)
    assert said(answer) == ["Lena: cancelled. A mail tells the guest."]
    assert "Our cellar is under water." in Email.objects.get().message
    assert BookingLog.objects.get().after == {"status": "CANCELLED", "reason": "flood"}


def test_staff_of_two_places_stay_where_they_were(place: Restaurant, desk: Client, waiter: User) -> None:
    other = RestaurantFactory.create(name="Abacus")
    waiter.restaurant_staff.create(restaurant=other)
    assert desk.get(f"{BASE}day/").context["sheet"].restaurant == other
    desk.get(f"{BASE}day/", {"restaurant": place.pk})
    assert desk.get(f"{BASE}day/").context["sheet"].restaurant == place


def test_where_there_is_no_restaurant_yet_the_desk_says_so(client: Client) -> None:
    client.force_login(UserFactory.create(role="SUPERADMIN"))
    for path in ("day/", "add/"):
        assert "There is no restaurant yet." in client.get(f"{BASE}{path}").content.decode()
    assert client.post(f"{BASE}add/", form()).status_code == 404
