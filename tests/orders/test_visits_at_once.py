"""Of two who complete bookings of one customer at one restaurant at the same time, the second counts both."""

import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connection

from customers.models import CustomerRestaurant
from tests.factories import CustomerFactory, ReservationFactory, RestaurantFactory

pytestmark = pytest.mark.django_db(transaction=True)

COMPLETE = "UPDATE reservations SET status = 'COMPLETED' WHERE id = %s"
WAITS = "SELECT count(*) FROM pg_stat_activity WHERE pid = %s AND wait_event_type = 'Lock'"


@pytest.fixture
def sessions() -> Iterator[list[Any]]:
    """Two sessions of other applications, with a transaction each."""
    opened = [connection.get_new_connection(connection.get_connection_params()) for _ in range(2)]
    for each in opened:
        each.autocommit = False
    yield opened
    for each in opened:
        each.close()


def waits(session: Any) -> bool:
    with connection.cursor() as cursor:
        cursor.execute(WAITS, [session.info.backend_pid])
        return bool(cursor.fetchone() == (1,))


def test_the_second_waits_and_counts_both(sessions):
    one, other = sessions
    customer, restaurant = CustomerFactory.create(), RestaurantFactory.create()
    booked = [ReservationFactory.create(customer=customer, restaurant=restaurant) for _ in range(2)]
    one.execute(COMPLETE, [booked[0].pk])

    second = threading.Thread(target=lambda: (other.execute(COMPLETE, [booked[1].pk]), other.commit()))
    second.start()
    while not waits(other):
        assert second.is_alive()
        time.sleep(0.01)
    one.commit()
    second.join()

    assert CustomerRestaurant.objects.get().visit_count == 2
