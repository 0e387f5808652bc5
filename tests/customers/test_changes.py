"""What is changed of a customer is noted: what, when, and by whom; until the customer is forgotten."""

import pytest
from django.db import connection

from customers.locks import changes_are_by, changes_unnoted
from customers.models import Customer, CustomerChange, CustomerProfile
from customers.services import customer_close, customer_update, preferences_update
from orders.forgetting import customer_forget
from reservations.services import Actor
from tests.factories import CustomerFactory, CustomerRestaurantFactory, ReservationFactory

pytestmark = pytest.mark.django_db


def noted(customer: Customer) -> list[tuple[str, str, bool, dict[str, object], dict[str, object]]]:
    rows = CustomerChange.objects.filter(customer=customer).order_by("pk")
    return [(row.about, row.changed_by, row.indirect, row.before, row.after) for row in rows]


def execute(sql: str, *given: int) -> None:
    with connection.cursor() as cursor:
        cursor.execute(sql, given)


def database_role() -> str:
    with connection.cursor() as cursor:
        cursor.execute("SELECT session_user")
        (role,) = cursor.fetchone() or ("",)
    return str(role)


def said_by_nobody() -> None:
    """Forget who wrote: each test is one transaction, and so is what is said in it."""
    changes_are_by("")


def test_what_changed_by_whom_with_its_values_before_and_after() -> None:
    customer = CustomerFactory.create(first_name="Ann", phone=None)
    link = CustomerRestaurantFactory.create(customer=customer)
    assert noted(customer) == []
    said_by_nobody()
    customer_update(customer=customer, changes={"first_name": "Anna", "phone": "123"})
    preferences_update(customer=customer, changes={"language": "de"})
    said_by_nobody()
    changes_are_by("staff 7")
    customer_close(customer=customer)
    link.notes = "window"
    link.save(update_fields=["notes"])
    said_by_nobody()
    execute("UPDATE customers SET password = 'new', last_login = now(), updated_at = now() WHERE id = %s", customer.pk)
    assert noted(customer) == [
        ("account", "customer", False, {"first_name": "Ann", "phone": None}, {"first_name": "Anna", "phone": "123"}),
        ("profile", "customer", False, {"preferences": {}}, {"preferences": {"language": "de"}}),
        ("account", "staff 7", False, {"is_active": True}, {"is_active": False}),
        ("restaurant", "staff 7", False, {"notes": None}, {"notes": "window"}),
        ("account", "", False, {"password": None}, {"password": None}),
    ]
    assert CustomerChange.objects.get(about="restaurant").restaurant_id == link.restaurant_id
    assert {row.role for row in CustomerChange.objects.all()} == {database_role()}


def test_what_changes_nothing_of_a_person_is_not_noted() -> None:
    customer = CustomerFactory.create()
    link = CustomerRestaurantFactory.create(customer=customer)
    execute("UPDATE customers SET last_login = now(), updated_at = now(), email = email")
    execute("UPDATE customer_restaurants SET visit_count = 5, updated_at = now()")
    ReservationFactory.create(customer=customer, restaurant=link.restaurant, status="COMPLETED")
    with changes_unnoted():
        execute("UPDATE customers SET password = 'the same in another form'")
    CustomerProfile.objects.create(customer=None, notes="of nobody")
    execute("UPDATE customer_profiles SET notes = 'still' WHERE customer_id IS NULL")
    assert noted(customer) == []
    assert CustomerChange.objects.count() == 0


def test_it_goes_with_the_customer_and_when_they_are_forgotten() -> None:
    customer, other = CustomerFactory.create(last_name="Quist"), CustomerFactory.create()
    customer_update(customer=customer, changes={"last_name": "Quist-Ann"})
    customer_update(customer=other, changes={"last_name": "Lee"})
    customer_forget(customer=customer, actor=Actor("staff", 7))
    assert noted(customer) == []
    execute("DELETE FROM customers WHERE id = %s", other.pk)
    assert CustomerChange.objects.count() == 0
