"""What staff order here while both schemas live is as the old application writes it, and stays on the way back."""

from decimal import Decimal
from typing import Any

import pytest

from accounts.models import RestaurantStaff, User
from menus.models import MenuItem
from orders.models import Order
from orders.services import order_item_add, order_open, order_reopen, order_status, order_tie
from reservations.models import Reservation
from separation.mirror import drain
from separation.verification import verify
from tests.separation.engine import query, take_back
from tests.separation.new_application import staff_role
from tests.separation.old_application import application_role, book, old_application, register

pytestmark = pytest.mark.engine

OWNERS = "SELECT user_id, customer_id, status::text, total_amount, reservation_id FROM orders WHERE id = %s"


def links(connection, person):
    return query(
        connection,
        "SELECT restaurant_id, visit_count, total_spent FROM customer_restaurants WHERE customer_id = %s",
        [person],
    )


def test_an_order_of_staff_in_both_schemas(legacy_database, client):
    database = legacy_database("plain", moved=True)
    waiter = RestaurantStaff.objects.filter(restaurant=1, is_active=True, user__is_customer=False).earliest("id")
    dish = MenuItem.objects.filter(section__menu__restaurant=1, active=True, section__active=True).earliest("id")
    who: dict[str, Any] = {"actor_id": waiter.user_id}
    with (
        application_role(database.name) as role,
        old_application(database.name, role) as old,
        staff_role(database.connection),
    ):
        lena = register(old, "lena@example.org")
        table = Reservation.objects.get(pk=book(old, lena, 1, "CONFIRMED"))

        order = order_open(restaurant=waiter.restaurant, order_type="DINE_IN", reservation=table, **who)
        order_item_add(order=order, menu_item=dish, quantity=2, price=None, **who)
        order_status(order=order, status="READY", **who)
        order_status(order=order, status="COMPLETED", **who)
        total = Order.objects.get(pk=order.pk).total_amount
        assert query(database.connection, OWNERS, [order.pk]) == [(waiter.user_id, lena, "COMPLETED", total, table.pk)]
        assert links(database.connection, lena) == [(1, 1, total)]

        # Whoever walks in is nobody's customer, until their table is found.
        walk_in = order_open(restaurant=waiter.restaurant, order_type="DINE_IN", customer_name="Table 7", **who)
        nobody = (waiter.user_id, None, "NEW", Decimal("0.00"), None)
        assert query(database.connection, OWNERS, [walk_in.pk]) == [nobody]
        order_tie(order=walk_in, reservation=table, **who)
        assert query(database.connection, OWNERS, [walk_in.pk])[0][1] == lena
        order_tie(order=walk_in, reservation=None, **who)
        assert query(database.connection, OWNERS, [walk_in.pk]) == [nobody]

        # What the old application does with it appears here.
        old.execute("UPDATE orders SET status = 'CANCELLED', updated_at = now() WHERE id = %s", [order.pk])
        assert links(database.connection, lena) == [(1, 0, Decimal("0.00"))]
        assert order_reopen(order=order, **who).status == "READY"

        client.force_login(User.objects.filter(role="SUPERADMIN").earliest("pk"))
        pages = ("", "separation/", "separation/live/", "orders/order/board/", f"customers/customer/{lena}/change/")
        assert {page: client.get(f"/admin/{page}").status_code for page in pages} == dict.fromkeys(pages, 200)
    assert drain(database.connection) == 0
    assert [(result.id, result.sample) for result in verify(database.connection).failures] == []
    take_back(database.connection)
    kept = "SELECT user_id, status::text, total_amount FROM orders WHERE id = %s"
    assert query(database.connection, kept, [order.pk]) == [(waiter.user_id, "READY", total)]
