"""The pages on which staff take orders, pressed as a waiter presses them: each button does what it says, once."""

import re
from datetime import timedelta
from decimal import Decimal

import pytest
from django.contrib.messages import get_messages
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.models import User
from orders.models import Order, OrderItem
from orders.services import order_item_status, order_status
from tests.factories import (
    CustomerFactory,
    OrderFactory,
    ReservationFactory,
    RestaurantFactory,
    RestaurantStaffFactory,
    UserFactory,
    staff_of,
)

BOARD, OPEN = "/admin/orders/order/board/", "/admin/orders/order/add/"


@pytest.fixture
def waiter(house):
    client = Client()
    client.force_login(house.waiter)
    return client


def page_of(order):
    return f"/admin/orders/order/{order.pk}/take/"


def said(answer):
    return [str(message) for message in get_messages(answer.wsgi_request)]


def press(client, order, **given):
    """Press a button on the page of an order; return where it led and what was said."""
    answer = client.post(page_of(order), given)
    assert answer.status_code == 302, answer.content.decode()
    found = said(answer)
    client.cookies.pop("messages", None)  # what is said is shown once
    return answer["Location"], found


def lines(order):
    columns = ("menu_item__name", "quantity", "price", "modifiers", "notes", "status")
    return list(order.items.order_by("pk").values_list(*columns))


def key_on(page):
    (key,) = set(re.findall(r'name="key" value="([^"]+)"', page.content.decode()))
    return key


def tonight(house, **columns):
    midnight = timezone.now().replace(hour=0, minute=0, second=0, microsecond=0)
    return ReservationFactory.create(restaurant=house.restaurant, reservation_date=midnight, **columns)


def test_an_order_is_opened_at_a_table_of_tonight_once_however_often_it_is_pressed(house, waiter):
    carla = CustomerFactory.create()
    table = tonight(house, customer=carla, customer_name="Carla", table_ids=[4, 5], reservation_time="20:00")
    tonight(house, customer_name="Gone", status="CANCELLED")
    page = waiter.get(f"{OPEN}?reservation={table.pk}")
    options = re.findall(r'<option value="(\d*)"( selected)?>([^<]+)</option>', page.content.decode())
    assert (str(table.pk), " selected", "20:00 Carla (2), table 4, 5, expected") in options
    assert not any("Gone" in option[2] for option in options)

    given = {
        "key": key_on(page),
        "order_type": "DINE_IN",
        "reservation": table.pk,
        "customer_name": "",
        "notes": "Nuts!",
    }
    answers = [waiter.post(f"{OPEN}?reservation={table.pk}", given) for _ in range(2)]

    order = Order.objects.get()
    assert {answer["Location"] for answer in answers} == {page_of(order)}
    assert (order.customer_id, order.reservation_id, order.notes) == (carla.pk, table.pk, "Nuts!")
    shown = waiter.get(page_of(order)).content.decode()
    assert "Table 4, 5 · Carla" in shown
    assert "Opened at the table of reservation" in shown
    again = waiter.get(f"{OPEN}?reservation={table.pk}").content.decode()
    assert f'href="{page_of(order)}"><bdi>{order.order_number}</bdi> · 0.00</a>' in again


def test_an_order_of_nobody_is_asked_for_a_name(house, waiter):
    page = waiter.post(
        OPEN, {"key": "k", "order_type": "TAKEOUT", "reservation": "", "customer_name": " ", "notes": ""}
    )
    assert page.status_code == 200
    assert "Say which table it is for, or whose it is." in page.content.decode()
    assert not Order.objects.exists()


def test_a_reservation_that_was_cancelled_meanwhile_is_refused_in_words(house, waiter):
    table = tonight(house, customer_name="Carla")
    page = waiter.get(f"{OPEN}?reservation={table.pk}")
    table.status = "CANCELLED"
    table.save()
    given = {"key": key_on(page), "order_type": "DINE_IN", "reservation": table.pk}
    refused = waiter.post(f"{OPEN}?reservation={table.pk}", given)
    assert said(refused) == [f"Reservation {table.pk} is cancelled."]
    assert not Order.objects.exists()


