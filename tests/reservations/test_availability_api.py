"""What can be booked on a day, for everybody."""

from datetime import date, timedelta
from typing import Any

import pytest

from restaurants.models import Restaurant
from tests.api import Api, problem, refused
from tests.factories import OpeningExceptionFactory, ReservationFactory

ASK = "restaurants/zaika/availability"


def test_a_day(api: Api, zaika: Restaurant, day: date) -> None:
    zaika.opening_hours = {f"{day:%A}": "18:00-20:00"}
    zaika.save()
    ReservationFactory.create(
        restaurant=zaika, reservation_date=f"{day}T00:00Z", reservation_time="17:00", party_size=9, duration_minutes=90
    )
    response = api.get(f"{ASK}?date={day}&party_size=2")
    assert (response.status_code, response["Cache-Control"]) == (200, "public, max-age=10")
    slot = {"date": day.isoformat(), "available": True, "reason": None}
    assert response.json() == {
        "restaurant": "zaika",
        "date": day.isoformat(),
        "time_zone": "Asia/Kolkata",
        "party_size": 2,
        "slots": [
            {**slot, "time": "18:00", "starts_at": f"{day}T18:00:00+05:30", "available": False, "reason": "slot_full"},
            {**slot, "time": "18:30", "starts_at": f"{day}T18:30:00+05:30"},
        ],
        "closed_reason": None,
        "detail": "",
        "next_available_date": None,
    }


def closed(api: Api, day: date) -> dict[str, Any]:
    body = api.get(f"{ASK}?date={day}&party_size=2").json()
    return {name: body[name] for name in ("slots", "closed_reason", "detail", "next_available_date")}


def test_a_day_on_which_it_is_closed_says_why(api: Api, zaika: Restaurant, day: date) -> None:
    OpeningExceptionFactory.create(restaurant=zaika, date=day, note="A wedding.")
    assert closed(api, day) == {
        "slots": [],
        "closed_reason": "closed",
        "detail": f"Zaika is closed on {day}. A wedding.",
        "next_available_date": f"{day + timedelta(days=1)}",
    }


def test_a_restaurant_that_takes_none_online_says_so(api: Api, zaika: Restaurant, day: date) -> None:
    zaika.booking_policy.is_online = False
    zaika.booking_policy.save()
    assert closed(api, day) == {
        "slots": [],
        "closed_reason": "booking_offline",
        "detail": "Zaika takes no bookings online.",
        "next_available_date": None,
    }


def test_what_is_past_is_too_soon(api: Api, zaika: Restaurant) -> None:
    found = closed(api, date(2026, 1, 5))
    assert (found["slots"], found["closed_reason"]) == ([], "too_soon")


@pytest.mark.parametrize(
    ("query", "errors"),
    [
        ("", [("date", "required"), ("party_size", "required")]),
        ("?date=tomorrow&party_size=two", [("date", "invalid"), ("party_size", "invalid")]),
        ("?date=9999-12-31&party_size=0", [("date", "invalid"), ("party_size", "min_value")]),
    ],
)
def test_a_question_that_is_wrong(api: Api, zaika: Restaurant, query: str, errors: list[tuple[str, str]]) -> None:
    body = problem(api.get(f"{ASK}{query}"))
    assert [(error["field"], error["code"]) for error in body["errors"]] == errors


@pytest.mark.parametrize("day", ["0002-01-01", "9998-12-31"])
def test_the_ends_of_the_calendar(api: Api, zaika: Restaurant, day: str) -> None:
    assert api.get(f"{ASK}?date={day}&party_size=2").status_code == 200


def test_a_party_that_is_taken_by_nobody_online(api: Api, zaika: Restaurant, day: date) -> None:
    assert refused(api.get(f"{ASK}?date={day}&party_size=13")) == (422, "party_too_large")


def test_a_restaurant_that_is_not_there(api: Api, zaika: Restaurant, day: date) -> None:
    Restaurant.objects.update(is_active=False)
    assert refused(api.get(f"{ASK}?date={day}&party_size=2")) == (404, "not_found")
