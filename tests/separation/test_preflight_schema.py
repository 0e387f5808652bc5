"""The preflight about the schema: columns, foreign keys, triggers, migrations."""

from collections.abc import Callable
from pathlib import Path

import pytest
from django.db.backends.base.base import BaseDatabaseWrapper
from pytest_django.fixtures import Settings

from separation.policy import fates
from separation.preflight import FAIL, PASS, WARN, Result, run_preflight
from separation.shape import differences
from tests.databases import LegacyDatabase
from tests.separation.engine import query

Make = Callable[..., LegacyDatabase]


def check(connection: BaseDatabaseWrapper, name: str) -> Result:
    (result,) = run_preflight(connection, only=(name,)).results
    return result


@pytest.mark.parametrize("adopted", [False, True])
def test_a_plain_database_is_as_the_models_expect(legacy_database: Make, adopted: bool) -> None:
    connection = legacy_database("plain", adopted=adopted).connection
    assert check(connection, "schema") == Result(PASS, "Every column is as the models expect.", 0, id="schema")


def test_what_can_be_worked_with_is_a_warning(legacy_database: Make) -> None:
    assert check(legacy_database("dirty").connection, "schema") == Result(
        WARN,
        "1 difference from the models' columns, all of a kind they can work with.",
        1,
        details=["works: users.phone is text, the model's is character varying(50)"],
        id="schema",
    )


def test_a_table_of_profiles_that_cannot_be_extended_is_a_failure(legacy_database: Make) -> None:
    connection = legacy_database("ahead").connection
    query(connection, "ALTER TABLE customer_profiles ALTER COLUMN birthday TYPE text")
    found = check(connection, "schema")
    assert (found.status, found.details) == (FAIL, ["fails: customer_profiles.birthday is text, the model's is date"])


def test_what_cannot_is_a_failure(legacy_database: Make) -> None:
    connection = legacy_database("plain").connection
    query(connection, "ALTER TABLE users DROP COLUMN is_customer, ALTER COLUMN name TYPE varchar(200)")
    assert check(connection, "schema") == Result(
        FAIL,
        "1 difference from the models' columns that they cannot work with.",
        2,
        details=[
            "works: users.name is character varying(200), the model's is text",
            "fails: users.is_customer is missing",
        ],
        remedy="put the columns right in the database, then: python manage.py preflight",
        id="schema",
    )


