"""Who gets in where: every page of the admin, for every kind of person, has one status."""

from collections.abc import Callable

import pytest
from django.apps import apps
from django.contrib import admin
from django.test import Client

from accounts.models import User
from tests.backoffice.conftest import PRINCIPALS, World

pytestmark = pytest.mark.django_db

NOBODY = "302 302 403 403 403 403 403"
SUPERADMINS = "302 302 403 403 403 403 200"
MANAGERS = "302 302 403 200 200 200 200"
STAFF = "302 302 200 200 200 200 200"
# A row that is out of sight is not there: back to the index, as from one that does not exist.
ONLY_SUPERADMINS_FIND_IT = "302 302 302 302 302 302 200"
ONLY_MANAGERS_FIND_IT = "302 302 302 200 200 200 200"

RECORDS = {
    "list": SUPERADMINS,
    "add": NOBODY,
    "change ours": SUPERADMINS,
    "change theirs": SUPERADMINS,
    "delete ours": NOBODY,
    "delete theirs": NOBODY,
    "history ours": ONLY_SUPERADMINS_FIND_IT,
    "history theirs": ONLY_SUPERADMINS_FIND_IT,
}
FOR_STAFF = {
    "list": STAFF,
    "add": NOBODY,
    "change ours": STAFF,
    "change theirs": ONLY_SUPERADMINS_FIND_IT,
    "delete ours": NOBODY,
    "delete theirs": NOBODY,
    "history ours": STAFF,
    "history theirs": ONLY_SUPERADMINS_FIND_IT,
}
FOR_MANAGERS = {
    "list": MANAGERS,
    "add": NOBODY,
    "change ours": MANAGERS,
    "change theirs": "302 302 403 302 302 302 200",
    "delete ours": NOBODY,
    "delete theirs": NOBODY,
    "history ours": ONLY_MANAGERS_FIND_IT,
    "history theirs": ONLY_SUPERADMINS_FIND_IT,
}
EXPECTED = {
    "restaurants.restaurant": FOR_STAFF | {"add": SUPERADMINS},
    "accounts.user": RECORDS | {"add": SUPERADMINS, "delete ours": SUPERADMINS, "delete theirs": SUPERADMINS},
    "customers.customer": FOR_MANAGERS,
    "reservations.reservation": FOR_STAFF,
    "orders.order": FOR_STAFF,
    "menus.recipe": FOR_MANAGERS,
    "menus.menu": FOR_MANAGERS,
    "post_office.email": RECORDS,
    # separation: begin
    "separation.run": RECORDS,
    "separation.chunk": RECORDS,
    "separation.finding": RECORDS,
    "separation.backup": RECORDS,
    # separation: end
}


def address(label: str, page: str, world: World) -> str:
    base = f"/admin/{label.replace('.', '/')}/"
    if page == "list":
        return base
    if page == "add":
        return f"{base}add/"
    action, whose = page.split()
    return f"{base}{(world.ours if whose == 'ours' else world.theirs).by_label[label]}/{action}/"


def test_every_registered_page_is_in_the_table() -> None:
    assert {model._meta.label_lower for model in admin.site._registry} == set(EXPECTED)


@pytest.mark.parametrize("label", EXPECTED)
def test_each_page_has_one_status_for_each_person(label: str, world: World, as_: Callable[[str], Client]) -> None:
    clients = [as_(principal) for principal in PRINCIPALS]
    found = {
        page: " ".join(str(client.get(address(label, page, world)).status_code) for client in clients)
        for page in EXPECTED[label]
    }
    assert found == EXPECTED[label]


@pytest.mark.parametrize(
    ("path", "statuses"),
    [
        ("/admin/", "302 302 200 200 200 200 200"),
        ("/admin/login/", "200 200 302 302 302 302 302"),
        ("/admin/password_change/", "302 302 200 200 200 200 200"),
        ("/admin/search/?s=a", "302 302 200 200 200 200 200"),
        ("/admin/jsi18n/", "302 302 200 200 200 200 200"),
        ("/admin/auth/group/", "302 302 404 404 404 404 404"),
        ("/admin/accounts/", "302 302 404 404 404 404 200"),
        ("/admin/separation/", "302 302 404 404 404 404 200"),  # separation: line
        ("/admin/customers/", "302 302 404 200 200 200 200"),
        ("/admin/orders/", "302 302 200 200 200 200 200"),
    ],
)
def test_the_other_pages(path: str, statuses: str, as_: Callable[[str], Client]) -> None:
    assert " ".join(str(as_(principal).get(path).status_code) for principal in PRINCIPALS) == statuses


