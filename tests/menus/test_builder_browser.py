"""The menu builder in a real browser: dragged, moved by keyboard, filled without a mouse."""

import pytest
from playwright.sync_api import expect

from menus.models import MenuItem
from tests.browser import PHONE
from tests.factories import MenuFactory, MenuItemFactory, MenuSectionFactory, RestaurantFactory, staff_of

pytestmark = pytest.mark.django_db


def names(menu):
    rows = MenuItem.objects.filter(section__menu=menu).order_by("section__position", "position")
    return [f"{row.section.name}: {row.name}" for row in rows.select_related("section")]


def test_a_menu_is_put_in_order_and_added_to(browser_page):
    here = RestaurantFactory.create()
    menu = MenuFactory.create(restaurant=here)
    starters, mains = (MenuSectionFactory.create(menu=menu, name=name, position=n) for n, name in enumerate("SM"))
    soup, salad = (MenuItemFactory.create(section=starters, name=name, position=n) for n, name in enumerate("ab"))
    bass = MenuItemFactory.create(section=mains, name="c")
    page = browser_page(staff_of(here, "MANAGER"))
    page.goto(f"/admin/menus/menu/{menu.pk}/builder/")

    # By keyboard: the button that was pressed keeps the focus, so that it can be pressed again.
    page.get_by_role("button", name="Move a down").focus()
    page.keyboard.press("Enter")
    expect(page.locator(f"#down-{soup.pk}")).to_be_focused()
    assert names(menu) == ["S: b", "S: a", "M: c"]
    page.keyboard.press("Enter")
    expect(page.locator(f"[data-section='{mains.pk}'] #item-{soup.pk}")).to_be_visible()
    assert names(menu) == ["S: b", "M: a", "M: c"]

    # By mouse: from one section into the other, all of the page in sight.
    page.set_viewport_size({"width": 1280, "height": 1600})
    page.locator(f"#item-{bass.pk} .menu-grip").hover()
    page.mouse.down()
    target = page.locator(f"#item-{salad.pk}").bounding_box()
    there = page.locator(f"[data-section='{starters.pk}'] #item-{bass.pk}")
    for step in range(100):  # a browser looks now and then where what is dragged is
        page.mouse.move(target["x"] + 40, target["y"] + 4 + step % 8)
        if there.count():
            break
        page.wait_for_timeout(20)
    with page.expect_navigation():
        page.mouse.up()
    assert sorted(names(menu)[:2]) == ["S: b", "S: c"]
    assert names(menu)[2:] == ["M: a"]

    # On a phone: one after the other, without leaving the form.
    page.set_viewport_size({"width": PHONE, "height": 800})
    page.get_by_role("link", name="Add an item to M").click()
    for name in ("d", "e"):
        expect(page.get_by_label("Name")).to_be_focused()
        page.keyboard.type(name)
        page.get_by_label("Price").fill("8,50 €")
        page.keyboard.press("Enter")
        expect(page.locator(".menu-name", has_text=name)).to_be_visible()
    assert names(menu)[2:] == ["M: a", "M: d", "M: e"]
    expect(page.get_by_text("8.50 in orders")).to_have_count(2)
