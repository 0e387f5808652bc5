from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone as django_timezone

from accounts.models import RestaurantStaff, User
from config.fields import EnumField, LegacyDateTimeField, LineField, PlainJSONField, RawBCryptField
from customers.models import Customer
from orders.models import OrderItem
from reservations.models import Reservation
from tests.factories import CustomerFactory, OrderFactory, ReservationFactory, RestaurantFactory, UserFactory

pytestmark = pytest.mark.django_db

HASH = "$2b$04$abcdefghijklmnopqrstuuqREtd3VJD2QVZbuFskFSLk6eRIrQoOS"


def column(table: str, name: str, row: int) -> Any:
    """Return one value as PostgreSQL writes it."""
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {name}::text FROM {table} WHERE id = %s", [row])
        return cursor.fetchone()[0]


def write(table: str, name: str, row: int, text: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"UPDATE {table} SET {name} = %s WHERE id = %s", [text, row])


@pytest.fixture(params=["UTC", "Europe/Berlin", "America/New_York"])
def zone(request: pytest.FixtureRequest) -> Iterator[str]:
    with django_timezone.override(request.param):
        yield request.param


@pytest.mark.parametrize("role", User.Role.values)
def test_an_enum_comes_back_as_it_was_written(role: str) -> None:
    user = UserFactory.create(role=role)
    user.refresh_from_db()
    assert user.role == role
    assert list(User.objects.filter(role=role)) == [user]
    assert list(User.objects.filter(role__in=[role])) == [user]
    assert column("users", "pg_typeof(role)", user.pk) == '"UserRole"'


def test_enums_can_be_written_many_at_once() -> None:
    restaurant = RestaurantFactory.create()
    users = [UserFactory.create() for _ in range(3)]
    RestaurantStaff.objects.bulk_create(
        RestaurantStaff(user=user, restaurant=restaurant, role=role)
        for user, role in zip(users, RestaurantStaff.Role.values, strict=True)
    )
    links = RestaurantStaff.objects.order_by("user_id")
    assert [link.role for link in links] == ["STAFF", "MANAGER", "OWNER"]
    links.update(role="STAFF")
    assert [link.role for link in links.all()] == ["STAFF", "STAFF", "STAFF"]


def test_asking_for_what_is_no_value_of_an_enum_is_a_value_error() -> None:
    with pytest.raises(ValueError) as caught:
        User.objects.filter(role="KING").exists()
    assert str(caught.value) == "'KING' is no value of the enum UserRole."


def test_an_enum_can_be_null() -> None:
    assert list(User.objects.filter(role__isnull=True)) == []


def test_an_instant_is_stored_in_utc_and_comes_back_aware(zone: str) -> None:
    written = datetime(2026, 6, 1, 0, 30, 15, 123000, tzinfo=timezone(timedelta(hours=5)))
    customer = CustomerFactory.create(last_login=written)
    customer.refresh_from_db()
    assert column("customers", "last_login", customer.pk) == "2026-05-31 19:30:15.123"
    assert customer.last_login == written
    assert customer.last_login.tzinfo is UTC
    assert list(Customer.objects.filter(last_login=written)) == [customer]
    assert list(Customer.objects.filter(last_login__lt=written + timedelta(seconds=1))) == [customer]


@pytest.mark.parametrize(
    ("zone_name", "day", "hour", "year"),
    [("UTC", 31, 23, 2025), ("Europe/Berlin", 1, 0, 2026), ("America/New_York", 31, 18, 2025)],
)
def test_dates_and_hours_are_those_of_the_time_zone(zone_name: str, day: int, hour: int, year: int) -> None:
    customer = CustomerFactory.create(last_login=datetime(2025, 12, 31, 23, 30, tzinfo=UTC))
    CustomerFactory.create(last_login=None)
    month = 1 if day == 1 else 12
    with django_timezone.override(zone_name):
        for lookup, right, wrong in (
            ("date", datetime(year, month, day).date(), datetime(2025, 12, 30).date()),
            ("year", year, 2024),
            ("month", month, 6),
            ("day", day, 15),
            ("hour", hour, 12),
            ("minute", 30, 31),
            ("year__gte", year, year + 1),
            ("date__gt", datetime(2025, 12, 30).date(), datetime(2026, 1, 2).date()),
        ):
            assert list(Customer.objects.filter(**{f"last_login__{lookup}": right})) == [customer], lookup
            assert list(Customer.objects.filter(**{f"last_login__{lookup}": wrong})) == [], lookup


