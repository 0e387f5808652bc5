"""Opening an order and ordering: what is written, what it costs, and what is refused."""

from decimal import Decimal

import pytest
from django.contrib.admin.models import LogEntry

from menus.models import Menu, MenuItem, MenuSection
from orders import errors
from orders.forgetting import customer_forget
from orders.models import Order, OrderItem
from orders.services import (
    order_change,
    order_item_add,
    order_item_change,
    order_item_status,
    order_open,
    order_status,
    order_tie,
)
from reservations.services import Actor
from tests.factories import CustomerFactory, OrderFactory, ReservationFactory, RestaurantFactory
from tests.orders.conftest import refuses


def written(row):
    return {
        name: value for name, value in type(row).objects.filter(pk=row.pk).values().get().items() if "_at" not in name
    }


def history(order):
    return list(
        LogEntry.objects.filter(object_id=str(order.pk)).order_by("pk").values_list("user_id", "change_message")
    )


def test_an_order_and_its_line_are_written_as_the_old_application_does(house):
    order = order_open(
        restaurant=house.restaurant, actor_id=house.waiter.pk, order_type="TAKEOUT", customer_name="Ana", notes="Bell"
    )
    item = order_item_add(
        order=order,
        menu_item=house.olives,
        quantity=2,
        modifiers=["no salt"],
        notes="warm",
        actor_id=house.waiter.pk,
    )

    assert written(order) == {
        "id": order.pk,
        "order_number": f"ORD-{order.pk:08}",
        "reservation_id": None,
        "restaurant_id": house.restaurant.pk,
        "customer_name": "Ana",
        "status": "NEW",
        "order_type": "TAKEOUT",
        "notes": "Bell",
        "total_amount": Decimal("9.00"),
        "user_id": house.waiter.pk,
        "customer_id": None,
    }
    assert written(item) == {
        "id": item.pk,
        "order_id": order.pk,
        "menu_item_id": house.olives.pk,
        "quantity": 2,
        "price": Decimal("4.50"),
        "modifiers": ["no salt"],
        "status": "PENDING",
        "notes": "warm",
    }
    assert history(order) == [
        (house.waiter.pk, "Opened."),
        (house.waiter.pk, "Added 2 × Olives (no salt, warm)."),
    ]


def test_an_order_at_a_reservation_is_its_customers(house, opened):
    carla = CustomerFactory.create()
    table = ReservationFactory.create(restaurant=house.restaurant, customer=carla, customer_name="Carla")

    order = opened(reservation=table)

    assert (order.reservation_id, order.customer_id, order.customer_name) == (table.pk, carla.pk, "Carla")
    assert order.user_id == house.waiter.pk
    other = opened(customer_name="Table 7")
    assert order_tie(order=other, reservation=table, actor_id=house.waiter.pk).customer_id == carla.pk
    loose = order_tie(order=other, reservation=None, actor_id=house.waiter.pk)
    assert (loose.reservation_id, loose.customer_id, loose.customer_name) == (None, None, "Carla")
    assert [message for _, message in history(other)] == [
        "Opened.",
        f"Put to reservation {table.pk}.",
        "Put to no reservation.",
    ]


@pytest.mark.parametrize(
    ("columns", "refusal"),
    [
        ({"status": "CANCELLED"}, "Reservation {} is cancelled."),
        ({"status": "NO_SHOW"}, "Reservation {} is no show."),
        ({"elsewhere": True}, "Reservation {} is not at this restaurant."),
    ],
)
def test_nobody_orders_at_a_reservation_that_is_none(columns, refusal, house, opened):
    elsewhere = columns.pop("elsewhere", False)
    place = RestaurantFactory.create() if elsewhere else house.restaurant
    table = ReservationFactory.create(restaurant=place, **columns)
    with refuses(errors.ReservationUnfit, refusal.format(table.pk)):
        opened(reservation=table)
    assert Order.objects.count() == 0


