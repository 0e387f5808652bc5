"""No page asks the database once per row."""

from datetime import date, timedelta

import pytest
from django.contrib import admin
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from config import scoping
from menus.models import MenuItem, MenuSection, RecipeIngredient, UnitOfMeasure
from orders.models import OrderItem
from reservations.models import BookingLog
from restaurants.models import Restaurant
from separation.models import Chunk  # separation: line
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
    OpeningExceptionFactory,
    OrderFactory,
    RecipeFactory,
    RehearsalFactory,  # separation: line
    ReservationFactory,
    RestaurantFactory,
    RestaurantStaffFactory,
    RunFactory,  # separation: line
    UserFactory,
    VerificationFactory,  # separation: line
    staff_of,
)

pytestmark = pytest.mark.django_db


def add_rows(place: Restaurant, count: int) -> None:
    """Add COUNT rows to every list of the admin, and to every list within one page."""
    for _ in range(count):
        other = RestaurantFactory.create()
        customer = CustomerFactory.create()
        CustomerRestaurantFactory.create(customer=customer, restaurant=place)
        CustomerRestaurantFactory.create(customer=customer, restaurant=other)
        user = staff_of(place, "STAFF")
        RestaurantStaffFactory.create(user=user, restaurant=other)
        OpeningExceptionFactory.create(restaurant=place, date=date(2026, 6, 1) + timedelta(days=user.pk))
        reservation = ReservationFactory.create(restaurant=place, customer=customer, user=user)
        BookingLog.objects.create(reservation=reservation, action="created")
        OrderFactory.create(restaurant=place, customer=customer, user=user)
        RecipeFactory.create(restaurant=place, user=user)
        MenuFactory.create(restaurant=place, user=user)
        EmailFactory.create()
        # separation: begin
        run = RunFactory.create()
        ChunkFactory.create(run=run, state=Chunk.FAILED)
        FindingFactory.create(run=run)
        BackupFactory.create()
        RehearsalFactory.create()
        LookFactory.create()
        VerificationFactory.create()
        CheckedFactory.create()
        # separation: end


def statements(client: Client, path: str) -> int:
    with CaptureQueriesContext(
        connection,
    ) as captured:
        assert client.get(path).status_code == 200, path
    return len(captured)


def lists() -> list[str]:
    bases = [f"/admin/{model._meta.label_lower.replace('.', '/')}/" for model in admin.site._registry]
    return [*bases, *(f"{base}?q=1234" for base in bases), "/admin/"]


@pytest.mark.parametrize("principal", ["superadmin", "owner"])
def test_a_list_of_30_takes_as_many_statements_as_one_of_3(client: Client, principal: str) -> None:
    place = RestaurantFactory.create()
    user = UserFactory.create(role="SUPERADMIN") if principal == "superadmin" else staff_of(place, "OWNER")
    client.force_login(user)
    mine = [path for path in lists() if client.get(path).status_code == 200]
    owners = 13
    owners += 2  # separation: line
    assert len(mine) == (2 * len(admin.site._registry) + 1 if principal == "superadmin" else owners)
    add_rows(place, 3)
    few = {path: statements(client, path) for path in mine}
    add_rows(place, 27)
    many = {path: statements(client, path) for path in mine}
    assert many == few
    assert max(many.values()) < 15


def test_a_page_with_30_rows_within_takes_as_many_statements_as_one_with_3(client: Client) -> None:
    client.force_login(UserFactory.create(role="SUPERADMIN"))
    place = RestaurantFactory.create()
    customer, user = CustomerFactory.create(), staff_of(place, "OWNER")
    recipe, menu = RecipeFactory.create(restaurant=place), MenuFactory.create(restaurant=place)
    order = OrderFactory.create(restaurant=place)
    unit = UnitOfMeasure.objects.create(name="litre", user=user)
    pages = [
        f"/admin/customers/customer/{customer.pk}/change/",
        f"/admin/accounts/user/{user.pk}/change/",
        f"/admin/menus/recipe/{recipe.pk}/change/",
        f"/admin/menus/recipe/{recipe.pk}/card/",
        f"/admin/menus/menu/{menu.pk}/change/",
        f"/admin/menus/menu/{menu.pk}/builder/",
        f"/admin/menus/menu/{menu.pk}/print/",
        f"/admin/orders/order/{order.pk}/change/",
    ]
    # separation: begin
    run = RunFactory.create()
    pages.append(f"/admin/separation/run/{run.pk}/change/")
    # separation: end

    def add(count: int) -> None:
        for _ in range(count):
            other = RestaurantFactory.create()
            CustomerRestaurantFactory.create(customer=customer, restaurant=other)
            RestaurantStaffFactory.create(user=user, restaurant=other)
            ReservationFactory.create(customer=customer, restaurant=other)
            OrderFactory.create(customer=customer, restaurant=other)
            # separation: begin
            ChunkFactory.create(run=run, state=Chunk.FAILED)
            FindingFactory.create(table_name="users", row_id=customer.pk, kind=f"kind {other.pk}")
            # separation: end
            RecipeIngredient.objects.create(
                recipe=recipe, sub_recipe=RecipeFactory.create(restaurant=place), quantity=1, unit=unit
            )
            item = MenuItem.objects.create(section=MenuSection.objects.create(menu=menu, name="s"), name="i")
            OrderItem.objects.create(order=order, menu_item=item, price=1)

    add(3)
    for page in pages:  # the first request also fills Django's own caches
        statements(client, page)
    few = [statements(client, page) for page in pages]
    add(27)
    assert [statements(client, page) for page in pages] == few
    assert max(few) <= 26


def test_a_list_of_customers_never_counts_them_all(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scoping, "COUNTED_ROWS", 60)
    for _ in range(70):
        CustomerFactory.create(profile=None)
    client.force_login(UserFactory.create(role="SUPERADMIN"))
    with CaptureQueriesContext(connection) as captured:
        page = client.get("/admin/customers/customer/")
    assert "more than 60\n    customers: search to see the others" in page.content.decode()
    counts = [query["sql"] for query in captured.captured_queries if "COUNT(*)" in query["sql"]]
    assert len(counts) == 1
    assert "LIMIT 61" in counts[0]
    assert "restaurant_count" not in counts[0]
    assert len(client.get("/admin/customers/customer/?p=2").context["cl"].result_list) == 10
