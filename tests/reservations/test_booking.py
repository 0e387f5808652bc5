"""Booking, changing and cancelling a table."""

from datetime import UTC, date, datetime
from typing import Any

import pytest
from django.db import OperationalError, transaction

from reservations import errors
from reservations.models import BookingLog, BookingSlot, BookingTerms, Reservation
from reservations.services import (
    Actor,
    Changes,
    Contact,
    booking_persons_forget,
    booking_slots_forget,
    reservation_cancel,
    reservation_change,
    reservation_create,
)
from restaurants.models import Restaurant
from tests.factories import (
    BookingPolicyFactory,
    CustomerFactory,
    OpeningExceptionFactory,
    ReservationFactory,
    RestaurantFactory,
    RestaurantStaffFactory,
    staff_of,
)

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 6, 1, 9, 0, tzinfo=UTC)
FRIDAY = date(2026, 6, 5)
EVE = datetime(2026, 6, 4, tzinfo=UTC)
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


def test_a_guest_books_where_nobody_owns_anything(restaurant: Restaurant) -> None:
    with pytest.raises(errors.BookingOffline) as caught:
        book(restaurant)
    assert caught.value.detail == f"{restaurant.name} takes bookings of customers with an account only."
    RestaurantStaffFactory.create(restaurant=restaurant, role="OWNER", is_active=False)
    waiter = staff_of(restaurant, "STAFF")
    assert book(restaurant).user_id == waiter.pk


def test_a_closed_account_books_nothing(restaurant: Restaurant) -> None:
    carla = CustomerFactory.create(is_active=False)
    with pytest.raises(errors.AccountClosed):
        book(restaurant, customer=carla)


@pytest.mark.parametrize(
    ("policy", "given", "error", "detail"),
    [
        ({"is_online": False}, {}, errors.BookingOffline, "R takes no bookings online."),
        ({}, {"day": date(2026, 6, 6)}, errors.Closed, "R is closed on 2026-06-06. A wedding."),
        (
            {},
            {"time": "19:10"},
            errors.OutsideHours,
            "R takes no party of 2 at 19:10 that day: it is open 12:00-22:00, and a table is booked every 30 minutes "
            "from opening, for as long as the party stays.",
        ),
        (
            {},
            {"party_size": 13},
            errors.PartyTooLarge,
            "Online it takes parties of at most 12; for a larger one, call.",
        ),
        ({"min_party_size": 2}, {"party_size": 1}, errors.PartyTooSmall, "Online it takes parties of at least 2."),
        (
            {},
            {"day": date(2026, 6, 1), "time": "12:00", "now": datetime(2026, 6, 1, 11, 1, tzinfo=UTC)},
            errors.TooSoon,
            "A table is booked at least 1 hour ahead.",
        ),
        ({}, {"day": date(2026, 5, 1)}, errors.TooSoon, "A table is booked at least 1 hour ahead."),
        ({}, {"day": date(1, 1, 1)}, errors.TooSoon, "A table is booked at least 1 hour ahead."),
        ({}, {"day": date(2026, 8, 30)}, errors.TooFar, "A table is booked at most 90 days ahead."),
        ({}, {"day": date(9999, 12, 31)}, errors.TooFar, "A table is booked at most 90 days ahead."),
        ({"covers_per_slot": 3}, {}, errors.SlotFull, "2026-06-05 19:00 is full for a party of 2."),
        ({"covers_per_day": 3}, {"time": "12:00"}, errors.DayFull, "2026-06-05 is full for a party of 2."),
    ],
)
def test_what_the_policy_refuses_says_its_figure(
    restaurant: Restaurant,
    owner: int,
    policy: dict[str, Any],
    given: dict[str, Any],
    error: type[Exception],
    detail: str,
) -> None:
    restaurant.name = "R"
    BookingPolicyFactory.create(restaurant=restaurant, **policy)
    OpeningExceptionFactory.create(restaurant=restaurant, date=date(2026, 6, 6), note="A wedding.")
    taken(restaurant)
    with pytest.raises(errors.BookingRefused) as caught:
        book(restaurant, **given)
    assert (type(caught.value), caught.value.detail) == (error, detail)
    assert Reservation.objects.count() == 1


