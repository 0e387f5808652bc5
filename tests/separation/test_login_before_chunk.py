"""Whoever logs in to the portal and is in `users` only is moved then and there, as a chunk would have moved them."""

import threading
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest
from django.db import transaction

from customers.models import Customer, CustomerSession
from separation.arrivals import customer_missing
from separation.migrator import EVERYBODY, run_chunk
from separation.mirror import drain
from separation.models import Phase, Run
from separation.phases import change_phase
from separation.verification import verify
from tests.api import Api, refused
from tests.databases import database_url
from tests.factories import PASSWORD, PASSWORD_HASH
from tests.separation.engine import checksums, columns_of, move, one, query, take_back

# Somebody with bookings of both sorts whom no rule keeps back.
SOMEBODY = """
SELECT u.id, u.email FROM users u
WHERE u.is_customer AND u.role = 'USER' AND EXISTS (SELECT FROM reservations r WHERE r.user_id = u.id)
    AND EXISTS (SELECT FROM orders o WHERE o.user_id = u.id)
    AND NOT EXISTS (SELECT FROM restaurant_staff s WHERE s.user_id = u.id)
    AND NOT EXISTS (SELECT FROM users o WHERE lower(trim(o.email)) = lower(trim(u.email)) AND o.id <> u.id)
ORDER BY u.id LIMIT 1
"""
THEIRS = """
SELECT c.email, EXISTS (SELECT FROM customer_profiles p WHERE p.customer_id = c.id),
    (SELECT count(*) FROM reservations r WHERE r.user_id = c.id AND r.customer_id IS DISTINCT FROM c.id),
    (SELECT count(*) FROM orders o WHERE o.user_id = c.id AND o.customer_id IS DISTINCT FROM c.id),
    (SELECT count(*) > 0 FROM customer_restaurants l WHERE l.customer_id = c.id)
FROM customers c WHERE c.id > 0
"""


def legacy_rows(connection):
    """Return a function that compares every table but those of the engine and of counts with what is in it now."""
    ours = ("separation_", "request_throttles")
    columns = {table: names for table, names in columns_of(connection).items() if not table.startswith(ours)}
    before = checksums(connection, columns)
    return lambda: [table for table, digest in checksums(connection, columns).items() if digest != before[table]]


@pytest.fixture
def legacy(legacy_database):
    """A function: an adopted database of a kind, in phase dual with nobody moved, and its rows as they were."""

    def make(kind):
        connection = legacy_database(kind, adopted=True).connection
        differing = legacy_rows(connection)
        change_phase(connection, Phase.LEGACY, Phase.DUAL)
        return connection, differing

    return make


def log_in(email, password=PASSWORD):
    return Api().post("auth/login", {"email": email, "password": password})


def failures(connection):
    return [(result.id, result.sample) for result in verify(connection).failures]


def test_somebody_not_moved_yet_logs_in_with_the_password_they_always_had(legacy_database):
    connection = legacy_database("plain", adopted=True).connection
    (person, email), *_ = query(connection, SOMEBODY)
    stored = PASSWORD_HASH.removeprefix("bcrypt$")
    query(connection, "UPDATE users SET password = %s WHERE id = %s", [stored, person])
    differing = legacy_rows(connection)
    change_phase(connection, Phase.LEGACY, Phase.DUAL)

    assert refused(log_in(f" {email.upper()} ", "wrong")) == (401, "credentials_wrong")
    assert query(connection, THEIRS) == [(email, True, 0, 0, True)]
    users = query(connection, "SELECT xmin::text, u.* FROM users u ORDER BY id")
    response = log_in(f" {email.upper()} ")
    assert response.status_code == 200
    bearer = {"authorization": f"Bearer {response.json()['access_token']}"}
    assert Api().get("me/sessions", headers=bearer).status_code == 200
    assert query(connection, "SELECT xmin::text, u.* FROM users u ORDER BY id") == users
    assert CustomerSession.objects.get().customer_id == person

    assert drain(connection) == 0
    assert failures(connection) == []
    run = move(connection)
    assert run.counts["customers"] == one(connection, "SELECT count(*) - 1 FROM customers")
    assert failures(connection) == []
    take_back(connection)
    assert differing() == []


@pytest.mark.parametrize("kind", ["plain", "ahead", "half", "dirty"])
def test_whoever_comes_before_the_chunks_is_moved_as_by_them(legacy, kind):
    connection, differing = legacy(kind)
    for (email,) in query(connection, "SELECT email FROM users WHERE is_customer ORDER BY id"):
        customer_missing(email)
    moved = query(connection, "SELECT id FROM customers WHERE id > 0 ORDER BY id")
    found = query(connection, "SELECT kind, row_id FROM separation_findings WHERE table_name = 'users' ORDER BY 1, 2")
    assert moved != []
    assert drain(connection) == 0

    assert move(connection).counts["customers"] == 0
    assert query(connection, "SELECT id FROM customers WHERE id > 0 ORDER BY id") == moved
    kept = "SELECT kind, row_id FROM separation_findings WHERE table_name = 'users' AND state = 'open' ORDER BY 1, 2"
    assert query(connection, kept) == found
    assert failures(connection) == []
    take_back(connection)
    # Passwords that an earlier attempt overwrote are put back for good.
    assert differing() == (["users"] if kind == "half" else [])


