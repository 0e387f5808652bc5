"""`check_tenancy` finds whatever leads from one restaurant into another, counts, and only reads."""

import io
import json

import pytest
from django.core.management import call_command
from django.db import connection

from separation.database import name_of
from separation.tenancy import CHECKS, SQL, check_tenancy
from tests.databases import default_connection_to
from tests.separation.engine import checksums, columns_of, move, one, query
from tests.separation.verify import damage, undone

pytestmark = pytest.mark.engine


@pytest.fixture(scope="module")
def moved(databases):
    """The name of a migrated database, made once for all tests of this file."""
    with databases.clone("plain", 60, 1, True, True) as database:
        yield database.name


@pytest.fixture
def plain(moved):
    """The connection to that database."""
    with default_connection_to(moved) as connection:
        yield connection


def run(*arguments):
    out, err = io.StringIO(), io.StringIO()
    try:
        call_command("check_tenancy", *arguments, stdout=out, stderr=err, no_color=True)
    except SystemExit as ended:
        return ended.code, out.getvalue(), err.getvalue()
    return 0, out.getvalue(), err.getvalue()


# By check: what is damaged, with what it says beside the sample.
DAMAGES = {
    "reservations_placed": "UPDATE reservations SET restaurant_id = 4711 WHERE id = 5 RETURNING id",
    "orders_placed": "UPDATE orders SET restaurant_id = 4711 WHERE id = 5 RETURNING id",
    "order_items_placed": "UPDATE order_items SET menu_item_id = 4711 WHERE id = 5 RETURNING id",
    "menus_placed": "UPDATE menus SET restaurant_id = 4711 WHERE id = 1 RETURNING id",
    "recipes_placed": "UPDATE recipes SET restaurant_id = 4711 WHERE id = 1 RETURNING id",
    "menu_items_placed": "UPDATE menu_items SET section_id = 4711 WHERE id = 1 RETURNING id",
    "categories_placed": "UPDATE categories SET restaurant_id = 4711 WHERE id = 1 RETURNING id",
    "staff_placed": "UPDATE restaurant_staff SET user_id = 4711 WHERE id = 1 RETURNING id",
    "customers_placed": "UPDATE customer_restaurants SET restaurant_id = 4711 WHERE id = 1 RETURNING id",
    "policies_placed": """INSERT INTO booking_policies (restaurant_id) VALUES (4711)
        RETURNING concat('policy ', id)""",
    "slots_placed": """INSERT INTO booking_slots (restaurant_id, day, minute) VALUES (4711, '2026-06-01', -1)
        RETURNING 'restaurant 4711, 2026-06-01 -1'""",
    "terms_placed": "INSERT INTO booking_terms (reservation_id) VALUES (4711) RETURNING reservation_id",
    "orders_of_reservations": """UPDATE orders o SET restaurant_id = r.id FROM restaurants r
        WHERE o.id = (SELECT min(id) FROM orders WHERE reservation_id IS NOT NULL)
            AND r.id = (SELECT min(id) FROM restaurants WHERE id <> o.restaurant_id) RETURNING o.id""",
    "items_of_orders": """UPDATE order_items t SET menu_item_id = (
            SELECT min(d.id) FROM menu_items d
                JOIN menu_sections s ON s.id = d.section_id JOIN menus m ON m.id = s.menu_id
            WHERE m.restaurant_id <> (SELECT restaurant_id FROM orders o WHERE o.id = t.order_id))
        WHERE t.id = 5 RETURNING id""",
    "dishes_of_menus": """UPDATE menu_items d SET recipe_id = (
        SELECT min(r.id) FROM recipes r WHERE r.restaurant_id <> (
            SELECT m.restaurant_id FROM menus m JOIN menu_sections s ON s.menu_id = m.id WHERE s.id = d.section_id))
        WHERE d.id = (SELECT min(id) FROM menu_items WHERE recipe_id IS NOT NULL) RETURNING id""",
    "recipes_of_categories": """UPDATE recipes r SET category_id = (
            SELECT min(k.id) FROM categories k WHERE k.restaurant_id <> r.restaurant_id)
        WHERE r.id = (SELECT min(id) FROM recipes WHERE restaurant_id IS NOT NULL) RETURNING id""",
    "parts_of_recipes": """INSERT INTO recipe_ingredients (recipe_id, sub_recipe_id, quantity, unit_id, updated_at)
        SELECT a.id, b.id, 1, (SELECT min(id) FROM units_of_measure), now() FROM recipes a, recipes b
        WHERE a.restaurant_id = 1 AND b.restaurant_id = 2 ORDER BY a.id, b.id LIMIT 1 RETURNING id""",
    "bookings_known": """DELETE FROM customer_restaurants WHERE (customer_id, restaurant_id) = (
            SELECT customer_id, restaurant_id FROM reservations WHERE customer_id IS NOT NULL ORDER BY id LIMIT 1)
        RETURNING concat('customer ', customer_id, ' at restaurant ', restaurant_id)""",
}


