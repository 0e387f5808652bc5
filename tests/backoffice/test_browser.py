"""Every page of the admin in a real browser: for who hears it, or has no mouse, or a phone, or the dark."""

from collections.abc import Iterator

import pytest
from django.contrib.admin.models import CHANGE, LogEntry
from playwright.sync_api import expect

from customers.models import Customer
from menus.models import Menu, MenuItem, Recipe
from orders.models import Order, OrderItem
from reservations.models import Reservation
from restaurants.models import Restaurant
from tests.backoffice.conftest import World
from tests.backoffice.test_access import EXPECTED, OTHERS, address
from tests.browser import DESKTOP, HEIGHT, PHONE, Opener, axe, fits, tappable

pytestmark = pytest.mark.django_db

LONG = "Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft"
RIGHT_TO_LEFT = "عبد الرحمن بن محمد الأندلسي"
# Pages that show nothing of their own: data, a redirect, or the end of a log-in; a file is none either.
DARK = "document.documentElement.classList.add('dark')"
NOT_SHOWN = {"autocomplete", "jsi18n", "search", "view_on_site", "logout", "login"}


def shown(world: World) -> Iterator[str]:
    """Give the address of every page that a superadmin may see."""
    for label, expected in EXPECTED.items():
        for page in ("list", "add", "change ours"):
            if expected[page].endswith("200"):
                yield address(label, page, world)
    yield address("orders.order", "history ours", world)
    yield "/admin/separation/"  # separation: line
    for name, (how, *statuses) in OTHERS.items():
        asked_for = how.startswith("GET ") and name not in NOT_SHOWN and not name.endswith("_export")
        if asked_for and statuses[0].endswith("200"):
            yield how.removeprefix("GET ").format_map(world.ours.numbers())


def strain(world: World) -> None:
    """Give the rows of our restaurant the names that break pages."""
    number = world.ours.numbers()
    Restaurant.objects.filter(pk=number["restaurant"]).update(name=f"{RIGHT_TO_LEFT} {LONG}", city=LONG)
    Customer.objects.filter(pk=number["customer"]).update(first_name=RIGHT_TO_LEFT, last_name=LONG)
    Reservation.objects.filter(pk=number["reservation"]).update(customer_name=LONG, notes=f"{RIGHT_TO_LEFT} {LONG}")
    Order.objects.filter(pk=number["order"]).update(customer_name=f"{RIGHT_TO_LEFT} {LONG}", notes=LONG)
    Recipe.objects.filter(pk=number["recipe"]).update(name=LONG)
    Menu.objects.filter(pk=number["menu"]).update(name=f"{RIGHT_TO_LEFT} {LONG}")
    MenuItem.objects.filter(pk=number["menuitem"]).update(name=LONG, description=RIGHT_TO_LEFT, price=f"abt. {LONG}")
    OrderItem.objects.filter(pk=number["orderitem"]).update(notes=f"{LONG} {RIGHT_TO_LEFT}")
    # What the first page tells of what one did.
    recipes = Recipe.objects.filter(pk=number["recipe"])
    LogEntry.objects.log_actions(world.people["superadmin"].pk, recipes, CHANGE, f"Changed {LONG}.")


def test_every_page(world: World, browser_page: Opener) -> None:
    """On a desk in the light, then on a phone in the dark, where all that a desk shows is there too, or opens.

    The sidebar, which is the same everywhere, is looked at once.
    """
    strain(world)
    page = browser_page(world.people["superadmin"])
    for number, path in enumerate(shown(world)):
        page.set_viewport_size({"width": DESKTOP, "height": HEIGHT})
        page.goto(path)
        fits(page)
        axe(page, "color-contrast", without="#nav-sidebar" if number else "")
        page.set_viewport_size({"width": PHONE, "height": HEIGHT})
        page.evaluate(DARK)
        fits(page)
        tappable(page)
        axe(page)


def test_the_frame_is_reached_by_keyboard(world: World, browser_page: Opener) -> None:
    page = browser_page(world.people["staff"], width=PHONE)
    page.goto("/admin/")
    menu = page.get_by_role("button", name="Menu")
    menu.focus()
    page.keyboard.press("Enter")
    orders = page.locator("#nav-sidebar").get_by_role("link", name="Orders", exact=True)
    expect(orders).to_be_visible()
    page.keyboard.press("Escape")
    expect(orders).to_be_hidden()
    page.keyboard.press("Space")
    orders.focus()
    page.keyboard.press("Enter")
    expect(page).to_have_url(f"{browser_page.url}/admin/orders/order/")
