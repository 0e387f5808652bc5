"""In the midst of a command somebody locks a table for an hour, or takes a right away: it says so, nothing is half
done, and once that is over the same command goes on."""

import re
import secrets

import psycopg
import pytest

from separation import database, lock, migrator, waiting
from separation.models import Finding, Run
from tests.databases import database_url, server
from tests.separation.engine import WHOLE, one, query
from tests.separation.forked import Blow, turned, without_preflight

HELD: list[object] = []


@pytest.fixture(scope="module")
def middles(world):
    """An instant in the midst of an execute, between two chunks, and one in the midst of a roll-back."""
    there, back = world.run("--execute"), world.run("--rollback")
    assert (there.code, back.code) == (0, 0), there.err + back.err
    return {"--execute": _between_two(there.statements), "--rollback": _between_two(back.statements)}


def _between_two(statements):
    """Return an instant half way through the work at which no transaction is open: nobody is waited for."""
    middle = (turned(statements) + len(statements)) // 2
    return statements.index("COMMIT", middle) + 1


@pytest.fixture(scope="module")
def role(world):
    """The commands are a role's that may do everything with every table, and owns none."""
    name = f"test_role_{secrets.token_hex(4)}"
    with server() as admin, admin.cursor() as cursor:
        cursor.execute(f"CREATE ROLE {name} LOGIN")
    for what in ("TABLES", "SEQUENCES", "ROUTINES"):
        query(world.connection, f"GRANT ALL ON ALL {what} IN SCHEMA public TO {name}")
    world.connection.settings_dict["USER"] = name
    yield name
    world.connection.settings_dict["USER"] = ""
    query(world.connection, f"DROP OWNED BY {name}")
    query(world.connection, f"DROP ROLE {name}")


def impatient():
    """Leave the preflight out, and have the time that is waited over soon."""
    without_preflight()
    waiting.PATIENCE, waiting._ATTEMPTS, migrator._ATTEMPTS = 0.1, 2, 2
    database.LOCK_TIMEOUT, lock._SET = "100ms", lock._SET.replace("5s", "100ms")


def lock_customers(world):
    """Return what locks the table until its process ends, by a session of somebody else's."""

    def strike():
        hog = psycopg.connect(database_url(world.name), application_name="an hour of work")
        hog.execute("LOCK TABLE customers")
        HELD.append(hog)

    return strike


def test_a_table_locked_in_the_midst_of_an_execute(world, middles):
    ended = world.run("--execute", Blow(lock_customers(world), middles["--execute"]), impatient)

    assert ended.code == 1
    waiting_for, error, following = ended.err.splitlines()[-3:]
    assert re.fullmatch(
        r"Waiting for the table customers, which is locked by process \d+ \(an hour of work\)\.", waiting_for
    )
    assert re.fullmatch(
        r"Error: Process \d+ \(an hour of work\) has locked the table customers for more than 0 s\. The open "
        r"transaction was undone; nothing is half done\.",
        error,
    )
    assert following == "Next: end that transaction, then: python manage.py migrate_customers --execute"
    goes_on(world)


def test_a_table_locked_in_the_midst_of_a_roll_back(world, middles):
    world.goes_there()
    ended = world.run("--rollback", Blow(lock_customers(world), middles["--rollback"]), impatient)

    assert ended.code == 1
    assert ended.err.splitlines()[-2].startswith(
        "Error: A lock was waited for in vain; the open transaction was undone. Locks are held by process "
    )
    world.comes_back()


def test_a_right_that_is_lost_in_the_midst_of_an_execute(world, middles, role):
    ended = world.run("--execute", Blow(revoke("INSERT ON customers", role, world), middles["--execute"]))

    assert ended.code == 1
    assert ended.err.splitlines()[-2:] == [
        "Error: The database said: permission denied for table customers. That is no row's fault, so the chunk was "
        "undone; nothing is half done.",
        "Next: put that right, then: python manage.py migrate_customers --execute",
    ]
    assert Run.objects.latest("id").state == "failed"
    query(world.connection, f"GRANT INSERT ON customers TO {role}")
    goes_on(world)


def test_a_right_that_is_lost_in_the_midst_of_a_roll_back(world, middles, role):
    world.goes_there()
    ended = world.run("--rollback", Blow(revoke("DELETE ON customers", role, world), middles["--rollback"]))

    assert ended.code == 1
    assert ended.err.splitlines()[-2:] == [
        "Error: The database said: permission denied for table customers. The open transaction was undone.",
        "Next: grant that to the role of DATABASE_URL, then the same command again; python manage.py preflight names "
        "all",
    ]
    assert Run.objects.latest("id").state == "failed"
    query(world.connection, f"GRANT DELETE ON customers TO {role}")
    world.comes_back()


def goes_on(world):
    """Whole chunks, no row blamed; the same command goes to its end, and back."""
    assert one(world.connection, WHOLE) == 0
    assert world.broken() <= {"chunks_done"}
    assert not Finding.objects.filter(kind="row_failed").exists()
    world.goes_there()
    world.comes_back()


def revoke(right, role, world):
    def strike():
        with psycopg.connect(database_url(world.name)) as admin:
            admin.execute(f"REVOKE {right} FROM {role}")

    return strike
