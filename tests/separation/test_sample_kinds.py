"""What makes each kind of legacy database what it is."""

import pytest

from tests.databases import MakeLegacyDatabase, query

pytestmark = pytest.mark.engine


def true(sql: str) -> bool:
    return query(f"SELECT coalesce(({sql}), false)") == [(True,)]


def columns(table: str) -> list[str]:
    return [
        name
        for (name,) in query(
            f"SELECT attname FROM pg_attribute WHERE attrelid = '{table}'::regclass AND attnum > 0 ORDER BY attnum"
        )
    ]


def test_ahead_has_a_customer_on_reservations_that_is_a_users_id(legacy_database: MakeLegacyDatabase) -> None:
    legacy_database("ahead")
    assert query(
        "SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint "
        "WHERE conrelid = 'reservations'::regclass AND conname LIKE '%customer_id%'"
    ) == [
        (
            "reservations_customer_id_fkey",
            "FOREIGN KEY (customer_id) REFERENCES users(id) ON UPDATE CASCADE ON DELETE SET NULL",
        )
    ]
    assert query("SELECT indexdef FROM pg_indexes WHERE indexname = 'reservations_customer_id_idx'") == [
        ("CREATE INDEX reservations_customer_id_idx ON public.reservations USING btree (customer_id)",)
    ]


def test_ahead_names_the_guest_of_some_phone_bookings_and_repeats_the_user_of_some_others(
    legacy_database: MakeLegacyDatabase,
) -> None:
    legacy_database("ahead", customers=200)
    phone = "r.source = 'phone'"
    rows = "SELECT {} FROM reservations r LEFT JOIN users c ON c.id = r.customer_id"
    assert true(rows.format(f"count(*) FILTER (WHERE {phone} AND c.email = r.customer_email AND c.is_customer) > 5"))
    assert true(rows.format(f"count(*) FILTER (WHERE {phone} AND r.customer_id IS NULL) > 5"))
    assert true(rows.format(f"count(*) FILTER (WHERE NOT {phone} AND r.customer_id = r.user_id) > 50"))
    assert true(rows.format(f"count(*) FILTER (WHERE NOT {phone} AND r.customer_id IS NULL) > 50"))
    assert true(rows.format("count(*) FILTER (WHERE c.email <> r.customer_email) = 0"))


def test_ahead_has_profiles_keyed_by_user_for_a_third_of_the_customers_and_a_waiter(
    legacy_database: MakeLegacyDatabase,
) -> None:
    database = legacy_database("ahead")
    assert columns("customer_profiles") == [
        "id",
        "user_id",
        "phone_verified",
        "email_verified",
        "preferred_contact_method",
        "dietary_restrictions",
        "special_requests",
        "vip_status",
        "tags",
        "notes",
        "marketing_opt_in",
        "birthday",
        "anniversary",
        "created_at",
        "updated_at",
    ]
    assert database.summary.rows["customer_profiles"] == 21
    assert query("SELECT email FROM customer_profiles JOIN users u ON u.id = user_id WHERE NOT is_customer") == [
        ("waiter1@casa-lucia.example",)
    ]


def test_ahead_has_the_people_of_plain(legacy_database: MakeLegacyDatabase) -> None:
    people = "SELECT md5(string_agg(u::text, '' ORDER BY id)) FROM users u"
    legacy_database("plain")
    plain = query(people)
    legacy_database("ahead")
    assert query(people) == plain


def test_dirty_says_what_there_is_to_find(legacy_database: MakeLegacyDatabase) -> None:
    assert legacy_database("dirty").summary.expected_findings == {
        "duplicate_email": 9,
        "invalid_email": 7,
        "needs_password_reset": 8,
        "no_restaurant": 3,
        "orphan": 5,
        "restaurant_mismatch": 2,
        "staff_marked_as_customer": 9,
    }


