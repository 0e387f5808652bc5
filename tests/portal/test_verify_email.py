"""A link of a mail proves an address, once; what was booked with it joins the account then, and not before."""

import pytest
from django.db import connection

from customers.models import Customer
from reservations.guests import guest_bookings
from reservations.models import BookingLog
from tests.api import created, problem, refused
from tests.factories import CustomerFactory, ReservationFactory
from tests.portal.mails import delivered, queued, token

pytestmark = pytest.mark.django_db
INVALID = (400, "link_invalid")


@pytest.fixture
def ann(api):
    ann = CustomerFactory.create(email="ann@example.org", first_name="Ann", last_name="Lee")
    api.post("auth/resend-verification", {"email": "ann@example.org"})
    return ann


def test_a_proof(api, ann):
    response = api.post("auth/verify-email", {"token": token()})

    assert (response.status_code, response.json()) == (
        200,
        {
            "id": ann.pk,
            "email": "ann@example.org",
            "email_verified": True,
            "first_name": "Ann",
            "last_name": "Lee",
            "phone": None,
            "created_at": created(ann),
        },
    )
    ann.refresh_from_db()
    assert ann.email_verified
    assert ann.email_verified_at is not None
    assert queued() == [("ann@example.org", "verify-email"), ("ann@example.org", "welcome")]


def test_a_link_works_once(api, ann):
    link = token()
    assert api.post("auth/verify-email", {"token": link}).status_code == 200
    assert problem(api.post("auth/verify-email", {"token": link})) == {
        "type": "/api/v1/problems#link_invalid",
        "title": "Link not valid",
        "status": 400,
        "detail": "",
        "code": "link_invalid",
        "errors": [],
    }
    assert delivered(0) is None


@pytest.mark.parametrize("columns", [{"email": "other@example.org"}, {"is_active": False}])
def test_a_link_ends_with_what_it_was_for(api, ann, columns):
    link = token()
    Customer.objects.filter(pk=ann.pk).update(**columns)
    assert refused(api.post("auth/verify-email", {"token": link})) == INVALID
    assert delivered(0) is None


@pytest.mark.parametrize("wrong", ["x", "a.b.c", "\N{SNOWMAN}"])
def test_what_is_no_link(api, wrong):
    assert refused(api.post("auth/verify-email", {"token": wrong})) == INVALID


def test_a_link_of_another_kind_or_changed(api, ann):
    api.post("auth/forgot-password", {"email": "ann@example.org"})
    assert refused(api.post("auth/verify-email", {"token": token()})) == INVALID
    assert refused(api.post("auth/verify-email", {"token": token(0)[:-1] + "_"})) == INVALID


def test_guest_bookings_join_the_account_when_the_address_is_proved(api, ann):
    mine = ReservationFactory.create(customer_email="Ann@Example.org", source="portal_guest")
    others = [
        ReservationFactory.create(customer_email="ann@example.org", source="website"),
        ReservationFactory.create(customer_email="anna@example.org", source="portal_guest"),
        ReservationFactory.create(
            customer_email="ann@example.org", source="portal_guest", customer=CustomerFactory.create()
        ),
    ]
    before = [each.customer_id for each in others]
    mine.refresh_from_db()
    assert mine.customer_id is None

    api.post("auth/verify-email", {"token": token()})

    mine.refresh_from_db()
    assert mine.customer_id == ann.pk
    (log,) = BookingLog.objects.all()
    assert (log.reservation_id, log.action, log.actor_kind, log.actor_id) == (mine.pk, "changed", "customer", ann.pk)
    assert (log.before, log.after) == ({"customer_id": None}, {"customer_id": ann.pk})
    for each in others:
        each.refresh_from_db()
    assert [each.customer_id for each in others] == before


def test_an_empty_body(api):
    assert problem(api.post("auth/verify-email", {}))["errors"] == [
        {"field": "token", "code": "required", "message": "This field is required."}
    ]


def test_guest_bookings_are_found_by_an_index(ann):
    """In a table of millions, of which few are guests'."""
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
    assert "reservations_guest_email_idx" in guest_bookings(email="ann@example.org").explain()
