"""A superadmin closes accounts and opens them again; a restaurant's staff do not: no account is one restaurant's."""

import uuid
from datetime import UTC, datetime

import pytest
from django.contrib.admin.models import LogEntry
from django.utils import timezone

from customers.models import Customer, CustomerSession
from tests.factories import CustomerFactory

pytestmark = pytest.mark.django_db
LIST = "/admin/customers/customer/"


def act(browser, action, *customers):
    chosen = {"action": action, "_selected_action": [each.pk for each in customers], "index": 0}
    return browser.post(LIST, chosen, follow=True)


def test_closed_and_opened_again(as_):
    here, gone = CustomerFactory.create(), CustomerFactory.create(is_active=False, anonymized_at=timezone.now())
    session = CustomerSession.objects.create(
        id=uuid.uuid4(), customer=here, token_hash="x", family=uuid.uuid4(), expires_at=datetime(2099, 1, 1, tzinfo=UTC)
    )
    root = as_("superadmin")

    page = act(root, "close_accounts", here, gone)
    assert [str(each) for each in page.context["messages"]] == [
        "1 closed; the others were so already, or are anonymised."
    ]
    session.refresh_from_db()
    assert session.revoked_reason == "deactivated"
    assert not Customer.objects.get(pk=here.pk).is_active

    act(root, "open_accounts", here, gone)
    assert [Customer.objects.get(pk=each.pk).is_active for each in (here, gone)] == [True, False]
    assert list(LogEntry.objects.order_by("id").values_list("object_id", "change_message")) == [
        (str(here.pk), "The account was closed."),
        (str(here.pk), "The account was opened again."),
    ]


@pytest.mark.parametrize("principal", ["nobody", "staff", "manager", "owner", "admin"])
def test_nobody_else_does(as_, world, principal):
    customer = Customer.objects.get(pk=world.ours.by_label["customers.customer"])
    act(as_(principal), "close_accounts", customer)
    customer.refresh_from_db()
    assert customer.is_active


def test_the_page_of_somebody_who_is_anonymised(as_):
    gone = CustomerFactory.create(
        email="anonymised-7@anonymised.invalid",
        first_name="",
        last_name="",
        password="!",
        is_active=False,
        anonymized_at=timezone.now(),
    )
    page = as_("superadmin").get(f"{LIST}{gone.pk}/change/")
    assert page.status_code == 200
    assert f"customer {gone.pk}" in page.content.decode()