PECULIARITIES = {
    "emails that differ only in case or blanks": "SELECT count(*) = 9 FROM users u WHERE EXISTS (SELECT FROM users v "
    "WHERE v.id <> u.id AND lower(btrim(v.email, E' \\t')) = lower(btrim(u.email, E' \\t')) AND btrim(u.email) <> '')",
    "an empty email": "SELECT true FROM users WHERE email = ''",
    "a blank email": "SELECT true FROM users WHERE email <> '' AND btrim(email) = ''",
    "an email without @": "SELECT true FROM users WHERE email = 'not-an-address'",
    "an email with nothing before the @": "SELECT true FROM users WHERE email LIKE '@%'",
    "an email with nothing after the @": "SELECT true FROM users WHERE email LIKE '%@'",
    "an email with a blank inside": "SELECT true FROM users WHERE email LIKE 'two words@%'",
    "an email with a tab": "SELECT true FROM users WHERE email LIKE E'\\ttab.before@%'",
    "a name that is null": "SELECT true FROM users WHERE name IS NULL",
    "a name of blanks": "SELECT true FROM users WHERE name = '   '",
    "a name of one word": "SELECT true FROM users WHERE name = 'Prince'",
    "a name of five words": "SELECT true FROM users WHERE name = 'María de los Ángeles Fuentes'",
    "a Cyrillic name": "SELECT true FROM users WHERE name = 'Анна-Мария Петровна Ёлкина'",
    "an Arabic name": "SELECT true FROM users WHERE name = 'عبد الرحمن بن خالد'",
    "a name with tabs": "SELECT true FROM users WHERE name = E'\\tAda\\t \\tLovelace\\n'",
    "a name in which letters are composed": "SELECT true FROM users WHERE name = U&'Zoe\\0308 Cafe\\0301'",
    "a name of 313 characters": "SELECT true FROM users WHERE length(name) = 313",
    "a control character": "SELECT true FROM users WHERE name LIKE E'%\\u001B[31m'",
    "an empty password": "SELECT true FROM users WHERE email LIKE 'empty.password@%' AND password = ''",
    "a SHA-1 password": "SELECT true FROM users WHERE password ~ '^[0-9a-f]{40}$'",
    "a PHP password": "SELECT true FROM users WHERE password LIKE '$2y$10$%' AND length(password) = 60",
    "half a bcrypt password": "SELECT true FROM users WHERE password LIKE '$2b$%' AND length(password) < 60",
    "the marker of an earlier attempt": "SELECT true FROM users WHERE password = 'MIGRATED_TO_CUSTOMERS_TABLE'",
    "a superadmin marked as customer": "SELECT true FROM users WHERE is_customer AND role = 'SUPERADMIN'",
    "an admin marked as customer": "SELECT true FROM users WHERE is_customer AND role = 'ADMIN'",
    "a manager marked as customer": "SELECT true FROM users u JOIN restaurant_staff s ON s.user_id = u.id "
    "WHERE is_customer AND s.role = 'MANAGER' AND email = 'manager.guest@example.org'",
    "an owner of two restaurants marked as customer": "SELECT count(*) = 2 FROM users u "
    "JOIN restaurant_staff s ON s.user_id = u.id WHERE is_customer AND s.role = 'OWNER' AND email LIKE 'two.owners@%'",
    "an author of recipes marked as customer": "SELECT true FROM recipes r JOIN users u ON u.id = r.user_id "
    "WHERE is_customer AND NOT EXISTS (SELECT FROM restaurant_staff s WHERE s.user_id = u.id)",
    "an author of menus marked as customer": "SELECT true FROM menus m JOIN users u ON u.id = m.user_id "
    "WHERE is_customer AND NOT EXISTS (SELECT FROM restaurant_staff s WHERE s.user_id = u.id)",
    "customers who wait at table": "SELECT count(*) = 2 AND bool_or(is_active) AND NOT bool_and(is_active) "
    "FROM users u JOIN restaurant_staff s ON s.user_id = u.id WHERE u.is_customer AND s.role = 'STAFF'",
    "reservations of nobody": "SELECT count(*) = 3 FROM reservations WHERE user_id NOT IN (SELECT id FROM users)",
    "orders of nobody": "SELECT count(*) = 2 FROM orders WHERE user_id NOT IN (SELECT id FROM users)",
    "no key from reservations and orders to users": "SELECT count(*) = 0 FROM pg_constraint WHERE contype = 'f' "
    "AND confrelid = 'users'::regclass AND conrelid IN ('reservations'::regclass, 'orders'::regclass)",
    "orders at another restaurant than their reservation": "SELECT count(*) = 2 FROM orders o "
    "JOIN reservations r ON r.id = o.reservation_id WHERE o.restaurant_id <> r.restaurant_id",
    "a customer of two restaurants": "SELECT count(DISTINCT restaurant_id) = 2 FROM reservations r "
    "JOIN users u ON u.id = r.user_id WHERE u.email = 'two.houses@example.org'",
    "a customer of an inactive restaurant alone": "SELECT bool_and(NOT p.is_active) FROM reservations r "
    "JOIN users u ON u.id = r.user_id JOIN restaurants p ON p.id = r.restaurant_id WHERE u.email LIKE 'closed.house@%'",
    "a phone number of 60 characters": "SELECT true FROM users WHERE length(phone) = 60",
    "phone numbers in a text column": "SELECT pg_typeof(phone) = 'text'::regtype FROM users LIMIT 1",
    "the year 1": "SELECT true FROM users WHERE created_at = '0001-01-01'",
    "the year 9999": "SELECT true FROM users WHERE updated_at = '9999-12-31 23:59:59.999'",
    "infinity, both ways": "SELECT true FROM users WHERE created_at = '-infinity' AND updated_at = 'infinity'",
    "a reservation for the end of time": "SELECT true FROM reservations WHERE reservation_date = 'infinity'",
    "the greatest id": "SELECT true FROM users WHERE id = 2147483647",
    "ids after which the sequence still goes on": "SELECT nextval('users_id_seq') < 1000",
    "an order without a total": "SELECT true FROM orders WHERE total_amount IS NULL",
    "an order below zero": "SELECT true FROM orders WHERE total_amount < 0",
    "an array that does not start at 1": "SELECT true FROM recipes WHERE array_lower(tags, 1) = 2",
    "an array with a null": "SELECT true FROM reservations WHERE table_ids[1] IS NULL AND cardinality(table_ids) = 2",
    "a JSON null that is no SQL null": "SELECT true FROM reservation_logs WHERE details = 'null'",
}


