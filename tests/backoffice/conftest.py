from collections.abc import Callable
from dataclasses import dataclass, replace
from types import SimpleNamespace  # separation: line

import pytest
from django.test import Client

from accounts.models import User
from menus.models import MenuItem, MenuSection
from orders.models import OrderItem
from restaurants.models import Restaurant
from tests.factories import (
    BackupFactory,  # separation: line
    CheckedFactory,  # separation: line
    ChunkFactory,  # separation: line
    CustomerFactory,
    CustomerRestaurantFactory,
    EmailFactory,
    FindingFactory,  # separation: line
    LookFactory,  # separation: line
    MenuFactory,
    OrderFactory,
    RecipeFactory,
    RehearsalFactory,  # separation: line
    ReservationFactory,
    RestaurantFactory,
    RestaurantStaffFactory,
    RunFactory,  # separation: line
    UserFactory,
    VerificationFactory,  # separation: line
    staff_of,
)

PRINCIPALS = ("anonymous", "nobody", "staff", "manager", "owner", "admin", "superadmin")
# In everything that belongs to the other restaurant, and in nothing else.
SECRET = "Zzsecret"


@dataclass(frozen=True)
class Rows:
    """One row of every page of the admin, by model label, and of what is shown within them."""

    restaurant: Restaurant
    by_label: dict[str, int]
    within: dict[str, int]

    def numbers(self) -> dict[str, int]:
        """Return the rows' numbers by their models' names."""
        return {label.partition(".")[2] or label: number for label, number in (self.by_label | self.within).items()}


@dataclass(frozen=True)
class World:
    """Two restaurants with all that belongs to them, a customer of both, and people of every kind around the first."""

    ours: Rows
    theirs: Rows
    shared_customer: int
    people: dict[str, User]


def rows_of(restaurant: Restaurant, mark: str) -> Rows:
    """Make everything that belongs to RESTAURANT, with MARK in every text."""
    user = staff_of(restaurant, "OWNER", name=f"{mark} Owner", email=f"{mark}@example.org")
    customer = CustomerFactory.create(
        first_name=mark, last_name="Guest", email=f"{mark}.guest@example.org", phone=f"{mark} 1"
    )
    CustomerRestaurantFactory.create(customer=customer, restaurant=restaurant, notes=f"{mark} likes tea")
    texts = {"customer_name": f"{mark} Guest", "notes": f"{mark} note"}
    reservation = ReservationFactory.create(restaurant=restaurant, customer=customer, user=user, **texts)
    order = OrderFactory.create(
        restaurant=restaurant, customer=customer, user=user, order_number=f"{mark}-1", reservation=reservation, **texts
    )
    recipe = RecipeFactory.create(restaurant=restaurant, user=user, name=f"{mark} soup")
    menu = MenuFactory.create(restaurant=restaurant, user=user, name=f"{mark} menu")
    section = MenuSection.objects.create(menu=menu, name=f"{mark} starters")
    item = MenuItem.objects.create(section=section, name=f"{mark} soup", price="abt. 5")
    ordered = OrderItem.objects.create(order=order, menu_item=item, price=5, notes=f"{mark} hot")
    return Rows(
        restaurant,
        {
            "restaurants.restaurant": restaurant.pk,
            "accounts.user": user.pk,
            "customers.customer": customer.pk,
            "reservations.reservation": reservation.pk,
            "orders.order": order.pk,
            "menus.recipe": recipe.pk,
            "menus.menu": menu.pk,
        },
        {"menusection": section.pk, "menuitem": item.pk, "orderitem": ordered.pk},
    )


@pytest.fixture
def world(db: None) -> World:
    here = RestaurantFactory.create(name="Here", slug="here")
    there = RestaurantFactory.create(name=f"{SECRET} There", slug=f"{SECRET}-there")
    mail = EmailFactory.create(subject=f"{SECRET} subject", to=[f"{SECRET}@example.org"])
    records = {"post_office.email": mail.pk}
    # separation: begin
    run = RunFactory.create(operator=f"{SECRET} operator")
    chunk = ChunkFactory.create(run=run, error=f"{SECRET} error")
    backup = BackupFactory.create(path=f"/backups/{SECRET}")
    engine = SimpleNamespace(
        run=run,
        chunk=chunk,
        backup=backup,
        rehearsal=RehearsalFactory.create(backup_id=SECRET),
        look=LookFactory.create(failures=[SECRET]),
        verification=VerificationFactory.create(asked_by=SECRET),
        checked=CheckedFactory.create(guarantee=SECRET),
    )
    records |= {f"separation.{name}": row.pk for name, row in vars(engine).items()}
    # separation: end
    ours, theirs = rows_of(here, "Ours"), rows_of(there, SECRET)
    # separation: begin
    for rows in (ours, theirs):
        recipe = rows.by_label["menus.recipe"]
        found = {"kind": "no_restaurant", "table_name": "recipes", "row_id": recipe}
        finding = FindingFactory.create(run=run, detail={"error": SECRET}, **found)
        rows.by_label["separation.finding"] = finding.pk
    # separation: end
    shared = CustomerFactory.create(first_name="Both", last_name="Guest", email="both@example.org")
    CustomerRestaurantFactory.create(customer=shared, restaurant=here, visit_count=3, notes="window seat")
    CustomerRestaurantFactory.create(customer=shared, restaurant=there, visit_count=777, notes=f"{SECRET} rude")
    ReservationFactory.create(restaurant=there, customer=shared, customer_name=f"{SECRET} Both")
    OrderFactory.create(restaurant=there, customer=shared, order_number=f"{SECRET}-2", customer_name="Both")
    shared.profile.notes = f"{SECRET} profile note"
    shared.profile.save()
    people = {
        "nobody": UserFactory.create(),
        "staff": staff_of(here, "STAFF"),
        "manager": staff_of(here, "MANAGER"),
        "owner": staff_of(here, "OWNER"),
        "admin": staff_of(here, "STAFF", role=User.Role.ADMIN),
        "superadmin": UserFactory.create(role=User.Role.SUPERADMIN),
    }
    # separation: begin
    people["nobody"] = UserFactory.create(role=User.Role.SUPERADMIN, is_customer=True)
    # separation: end
    for name in ("staff", "manager", "owner", "admin"):
        RestaurantStaffFactory.create(user=people[name], restaurant=there, role="OWNER", is_active=False)
    return World(
        replace(ours, by_label=ours.by_label | records),
        replace(theirs, by_label=theirs.by_label | records),
        shared.pk,
        people,
    )


@pytest.fixture
def as_(world: World) -> Callable[[str], Client]:
    """Return a browser in which PRINCIPAL is logged in; that of nobody is forged."""

    def browser(principal: str) -> Client:
        client = Client()
        if principal != "anonymous":
            client.force_login(world.people[principal])
        return client

    return browser
