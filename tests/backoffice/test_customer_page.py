"""The page of a customer: what is shown, and what may be changed."""

import re
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from django.db import connection
from django.test import Client
from django.utils.html import strip_tags

from accounts.models import User
from customers.models import Customer
from tests.factories import (
    PASSWORD_HASH,
    CustomerFactory,
    CustomerRestaurantFactory,
    OrderFactory,
    ReservationFactory,
    RestaurantFactory,
    UserFactory,
    staff_of,
)

pytestmark = pytest.mark.django_db


def panels(client: Client, customer: Customer) -> dict[str, list[str]]:
    """Return the words of each panel of the page, by its title."""
    page = client.get(f"/admin/customers/customer/{customer.pk}/change/")
    text = "\n".join(page.context["panels"])
    found = {}
    for part in text.split("<h2")[1:]:
        words = [line.strip() for line in strip_tags("<h2" + part).splitlines() if line.strip()]
        found[words[0]] = words[1:]
    return found


def test_the_latest_20_of_reservations_and_orders_with_the_way_to_all(client: Client, root: User) -> None:
    customer, place = CustomerFactory.create(), RestaurantFactory.create(name="Here")
    for day in range(1, 24):
        ReservationFactory.create(
            customer=customer, restaurant=place, reservation_date=datetime(2026, 5, day, tzinfo=UTC)
        )
        OrderFactory.create(customer=customer, restaurant=place)
    found = panels(client, customer)
    assert re.findall(r"2026-05-\d\d", " ".join(found["Reservations"])) == [
        f"2026-05-{day:02}" for day in range(23, 3, -1)
    ]
    assert found["Reservations"][-1] == found["Orders"][-1] == "The latest 20 of 23: show all"
    for page in ("reservations/reservation", "orders/order"):
        rows = client.get(f"/admin/{page}/?customer__id__exact={customer.pk}").context["cl"].result_list
        assert len(rows) == 23


def test_what_may_be_changed_is_changed_and_nothing_else(client: Client, root: User) -> None:
    place = RestaurantFactory.create()
    customer = CustomerFactory.create(id=UserFactory.create().pk)
    link = CustomerRestaurantFactory.create(customer=customer, restaurant=place, visit_count=3, total_spent="9.50")
    client.force_login(staff_of(place, "MANAGER"))
    with connection.cursor() as cursor:
        query = "SELECT c.xmin::text || c::text || u.xmin::text || u::text FROM customers c JOIN users u USING (id)"
        cursor.execute(query)
        before = cursor.fetchall()
        answer = client.post(
            f"/admin/customers/customer/{customer.pk}/change/",
            {
                "email": "forged@example.org",
                "password": "forged",
                "first_name": "Forged",
                "is_active": "",
                "restaurants-TOTAL_FORMS": 1,
                "restaurants-INITIAL_FORMS": 1,
                "restaurants-0-id": link.pk,
                "restaurants-0-customer": customer.pk,
                "restaurants-0-notes": "window seat",
                "restaurants-0-vip_status": "on",
                "restaurants-0-visit_count": 99,
                "restaurants-0-total_spent": 99,
                "profile-TOTAL_FORMS": 1,
                "profile-INITIAL_FORMS": 1,
                "profile-0-id": customer.profile.pk,
                "profile-0-customer": customer.pk,
                "profile-0-dietary_restrictions": "no nuts",
                "profile-0-birthday": "1990-05-01",
            },
        )
        assert answer.status_code == 302
        cursor.execute(query)
        assert cursor.fetchall() == before
    link.refresh_from_db()
    profile = Customer.objects.get(pk=customer.pk).profile
    assert (link.notes, link.vip_status, link.visit_count, link.total_spent) == (
        "window seat",
        True,
        3,
        Decimal("9.50"),
    )
    assert (profile.dietary_restrictions, str(profile.birthday)) == ("no nuts", "1990-05-01")
    customer.refresh_from_db()
    assert customer.password == PASSWORD_HASH


def test_a_customer_is_called_and_written_to_from_the_page(client: Client, root: User) -> None:
    page = f"/admin/customers/customer/{CustomerFactory.create(email='a@b.example', phone='+49 (30) 12').pk}/change/"
    text = client.get(page).content.decode()
    assert all(address in text for address in ('href="mailto:a@b.example"', 'href="tel:+493012"'))
    Customer.objects.update(phone="ask Ann", anonymized_at=datetime(2026, 1, 1, tzinfo=UTC))
    text = client.get(page).content.decode()
    assert ("mailto:" in text, "tel:" in text, "ask Ann" in text) == (False, False, True)
