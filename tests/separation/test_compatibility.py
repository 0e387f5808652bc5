"""`compatibility on|off`, and the mirror itself: checked by the preflight, repaired and removed by `migrate`."""

import pytest

from separation.mirror import INSTALLED, MISSING, OUTDATED, state_of
from separation.preflight import run_preflight
from tests.databases import manage
from tests.separation.engine import one, other_application, query

REGISTER = """INSERT INTO users (email, name, password, is_customer, updated_at)
    VALUES ('lena@example.org', 'Lena', 'x', true, '2026-01-01') RETURNING id"""
OURS = "SELECT count(*) FROM pg_trigger WHERE tgname LIKE 'separation\\_%' AND NOT tgisinternal"
FUNCTIONS = "SELECT count(*) FROM pg_proc WHERE proname LIKE 'separation\\_%'"


def check(connection):
    (result,) = run_preflight(connection, only=("mirror",)).results
    return result.status, result.message, result.remedy


def test_the_phase_is_printed_and_changed(legacy_database):
    database = legacy_database("plain", adopted=True)
    said = [
        (done.returncode, done.stdout, done.stderr)
        for argument in ((), ("on",), ("on",), (), ("off",), ("off",))
        for done in [manage(database.name, "compatibility", *argument)]
    ]
    phases = ["legacy", "dual", "dual", "dual", "legacy", "legacy"]
    assert said == [(0, f"{phase}\n", "") for phase in phases]


def test_on_moves_nobody_but_whom_the_old_application_writes(legacy_database):
    database = legacy_database("plain", adopted=True)
    assert manage(database.name, "compatibility", "on").returncode == 0

    person = one(database.connection, REGISTER)

    assert query(database.connection, "SELECT id FROM customers") == [(person,)]
    verified = manage(database.name, "verify_separation")
    assert verified.returncode == 0, verified.stdout


def test_off_is_refused_while_the_new_tables_hold_somebody(legacy_database):
    database = legacy_database("plain", adopted=True)
    manage(database.name, "compatibility", "on")
    one(database.connection, REGISTER)

    off = manage(database.name, "compatibility", "off")

    assert (off.returncode, off.stdout) == (3, "")
    assert off.stderr.splitlines() == [
        f"Refused (customers): The new tables of database {database.name!r} hold 1 customer, who would fall out of "
        "step.",
        "Next: python manage.py migrate_customers --rollback",
    ]
    assert one(database.connection, "SELECT name FROM separation_phase") == "dual"


def test_a_database_that_is_not_adopted_is_refused(legacy_database):
    database = legacy_database("plain")
    refused = manage(database.name, "compatibility", "on")
    assert (refused.returncode, refused.stderr.splitlines()[-1]) == (3, "Next: python manage.py migrate")


def test_a_transaction_that_began_before_is_waited_for(legacy_database, monkeypatch):
    from separation.phases import change_phase

    database = legacy_database("plain", adopted=True)
    said: list[str] = []
    with other_application(database.name) as old:
        old.execute("BEGIN")
        old.execute(REGISTER)
        monkeypatch.setattr("separation.waiting.time.sleep", lambda _: old.execute("COMMIT"))
        change_phase(database.connection, "legacy", "dual", said.append)

    (note,) = said
    assert note.startswith("Waiting for transactions that began earlier to end: process ")
    assert one(database.connection, "SELECT count(*) FROM customers") == 0


@pytest.mark.parametrize(
    ("damage", "state"),
    [
        ("DROP TRIGGER separation_update ON users", OUTDATED),
        ("ALTER TABLE orders DISABLE TRIGGER separation_given", OUTDATED),
        ("COMMENT ON FUNCTION separation_sync(integer[]) IS 'another version'", OUTDATED),
        ("DROP FUNCTION separation_sync(integer[])", MISSING),
    ],
)
def test_damage_is_told_and_migrate_repairs_it(legacy_database, damage, state):
    connection = legacy_database("plain", adopted=True).connection
    assert check(connection) == ("pass", "The mirror is installed as this version has it.", "")
    query(connection, damage)
    assert state_of(connection) == state
    status, message, remedy = check(connection)
    assert (status, remedy) == ("fail", "python manage.py migrate")
    assert message.startswith(f"The mirror is {state}")

    done = manage(connection.settings_dict["NAME"], "migrate", "--verbosity", "0")

    assert (done.returncode, done.stderr) == (0, "")
    assert state_of(connection) == INSTALLED


def test_on_is_refused_without_the_mirror(legacy_database):
    database = legacy_database("plain", adopted=True)
    query(database.connection, "DROP FUNCTION separation_sync(integer[])")
    refused = manage(database.name, "compatibility", "on")
    assert (refused.returncode, refused.stderr.splitlines()) == (
        3,
        [
            f"Refused (mirror): The mirror of database '{database.name}' is missing.",
            "Next: python manage.py migrate",
        ],
    )


def test_everybody_else_may_not_execute_the_functions(legacy_database):
    connection = legacy_database("plain", adopted=True).connection
    assert one(connection, FUNCTIONS) > 15
    assert one(connection, f"{FUNCTIONS} AND has_function_privilege('public', oid, 'EXECUTE')") == 0


@pytest.mark.parametrize("kind", ["plain", "ahead"])
def test_with_the_separation_the_mirror_goes(legacy_database, kind):
    database = legacy_database(kind, adopted=True)
    for _ in range(2):
        gone = manage(database.name, "migrate", "separation", "zero", "--verbosity", "0")
        assert (gone.returncode, gone.stderr) == (0, "")
        assert (one(database.connection, OURS), one(database.connection, FUNCTIONS)) == (0, 0)
        again = manage(database.name, "migrate", "--verbosity", "0")
        assert (again.returncode, again.stderr) == (0, "")
        assert state_of(database.connection) == INSTALLED
