"""What scripts add to the pages of orders: a dish is found by typing, and the board follows what others do."""

import pytest
from playwright.sync_api import expect

from tests.browser import PHONE, Opener

pytestmark = pytest.mark.django_db


def test_a_waiter_finds_a_dish_and_the_kitchen_sees_it(house, opened, browser_page: Opener) -> None:
    order = opened(customer_name="Table 7")
    kitchen = browser_page(house.waiter)
    kitchen.goto("/admin/orders/order/board/?view=kitchen")
    expect(kitchen.get_by_text("Nothing to cook.")).to_be_visible()

    phone = browser_page(house.waiter, width=PHONE)
    phone.goto(f"/admin/orders/order/{order.pk}/take/")
    search = phone.get_by_label("Find a dish")
    search.fill("xyz")
    expect(phone.get_by_text("No dish is called that.")).to_be_visible()
    search.fill("ÓLIV")
    expect(phone.get_by_role("link", name="Soup")).to_be_hidden()
    search.press("Enter")
    expect(phone.get_by_text("1 × Olives", exact=True)).to_be_visible()

    kitchen.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    kitchen.get_by_role("button", name="Start: 1 × Olives").click()
    expect(kitchen.get_by_role("status")).to_have_text("1 × Olives: preparing (Table 7)")
    kitchen.get_by_role("button", name="Undo").click()
    expect(kitchen.get_by_role("button", name="Start: 1 × Olives")).to_be_visible()

    phone.get_by_role("button", name="Served: 1 × Olives").click()
    expect(phone.get_by_role("status")).to_have_text("1 × Olives: served")
    kitchen.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    expect(kitchen.get_by_text("Nothing to cook.")).to_be_visible()