@pytest.mark.parametrize(
    ("stored", "seen"),
    [
        ("infinity", "infinity"),
        ("-infinity", "-infinity"),
        ("0044-03-15 12:00:00 BC", "0044-03-15 12:00:00 BC"),
        ("10000-01-01 00:00:00", "10000-01-01 00:00:00"),
        ("294276-12-31 23:59:59.999", "294276-12-31 23:59:59.999"),
        ("0001-01-01 00:00:00", datetime(1, 1, 1, tzinfo=UTC)),
        ("9999-12-31 23:59:59.999", datetime(9999, 12, 31, 23, 59, 59, 999000, tzinfo=UTC)),
    ],
)
def test_what_python_cannot_hold_is_text_and_survives_a_save(stored: str, seen: object, zone: str) -> None:
    customer = CustomerFactory.create()
    write("customers", "created_at", customer.pk, stored)
    customer.refresh_from_db()
    assert customer.created_at == seen
    customer.full_clean(exclude=["password"])
    customer.save()
    assert column("customers", "created_at", customer.pk) == stored


def test_text_that_is_no_time_is_not_taken_for_one() -> None:
    with pytest.raises(Exception, match="invalid format"):
        Customer.objects.filter(created_at="yesterday").exists()


def test_bcrypt_is_raw_in_the_column_and_has_its_prefix_in_django() -> None:
    user = UserFactory.create(password="bcrypt$" + HASH)
    assert column("users", "password", user.pk) == HASH
    user.refresh_from_db()
    assert user.password == "bcrypt$" + HASH
    user.save()
    assert column("users", "password", user.pk) == HASH
    assert list(User.objects.filter(password="bcrypt$" + HASH)) == [user]


@pytest.mark.parametrize("stored", ["", "!", "MIGRATED_TO_CUSTOMERS_TABLE", "argon2$argon2id$x", "5baa61e4", "plain"])
def test_what_is_not_bcrypt_passes_unchanged_both_ways(stored: str) -> None:
    user = UserFactory.create()
    write("users", "password", user.pk, stored)
    user.refresh_from_db()
    assert user.password == stored
    user.save()
    assert column("users", "password", user.pk) == stored


def test_damaged_bcrypt_passes_unchanged_both_ways() -> None:
    user = UserFactory.create()
    write("users", "password", user.pk, "$2b$10$short")
    user.refresh_from_db()
    assert user.password == "bcrypt$$2b$10$short"
    user.save()
    assert column("users", "password", user.pk) == "$2b$10$short"


def test_json_keeps_its_text_as_it_was_written() -> None:
    order = OrderFactory.create()
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE order_items DROP CONSTRAINT order_items_menu_item_id_fkey")
    item = OrderItem.objects.create(order=order, menu_item_id=1, price=1, modifiers={"b": [1, None], "a": "ü"})
    item.refresh_from_db()
    assert item.modifiers == {"b": [1, None], "a": "ü"}
    assert column("order_items", "pg_typeof(modifiers)", item.pk) == "json"
    write("order_items", "modifiers", item.pk, '{"z":  1,\n"a": 2, "z": 3}')
    item.refresh_from_db()
    assert item.modifiers == {"z": 3, "a": 2}
    item.save(update_fields=["quantity"])
    assert column("order_items", "modifiers", item.pk) == '{"z":  1,\n"a": 2, "z": 3}'
    item.modifiers = None
    item.save()
    item.refresh_from_db()
    assert item.modifiers is None


def test_a_line_is_edited_in_one_line() -> None:
    widget = User._meta.get_field("email").formfield().widget
    assert widget.input_type == "text"


@pytest.mark.parametrize(
    ("field", "path", "options"),
    [
        (EnumField("UserRole"), "config.fields.EnumField", {"enum_type": "UserRole"}),
        (LegacyDateTimeField(null=True), "config.fields.LegacyDateTimeField", {"null": True}),
        (RawBCryptField(), "config.fields.RawBCryptField", {}),
        (LineField(), "config.fields.LineField", {}),
        (PlainJSONField(), "config.fields.PlainJSONField", {}),
    ],
)
def test_migrations_can_write_each_field_down(field: Any, path: str, options: dict[str, object]) -> None:
    assert field.deconstruct() == (None, path, [], options)


def test_times_are_shown_in_order_and_ordered_in_the_database() -> None:
    times = [datetime(2026, 1, day, tzinfo=UTC) for day in (3, 1, 2)]
    for when in times:
        ReservationFactory.create(reservation_date=when)
    assert list(Reservation.objects.order_by("reservation_date").values_list("reservation_date", flat=True)) == sorted(
        times
    )
