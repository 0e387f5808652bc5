"""Booking, changing and cancelling a table."""

from datetime import UTC, date, datetime
from typing import Any

import pytest

from reservations.models import BookingLog, BookingTerms, Reservation
from reservations.services import Actor, Contact, reservation_create
from restaurants.models import Restaurant
from tests.factories import (
    CustomerFactory,
    RestaurantFactory,
    staff_of,
)

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 6, 1, 9, 0, tzinfo=UTC)
FRIDAY = date(2026, 6, 5)
CARLA = Contact("Carla Customer", "carla@example.org", "+34 5")
GUEST = Actor("guest")


@pytest.fixture
def restaurant() -> Restaurant:
    return RestaurantFactory.create(
        opening_hours=dict.fromkeys(("mon", "tue", "wed", "thu", "fri", "sat", "sun"), "12:00-22:00")
    )


@pytest.fixture
def owner(restaurant: Restaurant) -> int:
    staff_of(restaurant, "STAFF")
    staff_of(restaurant, "MANAGER")
    return staff_of(restaurant, "OWNER").pk


def book(restaurant: Restaurant, **given: Any) -> Reservation:
    usual: dict[str, Any] = {"party_size": 2, "day": FRIDAY, "time": "19:00", "contact": CARLA, "now": NOW}
    return reservation_create(restaurant=restaurant, **{**usual, "source": "portal_guest", **given})


def columns(reservation: Reservation) -> dict[str, Any]:
    row: dict[str, Any] = dict(Reservation.objects.values().get(pk=reservation.pk))
    return {name: row[name] for name in row.keys() - {"id", "created_at", "updated_at", "restaurant_id"}}


def test_a_guest_books(restaurant: Restaurant, owner: int) -> None:
    reservation = book(restaurant, special_requests="High chair")
    assert columns(reservation) == {
        "customer_name": "Carla Customer",
        "customer_phone": "+34 5",
        "customer_email": "carla@example.org",
        "party_size": 2,
        "reservation_date": datetime(2026, 6, 5, tzinfo=UTC),
        "reservation_time": "19:00",
        "status": "CONFIRMED",
        "notes": None,
        "special_requests": "High chair",
        "duration_minutes": 90,
        "source": "portal_guest",
        "table_ids": [],
        "confirmation_sent": False,
        "reminder_sent": False,
        "actual_arrival_time": None,
        "actual_departure_time": None,
        "guest_notes": None,
        "user_id": owner,
        "customer_id": None,
    }
    terms = BookingTerms.objects.values("cancel_cutoff_minutes", "reminder_hours", "sequence", "created_by")
    assert list(terms) == [{"cancel_cutoff_minutes": 120, "reminder_hours": 24, "sequence": 0, "created_by": "guest"}]
    (log,) = BookingLog.objects.all()
    assert (log.action, log.actor_kind, log.actor_id, log.before) == ("created", "guest", None, {})
    assert log.after == {
        "customer_name": "Carla Customer",
        "customer_phone": "+34 5",
        "customer_email": "carla@example.org",
        "special_requests": "High chair",
        "day": "2026-06-05",
        "time": "19:00",
        "party_size": 2,
        "status": "CONFIRMED",
        "duration_minutes": 90,
    }


def test_a_customer_books(restaurant: Restaurant) -> None:
    carla = CustomerFactory.create()
    reservation = book(restaurant, customer=carla, source="portal")
    assert (reservation.customer_id, reservation.user_id) == (carla.pk, None)
    assert reservation.terms.created_by == "customer"
    (log,) = BookingLog.objects.all()
    assert (log.actor_kind, log.actor_id) == ("customer", carla.pk)
