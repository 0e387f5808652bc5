"""A half-migrated database is adopted by parking, completed, proved, and taken back to what it was."""

import io
from collections.abc import Callable
from typing import Any

import pytest
from django.core.management import call_command
from django.db import DatabaseError, transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from django.test import Client

from accounts.models import User
from config import ddl
from customers.models import Customer
from separation.database import scalar
from separation.decisions import SQL as DECISIONS
from separation.errors import CheckFailed
from separation.export import without_legacy_form
from separation.kinds import kind_of
from separation.migrator import EVERYBODY, run_chunk
from separation.models import Finding, Undo
from separation.planner import make_plan
from separation.preflight.earlier import Earlier
from separation.status import status_of
from separation.verification import verify
from tests.databases import LegacyDatabase
from tests.separation.engine import checksums, columns_of, move, one, other_application, query, take_back
from tests.separation.old_application import BCRYPT
from tests.separation.test_adoption import ROOTS, changes, schema_of
from tests.separation.verify import broken, undone

pytestmark = pytest.mark.engine

Make = Callable[..., LegacyDatabase]

MARKER = "MIGRATED_TO_CUSTOMERS_TABLE"
NOBODY = "gone.since@example.org"
HASH = BCRYPT.replace("abcde", "HASH.")


@pytest.fixture
def half(legacy_database: Make) -> BaseDatabaseWrapper:
    """A half-migrated database on which migrate has run."""
    return legacy_database("half", adopted=True).connection


class Killed(Exception):
    """What stands for a kill."""


def migrate(*arguments: str) -> None:
    call_command("migrate", *arguments, verbosity=0)


def rows_of(connection: BaseDatabaseWrapper, table: str) -> list[tuple[Any, ...]]:
    return query(connection, f'SELECT t::text FROM "{table}" t ORDER BY 1')


def earlier(connection: BaseDatabaseWrapper, sql: str, params: Any = None) -> list[tuple[Any, ...]]:
    """Write what the earlier attempt would have left, before there were triggers."""
    with transaction.atomic():
        query(connection, "SELECT set_config('separation.bypass', 'on', true)")
        return query(connection, sql, params)


def parked(connection: BaseDatabaseWrapper, email: str, **values: Any) -> int:
    """Add a row of the earlier attempt, as it would stand after migrate, and return its id."""
    values = {"email": email, "password": HASH, "created_at": "2026-05-01"} | values
    columns, places = ", ".join(values), ", ".join(["%s"] * len(values))
    sql = f"INSERT INTO customers (id, {columns}) SELECT min(id) - 1, {places} FROM customers RETURNING id"
    ((identifier,),) = earlier(connection, sql, [*values.values()])
    return int(identifier)


def user(connection: BaseDatabaseWrapper, email: str, password: str = MARKER, **values: Any) -> int:
    """Add a customer of users who was there before the earlier attempt, and return the id."""
    values = {
        "email": email,
        "password": password,
        "name": "Ann Earlier",
        "is_customer": True,
        "created_at": "2026-01-01",
        "updated_at": "2026-02-02",
    } | values
    columns, places = ", ".join(values), ", ".join(["%s"] * len(values))
    identifier: int = one(
        connection, f"INSERT INTO users ({columns}) VALUES ({places}) RETURNING id", [*values.values()]
    )
    return identifier


def passwords(connection: BaseDatabaseWrapper, identifier: int) -> tuple[str, str]:
    """Return what stands in users and in customers."""
    ((found),) = query(
        connection, "SELECT u.password, c.password FROM users u JOIN customers c USING (id) WHERE id = %s", [identifier]
    )
    return found[0], found[1]


def findings(kind: str) -> list[tuple[int, str]]:
    return sorted(Finding.objects.filter(kind=kind).values_list("row_id", "state"))


# Adoption


