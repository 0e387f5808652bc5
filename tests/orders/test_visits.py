"""What a restaurant knows of a customer's visits and spend stays right, whoever writes reservations and orders."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest
from django.db import connection

from customers.models import CustomerRestaurant
from orders.models import Order
from reservations.models import Reservation
from tests.factories import (
    CustomerFactory,
    CustomerRestaurantFactory,
    OrderFactory,
    ReservationFactory,
    RestaurantFactory,
)

pytestmark = pytest.mark.django_db

MAY, JUNE, JULY = (datetime(2026, month, 1, tzinfo=UTC) for month in (5, 6, 7))
NOTHING = (None, None, 0, Decimal(0))


@pytest.fixture
def customer():
    return CustomerFactory.create()


@pytest.fixture
def restaurant():
    return RestaurantFactory.create()


@pytest.fixture
def book(customer, restaurant):
    def reservation(status="COMPLETED", **columns):
        return ReservationFactory.create(**{"customer": customer, "restaurant": restaurant, "status": status} | columns)

    return reservation


@pytest.fixture
def order(customer, restaurant):
    def made(status="COMPLETED", created_at=JUNE, **columns):
        order = OrderFactory.create(**{"customer": customer, "restaurant": restaurant, "status": status} | columns)
        Order.objects.filter(pk=order.pk).update(created_at=created_at)
        return order

    return made


def known(customer):
    """What restaurants know of a customer: first and last visit, visits, spend by restaurant."""
    columns = ("restaurant_id", "first_visit", "last_visit", "visit_count", "total_spent")
    found = CustomerRestaurant.objects.filter(customer=customer).values_list(*columns)
    return {restaurant: tuple(figures) for restaurant, *figures in found}


def test_a_first_booking_makes_the_restaurant_know_the_customer(customer, restaurant, book):
    book("CONFIRMED")

    assert known(customer) == {restaurant.pk: NOTHING}


def test_completed_reservations_are_visits(customer, restaurant, book):
    first, second, third = (book("CONFIRMED", reservation_date=day) for day in (JULY, MAY, JUNE))

    Reservation.objects.filter(pk__in=[first.pk, second.pk]).update(status="COMPLETED")
    assert known(customer) == {restaurant.pk: (MAY, JULY, 2, Decimal(0))}

    Reservation.objects.filter(pk=third.pk).update(status="NO_SHOW")
    assert known(customer) == {restaurant.pk: (MAY, JULY, 2, Decimal(0))}

    Reservation.objects.filter(pk=second.pk).update(status="CANCELLED")
    assert known(customer) == {restaurant.pk: (JULY, JULY, 1, Decimal(0))}

    Reservation.objects.filter(pk=first.pk).update(reservation_date=JUNE)
    assert known(customer) == {restaurant.pk: (JUNE, JUNE, 1, Decimal(0))}


def test_completed_orders_are_spend_and_visits_unless_tied_to_one(customer, restaurant, book, order):
    table = book(reservation_date=MAY)
    order(reservation=table, total_amount="80.10")
    assert known(customer) == {restaurant.pk: (MAY, MAY, 1, Decimal("80.10"))}

    order("NEW", total_amount="99.00")
    take_out = order(total_amount="19.90", created_at=JULY)
    assert known(customer) == {restaurant.pk: (MAY, JULY, 2, Decimal("100.00"))}

    Reservation.objects.filter(pk=table.pk).update(status="NO_SHOW")
    assert known(customer) == {restaurant.pk: (JUNE, JULY, 2, Decimal("100.00"))}

    Order.objects.filter(pk=take_out.pk).update(total_amount=None)
    assert known(customer) == {restaurant.pk: (JUNE, JULY, 2, Decimal("80.10"))}


def test_an_order_may_be_elsewhere_and_of_another_than_its_reservation(customer, restaurant, book):
    other = CustomerFactory.create()
    table = book("CONFIRMED")
    OrderFactory.create(
        customer=other, reservation=table, status="COMPLETED", total_amount="10.00", restaurant=restaurant
    )
    assert known(other)[restaurant.pk][2:] == (1, Decimal("10.00"))

    Reservation.objects.filter(pk=table.pk).update(status="COMPLETED")

    assert known(other) == {restaurant.pk: (None, None, 0, Decimal("10.00"))}
    assert known(customer)[restaurant.pk][2] == 1


def test_a_booking_given_to_somebody_else_leaves_nothing_behind(customer, restaurant, book):
    table, other = book(reservation_date=MAY), CustomerFactory.create()

    Reservation.objects.filter(pk=table.pk).update(customer=other)
    assert known(customer) == {}
    assert known(other) == {restaurant.pk: (MAY, MAY, 1, Decimal(0))}

    elsewhere = RestaurantFactory.create()
    Reservation.objects.filter(pk=table.pk).update(restaurant=elsewhere)
    assert known(other) == {elsewhere.pk: (MAY, MAY, 1, Decimal(0))}


def test_a_link_that_somebody_wrote_on_outlives_its_bookings(customer, restaurant, book, order):
    CustomerRestaurantFactory.create(customer=customer, restaurant=restaurant, notes="likes the window")
    book()
    order()
    assert known(customer)[restaurant.pk][2:] == (2, Decimal("12.50"))

    Order.objects.all().delete()
    Reservation.objects.all().delete()

    assert known(customer) == {restaurant.pk: NOTHING}
    assert CustomerRestaurant.objects.get().notes == "likes the window"


def test_a_statement_over_many_rows_counts_each(customer, restaurant, book):
    others = CustomerFactory.create_batch(3)
    for guest in (customer, *others, customer):
        book("CONFIRMED", customer=guest)
    book("CONFIRMED", customer=None)

    Reservation.objects.update(status="COMPLETED")

    assert known(customer)[restaurant.pk][2] == 2
    assert [known(other)[restaurant.pk][2] for other in others] == [1, 1, 1]
    assert CustomerRestaurant.objects.count() == 4


def test_what_does_not_count_writes_nothing(customer, book, order):
    book("CONFIRMED")
    order("NEW")
    CustomerRestaurant.objects.update(visit_count=77)

    Reservation.objects.update(notes="by the window", reservation_date=JULY, status="CANCELLED")
    Order.objects.update(notes="no onions", total_amount="1.00", status="CANCELLED")
    book("CONFIRMED")

    assert CustomerRestaurant.objects.get().visit_count == 77


def test_a_restaurant_that_goes_takes_its_links_along(customer, restaurant, book, order):
    order(reservation=book())
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM restaurants")

    assert known(customer) == {}


def test_figures_that_were_wrong_are_brought_into_step_on_request(customer, restaurant, book):
    book(reservation_date=MAY)
    stays = CustomerRestaurantFactory.create(customer=customer)
    CustomerRestaurant.objects.filter(restaurant=restaurant).update(visit_count=5, total_spent=3)

    with connection.cursor() as cursor:
        cursor.execute("SELECT customer_visits_again(%s, %s)", [customer.pk, customer.pk])
        assert cursor.fetchone() == (1,)
        cursor.execute("SELECT customer_visits_again(%s, %s)", [customer.pk, customer.pk])
        assert cursor.fetchone() == (0,)

    assert known(customer) == {restaurant.pk: (MAY, MAY, 1, Decimal(0)), stays.restaurant_id: NOTHING}
