"""Whoever is flagged as a customer in `users` is nobody to the staff's pages, whatever else they are."""

import pytest
from django.test import Client

from accounts.models import RestaurantStaff, User
from tests.accounts.test_login import log_in
from tests.accounts.test_user_admin import errors, form
from tests.factories import PASSWORD, RestaurantStaffFactory, UserFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def root(client: Client) -> User:
    user = UserFactory.create(role=User.Role.SUPERADMIN, email="root@example.org")
    client.force_login(user)
    return user


@pytest.mark.parametrize("role", User.Role.values)
@pytest.mark.parametrize("staff_role", [None, *RestaurantStaff.Role.values])
def test_they_never_log_in(client: Client, role: str, staff_role: str | None) -> None:
    user = UserFactory.create(role=role, is_customer=True)
    if staff_role:
        RestaurantStaffFactory.create(user=user, role=staff_role)
    assert log_in(client, user.email, PASSWORD) is False


def test_an_open_session_ends_when_somebody_becomes_a_customer(client: Client) -> None:
    user = UserFactory.create(role=User.Role.SUPERADMIN)
    assert log_in(client, user.email, PASSWORD) is True
    User.objects.filter(pk=user.pk).update(is_customer=True)
    assert client.get("/admin/").status_code == 302


def test_they_are_neither_active_nor_staff_and_may_do_nothing() -> None:
    user = UserFactory.build(role="SUPERADMIN", is_customer=True)
    assert (user.is_active, user.is_staff, user.is_superuser) == (False, False, False)
    assert (user.has_perm("orders.view_order"), user.has_module_perms("orders")) == (False, False)


def test_they_are_not_among_the_staff(client: Client, root: User) -> None:
    customer = UserFactory.create(is_customer=True)
    rows = client.get("/admin/accounts/user/").context["cl"].result_list
    assert list(rows) == [root]
    assert client.get(f"/admin/accounts/user/{customer.pk}/change/").status_code == 302
    assert client.get(f"/admin/accounts/user/{customer.pk}/password/").status_code == 404
    assert client.post(f"/admin/accounts/user/{customer.pk}/delete/", {"post": "yes"}).status_code == 302
    assert User.objects.filter(pk=customer.pk).exists()


def test_they_are_no_superadmin_to_fall_back_on(client: Client, root: User) -> None:
    UserFactory.create(role=User.Role.SUPERADMIN, is_customer=True)
    answer = client.post(
        f"/admin/accounts/user/{root.pk}/change/", form(email=root.email, name=root.name, role="ADMIN")
    )
    assert errors(answer) == {"role": ["This is the only SUPERADMIN: make somebody else one first."]}


@pytest.mark.parametrize("email", ["guest@example.org", "GUEST@example.org"])
def test_their_email_is_taken(client: Client, root: User, email: str) -> None:
    UserFactory.create(email="Guest@example.org", is_customer=True)
    answer = client.post("/admin/accounts/user/add/", form(email=email, name="", role="USER"))
    assert errors(answer)["email"][0] == "Another user already has this email."


def test_nobody_is_flagged_by_a_page_or_a_new_user(client: Client, root: User) -> None:
    user = UserFactory.create()
    client.post(
        f"/admin/accounts/user/{user.pk}/change/", form(email=user.email, name="After", role="USER", is_customer="on")
    )
    client.post("/admin/accounts/user/add/", form(email="ann@example.org", role="USER", is_customer="on"))
    User.objects.create_user("bob@example.org")
    assert list(User.objects.values_list("is_customer", flat=True)) == [False] * 4