def test_rows_are_parked_and_nothing_else_is_written(legacy_database: Make) -> None:
    connection = legacy_database("half").connection
    query(connection, "INSERT INTO customer_sessions (customer_id, token, expires_at) VALUES (1, 'x', '2026-01-01')")
    query(connection, "INSERT INTO customer_restaurants (customer_id, restaurant_id) VALUES (1, 2), (1, 3)")
    columns = columns_of(connection)
    aside = {"earlier_customer_sessions": columns.pop("customer_sessions")}
    customers = columns.pop("customers")[1:], columns.pop("customer_restaurants")[1:]
    before = checksums(connection, columns | {"customers": customers[0]})

    migrate()

    assert checksums(connection, columns | {"customers": customers[0]}) == before
    assert query(connection, "SELECT max(id), count(*) FROM customers") == [(-1, 31)]
    assert query(connection, "SELECT customer_id, token FROM earlier_customer_sessions") == [(-1, "x")]
    assert query(connection, "SELECT customer_id, restaurant_id FROM customer_restaurants ORDER BY 2") == [
        (-1, 2),
        (-1, 3),
    ]
    assert columns_of(connection)["earlier_customer_sessions"] == aside["earlier_customer_sessions"]
    assert one(connection, "SELECT count(*) FROM customer_sessions") == 0


@pytest.mark.parametrize(
    ("at", "done"),
    [("TO earlier_customer", True), ('"id" serial', True), ("SET id = -id", False), ("SET id = -id", True)],
)
def test_an_adoption_that_breaks_off_goes_on(
    legacy_database: Make, monkeypatch: pytest.MonkeyPatch, at: str, done: bool
) -> None:
    database = legacy_database("half")
    whole = schema_of(legacy_database("half", adopted=True).name)
    database.connection.close()
    database.connection.settings_dict["NAME"] = database.name
    change = ddl.change

    def broken_off(editor: Any, sql: str) -> None:
        if at not in sql or done:
            change(editor, sql)
        if at in sql:
            raise Killed

    monkeypatch.setattr(ddl, "change", broken_off)
    with pytest.raises(Killed):
        migrate()
    monkeypatch.undo()
    migrate()

    assert changes(whole, schema_of(database.name)) == []
    assert query(database.connection, "SELECT max(id), count(*) FROM customers") == [(-1, 31)]


def test_all_the_way_forth_and_back_only_the_passwords_differ(legacy_database: Make) -> None:
    database = legacy_database("half")
    connection = database.connection
    columns, schema = columns_of(connection), schema_of(database.name)
    users = [name for name in columns.pop("users") if name != "password"]
    before = checksums(connection, columns | {"users": users})
    sequence = one(connection, "SELECT last_value FROM customers_id_seq")

    migrate()
    move(connection)
    take_back(connection)
    for app in ROOTS:
        migrate(app, "zero")

    assert changes(schema, schema_of(database.name)) == []
    assert checksums(connection, columns | {"users": users}) == before
    assert one(connection, "SELECT last_value FROM customers_id_seq") == sequence
    assert query(connection, f"SELECT count(*) FROM users WHERE password = '{MARKER}'") == [(0,)]
    assert query(connection, "SELECT count(*) FROM users u JOIN customers c USING (email, password)") == [(30,)]


