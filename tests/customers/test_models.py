import pytest
from django.db import IntegrityError, connection

from customers.models import Customer
from tests.factories import CustomerFactory

pytestmark = pytest.mark.django_db


def test_an_email_is_unique_in_any_case() -> None:
    CustomerFactory.create(email="Ann@example.org")
    with pytest.raises(IntegrityError, match="customers_email_key"):
        CustomerFactory.create(email="ann@EXAMPLE.org")


@pytest.mark.parametrize(
    ("first", "last", "shown"),
    [("Ann", "Lee", "Ann Lee"), ("Ann", "", "Ann"), ("", "Lee", "Lee"), ("", "", "customer 7"), ("علي", "", "علي")],
)
def test_a_customer_is_called_by_what_is_known(first: str, last: str, shown: str) -> None:
    assert str(Customer(id=7, first_name=first, last_name=last)) == shown


def test_a_customer_has_nothing_of_a_staff_user() -> None:
    staff_only = {"is_staff", "is_superuser", "has_perm", "groups", "user_permissions", "is_authenticated", "role"}
    assert staff_only & set(dir(Customer)) == set()


def test_another_writer_need_name_the_email_and_the_password_alone() -> None:
    with connection.cursor() as cursor:
        cursor.execute("INSERT INTO customers (email, password) VALUES ('a@example.org', '!') RETURNING id")
        number = cursor.fetchone()[0]
        cursor.execute("INSERT INTO customer_profiles (customer_id) VALUES (%s)", [number])
        cursor.execute("SELECT abs(extract(epoch FROM created_at - (now() AT TIME ZONE 'UTC'))) < 1 FROM customers")
        assert cursor.fetchone()[0] is True
    customer = Customer.objects.get(pk=number)
    assert (customer.first_name, customer.phone, customer.is_active, customer.email_verified) == ("", None, True, False)
    assert customer.profile.preferences == {}
