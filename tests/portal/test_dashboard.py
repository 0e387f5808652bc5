"""What a customer sees first, in one call and two queries of its own."""

from datetime import UTC, date, datetime, timedelta

import pytest
from django.db import connection
from django.utils import timezone

from customers.models import CustomerProfile, CustomerRestaurant
from orders.models import Order
from tests.api import refused
from tests.factories import CustomerFactory, OrderFactory, ReservationFactory, RestaurantFactory

pytestmark = pytest.mark.django_db

TODAY = timezone.now().replace(hour=0, minute=0, second=0, microsecond=0)
NOON = datetime(2026, 6, 1, 12, 0, tzinfo=UTC)


@pytest.fixture
def carla():
    return CustomerFactory.create(first_name="Carla", last_name="Cruz", email="carla@example.org", phone=None)


@pytest.fixture
def casa():
    return RestaurantFactory.create(slug="casa-lucia", name="Casa Lucía")


@pytest.fixture
def book(carla, casa):
    """A function: a confirmed reservation of Carla's at the Casa, so many days from now."""

    def made(days, **columns):
        day = {"reservation_date": TODAY + timedelta(days=days)}
        return ReservationFactory.create(**{"customer": carla, "restaurant": casa} | day | columns)

    return made


def dashboard(client):
    response = client.get("me/dashboard")
    assert response.status_code == 200, response.content
    return response.json()


def ids(rows):
    return [row["id"] for row in rows]


def test_somebody_new(as_customer, carla):
    assert dashboard(as_customer(carla)) == {
        "customer": {
            "id": carla.pk,
            "first_name": "Carla",
            "last_name": "Cruz",
            "email": "carla@example.org",
            "email_verified": False,
        },
        "reservations": {"next": [], "past": []},
        "orders": [],
        "restaurants": [],
        "profile": {
            "complete_percent": 34,
            "missing": ["phone", "birthday", "preferred_contact_method", "email_verified"],
        },
        "hints": [
            {
                "code": "email_unverified",
                "message": (
                    "Please confirm your address by the link in the mail; POST auth/resend-verification sends another."
                ),
            }
        ],
    }


def test_the_next_five_that_hold_and_the_last_five_that_were_not_cancelled(as_customer, carla, book):
    following = [book(days) for days in (2, 3, 4, 5, 6, 7)]
    before = [book(-days, status="COMPLETED") for days in (2, 3, 4, 5, 6)]
    no_show = book(-7, status="NO_SHOW")
    book(2, status="CANCELLED")
    book(-2, status="CANCELLED")
    book(2, customer=CustomerFactory.create())
    client = as_customer(carla)

    found = dashboard(client)["reservations"]
    assert ids(found["next"]) == [each.pk for each in following[:5]]
    assert ids(found["past"]) == [each.pk for each in before]

    before[0].delete()
    assert ids(dashboard(client)["reservations"]["past"])[-1] == no_show.pk


def test_a_reservation_looks_as_everywhere(as_customer, carla, book):
    booking, client = book(2), as_customer(carla)

    (shown,) = dashboard(client)["reservations"]["next"]

    assert shown == client.get(f"me/reservations/{booking.pk}").json()


def test_the_last_five_orders(as_customer, carla, casa):
    orders = [OrderFactory.create(customer=carla, restaurant=casa) for _ in range(6)]
    OrderFactory.create(restaurant=casa)
    Order.objects.update(created_at=NOON)
    client = as_customer(carla)

    found = dashboard(client)["orders"]

    assert ids(found) == [order.pk for order in orders[:0:-1]]
    whole = client.get(f"me/orders/{orders[-1].pk}").json()
    assert found[0] == {name: value for name, value in whole.items() if name not in ("items", "updated_at")}


def test_restaurants_visited(as_customer, carla, casa, book):
    book(-3, status="COMPLETED", reservation_date=datetime(2026, 5, 2, tzinfo=UTC))
    book(-3, status="COMPLETED", reservation_date=datetime(2026, 6, 3, tzinfo=UTC))
    OrderFactory.create(customer=carla, restaurant=casa, status="COMPLETED", total_amount="80.10", reservation=None)
    Order.objects.update(created_at=NOON)
    elsewhere = OrderFactory.create(customer=carla, status="COMPLETED", total_amount="5").restaurant
    booked = ReservationFactory.create(customer=carla).restaurant
    assert CustomerRestaurant.objects.filter(restaurant=booked).exists()

    found = dashboard(as_customer(carla))["restaurants"]

    assert found[0] == {
        "restaurant": {"id": casa.pk, "slug": "casa-lucia", "name": "Casa Lucía"},
        "visits": 3,
        "first_visit": "2026-05-02",
        "last_visit": "2026-06-03",
        "total_spent": "80.10",
    }
    assert [each["restaurant"]["id"] for each in found] == [casa.pk, elsewhere.pk]


def test_a_complete_profile(as_customer, carla):
    carla.phone, carla.email_verified = "+34 954 000 000", True
    carla.save(update_fields=["phone", "email_verified"])
    CustomerProfile.objects.update(birthday=date(1990, 2, 28), preferred_contact_method="email")

    body = dashboard(as_customer(carla))

    assert (body["profile"], body["hints"]) == ({"complete_percent": 100, "missing": []}, [])


def test_it_takes_as_many_queries_whatever_it_shows(as_customer, carla, casa, book, django_assert_max_num_queries):
    for days in range(-9, 9):
        book(days)
        OrderFactory.create(customer=carla, status="COMPLETED", reservation=None)
    client = as_customer(carla)

    with django_assert_max_num_queries(4):
        dashboard(client)


def test_what_has_not_changed_is_not_sent_again(as_customer, carla, book):
    book(2)
    client = as_customer(carla)
    first = client.get("me/dashboard")

    again = client.get("me/dashboard", headers={"if-none-match": first["ETag"]})

    assert (again.status_code, again.content, again["Cache-Control"]) == (304, b"", "private, no-cache")


def test_what_no_calendar_holds_is_null(as_customer, carla, casa):
    OrderFactory.create(customer=carla, restaurant=casa, status="COMPLETED")
    with connection.cursor() as cursor:
        cursor.execute("UPDATE orders SET created_at = 'infinity', total_amount = 'NaN'")

    body = dashboard(as_customer(carla))

    assert (body["orders"][0]["created_at"], body["orders"][0]["total_amount"]) == (None, None)
    ((visit),) = body["restaurants"]
    assert (visit["visits"], visit["first_visit"], visit["total_spent"]) == (1, None, None)


def test_nobody_has_one(api):
    assert refused(api.get("me/dashboard")) == (401, "not_authenticated")