def test_what_an_unusual_attempt_left_is_taken_over_and_comes_back(legacy_database: Make) -> None:
    database = legacy_database("half")
    connection = database.connection
    query(
        connection,
        """DROP TABLE customer_sessions;
        DROP INDEX customers_email_key;
        ALTER TABLE customers ADD CONSTRAINT customers_email_unique UNIQUE (email),
            ADD COLUMN referral_code varchar(8) NOT NULL DEFAULT 'x', ADD COLUMN is_active boolean,
            DROP COLUMN created_at, DROP COLUMN phone, ALTER COLUMN first_name SET NOT NULL;
        ALTER TABLE customers ALTER COLUMN referral_code DROP DEFAULT;
        CREATE UNIQUE INDEX customers_token_key ON customers (reset_password_token) WHERE reset_password_token <> '';
        COMMENT ON TABLE customers IS 'the new ones; (don''t touch)';
        COMMENT ON COLUMN customers.email IS 'log-in';
        ALTER TABLE customer_restaurants ADD COLUMN notes varchar(200), DROP COLUMN first_visit;
        INSERT INTO customers (email, password, first_name, referral_code)
        SELECT upper(email), password, 'Twice', 'y' FROM customers WHERE id = 3;
        INSERT INTO customer_restaurants (customer_id, restaurant_id, notes) VALUES (2, 1, 'window table');
        ALTER TABLE customer_profiles ADD COLUMN mood text NOT NULL DEFAULT '', DROP COLUMN created_at;
        ALTER TABLE customer_profiles ALTER COLUMN mood DROP DEFAULT;""",
    )
    columns, schema = columns_of(connection), schema_of(database.name)
    users = [name for name in columns.pop("users") if name != "password"]
    before = checksums(connection, columns | {"users": users})

    migrate()
    run = move(connection)
    assert broken(verify(connection)) == {}
    assert (run.counts["customers"], run.counts["put_back"]) == (55, 30)
    assert query(connection, "SELECT count(*) FROM customer_restaurants WHERE customer_id > 0 AND notes <> ''") == [
        (1,)
    ]
    take_back(connection)
    for app in ROOTS:
        migrate(app, "zero")

    assert changes(schema, schema_of(database.name)) == []
    assert checksums(connection, columns | {"users": users}) == before


OBSTACLES = {
    "customers.password is missing": "ALTER TABLE customers DROP COLUMN password",
    "customers.last_login is timestamp with time zone, the model's is timestamp(3) without time zone": (
        "ALTER TABLE customers ALTER COLUMN last_login TYPE timestamptz"
    ),
    "customers.id does not draw its values from a sequence of its own": (
        "ALTER TABLE customers ALTER id DROP DEFAULT, ALTER id ADD GENERATED BY DEFAULT AS IDENTITY (START 99)"
    ),
    "customers has the ids 0 to 31; only 1 to 2147483647 can be parked": "UPDATE customers SET id = 0 WHERE id = 7",
    "the trigger touched fires on customers": """CREATE TRIGGER touched BEFORE UPDATE ON customers
        FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger()""",
    "the trigger touched on users would fire when passwords are put back": """CREATE TRIGGER touched
        BEFORE UPDATE ON users FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger()""",
    "the constraint positive allows only some ids in customers": (
        "ALTER TABLE customers ADD CONSTRAINT positive CHECK (id > 0)"
    ),
    "the view guests reads customers": "CREATE VIEW guests AS SELECT email FROM customers",
    "customers is no ordinary table": "CREATE TABLE more_customers () INHERITS (customers)",
    "reservations.customer_id names customers by ids of the earlier attempt, which nobody else knows": """
        ALTER TABLE reservations DROP CONSTRAINT reservations_customer_id_fkey;
        UPDATE reservations SET customer_id = CASE WHEN customer_id > 0 THEN 1 END;
        ALTER TABLE reservations ADD CONSTRAINT reservations_customer_id_fkey FOREIGN KEY (customer_id)
            REFERENCES customers (id) ON DELETE SET NULL ON UPDATE CASCADE""",
    "orders.customer_id references customers with ON DELETE CASCADE, where only SET NULL leaves the row": """
        ALTER TABLE orders ADD COLUMN customer_id integer REFERENCES customers (id)
            ON DELETE CASCADE ON UPDATE CASCADE""",
    "points.customer_id references customers without ON UPDATE CASCADE, so that it cannot follow them": """
        CREATE TABLE points (customer_id integer REFERENCES customers (id)); INSERT INTO points VALUES (1)""",
    "points.email references customers by its email": """
        ALTER TABLE customers ADD CONSTRAINT emails UNIQUE (email);
        CREATE TABLE points (email text REFERENCES customers (email) ON UPDATE CASCADE)""",
    "customer_restaurants.customer_id does not reference customers with ON DELETE CASCADE": (
        "ALTER TABLE customer_restaurants DROP CONSTRAINT customer_restaurants_customer_id_fkey"
    ),
    "customer_restaurants has no key over customer_id and restaurant_id": (
        "ALTER TABLE customer_restaurants DROP CONSTRAINT customer_restaurants_pkey"
    ),
    "both customer_sessions and earlier_customer_sessions are there": "CREATE TABLE earlier_customer_sessions ()",
}


