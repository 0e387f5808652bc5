"""Reminders: once, in time, in the restaurant's time zone, and not for who just booked."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.db import connection
from django.utils import timezone

from customers.models import CustomerProfile
from reservations import reminders
from reservations.models import BookingTerms, Reservation
from reservations.reminders import reminders_queue
from tests.factories import BookingPolicyFactory, CustomerFactory, ReservationFactory, RestaurantFactory

pytestmark = pytest.mark.django_db
# A Sunday on which Berlin's clocks go back at 3.00, and Auckland's went forward a month before.
NOW = datetime(2026, 10, 25, 12, 0, tzinfo=UTC)


@pytest.fixture(autouse=True)
def mailed(monkeypatch):
    """Collect whose reminders are queued; it is noon in UTC."""
    found: list[int] = []
    monkeypatch.setattr(reminders, "mail_reminder", lambda reservation: found.append(reservation.pk))
    monkeypatch.setattr(timezone, "now", lambda: NOW)
    return found


def booking(begins, *, hours=24, zone="UTC", booked=NOW - timedelta(days=7), **columns):
    """Make a booking that BEGINS at an instant, shown as the clocks of ZONE show it."""
    restaurant = RestaurantFactory.create()
    BookingPolicyFactory.create(restaurant=restaurant, time_zone=zone)
    local = begins.astimezone(ZoneInfo(zone))
    row = ReservationFactory.create(
        **{
            "restaurant": restaurant,
            "reservation_date": datetime(local.year, local.month, local.day, tzinfo=UTC),
            "reservation_time": f"{local:%H:%M}",
            "customer_email": "anna@example.org",
            **columns,
        }
    )
    BookingTerms.objects.create(reservation=row, reminder_hours=hours)
    BookingTerms.objects.filter(reservation=row).update(updated_at=booked)
    return row


def test_who_booked_in_time_is_reminded_once(mailed):
    row = booking(NOW + timedelta(hours=23))
    before = Reservation.objects.filter(pk=row.pk).values("updated_at", "status").get()
    assert [reminders_queue(), reminders_queue()] == [1, 0]
    assert mailed == [row.pk]
    row.refresh_from_db()
    assert row.reminder_sent
    assert Reservation.objects.filter(pk=row.pk).values("updated_at", "status").get() == before


@pytest.mark.parametrize(
    "zone", ["UTC", "Europe/Berlin", "Pacific/Auckland", "Pacific/Kiritimati", "Pacific/Pago_Pago"]
)
@pytest.mark.parametrize("hours", [1, 24, 336])
@pytest.mark.parametrize(("minutes", "due"), [(-1, True), (0, True), (1, False)])
def test_the_moment_is_to_the_minute_wherever_the_restaurant_is(mailed, zone, hours, minutes, due):
    booking(NOW + timedelta(hours=hours, minutes=minutes), hours=hours, zone=zone, booked=NOW - timedelta(days=60))
    assert reminders_queue() == int(due)


@pytest.mark.parametrize(
    ("begins", "changes"),
    [
        (timedelta(hours=-1), {}),
        (timedelta(0), {}),
        (timedelta(hours=2), {"status": "CANCELLED"}),
        (timedelta(hours=2), {"status": "COMPLETED"}),
        (timedelta(hours=2), {"reminder_sent": True}),
        (timedelta(hours=2), {"customer_email": ""}),
        (timedelta(hours=2), {"customer_email": None}),
        (timedelta(hours=2), {"reservation_time": "about 8"}),
        (timedelta(hours=2), {"hours": None}),
    ],
    ids=str,
)
def test_who_is_not_reminded(mailed, begins, changes):
    booking(NOW + begins, **changes)
    assert (reminders_queue(), mailed) == (0, [])


@pytest.mark.parametrize(("booked", "due"), [(timedelta(0), True), (timedelta(minutes=1), False)])
def test_who_booked_or_changed_it_after_that_moment_is_not(mailed, booked, due):
    begins = NOW + timedelta(hours=2)
    booking(begins, booked=begins - timedelta(hours=24) + booked)
    assert reminders_queue() == int(due)


def test_what_another_application_booked_is_its_own_to_remind_of(mailed):
    row = booking(NOW + timedelta(hours=2))
    BookingTerms.objects.filter(reservation=row).delete()
    assert reminders_queue() == 0


# separation: begin
@pytest.mark.parametrize(("since", "due"), [(-1, True), (0, True), (1, False), (None, True)])
def test_moments_before_a_time_are_let_pass(mailed, monkeypatch, since, due):
    booking(NOW + timedelta(hours=2))
    moment = None if since is None else NOW - timedelta(hours=22) + timedelta(minutes=since)
    monkeypatch.setattr(reminders, "plugged", lambda place: [lambda: moment] if place == "reminders_since" else [])
    assert reminders_queue() == int(due)


# separation: end
def test_a_mail_that_cannot_be_made_marks_nothing_and_keeps_nobody_waiting(mailed, monkeypatch, caplog):
    broken, fine = booking(NOW + timedelta(hours=2)), booking(NOW + timedelta(hours=3))

    def fails(reservation):
        if reservation.pk == broken.pk:
            raise ZeroDivisionError
        mailed.append(reservation.pk)

    monkeypatch.setattr(reminders, "mail_reminder", fails)
    assert (reminders_queue(), mailed) == (1, [fine.pk])
    broken.refresh_from_db()
    assert not broken.reminder_sent
    assert [record.getMessage() for record in caplog.records] == [
        f"Nobody could be reminded of reservation {broken.pk}."
    ]


@pytest.mark.django_db(transaction=True)
def test_a_booking_that_another_worker_is_at_is_left_to_it(mailed):
    row = booking(NOW + timedelta(hours=2))
    other = connection.copy()
    try:
        other.set_autocommit(False)
        with other.cursor() as cursor:
            cursor.execute("SELECT FROM reservations WHERE id = %s FOR NO KEY UPDATE", [row.pk])
            assert reminders_queue() == 0
        other.rollback()
        assert reminders_queue() == 1
    finally:
        other.close()


def test_many_bookings_take_one_query_to_look_at(mailed, django_assert_num_queries):
    for _ in range(5):
        booking(NOW + timedelta(hours=30))
    with django_assert_num_queries(1):
        assert reminders_queue() == 0


@pytest.mark.parametrize(
    ("preferences", "reminded"),
    [
        ({}, 1),
        ({"notifications": {"reminders": True}}, 1),
        ({"notifications": {"reminders": False}, "language": "de"}, 0),
    ],
)
def test_who_wants_no_reminders_gets_none(mailed, preferences, reminded):
    customer = CustomerFactory.create()
    CustomerProfile.objects.filter(customer=customer).update(preferences=preferences)
    booking(NOW + timedelta(hours=2), customer=customer)
    assert reminders_queue() == reminded


def test_whoever_has_no_profile_is_reminded(mailed):
    booking(NOW + timedelta(hours=2), customer=CustomerFactory.create(profile=None))
    assert reminders_queue() == 1
