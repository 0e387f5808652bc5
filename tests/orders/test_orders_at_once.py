"""Of two waiters who press at the same moment, the second waits, sees what the first did, and nothing is lost."""

import threading
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection

from menus.models import MenuItem, MenuSection
from orders.errors import OrderOver
from orders.models import Order
from orders.services import order_item_add, order_open, order_status
from tests.factories import MenuFactory, RestaurantFactory, staff_of

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def at_once():
    """A function: does several things, each in a connection of its own, at the same moment; gives what each gave."""

    def do(*things):
        ready = threading.Barrier(len(things))
        outcomes: dict[int, Any] = dict.fromkeys(range(len(things)))

        def one(place, thing):
            ready.wait()
            try:
                outcomes[place] = thing()
            except OrderOver as refused:
                outcomes[place] = refused
            finally:
                connection.close()

        threads = [threading.Thread(target=one, args=each) for each in enumerate(things)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return list(outcomes.values())

    return do


def test_nothing_that_two_waiters_do_at_once_is_lost(at_once):
    restaurant = RestaurantFactory.create()
    who: dict[str, Any] = {"actor_id": staff_of(restaurant, "STAFF").pk}
    section = MenuSection.objects.create(menu=MenuFactory.create(restaurant=restaurant), name="All")
    soup = MenuItem.objects.create(section=section, name="Soup", price="12")

    orders = at_once(*(lambda: order_open(restaurant=restaurant, order_type="DINE_IN", **who) for _ in range(4)))
    assert len({order.order_number for order in orders}) == 4

    order = orders[0]
    at_once(*(lambda: order_item_add(order=order, menu_item=soup, **who) for _ in range(4)))
    order.refresh_from_db()
    assert (order.items.count(), order.total_amount) == (4, Decimal("48.00"))

    # Whichever is first: what is added counts, or the order is over and nothing is.
    cancelled, added = at_once(
        lambda: order_status(order=order, status="CANCELLED", reason="left", **who),
        lambda: order_item_add(order=order, menu_item=soup, **who),
    )
    assert cancelled.status == "CANCELLED"
    lines = 4 if isinstance(added, OrderOver) else 5
    assert (order.items.count(), Order.objects.get(pk=order.pk).total_amount) == (lines, lines * Decimal("12.00"))
