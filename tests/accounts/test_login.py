"""Staff log in as they always did, and logging in leaves no trace in `users`."""

from typing import Any

import bcrypt
import pytest
from django.contrib.auth import SESSION_KEY
from django.db import connection
from django.test import Client

from accounts.models import RestaurantStaff, User
from tests.factories import PASSWORD, RestaurantFactory, RestaurantStaffFactory, UserFactory, staff_of

pytestmark = pytest.mark.django_db

LOGIN = "/admin/login/"
REFUSED = (
    "Please enter the correct email and password for a staff account. Note that both fields may be case-sensitive."
)


def rows_of_users() -> list[tuple[Any, ...]]:
    """Return every row of `users` as text, with the transaction that wrote it last."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT u.ctid::text, u.xmin::text, u::text FROM users u ORDER BY id")
        rows: list[tuple[Any, ...]] = cursor.fetchall()
    return rows


def log_in(client: Client, email: str, password: str) -> bool:
    """Return whether the form lets somebody in; assert that it says why not otherwise."""
    response = client.post(LOGIN, {"username": email, "password": password, "next": "/admin/"})
    if response.status_code == 302:
        assert response["Location"] == "/admin/"
        return SESSION_KEY in client.session
    assert response.status_code == 200
    assert response.context["form"].non_field_errors() == [REFUSED]
    assert SESSION_KEY not in client.session
    return False


def raw_hash(password: bytes, version: str) -> str:
    return bcrypt.hashpw(password[:72], bcrypt.gensalt(4)).decode().replace("$2b$", f"${version}$", 1)


@pytest.mark.parametrize("version", ["2a", "2b", "2y"])
def test_staff_log_in_with_the_password_they_always_had(client: Client, version: str) -> None:
    user = UserFactory.create(role=User.Role.SUPERADMIN)
    with connection.cursor() as cursor:
        cursor.execute("UPDATE users SET password = %s WHERE id = %s", [raw_hash(b" pass word ", version), user.pk])
    before = rows_of_users()
    assert log_in(client, user.email, "pass word") is False
    assert log_in(client, user.email, " pass word ") is True
    assert client.get("/admin/").status_code == 200
    client.post("/admin/logout/")
    assert rows_of_users() == before


@pytest.mark.parametrize(
    "stored",
    [
        "argon2$argon2id$v=19$m=102400,t=2,p=8$c29tZXNhbHQxMjM0NTY3OA$4y1R1oeTHBv6Jm9mN2zCNQ",
        "pbkdf2_sha256$1$salt$hash",
        "5baa61e4c9b93f3f0682250b6cf8331b7ee68fd8",
        "MIGRATED_TO_CUSTOMERS_TABLE",
        "$2b$04$damaged",
        "",
    ],
)
def test_a_hash_of_another_kind_is_refused_and_left_alone(client: Client, stored: str) -> None:
    user = UserFactory.create(role=User.Role.SUPERADMIN, password=stored)
    before = rows_of_users()
    assert log_in(client, user.email, "password") is False
    assert rows_of_users() == before


def test_an_argon2_hash_lets_in_and_is_left_alone(client: Client) -> None:
    from django.contrib.auth.hashers import make_password

    user = UserFactory.create(role=User.Role.SUPERADMIN, password=make_password(PASSWORD, hasher="argon2"))
    before = rows_of_users()
    assert log_in(client, user.email, PASSWORD) is True
    assert rows_of_users() == before


@pytest.mark.parametrize(
    ("role", "staff_role", "enters"),
    [
        (User.Role.USER, None, False),
        (User.Role.USER, RestaurantStaff.Role.STAFF, True),
        (User.Role.USER, RestaurantStaff.Role.MANAGER, True),
        (User.Role.USER, RestaurantStaff.Role.OWNER, True),
        (User.Role.ADMIN, None, True),
        (User.Role.SUPERADMIN, None, True),
    ],
)
def test_who_enters(client: Client, role: str, staff_role: str | None, enters: bool) -> None:
    user = UserFactory.create(role=role)
    if staff_role:
        RestaurantStaffFactory.create(user=user, role=staff_role)
    assert log_in(client, user.email, PASSWORD) is enters


def test_staff_who_left_do_not_enter(client: Client) -> None:
    user = RestaurantStaffFactory.create(is_active=False).user
    assert log_in(client, user.email, PASSWORD) is False


def test_an_open_session_ends_when_somebody_leaves(client: Client) -> None:
    user = staff_of(RestaurantFactory.create(), "OWNER")
    assert log_in(client, user.email, PASSWORD) is True
    RestaurantStaff.objects.update(is_active=False)
    assert client.get("/admin/").status_code == 302


def test_an_open_session_ends_with_the_password(client: Client) -> None:
    user = UserFactory.create(role=User.Role.SUPERADMIN)
    assert log_in(client, user.email, PASSWORD) is True
    user.set_password("another one entirely")
    user.save()
    assert client.get("/admin/").status_code == 302


def test_emails_are_compared_exactly_as_the_old_application_does(client: Client) -> None:
    UserFactory.create(email="Ann@example.org", role=User.Role.SUPERADMIN)
    assert log_in(client, "ann@example.org", PASSWORD) is False
    assert log_in(client, "Ann@example.org", PASSWORD) is True


def test_a_long_password_is_a_wrong_one(client: Client) -> None:
    user = UserFactory.create(role=User.Role.SUPERADMIN)
    assert log_in(client, user.email, "x" * 4000) is False


def test_staff_change_their_own_password_and_nothing_else(client: Client) -> None:
    user = staff_of(RestaurantFactory.create(), "STAFF")
    client.force_login(user)
    answer = client.post(
        "/admin/password_change/",
        {"old_password": PASSWORD, "new_password1": "Vier neue Wörter hier", "new_password2": "Vier neue Wörter hier"},
    )
    assert (answer.status_code, answer["Location"]) == (302, "/admin/password_change/done/")
    with connection.cursor() as cursor:
        cursor.execute("SELECT password FROM users WHERE id = %s", [user.pk])
        stored = cursor.fetchone()[0]
    assert bcrypt.checkpw("Vier neue Wörter hier".encode(), stored.encode())


def test_a_new_password_over_72_bytes_is_refused(client: Client) -> None:
    client.force_login(staff_of(RestaurantFactory.create(), "STAFF"))
    long = "Vier neue Wörter hier " * 4
    answer = client.post(
        "/admin/password_change/", {"old_password": PASSWORD, "new_password1": long, "new_password2": long}
    )
    assert answer.status_code == 200
    assert answer.context["form"].errors == {
        "new_password2": ["This password is too long: at most 72 bytes, and accented letters and emoji take 2 to 4."]
    }