def test_the_page_that_sets_a_password(world: World, as_: Callable[[str], Client]) -> None:
    paths = [f"/admin/accounts/user/{world.people[name].pk}/password/" for name in ("staff", "superadmin")]
    found = [" ".join(str(as_(principal).get(path).status_code) for principal in PRINCIPALS) for path in paths]
    assert found == ["302 302 403 403 403 403 200", "302 302 403 403 403 403 200"]


AUTOCOMPLETE = {label: table["list"] for label, table in EXPECTED.items()}
OURS = [
    *("restaurants", "accounts", "customers", "menus", "reservations", "orders"),
    "separation",  # separation: line
]


def test_completion_of_every_key_follows_the_page_of_its_rows(as_: Callable[[str], Client]) -> None:
    clients = [as_(principal) for principal in PRINCIPALS]
    for model in apps.get_models():
        for field in model._meta.fields:
            if model._meta.app_label not in OURS or not field.is_relation:
                continue
            target = field.related_model._meta.label_lower  # type: ignore[union-attr]
            query = {
                "app_label": model._meta.app_label,
                "model_name": str(model._meta.model_name),
                "field_name": field.name,
            }
            found = " ".join(str(client.get("/admin/autocomplete/", query).status_code) for client in clients)
            assert found == AUTOCOMPLETE.get(target, NOBODY), (model, field)


def test_a_row_that_cannot_exist_leads_back_to_the_index(as_: Callable[[str], Client]) -> None:
    client = as_("superadmin")
    for label in EXPECTED:
        for number in ("0", "-1", "99999999999999999999", "abc", "1_2F", "%00", "é"):
            for page in ("change", "history"):
                answer = client.get(f"/admin/{label.replace('.', '/')}/{number}/{page}/")
                assert (answer.status_code, answer["Location"]) == (302, "/admin/"), (label, number, page)


CHANGED_BY = {
    "restaurants.restaurant": ("owner", "admin"),
    "customers.customer": ("manager", "owner", "admin"),
    "reservations.reservation": ("staff", "manager", "owner", "admin"),
    "orders.order": ("staff", "manager", "owner", "admin"),
    "menus.recipe": ("manager", "owner", "admin"),
    "menus.menu": ("manager", "owner", "admin"),
}


@pytest.mark.parametrize("principal", ["staff", "manager", "owner", "admin"])
def test_a_post_to_another_restaurants_row_changes_nothing(
    principal: str, world: World, as_: Callable[[str], Client]
) -> None:
    client = as_(principal)
    for label, number in world.theirs.by_label.items():
        model = apps.get_model(label)
        before = model.objects.filter(pk=number).values().get()
        base = f"/admin/{label.replace('.', '/')}/"
        status = 302 if principal in CHANGED_BY.get(label, ()) else 403
        assert client.post(f"{base}{number}/change/", {"notes": "x", "name": "x"}).status_code == status, label
        assert client.post(f"{base}{number}/delete/", {"post": "yes"}).status_code == 403, label
        assert client.post(f"{base}add/", {"name": "x"}).status_code == 403, label
        actions = {"action": "delete_selected", "_selected_action": [number]}
        # Where a page has actions, Django leads back to it with a message that there is none of this name.
        assert client.post(base, actions, follow=True).status_code == client.get(base).status_code, label
        assert model.objects.filter(pk=number).values().get() == before


def test_an_admin_of_no_restaurant_is_told_what_to_do(as_: Callable[[str], Client], world: World) -> None:
    user = world.people["admin"]
    user.restaurant_staff.update(is_active=False)
    client = as_("admin")
    page = client.get("/admin/")
    assert page.status_code == 200
    assert (
        "You are not on the staff of any restaurant, so there is nothing to see. Ask a SUPERADMIN to add you."
        in page.content.decode()
    )
    assert client.get("/admin/orders/order/").status_code == 403
    assert user.role == User.Role.ADMIN
