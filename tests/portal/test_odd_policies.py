"""What SQL wrote into a policy past its form keeps nobody from anything: what can be read is read, else a fallback."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.conf import settings
from django.test import Client
from django.utils import timezone

from accounts.models import User
from config.delivery import deliver
from customers.models import Customer
from portal.docs import document
from reservations import mails
from reservations.models import BookingPolicy, BookingTerms, Reservation
from reservations.terms import policy_of, terms_from
from tests.api import Api
from tests.backoffice.staff_api import as_staff
from tests.factories import BookingPolicyFactory
from tests.portal.test_queries import ASKED
from tests.portal.world import world
from tests.smtp import SMTPServer

pytestmark = pytest.mark.django_db
FOREVER = 2**31 - 1
PAGES = (
    "reservations/reservation/",
    "reservations/reservation/day/?restaurant={}",
    "reservations/reservation/add/?restaurant={}",
    "restaurants/restaurant/{}/change/",
    "orders/order/board/?restaurant={}",
)


@pytest.mark.parametrize("name", ["", "Mars/Olympus", "Europe", "../../etc/passwd", "CEST-2", "x" * 999, "\u0130"])
def test_what_is_no_time_zone_is_taken_for_that_of_the_setting(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings, "RESTAURANT_TIME_ZONE", "Asia/Tokyo")
    assert BookingPolicy(time_zone=name).zone.key == "Asia/Tokyo"


def test_every_page_and_answer_is_there(
    as_customer: Callable[[Customer], Api], root: User, client: Client, smtp: SMTPServer
) -> None:
    here = world(1)
    restaurants = (here.restaurant, here.reservation.restaurant)
    for restaurant in restaurants:
        BookingPolicyFactory.create(restaurant=restaurant)
    BookingPolicy.objects.update(
        time_zone="Mars/Olympus",
        cancel_cutoff_minutes=FOREVER,
        change_cutoff_minutes=FOREVER,
        durations=[{"2": "?"}, 7],
    )
    # A mail about what has begun is not sent any more.
    Reservation.objects.update(reservation_date=timezone.now() + timedelta(days=30))
    booked = Reservation.objects.select_related("restaurant").get(pk=here.reservation.pk)
    terms_from(policy_of(booked.restaurant), booked).save(force_insert=True)
    assert BookingTerms.objects.get().cancel_cutoff_minutes == FOREVER

    api = as_customer(here.customer)
    reads = [path for path, operations in document()["paths"].items() if "get" in operations]
    asked = [here.address(path) + ASKED.get(path, "") for path in reads]
    asked += ["/api/v1/me/reservations?when=upcoming", "/api/v1/me/reservations?when=past", f"/booking/{here.link}"]
    assert {path: status for path in asked if (status := api.get(path).status_code) != 200} == {}
    staff = as_staff(root)
    reads = [f"/api/v1/staff/restaurants/{each.slug}/day" for each in restaurants]
    assert [staff.get(path).status_code for path in reads] == [200, 200]
    pages = [f"/admin/{page.format(each.pk)}" for page in PAGES for each in restaurants]
    assert {path: status for path in pages if (status := client.get(path).status_code) != 200} == {}
    mails.mail_cancelled(booked)
    assert deliver(at_most=9).sent == 1
