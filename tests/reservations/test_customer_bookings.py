"""A customer books, looks, changes and cancels over HTTP."""

from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import pytest
from post_office.models import Email

from customers.models import Customer
from reservations.models import BookingLog, Reservation
from restaurants.models import Restaurant
from tests.api import Api, problem, refused
from tests.factories import CustomerFactory, ReservationFactory, RestaurantFactory
from tests.reservations.conftest import shown

KEY = {"Idempotency-Key": "0b6e2a4e-8f6a-4f0e-9d53-1f0f6f1f2a11"}


@pytest.fixture
def booked(client: Api, wanted: dict[str, Any]) -> Any:
    """The answer to a booking."""
    response = client.post("me/reservations", wanted)
    assert response.status_code == 201, response.content
    return response


def test_a_booking(client: Api, wanted: dict[str, Any], day: date) -> None:
    response = client.post("me/reservations", {**wanted, "special_requests": " A high chair "})
    reservation = Reservation.objects.get()
    path = f"/api/v1/me/reservations/{reservation.pk}"
    assert (response.status_code, response["Location"]) == (201, path)
    assert response.json() == shown(reservation, day, path, special_requests="A high chair")
    again = client.get(path)
    assert (again.status_code, again.json(), again["ETag"]) == (200, response.json(), response["ETag"])
    assert client.get(path, headers={"If-None-Match": again["ETag"]}).status_code == 304
    assert (reservation.source, reservation.customer_id) == ("portal", reservation.customer_id)
    assert Email.objects.get().to == ["carla@example.org"]


def test_a_booking_in_another_name(client: Api, wanted: dict[str, Any]) -> None:
    response = client.post("me/reservations", {**wanted, "contact": {"name": " Otto\nQuist ", "phone": ""}})
    assert response.json()["contact"] == {"name": "Otto Quist", "email": "carla@example.org", "phone": None}


def test_a_restaurant_with_an_odd_legacy_slug_is_booked_too(client: Api, wanted: dict[str, Any]) -> None:
    Restaurant.objects.update(slug="Joe's Café.1")
    assert client.post("me/reservations", {**wanted, "restaurant": "Joe's Café.1"}).status_code == 201


def test_the_same_key_is_one_booking_and_one_answer(client: Api, wanted: dict[str, Any]) -> None:
    first = client.post("me/reservations", wanted, headers=KEY)
    again = client.post("me/reservations", wanted, headers=KEY)
    assert (again.status_code, again.content) == (201, first.content)
    assert [again[name] for name in ("ETag", "Location")] == [first[name] for name in ("ETag", "Location")]
    assert (first.get("Idempotent-Replayed"), again["Idempotent-Replayed"]) == (None, "true")
    assert (Reservation.objects.count(), Email.objects.count()) == (1, 1)
    other = client.post("me/reservations", {**wanted, "party_size": 5}, headers=KEY)
    assert refused(other) == (422, "idempotency_mismatch")


def test_a_key_is_each_customers_own(
    client: Api, wanted: dict[str, Any], as_customer: Callable[[Customer], Api]
) -> None:
    client.post("me/reservations", wanted, headers=KEY)
    response = as_customer(CustomerFactory.create()).post("me/reservations", wanted, headers=KEY)
    assert (response.status_code, "Idempotent-Replayed" in response) == (201, False)
    assert Reservation.objects.count() == 2


def test_a_refused_booking_may_be_tried_again_with_its_key(client: Api, wanted: dict[str, Any]) -> None:
    full = ReservationFactory.create(
        restaurant=Restaurant.objects.get(),
        party_size=10,
        reservation_time="19:30",
        reservation_date=f"{wanted['date']}T00:00Z",
    )
    assert refused(client.post("me/reservations", wanted, headers=KEY)) == (422, "slot_full")
    full.delete()
    assert client.post("me/reservations", wanted, headers=KEY).status_code == 201


@pytest.mark.parametrize("key", ["short", "x" * 256, "with\ttab in it", "é" * 10])
def test_a_key_that_is_none(client: Api, wanted: dict[str, Any], key: str) -> None:
    response = client.post("me/reservations", wanted, headers={"Idempotency-Key": key})
    assert [error["field"] for error in problem(response)["errors"]] == ["Idempotency-Key"]
    assert response.status_code == 400


WRONG = [
    ({"restaurant": "nowhere"}, "restaurant"),
    ({"restaurant": "closed-for-good"}, "restaurant"),
    ({"restaurant": "a\0b"}, "restaurant"),
    ({"date": "2026-02-30"}, "date"),
    ({"date": "9999-12-31"}, "date"),
    ({"date": "0001-01-01"}, "date"),
    ({"time": "25:00"}, "time"),
    ({"time": "7pm"}, "time"),
    ({"time": "119:300"}, "time"),
    ({"party_size": 0}, "party_size"),
    ({"party_size": 10**12}, "party_size"),
    ({"party_size": "many"}, "party_size"),
    ({"special_requests": "x" * 1001}, "special_requests"),
    ({"special_requests": "a\0b"}, "special_requests"),
    ({"contact": {"name": "\n"}}, "contact.name"),
    ({"contact": {"phone": "5" * 51}}, "contact.phone"),
    ({"contact": "Carla"}, "contact"),
]


@pytest.mark.parametrize(("changed", "field"), WRONG)
def test_a_field_that_is_wrong_is_named(client: Api, wanted: dict[str, Any], changed: Any, field: str) -> None:
    RestaurantFactory.create(slug="closed-for-good", is_active=False)
    response = client.post("me/reservations", {**wanted, **changed})
    assert refused(response) == (400, "invalid")
    assert {error["field"] for error in response.json()["errors"]} == {field}
    assert not Reservation.objects.exists()