def taken(restaurant: Restaurant, **given: Any) -> Reservation:
    """A party of two that the old application seated at 18:00."""
    row: Reservation = ReservationFactory.create(
        **{"restaurant": restaurant, "reservation_date": datetime(2026, 6, 5, tzinfo=UTC), "reservation_time": "18:00"}
        | given
    )
    return row


@pytest.mark.parametrize(
    ("other", "fits"),
    [
        ({}, False),
        ({"reservation_time": "17:30"}, True),
        ({"reservation_time": "17:31"}, False),
        ({"reservation_time": "20:30"}, True),
        ({"reservation_time": "20:29"}, False),
        ({"reservation_time": "6:00 PM"}, False),
        ({"reservation_time": "evening"}, True),
        ({"reservation_time": ""}, True),
        ({"party_size": 1}, True),
        ({"party_size": -5}, True),
        ({"duration_minutes": 60}, True),
        ({"duration_minutes": -1}, True),
        ({"reservation_time": "13:00", "duration_minutes": 10**6}, False),
        ({"status": "CANCELLED"}, True),
        ({"status": "NO_SHOW"}, True),
        ({"status": "COMPLETED"}, True),
        ({"status": "COMPLETED", "actual_arrival_time": NOW}, False),
        ({"status": "COMPLETED", "actual_arrival_time": NOW, "actual_departure_time": NOW}, True),
        ({"reservation_date": EVE}, True),
        (
            {
                "reservation_date": datetime(2026, 6, 4, tzinfo=UTC),
                "duration_minutes": 1440,
                "reservation_time": "20:00",
            },
            False,
        ),
    ],
)
def test_whoever_else_sits_there_counts(restaurant: Restaurant, owner: int, other: dict[str, Any], fits: bool) -> None:
    BookingPolicyFactory.create(restaurant=restaurant, covers_per_slot=3)
    taken(restaurant, **other)
    taken(RestaurantFactory.create(), party_size=50)
    if fits:
        book(restaurant)
    else:
        with pytest.raises(errors.SlotFull):
            book(restaurant)


@pytest.mark.parametrize(("percent", "sold"), [(0, 5), (19, 5), (20, 6), (39, 6), (100, 10)])
def test_overbooking_is_rounded_down(restaurant: Restaurant, owner: int, percent: int, sold: int) -> None:
    BookingPolicyFactory.create(restaurant=restaurant, covers_per_slot=5, overbooking_percent=percent)
    for _ in range(sold):
        book(restaurant, party_size=1)
    with pytest.raises(errors.SlotFull):
        book(restaurant, party_size=1)


def test_what_cannot_be_read_counts_for_its_day(restaurant: Restaurant, owner: int) -> None:
    BookingPolicyFactory.create(restaurant=restaurant, covers_per_day=3)
    taken(restaurant, reservation_time="evening")
    with pytest.raises(errors.DayFull):
        book(restaurant)
    book(restaurant, day=date(2026, 6, 4))


def test_a_larger_party_stays_longer(restaurant: Restaurant, owner: int) -> None:
    BookingPolicyFactory.create(
        restaurant=restaurant,
        durations=[{"up_to": 2, "minutes": 60}, {"up_to": 4, "minutes": 120}],
        duration_minutes=180,
    )
    stays = [book(restaurant, party_size=size).duration_minutes for size in (1, 2, 3, 4, 5)]
    assert stays == [60, 60, 120, 120, 180]
    book(restaurant, party_size=2, time="21:00")
    with pytest.raises(errors.OutsideHours):
        book(restaurant, party_size=3, time="20:30")


def test_past_midnight_belongs_to_the_evening_before_and_is_stored_as_the_next_day(
    restaurant: Restaurant, owner: int
) -> None:
    restaurant.opening_hours = {"friday": "18:00-02:00"}
    BookingPolicyFactory.create(restaurant=restaurant, covers_per_day=2, time_zone="Europe/Berlin")
    late = book(restaurant, day=date(2026, 6, 6), time="00:30")
    assert (late.reservation_date, late.reservation_time) == (datetime(2026, 6, 6, tzinfo=UTC), "00:30")
    with pytest.raises(errors.DayFull):
        book(restaurant, day=FRIDAY, time="18:00")
    with pytest.raises(errors.OutsideHours):
        book(restaurant, day=FRIDAY, time="00:30")


