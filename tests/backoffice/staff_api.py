"""A restaurant with all that the staff's API shows, one next door, and everybody who may ask."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from accounts.models import User
from accounts.sessions import session_begin
from customers.models import Customer
from menus.models import Menu, MenuItem, MenuSection, Recipe
from orders.models import Order, OrderItem
from reservations.models import Reservation
from restaurants.models import Restaurant
from tests.api import Api
from tests.factories import (
    BookingPolicyFactory,
    CustomerFactory,
    CustomerRestaurantFactory,
    MenuFactory,
    OrderFactory,
    RecipeFactory,
    ReservationFactory,
    RestaurantFactory,
    UserFactory,
    staff_of,
)

WEEK = dict.fromkeys(("mon", "tue", "wed", "thu", "fri", "sat", "sun"), "12:00-22:00")
DAY = datetime(2031, 3, 5, tzinfo=UTC)
PRINCIPALS = ("nobody", "staff", "manager", "owner", "admin", "superadmin")


@dataclass(frozen=True)
class Place:
    """A restaurant, and the last of each thing it has."""

    restaurant: Restaurant
    customer: Customer
    menu: Menu
    section: MenuSection
    item: MenuItem
    recipe: Recipe
    reservation: Reservation
    order: Order
    line: OrderItem

    def address(self, path: str) -> str:
        """Return PATH of the URL conf with something of this place in each of its places."""
        return "staff/" + re.sub(r"\{(\w+)\}", lambda found: str(self.known(path, found[1])), path)

    def known(self, path: str, name: str) -> object:
        """Return what there is of this place in the place NAME of PATH."""
        known: dict[str, object] = {
            "slug": self.restaurant.slug,
            "reservation_id": self.reservation.pk,
            "order_id": self.order.pk,
            "item_id": self.line.pk if "orders/" in path else self.item.pk,
            "section_id": self.section.pk,
            "menu_id": self.menu.pk,
            "recipe_id": self.recipe.pk,
            "customer_id": self.customer.pk,
            "session_id": "00000000-0000-0000-0000-000000000000",
        }
        return known[name]


def place(slug: str, rows: int = 1) -> Place:
    """Make a restaurant with ROWS of each thing that a list can show."""
    restaurant = RestaurantFactory.create(slug=slug, name=slug.title(), opening_hours=WEEK)
    BookingPolicyFactory.create(restaurant=restaurant, covers_per_slot=10)
    owner = staff_of(restaurant, "OWNER")
    mine: dict[str, Any] = {"restaurant": restaurant, "user": owner}
    for number in range(rows):
        customer = CustomerFactory.create(first_name="Ida", last_name=f"{slug} {number}", phone=f"+49 30 55{number:04}")
        CustomerRestaurantFactory.create(customer=customer, restaurant=restaurant, visit_count=number)
        recipe = RecipeFactory.create(**mine, name=f"{slug} recipe {number}")
        menu = MenuFactory.create(**mine, name=f"{slug} menu {number}")
        section = MenuSection.objects.create(menu=menu, name="Starters")
        item = MenuItem.objects.create(section=section, name="Soup", price="5,00 €", recipe=recipe)
        reservation = ReservationFactory.create(
            **mine, customer=customer, reservation_date=DAY, customer_name=f"{slug} {number}"
        )
        order = OrderFactory.create(
            **mine, customer=customer, reservation=reservation, customer_name=f"{slug} {number}"
        )
        line = OrderItem.objects.create(order=order, menu_item=item, price="5.00")
    return Place(restaurant, customer, menu, section, item, recipe, reservation, order, line)


def people(here: Restaurant, there: Restaurant) -> dict[str, User]:
    """Return somebody of each role HERE, who used to own THERE."""
    found = {
        "nobody": UserFactory.create(),
        "staff": staff_of(here, "STAFF"),
        "manager": staff_of(here, "MANAGER"),
        "owner": staff_of(here, "OWNER"),
        "admin": staff_of(here, "STAFF", role=User.Role.ADMIN),
        "superadmin": UserFactory.create(role=User.Role.SUPERADMIN),
    }
    for user in found.values():
        user.restaurant_staff.create(restaurant=there, role="OWNER", is_active=False)
    return found


def as_staff(user: User) -> Api:
    """Return a client that is logged in as USER."""
    tokens = session_begin(user=user, user_agent="tests", ip="127.0.0.1")
    return Api(headers={"authorization": f"Bearer {tokens.access}"})


def day_after(days: int) -> str:
    """Return DAYS after the day of the reservations."""
    return (DAY + timedelta(days=days)).date().isoformat()