def test_what_cannot_be_taken_over_is_named(legacy_database: Make) -> None:
    connection = legacy_database("half").connection
    named = {}
    for reason, sql in OBSTACLES.items():
        with undone(connection):
            query(connection, sql)
            named[reason] = Earlier(connection, kind_of(connection)).obstacles()
    assert named == {reason: [reason] for reason in OBSTACLES}


def test_a_key_that_nobody_uses_is_no_obstacle(legacy_database: Make) -> None:
    connection = legacy_database("half").connection
    query(
        connection,
        """ALTER TABLE reservations DROP CONSTRAINT reservations_customer_id_fkey;
        UPDATE reservations SET customer_id = NULL;
        ALTER TABLE reservations ADD CONSTRAINT reservations_customer_id_fkey FOREIGN KEY (customer_id)
            REFERENCES customers (id) ON DELETE SET NULL ON UPDATE CASCADE;""",
    )
    migrate()
    move(connection)
    assert broken(verify(connection)) == {}


# Execute


def test_a_row_is_taken_over_by_email_and_the_person_keeps_what_users_says(half: BaseDatabaseWrapper) -> None:
    row = parked(
        half,
        " Ann@Example.org",
        first_name="Anna",
        phone="1",
        email_verified=True,
        email_verified_at="2026-04-01",
        last_login="2026-04-02",
    )
    ann = user(half, "ann@example.ORG ", phone="2")
    stranger = one(half, "SELECT email FROM users WHERE id = %s", [-row]) if -row != ann else ""

    move(half)

    assert passwords(half, ann) == (HASH, HASH)
    assert query(
        half,
        """SELECT c.email, first_name, last_name, c.phone, email_verified, email_verified_at::date::text,
            last_login::date::text, u.updated_at::date::text, c.updated_at = u.updated_at
        FROM customers c JOIN users u USING (id) WHERE id = %s""",
        [ann],
    ) == [("ann@example.ORG", "Ann", "Earlier", "2", True, "2026-04-01", "2026-04-02", "2026-02-02", True)]
    assert Undo.objects.get(table_name="customers", row_id=row).customer_id == ann
    assert one(half, "SELECT email FROM users WHERE id = %s", [-row]) == stranger
    assert broken(verify(half)) == {}


def test_who_cannot_be_moved_gets_the_password_back_all_the_same(half: BaseDatabaseWrapper) -> None:
    parked(half, "ann@example.org")
    ann = user(half, "ann@example.org")
    query(half, "ALTER TABLE customers ADD CONSTRAINT no_ann CHECK (id < 0 OR email <> 'ann@example.org')")

    run = move(half)

    assert run.counts["failed"] == Finding.objects.filter(kind="row_failed", row_id=ann).count() == 1
    assert one(half, "SELECT password FROM users WHERE id = %s", [ann]) == HASH


def test_who_is_no_customer_any_more_keeps_the_marker(half: BaseDatabaseWrapper) -> None:
    parked(half, "ann@example.org")
    ann = user(half, "ann@example.org", is_customer=False)

    move(half)

    assert one(half, "SELECT password FROM users WHERE id = %s", [ann]) == MARKER


def test_no_hash_goes_to_whoever_has_its_old_id(half: BaseDatabaseWrapper) -> None:
    others = query(
        half,
        """SELECT u.id, u.password FROM users u JOIN customers p ON p.id = -u.id AND p.email <> u.email
        WHERE u.password <> 'MIGRATED_TO_CUSTOMERS_TABLE' ORDER BY 1""",
    )
    earlier(half, "UPDATE customers SET password = left(password, 29) || substr(md5(id::text) || md5(email), 1, 31)")
    assert len(others) > 3

    move(half)

    now = query(half, "SELECT id, password FROM users WHERE id = ANY (%s) ORDER BY 1", [[key for key, _ in others]])
    assert now == others
    assert query(
        half,
        """SELECT count(*) FROM customers p JOIN users u USING (password)
        WHERE p.id < 0 AND lower(btrim(u.email)) <> lower(btrim(p.email))""",
    ) == [(0,)]