@pytest.mark.parametrize(
    ("change", "expected", "fatal"),
    [
        ("ALTER TABLE orders DROP COLUMN notes", "orders.notes is missing", True),
        (
            "ALTER TABLE orders ALTER COLUMN created_at TYPE timestamp(6)",
            "orders.created_at is timestamp(6) without time zone, the model's is timestamp(3) without time zone",
            False,
        ),
        (
            "ALTER TABLE orders ALTER COLUMN created_at TYPE timestamptz",
            "orders.created_at is timestamp with time zone, the model's is timestamp(3) without time zone",
            True,
        ),
        (
            "ALTER TABLE orders ALTER COLUMN total_amount TYPE double precision",
            "orders.total_amount is double precision, the model's is numeric(10,2)",
            True,
        ),
        (
            "ALTER TABLE orders ALTER COLUMN total_amount TYPE numeric(12,3)",
            "orders.total_amount is numeric(12,3), the model's is numeric(10,2)",
            False,
        ),
        (
            "ALTER TABLE order_items ALTER COLUMN modifiers TYPE jsonb",
            "order_items.modifiers is jsonb, the model's is json",
            False,
        ),
        (
            "ALTER TABLE orders DROP COLUMN id, ADD COLUMN id uuid PRIMARY KEY",
            "orders.id is uuid, the model's is integer",
            True,
        ),
        (
            "ALTER TABLE orders ALTER COLUMN reservation_id TYPE bigint",
            "orders.reservation_id is bigint, the model's is integer",
            False,
        ),
        (
            "ALTER TABLE orders ALTER COLUMN status DROP DEFAULT, ALTER COLUMN status TYPE text",
            'orders.status is text, the model\'s is "OrderStatus"',
            False,
        ),
        (
            "ALTER TABLE orders ALTER COLUMN notes SET NOT NULL",
            "orders.notes cannot be null, in the model it can",
            False,
        ),
        (
            "ALTER TABLE orders ALTER COLUMN user_id DROP NOT NULL",
            "orders.user_id can be null, in the model it cannot",
            False,
        ),
        (
            "ALTER TABLE orders ALTER COLUMN status SET DEFAULT 'READY'",
            "orders.status has the default 'READY'::\"OrderStatus\", the model's is 'NEW'",
            False,
        ),
        (
            "ALTER TABLE reservations ALTER COLUMN duration_minutes DROP DEFAULT",
            "reservations.duration_minutes has the default null, the model's is '90'",
            False,
        ),
        (
            "ALTER TABLE orders ALTER COLUMN id DROP DEFAULT",
            "orders.id has no default, so that no row can be added",
            True,
        ),
        (
            "ALTER TYPE \"OrderType\" ADD VALUE 'CATERING'",
            "orders.order_type can be CATERING, which the model does not know",
            False,
        ),
        (
            "ALTER TYPE \"OrderType\" RENAME VALUE 'DELIVERY' TO 'SENT'",
            "orders.order_type cannot be DELIVERY, in the model it can",
            False,
        ),
        (
            "ALTER TABLE orders ADD COLUMN till integer NOT NULL",
            "orders.till is unknown to the models, and rows without it are impossible",
            False,
        ),
        ("DROP TABLE order_items", "order_items is missing; migrate will make it, empty", False),
    ],
)
def test_each_difference(legacy_database: Make, change: str, expected: str, fatal: bool) -> None:
    connection = legacy_database("plain").connection
    query(connection, "TRUNCATE orders CASCADE; ALTER TABLE order_items DROP CONSTRAINT order_items_order_id_fkey")
    query(connection, change)
    found = {str(difference): difference.fatal for difference in differences(connection, adopted=False)}
    assert found.get(expected) is fatal, found


def test_new_tables_are_expected_once_adopted(legacy_database: Make) -> None:
    connection = legacy_database("plain", adopted=True).connection
    query(connection, "DROP TABLE customer_sessions; ALTER TABLE customers DROP COLUMN anonymized_at")
    assert check(connection, "schema").details == [
        "fails: customers.anonymized_at is missing",
        "fails: customer_sessions is missing",
    ]


def test_foreign_keys_and_what_becomes_of_the_rows_behind_them(legacy_database: Make) -> None:
    connection = legacy_database("plain").connection
    query(connection, "CREATE TABLE loyalty (id serial, member integer REFERENCES users (id) ON DELETE SET DEFAULT)")
    assert check(connection, "foreign_keys") == Result(
        PASS,
        "19 foreign keys to users; the migration deletes no user, so all their rows stay.",
        19,
        id="foreign_keys",
    )
    result = check(connection, "fates")
    assert result.status == WARN
    assert result.message == (
        "Customers hold rows behind 14 foreign keys, and nobody said what becomes of those: clean-up will refuse."
    )
    assert result.remedy == (
        "say it in separation.toml, as separation.toml.example shows, then: python manage.py preflight"
    )
    for line in (
        "reservation_logs.user_id ON DELETE SET NULL: 44 rows of customers: undecided; deleting their users would "
        "empty the column",
        "issues.user_id ON DELETE RESTRICT: 2 rows of customers: undecided; deleting their users would fail",
        "loyalty.member ON DELETE SET DEFAULT: no row of a customer",
        "refresh_tokens.user_id ON DELETE CASCADE: 12 rows of customers: undecided; deleting their users would destroy "
        "them",
        "reservations.user_id ON DELETE CASCADE: 175 rows of customers: they stay, and the column is emptied (its "
        "customer_id says whose it is)",
        "restaurant_staff.user_id ON DELETE CASCADE: 3 rows of customers: they are archived and deleted "
        "(customer_restaurants has what it says)",
    ):
        assert line in result.details, "\n".join(result.details)


