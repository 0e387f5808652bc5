"""Another address is the customer's once the mail to it is answered; the one before hears of it, and log-ins end."""

from datetime import timedelta

import psycopg
import pytest
from django.db import OperationalError
from django.utils import timezone
from post_office.models import Email

from customers.models import Customer
from tests.api import created, problem, refused
from tests.factories import PASSWORD, CustomerFactory, ReservationFactory
from tests.portal.mails import delivered, queued, token

pytestmark = pytest.mark.django_db
WANTED = {"new_email": "lee@example.org", "password": PASSWORD}


@pytest.fixture
def ann(db):
    return CustomerFactory.create(email="ann@example.org", first_name="Ann", last_name="Lee")


def test_a_change(api, ann, as_customer):
    client = as_customer(ann)
    booking = ReservationFactory.create(customer_email="Lee@example.org", source="portal_guest")

    response = client.post("me/email", WANTED)
    assert (response.status_code, response.content) == (202, b"")
    assert queued() == [("ann@example.org", "email-change-asked"), ("lee@example.org", "confirm-email")]
    assert "le***@ex***.org" in Email.objects.earliest("id").message
    assert client.get("me").json()["email"] == "ann@example.org"

    response = api.post("auth/confirm-email", {"token": token()})

    assert (response.status_code, response.json()) == (
        200,
        {
            "id": ann.pk,
            "email": "lee@example.org",
            "email_verified": True,
            "first_name": "Ann",
            "last_name": "Lee",
            "phone": None,
            "created_at": created(ann),
        },
    )
    assert client.get("me").status_code == 401
    assert queued()[2:] == [("ann@example.org", "email-changed")]
    booking.refresh_from_db()
    assert booking.customer_id == ann.pk


def test_a_link_works_once(api, ann, as_customer):
    as_customer(ann).post("me/email", WANTED)
    link = token()
    assert api.post("auth/confirm-email", {"token": link}).status_code == 200
    assert refused(api.post("auth/confirm-email", {"token": link})) == (400, "link_invalid")


def test_a_new_password_stops_it(api, ann, as_customer):
    client = as_customer(ann)
    client.post("me/email", WANTED)
    link = token()
    client.post("me/password", {"password": PASSWORD, "new_password": "a new and better one"})
    assert refused(api.post("auth/confirm-email", {"token": link})) == (400, "link_invalid")
    assert Customer.objects.get().email == "ann@example.org"


@pytest.mark.parametrize("email", ["lee@example.org", "LEE@EXAMPLE.ORG"])
def test_an_address_that_somebody_has(api, ann, as_customer, email):
    CustomerFactory.create(email=email)
    client = as_customer(ann)

    for _ in range(2):
        response = client.post("me/email", WANTED)
        assert (response.status_code, response.content) == (202, b"")

    assert queued() == [
        ("ann@example.org", "email-change-asked"),
        ("lee@example.org", "email-taken"),
        ("ann@example.org", "email-change-asked"),
    ]


def test_an_address_that_somebody_got_meanwhile(api, ann, as_customer):
    as_customer(ann).post("me/email", WANTED)
    CustomerFactory.create(email="Lee@example.org")

    assert problem(api.post("auth/confirm-email", {"token": token()})) == {
        "type": "/api/v1/problems#email_taken",
        "title": "This address belongs to another account",
        "status": 409,
        "detail": "",
        "code": "email_taken",
        "errors": [],
    }
    ann.refresh_from_db()
    assert ann.email == "ann@example.org"


def test_a_person_whom_somebody_else_is_writing(api, ann, as_customer, monkeypatch):
    as_customer(ann).post("me/email", WANTED)

    def busy(*args, **kwargs):
        raise OperationalError from psycopg.errors.LockNotAvailable()

    monkeypatch.setattr(Customer, "save", busy)
    response = api.post("auth/confirm-email", {"token": token()})
    assert (refused(response), response["Retry-After"]) == ((503, "try_again"), "2")


@pytest.mark.parametrize(
    ("changes", "field", "code"),
    [
        ({"password": "wrong"}, "password", "wrong"),
        ({"new_email": "Ann@example.org"}, "new_email", "unchanged"),
        ({"new_email": "lee"}, "new_email", "invalid"),
        ({"new_email": "x@anonymised.invalid"}, "new_email", "invalid"),
    ],
)
def test_what_is_refused(ann, as_customer, changes, field, code):
    body = problem(as_customer(ann).post("me/email", {**WANTED, **changes}))
    assert (body["status"], [(error["field"], error["code"]) for error in body["errors"]]) == (400, [(field, code)])
    assert queued() == []


def test_whoever_is_gone_gets_no_link(ann, as_customer):
    as_customer(ann).post("me/email", WANTED)
    Customer.objects.update(is_active=False)
    assert delivered() is None


def test_the_mails_of_what_is_booked_ahead_go_to_the_new_address(api, ann, as_customer):
    soon = (timezone.now() + timedelta(days=3)).replace(hour=0, minute=0, second=0, microsecond=0)
    mine = {"customer": ann, "reservation_date": soon}
    ahead = ReservationFactory.create(customer_email="Ann@example.org", **mine)
    others = [
        ReservationFactory.create(customer_email="friend@example.org", **mine),
        ReservationFactory.create(customer_email="ann@example.org", **{**mine, "status": "CANCELLED"}),
        ReservationFactory.create(customer_email="ann@example.org", customer=ann),
    ]
    as_customer(ann).post("me/email", WANTED)
    api.post("auth/confirm-email", {"token": token()})

    ahead.refresh_from_db()
    assert ahead.customer_email == "lee@example.org"
    for each in others:
        before = each.customer_email
        each.refresh_from_db()
        assert each.customer_email == before