def test_a_number_that_somebody_gave_already_is_drawn_again(house, opened):
    taken = OrderFactory.create(restaurant=house.restaurant)
    Order.objects.filter(pk=taken.pk).update(order_number=f"ORD-{taken.pk + 1:08}")

    order = opened()

    assert order.pk == taken.pk + 2
    assert order.order_number.startswith(f"ORD-{order.pk:08}-")
    assert len(order.order_number) == 17


def test_what_a_dish_costs_is_said_by_the_menu_or_else_asked_for(house, opened):
    order = opened()
    add = {"order": order, "actor_id": house.waiter.pk}
    with refuses(errors.PriceRequired, "The menu says 'MP' for Fish: give its price."):
        order_item_add(menu_item=house.fish, **add)
    with refuses(errors.PriceNotAllowed, "The menu says 4,50 € for Olives."):
        order_item_add(menu_item=house.olives, price=Decimal("0.01"), **add)
    for price in ("-0.01", "100000", "1.001", "NaN", "Infinity"):
        with refuses(errors.AmountRefused, f"{price} is no price: it is from 0 to 99999.99, to the cent."):
            order_item_add(menu_item=house.fish, price=Decimal(price), **add)
    assert order_item_add(menu_item=house.fish, price=Decimal("31.20"), **add).price == Decimal("31.20")
    assert order_item_add(menu_item=house.olives, price=Decimal("4.5"), **add).price == Decimal("4.50")


@pytest.mark.parametrize("quantity", [0, -1, 1000])
def test_a_quantity_is_refused(quantity, house, opened):
    with refuses(errors.AmountRefused, f"{quantity} is no quantity: it is from 1 to 999."):
        order_item_add(order=opened(), menu_item=house.olives, quantity=quantity, actor_id=house.waiter.pk)
    assert not OrderItem.objects.exists()


def test_only_what_the_restaurant_offers_now_is_ordered(house, opened):
    order, elsewhere = opened(), RestaurantFactory.create()
    for spoil in (
        lambda: MenuItem.objects.filter(pk=house.olives.pk).update(active=False),
        lambda: MenuSection.objects.update(active=False),
        lambda: Menu.objects.update(is_archived=True),
        lambda: Menu.objects.update(restaurant=elsewhere),
        lambda: Menu.objects.update(restaurant=None),
    ):
        MenuItem.objects.update(active=True)
        MenuSection.objects.update(active=True)
        Menu.objects.update(is_archived=False, restaurant=house.restaurant)
        spoil()
        with refuses(errors.NotOnMenu, "Olives is on no menu of Casa Lucía now."):
            order_item_add(order=order, menu_item=house.olives, actor_id=house.waiter.pk)


def test_the_total_is_that_of_the_lines_that_count(house, opened):
    order = opened((house.olives, 2), (house.soup, 1))
    olives, soup = order.items.order_by("pk")
    who = {"actor_id": house.waiter.pk}

    def total():
        order.refresh_from_db()
        return str(order.total_amount)

    assert total() == "21.00"
    order_item_change(item=olives, quantity=3, **who)
    assert total() == "25.50"
    order_item_status(item=soup, status="CANCELLED", **who)
    assert total() == "13.50"
    order_item_status(item=soup, status="PENDING", **who)
    assert total() == "25.50"
    order_item_change(item=soup, price=Decimal("0"), **who)
    assert total() == "13.50"
    # What another application wrote beside it counts with the next line.
    OrderItem.objects.create(order=order, menu_item=house.soup, price="100.00", quantity=1)
    assert total() == "13.50"
    order_item_change(item=olives, notes="cold", **who)
    assert total() == "113.50"
    OrderItem.objects.create(order=order, menu_item=house.soup, price="99999.99", quantity=1000)
    with refuses(errors.AmountRefused, f"Order {order.order_number} would cost 100000108.00; 99999999.99 is the most."):
        order_item_change(item=olives, quantity=4, **who)
    assert total() == "113.50"