def test_a_policy_for_every_key(legacy_database: Make, settings: Settings, tmp_path: Path) -> None:
    connection = legacy_database("plain").connection
    undecided = [str(fate) for fate in fates(connection) if fate.fate == "undecided"]
    path = tmp_path / "separation.toml"
    settings.SEPARATION_POLICY = str(path)
    path.write_text("[foreign_keys]\n" + "".join(f'"{key}" = "forget"\n' for key in undecided))
    assert check(connection, "fates").status == PASS
    path.write_text('[foreign_keys]\n"issues.user_id" = "stays"\n')
    result = check(connection, "fates")
    assert (result.status, result.message) == (
        FAIL,
        "The policy cannot be carried out: issues.user_id cannot stay: user_id cannot be null, so that nothing can "
        "empty it.",
    )
    path.write_text('[foreign_key]\n"issues.user_id" = "stays"\n')
    assert check(connection, "fates") == Result(
        FAIL,
        f'{path}, line 1, "foreign_key" is not known: the only section is [foreign_keys].',
        "",
        remedy="put that right, then: python manage.py preflight",
        id="fates",
    )


def test_foreign_keys_that_are_not_what_they_should_be(legacy_database: Make) -> None:
    connection = legacy_database("plain").connection
    query(connection, "ALTER TABLE orders DROP CONSTRAINT orders_user_id_fkey")
    query(
        connection,
        """ALTER TABLE reservations DROP CONSTRAINT reservations_user_id_fkey;
        ALTER TABLE reservations ADD FOREIGN KEY (user_id) REFERENCES users NOT VALID;
        ALTER TABLE issues ALTER CONSTRAINT issues_user_id_fkey DEFERRABLE""",
    )
    result = check(connection, "foreign_keys")
    assert result.status == WARN
    assert result.message == (
        "17 foreign keys to users; the migration deletes no user, so all their rows stay. But orders.user_id has none, "
        "reservations.user_id has one that was never validated, issues.user_id has one that is deferrable."
    )


def test_a_trigger_that_linking_would_fire(legacy_database: Make) -> None:
    connection = legacy_database("plain").connection
    query(
        connection,
        """CREATE FUNCTION stamp() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN NEW.updated_at = now(); RETURN NEW; END';
        CREATE TRIGGER stamp BEFORE UPDATE ON orders FOR EACH ROW EXECUTE FUNCTION stamp();
        CREATE TRIGGER of_notes BEFORE UPDATE OF notes ON orders FOR EACH ROW EXECUTE FUNCTION stamp();
        CREATE TRIGGER of_new BEFORE INSERT ON reservations FOR EACH ROW EXECUTE FUNCTION stamp()""",
    )
    assert check(connection, "triggers") == Result(
        WARN,
        "1 trigger will fire when reservations and orders get their customer_id.",
        1,
        details=["stamp on orders"],
        remedy="see to it that they leave updated_at and all else alone when only customer_id changes",
        id="triggers",
    )


def test_migrations_that_are_not_applied(legacy_database: Make) -> None:
    connection = legacy_database("plain", adopted=True).connection
    query(connection, "DELETE FROM django_migrations WHERE app = 'sessions'")
    assert check(connection, "migrations") == Result(
        FAIL,
        "1 migration not applied yet.",
        1,
        details=["sessions 0001_initial"],
        remedy="python manage.py migrate",
        id="migrations",
    )


def test_a_foreign_key_from_another_schema(legacy_database: Make) -> None:
    connection = legacy_database("plain").connection
    query(connection, 'CREATE SCHEMA crm; CREATE TABLE crm."Odd.name" ("of user" integer REFERENCES users (id))')
    query(connection, 'INSERT INTO crm."Odd.name" SELECT id FROM users WHERE is_customer ORDER BY id LIMIT 2')
    assert check(connection, "fates").details[-1] == (
        'crm."Odd.name".of user ON DELETE NO ACTION: 2 rows of customers: undecided; deleting their users would fail'
    )


