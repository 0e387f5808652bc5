"""A guest books without an account, and manages it by the link in the mail alone."""

from datetime import date, timedelta
from typing import Any

import pytest
from post_office.models import Email

from config.links import link_for, link_sign
from reservations.links import claims_of
from reservations.models import BookingLog, Reservation
from restaurants.models import Restaurant
from tests.api import Api, problem, refused
from tests.factories import CustomerFactory, ReservationFactory
from tests.reservations.conftest import shown

BOOK = "restaurants/zaika/reservations"
KEY = {"Idempotency-Key": "0b6e2a4e-8f6a-4f0e-9d53-1f0f6f1f2a11"}
CARLA = {"name": "Carla Cruz", "email": "carla@example.org", "phone": "+34 5"}


@pytest.fixture
def wish(zaika: Restaurant, day: date) -> dict[str, Any]:
    return {"date": day.isoformat(), "time": "19:30", "party_size": 4, "contact": CARLA}


@pytest.fixture
def path(api: Api, wish: dict[str, Any]) -> str:
    """Where the guest manages what is booked: by the token that the mail brings."""
    assert api.post(BOOK, wish).status_code == 201
    return f"/api/v1/guest/reservations/{mailed()}"


def mailed() -> str:
    """Return the token that is in the last mail when it is delivered."""
    email = Email.objects.latest("id")
    ((purpose, argument),) = email.context["links"].values()
    address = link_for(purpose, argument, email.to[0])
    assert address is not None
    return address.rpartition("/booking/")[2]


def test_a_guest_books(api: Api, wish: dict[str, Any], day: date) -> None:
    response = api.post(BOOK, wish)
    reservation = Reservation.objects.get()
    assert (response.status_code, "Location" in response) == (201, False)
    assert response.json() == shown(reservation, day, None, source="portal_guest")
    owner = reservation.restaurant.staff.get().user_id
    assert (reservation.customer_id, reservation.user_id) == (None, owner)
    assert Email.objects.get().to == ["carla@example.org"]


def test_the_link_in_the_mail_shows_it(api: Api, path: str, day: date) -> None:
    response = api.get(path)
    assert response.status_code == 200
    assert response.json() == shown(Reservation.objects.get(), day, path, source="portal_guest")
    assert api.get(path, headers={"If-None-Match": response["ETag"]}).status_code == 304
    calendar = api.get(f"{path}/calendar.ics", headers={"Accept": "text/calendar"})
    assert (calendar.status_code, calendar["Content-Type"]) == (200, "text/calendar; charset=utf-8")


def test_the_link_changes_it(api: Api, path: str) -> None:
    seen = api.get(path)["ETag"]
    response = api.patch(path, {"time": "20:00", "contact": {"name": "Otto"}}, headers={"If-Match": seen})
    assert (response.status_code, response.json()["time"]) == (200, "20:00")
    assert response.json()["contact"] == {**CARLA, "name": "Otto"}
    assert response["ETag"] == api.get(path)["ETag"]
    assert refused(api.patch(path, {"party_size": 5})) == (428, "precondition_required")
    assert refused(api.patch(path, {"party_size": 5}, headers={"If-Match": seen})) == (412, "precondition_failed")
    assert list(BookingLog.objects.values_list("actor_kind", flat=True)) == ["guest", "guest"]


def test_the_link_cancels_it_and_again(api: Api, path: str) -> None:
    first, again = api.post(f"{path}/cancel"), api.post(f"{path}/cancel")
    assert (first.status_code, first.json()["status"]) == (200, "CANCELLED")
    assert (again.status_code, again.content) == (200, first.content)


def test_who_has_an_account_is_answered_and_mailed_as_anybody(api: Api, wish: dict[str, Any], day: date) -> None:
    CustomerFactory.create(email="carla@example.org", email_verified=True)
    response = api.post(BOOK, wish)
    reservation = Reservation.objects.get()
    assert response.json() == shown(reservation, day, None, source="portal_guest")
    assert reservation.customer_id is None
    assert [email.to for email in Email.objects.all()] == [["carla@example.org"]]


def test_a_restaurants_keys_are_its_own_guests(api: Api, wish: dict[str, Any]) -> None:
    first = api.post(BOOK, wish, headers=KEY)
    again = api.post(BOOK, wish, headers=KEY)
    assert (again.status_code, again.content, again["Idempotent-Replayed"]) == (201, first.content, "true")
    assert refused(api.post(BOOK, {**wish, "party_size": 2}, headers=KEY)) == (422, "idempotency_mismatch")
    assert Reservation.objects.count() == 1


def test_a_guest_books_ten_times_a_day_for_one_address(api: Api, wish: dict[str, Any]) -> None:
    for _ in range(10):
        assert api.post(BOOK, {**wish, "time": "03:00"}).status_code == 422
    other_case = {**wish, "contact": {**CARLA, "email": "Carla@Example.org"}}
    assert refused(api.post(BOOK, other_case)) == (429, "throttled")
    assert api.post(BOOK, {**wish, "contact": {**CARLA, "email": "berta@example.org"}}).status_code == 201