def test_dirty_has_everything_awkward_that_was_seen(legacy_database: MakeLegacyDatabase) -> None:
    legacy_database("dirty")
    assert [name for name, condition in PECULIARITIES.items() if not true(condition)] == []


def test_half_has_an_earlier_attempts_tables(legacy_database: MakeLegacyDatabase) -> None:
    legacy_database("half")
    assert columns("customers")[:7] == ["id", "email", "password", "first_name", "last_name", "phone", "email_verified"]
    assert query(
        "SELECT pg_get_constraintdef(oid) FROM pg_constraint "
        "WHERE conrelid = 'customer_restaurants'::regclass AND contype = 'p'"
    ) == [("PRIMARY KEY (customer_id, restaurant_id)",)]
    assert query("SELECT (SELECT count(*) FROM customer_sessions), (SELECT count(*) FROM customer_restaurants)") == [
        (0, 0)
    ]
    assert "customer_id" in columns("reservations")


def test_half_lost_the_passwords_that_it_copied(legacy_database: MakeLegacyDatabase) -> None:
    legacy_database("half")
    assert query(
        "SELECT count(*), count(*) FILTER (WHERE c.password LIKE '$2%'), count(*) FILTER (WHERE c.id = u.id) "
        "FROM customers c JOIN users u USING (email) WHERE u.password = 'MIGRATED_TO_CUSTOMERS_TABLE'"
    ) == [(30, 30, 1)]
    assert query("SELECT count(*) FROM users WHERE password = 'MIGRATED_TO_CUSTOMERS_TABLE'") == [(30,)]
    assert query("SELECT email FROM customers WHERE email NOT IN (SELECT email FROM users)") == [
        ("gone.since@example.org",)
    ]


def test_half_gave_customers_ids_that_are_other_peoples(legacy_database: MakeLegacyDatabase) -> None:
    legacy_database("half")
    assert true("SELECT count(*) > 10 FROM customers c JOIN users u USING (id) WHERE c.email <> u.email")


def test_camel_has_the_same_rows_in_quoted_columns(legacy_database: MakeLegacyDatabase) -> None:
    database = legacy_database("camel")
    assert columns("users") == [
        "id",
        "email",
        "name",
        "password",
        "role",
        "isCustomer",
        "phone",
        "createdAt",
        "updatedAt",
    ]
    assert query('SELECT count(*) FROM reservations r JOIN users u ON u.id = r."userId"') == [
        (database.summary.rows["reservations"],)
    ]
    assert (
        query(
            "SELECT attname FROM pg_attribute JOIN pg_class c ON c.oid = attrelid WHERE relkind = 'r' "
            "AND relnamespace = 'public'::regnamespace AND relname <> 'separation_environment' "
            "AND attname LIKE '%\\_%' AND attnum > 0"
        )
        == []
    )
