"""The page behind the link in a booking's mails: looking changes nothing; its form and button do."""

import re
from datetime import UTC, date, datetime, timedelta

import pytest
from django.db import OperationalError
from django.test import Client

from config.links import link_sign
from reservations.links import claims_of
from reservations.models import Reservation
from reservations.services import Contact, reservation_create
from restaurants.models import Restaurant
from tests.factories import BookingPolicyFactory, ReservationFactory, RestaurantFactory, staff_of
from tests.portal.test_link_pages import Outline
from tests.portal.world import WEEK

pytestmark = pytest.mark.django_db

HEADERS = {
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
    "X-Robots-Tag": "noindex",
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
}


@pytest.fixture
def browser() -> Client:
    """A browser that comes from a mail: without cookies, and checked as any."""
    return Client(enforce_csrf_checks=True)


@pytest.fixture
def day() -> date:
    return datetime.now(UTC).date() + timedelta(days=30)


@pytest.fixture
def zaika(db: None) -> Restaurant:
    restaurant = RestaurantFactory.create(
        name="Zaika & Co", opening_hours=WEEK, address="1 Park Street", phone="+91 33 1"
    )
    staff_of(restaurant, "OWNER")
    BookingPolicyFactory.create(restaurant=restaurant, time_zone="Asia/Kolkata", covers_per_slot=4)
    return restaurant


@pytest.fixture
def booked(zaika: Restaurant, day: date) -> Reservation:
    return reservation_create(
        restaurant=zaika,
        day=day,
        time="19:30",
        party_size=4,
        contact=Contact("<b>Carla</b>", "carla@example.org"),
        source="portal_guest",
        special_requests="Quiet,\nplease",
    )


@pytest.fixture
def address(booked: Reservation) -> str:
    return f"/booking/{link_sign('manage-booking', claims_of(booked))}"


def fields(html: str) -> dict[str, str]:
    """Return what the form on a page sends when nothing is changed."""
    found = Outline(html)
    given = {each["name"]: each["value"] for each in found.attributes("input")}
    (text,) = re.findall(r"<textarea[^>]*>\n?(.*?)</textarea>", html, re.DOTALL)
    return {**given, "special_requests": text.replace("\n", "\r\n"), "change": "1"}


def seen(browser: Client, address: str) -> dict[str, str]:
    return fields(browser.get(address).content.decode())


def test_it_shows_the_booking_and_changes_nothing(browser: Client, address: str, day: date) -> None:
    before = Reservation.objects.values().get()
    answer = browser.get(address)
    assert (answer.status_code, answer.headers.items() >= HEADERS.items(), answer.cookies) == (200, True, {})
    html = answer.content.decode()
    outline = Outline(html)
    assert outline.text["h1"] == ["Your table is booked"]
    assert outline.text["dd"][0] == f"{day:%A}, {day.day} {day:%B %Y}, 19:30"
    assert outline.text["dd"][1:3] == ["4 people", "<b>Carla</b>"]
    assert "&lt;b&gt;Carla" in html
    assert set(re.findall(r'(?:href|src|action)="([^"]*)"', html)) == {
        "/static/portal/pages.css",
        "tel:+91331",
        f"{address}/calendar.ics",
    }
    assert not outline.attributes("script")
    labelled = {each["for"] for each in outline.attributes("label")}
    assert labelled == {"id_day", "id_time", "id_party_size", "id_special_requests"}
    assert Reservation.objects.values().get() == before


def test_the_form_changes_it(browser: Client, address: str, day: date) -> None:
    sent = seen(browser, address)
    assert sent["day"] == day.isoformat()
    answer = browser.post(address, sent | {"time": "20:00", "party_size": "3"})
    assert (answer.status_code, answer["Location"]) == (303, f"{address}?done=changed")
    assert answer.headers.items() >= HEADERS.items()
    page = Outline(browser.get(answer["Location"]).content.decode())
    assert "Your booking is changed." in page.text["p"]
    row = Reservation.objects.get()
    assert (row.reservation_time, row.party_size, row.special_requests) == ("20:00", 3, "Quiet,\nplease")


def test_sent_as_it_is_it_changes_nothing(browser: Client, address: str) -> None:
    before = Reservation.objects.values().get()
    assert browser.post(address, seen(browser, address)).status_code == 303
    assert Reservation.objects.values().get() == before