def test_a_change_of_time_and_party(restaurant: Restaurant, owner: int) -> None:
    BookingPolicyFactory.create(restaurant=restaurant, covers_per_slot=4, durations=[{"up_to": 2, "minutes": 60}])
    reservation = book(restaurant)
    Reservation.objects.update(reminder_sent=True)
    changed = reservation_change(
        reservation=reservation, actor=GUEST, changes=Changes(time="20:00", party_size=4), now=NOW
    )
    assert (changed.reservation_time, changed.party_size, changed.duration_minutes) == ("20:00", 4, 90)
    assert not changed.reminder_sent
    assert changed.terms.sequence == 1
    log = BookingLog.objects.last()
    assert log
    assert (log.action, log.actor_kind) == ("changed", "guest")
    assert log.before == {"time": "19:00", "party_size": 2, "duration_minutes": 60}
    assert log.after == {"time": "20:00", "party_size": 4, "duration_minutes": 90}


def test_a_change_that_does_not_fit_changes_nothing(restaurant: Restaurant, owner: int) -> None:
    BookingPolicyFactory.create(restaurant=restaurant, covers_per_slot=4)
    reservation = book(restaurant)
    taken(restaurant, reservation_time="21:00", duration_minutes=60, party_size=3)
    before = columns(reservation)
    for changes in (Changes(time="20:00"), Changes(party_size=5)):
        with pytest.raises(errors.SlotFull):
            reservation_change(reservation=reservation, actor=GUEST, changes=changes, now=NOW)
    assert columns(reservation) == before
    assert BookingTerms.objects.get().sequence == 0


def test_a_smaller_party_is_welcome_where_the_old_application_overbooked(restaurant: Restaurant, owner: int) -> None:
    BookingPolicyFactory.create(restaurant=restaurant, covers_per_slot=4)
    reservation = book(restaurant, party_size=4)
    taken(restaurant, reservation_time="19:00", party_size=4)
    reservation_change(reservation=reservation, actor=GUEST, changes=Changes(party_size=3), now=NOW)
    with pytest.raises(errors.SlotFull):
        reservation_change(reservation=reservation, actor=GUEST, changes=Changes(party_size=4), now=NOW)


def test_a_wish_is_changed_where_the_policy_would_not_sell_the_table_again(restaurant: Restaurant, owner: int) -> None:
    reservation = book(restaurant)
    Restaurant.objects.update(opening_hours=None)
    changes = Changes(special_requests="Window", contact=Contact("Carla C.", "carla@example.org"))
    changed = reservation_change(reservation=reservation, actor=GUEST, changes=changes, now=NOW)
    assert (changed.special_requests, changed.customer_name, changed.customer_phone) == ("Window", "Carla C.", None)


def test_a_change_of_nothing_writes_nothing(restaurant: Restaurant, owner: int) -> None:
    reservation = book(restaurant)
    before = Reservation.objects.get().updated_at
    changes = Changes(day=FRIDAY, time="19:00", party_size=2, special_requests="", contact=CARLA)
    reservation_change(reservation=reservation, actor=GUEST, changes=changes, now=NOW)
    assert Reservation.objects.get().updated_at == before
    assert BookingLog.objects.count() == 1


def test_a_cancelled_booking_keeps_its_row_and_frees_its_table(restaurant: Restaurant, owner: int) -> None:
    BookingPolicyFactory.create(restaurant=restaurant, covers_per_slot=2)
    reservation = book(restaurant)
    cancelled = reservation_cancel(reservation=reservation, actor=Actor("customer", 7), reason="Ill", now=NOW)
    assert (cancelled.status, cancelled.terms.sequence) == ("CANCELLED", 1)
    log = BookingLog.objects.last()
    assert log
    assert (log.action, log.actor_kind, log.actor_id) == ("cancelled", "customer", 7)
    assert (log.before, log.after) == ({"status": "CONFIRMED"}, {"status": "CANCELLED", "reason": "Ill"})
    book(restaurant)


def at(hour: int, minute: int = 0) -> datetime:
    return datetime(2026, 6, 5, hour, minute, tzinfo=UTC)