def test_thirty_times_an_hour_from_one_network(api: Api, wish: dict[str, Any]) -> None:
    def book(number: int, ip: str) -> Any:
        contact = {**CARLA, "email": f"guest{number}@example.org"}
        return api.post(BOOK, {**wish, "time": "03:00", "contact": contact}, REMOTE_ADDR=ip)

    for number in range(30):
        assert book(number, "192.0.2.1").status_code == 422
    assert refused(book(30, "192.0.2.1")) == (429, "throttled")
    assert book(31, "192.0.2.2").status_code == 422


@pytest.mark.parametrize(
    ("contact", "field"),
    [
        ({"name": ""}, "contact.name"),
        ({"email": "nobody"}, "contact.email"),
        ({"email": "a,b@example.org"}, "contact.email"),
        ({"email": f"{'x' * 250}@example.org"}, "contact.email"),
        ({"phone": "5" * 51}, "contact.phone"),
    ],
)
def test_a_contact_that_cannot_be_reached(api: Api, wish: dict[str, Any], contact: dict[str, str], field: str) -> None:
    response = api.post(BOOK, {**wish, "contact": {**CARLA, **contact}})
    assert refused(response) == (400, "invalid")
    assert {error["field"] for error in response.json()["errors"]} == {field}


def test_name_and_address_are_needed(api: Api, wish: dict[str, Any]) -> None:
    errors = problem(api.post(BOOK, {**wish, "contact": {}}))["errors"]
    assert [(error["field"], error["code"]) for error in errors] == [
        ("contact.name", "required"),
        ("contact.email", "required"),
    ]


def asked_of(api: Api, path: str) -> set[tuple[int, str]]:
    """Return how everything that a link is for is refused."""
    return {
        refused(response)
        for response in (
            api.get(path),
            api.get(f"{path}/calendar.ics"),
            api.patch(path, {"party_size": 1}, headers={"If-Match": "*"}),
            api.post(f"{path}/cancel"),
        )
    }


def test_a_link_that_is_none(api: Api, path: str) -> None:
    reservation = Reservation.objects.get()
    head, _, signature = path.rpartition(".")
    others = [
        f"{path}x",
        f"{head}.{signature[::-1]}",
        "guest/reservations/x",
        f"guest/reservations/{link_sign('verify-email', claims_of(reservation))}",
        f"guest/reservations/{link_sign('manage-booking', {'booking': reservation.pk, 'proof': ''})}",
    ]
    assert [asked_of(api, each) for each in others] == [{(400, "link_invalid")}] * 5
    assert Reservation.objects.get().status == "CONFIRMED"


@pytest.mark.parametrize("email", ["berta@example.org", "", None])
def test_a_link_is_worth_nothing_once_the_address_is_another(api: Api, path: str, email: str | None) -> None:
    Reservation.objects.update(customer_email=email)
    assert asked_of(api, path) == {(400, "link_invalid")}


def test_a_link_is_worth_nothing_once_the_booking_is_gone(api: Api, path: str) -> None:
    Reservation.objects.all().delete()
    assert asked_of(api, path) == {(400, "link_invalid")}


def test_a_link_works_for_thirty_days_after_the_booking(api: Api, path: str) -> None:
    row = Reservation.objects.get()
    row.reservation_date -= timedelta(days=30 + 29)
    row.save(update_fields=["reservation_date"])
    assert api.get(path).status_code == 200
    assert refused(api.post(f"{path}/cancel")) == (409, "not_changeable")
    row.reservation_date -= timedelta(days=3)
    row.save(update_fields=["reservation_date"])
    assert asked_of(api, path) == {(400, "link_expired")}


def test_a_link_goes_on_working_when_the_booking_is_an_accounts(api: Api, path: str) -> None:
    Reservation.objects.update(customer=CustomerFactory.create(email="carla@example.org"))
    assert api.get(path).status_code == 200
    assert api.post(f"{path}/cancel").status_code == 200


def test_what_staff_booked_on_the_phone_is_managed_by_its_link_too(api: Api, zaika: Restaurant, day: date) -> None:
    reservation = ReservationFactory.create(
        restaurant=zaika, customer_email="otto@example.org", reservation_date=f"{day}T00:00Z", source="phone"
    )
    path = f"guest/reservations/{link_sign('manage-booking', claims_of(reservation))}"
    assert api.get(path).json()["source"] == "phone"
    assert api.post(f"{path}/cancel").json()["status"] == "CANCELLED"


def test_no_token_gets_into_a_log(api: Api, path: str, caplog: pytest.LogCaptureFixture) -> None:
    token = path.rpartition("/")[2]
    for address in (f"{path}x", f"{path}/nowhere", f"/booking/{token}x", f"/booking/{token}/nowhere"):
        assert api.get(address).status_code in (400, 404)
    assert api.delete(path).status_code == 405
    assert token[:20] not in caplog.text


@pytest.mark.parametrize("slug", ["nowhere", "closed", "a%00b"])
def test_a_restaurant_that_is_not_there(api: Api, zaika: Restaurant, wish: dict[str, Any], slug: str) -> None:
    Restaurant.objects.update(slug="closed", is_active=False)
    assert refused(api.post(f"restaurants/{slug}/reservations", wish)) == (404, "not_found")
