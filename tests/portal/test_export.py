"""A customer takes everything along that is kept of them, in one document; nothing of anybody else, and no secret."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from customers.models import CustomerProfile, CustomerSession
from menus.models import MenuItem, MenuSection
from orders.models import OrderItem
from tests.api import created, refused
from tests.factories import (
    CustomerFactory,
    CustomerRestaurantFactory,
    MenuFactory,
    OrderFactory,
    ReservationFactory,
    RestaurantFactory,
)

pytestmark = pytest.mark.django_db


def visit(customer, restaurant, **columns):
    """Return a reservation and an order with one item, of CUSTOMER at RESTAURANT."""
    reservation = ReservationFactory.create(
        restaurant=restaurant, customer=customer, customer_name="Ann Lee", customer_email="ann@example.org", **columns
    )
    order = OrderFactory.create(restaurant=restaurant, customer=customer, reservation=reservation)
    item = MenuItem.objects.create(name="Soup", section=MenuSection.objects.create(name="s", menu=MenuFactory.create()))
    OrderItem.objects.create(order=order, menu_item=item, price="3.00", quantity=2, modifiers={"salt": False})
    return reservation, order


def test_all_of_it(as_customer):
    ann = CustomerFactory.create(email="ann@example.org", first_name="Ann", last_name="Lee")
    CustomerProfile.objects.update(special_requests="window", notes="difficult", preferences={"language": "de"})
    restaurant = RestaurantFactory.create(name="Bella")
    reservation, order = visit(ann, restaurant)
    ann.restaurants.all().delete()
    CustomerRestaurantFactory.create(customer=ann, restaurant=restaurant, visit_count=2, total_spent="19.50", notes="x")
    visit(CustomerFactory.create(), restaurant)
    client = as_customer(ann)
    session = CustomerSession.objects.get()

    response = client.get("me/export")

    assert response["Content-Disposition"] == f'attachment; filename="customer-{ann.pk}.json"'
    assert response["Cache-Control"] == "no-store"
    ann.refresh_from_db()
    body = response.json()
    assert body.pop("exported_at") > created(ann)
    time = lambda value: value and value.isoformat().replace("+00:00", "Z")  # noqa: E731
    session.refresh_from_db()
    reservation.refresh_from_db()
    order.refresh_from_db()
    assert body == {
        "format": 1,
        "customer": {
            "id": ann.pk,
            "email": "ann@example.org",
            "email_verified": False,
            "first_name": "Ann",
            "last_name": "Lee",
            "phone": None,
            "created_at": created(ann),
            "last_login": time(ann.last_login),
            "updated_at": time(ann.updated_at),
        },
        "profile": {
            "dietary_restrictions": None,
            "special_requests": "window",
            "preferred_contact_method": None,
            "marketing_opt_in": False,
            "birthday": None,
            "anniversary": None,
        },
        "preferences": {
            "language": "de",
            "notifications": {"reminders": True},
            "seating": {"area": None, "quiet": False, "high_chair": False, "step_free": False},
        },
        "sessions": [
            {
                "id": str(session.pk),
                "user_agent": "tests",
                "ip": "127.0.0.1",
                "created_at": time(session.created_at),
                "last_used_at": time(session.last_used_at),
                "expires_at": time(session.expires_at),
                "revoked_at": None,
                "revoked_reason": "",
            }
        ],
        "restaurants": [
            {
                "restaurant": "Bella",
                "first_visit": None,
                "last_visit": None,
                "visit_count": 2,
                "total_spent": "19.50",
            }
        ],
        "reservations": [
            {
                "id": reservation.pk,
                "restaurant": "Bella",
                "date": "2026-06-01",
                "time": "18:30",
                "party_size": 2,
                "duration_minutes": 90,
                "status": "CONFIRMED",
                "source": "website",
                "customer_name": "Ann Lee",
                "customer_phone": None,
                "customer_email": "ann@example.org",
                "special_requests": None,
                "created_at": created(reservation),
                "updated_at": time(reservation.updated_at),
            }
        ],
        "orders": [
            {
                "id": order.pk,
                "order_number": order.order_number,
                "restaurant": "Bella",
                "reservation_id": reservation.pk,
                "customer_name": None,
                "status": "NEW",
                "order_type": "DINE_IN",
                "notes": None,
                "total_amount": "12.50",
                "created_at": created(order),
                "updated_at": time(order.updated_at),
                "items": [
                    {
                        "name": "Soup",
                        "quantity": 2,
                        "price": "3.00",
                        "modifiers": {"salt": False},
                        "notes": None,
                        "status": "PENDING",
                    }
                ],
            }
        ],
        "changes": [
            {
                "changed_at": time(ann.changes.get().changed_at),
                "before": {"special_requests": None, "preferences": {}},
                "after": {"special_requests": "window", "preferences": {"language": "de"}},
            }
        ],
    }


def test_a_query_a_table_however_often_somebody_came(as_customer):
    ann, restaurant = CustomerFactory.create(), RestaurantFactory.create()
    client, counts = as_customer(ann), []
    for _ in range(3):
        visit(ann, restaurant)
        with CaptureQueriesContext(connection) as captured:
            client.get("me/export")
        counts.append(len(captured))
    assert counts[0] == counts[1] == counts[2] <= 10


def test_ten_times_a_day(as_customer):
    client = as_customer(CustomerFactory.create())
    assert [client.get("me/export").status_code for _ in range(10)] == [200] * 10
    assert refused(client.get("me/export")) == (429, "throttled")
