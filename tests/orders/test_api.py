"""A customer's own orders, with what was on them."""

from datetime import UTC, datetime

import pytest
from django.db import connection

from menus.models import MenuItem, MenuSection
from orders.models import Order, OrderItem
from tests.api import refused
from tests.factories import (
    CustomerFactory,
    MenuFactory,
    OrderFactory,
    ReservationFactory,
    RestaurantFactory,
)

pytestmark = pytest.mark.django_db

NOON = datetime(2026, 6, 1, 12, 0, tzinfo=UTC)


@pytest.fixture
def carla():
    return CustomerFactory.create()


@pytest.fixture
def casa():
    return RestaurantFactory.create(slug="casa-lucia", name="Casa Lucía")


@pytest.fixture
def olives(casa):
    section = MenuSection.objects.create(menu=MenuFactory.create(restaurant=casa), name="Starters")
    return MenuItem.objects.create(section=section, name="Olives", price="4,50 €")


@pytest.fixture
def order(carla, casa, olives):
    """A function: an order of Carla's at the Casa, of olives, at noon of the first of June unless told otherwise."""

    def made(created_at=NOON, **columns):
        order = OrderFactory.create(**{"customer": carla, "restaurant": casa, "status": "COMPLETED"} | columns)
        Order.objects.filter(pk=order.pk).update(created_at=created_at, updated_at=created_at)
        OrderItem.objects.create(order=order, menu_item=olives, quantity=2, price="4.50", notes="no salt")
        return order

    return made


def shown(order, **other):
    item = order.items.get()
    return {
        "id": order.pk,
        "order_number": order.order_number,
        "status": "COMPLETED",
        "order_type": "DINE_IN",
        "restaurant": {"id": order.restaurant_id, "slug": "casa-lucia", "name": "Casa Lucía"},
        "reservation_id": None,
        "total_amount": "12.50",
        "items": [
            {
                "id": item.pk,
                "name": "Olives",
                "quantity": 2,
                "price": "4.50",
                "modifiers": None,
                "notes": "no salt",
                "status": "PENDING",
            }
        ],
        "created_at": "2026-06-01T12:00:00.000Z",
        "updated_at": "2026-06-01T12:00:00.000Z",
    } | other


def found(client, query=""):
    response = client.get(f"me/orders?{query}")
    assert response.status_code == 200, response.content
    return [order["id"] for order in response.json()["results"]]


def test_the_newest_first_with_their_items(as_customer, carla, order, django_assert_max_num_queries):
    first, second = order(), order(reservation=ReservationFactory.create(), total_amount=None)
    order(customer=CustomerFactory.create())
    order(customer=None)
    client = as_customer(carla)

    with django_assert_max_num_queries(4):
        response = client.get("me/orders")

    results = [shown(second, reservation_id=second.reservation_id, total_amount=None), shown(first)]
    assert (response.status_code, response.json()) == (200, {"next": None, "previous": None, "results": results})
    assert response["Cache-Control"] == "no-store"


def test_a_long_list_takes_as_many_queries_and_comes_in_pages(as_customer, carla, order, django_assert_max_num_queries):
    made = [order().pk for _ in range(7)]
    client = as_customer(carla)

    with django_assert_max_num_queries(4):
        page = client.get("me/orders?page_size=5").json()

    rest = client.get(page["next"]).json()
    assert [each["id"] for each in (*page["results"], *rest["results"])] == made[::-1]
    assert rest["next"] is None


def test_it_is_narrowed(as_customer, carla, order):
    elsewhere = RestaurantFactory.create(slug="elsewhere")
    new = order(status="NEW")
    july = order(created_at=datetime(2026, 7, 1, 0, 0, tzinfo=UTC))
    june = order(created_at=datetime(2026, 6, 30, 23, 59, 59, 999000, tzinfo=UTC), restaurant=elsewhere)
    client = as_customer(carla)

    assert found(client, "status=NEW") == [new.pk]
    assert found(client, "restaurant=elsewhere") == [june.pk]
    assert found(client, "restaurant=nobody") == []
    assert found(client, "from=2026-07-01") == [july.pk]
    assert found(client, "from=2026-06-02&to=2026-06-30") == [june.pk]
    assert found(client, "ordering=id") == [new.pk, july.pk, june.pk]


@pytest.mark.parametrize(
    "query", ["status=EATEN", "from=yesterday", "to=2026-13-01", "ordering=total_amount", "cursor=x", "page_size=0"]
)
def test_what_it_cannot_be_narrowed_by(query, as_customer, carla):
    assert refused(as_customer(carla).get(f"me/orders?{query}")) == (400, "invalid")


def test_one(as_customer, carla, order, django_assert_max_num_queries):
    own, client = order(), as_customer(carla)

    with django_assert_max_num_queries(4):
        response = client.get(f"me/orders/{own.pk}")

    assert (response.status_code, response.json()) == (200, shown(own))
    again = client.get(f"me/orders/{own.pk}", headers={"if-none-match": response["ETag"]})
    assert (again.status_code, again.content, again["Cache-Control"]) == (304, b"", "private, no-cache")


def test_what_is_somebody_elses_is_not_there(as_customer, carla, order):
    theirs, nobodys, client = order(customer=CustomerFactory.create()), order(customer=None), as_customer(carla)

    for pk in (theirs.pk, nobodys.pk, 0, 99999999999):
        assert refused(client.get(f"me/orders/{pk}")) == (404, "not_found")


@pytest.mark.parametrize("address", ["me/orders", "me/orders/1"])
def test_nobody_sees_any(address, api):
    assert refused(api.get(address)) == (401, "not_authenticated")


@pytest.mark.parametrize(
    ("stored", "modifiers"),
    [
        ('{"extra":  ["parmesan"], "extra": []}', {"extra": []}),
        ("[1, 2.50, null]", [1, 2.5, None]),
        ('"well done"', "well done"),
        ("null", None),
        ("1e999", "1e999"),
        (r'"\u0000"', "\0"),
        (r'"half \ud83c"', r'"half \ud83c"'),
        ("[" * 3000 + "]" * 3000, "[" * 3000 + "]" * 3000),
        ("9" * 400, int("9" * 400)),
    ],
)
def test_whatever_the_till_wrote_is_shown(stored, modifiers, as_customer, carla, order):
    own = order()
    with connection.cursor() as cursor:
        cursor.execute("UPDATE order_items SET modifiers = %s::text::json", [stored])

    assert as_customer(carla).get(f"me/orders/{own.pk}").json()["items"][0]["modifiers"] == modifiers


def test_rows_that_no_calendar_and_no_sum_holds_are_shown(as_customer, carla, order):
    own = order()
    with connection.cursor() as cursor:
        cursor.execute("UPDATE orders SET created_at = 'infinity', updated_at = '0044-03-15 BC', total_amount = 'NaN'")
        cursor.execute("UPDATE order_items SET price = 'NaN', quantity = -1")

    body = as_customer(carla).get(f"me/orders/{own.pk}").json()

    assert (body["created_at"], body["updated_at"], body["total_amount"]) == (None, None, None)
    assert (body["items"][0]["price"], body["items"][0]["quantity"]) == (None, -1)