def test_more_of_the_same_joins_the_line_that_the_kitchen_has_not_begun(house, opened):
    order = opened((house.olives, 1))
    add = {"order": order, "menu_item": house.olives, "actor_id": house.waiter.pk, "join": True}
    first = order.items.get()
    assert order_item_add(**add).pk == first.pk
    assert order_item_add(modifiers=["no salt"], **add).pk != first.pk
    order_item_status(item=first, status="PREPARING", actor_id=house.waiter.pk)
    order_item_add(**add)
    lines = order.items.order_by("pk").values_list("quantity", "modifiers", "status")
    assert list(lines) == [(2, None, "PREPARING"), (1, ["no salt"], "PENDING"), (1, None, "PENDING")]


def test_a_line_that_the_kitchen_has_begun_is_not_changed(house, opened):
    order = opened((house.olives, 2))
    item = order.items.get()
    who = {"item": item, "actor_id": house.waiter.pk}
    changed = order_item_change(quantity=3, modifiers={"extra": ["oil"]}, notes="warm", **who)
    assert (changed.quantity, changed.modifiers, changed.notes) == (3, {"extra": ["oil"]}, "warm")
    emptied = order_item_change(modifiers=[], notes="", **who)
    assert (emptied.quantity, emptied.modifiers, emptied.notes) == (3, None, None)
    order_item_status(item=item, status="READY", actor_id=house.waiter.pk)
    for change in ({"quantity": 1}, {"notes": "x"}, {"modifiers": ["x"]}):
        with refuses(errors.ItemBegun, "Olives is ready by now: cancel it, or add another."):
            order_item_change(**change, **who)
    assert order_item_change(quantity=3, **who).quantity == 3
    assert [message for _, message in history(order)][2:] == [
        "Changed Olives: quantity 2 → 3; modifiers – → extra oil; notes – → warm.",
        "Changed Olives: modifiers extra oil → –; notes warm → –.",
        "3 × Olives: Pending → Ready.",
    ]


def test_what_is_said_of_an_order_can_be_changed_while_it_is_open(house, opened):
    order = opened(customer_name="Ana")
    who = {"order": order, "actor_id": house.waiter.pk}
    order_change(customer_name="Ana", **who)
    changed = order_change(customer_name="Anna", notes="Bell", order_type="DELIVERY", **who)
    assert (changed.customer_name, changed.notes, changed.order_type) == ("Anna", "Bell", "DELIVERY")
    assert order_change(notes="", **who).notes is None
    order_status(status="CANCELLED", reason="left", **who)
    over = f"Order {order.order_number} is cancelled: reopen it first."
    for refused in (
        lambda: order_change(notes="x", **who),
        lambda: order_tie(reservation=None, **who),
        lambda: order_item_add(menu_item=house.olives, **who),
    ):
        with refuses(errors.OrderOver, over):
            refused()
    assert [message for _, message in history(order)] == [
        "Opened.",
        "Changed customer name, notes, order type.",
        "Changed notes.",
        "New → Cancelled: left",
    ]
    Order.objects.all().delete()
    with refuses(errors.OrderOver, "This order is not there any more."):
        order_change(notes="x", **who)


def test_the_history_of_whoever_is_forgotten_says_nothing_typed(house, opened):
    carla = CustomerFactory.create()
    table = ReservationFactory.create(restaurant=house.restaurant, customer=carla, status="COMPLETED")
    hers, other = opened(reservation=table), opened(customer_name="Table 7")
    for order in (hers, other):
        order_status(order=order, status="CANCELLED", reason="Carla is ill", actor_id=house.waiter.pk)

    assert customer_forget(customer=carla, actor=Actor("staff", house.waiter.pk))

    assert history(hers) == [(house.waiter.pk, ""), (house.waiter.pk, "")]
    assert [message for _, message in history(other)] == ["Opened.", "New → Cancelled: Carla is ill"]
