"""What the desk's script adds in a browser: the day stays fresh, keys lead on, a tap on a time fills it in."""

from datetime import UTC, datetime, timedelta

import pytest

from reservations.models import Reservation
from tests.browser import PHONE, Opener, axe, fits, tappable
from tests.factories import BookingPolicyFactory, ReservationFactory, RestaurantFactory, staff_of

pytestmark = pytest.mark.django_db

WEEK = dict.fromkeys(("mon", "tue", "wed", "thu", "fri", "sat", "sun"), "00:00-24:00")


def test_an_hour_at_the_desk(browser_page: Opener) -> None:
    place = RestaurantFactory.create(opening_hours=WEEK)
    BookingPolicyFactory.create(restaurant=place, covers_per_slot=4)
    now = datetime.now(UTC)
    midnight = datetime(now.year, now.month, now.day, tzinfo=UTC)
    today = {"restaurant": place, "reservation_date": midnight, "reservation_time": f"{now:%H:%M}"}
    first = ReservationFactory.create(**today, customer_name="محمد بن عبد العزيز")
    page = browser_page(staff_of(place, "STAFF"), width=PHONE)
    page.goto("/admin/reservations/reservation/day/")

    ReservationFactory.create(**today, customer_name="Called just now", party_size=3)
    table = page.get_by_label("Table of محمد")
    table.fill("7")
    page.evaluate("refresh()")
    assert page.get_by_text("Called just now").count() == 0  # whoever types is not disturbed
    table.press("Enter")
    page.get_by_text("seated.").wait_for()
    first.refresh_from_db()
    assert first.table_ids == [7]
    assert first.actual_arrival_time is not None
    assert page.get_by_text("too many").count() > 0
    Reservation.objects.filter(customer_name="Called just now").update(status="NO_SHOW")
    page.evaluate("refresh()")
    page.get_by_role("heading", name="Done").wait_for()
    for check in (axe, fits, tappable):
        check(page)

    page.keyboard.press("n")
    page.get_by_label("Day").fill(f"{now + timedelta(days=1):%Y-%m-%d}")
    page.get_by_role("button", name="23:30").click()
    page.get_by_label("Name", exact=True).fill("Lena Berg")
    page.get_by_role("button", name="Book", exact=True).click()
    page.get_by_text("Lena Berg: booked for").wait_for()
    assert Reservation.objects.get(customer_name="Lena Berg").reservation_time == "23:30"