def test_each_damage_is_found_by_its_check_with_its_id(plain):
    assert list(DAMAGES) == [check.id for check in CHECKS]
    for identifier, sql in DAMAGES.items():
        with undone(plain):
            expected = damage(plain, sql)
            counted = query(plain, f"SELECT id FROM ({getattr(SQL, identifier)}) q WHERE NOT ok")
            assert [id for (id,) in counted] == expected != [], identifier


@pytest.mark.parametrize("kind", ["plain", "ahead", "half"])
def test_it_holds_after_adoption_and_after_the_move(legacy_database, kind):
    legacy_database(kind, adopted=True)
    assert [result.id for result in check_tenancy(connection).failures] == []
    move(connection)
    assert [result.id for result in check_tenancy(connection).failures] == []


def test_what_leads_elsewhere_is_printed_with_its_ids_and_the_next_command(legacy_database):
    database = legacy_database("plain", adopted=True)
    (order,) = damage(connection, DAMAGES["orders_of_reservations"])
    with_reservation = one(connection, "SELECT count(*) FROM orders WHERE reservation_id IS NOT NULL")
    before = checksums(connection, columns_of(connection))

    code, out, err = run()

    lines = out.splitlines()
    at = next(number for number, line in enumerate(lines) if "orders_of_reservations" in line)
    assert (code, err) == (1, "")
    assert lines[at : at + 4] == [
        f"fail  orders_of_reservations  {with_reservation} orders with a reservation compared; 1 wrong",
        " " * 30 + "Broken: Every order is at the restaurant of its reservation.",
        " " * 30 + f"ids: {order}",
        " " * 30 + "Next: give the order the restaurant of its reservation, or no reservation",
    ]
    assert lines[-1] == (f"2 of 18 checks fail in database {database.name!r}: orders_of_reservations, items_of_orders.")
    assert checksums(connection, columns_of(connection)) == before


def test_a_menu_that_says_no_restaurant_is_no_failure(legacy_database):
    legacy_database("plain", adopted=True)
    menus = damage(connection, "UPDATE menus SET restaurant_id = NULL WHERE restaurant_id = 1 RETURNING id")

    code, out, _ = run("--json")

    found = json.loads(out)
    results = {result["id"]: result for result in found["results"]}
    assert (code, found["ok"], found["failures"]) == (0, True, 0)
    assert (results["menus_placed"]["status"], results["menus_placed"]["sample"]) == ("warn", menus)
    assert results["menus_placed"]["remedy"] == "give the menu or the recipe its restaurant in the admin"
    assert results["dishes_of_menus"]["status"] == "warn"
    assert found["restaurants"][-1]["menus"] == len(menus)


def test_what_each_restaurant_has_is_counted(plain):
    code, out, err = run("--json")

    found = json.loads(out)
    assert (code, err, found["database"]) == (0, "", name_of(plain))
    assert set(found) == {"database", "ok", "failures", "warnings", "verdict", "results", "restaurants"}
    assert len(found["restaurants"]) == one(plain, "SELECT count(*) + 1 FROM restaurants")
    assert found["restaurants"][0] == {
        "id": 1,
        "name": one(plain, "SELECT name FROM restaurants WHERE id = 1"),
        "staff": one(plain, "SELECT count(*) FROM restaurant_staff WHERE restaurant_id = 1"),
        "customers": one(plain, "SELECT count(*) FROM customer_restaurants WHERE restaurant_id = 1"),
        "reservations": one(plain, "SELECT count(*) FROM reservations WHERE restaurant_id = 1"),
        "orders": one(plain, "SELECT count(*) FROM orders WHERE restaurant_id = 1"),
        "order_items": one(
            plain, "SELECT count(*) FROM order_items t JOIN orders o ON o.id = t.order_id WHERE o.restaurant_id = 1"
        ),
        "menus": one(plain, "SELECT count(*) FROM menus WHERE restaurant_id = 1"),
        "menu_items": one(
            plain,
            """SELECT count(*) FROM menu_items i JOIN menu_sections s ON s.id = i.section_id
            JOIN menus m ON m.id = s.menu_id WHERE m.restaurant_id = 1""",
        ),
        "recipes": one(plain, "SELECT count(*) FROM recipes WHERE restaurant_id = 1"),
    }


def test_a_database_that_is_not_adopted_is_refused(legacy_database):
    database = legacy_database("plain")

    assert run() == (
        3,
        "",
        f"Refused (adoption): Database {database.name!r} has not been adopted yet: the new tables are not there.\n"
        "Next: python manage.py migrate\n",
    )
