"""The legacy tables have the conventions of the application that made them."""

import pytest

from tests.databases import MakeLegacyDatabase, query

pytestmark = pytest.mark.engine


@pytest.fixture(autouse=True)
def plain(legacy_database: MakeLegacyDatabase) -> None:
    legacy_database("plain")


FOREIGN_KEYS = """
SELECT conrelid::regclass || '.' || attname || ' ' || confrelid::regclass || ' '
       || CASE confdeltype WHEN 'c' THEN 'CASCADE' WHEN 'n' THEN 'SET NULL' WHEN 'r' THEN 'RESTRICT' END
FROM pg_constraint JOIN pg_attribute ON attrelid = conrelid AND attnum = conkey[1]
WHERE contype = 'f' AND connamespace = 'public'::regnamespace
ORDER BY 1
"""

EXPECTED_KEYS = """
categories.restaurant_id restaurants CASCADE
categories.user_id users CASCADE
email_verification_tokens.user_id users CASCADE
guest_reservations.restaurant_id restaurants CASCADE
guest_reservations.user_id users SET NULL
ingredient_categories.user_id users CASCADE
ingredients.ingredient_category_id ingredient_categories SET NULL
ingredients.user_id users CASCADE
issue_comments.issue_id issues CASCADE
issue_comments.user_id users RESTRICT
issues.user_id users RESTRICT
menu_items.recipe_id recipes SET NULL
menu_items.section_id menu_sections CASCADE
menu_sections.menu_id menus CASCADE
menus.user_id users CASCADE
order_items.menu_item_id menu_items RESTRICT
order_items.order_id orders CASCADE
orders.reservation_id reservations SET NULL
orders.restaurant_id restaurants CASCADE
orders.user_id users CASCADE
password_reset_tokens.user_id users CASCADE
prep_columns.user_id users CASCADE
prep_tasks.prep_column_id prep_columns CASCADE
prep_tasks.user_id users CASCADE
recipe_ingredients.ingredient_id ingredients RESTRICT
recipe_ingredients.recipe_id recipes CASCADE
recipe_ingredients.sub_recipe_id recipes RESTRICT
recipe_ingredients.unit_id units_of_measure RESTRICT
recipes.category_id categories SET NULL
recipes.user_id users CASCADE
recipes.yield_unit_id units_of_measure SET NULL
refresh_tokens.user_id users CASCADE
reservation_logs.reservation_id reservations CASCADE
reservation_logs.user_id users SET NULL
reservations.restaurant_id restaurants CASCADE
reservations.user_id users CASCADE
restaurant_staff.restaurant_id restaurants CASCADE
restaurant_staff.user_id users CASCADE
units_of_measure.user_id users CASCADE
"""


def test_what_each_foreign_key_does_on_delete() -> None:
    assert [line for (line,) in query(FOREIGN_KEYS)] == EXPECTED_KEYS.strip().splitlines()


def test_every_foreign_key_follows_updates_is_checked_at_once_and_bears_its_column() -> None:
    assert (
        query(
            "SELECT conname FROM pg_constraint JOIN pg_attribute ON attrelid = conrelid AND attnum = conkey[1] "
            "WHERE contype = 'f' AND connamespace = 'public'::regnamespace AND (confupdtype <> 'c' OR condeferrable "
            "OR NOT convalidated OR conname <> conrelid::regclass || '_' || attname || '_fkey')"
        )
        == []
    )


INDEXES = """
SELECT i.relname, t.relname || '_' || string_agg(attname, '_' ORDER BY key.n)
       || CASE WHEN indisunique THEN '_key' ELSE '_idx' END
FROM pg_index
     JOIN pg_class i ON i.oid = indexrelid
     JOIN pg_class t ON t.oid = indrelid
     CROSS JOIN unnest(indkey) WITH ORDINALITY AS key (attnum, n)
     JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = key.attnum
WHERE t.relnamespace = 'public'::regnamespace AND NOT indisprimary AND t.relname <> 'separation_environment'
GROUP BY i.relname, t.relname, indisunique
"""


def test_indexes_bear_their_columns() -> None:
    indexes = query(INDEXES)
    assert len(indexes) > 30
    assert [found for found, expected in indexes if found != expected] == []


def test_ids_are_integers_drawn_from_the_tables_own_sequence() -> None:
    assert (
        query(
            "SELECT table_name FROM information_schema.columns WHERE table_schema = 'public' AND column_name = 'id' "
            "AND (data_type <> 'integer' OR column_default <> format('nextval(''%s_id_seq''::regclass)', table_name))"
        )
        == []
    )


def test_times_are_of_three_digits_without_a_zone_and_only_created_at_has_a_default() -> None:
    assert query(
        "SELECT column_name, is_nullable, column_default, count(*) FROM information_schema.columns "
        "WHERE table_schema = 'public' AND table_name <> 'separation_environment' "
        "AND column_name IN ('created_at', 'updated_at') "
        "AND data_type = 'timestamp without time zone' AND datetime_precision = 3 GROUP BY 1, 2, 3 ORDER BY 1"
    ) == [("created_at", "NO", "CURRENT_TIMESTAMP", 20), ("updated_at", "NO", None, 15)]


def test_the_columns_of_users_are_exactly_these() -> None:
    assert query(
        "SELECT attname, format_type(atttypid, atttypmod), attnotnull, pg_get_expr(adbin, adrelid) "
        "FROM pg_attribute LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum "
        "WHERE attrelid = 'users'::regclass AND attnum > 0 ORDER BY attnum"
    ) == [
        ("id", "integer", True, "nextval('users_id_seq'::regclass)"),
        ("email", "text", True, None),
        ("name", "text", False, None),
        ("password", "text", True, None),
        ("role", '"UserRole"', True, "'USER'::\"UserRole\""),
        ("is_customer", "boolean", True, "false"),
        ("phone", "character varying(50)", False, None),
        ("created_at", "timestamp(3) without time zone", True, "CURRENT_TIMESTAMP"),
        ("updated_at", "timestamp(3) without time zone", True, None),
    ]


def test_the_enums_have_their_values_in_order() -> None:
    assert query(
        "SELECT typname, string_agg(enumlabel, ' ' ORDER BY enumsortorder) FROM pg_enum "
        "JOIN pg_type t ON t.oid = enumtypid GROUP BY 1 ORDER BY 1"
    ) == [
        ("OrderItemStatus", "PENDING PREPARING READY SERVED CANCELLED"),
        ("OrderStatus", "NEW IN_PROGRESS READY COMPLETED CANCELLED"),
        ("OrderType", "DINE_IN TAKEOUT DELIVERY"),
        ("ReservationStatus", "CONFIRMED CANCELLED COMPLETED NO_SHOW"),
        ("StaffRole", "STAFF MANAGER OWNER"),
        ("UnitType", "WEIGHT VOLUME COUNT OTHER"),
        ("UserRole", "USER ADMIN SUPERADMIN"),
    ]
