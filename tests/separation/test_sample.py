"""The sample legacy databases: the same for the same seed, of the size that was asked for, and believable."""

import datetime
from typing import Any

import bcrypt
import pytest
from django.db import ProgrammingError, connection

from separation import sample
from separation.sample import builder
from tests.databases import Databases, MakeLegacyDatabase, default_connection_to, query

PLAIN_ROWS = {
    "categories": 12,
    "email_verification_tokens": 3,
    "guest_reservations": 3,
    "ingredient_categories": 21,
    "ingredients": 105,
    "issue_comments": 4,
    "issues": 2,
    "menu_items": 48,
    "menu_sections": 12,
    "menus": 6,
    "order_items": 239,
    "orders": 120,
    "password_reset_tokens": 1,
    "prep_columns": 9,
    "prep_tasks": 36,
    "recipe_ingredients": 177,
    "recipes": 45,
    "refresh_tokens": 12,
    "reservation_logs": 60,
    "reservations": 180,
    "restaurant_staff": 17,
    "restaurants": 3,
    "units_of_measure": 21,
    "users": 77,
}


def checksums() -> dict[str, str]:
    tables = query("SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace")
    return {
        table: query(f"SELECT md5(string_agg(t::text, E'\\n' ORDER BY t::text)) FROM {table} t")[0][0]
        for (table,) in tables
    }


def build_and_sum(databases: Databases, **arguments: Any) -> dict[str, str]:
    with databases.empty() as name, default_connection_to(name):
        sample.build(connection, **arguments)
        return checksums()


@pytest.mark.parametrize("kind", sample.KINDS)
def test_the_same_seed_gives_the_same_rows(databases: Databases, kind: str) -> None:
    first = build_and_sum(databases, kind=kind, customers=40, seed=7)
    assert build_and_sum(databases, kind=kind, customers=40, seed=7) == first


def test_another_seed_gives_other_people(databases: Databases) -> None:
    first = build_and_sum(databases, kind="plain", customers=40, seed=7)
    second = build_and_sum(databases, kind="plain", customers=40, seed=8)
    assert {table for table in first if first[table] != second[table]} >= {
        "users",
        "reservations",
        "orders",
        "order_items",
        "menu_items",
        "refresh_tokens",
    }


def test_the_rows_are_the_same_on_every_server_for_ever(databases: Databases) -> None:
    sums = build_and_sum(databases, kind="plain", customers=40, seed=7)
    assert {table: sums[table] for table in ("users", "reservations", "orders", "menu_items")} == {
        "users": "bb44dbc2cc8e20ca65ba9d456613c01c",
        "reservations": "b7149726f0d8ff7fdc32e4af5385c92f",
        "orders": "d3306368f655a3152e9bd84e95144498",
        "menu_items": "758bc34b3af576c81d5610abf82f0492",
    }


def test_another_today_moves_the_dates_with_it(empty_database: str) -> None:
    with default_connection_to(empty_database):
        sample.build(connection, kind="plain", customers=40, seed=1, today=datetime.date(2030, 2, 3))
        assert query("SELECT max(reservation_date)::date - date '2030-02-03' FROM reservations") == [(30,)]
        assert query(
            "SELECT count(*) FROM reservations WHERE (reservation_date < '2030-02-03') = (status = 'CONFIRMED')"
        ) == [(0,)]


def test_the_summary_counts_what_is_there(legacy_database: MakeLegacyDatabase) -> None:
    summary = legacy_database("plain").summary
    assert summary.rows == PLAIN_ROWS
    assert (summary.customers, summary.staff) == (63, 14)
    assert query("SELECT is_customer, count(*) FROM users GROUP BY 1 ORDER BY 1") == [(False, 14), (True, 63)]


@pytest.mark.parametrize(
    ("customers", "findings"),
    [
        (1, {"staff_marked_as_customer": 3}),
        (60, {"staff_marked_as_customer": 3, "duplicate_email": 4, "needs_password_reset": 2, "invalid_email": 1}),
    ],
)
def test_a_plain_sample_has_a_few_known_findings(
    legacy_database: MakeLegacyDatabase, customers: int, findings: dict[str, int]
) -> None:
    summary = legacy_database("plain", customers=customers).summary
    assert summary.expected_findings == findings
    assert query(
        "SELECT count(*) FROM users WHERE is_customer AND id <= (SELECT max(user_id) FROM restaurant_staff)"
    ) == [(findings["staff_marked_as_customer"],)]
    assert query("SELECT count(*) FROM users u JOIN users v ON lower(u.email) = lower(v.email) AND u.id <> v.id") == [
        (findings.get("duplicate_email", 0),)
    ]
    assert query("SELECT count(*) FROM users WHERE is_customer AND password !~ '^[$]2[ab][$]10[$]'") == [
        (findings.get("needs_password_reset", 0),)
    ]
    assert query("SELECT count(*) FROM users WHERE email NOT LIKE '%@%'") == [(findings.get("invalid_email", 0),)]


def test_a_larger_sample_has_more_restaurants_and_staff(legacy_database: MakeLegacyDatabase) -> None:
    summary = legacy_database("plain", customers=2000).summary
    assert {name: summary.rows[name] for name in ("restaurants", "users", "reservations", "orders")} == {
        "restaurants": 5,
        "users": 2027,
        "reservations": 6000,
        "orders": 4000,
    }


