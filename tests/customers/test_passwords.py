"""A customer's password is Argon2id, also one that came along as bcrypt, once its customer has logged in."""

import pytest
from django.contrib.auth.hashers import make_password

from customers.models import Customer
from customers.passwords import customer_check_password, customer_set_password

pytestmark = pytest.mark.django_db


# separation: begin
@pytest.fixture(autouse=True)
def alone(settings):
    settings.SEPARATION_PLUGINS = {}


# separation: end


@pytest.fixture
def customer():
    return Customer.objects.create(email="ada@example.org", password=make_password("lovelace 1815", hasher="bcrypt"))


def kind(customer):
    return Customer.objects.get(pk=customer.pk).password[:15]


def test_a_log_in_makes_it_argon2id(customer):
    assert not customer_check_password(customer=customer, raw_password="wrong")
    assert kind(customer).startswith("bcrypt$$2b$")

    assert customer_check_password(customer=customer, raw_password="lovelace 1815")
    assert kind(customer) == "argon2$argon2id"
    renewed = customer.password
    assert customer_check_password(customer=Customer.objects.get(pk=customer.pk), raw_password="lovelace 1815")
    assert Customer.objects.get(pk=customer.pk).password == renewed


def test_new_passwords_are_argon2id(customer):
    customer_set_password(customer=customer, raw_password="another 1852")

    assert kind(customer) == "argon2$argon2id"
    assert not customer_check_password(customer=customer, raw_password="lovelace 1815")
    assert customer_check_password(customer=customer, raw_password="another 1852")


def test_a_password_changed_at_the_same_moment_stays(customer):
    Customer.objects.filter(pk=customer.pk).update(password="!changed")

    assert customer_check_password(customer=customer, raw_password="lovelace 1815")

    assert Customer.objects.get(pk=customer.pk).password == "!changed"


@pytest.mark.parametrize("stored", ["!", "", "MIGRATED_TO_CUSTOMERS_TABLE", "bcrypt$$2b$10$damaged"])
def test_what_is_no_hash_opens_nothing(customer, stored):
    Customer.objects.filter(pk=customer.pk).update(password=stored)
    customer.refresh_from_db()

    assert not customer_check_password(customer=customer, raw_password="lovelace 1815")
    assert not customer_check_password(customer=customer, raw_password="")
