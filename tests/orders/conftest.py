"""A restaurant with a waiter and a menu of three dishes: one costs 4.50, one 12, of one nobody knows."""

from contextlib import contextmanager
from types import SimpleNamespace

import pytest

from menus.models import MenuItem, MenuSection
from orders.services import order_item_add, order_open
from tests.factories import MenuFactory, RestaurantFactory, staff_of


@pytest.fixture
def house(db):
    restaurant = RestaurantFactory.create(name="Casa Lucía", slug="casa")
    waiter = staff_of(restaurant, "STAFF", name="Walter")
    menu = MenuFactory.create(restaurant=restaurant, user=waiter, name="Dinner")
    section = MenuSection.objects.create(menu=menu, name="Starters")
    dishes = {
        name.lower(): MenuItem.objects.create(section=section, name=name, price=price)
        for name, price in (("Olives", "4,50 €"), ("Soup", "12"), ("Fish", "MP"))
    }
    return SimpleNamespace(restaurant=restaurant, waiter=waiter, menu=menu, section=section, **dishes)


@pytest.fixture
def opened(house):
    """A function: an open order of the house, with what is ordered as (dish, quantity)."""

    def made(*ordered, **given):
        options = {"restaurant": house.restaurant, "actor_id": house.waiter.pk, "order_type": "DINE_IN"} | given
        order = order_open(**options)
        for dish, quantity in ordered:
            order_item_add(order=order, menu_item=dish, quantity=quantity, actor_id=house.waiter.pk)
        order.refresh_from_db()
        return order

    return made


@contextmanager
def refuses(error, sentence):
    """Expect that what is done is refused with ERROR, in these words."""
    with pytest.raises(error) as refused:
        yield
    assert (type(refused.value), str(refused.value)) == (error, sentence)