def test_everybody_is_invented(legacy_database: MakeLegacyDatabase) -> None:
    legacy_database("plain")
    assert (
        query("SELECT email FROM users WHERE email !~* '(@| at )(example[.](org|com|net)|[a-z0-9.-]+[.]example)$'")
        == []
    )
    assert query("SELECT count(DISTINCT name) > 50, count(*) FILTER (WHERE phone IS NULL) > 0 FROM users") == [
        (True, True)
    ]


def test_the_documented_passwords_open_every_account(legacy_database: MakeLegacyDatabase) -> None:
    legacy_database("plain")
    hashes = {
        staff: [password.encode() for (password,) in query(f"SELECT DISTINCT password FROM users WHERE {condition}")]
        for staff, condition in ((True, "id <= 17"), (False, "id > 17 AND password LIKE '$2%'"))
    }
    assert (len(hashes[True]), len(hashes[False])) == (3, 5)
    assert all(bcrypt.checkpw(sample.STAFF_PASSWORD.encode(), password) for password in hashes[True])
    assert all(bcrypt.checkpw(sample.CUSTOMER_PASSWORD.encode(), password) for password in hashes[False])


def test_the_staff_logins_are_one_of_each_role(legacy_database: MakeLegacyDatabase) -> None:
    assert legacy_database("plain").summary.staff_logins == (
        sample.StaffLogin("superadmin@platform.example", "SUPERADMIN", ""),
        sample.StaffLogin("admin@platform.example", "ADMIN", ""),
        sample.StaffLogin("owner@casa-lucia.example", "OWNER", "Casa Lucía"),
        sample.StaffLogin("manager@trattoria-belvedere.example", "MANAGER", "Trattoria Belvedere"),
        sample.StaffLogin("waiter1@casa-lucia.example", "STAFF", "Casa Lucía"),
    )


def test_totals_are_the_sum_of_the_items(legacy_database: MakeLegacyDatabase) -> None:
    legacy_database("plain")
    assert query(
        "SELECT count(*) FROM orders o WHERE total_amount IS DISTINCT FROM "
        "(SELECT sum(quantity * price) FROM order_items WHERE order_id = o.id)"
    ) == [(0,)]


def test_a_very_large_sample_has_totals_without_items(empty_database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(builder, "ITEMS_UP_TO", 39)
    with default_connection_to(empty_database):
        summary = sample.build(connection, kind="plain", customers=40, seed=1)
        assert (summary.rows["orders"], summary.rows["order_items"]) == (80, 0)
        assert query("SELECT count(*) FROM orders WHERE total_amount IS NULL OR total_amount < 12") == [(0,)]


def test_orders_belong_to_the_person_and_the_place_of_their_reservation(
    legacy_database: MakeLegacyDatabase,
) -> None:
    legacy_database("plain")
    assert query(
        "SELECT count(*) > 40, count(*) FILTER (WHERE (o.user_id, o.restaurant_id) <> (r.user_id, r.restaurant_id) "
        "OR r.status <> 'COMPLETED') FROM orders o JOIN reservations r ON r.id = o.reservation_id"
    ) == [(True, 0)]


def test_nobody_books_before_they_register(legacy_database: MakeLegacyDatabase) -> None:
    legacy_database("plain", customers=2000)
    assert query(
        "SELECT count(*) FROM reservations r JOIN users u ON u.id = r.user_id WHERE r.created_at < u.created_at"
    ) == [(0,)]


def test_staff_book_for_guests_on_the_phone(legacy_database: MakeLegacyDatabase) -> None:
    legacy_database("plain")
    assert query(
        "SELECT count(*) > 3, count(*) FILTER (WHERE s.id IS NULL) FROM reservations r "
        "LEFT JOIN restaurant_staff s USING (user_id, restaurant_id) WHERE r.source = 'phone'"
    ) == [(True, 0)]


@pytest.mark.parametrize("kind", ["plain", "ahead"])
def test_the_next_id_of_every_table_is_free(legacy_database: MakeLegacyDatabase, kind: str) -> None:
    for table in legacy_database(kind).summary.rows:
        following = query(f"SELECT nextval('{table}_id_seq') - coalesce(max(id), 0) FROM {table}")
        assert following == [(1,)], table


def test_an_unknown_kind_is_refused_before_anything_is_made(empty_database: str) -> None:
    with default_connection_to(empty_database):
        with pytest.raises(ValueError) as caught:
            sample.build(connection, kind="tidy", customers=5, seed=1)
        assert checksums() == {}
    assert str(caught.value) == "cannot build 5 customers of kind 'tidy': at least 1, of plain, ahead, half, dirty"


def test_a_table_in_the_way_leaves_everything_as_it_was(empty_database: str) -> None:
    with default_connection_to(empty_database):
        with connection.cursor() as cursor:
            cursor.execute("CREATE TABLE orders (id integer)")
        with pytest.raises(ProgrammingError) as caught:
            sample.build(connection, kind="plain", customers=5, seed=1)
        assert list(checksums()) == ["orders"]
    assert str(caught.value) == 'relation "orders" already exists'
