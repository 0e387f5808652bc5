import pytest
from django.db import connection

from accounts.models import User
from tests.factories import RestaurantFactory, RestaurantStaffFactory, UserFactory, staff_of

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("held", "as_staff", "as_manager", "as_owner"),
    [("STAFF", True, False, False), ("MANAGER", True, True, False), ("OWNER", True, True, True)],
)
def test_a_role_includes_those_below(held: str, as_staff: bool, as_manager: bool, as_owner: bool) -> None:
    place = RestaurantFactory.create()
    user = staff_of(place, held)
    assert (user.restaurants_as("STAFF") == {place.pk}) is as_staff
    assert (user.restaurants_as("MANAGER") == {place.pk}) is as_manager
    assert (user.restaurants_as("OWNER") == {place.pk}) is as_owner


@pytest.mark.parametrize("held", ["STAFF", "MANAGER", "OWNER"])
def test_an_admin_is_as_good_as_the_owner_of_theirs_alone(held: str) -> None:
    place, _ = RestaurantFactory.create(), RestaurantFactory.create()
    assert staff_of(place, held, role=User.Role.ADMIN).restaurants_as("OWNER") == {place.pk}


def test_roles_in_two_restaurants_do_not_mix() -> None:
    here, there = RestaurantFactory.create(), RestaurantFactory.create()
    user = staff_of(here, "OWNER")
    RestaurantStaffFactory.create(user=user, restaurant=there, role="STAFF")
    RestaurantStaffFactory.create(user=user, role="OWNER", is_active=False)
    assert user.restaurants_as("STAFF") == {here.pk, there.pk}
    assert user.restaurants_as("MANAGER") == {here.pk}


def test_a_role_this_code_does_not_know_gives_nothing() -> None:
    user = staff_of(RestaurantFactory.create(), "STAFF")
    with connection.cursor() as cursor:
        cursor.execute("ALTER TYPE \"StaffRole\" RENAME VALUE 'STAFF' TO 'CLEANER'")
    assert user.restaurants_as("STAFF") == frozenset()


def test_only_a_superadmin_may_do_everything() -> None:
    assert UserFactory.build(role="SUPERADMIN").has_perms(["orders.view_order", "x.y"]) is True
    assert UserFactory.build(role="SUPERADMIN").has_module_perms("orders") is True
    for other in (UserFactory.build(role="ADMIN"), UserFactory.build()):
        assert other.has_perm("orders.view_order") is False
        assert other.has_module_perms("orders") is False


def test_making_staff() -> None:
    user = User.objects.create_user("Ann@Example.org", "a password of some length", name="Ann")
    assert (user.email, user.role) == ("Ann@Example.org", "USER")
    assert user.check_password("a password of some length") is True
    assert User.objects.create_superuser("root@example.org", "another password").role == "SUPERADMIN"
    assert User.objects.create_user("nobody@example.org").has_usable_password() is False
