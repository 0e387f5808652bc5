"""Who gets in where: every page of the admin, for every kind of person, has one status."""

from collections.abc import Callable, Iterable, Iterator

import pytest
from django.apps import apps
from django.contrib import admin
from django.db import transaction
from django.test import Client
from django.urls import URLPattern, URLResolver

from accounts.models import User
from tests.backoffice.conftest import PRINCIPALS, Rows, World

pytestmark = pytest.mark.django_db

NOBODY = "302 302 403 403 403 403 403"
SUPERADMINS = "302 302 403 403 403 403 200"
MANAGERS = "302 302 403 200 200 200 200"
STAFF = "302 302 200 200 200 200 200"
# A row that is out of sight is not there: back to the index, as from one that does not exist.
ONLY_SUPERADMINS_FIND_IT = "302 302 302 302 302 302 200"
ONLY_SUPERADMINS_REACH_IT = "302 302 404 404 404 404 200"
ONLY_MANAGERS_FIND_IT = "302 302 302 200 200 200 200"
OWNERS = "302 302 403 403 200 200 200"
ONLY_OWNERS_FIND_IT = "302 302 302 302 200 200 200"
THEIRS_FOR_MANAGERS = "302 302 403 302 302 302 200"

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
    "change theirs": THEIRS_FOR_MANAGERS,
    "delete ours": NOBODY,
    "delete theirs": NOBODY,
    "history ours": ONLY_MANAGERS_FIND_IT,
    "history theirs": ONLY_SUPERADMINS_FIND_IT,
}
FOR_OWNERS = {
    "list": OWNERS,
    "add": NOBODY,
    "change ours": OWNERS,
    "change theirs": "302 302 403 403 302 302 200",
    "delete ours": NOBODY,
    "delete theirs": NOBODY,
    "history ours": ONLY_OWNERS_FIND_IT,
    "history theirs": ONLY_SUPERADMINS_FIND_IT,
}
EXPECTED = {
    "restaurants.restaurant": FOR_STAFF | {"add": SUPERADMINS},
    "accounts.user": RECORDS | {"add": SUPERADMINS, "delete ours": SUPERADMINS, "delete theirs": SUPERADMINS},
    "customers.customer": FOR_MANAGERS | {"history ours": ONLY_SUPERADMINS_FIND_IT},
    "reservations.reservation": FOR_STAFF | {"add": STAFF},
    "orders.order": FOR_STAFF | {"add": STAFF},
    "menus.recipe": FOR_MANAGERS | {"add": MANAGERS, "delete ours": MANAGERS, "delete theirs": THEIRS_FOR_MANAGERS},
    "menus.menu": FOR_MANAGERS | {"add": MANAGERS},
    "post_office.email": RECORDS,
    # separation: begin
    "separation.run": RECORDS,
    "separation.chunk": RECORDS,
    "separation.finding": FOR_OWNERS,
    "separation.backup": RECORDS,
    "separation.rehearsal": RECORDS,
    "separation.look": RECORDS,
    "separation.verification": RECORDS,
    "separation.checked": RECORDS,
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


DESK = "/admin/reservations/reservation/"
# Every other page by the name of its address, with how it is asked, where, and its status for each person: where it is
# about a row, for ours and for theirs. `{order}` is the number of the order, `{restaurant}` that of the restaurant.
# Whoever adds a page adds its line.
OTHERS: dict[str, tuple[str, ...]] = {
    "index": ("GET /admin/", STAFF),
    "login": ("GET /admin/login/", "200 200 302 302 302 302 302"),
    "password_change": ("GET /admin/password_change/", STAFF),
    "password_change_done": ("GET /admin/password_change/done/", STAFF),
    "search": ("GET /admin/search/?s=a", STAFF),
    "autocomplete": ("GET /admin/autocomplete/", NOBODY),
    "jsi18n": ("GET /admin/jsi18n/", STAFF),
    "view_on_site": ("GET /admin/r/1/1/", "302 302 404 404 404 404 404"),
    "app_list": ("GET /admin/accounts/", "302 302 404 404 404 404 200"),
    "auth_user_password_change": (
        "GET /admin/accounts/user/{user}/password/",
        *("302 302 403 403 403 403 200", "302 302 403 403 403 403 200"),
    ),
    "reservations_reservation_day": (f"GET {DESK}day/?restaurant={{restaurant}}", STAFF, ONLY_SUPERADMINS_REACH_IT),
    "reservations_reservation_edit": (f"GET {DESK}{{reservation}}/edit/", STAFF, ONLY_SUPERADMINS_REACH_IT),
    "reservations_reservation_cancel": (f"GET {DESK}{{reservation}}/cancel/", STAFF, ONLY_SUPERADMINS_REACH_IT),
    "reservations_reservation_mark": (
        f"POST {DESK}{{reservation}}/mark/",
        *("302 302 400 400 400 400 400", "302 302 404 404 404 404 400"),
    ),
    "reservations_reservation_preview": (
        f"POST {DESK}preview/{{restaurant}}/",
        *("302 302 403 403 200 200 200", "302 302 403 403 404 404 200"),
    ),
    "customers_customer_act": (
        "POST /admin/customers/customer/{customer}/act/",
        *("302 302 302 400 400 400 400", "302 302 302 302 302 302 400"),
    ),
    "customers_customer_session": (
        "POST /admin/customers/customer/{customer}/session/",
        *("302 302 302 403 403 403 400", "302 302 302 302 302 302 400"),
    ),
    "customers_customer_anonymise": (
        "GET /admin/customers/customer/{customer}/anonymise/",
        *("302 302 302 403 403 403 200", "302 302 302 302 302 302 200"),
    ),
    "orders_order_board": ("GET /admin/orders/order/board/", STAFF),
    "orders_order_take": ("GET /admin/orders/order/{order}/take/", STAFF, ONLY_SUPERADMINS_FIND_IT),
    "menus_recipe_card": ("GET /admin/menus/recipe/{recipe}/card/", MANAGERS, THEIRS_FOR_MANAGERS),
    "menus_menu_builder": ("GET /admin/menus/menu/{menu}/builder/", MANAGERS, THEIRS_FOR_MANAGERS),
    "menus_menu_print": ("GET /admin/menus/menu/{menu}/print/", MANAGERS, THEIRS_FOR_MANAGERS),
    # separation: begin
    "separation_finding_export": ("GET /admin/separation/finding/export/", OWNERS),
    "separation_finding_settle": (
        "GET /admin/separation/finding/{finding}/settle/?answer=place",
        *(OWNERS, "302 302 403 403 302 302 200"),
    ),
    "separation_run_ask": ("POST /admin/separation/run/{run}/ask/", "302 302 403 403 403 403 400"),
    "separation_run_review": ("POST /admin/separation/run/{run}/review/", "302 302 403 403 403 403 302"),
    "separation_finding_review": ("POST /admin/separation/finding/{finding}/review/", "302 302 403 403 403 403 302"),
    **{
        f"separation_{name}_export": (f"GET /admin/separation/{name}/export/", SUPERADMINS)
        for name in ("run", "chunk", "backup", "rehearsal", "look", "verification", "checked")
    },
    # separation: end
    "logout": ("POST /admin/logout/", "302 302 200 200 200 200 200"),  # the last: it ends the log-ins
}


def names(patterns: Iterable[URLPattern | URLResolver]) -> Iterator[str]:
    """Give the name of every address below the admin's; Django's two that only lead elsewhere have none."""
    for pattern in patterns:
        if isinstance(pattern, URLResolver):
            yield from names(pattern.url_patterns)
        elif pattern.name:
            yield pattern.name


def test_every_page_is_in_a_table() -> None:
    lists = {
        f"{label.replace('.', '_')}_{page}"
        for label in EXPECTED
        for page in ("changelist", "add", "history", "delete", "change")
    }
    assert set(names(admin.site.urls[0])) - lists == set(OTHERS)


def test_each_other_page_has_one_status_for_each_person(world: World, as_: Callable[[str], Client]) -> None:
    clients = [as_(principal) for principal in PRINCIPALS]

    def asked(how: str, rows: Rows) -> str:
        method, path = how.format_map(rows.numbers()).split(" ", 1)
        return " ".join(str(status(client, method, path)) for client in clients)

    found = {
        name: (how, *(asked(how, rows) for rows, _ in zip((world.ours, world.theirs), statuses, strict=False)))
        for name, (how, *statuses) in OTHERS.items()
    }
    assert found == OTHERS


def status(client: Client, method: str, path: str) -> int:
    """Return the status of a request, and leave everything as it was."""
    with transaction.atomic():
        answer = client.generic(method, path)
        transaction.set_rollback(True)
    return int(answer.status_code)


def test_lists_of_apps_are_for_who_has_a_page_there(as_: Callable[[str], Client]) -> None:
    found = {
        app: " ".join(str(as_(principal).get(f"/admin/{app}/").status_code) for principal in PRINCIPALS)
        for app in ("auth/group", "customers", "orders")
    }
    assert found == {
        "auth/group": "302 302 404 404 404 404 404",
        "customers": "302 302 404 200 200 200 200",
        "orders": "302 302 200 200 200 200 200",
    }


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
# Where something is added by a form, which says what is wrong with it, or is nowhere without a restaurant.
ADDED = {"orders.order": 200, "reservations.reservation": 404, "menus.recipe": 200, "menus.menu": 200}


DELETED_BY = {"menus.recipe": ("manager", "owner", "admin")}


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
        gone = 302 if principal in DELETED_BY.get(label, ()) else 403
        assert client.post(f"{base}{number}/delete/", {"post": "yes"}).status_code == gone, label
        added = ADDED.get(label, 403) if principal in CHANGED_BY.get(label, ()) else 403
        assert client.post(f"{base}add/", {"name": "x"}).status_code == added, label
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
