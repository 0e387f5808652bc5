"""What people and old applications left in the tables never breaks a page."""

from collections.abc import Callable

import pytest
from django.contrib import admin
from django.db import connection
from django.test import Client

from tests.factories import (
    BackupFactory,  # separation: line
    CheckedFactory,  # separation: line
    ChunkFactory,  # separation: line
    CustomerFactory,
    CustomerRestaurantFactory,
    EmailFactory,
    FindingFactory,  # separation: line
    LookFactory,  # separation: line
    MenuFactory,
    OrderFactory,
    RecipeFactory,
    RehearsalFactory,  # separation: line
    ReservationFactory,
    RunFactory,  # separation: line
    VerificationFactory,  # separation: line
    staff_of,
)
from tests.factories import RestaurantFactory as Place
from tests.factories import UserFactory as Staff

pytestmark = pytest.mark.django_db

TEXTS = {
    "long": "Wolfeschlegelsteinhausenbergerdorff " * 6 + "x" * 255,
    "odd Unicode": "\u202eفاطمة بنت عبد\u202c a\u0300\u200d\u2028\u0085\ufeff\U0001f469\u200d\U0001f373 \x01\x1f\x7f",
    "markup": "\t Ann\n\r\n Lee \x0b <script>alert(1)</script>{{ 7|add:7 }}{% now 'Y' %}\"'&",
    "blank": " ",
    "empty": "",
}
TIMES = (
    "infinity",
    "-infinity",
    "0001-01-01",
    "9999-12-31 23:59:59.999",
    "0044-03-15 BC",
    "294276-12-31",
)


@pytest.fixture
def pages(client: Client) -> Callable[[], list[str]]:
    """Return a function that fetches every page with rows on it, and returns the addresses that failed."""
    client.force_login(Staff.create(role="SUPERADMIN", name="Root"))
    place = Place.create()
    customer = CustomerFactory.create()
    CustomerRestaurantFactory.create(customer=customer, restaurant=place)
    user = staff_of(place, "OWNER")
    reservation = ReservationFactory.create(restaurant=place, customer=customer, user=user)
    rows = [
        *(place, customer, user, reservation),
        OrderFactory.create(restaurant=place, customer=customer, user=user, reservation=reservation),
        RecipeFactory.create(restaurant=place, user=user),
        MenuFactory.create(restaurant=place, user=user),
        EmailFactory.create(),
        # separation: begin
        RunFactory.create(),
        ChunkFactory.create(),
        FindingFactory.create(row_id=user.pk),
        BackupFactory.create(),
        RehearsalFactory.create(),
        LookFactory.create(),
        VerificationFactory.create(),
        CheckedFactory.create(),
        # separation: end
    ]
    assert {type(row) for row in rows} == set(admin.site._registry)

    def fetch() -> list[str]:
        failed = []
        for row in rows:
            base = f"/admin/{row._meta.label_lower.replace('.', '/')}/"
            failed += [path for path in (base, f"{base}{row.pk}/change/") if client.get(path).status_code != 200]
        return failed

    return fetch


def write_everywhere(types: tuple[str, ...], value: str) -> int:
    """Write VALUE, cut to fit, into every nullable-or-not column of these TYPES in every table of the apps."""
    written = 0
    with connection.cursor() as cursor:
        for model in admin.site._registry:
            table = model._meta.db_table
            cursor.execute(
                "SELECT column_name, character_maximum_length FROM information_schema.columns "
                "WHERE table_name = %s AND data_type = ANY(%s) AND table_schema = 'public'",
                [table, list(types)],
            )
            for column, longest in cursor.fetchall():
                if column in ("id", "slug", "order_number", "password", "kind", "state"):
                    continue
                if table in ("customers", "users") and column == "email":
                    cursor.execute(f"UPDATE {table} SET email = %s || id", [value])
                else:
                    cursor.execute(f'UPDATE {table} SET "{column}" = %s', [value[:longest] if longest else value])
                written += 1
    return written


@pytest.mark.parametrize("text", TEXTS)
def test_texts(text: str, pages: Callable[[], list[str]]) -> None:
    assert write_everywhere(("text", "character varying"), TEXTS[text]) > 40
    assert pages() == []


@pytest.mark.parametrize("time", TIMES)
def test_times(time: str, pages: Callable[[], list[str]]) -> None:
    assert write_everywhere(("timestamp without time zone",), time) > 15
    assert pages() == []


def test_nulls(pages: Callable[[], list[str]]) -> None:
    with connection.cursor() as cursor:
        for model in admin.site._registry:
            for field in model._meta.fields:
                if field.null and not field.primary_key:
                    cursor.execute(f"UPDATE {model._meta.db_table} SET {field.column} = NULL")
    assert pages() == []


@pytest.mark.parametrize("column", ["user_id", "customer_id", "reservation_id"])
def test_keys_that_lead_nowhere(column: str, pages: Callable[[], list[str]]) -> None:
    with connection.cursor() as cursor:
        for table in ("reservations", "orders"):
            if table == "reservations" and column == "reservation_id":
                continue
            cursor.execute(f"ALTER TABLE {table} DROP CONSTRAINT {table}_{column}_fkey")
            cursor.execute(f"UPDATE {table} SET {column} = 2147483647")
    assert pages() == []


def test_a_profile_is_missing(pages: Callable[[], list[str]]) -> None:
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM customer_profiles")
    assert pages() == []


def test_enums_with_values_this_code_does_not_know(pages: Callable[[], list[str]]) -> None:
    with connection.cursor() as cursor:
        for kind in ("ReservationStatus", "OrderStatus", "OrderType", "StaffRole"):
            cursor.execute("SELECT enumlabel FROM pg_enum WHERE enumtypid = %s::regtype", [f'"{kind}"'])
            for (label,) in cursor.fetchall():
                cursor.execute(f"ALTER TYPE \"{kind}\" RENAME VALUE '{label}' TO 'NEW_{label}'")
    assert pages() == []


def test_markup_is_shown_not_run(client: Client) -> None:
    client.force_login(Staff.create(role="SUPERADMIN"))
    customer = CustomerFactory.create(first_name="<b>Ann</b>", email="<i>@example.org", phone="<u>1</u>")
    CustomerRestaurantFactory.create(customer=customer, restaurant__name="<s>Here</s>", notes="<p>x")
    ReservationFactory.create(customer=customer, restaurant__name="<q>There</q>", reservation_time="<a>")
    FindingFactory.create(row_id=Staff.create(name="<h6>").pk, detail={"error": "<h5>"})  # separation: line
    for path in ("/admin/customers/customer/", f"/admin/customers/customer/{customer.pk}/change/", "/admin/"):
        page = client.get(path).content.decode()
        for tag in ("<b>Ann", "<i>@", "<u>1", "<s>Here", "<p>x", "<q>There", "<a>"):
            assert tag not in page, path
