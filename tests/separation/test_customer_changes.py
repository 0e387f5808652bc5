"""What the old application changes of a customer is noted, too, as another application's; and nothing that is moved."""

import pytest
from django.db import connection

from customers.models import Customer, CustomerChange
from customers.services import customer_update
from tests.separation.engine import move, query, take_back
from tests.separation.old_application import application_role, old_application

pytestmark = pytest.mark.engine


def test_the_old_applications_changes_are_noted_as_its_own(legacy_database) -> None:
    name = legacy_database("plain", adopted=True).name
    move(connection)
    assert CustomerChange.objects.count() == 0
    customer = Customer.objects.filter(is_active=True).earliest("pk")
    phone = customer.phone
    with application_role(name) as role, old_application(name, role) as old:
        old.execute("UPDATE users SET phone = '4711', updated_at = now() WHERE id = %s", [customer.pk])
    customer_update(customer=customer, changes={"phone": "4712"})

    noted = CustomerChange.objects.order_by("pk").values_list(
        "customer_id", "about", "changed_by", "indirect", "before", "after"
    )
    assert list(noted) == [
        (customer.pk, "account", "", True, {"phone": phone}, {"phone": "4711"}),
        (customer.pk, "account", "customer", False, {"phone": "4711"}, {"phone": "4712"}),
    ]
    assert query(connection, "SELECT phone FROM users WHERE id = %s", [customer.pk]) == [("4712",)]

    take_back(connection)

    assert CustomerChange.objects.count() == 0
