"""TRUNCATE of a table that the mirror follows: a finding at once, never an error, and the new side comes into step."""

import pytest

from separation.mirror import drain
from separation.models import Finding, Undo
from separation.phases import change_phase
from separation.verification import verify
from tests.separation.engine import one, other_application, query, take_back
from tests.separation.old_application import book, register

pytestmark = pytest.mark.engine

FOUND = "SELECT table_name FROM separation_findings WHERE kind = 'truncated' AND state = 'open' ORDER BY 1"
STAFF = "staff_marked_as_customer"


@pytest.fixture
def world(request, legacy_database):
    """A moved database of a kind, plain unless said otherwise, and the old application's connection to it."""
    database = legacy_database(getattr(request, "param", "plain"), moved=True)
    with other_application(database.name) as old:
        yield database.connection, old


def in_step(connection):
    assert drain(connection) == 0
    assert [(result.id, result.sample) for result in verify(connection).failures] == []


@pytest.mark.parametrize(
    ("world", "table", "found"),
    [
        ("plain", "users", ["menus", "orders", "recipes", "reservations", "restaurant_staff", "users"]),
        ("ahead", "customer_profiles", ["customer_profiles"]),
        ("plain", "reservations", ["orders", "reservations"]),
        ("plain", "orders", ["orders"]),
        ("plain", "restaurants", ["menus", "orders", "recipes", "reservations", "restaurant_staff", "restaurants"]),
        ("plain", "restaurant_staff", ["restaurant_staff"]),
        ("plain", "menus", ["menus"]),
    ],
    indirect=["world"],
)
def test_a_truncated_table_is_found_and_the_new_side_comes_into_step(world, table, found):
    connection, old = world

    old.execute(f"TRUNCATE {table} CASCADE")

    assert [name for (name,) in query(connection, FOUND)] == found
    assert {finding.row_id for finding in Finding.objects.filter(kind="truncated")} == {0}
    in_step(connection)
    assert one(connection, "SELECT count(*) FROM customers c WHERE NOT EXISTS (SELECT FROM users WHERE id = c.id)") == 0


def test_whoever_a_truncated_table_kept_back_moves(world):
    connection, old = world
    back = {row for (row,) in query(connection, "SELECT row_id FROM separation_findings WHERE kind = %s", [STAFF])}
    held = "SELECT DISTINCT user_id FROM restaurant_staff WHERE role <> 'STAFF' AND user_id = ANY (%s)"
    assert query(connection, held, [list(back)])

    old.execute("TRUNCATE restaurant_staff, recipes, menus CASCADE")
    old.execute("UPDATE users SET role = 'USER' WHERE is_customer")

    in_step(connection)
    assert not Finding.objects.filter(kind=STAFF, state=Finding.OPEN).exists()
    assert one(connection, "SELECT count(*) FROM customers WHERE id = ANY (%s)", [list(back)]) == len(back)


def test_whoever_gets_a_used_id_after_a_truncate_gets_nothing_of_who_had_it(world):
    connection, old = world
    first = register(old, "first@example.org")
    book(old, first, 1)
    query(
        connection,
        "INSERT INTO customer_sessions (id, customer_id, token_hash, family, expires_at) "
        "VALUES (gen_random_uuid(), %s, '', gen_random_uuid(), '2027-01-01')",
        [first],
    )
    query(connection, "UPDATE customer_profiles SET notes = 'Allergic' WHERE customer_id = %s", [first])

    with old.transaction():
        old.execute("TRUNCATE users RESTART IDENTITY CASCADE")
        old.execute("SELECT setval('users_id_seq', %s, false)", [first])
        assert register(old, "another@example.org") == first

    assert one(connection, "SELECT email FROM customers WHERE id = %s", [first]) == "another@example.org"
    assert one(connection, "SELECT notes FROM customer_profiles WHERE customer_id = %s", [first]) is None
    assert one(connection, "SELECT count(*) FROM customer_sessions") == 0
    in_step(connection)
    assert one(connection, "SELECT count(*) FROM customers") == 1


@pytest.mark.parametrize("world", ["ahead"], indirect=True)
def test_what_was_remembered_of_truncated_rows_is_forgotten(world):
    connection, old = world
    assert Undo.objects.filter(table_name="reservations").exists()

    old.execute("TRUNCATE reservations CASCADE")

    assert not Undo.objects.exists()
    take_back(connection)


def test_a_truncate_while_somebody_holds_the_finding_is_no_error(world):
    connection, old = world
    old.execute("TRUNCATE menus CASCADE")
    in_step(connection)
    with other_application(connection.settings_dict["NAME"]) as second, second.transaction():
        second.execute("UPDATE separation_findings SET state = 'settled' WHERE kind = 'truncated'")
        old.execute("TRUNCATE menus CASCADE")

    in_step(connection)


def test_nothing_is_found_in_phase_legacy(legacy_database):
    database = legacy_database("plain", adopted=True)
    with other_application(database.name) as old:
        old.execute("TRUNCATE reservations CASCADE")
        assert query(database.connection, FOUND) == []
        change_phase(database.connection, "legacy", "dual")
        old.execute("TRUNCATE users CASCADE")

    in_step(database.connection)