@pytest.mark.parametrize(
    ("change", "kind"),
    [
        ("UPDATE users SET role = 'ADMIN' WHERE id = %(id)s", "staff_marked_as_customer"),
        (
            "UPDATE users SET email = upper(%(email)s) WHERE id = (SELECT max(id) FROM users WHERE is_customer)",
            "duplicate_email",
        ),
    ],
)
def test_whom_a_rule_keeps_back_stays_with_a_finding(legacy, change, kind):
    connection, _ = legacy("plain")
    (person, email), *_ = query(connection, SOMEBODY)
    with transaction.atomic():
        query(connection, "SELECT set_config('separation.bypass', 'on', true)")
        query(connection, change, {"id": person, "email": email})

    assert refused(log_in(email)) == (401, "credentials_wrong")

    assert not Customer.objects.exists()
    found = query(
        connection, "SELECT kind FROM separation_findings WHERE table_name = 'users' AND row_id = %s", [person]
    )
    assert found == [(kind,)]


def test_whom_a_chunk_could_not_move_gets_no_error_either(legacy):
    connection, _ = legacy("plain")
    (person, email), *_ = query(connection, SOMEBODY)
    query(
        connection,
        """CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE EXCEPTION $$no$$; END';
        CREATE TRIGGER refuse BEFORE INSERT ON customers FOR EACH ROW EXECUTE FUNCTION refuse()""",
    )

    assert refused(log_in(email)) == (401, "credentials_wrong")

    assert not Customer.objects.exists()
    assert drain(connection) == 0
    found = "SELECT kind FROM separation_findings WHERE table_name = 'users' AND row_id = %s"
    assert query(connection, found, [person]) == [("row_failed",)]


@pytest.mark.parametrize("email", ["nobody@example.org", "", "owner"])
def test_nobody_else_is_moved(legacy, email):
    connection, _ = legacy("plain")
    if email == "owner":
        email = one(connection, "SELECT min(email) FROM users WHERE NOT is_customer")
    customer_missing(email)
    assert not Customer.objects.exists()
    assert one(connection, "SELECT count(*) FROM separation_findings") == 0


@pytest.mark.parametrize("phase", [Phase.LEGACY, Phase.CLEANING])
def test_nobody_is_moved_in_another_phase(legacy_database, phase):
    connection = legacy_database("plain", adopted=True).connection
    Phase.objects.update(name=phase)
    (_, email), *_ = query(connection, SOMEBODY)
    customer_missing(email)
    assert not Customer.objects.exists()


ARRIVE = "SELECT separation_arrive(%s)"


def test_a_log_in_while_the_chunk_is_open_waits_for_it(legacy):
    connection, differing = legacy("plain")
    (person, email), *_ = query(connection, SOMEBODY)
    run = Run.objects.create(kind=Run.EXECUTE, operator="a test")
    name = connection.settings_dict["NAME"]
    with psycopg.connect(database_url(name), autocommit=True) as portal, ThreadPoolExecutor(1) as pool:
        with transaction.atomic():
            run_chunk(connection, EVERYBODY["first"], EVERYBODY["last"], run.pk)
            arrived = pool.submit(portal.execute, ARRIVE, [email])
            waiting = "SELECT EXISTS (SELECT FROM pg_locks WHERE pid = %s AND NOT granted)"
            while not one(connection, waiting, [portal.info.backend_pid]):
                assert not arrived.done()
        arrived.result(20)
    assert Customer.objects.filter(pk=person).count() == 1
    move(connection)
    assert drain(connection) == 0
    assert failures(connection) == []
    take_back(connection)
    assert differing() == []


def test_a_chunk_while_a_log_in_is_open_leaves_that_person_to_it(legacy):
    connection, differing = legacy("plain")
    (person, email), *_ = query(connection, SOMEBODY)
    run = Run.objects.create(kind=Run.EXECUTE, operator="a test")
    with psycopg.connect(database_url(connection.settings_dict["NAME"])) as portal:
        portal.execute(ARRIVE, [email])
        with transaction.atomic():
            run_chunk(connection, EVERYBODY["first"], EVERYBODY["last"], run.pk)
        assert not Customer.objects.filter(pk=person).exists()
        portal.commit()
    assert Customer.objects.filter(pk=person).exists()
    move(connection)
    assert drain(connection) == 0
    assert failures(connection) == []
    take_back(connection)
    assert differing() == []


def test_two_log_ins_of_one_person_at_once_move_them_once(legacy):
    connection, _ = legacy("plain")
    (person, email), *_ = query(connection, SOMEBODY)
    barrier = threading.Barrier(4, timeout=20)

    def arrive(_):
        with psycopg.connect(database_url(connection.settings_dict["NAME"]), autocommit=True) as portal:
            barrier.wait()
            portal.execute(ARRIVE, [email])

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(arrive, range(4)))
    assert list(Customer.objects.values_list("pk", flat=True)) == [person]
    assert failures(connection) == []
