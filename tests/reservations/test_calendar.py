"""A booking as an iCalendar file: every byte of it, and what calendars do with the next one."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from icalendar import Calendar

from reservations.ics import invitation, reservation_calendar
from reservations.models import BookingTerms, Reservation
from tests.factories import BookingPolicyFactory, ReservationFactory, RestaurantFactory

pytestmark = pytest.mark.django_db
THEN = datetime(2026, 1, 2, 3, 4, 5, 678000, tzinfo=UTC)


@pytest.fixture
def booked() -> Reservation:
    restaurant = RestaurantFactory.create(
        name="Café, Zür; & ein recht, sehr langer Name",
        address="Hauptstraße 1\nHof",
        zip_code="10115",
        city="Berlin",
        phone="+49 30 1",
        email="cafe@example.org",
    )
    BookingPolicyFactory.create(restaurant=restaurant, time_zone="Europe/Berlin")
    made: Reservation = ReservationFactory.create(id=7, restaurant=restaurant, party_size=4)
    Reservation.objects.update(created_at=THEN, updated_at=THEN)
    made.refresh_from_db()
    return made


def lines(reservation: Reservation) -> list[str]:
    content = reservation_calendar(reservation)
    assert content is not None
    assert content.endswith(b"\r\n")
    assert all(len(line) <= 75 for line in content.split(b"\r\n"))
    return content.decode().replace("\r\n ", "").split("\r\n")[:-1]


def event(reservation: Reservation) -> Any:
    (found,) = Calendar.from_ical(reservation_calendar(reservation) or b"").walk("VEVENT")
    return found


def test_every_line(booked: Reservation) -> None:
    assert lines(booked) == [
        "BEGIN:VCALENDAR",
        "VERSION:2.0",
        "PRODID:-//Restaurants//Reservations//EN",
        "METHOD:PUBLISH",
        "BEGIN:VEVENT",
        "SUMMARY:Table for 4 at Café\\, Zür\\; & ein recht\\, sehr langer Name",
        "DTSTART:20260601T163000Z",
        "DURATION:PT1H30M",
        "DTSTAMP:20260102T030405Z",
        "UID:70558bc9-6bbc-5b00-ab4b-7cc75f146333",
        "SEQUENCE:0",
        "CONTACT:+49 30 1",
        "LOCATION:Café\\, Zür\\; & ein recht\\, sehr langer Name\\, Hauptstraße 1 Hof\\, 10115 Berlin",
        "ORGANIZER:mailto:cafe@example.org",
        "STATUS:CONFIRMED",
        "END:VEVENT",
        "END:VCALENDAR",
    ]


def test_a_change_keeps_the_uid_and_raises_the_sequence(booked: Reservation) -> None:
    before = event(booked)
    BookingTerms.objects.create(reservation=booked, sequence=3)
    changed = Reservation.objects.get()
    changed.party_size, changed.reservation_time, changed.updated_at = 5, "20:00", THEN + timedelta(days=1)
    after = event(changed)
    assert (after["UID"], before["SEQUENCE"], after["SEQUENCE"]) == (before["UID"], 0, 3)
    assert after["DTSTART"].dt == datetime(2026, 6, 1, 18, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("status", "method"), [(Reservation.Status.CONFIRMED, "REQUEST"), (Reservation.Status.CANCELLED, "CANCEL")]
)
def test_in_a_mail_it_says_whom_it_concerns_and_asks_for_no_answer(
    booked: Reservation, status: Reservation.Status, method: str
) -> None:
    booked.status = status
    found = invitation(booked, "anna@example.org")
    assert found is not None
    assert (found.name, found.mimetype) == ("reservation-7.ics", f"text/calendar; method={method}")
    told = found.text.replace("\r\n ", "").split("\r\n")[:-1]
    assert f"METHOD:{method}" in told
    guest = "ATTENDEE;PARTSTAT=ACCEPTED;RSVP=FALSE:mailto:anna@example.org"
    assert {each for each in told if not each.startswith("METHOD")} - set(lines(booked)) == {guest}


def test_a_cancelled_one_takes_the_event_out(booked: Reservation) -> None:
    booked.status = Reservation.Status.CANCELLED
    assert {"METHOD:CANCEL", "STATUS:CANCELLED"} < set(lines(booked))


def test_the_same_id_in_another_database_is_another_event(booked: Reservation) -> None:
    before = event(booked)["UID"]
    booked.created_at += timedelta(milliseconds=1)
    assert event(booked)["UID"] != before


@pytest.mark.parametrize(("minutes", "shown"), [(0, 1), (-5, 1), (10**6, 1440)])
def test_a_duration_that_makes_no_sense(booked: Reservation, minutes: int, shown: int) -> None:
    booked.duration_minutes = minutes
    assert event(booked)["DURATION"].dt == timedelta(minutes=shown)


def test_without_an_address_of_its_own_the_platform_is_the_organizer(booked: Reservation, settings: Any) -> None:
    settings.DEFAULT_FROM_EMAIL = "Restaurants <restaurants@example.org>"
    booked.restaurant.email = booked.restaurant.phone = None
    assert "ORGANIZER:mailto:restaurants@example.org" in lines(booked)
    booked.restaurant.email = "hello@cafe.example\r\nATTENDEE:mailto:who@example.org"
    assert "ORGANIZER:mailto:restaurants@example.org" in lines(booked)


@pytest.mark.parametrize("time", ["", "evening", "25:00"])
def test_a_time_that_cannot_be_read_is_no_event(booked: Reservation, time: str) -> None:
    booked.reservation_time = time
    assert reservation_calendar(booked) is None
