"""The page of a customer: where the customer came from."""

from datetime import UTC, datetime
from typing import Any

import pytest
from django.test import Client, override_settings

from accounts.models import User
from customers.models import Customer
from separation.models import Chunk, Merge
from tests.backoffice.test_customer_page import panels
from tests.factories import (
    ChunkFactory,
    CustomerFactory,
    CustomerRestaurantFactory,
    FindingFactory,
    RestaurantFactory,
    RunFactory,
    UserFactory,
    staff_of,
)

pytestmark = pytest.mark.django_db

WHEN = datetime(2024, 3, 1, 12, 0, 0, 123000, tzinfo=UTC)


def moved(**differences: Any) -> Customer:
    """Make a customer and the legacy row they came from; DIFFERENCES are the legacy row's."""
    user = UserFactory.create(email="ann@example.org", name="Ann Lee", phone="1", is_customer=True)
    customer = CustomerFactory.create(id=user.pk, email="ann@example.org", first_name="Ann", last_name="Lee", phone="1")
    for model, row in ((User, user), (Customer, customer)):
        model.objects.filter(pk=row.pk).update(created_at=WHEN, updated_at=WHEN)
    User.objects.filter(pk=user.pk).update(**differences)
    return customer


def compared(client: Client, customer: Customer) -> dict[str, str]:
    """Return for each column whether both rows have the same."""
    words = panels(client, customer)["Legacy row beside it"][4:-1]
    return {words[at]: words[at + 3] for at in range(0, len(words), 4)}


def test_where_a_customer_came_from(client: Client, root: User) -> None:
    customer = moved()
    run = RunFactory.create(operator="ann@host pid 7")
    ChunkFactory.create(run=run, first_id=customer.pk - 5, last_id=customer.pk + 5, moved_at=WHEN)
    assert panels(client, customer)["Where this customer came from"] == [
        *("What", "Value", "Run", f"run {run.pk} (execute, done)"),
        *("Chunk", f"users {customer.pk - 5} to {customer.pk + 5} (linked)"),
        *("Moved at (UTC)", "2024-03-01 12:00", "By", "ann@host pid 7"),
    ]
    row = client.get("/admin/customers/customer/").content.decode()
    assert "moved 2024-03-01 12:00" in row


def test_a_customer_who_registered_came_from_nowhere(client: Client, root: User) -> None:
    ChunkFactory.create(first_id=1, last_id=2, state="linked")
    customer = CustomerFactory.create(id=900_000)
    found = panels(client, customer)
    assert found["Where this customer came from"] == ["Registered here; no run moved them."]
    assert found["Legacy row"] == ["There is no row with this number in users."]
    assert found["Findings"] == ["Nothing about this customer has to be looked at."]
    assert "registered" in client.get("/admin/customers/customer/").content.decode()


def test_a_chunk_that_failed_moved_nobody(client: Client, root: User) -> None:
    customer = moved()
    ChunkFactory.create(first_id=customer.pk, last_id=customer.pk, state="failed")
    assert panels(client, customer)["Where this customer came from"] == ["Registered here; no run moved them."]


def test_a_merge_is_shown(client: Client, root: User) -> None:
    customer = moved()
    Merge.objects.create(user_id=4711, customer_id=customer.pk)
    assert panels(client, customer)["Where this customer came from"] == [
        *("What", "Value", "Merged into this customer", "user 4711")
    ]


@pytest.mark.parametrize(
    ("differences", "different"),
    [
        ({}, set()),
        ({"name": "  Ann \t Lee\n"}, set()),
        ({"email": " ann@example.org\n"}, set()),
        ({"email": "Ann@example.org"}, {"email"}),
        ({"name": "Ann B. Lee"}, {"name"}),
        ({"name": None}, {"name"}),
        ({"phone": None}, {"phone"}),
        ({"phone": "2"}, {"phone"}),
        ({"created_at": datetime(2024, 3, 1, 12, 0, 0, 124000, tzinfo=UTC)}, {"created_at"}),
        ({"updated_at": datetime(2025, 3, 1, tzinfo=UTC)}, {"updated_at"}),
    ],
)
def test_the_legacy_row_beside_it_marks_what_differs(
    client: Client, root: User, differences: dict[str, Any], different: set[str]
) -> None:
    found = compared(client, moved(**differences))
    assert list(found) == ["id", "email", "name", "phone", "created_at", "updated_at"]
    assert {column for column, verdict in found.items() if verdict != "same"} == different
    assert set(found.values()) <= {"same", "different"}


def test_findings_about_the_person_are_linked(client: Client, root: User) -> None:
    customer = moved()
    finding = FindingFactory.create(kind="needs_password_reset", row_id=customer.pk)
    FindingFactory.create(kind="orphan", table_name="orders", row_id=customer.pk)
    words = panels(client, customer)["Findings"]
    assert words[3:5] == ["needs a password reset", "open"]
    assert len(words) == 6
    page = client.get(f"/admin/customers/customer/{customer.pk}/change/").content.decode()
    assert f'href="/admin/separation/finding/{finding.pk}/change/"' in page


def test_customers_are_filtered_by_where_they_came_from(client: Client, root: User) -> None:
    people = {name: CustomerFactory.create() for name in ("before", "first", "gap", "second", "after")}
    place = RestaurantFactory.create()
    for each in people.values():
        CustomerRestaurantFactory.create(customer=each, restaurant=place)
    for name, state in (("first", "moved"), ("second", "linked"), ("after", "failed")):
        ChunkFactory.create(first_id=people[name].pk, last_id=people[name].pk, state=state)
    Merge.objects.create(user_id=4711, customer_id=people["first"].pk)
    FindingFactory.create(row_id=people["second"].pk)
    FindingFactory.create(row_id=people["gap"].pk, state="settled")
    FindingFactory.create(row_id=people["before"].pk, table_name="orders")

    def listed(origin: str) -> list[str]:
        rows = client.get(f"/admin/customers/customer/?origin={origin}").context["cl"].result_list
        return [name for row in rows for name, each in people.items() if each == row]

    everybody = {"migrated": ["first", "second"], "registered": ["before", "gap", "after"]}
    secret = {"merged": ["first"], "finding": ["second"]}
    assert {name: listed(name) for name in ("migrated", "registered", "merged", "finding")} == everybody | secret
    Chunk.objects.all().delete()
    assert (listed("migrated"), listed("registered")) == ([], [*people])
    client.force_login(staff_of(place, "MANAGER"))
    assert (listed("registered"), listed("merged"), listed("finding")) == ([*people], [], [])


@override_settings(SEPARATION_PLUGINS={})
def test_without_the_separation_the_page_is_whole(client: Client, root: User) -> None:
    customer = moved()
    assert list(panels(client, customer)) == [
        "Reservations",
        "Orders",
        "Log-ins",
        "Mails of the last 30 days",
        "Changes",
    ]
    page = client.get("/admin/customers/customer/")
    assert (page.status_code, list(page.context["cl"].result_list)) == (200, [customer])
    assert client.get("/admin/").status_code == 200