def test_a_marker_without_a_hash_needs_a_reset(half: BaseDatabaseWrapper) -> None:
    bare = user(half, "bare@example.org")
    parked(half, "empty@example.org", password="")
    empty = user(half, "empty@example.org")

    move(half)

    assert passwords(half, bare) == (MARKER, "!")
    assert passwords(half, empty) == (MARKER, "!")
    assert {(bare, "open"), (empty, "open")} <= set(findings("needs_password_reset"))
    assert broken(verify(half)) == {}


def test_a_password_changed_since_wins(half: BaseDatabaseWrapper) -> None:
    parked(half, "changed@example.org")
    changed = user(half, "changed@example.org", password=BCRYPT)

    move(half)

    assert passwords(half, changed) == (BCRYPT, BCRYPT)


def test_of_two_rows_in_another_case_the_hash_counts(half: BaseDatabaseWrapper) -> None:
    rows = [parked(half, "TWO@example.org"), parked(half, "two@example.org", password="")]
    two = user(half, "two@example.org")

    move(half)

    assert passwords(half, two) == (HASH, HASH)
    assert set(Undo.objects.filter(customer_id=two, table_name="customers").values_list("row_id", flat=True)) == {*rows}
    assert broken(verify(half)) == {}


def test_of_two_users_in_another_case_each_has_the_hash_of_their_own_spelling(half: BaseDatabaseWrapper) -> None:
    other = HASH.replace("HASH", "hash")
    parked(half, "Twin@example.org")
    parked(half, "twin@example.org", password=other)
    twins = [user(half, "Twin@example.org"), user(half, "twin@example.org"), user(half, "TWIN@example.org")]

    move(half)

    found = query(half, "SELECT password FROM users WHERE id = ANY (%s) ORDER BY id", [twins])
    assert found == [(HASH,), (other,), (MARKER,)]
    assert {(twin, "open") for twin in twins} <= set(findings("duplicate_email"))
    assert broken(verify(half)) == {}


def test_whoever_registered_later_with_that_email_is_somebody_else(half: BaseDatabaseWrapper) -> None:
    row = parked(half, "free@example.org", email_verified=True)
    later = user(half, "free@example.org", password=BCRYPT, created_at="2026-05-02")

    move(half)

    assert query(half, "SELECT password, email_verified FROM customers WHERE id = %s", [later]) == [(BCRYPT, False)]
    assert (row, "open") in findings("no_user")
    assert broken(verify(half)) == {}


def test_a_profile_of_the_old_application_knows_better_whether_an_email_is_verified(half: BaseDatabaseWrapper) -> None:
    parked(half, "known@example.org", email_verified=True, last_login="2026-04-02")
    known = user(half, "known@example.org")
    query(half, "INSERT INTO customer_profiles (user_id, tags, updated_at) VALUES (%s, '{}', '2026-01-01')", [known])

    move(half)

    assert query(half, "SELECT email_verified, last_login::date::text FROM customers WHERE id = %s", [known]) == [
        (False, "2026-04-02")
    ]


def test_notes_on_a_link_go_along(half: BaseDatabaseWrapper) -> None:
    row = parked(half, "noted@example.org")
    noted = user(half, "noted@example.org")
    earlier(
        half,
        """INSERT INTO customer_restaurants (customer_id, restaurant_id, visit_count, notes, vip_status)
        VALUES (%s, 2, 9, 'terrace', true), (%s, 3, 9, NULL, false)""",
        [row, row],
    )

    move(half)

    assert query(
        half,
        "SELECT restaurant_id, visit_count, notes, vip_status FROM customer_restaurants WHERE customer_id = %s",
        [noted],
    ) == [(2, 0, "terrace", True)]
    assert broken(verify(half)) == {}


