"""A whole evening on one phone: the day, a booking by phone, a table, its order, who did not come, and the menu."""

from datetime import UTC, datetime

import pytest
from django.utils import timezone
from playwright.sync_api import expect

from menus.models import MenuItem, MenuSection
from orders.models import Order
from reservations.models import Reservation
from tests.browser import PHONE, Opener
from tests.factories import (
    CustomerFactory,
    CustomerRestaurantFactory,
    MenuFactory,
    ReservationFactory,
    RestaurantFactory,
    staff_of,
)

pytestmark = pytest.mark.django_db

EVENING = datetime(2031, 5, 16, 19, 0, tzinfo=UTC)
TONIGHT = EVENING.replace(hour=0)


def test_an_evening(browser_page: Opener, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timezone, "now", lambda: EVENING)
    place = RestaurantFactory.create(name="Zaika", opening_hours=dict.fromkeys(("fri",), "17:00-23:00"))
    ana = CustomerFactory.create(first_name="Ana", last_name="Ruiz", phone="+34 600 112 233")
    CustomerRestaurantFactory.create(customer=ana, restaurant=place)
    late = {"restaurant": place, "reservation_date": TONIGHT, "reservation_time": "18:00"}
    ReservationFactory.create(**late, customer_name="Never Comes")
    menu = MenuFactory.create(restaurant=place, name="Evening menu")
    dishes = MenuSection.objects.create(menu=menu, name="Mains")
    MenuItem.objects.create(section=dishes, name="Paella", price="18.50")

    page = browser_page(staff_of(place, "MANAGER"), width=PHONE)
    page.goto("/admin/")
    page.locator("#content").get_by_role("link", name="Today").click()
    expect(page.locator("#sheet")).to_contain_text("Never Comes")

    # Ana calls.
    page.get_by_role("link", name="New booking").click()
    page.get_by_role("searchbox", name="Who calls").fill("112 233")
    page.get_by_role("button", name="Find").click()
    page.get_by_role("link", name="Ana Ruiz").click()
    page.get_by_role("button", name="19:00").click()
    page.get_by_label("People").fill("3")
    page.get_by_role("button", name="Book", exact=True).click()
    hers = page.locator(".desk-row", has_text="Ana Ruiz")
    expect(hers).to_contain_text("Expected")

    # She sits down, orders, and pays.
    hers.get_by_label("Table of Ana Ruiz").fill("7")
    hers.get_by_role("button", name="Seat").click()
    expect(hers).to_contain_text("table 7")
    hers.get_by_role("link", name="Order").click()
    page.get_by_role("button", name="Open the order").click()
    page.get_by_role("button", name="Add one Paella").click()
    expect(page.locator(".order-total")).to_contain_text("18.50")
    page.get_by_role("button", name="Add one Paella").click()
    expect(page.locator(".order-total")).to_contain_text("37.00")
    page.get_by_role("button", name="Ready").first.click()
    page.get_by_role("button", name="Complete").click()

    # She leaves; the other party never came.
    page.goto("/admin/reservations/reservation/day/")
    hers.get_by_role("button", name="Left").click()
    expect(hers).to_contain_text("Left")
    other = page.locator(".desk-row", has_text="Never Comes")
    other.get_by_role("button", name="No-show").click()
    expect(other).to_contain_text("No-show")

    # For tomorrow, the menu on paper.
    page.goto("/admin/menus/menu/")
    page.locator("#result_list, #changelist-form").get_by_role("link", name="Evening menu").first.click()
    page.get_by_role("link", name="Print").click()
    page.emulate_media(media="print")
    expect(page.locator(".item")).to_contain_text("$18.50")
    expect(page.get_by_role("button", name="Print")).to_be_hidden()

    booking = Reservation.objects.get(customer=ana)
    order = Order.objects.get(reservation=booking)
    assert (booking.status, booking.party_size, booking.table_ids) == ("COMPLETED", 3, [7])
    assert (order.status, str(order.total_amount), order.customer_id) == ("COMPLETED", "37.00", ana.pk)
