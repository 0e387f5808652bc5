"""Staff see how a restaurant takes bookings, and what was done to one; owners change the first, nobody the second."""

from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.core.exceptions import ValidationError
from django.test import Client

from accounts.models import User
from reservations.forms import DurationsField
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
        "durations": "2: 75, up to 4 people: 100 minutes",
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
    sent = {"name": "R", "slug": "r", "is_active": "on", "opening_hours_0": "12:00-22:00"}
    for prefix, values in (("booking_policy", policy), ("opening_exceptions", day)):
        sent |= {f"{prefix}-{name}": value for name, value in management.items()}
        sent |= {f"{prefix}-0-{name}": value for name, value in ({"restaurant": str(restaurant.pk)} | values).items()}
    return sent | given


def test_an_owner_says_how_bookings_are_taken(restaurant: Restaurant, browser: Callable[[str], Client]) -> None:
    response = browser("OWNER").post(page(restaurant), form(restaurant))
    assert response.status_code == 302
    policy = BookingPolicy.objects.get(restaurant=restaurant)
    assert (policy.time_zone, policy.slot_limit, policy.day_limit) == ("Europe/Berlin", 44, None)
    assert policy.durations == [{"up_to": 2, "minutes": 75}, {"up_to": 4, "minutes": 100}]
    assert policy.reminder_hours is None
    assert list(OpeningException.objects.values_list("date", "hours", "note")) == [
        (date(2026, 12, 24), "12:00-15:00", "Christmas Eve.")
    ]


WRONG = {
    "booking_policy-0-time_zone": ("Berlin", "&#x27;Berlin&#x27; is no time zone, such as Europe/Berlin."),
    "booking_policy-0-durations": ("2: 90, 2: 90", "by rising up_to"),
    "booking_policy-0-duration_minutes": ("5", "greater than or equal to 15"),
    "booking_policy-0-covers_per_slot": ("0", "greater than or equal to 1"),
    "booking_policy-0-covers_per_day": ("99999999999", "less than or equal to 2147483647"),
    "booking_policy-0-overbooking_percent": ("101", "less than or equal to 100"),
    "booking_policy-0-min_party_size": ("9", "It is at least as large as the smallest party."),
    "booking_policy-0-horizon_days": ("x", "Enter a whole number."),
    "opening_exceptions-0-date": ("2026-02-30", "Enter a valid date."),
    "opening_exceptions-0-hours": ("noon", "&#x27;noon&#x27; is no interval, such as 12:00-22:00."),
    "opening_hours_2": ("late", "Wednesday: &#x27;late&#x27; is no interval, such as 12:00-22:00."),
    "opening_hours_6": ("12:00-15:00, 14:00-16:00", "Sunday: 12:00-15:00 and 14:00-16:00 overlap."),
}


def test_what_makes_no_sense_is_said_and_not_saved(restaurant: Restaurant, browser: Callable[[str], Client]) -> None:
    sent = form(restaurant, **{field: value for field, (value, _) in WRONG.items()})
    response = browser("OWNER").post(page(restaurant), sent)
    assert response.status_code == 200
    shown = response.content.decode()
    assert [field for field, (_, said) in WRONG.items() if said not in shown] == []
    assert not BookingPolicy.objects.exists()


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ('{"2": 90}', "'{\"2\": 90}' is no step, such as 2: 90."),
        ("2: 90, 6: 99999", "'6: 99999' is no step, such as 2: 90."),
        ("\x00", "Null characters are not allowed."),
    ],
)
def test_durations_that_nobody_can_read(typed: str, said: str) -> None:
    with pytest.raises(ValidationError) as caught:
        DurationsField().clean(typed)
    assert caught.value.messages == [said]


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


def test_the_week_is_changed_line_by_line_and_stays_in_its_shape(
    restaurant: Restaurant, browser: Callable[[str], Client]
) -> None:
    client = browser("OWNER")
    page_ = client.get(page(restaurant))
    assert page_.context["adminform"].form["opening_hours"].value() == ["12:00-22:00", *[""] * 6]
    sent = form(restaurant, opening_hours_0="12:00-15:00, 18:00-23:00", opening_hours_5="18-2")
    assert client.post(page(restaurant), sent).status_code == 302
    restaurant.refresh_from_db()
    # What nobody could read stays as it is until somebody says what it means.
    assert restaurant.opening_hours == {"mon": "12:00-15:00, 18:00-23:00", "tue": "?", "sat": "18:00-02:00"}
    assert client.post(page(restaurant), form(restaurant, opening_hours_1="9-5pm")).status_code == 200


def test_what_sql_wrote_past_the_check_of_durations_is_left_out(
    restaurant: Restaurant, browser: Callable[[str], Client]
) -> None:
    rubbish: list[Any] = [
        1,
        None,
        [],
        True,
        {"minutes": 90},
        {"up_to": "x", "minutes": 90},
        {"up_to": 9, "minutes": 1e9},
    ]
    policy = BookingPolicyFactory.create(restaurant=restaurant, durations=[*rubbish, {"up_to": 4, "minutes": 60}])
    assert (policy.duration_of(2), policy.duration_of(9)) == (timedelta(minutes=60), timedelta(minutes=90))
    shown = browser("OWNER").get(page(restaurant))
    assert 'value="4: 60"' in shown.content.decode()


def test_the_times_that_result_are_shown_before_anything_is_saved(
    restaurant: Restaurant, browser: Callable[[str], Client]
) -> None:
    path = f"/admin/reservations/reservation/preview/{restaurant.pk}/"
    client = browser("OWNER")
    assert path in client.get(page(restaurant)).content.decode()
    soon = date.today() + timedelta(days=3)
    week = {f"opening_hours_{number}": "18:00-20:00" for number in range(7)}
    other = {"opening_exceptions-0-date": soon.isoformat(), "opening_exceptions-0-hours": "12:00-13:45"}
    answer = client.post(path, form(restaurant, **week, **other))
    days = answer.context["days"]
    assert list(answer.context["messages"]) == []
    assert len(days) == 14
    found = {each["day"]: (each["hours"], each["note"], each["times"]) for each in days}
    assert found[soon] == (
        "12:00-13:45",
        "Christmas Eve.",
        [(2, ["12:00", "12:15", "12:30"]), (8, ["12:00", "12:15"])],
    )
    evening = ["18:00", "18:15", "18:30"]
    assert found[soon + timedelta(days=1)] == ("18:00-20:00", "", [(2, [*evening, "18:45"]), (8, evening)])
    wrong = client.post(path, form(restaurant, opening_hours_0="noon"))
    assert wrong.context["faults"] == ["Monday: 'noon' is no interval, such as 12:00-22:00."]
    restaurant.refresh_from_db()
    assert restaurant.opening_hours == {"mon": "12:00-22:00", "tue": "?"}
    assert [model.objects.count() for model in (BookingPolicy, OpeningException, LogEntry)] == [0, 0, 0]
    assert list(client.get("/admin/").context["messages"]) == []


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
    assert list(BookingLog.objects.values_list("actor_kind", "before", "after"))[1:] == [
        ("staff", {"notes": None}, {"notes": "STAFF"}),
        ("staff", {"notes": "STAFF"}, {"notes": "SUPERADMIN"}),
    ]