def test_a_row_of_nobody_stays_parked_and_is_on_record(half: BaseDatabaseWrapper) -> None:
    row = one(half, f"SELECT id FROM customers WHERE email = '{NOBODY}'")

    move(half)
    move(half)

    assert findings("no_user") == [(row, "open")]
    assert one(half, "SELECT count(*) FROM customers c WHERE id > 0 AND id NOT IN (SELECT id FROM users)") == 0


def test_a_chunk_that_dies_has_put_nothing_back(half: BaseDatabaseWrapper) -> None:
    before = rows_of(half, "users")
    query(half, "ALTER TABLE customer_restaurants ADD CONSTRAINT never CHECK (customer_id < 0)")
    with pytest.raises(DatabaseError, match="never"), transaction.atomic():
        run_chunk(half, 1, 1000, None)
    assert rows_of(half, "users") == before


def test_any_other_write_to_users_stops_the_chunk(half: BaseDatabaseWrapper) -> None:
    query(
        half,
        """CREATE FUNCTION meddle() RETURNS trigger LANGUAGE plpgsql AS
        $$BEGIN UPDATE users SET phone = '0' WHERE id = 1; RETURN NULL; END$$;
        CREATE TRIGGER meddle AFTER INSERT ON customers FOR EACH STATEMENT EXECUTE FUNCTION meddle();""",
    )
    with undone(half), pytest.raises(CheckFailed, match="made PostgreSQL write to users"):
        run_chunk(half, EVERYBODY["first"], EVERYBODY["last"], None)


# While both schemas live


def test_who_was_locked_meanwhile_gets_the_password_back_by_the_queue(legacy_database: Make) -> None:
    database = legacy_database("half", adopted=True)
    ann = user(database.connection, "ann@example.org")
    parked(database.connection, "ann@example.org", last_login="2026-04-02")
    with other_application(database.name) as other, other.transaction():
        other.execute("SELECT FROM users WHERE id = %s FOR UPDATE", [ann])
        with transaction.atomic():
            run_chunk(database.connection, ann, ann, None)
        assert one(database.connection, "SELECT password FROM users WHERE id = %s", [ann]) == MARKER

    move(database.connection)

    assert passwords(database.connection, ann) == (HASH, HASH)
    assert one(database.connection, "SELECT last_login::date::text FROM customers WHERE id = %s", [ann]) == "2026-04-02"


def test_who_writes_before_being_moved_is_taken_over_by_the_mirror(half: BaseDatabaseWrapper) -> None:
    parked(half, "ann@example.org", last_login="2026-04-02")
    ann = user(half, "ann@example.org")
    query(half, "UPDATE separation_phase SET name = 'dual'")

    query(half, "UPDATE users SET phone = '3' WHERE id = %s", [ann])

    assert passwords(half, ann) == (HASH, HASH)
    assert query(half, "SELECT phone, last_login::date::text FROM customers WHERE id = %s", [ann]) == [
        ("3", "2026-04-02")
    ]


def test_whoever_is_deleted_leaves_a_row_of_nobody_and_who_comes_again_gets_it_back(half: BaseDatabaseWrapper) -> None:
    rows = [parked(half, "gone@example.org"), parked(half, "back@example.org")]
    gone, back = user(half, "gone@example.org"), user(half, "back@example.org")
    move(half)

    query(half, "DELETE FROM users WHERE id = %s", [gone])
    query(half, "UPDATE users SET is_customer = false WHERE id = %s", [back])
    assert {(row, "open") for row in rows} <= set(findings("no_user"))
    query(half, "UPDATE users SET is_customer = true WHERE id = %s", [back])

    assert {(rows[0], "open"), (rows[1], "gone")} <= set(findings("no_user"))
    assert broken(verify(half)) == {}


def test_a_changed_email_changes_nothing_about_whose_row_it_was(half: BaseDatabaseWrapper) -> None:
    parked(half, "first@example.org")
    first = user(half, "first@example.org")
    move(half)

    query(half, "UPDATE users SET email = %s WHERE id = %s", [NOBODY, first])
    move(half)

    assert [state for _, state in findings("no_user")] == ["open"]
    assert broken(verify(half)) == {}


