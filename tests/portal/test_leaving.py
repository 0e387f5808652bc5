"""Who deactivates comes back by a link, or by staff; all is as it was."""

import pytest

from customers.models import Customer, CustomerSession
from customers.services import customer_close, customer_open
from tests.api import problem, refused
from tests.factories import PASSWORD, CustomerFactory, ReservationFactory
from tests.portal.mails import delivered, queued, token

pytestmark = pytest.mark.django_db


@pytest.fixture
def ann(db):
    return CustomerFactory.create(email="ann@example.org")


def test_a_deactivation(api, ann, as_customer):
    booking = ReservationFactory.create(customer=ann)
    client = as_customer(ann)

    response = client.post("me/deactivate", {"password": PASSWORD})

    assert (response.status_code, response.content) == (204, b"")
    assert client.get("me").status_code == 401
    assert refused(api.post("auth/login", {"email": "ann@example.org", "password": PASSWORD}))[0] == 401
    assert CustomerSession.objects.get().revoked_reason == "deactivated"
    assert queued() == [("ann@example.org", "deactivated")]
    booking.refresh_from_db()
    assert (booking.status, booking.customer_id) == ("CONFIRMED", ann.pk)

    link = token()
    assert api.post("auth/reactivate", {"token": link}).status_code == 204
    assert api.post("auth/login", {"email": "ann@example.org", "password": PASSWORD}).status_code == 200
    assert refused(api.post("auth/reactivate", {"token": link})) == (400, "link_invalid")


def test_a_wrong_password(ann, as_customer):
    body = problem(as_customer(ann).post("me/deactivate", {"password": "wrong"}))
    assert [(error["field"], error["code"]) for error in body["errors"]] == [("password", "wrong")]
    assert Customer.objects.get().is_active


def test_whoever_staff_have_deactivated_is_not_let_in_by_an_older_link(api, ann, as_customer):
    as_customer(ann).post("me/deactivate", {"password": PASSWORD})
    link = token()
    api.post("auth/reactivate", {"token": link})
    by_staff = Customer.objects.get()
    by_staff.is_active = False
    by_staff.save(update_fields=["is_active", "updated_at"])

    assert refused(api.post("auth/reactivate", {"token": link})) == (400, "link_invalid")
    api.post("auth/forgot-password", {"email": "ann@example.org"})
    assert delivered() is None


def test_a_mail_that_comes_late_undoes_nothing_that_staff_did_since(ann, as_customer):
    as_customer(ann).post("me/deactivate", {"password": PASSWORD})
    customer_open(customer=ann)
    customer_close(customer=ann)
    assert delivered() is None
