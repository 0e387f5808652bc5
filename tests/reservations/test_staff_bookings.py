"""Staff book, move and cancel: for whoever calls, at any time, beyond the policy only knowingly."""

from datetime import UTC, date, datetime
from typing import Any

import pytest
from post_office.models import Email

from accounts.models import User
from reservations import errors
from reservations.models import BookingLog, BookingTerms, Reservation
from reservations.services import Actor, Changes, Contact, reservation_cancel, reservation_change, staff_book
from restaurants.models import Restaurant
from tests.factories import (
    BookingPolicyFactory,
    CustomerFactory,
    CustomerRestaurantFactory,
    OpeningExceptionFactory,
    ReservationFactory,
    RestaurantFactory,
    staff_of,
)

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 6, 5, 17, 0, tzinfo=UTC)
FRIDAY = date(2026, 6, 5)
LENA = Contact("Lena Berg", "lena@example.org", "+49 30 1")


@pytest.fixture
def restaurant() -> Restaurant:
    """A restaurant for ten at a time and twelve a day, open past midnight."""
    week = dict.fromkeys(("mon", "tue", "wed", "thu", "fri", "sat", "sun"), "18:00-01:00")
    restaurant = RestaurantFactory.create(name="R", opening_hours=week)
    BookingPolicyFactory.create(restaurant=restaurant, covers_per_slot=10, covers_per_day=12, horizon_days=30)
    return restaurant


@pytest.fixture
def waiter(restaurant: Restaurant) -> User:
    return staff_of(restaurant, "STAFF")


def book(restaurant: Restaurant, waiter: User, **given: Any) -> Reservation:
    usual: dict[str, Any] = {"party_size": 2, "day": FRIDAY, "time": "19:10", "contact": LENA, "now": NOW}
    return staff_book(restaurant=restaurant, actor=Actor("staff", waiter.pk), **{**usual, **given})


def columns(reservation: Reservation) -> dict[str, Any]:
    row: dict[str, Any] = dict(Reservation.objects.values().get(pk=reservation.pk))
    return {name: row[name] for name in row.keys() - {"id", "created_at", "updated_at", "restaurant_id"}}


def mails() -> list[tuple[str, list[str]]]:
    return [(mail.context["template"], mail.to) for mail in Email.objects.order_by("pk")]


def test_a_booking_on_the_phone_is_the_waiter_s_and_the_customer_s(restaurant: Restaurant, waiter: User) -> None:
    lena = CustomerRestaurantFactory.create(restaurant=restaurant).customer
    reservation = book(restaurant, waiter, customer=lena, notes="Birthday", special_requests="Cake", table_ids=[7])
    assert columns(reservation) == {
        "customer_name": "Lena Berg",
        "customer_phone": "+49 30 1",
        "customer_email": "lena@example.org",
        "party_size": 2,
        "reservation_date": datetime(2026, 6, 5, tzinfo=UTC),
        "reservation_time": "19:10",
        "status": "CONFIRMED",
        "notes": "Birthday",
        "special_requests": "Cake",
        "duration_minutes": 90,
        "source": "phone",
        "table_ids": [7],
        "confirmation_sent": False,
        "reminder_sent": False,
        "actual_arrival_time": None,
        "actual_departure_time": None,
        "guest_notes": None,
        "user_id": waiter.pk,
        "customer_id": lena.pk,
    }
    assert BookingTerms.objects.get().created_by == "staff"
    (log,) = BookingLog.objects.all()
    assert (log.action, log.actor_kind, log.actor_id, log.before) == ("created", "staff", waiter.pk, {})
    assert log.after == {
        "customer_name": "Lena Berg",
        "customer_phone": "+49 30 1",
        "customer_email": "lena@example.org",
        "special_requests": "Cake",
        "notes": "Birthday",
        "day": "2026-06-05",
        "time": "19:10",
        "party_size": 2,
        "status": "CONFIRMED",
        "duration_minutes": 90,
        "tables": [7],
    }
    assert mails() == [("booking-confirmed", ["lena@example.org"])]