def test_fields_that_are_missing_are_named(client: Api) -> None:
    errors = problem(client.post("me/reservations", {}))["errors"]
    assert [(error["field"], error["code"]) for error in errors] == [
        (name, "required") for name in ("date", "time", "party_size", "restaurant")
    ]


def test_a_customer_books_thirty_times_an_hour_and_no_more(client: Api, wanted: dict[str, Any]) -> None:
    for _ in range(30):
        assert client.post("me/reservations", {**wanted, "time": "03:00"}).status_code == 422
    response = client.post("me/reservations", wanted)
    assert refused(response) == (429, "throttled")
    assert int(response["Retry-After"]) > 0


def test_a_change(client: Api, booked: Any, day: date) -> None:
    path, later = booked["Location"], day + timedelta(days=1)
    response = client.patch(
        path,
        {
            "date": later.isoformat(),
            "time": "20:00",
            "party_size": 5,
            "special_requests": "Quiet",
            "contact": {"phone": "1"},
        },
        headers={"If-Match": booked["ETag"]},
    )
    reservation = Reservation.objects.get()
    assert response.status_code == 200
    assert response.json() == shown(
        reservation,
        later,
        path,
        time="20:00",
        starts_at=f"{later}T20:00:00+05:30",
        change_until=f"{later}T18:00:00+05:30",
        cancel_until=f"{later}T18:00:00+05:30",
        party_size=5,
        special_requests="Quiet",
        contact={"name": "Carla Cruz", "email": "carla@example.org", "phone": "1"},
    )
    assert response["ETag"] == client.get(path)["ETag"] != booked["ETag"]
    assert list(BookingLog.objects.values_list("action", "actor_kind")) == [
        ("created", "customer"),
        ("changed", "customer"),
    ]


def test_nothing_to_change_changes_nothing(client: Api, booked: Any) -> None:
    response = client.patch(booked["Location"], {}, headers={"If-Match": booked["ETag"]})
    assert (response.status_code, response.content, response["ETag"]) == (200, booked.content, booked["ETag"])


def test_a_change_of_what_has_not_been_seen_is_refused(client: Api, booked: Any) -> None:
    path = booked["Location"]
    assert refused(client.patch(path, {"party_size": 5})) == (428, "precondition_required")
    Reservation.objects.update(party_size=3)  # as another application does
    stale = client.patch(path, {"party_size": 5}, headers={"If-Match": booked["ETag"]})
    assert refused(stale) == (412, "precondition_failed")
    assert stale["ETag"] == client.get(path)["ETag"]
    cancelled = client.post(f"{path}/cancel", headers={"If-Match": booked["ETag"]})
    assert refused(cancelled) == (412, "precondition_failed")
    assert Reservation.objects.get().party_size == 3
    assert client.patch(path, {"party_size": 5}, headers={"If-Match": stale["ETag"]}).status_code == 200


def test_a_change_that_has_no_room_keeps_what_was(client: Api, booked: Any) -> None:
    response = client.patch(booked["Location"], {"party_size": 11}, headers={"If-Match": "*"})
    assert refused(response) == (422, "slot_full")
    assert client.get(booked["Location"]).json() == booked.json()


def test_a_cancellation_and_the_same_again(client: Api, booked: Any, day: date) -> None:
    path = booked["Location"]
    first = client.post(f"{path}/cancel", headers={"If-Match": booked["ETag"]})
    again = client.post(f"{path}/cancel", headers={"If-Match": booked["ETag"]})
    gone = {"can_change": False, "change_until": None, "can_cancel": False, "cancel_until": None}
    assert first.json() == shown(Reservation.objects.get(), day, path, status="CANCELLED", **gone)
    assert (first.status_code, again.status_code, again.content) == (200, 200, first.content)
    assert Email.objects.count() == 2
    assert refused(client.patch(path, {"party_size": 2}, headers={"If-Match": "*"})) == (409, "not_changeable")


def test_too_late(client: Api, booked: Any) -> None:
    terms = Reservation.objects.get().terms
    terms.cancel_cutoff_minutes = terms.change_cutoff_minutes = 60 * 24 * 365
    terms.save()
    shown_now = client.get(booked["Location"]).json()
    assert (shown_now["can_change"], shown_now["can_cancel"]) == (False, False)
    assert refused(client.post(f"{booked['Location']}/cancel")) == (422, "past_cutoff")
    changed = client.patch(booked["Location"], {"party_size": 2}, headers={"If-Match": "*"})
    assert refused(changed) == (422, "past_cutoff")
    assert Reservation.objects.get().status == "CONFIRMED"


def test_what_is_somebody_elses_is_not_there(booked: Any, as_customer: Callable[[Customer], Api]) -> None:
    stranger, path = as_customer(CustomerFactory.create()), booked["Location"]
    for address in (path, "me/reservations/2147483647", "me/reservations/99999999999999999999"):
        asked = [
            stranger.get(address),
            stranger.get(f"{address}/calendar.ics"),
            stranger.patch(address, {"party_size": 1}, headers={"If-Match": "*"}),
            stranger.post(f"{address}/cancel"),
        ]
        assert [problem(response) for response in asked] == [
            {
                "type": "/api/v1/problems#not_found",
                "title": "Not found",
                "status": 404,
                "detail": "",
                "code": "not_found",
                "errors": [],
            }
        ] * 4
    assert Reservation.objects.get().status == "CONFIRMED"
