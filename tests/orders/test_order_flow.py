"""How orders and their lines go forward and back: every change there is, and who is told when two act at once."""

from decimal import Decimal
from itertools import product

import pytest

from customers.models import CustomerRestaurant
from orders import errors
from orders.flow import ITEMS, ORDERS, followed
from orders.models import Order, OrderItem
from orders.services import order_item_status, order_reopen, order_status
from tests.factories import CustomerFactory, OrderFactory, ReservationFactory
from tests.orders.conftest import refuses

ITEM_STEPS = """
PENDING: PREPARING READY SERVED CANCELLED
PREPARING: READY SERVED CANCELLED PENDING
READY: SERVED CANCELLED PREPARING PENDING
SERVED: CANCELLED READY PREPARING PENDING
CANCELLED: PENDING PREPARING READY SERVED
"""
ORDER_STEPS = """
NEW: IN_PROGRESS READY COMPLETED CANCELLED
IN_PROGRESS: READY COMPLETED CANCELLED
READY: COMPLETED CANCELLED
COMPLETED:
CANCELLED:
"""


def table(steps):
    return {line.split(":")[0]: tuple(line.split(":")[1].split()) for line in steps.strip().splitlines()}


def test_the_changes_there_are():
    assert (table(ITEM_STEPS), table(ORDER_STEPS)) == (ITEMS, ORDERS)


@pytest.mark.parametrize(
    ("status", "items", "undone", "becomes"),
    [
        ("NEW", [], False, "NEW"),
        ("READY", ["CANCELLED"], False, "READY"),
        ("NEW", ["PENDING"], False, "NEW"),
        ("IN_PROGRESS", ["PENDING", "PENDING"], False, "IN_PROGRESS"),
        ("IN_PROGRESS", ["PENDING", "PENDING"], True, "NEW"),
        ("READY", ["PENDING", "CANCELLED"], False, "NEW"),
        ("NEW", ["PENDING", "PREPARING"], False, "IN_PROGRESS"),
        ("READY", ["SERVED", "PENDING"], False, "IN_PROGRESS"),
        ("NEW", ["READY", "SERVED", "CANCELLED"], False, "READY"),
    ],
)
def test_an_order_follows_its_lines(status, items, undone, becomes):
    assert followed(status, items, undone=undone) == becomes


def test_each_line_goes_only_where_it_may(house, opened):
    order = opened((house.olives, 1))
    item = order.items.get()
    for was, to in product(ITEMS, ITEMS):
        OrderItem.objects.update(status=was)
        Order.objects.update(status="IN_PROGRESS")
        if to in ITEMS[was] or to == was:
            assert order_item_status(item=item, status=to, actor_id=house.waiter.pk).status == to
        else:
            with pytest.raises(errors.StatusNotAllowed):
                order_item_status(item=item, status=to, actor_id=house.waiter.pk)
            assert OrderItem.objects.get().status == was


def test_the_order_follows_each_line_forward_and_back(house, opened):
    order = opened((house.olives, 1), (house.soup, 1))
    olives, soup = order.items.order_by("pk")
    seen = []
    for item, status in (
        (olives, "PREPARING"),
        (olives, "PENDING"),
        (olives, "READY"),
        (soup, "CANCELLED"),
        (soup, "PENDING"),
        (soup, "SERVED"),
    ):
        order_item_status(item=item, status=status, actor_id=house.waiter.pk)
        seen.append(Order.objects.get(pk=order.pk).status)
    assert seen == ["IN_PROGRESS", "NEW", "IN_PROGRESS", "READY", "IN_PROGRESS", "READY"]


def test_the_whole_order_takes_its_lines_along(house, opened):
    order = opened((house.olives, 1), (house.soup, 1), (house.olives, 1))
    gone = order.items.latest("pk")
    who = {"actor_id": house.waiter.pk}
    order_item_status(item=gone, status="CANCELLED", **who)
    seen = []
    for status in ("IN_PROGRESS", "READY", "COMPLETED"):
        order_status(order=order, status=status, **who)
        seen.append([status, *order.items.order_by("pk").values_list("status", flat=True)])
    assert seen == [
        ["IN_PROGRESS", "PREPARING", "PREPARING", "CANCELLED"],
        ["READY", "READY", "READY", "CANCELLED"],
        ["COMPLETED", "SERVED", "SERVED", "CANCELLED"],
    ]