def test_a_walk_in_sits_now_whatever_the_notice_and_the_grid(restaurant: Restaurant, waiter: User) -> None:
    now = datetime(2026, 6, 5, 22, 50, tzinfo=UTC)
    guest = Contact("Walk-in")
    row = book(restaurant, waiter, time="22:47", contact=guest, source="walk_in", duration_minutes=60, now=now)
    assert (row.reservation_time, row.duration_minutes, row.source, row.customer_id) == ("22:47", 60, "walk_in", None)
    after_midnight = book(restaurant, waiter, day=date(2026, 6, 6), time="00:10", duration_minutes=30, now=now)
    assert after_midnight.reservation_date == datetime(2026, 6, 6, tzinfo=UTC)
    assert [log.after.get("beyond") for log in BookingLog.objects.all()] == [None, None]
    assert mails() == [("booking-confirmed", ["lena@example.org"])]


def test_a_waiter_who_eats_here_too_does_not_book_for_themselves(restaurant: Restaurant, waiter: User) -> None:
    owner = staff_of(restaurant, "OWNER")
    CustomerFactory.create(id=waiter.pk)
    assert book(restaurant, waiter).user_id == owner.pk


def test_only_a_customer_whom_the_restaurant_knows_is_booked_for(restaurant: Restaurant, waiter: User) -> None:
    stranger = CustomerRestaurantFactory.create().customer
    with pytest.raises(
        errors.UnknownCustomer, match=f"^R does not know customer {stranger.pk}; book it as a guest's.$"
    ):
        book(restaurant, waiter, customer=stranger)
    closed = CustomerRestaurantFactory.create(restaurant=restaurant, customer__is_active=False).customer
    with pytest.raises(errors.AccountClosed):
        book(restaurant, waiter, customer=closed)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"time": "17:40"}, {"outside_hours": "17:40 is outside the hours of 2026-06-05: open 18:00-01:00."}),
        ({"time": "23:40"}, {"outside_hours": "The party would stay until 01:10; open 18:00-01:00."}),
        (
            {"time": "16:00"},
            {
                "too_soon": "2026-06-05 16:00 has passed.",
                "outside_hours": "16:00 is outside the hours of 2026-06-05: open 18:00-01:00.",
            },
        ),
        ({"day": date(2026, 7, 6)}, {"too_far": "Bookings are taken 30 days ahead."}),
        ({"day": date(2026, 6, 8)}, {"closed": "Closed on 2026-06-08. A wedding."}),
        ({"party_size": 9, "time": "18:45"}, {"slot_full": "11 people would sit at 20:00; the limit is 10."}),
        (
            {"party_size": 13, "day": date(2026, 6, 9)},
            {
                "party_too_large": "13 people are more than the 12 of the largest party taken online.",
                "day_full": "2026-06-09 would have 13 people; the limit is 12.",
                "slot_full": "13 people would sit at 19:00; the limit is 10.",
            },
        ),
    ],
)
def test_what_is_beyond_the_policy_is_booked_knowingly(
    restaurant: Restaurant, waiter: User, given: dict[str, Any], said: dict[str, str]
) -> None:
    OpeningExceptionFactory.create(restaurant=restaurant, date=date(2026, 6, 8), note="A wedding.")
    ReservationFactory.create(
        restaurant=restaurant, reservation_date=datetime(2026, 6, 5, tzinfo=UTC), reservation_time="20:00"
    )
    with pytest.raises(errors.BeyondPolicy) as caught:
        book(restaurant, waiter, **given)
    found = {each.code: each.message for each in caught.value.errors}
    assert found == said
    assert Reservation.objects.count() == 1
    row = book(restaurant, waiter, override=True, **given)
    assert BookingLog.objects.get(reservation=row).after["beyond"] == list(found)


def test_a_time_that_the_clocks_skip_is_no_time(waiter: User) -> None:
    berlin = RestaurantFactory.create(opening_hours={"sun": "00:00-24:00"})
    BookingPolicyFactory.create(restaurant=berlin, time_zone="Europe/Berlin")
    with pytest.raises(errors.OutsideHours, match=r"^There is no 02:30 on 2027-03-28: the clocks are put forward.$"):
        book(berlin, waiter, day=date(2027, 3, 28), time="02:30", override=True)