# The way back, and what counts


def test_a_roll_back_leaves_what_migrate_made_but_the_passwords(half: BaseDatabaseWrapper) -> None:
    columns = {table: names for table, names in columns_of(half).items() if not table.startswith("separation_")}
    users = [name for name in columns.pop("users") if name != "password"]
    before = checksums(half, columns | {"users": users})

    for size in (7, 1000):
        move(half, size=size)
        restored = query(half, "SELECT id, password FROM users ORDER BY 1")
        take_back(half)
        assert checksums(half, columns | {"users": users}) == before
        assert query(half, "SELECT id, password FROM users ORDER BY 1") == restored
        assert not Undo.objects.exists()


def test_what_a_parked_row_holds_is_not_lost_by_a_roll_back_and_not_exported(half: BaseDatabaseWrapper) -> None:
    row = parked(half, "kept@example.org", email_verified=True, email_verified_at="2026-04-01", last_login="2026-04-02")
    kept = user(half, "kept@example.org")
    link = "INSERT INTO customer_restaurants (customer_id, restaurant_id, notes) VALUES (%s, 2, 'terrace')"
    earlier(half, link, [row])
    move(half)
    assert {table for table, (count, _) in without_legacy_form(half).items() if count} == set()

    query(half, "UPDATE customers SET last_login = '2026-06-01' WHERE id = %s", [kept])
    query(half, "UPDATE customer_restaurants SET notes = 'bar' WHERE customer_id = %s", [kept])

    lost = {table: count for table, (count, _) in without_legacy_form(half).items() if count}
    assert lost == {"customers": 1, "customer_restaurants": 1}


def test_an_email_that_only_a_parked_row_has_is_free(half: BaseDatabaseWrapper) -> None:
    assert scalar(half, DECISIONS.taken, email=NOBODY, id=0) is False


def test_parked_rows_are_nobody_to_the_figures_and_the_models(half: BaseDatabaseWrapper) -> None:
    assert (make_plan(half).moved_already, status_of(half).moved, Customer.objects.count()) == (0, 0, 0)
    run = move(half)
    assert make_plan(half).moved_already == status_of(half).moved == Customer.objects.count() == run.counts["customers"]
    assert make_plan(half).nothing_to_do


def test_pages_of_the_admin_show_no_parked_row_but_the_finding_about_it(
    half: BaseDatabaseWrapper, client: Client
) -> None:
    move(half)
    client.force_login(User.objects.get(email="superadmin@platform.example"))
    finding = Finding.objects.get(kind="no_user")

    listed = client.get("/admin/customers/customer/?q=gone.since").content.decode()
    shown = client.get(f"/admin/separation/finding/{finding.pk}/change/").content.decode()

    assert NOBODY not in listed
    assert client.get(f"/admin/customers/customer/{finding.row_id}/change/").status_code == 302
    assert (NOBODY in shown, "$2b$" in shown) == (True, False)
    assert client.get("/admin/").status_code == 200


def test_every_command_works_in_every_phase(
    legacy_database: Make, backup_dir: Any, settings: Any, tmp_path: Any, answers: Callable[[str], None]
) -> None:
    database = legacy_database("half")
    settings.LOG_DIR = tmp_path / "logs"
    call_command("backup")
    call_command("migrate", verbosity=0)
    call_command("backup")
    call_command("migrate_customers")
    answers(f"MIGRATE {database.name}")
    call_command("migrate_customers", "--execute")
    call_command("backup")
    call_command("verify_separation")
    call_command("separation_status")
    answers(f"ROLLBACK {database.name}")
    call_command("migrate_customers", "--rollback")
    call_command("verify_separation")
    call_command("preflight")


@pytest.fixture
def answers(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Type a phrase at the next question."""

    def type_in(phrase: str) -> None:
        monkeypatch.setattr("sys.stdin", io.StringIO(f"{phrase}\n"))

    return type_in