def test_each_order_goes_only_where_it_may(house, opened):
    order = opened((house.olives, 1))
    for was, to in product(ORDERS, ORDERS):
        OrderItem.objects.update(status="SERVED")
        Order.objects.update(status=was)
        change = {"order": order, "status": to, "actor_id": house.waiter.pk, "reason": "why"}
        if to in ORDERS[was] or to == was:
            assert order_status(**change).status == to
        else:
            with pytest.raises(errors.StatusNotAllowed):
                order_status(**change)
            assert Order.objects.get().status == was


def test_what_the_kitchen_still_has_is_not_completed(house, opened):
    order = opened((house.olives, 2), (house.soup, 1))
    complete = {"order": order, "status": "COMPLETED", "actor_id": house.waiter.pk}
    order_item_status(item=order.items.latest("pk"), status="READY", actor_id=house.waiter.pk)
    with refuses(errors.NotReady, "The kitchen still has 2 × Olives: serve or cancel that first."):
        order_status(**complete)
    empty = opened()
    with refuses(errors.NotReady, f"Nothing was ordered with {empty.order_number}: cancel it."):
        order_status(**complete | {"order": empty})
    # An order of another application has a total and perhaps no lines.
    theirs = OrderFactory.create(restaurant=house.restaurant, total_amount="12.50")
    assert order_status(**complete | {"order": theirs}).total_amount == Decimal("12.50")


def test_whoever_cancels_says_why_and_reopening_takes_it_back_exactly(house, opened):
    order = opened((house.olives, 2), (house.soup, 1))
    item = order.items.latest("pk")
    order_item_status(item=item, status="READY", actor_id=house.waiter.pk)
    before = list(OrderItem.objects.order_by("pk").values()), Order.objects.values("status", "total_amount").get()
    cancel = {"order": order, "status": "CANCELLED", "actor_id": house.waiter.pk}
    with refuses(errors.ReasonRequired, f"Say why order {order.order_number} is cancelled."):
        order_status(reason="  ", **cancel)
    assert order_status(reason="left", **cancel).status == "CANCELLED"
    with pytest.raises(errors.OrderOver):
        order_item_status(item=item, status="SERVED", actor_id=house.waiter.pk)
    order_reopen(order=order, actor_id=house.waiter.pk)
    assert order_reopen(order=order, actor_id=house.waiter.pk).status == "IN_PROGRESS"
    after = list(OrderItem.objects.order_by("pk").values()), Order.objects.values("status", "total_amount").get()
    assert after == before


def test_what_a_customer_spent_and_visited_follows(house, opened):
    carla = CustomerFactory.create()
    table = ReservationFactory.create(restaurant=house.restaurant, customer=carla)
    order = opened((house.olives, 2), reservation=table)
    known = CustomerRestaurant.objects.filter(customer=carla).values_list("visit_count", "total_spent")
    seen = [known.get()]
    order_status(order=order, status="READY", actor_id=house.waiter.pk)
    order_status(order=order, status="COMPLETED", actor_id=house.waiter.pk)
    seen.append(known.get())
    order_reopen(order=order, actor_id=house.waiter.pk)
    seen.append(known.get())
    assert seen == [(0, Decimal(0)), (1, Decimal("9.00")), (0, Decimal(0))]


def test_whoever_comes_second_is_told_unless_both_want_the_same(house, opened):
    order = opened((house.olives, 1))
    item = order.items.get()
    who = {"actor_id": house.waiter.pk}
    order_item_status(item=item, status="READY", seen="PENDING", **who)
    order_item_status(item=item, status="READY", seen="PENDING", **who)
    with refuses(errors.OrderChanged, "Olives is ready by now."):
        order_item_status(item=item, status="PREPARING", seen="PENDING", **who)
    with refuses(errors.OrderChanged, f"Order {order.order_number} is ready by now."):
        order_status(order=order, status="CANCELLED", reason="why", seen="NEW", **who)
    order_status(order=order, status="COMPLETED", seen="READY", **who)
    order_status(order=order, status="COMPLETED", seen="READY", **who)
    with refuses(errors.OrderChanged, f"Order {order.order_number} is completed by now."):
        order_reopen(order=order, seen="CANCELLED", **who)
    OrderItem.objects.all().delete()
    order_reopen(order=order, **who)
    with refuses(errors.OrderChanged, "This line is not there any more."):
        order_item_status(item=item, status="SERVED", **who)