def test_staff_move_a_booking_after_the_cutoff_and_its_guest_is_told(restaurant: Restaurant, waiter: User) -> None:
    row = book(restaurant, waiter)
    Email.objects.all().delete()
    actor = Actor("staff", waiter.pk)
    changes = Changes(time="20:25", party_size=4, duration_minutes=150)
    changed = reservation_change(reservation=row, actor=actor, changes=changes, now=NOW)
    assert (changed.reservation_time, changed.party_size, changed.duration_minutes) == ("20:25", 4, 150)
    reservation_change(reservation=row, actor=actor, changes=Changes(special_requests="Cake"), now=NOW)
    assert mails() == [("booking-changed", ["lena@example.org"])]
    with pytest.raises(errors.BeyondPolicy, match=r"^11 people would sit at 20:15; the limit is 10.$"):
        reservation_change(reservation=row, actor=actor, changes=Changes(party_size=11), now=NOW)
    reservation_change(reservation=row, actor=actor, changes=Changes(party_size=11), override=True, now=NOW)
    assert BookingLog.objects.latest("pk").after == {"party_size": 11, "duration_minutes": 90, "beyond": ["slot_full"]}
    reservation_change(reservation=row, actor=actor, changes=Changes(party_size=11), now=NOW)
    assert BookingLog.objects.count() == 4


def test_a_party_that_sits_grows_but_keeps_its_time(restaurant: Restaurant, waiter: User) -> None:
    late = datetime(2026, 6, 5, 20, 0, tzinfo=UTC)
    row = book(restaurant, waiter)
    Email.objects.all().delete()
    Reservation.objects.update(actual_arrival_time=late)
    actor = Actor("staff", waiter.pk)
    reservation_change(reservation=row, actor=actor, changes=Changes(time="19:10", party_size=5), now=late)
    assert Reservation.objects.get().party_size == 5
    with pytest.raises(errors.NotChangeable, match=r"sits already: its time stays, its party can be changed."):
        reservation_change(reservation=row, actor=actor, changes=Changes(time="21:00"), now=late)
    Reservation.objects.update(status="NO_SHOW")
    with pytest.raises(errors.NotChangeable, match=r"is no-show: undo that first."):
        reservation_change(reservation=row, actor=actor, changes=Changes(party_size=3), now=late)
    assert mails() == []


def test_a_booking_whose_time_nobody_can_read_gets_one(restaurant: Restaurant, waiter: User) -> None:
    day = datetime(2026, 6, 5, tzinfo=UTC)
    row = ReservationFactory.create(restaurant=restaurant, reservation_date=day, reservation_time="evening")
    actor = Actor("staff", waiter.pk)
    with pytest.raises(errors.NotChangeable, match=r"has no day and time that can be read: give it both."):
        reservation_change(reservation=row, actor=actor, changes=Changes(party_size=3), now=NOW)
    reservation_change(reservation=row, actor=actor, changes=Changes(time="21:00"), now=NOW)
    assert Reservation.objects.get().reservation_time == "21:00"


def test_staff_cancel_at_any_time_and_say_why(restaurant: Restaurant, waiter: User) -> None:
    row = book(restaurant, waiter)
    Email.objects.all().delete()
    actor = Actor("staff", waiter.pk)
    for _ in range(2):
        reservation_cancel(
            reservation=row, actor=actor, reason="no staff", words="Our oven is <broken>. Sorry!", now=NOW
        )
    (mail,) = Email.objects.all()
    assert "The restaurant says: Our oven is <broken>. Sorry!\n" in mail.message
    assert "Our oven is &lt;broken&gt;. Sorry!" in mail.html_message
    log = BookingLog.objects.latest("pk")
    assert (log.action, log.after) == ("cancelled", {"status": "CANCELLED", "reason": "no staff"})
    Reservation.objects.update(status="CONFIRMED", actual_arrival_time=NOW)
    with pytest.raises(errors.NotChangeable, match=r"is seated: undo that first."):
        reservation_cancel(reservation=row, actor=actor, now=NOW)