def test_a_change_of_what_was_not_seen_is_shown_first(browser: Client, address: str) -> None:
    sent = seen(browser, address)
    Reservation.objects.update(party_size=2)
    answer = browser.post(address, sent | {"time": "20:00"})
    html = answer.content.decode()
    assert answer.status_code == 409
    assert "This booking was changed meanwhile. Look at it as it is now, then decide." in Outline(html).text["p"]
    assert fields(html)["party_size"] == "2"
    assert Reservation.objects.get().reservation_time == "19:30"


def test_what_has_no_room_says_what_has(browser: Client, address: str, zaika: Restaurant, day: date) -> None:
    for time in ("12:00", "15:00"):
        ReservationFactory.create(
            restaurant=zaika,
            reservation_date=f"{day}T00:00Z",
            reservation_time=time,
            party_size=4,
            duration_minutes=150,
        )
    answer = browser.post(address, seen(browser, address) | {"time": "13:00"})
    assert answer.status_code == 422
    said = Outline(answer.content.decode()).text["p"]
    assert f"{day} 13:00 is full for a party of 4." in said
    assert "Free on that day: 17:30, 18:00." in said
    assert Reservation.objects.get(source="portal_guest").reservation_time == "19:30"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("day", "2026-02-30"),
        ("day", "9999-12-31"),
        ("time", "noon"),
        ("party_size", "0"),
        ("special_requests", "x" * 1001),
    ],
)
def test_a_field_that_is_wrong_says_so_beside_it(browser: Client, address: str, name: str, value: str) -> None:
    answer = browser.post(address, seen(browser, address) | {name: value})
    html = answer.content.decode()
    assert answer.status_code == 400
    assert f'id="id_{name}_error"' in html
    assert 'aria-invalid="true"' in html
    assert f'aria-describedby="id_{name}_error"' in html


def test_the_button_cancels_it_and_again(browser: Client, address: str) -> None:
    for _ in range(2):
        answer = browser.post(address, {"cancel": "1"})
        assert (answer.status_code, answer["Location"]) == (303, f"{address}?done=cancelled")
    page = Outline(browser.get(answer["Location"]).content.decode())
    assert (page.text["h1"], page.attributes("form")) == (["This booking is cancelled"], [])
    assert Reservation.objects.get().status == "CANCELLED"


def test_too_late_it_says_to_call(browser: Client, address: str, booked: Reservation) -> None:
    sent = seen(browser, address)
    booked.terms.cancel_cutoff_minutes = booked.terms.change_cutoff_minutes = 60 * 24 * 365
    booked.terms.save()
    page = Outline(browser.get(address).content.decode())
    assert "To change or cancel it now, please call." in page.text["p"]
    assert page.attributes("form") == []
    for wanted in (sent | {"time": "20:00"}, {"cancel": "1"}):
        assert browser.post(address, wanted).status_code in (409, 422)
    assert Reservation.objects.get().status == "CONFIRMED"


@pytest.mark.parametrize("sent", [{"cancel": "1"}, {"change": "1"}])
def test_while_somebody_else_holds_it_nothing_is_done(
    browser: Client, address: str, sent: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def busy(**given: object) -> None:
        raise OperationalError("canceling statement due to lock timeout")

    filled = seen(browser, address) if "change" in sent else {}
    monkeypatch.setattr("portal.booking_page.reservation_hold", busy)
    answer = browser.post(address, filled | sent)
    assert answer.status_code == 503
    said = Outline(answer.content.decode()).text["p"]
    assert "This cannot be done just now. Please try again in a minute." in said
    assert Reservation.objects.get().status == "CONFIRMED"


def test_the_file_for_calendars(browser: Client, address: str) -> None:
    answer = browser.get(f"{address}/calendar.ics")
    assert (answer.status_code, answer["Content-Type"]) == (200, "text/calendar; charset=utf-8")
    assert answer.headers.items() >= HEADERS.items()
    Reservation.objects.update(reservation_time="evening", status="COMPLETED")
    assert Outline(browser.get(address).content.decode()).text["h1"] == ["Your visit"]
    assert browser.get(f"{address}/calendar.ics").status_code == 400
    assert "evening" in browser.get(address).content.decode()


def test_a_link_that_is_none(browser: Client, address: str, booked: Reservation) -> None:
    Reservation.objects.update(customer_email="other@example.org")
    asked = [
        browser.get(address),
        browser.get(f"{address}/calendar.ics"),
        browser.post(address, {"cancel": "1"}),
        browser.get("/booking/x"),
    ]
    for answer in asked:
        assert (answer.status_code, Outline(answer.content.decode()).text["h1"]) == (400, ["This link cannot be used"])
        assert answer.headers.items() >= HEADERS.items()
    assert Reservation.objects.get().status == "CONFIRMED"