@pytest.mark.parametrize(
    ("change", "status", "details", "remedy"),
    [
        (
            "ALTER TABLE orders DROP CONSTRAINT orders_pkey CASCADE",
            FAIL,
            ["orders has no unique index on (id)", "order_items.order_id has no foreign key to orders"],
            "CREATE UNIQUE INDEX CONCURRENTLY orders_pkey ON orders (id)",
        ),
        (
            "DROP INDEX users_email_key",
            WARN,
            ["users has no unique index on (email)"],
            "CREATE UNIQUE INDEX CONCURRENTLY users_email_key ON users (email)",
        ),
        (
            "ALTER TABLE orders DROP CONSTRAINT orders_restaurant_id_fkey",
            WARN,
            ["orders.restaurant_id has no foreign key to restaurants"],
            "ALTER TABLE orders ADD CONSTRAINT orders_restaurant_id_fkey FOREIGN KEY (restaurant_id) REFERENCES "
            "restaurants (id) ON DELETE CASCADE ON UPDATE CASCADE NOT VALID",
        ),
        (
            "ALTER TABLE menu_items DISABLE TRIGGER ALL",
            WARN,
            ["menu_items: its foreign keys are switched off"],
            "see to it that rows which the migration links fit",
        ),
        (
            "ALTER TABLE orders ADD CONSTRAINT dear CHECK (total_amount > 10) NOT VALID",
            WARN,
            ["orders.dear was never validated"],
            "see to it that rows which the migration links fit",
        ),
        (
            "ALTER TABLE orders ADD customer_id integer, ADD CONSTRAINT nobody CHECK (customer_id IS NULL); "
            "CREATE UNIQUE INDEX one_each ON orders (customer_id)",
            WARN,
            ["orders.nobody restricts customer_id", "orders.one_each restricts customer_id"],
            "see to it that rows which the migration links fit",
        ),
    ],
)
def test_constraints(legacy_database: Make, change: str, status: str, details: list[str], remedy: str) -> None:
    connection = legacy_database("plain").connection
    assert check(connection, "constraints") == Result(
        PASS, "Keys and constraints are the old application's.", 0, id="constraints"
    )
    query(connection, change)
    result = check(connection, "constraints")
    assert (result.status, result.details, result.remedy) == (status, details, remedy)
    number = "1 difference" if len(details) == 1 else "2 differences"
    assert result.message == f"{number} from the old application's keys and constraints."


def test_indexes(legacy_database: Make) -> None:
    connection = legacy_database("plain").connection
    assert check(connection, "indexes") == Result(PASS, "Every index of the old application is there.", 0, id="indexes")
    query(connection, "UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'users_is_customer_idx'::regclass")
    result = check(connection, "indexes")
    assert (result.status, result.message) == (WARN, "2 indexes missing or invalid.")
    assert result.details == [
        "users has no index on (is_customer)",
        "users_is_customer_idx is invalid: nothing uses it, and all writes pay",
    ]
    query(connection, "DROP INDEX users_is_customer_idx, orders_user_id_idx; CREATE INDEX ON users (is_customer, id)")
    assert check(connection, "indexes") == Result(
        WARN,
        "1 index missing or invalid. Without that on orders (user_id) each chunk reads the whole table.",
        1,
        details=["orders has no index on (user_id)"],
        remedy="CREATE INDEX CONCURRENTLY orders_user_id_idx ON orders (user_id)",
        id="indexes",
    )


def test_owners(legacy_database: Make, role: str) -> None:
    connection = legacy_database("plain").connection
    assert check(connection, "owners").message == "All tables belong to postgres."
    query(connection, f"ALTER TABLE issues OWNER TO {role}; ALTER TABLE menus OWNER TO {role}")
    try:
        result = check(connection, "owners")
    finally:
        query(connection, f"REASSIGN OWNED BY {role} TO postgres")
    assert (result.status, result.figure) == (WARN, 2)
    assert result.message == "The tables belong to 2 roles; what one of them may do, the others may not."
    assert result.details[1] == f"{role} owns 2 tables: issues, menus"
    assert result.remedy == 'ALTER TABLE … OWNER TO "postgres", or make this role a member of all of them'


def test_the_phase(legacy_database: Make) -> None:
    connection = legacy_database("plain", adopted=True).connection
    assert check(connection, "phase").message == "The phase is legacy: customers are in users alone."
    query(connection, "UPDATE separation_phase SET name = 'dual'")
    assert check(connection, "phase") == Result(
        PASS, "The phase is dual: both schemas live, in step.", "dual", id="phase"
    )