def test_dishes_are_added_by_one_tap_or_with_what_is_different(house, waiter, opened):
    order = opened()
    tap = {"do": "add", "dish": house.olives.pk}
    key = key_on(waiter.get(page_of(order)))
    for _ in range(2):
        assert press(waiter, order, key=key, **tap) == (page_of(order), [])
    assert lines(order) == [("Olives", 1, Decimal("4.50"), None, None, "PENDING")]
    press(waiter, order, key="another", **tap)
    press(waiter, order, key="k", **tap | {"quantity": "2", "modifiers": "no salt,  extra lemon", "notes": "warm"})

    # What nobody knows the price of is asked for.
    where, _ = press(waiter, order, key="k2", do="add", dish=house.fish.pk)
    assert where == f"{page_of(order)}?dish={house.fish.pk}#add"
    asked = waiter.get(f"{page_of(order)}?dish={house.fish.pk}").content.decode()
    assert "The menu says “<bdi>MP</bdi>”: say what one costs today." in asked
    fish = {"do": "add", "key": "k3", "dish": house.fish.pk, "quantity": "1", "modifiers": "", "notes": ""}
    wrong = waiter.post(page_of(order), fish | {"price": "cheap"})
    assert wrong.status_code == 200
    assert "&#x27;cheap&#x27; is no price; it is as in 4.50, up to 99999.99." in wrong.content.decode()
    press(waiter, order, **fish | {"price": "31,20 €"})

    assert lines(order) == [
        ("Olives", 2, Decimal("4.50"), None, None, "PENDING"),
        ("Olives", 2, Decimal("4.50"), ["no salt", "extra lemon"], "warm", "PENDING"),
        ("Fish", 1, Decimal("31.20"), None, None, "PENDING"),
    ]
    assert Order.objects.get().total_amount == Decimal("49.20")
    assert press(waiter, order, do="add", dish=0)[1] == ["This dish is on no menu any more."]


def test_a_line_is_changed_stepped_on_and_taken_back(house, waiter, opened):
    order = opened((house.olives, 1))
    item = order.items.get()
    line = {"do": "line", "item": item.pk, "modifiers": "no salt", "notes": ""}
    press(waiter, order, quantity="3", **line)
    assert press(waiter, order, quantity="0", **line)[1] == [
        "Olives was not changed. Quantity: Ensure this value is greater than or equal to 1."
    ]
    # A waiter does not say what the menu says.
    press(waiter, order, quantity="3", price="0", **line)
    assert lines(order) == [("Olives", 3, Decimal("4.50"), ["no salt"], None, "PENDING")]

    step = {"do": "step", "item": item.pk}
    where, _ = press(waiter, order, status="SERVED", seen="PENDING", **step)
    assert where == f"{page_of(order)}?undo={item.pk}&was=PENDING"
    shown = waiter.get(where).content.decode()
    assert '<span role="status"><bdi>3 × Olives</bdi>: served</span>' in shown
    assert press(waiter, order, status="PENDING", seen="SERVED", is_undo="1", **step) == (page_of(order), [])
    assert press(waiter, order, status="READY", seen="PREPARING", **step)[1] == ["Olives is pending by now."]
    assert press(waiter, order, do="step", item=item.pk + 1)[1] == ["This line is not there any more."]
    assert lines(order)[0][-1] == "PENDING"


def test_a_manager_says_what_a_line_costs(house, opened):
    order = opened((house.olives, 1))
    item = order.items.get()
    order_item_status(item=item, status="READY", actor_id=house.waiter.pk)
    client = Client()
    client.force_login(staff_of(house.restaurant, "MANAGER"))
    assert "Price of one" in client.get(f"{page_of(order)}?line={item.pk}").content.decode()
    press(client, order, do="line", item=item.pk, price="0")
    assert lines(order) == [("Olives", 1, Decimal(0), None, None, "READY")]
    assert press(client, order, do="line", item=item.pk, quantity="2")[1] == [
        "Olives is ready by now: cancel it, or add another."
    ]


def test_the_whole_order_is_brought_on_cancelled_and_reopened(house, waiter, opened):
    order = opened((house.olives, 1))
    to = {"do": "status"}
    assert press(waiter, order, status="COMPLETED", seen="NEW", **to)[1] == [
        "The kitchen still has 1 × Olives: serve or cancel that first."
    ]
    where, _ = press(waiter, order, status="READY", seen="NEW", back="kitchen", **to)
    assert where == f"{BOARD}?restaurant={house.restaurant.pk}&view=kitchen"
    press(waiter, order, status="COMPLETED", seen="READY", **to)
    assert "Reopen the order" in waiter.get(page_of(order)).content.decode()
    press(waiter, order, do="reopen", seen="COMPLETED")
    assert press(waiter, order, status="CANCELLED", seen="READY", reason=" ", **to)[1] == [
        f"Say why order {order.order_number} is cancelled."
    ]
    press(waiter, order, status="CANCELLED", seen="READY", reason="left", **to)
    assert press(waiter, order, do="add", key="k", dish=house.soup.pk)[1] == [
        f"Order {order.order_number} is cancelled: reopen it first."
    ]
    assert lines(order) == [("Olives", 1, Decimal("4.50"), None, None, "SERVED")]