@pytest.mark.parametrize(
    ("row", "now", "error", "detail"),
    [
        ({"status": "CANCELLED"}, NOW, errors.NotChangeable, "This booking is cancelled."),
        ({"status": "COMPLETED"}, NOW, errors.NotChangeable, "This booking is completed."),
        ({"status": "NO_SHOW"}, NOW, errors.NotChangeable, "This booking is no show."),
        (
            {"reservation_time": "evening"},
            NOW,
            errors.NotChangeable,
            "This booking has no time of day; call the restaurant.",
        ),
        ({"actual_arrival_time": NOW}, NOW, errors.NotChangeable, "This booking has begun."),
        ({}, at(18), errors.NotChangeable, "This booking has begun."),
        ({}, at(16, 1), errors.PastCutoff, "Online it can be cancelled until 2 hours before it begins."),
    ],
)
def test_what_cannot_be_cancelled(
    restaurant: Restaurant, row: dict[str, Any], now: datetime, error: type[Exception], detail: str
) -> None:
    reservation = taken(restaurant, **row)
    with pytest.raises(error) as caught:
        reservation_cancel(reservation=reservation, actor=GUEST, now=now)
    assert str(caught.value) == detail
    with pytest.raises(error):
        reservation_change(reservation=reservation, actor=GUEST, changes=Changes(party_size=1), now=now)


def test_what_was_promised_holds_when_the_policy_changes(restaurant: Restaurant, owner: int) -> None:
    policy = BookingPolicyFactory.create(restaurant=restaurant, cancel_cutoff_minutes=60)
    promised, staffs = book(restaurant), taken(restaurant)
    policy.cancel_cutoff_minutes = 2880
    policy.save()
    with pytest.raises(errors.PastCutoff):
        reservation_cancel(reservation=staffs, actor=GUEST, now=at(12))
    reservation_cancel(reservation=promised, actor=GUEST, now=at(18))


def test_a_booking_that_staff_made_gets_its_terms_with_its_first_change(restaurant: Restaurant) -> None:
    reservation = taken(restaurant)
    changed = reservation_change(reservation=reservation, actor=GUEST, changes=Changes(time="19:00"), now=NOW)
    assert BookingTerms.objects.get().sequence == changed.terms.sequence == 1


def test_a_booking_that_is_gone(restaurant: Restaurant) -> None:
    reservation = taken(restaurant)
    Reservation.objects.all().delete()
    with pytest.raises(errors.NotChangeable, match="is not there any more"):
        reservation_cancel(reservation=reservation, actor=GUEST, now=NOW)


def test_the_locks_of_days_that_are_over_go(restaurant: Restaurant, owner: int) -> None:
    BookingPolicyFactory.create(restaurant=restaurant, covers_per_slot=4, covers_per_day=20)
    book(restaurant)
    slots = list(BookingSlot.objects.order_by("pk").values_list("day", "minute"))
    assert slots == [(FRIDAY, -1), *((FRIDAY, minute) for minute in range(1140, 1230, 15))]
    assert booking_slots_forget(now=datetime(2026, 6, 8, 23, tzinfo=UTC)) == 0
    assert booking_slots_forget(now=datetime(2026, 6, 9, tzinfo=UTC)) == 7


def test_the_log_is_only_added_to_but_forgets_the_person(restaurant: Restaurant, owner: int) -> None:
    reservation, other = book(restaurant, special_requests="Window"), book(restaurant)
    reservation_change(reservation=reservation, actor=GUEST, changes=Changes(contact=Contact("Carla")), now=NOW)
    for change in (lambda: BookingLog.objects.update(actor_id=1), lambda: BookingLog.objects.all().delete()):
        with pytest.raises(OperationalError, match="is only ever added to"), transaction.atomic():
            change()
    reservation_cancel(reservation=reservation, actor=GUEST, reason="Carla is ill", now=NOW)
    booking_persons_forget(reservations=[reservation.pk])
    created, changed, cancelled = BookingLog.objects.filter(reservation=reservation)
    assert (cancelled.before, cancelled.after) == ({"status": "CONFIRMED"}, {"status": "CANCELLED", "reason": None})
    assert created.after == {
        "customer_name": None,
        "customer_phone": None,
        "customer_email": None,
        "special_requests": None,
        "day": "2026-06-05",
        "time": "19:00",
        "party_size": 2,
        "status": "CONFIRMED",
        "duration_minutes": 90,
    }
    empty = {"customer_name": None, "customer_email": None, "customer_phone": None}
    assert (changed.before, changed.after) == (empty, empty)
    assert BookingLog.objects.get(reservation=other).after["customer_name"] == "Carla Customer"
    with pytest.raises(OperationalError), transaction.atomic():
        BookingLog.objects.update(actor_id=1)
