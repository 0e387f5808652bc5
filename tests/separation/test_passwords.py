"""Customers' passwords are bcrypt while the old application reads them, Argon2id afterwards; staff's stay bcrypt."""

import pytest
from django.contrib.auth.hashers import make_password

from accounts.models import User
from customers.models import Customer
from customers.passwords import customer_check_password, customer_set_password
from separation.models import Phase

pytestmark = pytest.mark.django_db


@pytest.fixture
def customer():
    return Customer.objects.create(email="ada@example.org", password=make_password("lovelace 1815", hasher="bcrypt"))


def stored(customer):
    return Customer.objects.get(pk=customer.pk).password


@pytest.mark.parametrize("phase", ["legacy", "cleaning"])
def test_until_clean_up_is_done_new_passwords_are_bcrypt_and_none_is_renewed(customer, phase):
    Phase.objects.update(name=phase)
    before = stored(customer)

    assert customer_check_password(customer=customer, raw_password="lovelace 1815")
    assert stored(customer) == before

    customer_set_password(customer=customer, raw_password="another 1852")
    assert stored(customer).startswith("bcrypt$$2b$")
    assert customer_check_password(customer=customer, raw_password="another 1852")


def test_after_it_a_log_in_makes_them_argon2id(customer):
    Phase.objects.update(name="separated")

    assert customer_check_password(customer=customer, raw_password="lovelace 1815")

    assert stored(customer).startswith("argon2$argon2id$")


def test_the_password_of_staff_stays_bcrypt():
    Phase.objects.update(name="separated")
    user = User.objects.create_user("staff@example.org", "grace 1906")

    assert user.check_password("grace 1906")

    assert User.objects.get(pk=user.pk).password.startswith("bcrypt$$2b$")