def test_whose_an_order_is_can_be_said_later(house, waiter, opened):
    order, table = opened(), tonight(house, customer_name="Carla")
    assert f'<option value="{table.pk}">' in waiter.get(f"{page_of(order)}?more=1").content.decode()
    press(waiter, order, do="tie", reservation=table.pk)
    press(waiter, order, do="change", order_type="TAKEOUT", customer_name="Ana", notes="Bell")
    order.refresh_from_db()
    assert (order.reservation_id, order.order_type, order.customer_name, order.notes) == (
        *(table.pk, "TAKEOUT"),
        *("Ana", "Bell"),
    )
    press(waiter, order, do="tie", reservation="")
    assert press(waiter, order, do="tie", reservation="77")[1] == ["This reservation is not there any more."]
    assert press(waiter, order, do="change", order_type="X")[1] == [
        "That was not changed: say where it is eaten, and a shorter name or note."
    ]
    order.refresh_from_db()
    assert (order.reservation_id, order.order_type) == (None, "TAKEOUT")


def test_the_board_shows_what_is_worked_on(house, waiter, opened):
    late = opened((house.olives, 2), customer_name="Late")
    Order.objects.filter(pk=late.pk).update(created_at=timezone.now() - timedelta(minutes=42))
    ready = opened((house.soup, 1), customer_name="Ready")
    order_status(order=ready, status="READY", actor_id=house.waiter.pk)
    over = opened((house.soup, 1), customer_name="Over")
    order_status(order=over, status="CANCELLED", actor_id=house.waiter.pk, reason="left")
    old = opened(customer_name="Forgotten")
    Order.objects.filter(pk=old.pk).update(created_at=timezone.now() - timedelta(days=2))
    elsewhere = OrderFactory.create(customer_name="Elsewhere")

    def shown(view):
        page = waiter.get(f"{BOARD}?view={view}").content.decode()
        tickets = re.findall(r'<h2 id="ticket-\d+"><a[^>]+><bdi>([^<]*)</bdi>', page)
        return tickets, "42 min" in page, "Over</bdi>" in page, "Orders opened more than a day ago" in page

    assert shown("service") == (["Late", "Ready"], True, True, True)
    assert shown("kitchen") == (["Late"], True, False, True)
    assert waiter.get(f"{BOARD}?view=bar").status_code == 404
    # Nothing of another restaurant, whatever is asked for.
    assert waiter.get(f"{BOARD}?restaurant={elsewhere.restaurant_id}").status_code == 404
    for answer in (waiter.get(page_of(elsewhere)), waiter.post(page_of(elsewhere), {"do": "reopen"})):
        assert (answer.status_code, answer["Location"]) == (302, "/admin/")
    strange = ReservationFactory.create(customer_name="Strange")
    assert "Strange" not in waiter.get(f"{OPEN}?reservation={strange.pk}").content.decode()


def test_whoever_works_at_several_restaurants_chooses(house, waiter):
    RestaurantStaffFactory.create(user=house.waiter, restaurant=RestaurantFactory.create(name="Dolce"))
    board, opening = waiter.get(BOARD).content.decode(), waiter.get(OPEN).content.decode()
    assert "Choose a restaurant to see its orders." in board
    assert "Choose the restaurant that the order is for." in opening
    assert f'<option value="{house.restaurant.pk}">Casa Lucía</option>' in opening
    chosen = waiter.get(f"{OPEN}?restaurant={house.restaurant.pk}").content.decode()
    assert "At <bdi>Casa Lucía</bdi>" in chosen


@pytest.mark.parametrize(
    ("late", "expected"),
    [pytest.param(0, [9, 11, 10, 8], id="in the day"), pytest.param(24, [9, 11, 12, 10], id="after midnight")],
)
def test_a_page_asks_the_same_however_much_is_on_it(house, waiter, opened, monkeypatch, late, expected):
    monkeypatch.setattr("orders.pages.LATE_HOURS", late)  # after midnight the parties of the evening before count too
    OrderItem.objects.bulk_create(
        OrderItem(order=opened(customer_name=f"Table {n}"), menu_item=house.soup, price=12)
        for n in range(3)
        for _ in "ab"
    )
    order = opened((house.olives, 2), (house.soup, 1), reservation=tonight(house))
    found = {}
    for page in (BOARD, page_of(order), f"{page_of(order)}?more=1", OPEN):
        waiter.get(page)
        with CaptureQueriesContext(connection) as queries:
            assert waiter.get(page).status_code == 200
        found[page] = len(queries)
    assert list(found.values()) == expected


def test_an_empty_house_says_what_to_do(db):
    root = Client()
    root.force_login(UserFactory.create(role=User.Role.SUPERADMIN))
    assert "You work at no restaurant that takes orders." in root.get(BOARD).content.decode()
    place = RestaurantFactory.create()
    board = root.get(BOARD).content.decode()
    assert "No open order." in board
    opened = root.post(OPEN, {"key": "k", "order_type": "DINE_IN", "customer_name": "Table 1"})
    assert Order.objects.get().restaurant_id == place.pk
    assert "This restaurant has no menu with dishes to order." in root.get(opened["Location"]).content.decode()
