"""A restaurant that takes bookings, whenever the tests run: in a zone without summer time, a month ahead."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from customers.models import Customer
from reservations.models import Reservation
from restaurants.models import Restaurant
from tests.api import Api
from tests.factories import BookingPolicyFactory, CustomerFactory, RestaurantFactory, staff_of

WEEK = dict.fromkeys(("mon", "tue", "wed", "thu", "fri", "sat", "sun"), "12:00-22:00")


@pytest.fixture
def day() -> date:
    return datetime.now(UTC).date() + timedelta(days=30)


@pytest.fixture
def zaika(db: None) -> Restaurant:
    """A restaurant in Kolkata for ten people at a time, with an owner and a policy."""
    restaurant = RestaurantFactory.create(
        name="Zaika",
        slug="zaika",
        opening_hours=WEEK,
        address="1 Park Street",
        city="Kolkata",
        phone="+91 33 1",
        email="zaika@example.org",
    )
    staff_of(restaurant, "OWNER")
    BookingPolicyFactory.create(restaurant=restaurant, time_zone="Asia/Kolkata", covers_per_slot=10)
    return restaurant


@pytest.fixture
def carla(db: None) -> Customer:
    return CustomerFactory.create(email="carla@example.org", first_name="Carla", last_name="Cruz", phone="+34 5")


@pytest.fixture
def client(carla: Customer, as_customer: Callable[[Customer], Api]) -> Api:
    """Carla, logged in."""
    return as_customer(carla)


@pytest.fixture
def wanted(zaika: Restaurant, day: date) -> dict[str, Any]:
    """What a customer sends to book a table."""
    return {"restaurant": "zaika", "date": day.isoformat(), "time": "19:30", "party_size": 4}


def shown(reservation: Reservation, day: date, path: str | None, **more: Any) -> dict[str, Any]:
    """Return how a booking made at Zaika with `wanted` is shown, but for MORE."""
    reservation.refresh_from_db()  # the columns hold milliseconds
    stamps = {
        name: getattr(reservation, name).isoformat(timespec="milliseconds") for name in ("created_at", "updated_at")
    }
    return {
        "id": reservation.pk,
        "restaurant": {
            "id": reservation.restaurant_id,
            "slug": "zaika",
            "name": "Zaika",
            "phone": "+91 33 1",
            "address": "1 Park Street, Kolkata",
            "time_zone": "Asia/Kolkata",
        },
        "date": day.isoformat(),
        "time": "19:30",
        "starts_at": f"{day}T19:30:00+05:30",
        "duration_minutes": 90,
        "party_size": 4,
        "status": "CONFIRMED",
        "special_requests": "",
        "contact": {"name": "Carla Cruz", "email": "carla@example.org", "phone": "+34 5"},
        "source": "portal",
        "can_change": True,
        "change_until": f"{day}T17:30:00+05:30",
        "can_cancel": True,
        "cancel_until": f"{day}T17:30:00+05:30",
        **{name: stamp.replace("+00:00", "Z") for name, stamp in stamps.items()},
        "links": {
            "self": path,
            "cancel": path and f"{path}/cancel",
            "calendar": path and f"{path}/calendar.ics",
        },
        **more,
    }
