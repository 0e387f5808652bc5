"""Something of everything that the customers' API shows, as many rows of each as a test wants."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

from django.utils import timezone

from config.links import link_for
from customers.models import Customer
from customers.sessions import session_begin
from menus.models import Menu, MenuItem, MenuSection
from orders.models import Order, OrderItem
from reservations.models import Reservation
from restaurants.models import Restaurant
from tests.factories import (
    CustomerFactory,
    CustomerRestaurantFactory,
    MenuFactory,
    OrderFactory,
    ReservationFactory,
    RestaurantFactory,
    staff_of,
)

WEEK = dict.fromkeys(("mon", "tue", "wed", "thu", "fri", "sat", "sun"), "12:00-22:00")


@dataclass(frozen=True)
class World:
    """A customer and a restaurant, and what the customer has there and elsewhere."""

    customer: Customer
    restaurant: Restaurant
    menu: Menu
    reservation: Reservation
    order: Order
    session: UUID
    link: str

    def address(self, path: str) -> str:
        """Return PATH of the OpenAPI document with something that exists in each of its places."""
        return re.sub(r"\{(\w+)\}", lambda found: str(self.known(path, found[1])), path)

    def known(self, path: str, name: str) -> object:
        """Return what exists in the place NAME of PATH."""
        places = {
            "restaurants": self.restaurant.slug,
            "menus": self.menu.pk,
            "orders": self.order.pk,
            "sessions": self.session,
            "reservations": self.link if name == "token" else self.reservation.pk,
        }
        return places[path.partition(f"/{{{name}}}")[0].rpartition("/")[2]]


def world(rows: int) -> World:
    """Make ROWS of each thing that a list can show."""
    now = timezone.now()
    customer = CustomerFactory.create(email="carla@example.org")
    restaurant = RestaurantFactory.create(slug="here", name="Here", opening_hours=WEEK)
    staff_of(restaurant, "OWNER")
    for number in range(rows):
        there = RestaurantFactory.create()
        CustomerRestaurantFactory.create(customer=customer, restaurant=there, visit_count=number)
        menu = MenuFactory.create(restaurant=restaurant, published_at=now - timedelta(days=1))
        for name in ("Starters", "Mains"):
            section = MenuSection.objects.create(menu=menu, name=name)
            item = MenuItem.objects.create(section=section, name="Soup", price="5,00 €")
        day = datetime(now.year, now.month, now.day, tzinfo=UTC) + timedelta(days=number - rows // 2)
        reservation = ReservationFactory.create(
            restaurant=there, customer=customer, reservation_date=day, customer_email=customer.email
        )
        order = OrderFactory.create(restaurant=there, customer=customer, reservation=reservation)
        for _ in range(2):
            OrderItem.objects.create(order=order, menu_item=item, price="5.00")
        session = session_begin(customer=customer, user_agent="tests", ip="127.0.0.1")
    address = link_for("manage-booking", str(reservation.pk), customer.email) or ""
    link = address.rpartition("/")[2]
    return World(customer, restaurant, menu, reservation, order, session.session.pk, link)
