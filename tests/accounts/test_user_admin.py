import re
from typing import Any

import bcrypt
import pytest
from django.db import connection
from django.test import Client

from accounts.models import RestaurantStaff, StaffSession, User
from accounts.sessions import session_begin
from tests.factories import (
    PASSWORD_HASH,
    CustomerFactory,
    OrderFactory,
    ReservationFactory,
    RestaurantFactory,
    RestaurantStaffFactory,
    UserFactory,
    staff_of,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def root(client: Client) -> User:
    user = UserFactory.create(role=User.Role.SUPERADMIN, email="root@example.org")
    client.force_login(user)
    return user


def form(links: int = 0, **values: Any) -> dict[str, Any]:
    """Return what the page of a user posts."""
    return {
        "restaurant_staff-TOTAL_FORMS": links,
        "restaurant_staff-INITIAL_FORMS": links,
        "restaurant_staff-2-TOTAL_FORMS": 0,
        "restaurant_staff-2-INITIAL_FORMS": 0,
        **values,
    }


def errors(page: Any) -> dict[str, list[str]]:
    found: dict[str, list[str]] = page.context["adminform"].form.errors
    return found


def test_a_new_user_cannot_log_in_until_a_password_is_set(client: Client, root: User) -> None:
    values = form(email="Ann@example.org", name="Ann", role="USER", password="plain text")
    answer = client.post("/admin/accounts/user/add/", values)
    user = User.objects.get(email="Ann@example.org")
    assert (answer.status_code, answer["Location"]) == (302, f"/admin/accounts/user/{user.pk}/change/")
    assert user.has_usable_password() is False
    assert (
        client.post(
            f"/admin/accounts/user/{user.pk}/password/",
            {
                "usable_password": "true",
                "password1": " Five words and two blanks ",
                "password2": " Five words and two blanks ",
            },
        )["Location"]
        == f"/admin/accounts/user/{user.pk}/change/"
    )
    with connection.cursor() as cursor:
        cursor.execute("SELECT password FROM users WHERE id = %s", [user.pk])
        stored = cursor.fetchone()[0]
    assert re.fullmatch(r"\$2b\$\d\d\$.{53}", stored)
    assert bcrypt.checkpw(b" Five words and two blanks ", stored.encode())


def test_a_password_that_bcrypt_would_cut_is_refused(client: Client, root: User) -> None:
    user, long = UserFactory.create(), "Fünf Wörter sind genug " * 4
    answer = client.post(
        f"/admin/accounts/user/{user.pk}/password/", {"usable_password": "true", "password1": long, "password2": long}
    )
    assert answer.status_code == 200
    assert answer.context["form"].errors == {
        "password2": ["This password is too long: at most 72 bytes, and accented letters and emoji take 2 to 4."]
    }
    user.refresh_from_db()
    assert user.password == PASSWORD_HASH


def test_no_page_shows_a_hash_not_even_a_part_of_it(client: Client, root: User) -> None:
    user = staff_of(RestaurantFactory.create(), "OWNER")
    customer = CustomerFactory.create(id=user.pk)
    pages = [
        "/admin/accounts/user/",
        f"/admin/accounts/user/{user.pk}/change/",
        f"/admin/accounts/user/{user.pk}/password/",
        f"/admin/accounts/user/{user.pk}/history/",
        f"/admin/accounts/user/{user.pk}/delete/",
        "/admin/customers/customer/",
        f"/admin/customers/customer/{customer.pk}/change/",
        f"/admin/customers/customer/{customer.pk}/history/",
    ]
    for page in pages:
        text = client.get(page).content.decode()
        for part in ("$2b$", PASSWORD_HASH[15:21], PASSWORD_HASH[-31:-25], "bcrypt", "argon2"):
            assert part not in text, page


@pytest.mark.parametrize("email", ["root@example.org", "ROOT@Example.org", "guest@example.org", "GUEST@example.org"])
def test_an_email_that_anybody_has_in_any_case_is_refused(client: Client, root: User, email: str) -> None:
    UserFactory.create(email="Guest@example.org")
    answer = client.post("/admin/accounts/user/add/", form(email=email, name="", role="USER"))
    assert answer.status_code == 200
    assert errors(answer)["email"][0] in (
        "Another user already has this email.",
        "User with this Email already exists.",
    )


def test_a_change_writes_the_changed_columns_and_their_time_alone(client: Client, root: User) -> None:
    user = UserFactory.create(name="Before")
    with connection.cursor() as cursor:
        cursor.execute("UPDATE users SET created_at = 'infinity', phone = repeat('1', 50) WHERE id = %s", [user.pk])
        cursor.execute("SELECT to_jsonb(u) - 'name' - 'updated_at' FROM users u WHERE id = %s", [user.pk])
        before = cursor.fetchone()[0]
        answer = client.post(
            f"/admin/accounts/user/{user.pk}/change/",
            form(email=user.email, name="After", phone="1" * 50, role="USER", password="x"),
        )
        assert answer.status_code == 302
        cursor.execute("SELECT to_jsonb(u) - 'name' - 'updated_at' FROM users u WHERE id = %s", [user.pk])
        assert cursor.fetchone()[0] == before
    user.refresh_from_db()
    assert user.name == "After"


def test_saving_without_a_change_writes_nothing(client: Client, root: User) -> None:
    link = RestaurantStaffFactory.create()
    with connection.cursor() as cursor:
        query = """SELECT u.xmin::text || u::text || s.xmin::text || s::text
            FROM users u JOIN restaurant_staff s ON s.user_id = u.id"""
        cursor.execute(query)
        before = cursor.fetchall()
        values = {
            "restaurant_staff-0-id": link.pk,
            "restaurant_staff-0-user": link.user_id,
            "restaurant_staff-0-role": "STAFF",
            "restaurant_staff-0-is_active": "on",
        }
        user = link.user
        answer = client.post(
            f"/admin/accounts/user/{user.pk}/change/",
            form(1, email=user.email, name=user.name, phone="", role="USER", **values),
        )
        assert answer.status_code == 302
        cursor.execute(query)
        assert cursor.fetchall() == before


def test_staff_get_another_restaurant_and_leave_one(client: Client, root: User) -> None:
    link, there = RestaurantStaffFactory.create(), RestaurantFactory.create()
    user = link.user
    values = {
        "restaurant_staff-0-id": link.pk,
        "restaurant_staff-0-user": user.pk,
        "restaurant_staff-0-role": "MANAGER",
        "restaurant_staff-0-restaurant": there.pk,  # forged: where somebody works does not move
        "restaurant_staff-2-TOTAL_FORMS": 1,
        "restaurant_staff-2-0-user": user.pk,
        "restaurant_staff-2-0-restaurant": there.pk,
        "restaurant_staff-2-0-role": "OWNER",
    }
    page = f"/admin/accounts/user/{user.pk}/change/"
    assert client.post(page, form(1, email=user.email, name=user.name, role="USER", **values)).status_code == 302
    found = RestaurantStaff.objects.order_by("id").values_list("restaurant_id", "role", "is_active")
    assert list(found) == [(link.restaurant_id, "MANAGER", False), (there.pk, "OWNER", True)]


def test_the_same_restaurant_twice_is_refused(client: Client, root: User) -> None:
    link = RestaurantStaffFactory.create()
    values = {
        "restaurant_staff-0-id": link.pk,
        "restaurant_staff-0-user": link.user_id,
        "restaurant_staff-0-role": "STAFF",
        "restaurant_staff-0-is_active": "on",
        "restaurant_staff-2-TOTAL_FORMS": 1,
        "restaurant_staff-2-0-user": link.user_id,
        "restaurant_staff-2-0-restaurant": link.restaurant_id,
        "restaurant_staff-2-0-role": "OWNER",
    }
    page = f"/admin/accounts/user/{link.user_id}/change/"
    answer = client.post(page, form(1, email=link.user.email, name=link.user.name, role="USER", **values))
    assert answer.status_code == 200
    assert "Restaurant staff with this User and Restaurant already exists." in answer.content.decode()
    assert RestaurantStaff.objects.count() == 1


def test_the_only_superadmin_stays_one(client: Client, root: User) -> None:
    page = f"/admin/accounts/user/{root.pk}/change/"
    answer = client.post(page, form(email=root.email, name=root.name, role="ADMIN"))
    assert errors(answer) == {"role": ["This is the only SUPERADMIN: make somebody else one first."]}
    answer = client.post(f"/admin/accounts/user/{root.pk}/delete/", {"post": "yes"})
    assert "the platform: this is the only SUPERADMIN" in answer.content.decode()
    assert User.objects.filter(pk=root.pk).exists()
    UserFactory.create(role=User.Role.SUPERADMIN)
    assert client.post(page, form(email=root.email, name=root.name, role="ADMIN")).status_code == 302


def test_a_user_without_history_can_be_deleted_with_their_links(client: Client, root: User) -> None:
    link = RestaurantStaffFactory.create()
    session_begin(user=link.user, user_agent="", ip="")
    assert client.post(f"/admin/accounts/user/{link.user_id}/delete/", {"post": "yes"}).status_code == 302
    assert not StaffSession.objects.exists()
    assert not User.objects.filter(pk=link.user_id).exists()
    assert not RestaurantStaff.objects.exists()


@pytest.mark.parametrize("make", [ReservationFactory, OrderFactory])
def test_a_user_with_history_is_not_deleted(client: Client, root: User, make: Any) -> None:
    user = make.create().user
    for answer in (
        client.get(f"/admin/accounts/user/{user.pk}/delete/"),
        client.post(f"/admin/accounts/user/{user.pk}/delete/", {"post": "yes"}),
    ):
        assert answer.status_code == 200
        assert f"rows of {make._meta.model._meta.db_table} (user_id)" in answer.content.decode()
    assert User.objects.filter(pk=user.pk).exists()


@pytest.mark.parametrize("on_delete", ["CASCADE", "SET NULL", "RESTRICT"])
def test_history_in_a_table_that_no_model_knows_counts_too(client: Client, root: User, on_delete: str) -> None:
    user = UserFactory.create()
    with connection.cursor() as cursor:
        cursor.execute(f'CREATE TABLE "prep Tasks" ("authorId" integer REFERENCES users (id) ON DELETE {on_delete})')
        cursor.execute('INSERT INTO "prep Tasks" VALUES (%s)', [user.pk])
    answer = client.post(f"/admin/accounts/user/{user.pk}/delete/", {"post": "yes"})
    assert answer.status_code == 200
    assert "rows of prep Tasks (authorId)" in answer.content.decode()
    assert User.objects.filter(pk=user.pk).exists()


@pytest.mark.parametrize(
    ("text", "found"), [("ann", True), ("NN@EX", True), ("555", True), ("bob", False), ("%", False)]
)
def test_staff_are_found_by_name_email_and_phone(client: Client, root: User, text: str, found: bool) -> None:
    user = UserFactory.create(name="Ann", email="Ann@example.net", phone="+1 555")
    rows = client.get("/admin/accounts/user/", {"q": text}).context["cl"].result_list
    assert (user in rows) is found
