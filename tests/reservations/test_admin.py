"""Staff see how a restaurant takes bookings, and what was done to one; owners change the first, nobody the second."""

from collections.abc import Callable
from datetime import date
from typing import Any

import pytest
from django.test import Client

from accounts.models import User
from reservations.models import BookingLog, BookingPolicy, OpeningException
from restaurants.models import Restaurant
from tests.factories import (
    BookingPolicyFactory,
    OpeningExceptionFactory,
    ReservationFactory,
    RestaurantFactory,
    UserFactory,
    staff_of,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def restaurant() -> Restaurant:
    return RestaurantFactory.create(name="R", slug="r", opening_hours={"mon": "12:00-22:00", "tue": "?"})


@pytest.fixture
def browser(restaurant: Restaurant) -> Callable[[str], Client]:
    def browser(role: str) -> Client:
        client = Client()
        superadmin = role == "SUPERADMIN"
        client.force_login(UserFactory.create(role=User.Role.SUPERADMIN) if superadmin else staff_of(restaurant, role))
        return client

    return browser


def page(restaurant: Restaurant) -> str:
    return f"/admin/restaurants/restaurant/{restaurant.pk}/change/"


def form(restaurant: Restaurant, **given: Any) -> dict[str, Any]:
    """What the restaurant's page sends with one policy and one day, both new."""
    policy = {
        "is_online": "on",
        "time_zone": "Europe/Berlin",
        "slot_interval_minutes": "15",
        "duration_minutes": "90",
        "durations": '[{"up_to": 2, "minutes": 75}]',
        "covers_per_slot": "40",
        "covers_per_day": "",
        "overbooking_percent": "10",
        "min_party_size": "1",
        "max_party_size": "8",
        "minimum_notice_minutes": "30",
        "horizon_days": "60",
        "change_cutoff_minutes": "60",
        "cancel_cutoff_minutes": "60",
        "reminder_hours": "",
    }
    day = {"date": "2026-12-24", "hours": "12:00-15:00", "note": "Christmas Eve."}
    management = {"TOTAL_FORMS": "1", "INITIAL_FORMS": "0"}
    sent = {"name": "R", "slug": "r", "is_active": "on", "opening_hours": '{"mon": "12:00-22:00"}'}
    for prefix, values in (("booking_policy", policy), ("opening_exceptions", day)):
        sent |= {f"{prefix}-{name}": value for name, value in management.items()}
        sent |= {f"{prefix}-0-{name}": value for name, value in ({"restaurant": str(restaurant.pk)} | values).items()}
    return sent | given


def test_an_owner_says_how_bookings_are_taken(restaurant: Restaurant, browser: Callable[[str], Client]) -> None:
    response = browser("OWNER").post(page(restaurant), form(restaurant))
    assert response.status_code == 302
    policy = BookingPolicy.objects.get(restaurant=restaurant)
    assert (policy.time_zone, policy.slot_limit, policy.day_limit) == ("Europe/Berlin", 44, None)
    assert (policy.duration_of(2).seconds, policy.duration_of(3).seconds) == (75 * 60, 90 * 60)
    assert policy.reminder_hours is None
    assert list(OpeningException.objects.values_list("date", "hours", "note")) == [
        (date(2026, 12, 24), "12:00-15:00", "Christmas Eve.")
    ]


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("booking_policy-0-time_zone", "Berlin", "&#x27;Berlin&#x27; is no time zone, such as Europe/Berlin."),
        ("booking_policy-0-durations", '{"2": 90}', "It is a list such as"),
        ("booking_policy-0-durations", '[{"up_to": 2, "minutes": true}]', "It is a list such as"),
        ("booking_policy-0-durations", '[{"up_to": 2, "minutes": 5}]', "and 15 to 720 minutes."),
        ("booking_policy-0-durations", '[{"up_to": 2, "minutes": 90}, {"up_to": 2, "minutes": 90}]', "by rising up_to"),
        ("booking_policy-0-duration_minutes", "5", "greater than or equal to 15"),
        ("booking_policy-0-covers_per_slot", "0", "greater than or equal to 1"),
        ("booking_policy-0-overbooking_percent", "101", "less than or equal to 100"),
        ("booking_policy-0-min_party_size", "9", "It is at least as large as the smallest party."),
        ("opening_exceptions-0-hours", "noon", "&#x27;noon&#x27; is no interval, such as 12:00-22:00."),
    ],
)
def test_what_makes_no_sense_is_not_saved(
    restaurant: Restaurant, browser: Callable[[str], Client], field: str, value: str, said: str
) -> None:
    response = browser("OWNER").post(page(restaurant), form(restaurant, **{field: value}))
    assert response.status_code == 200
    assert said in response.content.decode()
    assert not BookingPolicy.objects.exists()


def test_an_owner_takes_a_day_back(restaurant: Restaurant, browser: Callable[[str], Client]) -> None:
    policy, day = (
        BookingPolicyFactory.create(restaurant=restaurant),
        OpeningExceptionFactory.create(restaurant=restaurant),
    )
    sent = form(restaurant, **{"opening_exceptions-0-DELETE": "on"})
    for prefix, row in (("booking_policy", policy), ("opening_exceptions", day)):
        sent |= {f"{prefix}-INITIAL_FORMS": "1", f"{prefix}-0-id": row.pk}
    assert browser("OWNER").post(page(restaurant), sent).status_code == 302
    assert not OpeningException.objects.exists()
    assert BookingPolicy.objects.get().covers_per_slot == 40


@pytest.mark.parametrize("role", ["STAFF", "MANAGER"])
def test_others_only_see_it(restaurant: Restaurant, browser: Callable[[str], Client], role: str) -> None:
    BookingPolicyFactory.create(restaurant=restaurant, time_zone="Asia/Tokyo")
    client = browser(role)
    shown = client.get(page(restaurant)).content.decode()
    assert "Asia/Tokyo" in shown
    assert "Monday 12:00-22:00. Tuesday: &#x27;?&#x27; is no interval, such as 12:00-22:00." in shown
    assert client.post(page(restaurant), form(restaurant)).status_code == 403
    assert not OpeningException.objects.exists()


def test_the_log_is_shown_and_not_edited(restaurant: Restaurant, browser: Callable[[str], Client]) -> None:
    reservation = ReservationFactory.create(restaurant=restaurant)
    BookingLog.objects.create(
        reservation=reservation,
        action="changed",
        actor_kind="customer",
        actor_id=7,
        before={"time": "19:00"},
        after={"time": "20:00", "reason": "late"},
    )
    path = f"/admin/reservations/reservation/{reservation.pk}/change/"
    for role in ("STAFF", "SUPERADMIN"):
        client = browser(role)
        shown = client.get(path).content.decode()
        assert "customer 7" in shown
        assert "time: 19:00 → 20:00; reason: late" in shown
        management = {"booking_log-TOTAL_FORMS": "0", "booking_log-INITIAL_FORMS": "0"}
        assert client.post(path, {"notes": role, **management}).status_code == 302
    assert BookingLog.objects.count() == 1
