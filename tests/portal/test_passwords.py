"""A password is changed by the one before it, or by the mail of the address; other log-ins end with it."""

import pytest

from customers.models import Customer, CustomerSession
from customers.passwords import customer_check_password
from tests.api import problem, refused
from tests.factories import PASSWORD, CustomerFactory, ReservationFactory
from tests.portal.mails import delivered, queued, token

pytestmark = pytest.mark.django_db
NEW = "a new and better one"


@pytest.fixture
def ann(db):
    return CustomerFactory.create(email="ann@example.org", first_name="Ann", last_name="Lee", email_verified=True)


def opens(customer, password):
    return customer_check_password(customer=Customer.objects.get(pk=customer.pk), raw_password=password)


def live(customer):
    return CustomerSession.objects.filter(customer=customer, revoked_at=None).count()


def test_a_change_ends_every_other_log_in(ann, as_customer):
    here, there = as_customer(ann), as_customer(ann)

    response = here.post("me/password", {"password": PASSWORD, "new_password": NEW})

    assert (response.status_code, response.content) == (204, b"")
    assert (opens(ann, NEW), opens(ann, PASSWORD)) == (True, False)
    assert [client.get("me").status_code for client in (here, there)] == [200, 401]
    assert queued() == [("ann@example.org", "password-changed")]


@pytest.mark.parametrize(
    ("body", "errors"),
    [
        ({"password": "wrong", "new_password": NEW}, [("password", "wrong")]),
        ({"password": f" {PASSWORD}", "new_password": NEW}, [("password", "wrong")]),
        ({"password": PASSWORD, "new_password": "ann@example"}, [("new_password", "password_too_similar")]),
        (
            {"password": PASSWORD, "new_password": "1234567"},
            [
                ("new_password", "password_too_short"),
                ("new_password", "password_too_common"),
                ("new_password", "password_entirely_numeric"),
            ],
        ),
        ({}, [("password", "required"), ("new_password", "required")]),
    ],
)
def test_what_is_refused(ann, as_customer, body, errors):
    response = problem(as_customer(ann).post("me/password", body))

    assert (response["status"], response["code"]) == (400, "invalid")
    assert [(error["field"], error["code"]) for error in response["errors"]] == errors
    assert opens(ann, PASSWORD)
    assert queued() == []


def test_a_password_is_tried_ten_times_an_hour(ann, as_customer):
    client = as_customer(ann)
    answers = [client.post("me/password", {"password": "wrong", "new_password": NEW}) for _ in range(11)]
    assert [answer.status_code for answer in answers] == [400] * 10 + [429]
    assert refused(client.post("me/email", {"password": PASSWORD, "new_email": "x@example.org"})) == (429, "throttled")


def test_a_password_that_was_changed_meanwhile_proves_nothing(ann, as_customer, monkeypatch):
    client = as_customer(ann)

    def checked(**given):
        Customer.objects.filter(pk=ann.pk).update(password="!changed")
        return True

    monkeypatch.setattr("customers.services.customer_check_password", checked)
    body = problem(client.post("me/password", {"password": PASSWORD, "new_password": NEW}))
    assert [error["code"] for error in body["errors"]] == ["wrong"]
    assert Customer.objects.get().password == "!changed"


def test_a_forgotten_password(api, ann, as_customer):
    as_customer(ann)
    assert api.post("auth/forgot-password", {"email": "ann@example.org"}).status_code == 202

    response = api.post("auth/reset-password", {"token": token(), "new_password": NEW})

    assert (response.status_code, response.content) == (204, b"")
    assert (opens(ann, NEW), opens(ann, PASSWORD), live(ann)) == (True, False, 0)
    assert queued() == [("ann@example.org", "reset-password"), ("ann@example.org", "password-changed")]


def test_a_link_works_once_and_not_after_another_change(api, ann, as_customer):
    api.post("auth/forgot-password", {"email": "ann@example.org"})
    first = token()
    assert api.post("auth/reset-password", {"token": first, "new_password": NEW}).status_code == 204
    api.post("auth/forgot-password", {"email": "ann@example.org"})
    second = token()
    as_customer(Customer.objects.get()).post("me/password", {"password": NEW, "new_password": PASSWORD})

    for link in (first, second):
        assert refused(api.post("auth/reset-password", {"token": link, "new_password": NEW})) == (400, "link_invalid")
    assert opens(ann, PASSWORD)


def test_a_link_holds_for_an_hour(api, ann, settings, monkeypatch):
    api.post("auth/forgot-password", {"email": "ann@example.org"})
    link = token()
    monkeypatch.setattr("django.core.signing.time.time", lambda: __import__("time").monotonic() + 4e9)
    assert refused(api.post("auth/reset-password", {"token": link, "new_password": NEW})) == (400, "link_expired")


def test_a_link_is_not_used_up_by_a_password_that_is_refused(api, ann):
    api.post("auth/forgot-password", {"email": "ann@example.org"})
    body = problem(api.post("auth/reset-password", {"token": token(), "new_password": "short"}))
    assert [(error["field"], error["code"]) for error in body["errors"]] == [("new_password", "password_too_short")]
    assert api.post("auth/reset-password", {"token": token(), "new_password": NEW}).status_code == 204


def test_whoever_registered_with_somebody_s_address_is_out_once_its_owner_sets_a_password(api, ann, as_customer):
    """What was booked with the address, and what comes later, is the owner's."""
    Customer.objects.filter(pk=ann.pk).update(email_verified=False)
    squatter = as_customer(ann)
    booking = ReservationFactory.create(customer_email="ann@example.org", source="portal_guest")
    api.post("auth/forgot-password", {"email": "ann@example.org"})

    api.post("auth/reset-password", {"token": token(), "new_password": NEW})

    ann.refresh_from_db()
    booking.refresh_from_db()
    assert (ann.email_verified, booking.customer_id) == (True, ann.pk)
    assert squatter.get("me").status_code == 401
    assert not opens(ann, PASSWORD)


def test_whoever_is_deactivated_gets_no_link(api, ann):
    api.post("auth/forgot-password", {"email": "ann@example.org"})
    link = token()
    Customer.objects.update(is_active=False)
    assert delivered() is None
    assert refused(api.post("auth/reset-password", {"token": link, "new_password": NEW})) == (400, "link_invalid")
