"""Of several who change the same booking at the same instant, all having seen it as it is, one does."""

import threading
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial

import pytest
from django.db import connections
from post_office.models import Email

from config.links import link_sign
from reservations.links import claims_of
from reservations.models import Reservation
from restaurants.models import Restaurant
from tests.api import Api
from tests.factories import ReservationFactory
from tests.reservations.test_last_table import apart, place

__all__ = ["place"]
ADDRESS = "seen-by-several@example.org"
pytestmark = pytest.mark.django_db


def test_one_change_is_made_and_the_others_are_told_of_it(place: Callable[..., Restaurant]) -> None:
    restaurant, answers, paths = place(), Counter[int](), []
    gate = threading.Barrier(8)

    def book() -> None:
        day = datetime.now(UTC) + timedelta(days=30)
        made = ReservationFactory.create(
            restaurant=restaurant,
            user=restaurant.staff.get().user,
            customer_email=ADDRESS,
            reservation_date=datetime(day.year, day.month, day.day, tzinfo=UTC),
        )
        paths.append(f"guest/reservations/{link_sign('manage-booking', claims_of(made))}")

    def change(number: int, etag: str) -> None:
        gate.wait(60)
        response = Api().patch(paths[0], {"special_requests": f"wish {number}"}, headers={"If-Match": etag})
        answers[response.status_code] += 1
        connections.close_all()

    apart(book)
    etag = Api().get(paths[0])["ETag"]
    threads = [threading.Thread(target=partial(change, number, etag)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert answers == {200: 1, 412: 7}
    assert Reservation.objects.get(restaurant=restaurant).terms.sequence == 1
    apart(lambda: Email.objects.filter(to=ADDRESS).delete())
