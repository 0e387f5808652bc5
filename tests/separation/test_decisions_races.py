"""Decisions against one another, against a chunk in flight, and against what the old application writes just then."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connections, transaction

from separation.decisions import duplicate_keep, duplicate_merge
from separation.errors import Refused
from separation.migrator import EVERYBODY, run_chunk
from separation.mirror import drain
from separation.models import Finding, Merge, Phase
from separation.phases import change_phase
from separation.verification import verify
from tests.separation.engine import move, one, other_application
from tests.separation.old_application import book

pytestmark = pytest.mark.engine

WINNER, LOSER = 20, 21


@pytest.fixture
def database(legacy_database):
    return legacy_database("plain", adopted=True)


def in_step(connection):
    assert drain(connection) == 0
    assert [(r.id, r.details or r.sample) for r in verify(connection).failures] == []


def apart(service, **arguments):
    """Call a service on a connection of its own, in another thread; return what it refused, or nothing."""
    connection = connections["default"]
    try:
        service(connection=connection, by="a thread", execute=True, **arguments)
    except Refused as refusal:
        return refusal.message
    else:
        return ""
    finally:
        connection.close()


def test_of_two_decisions_at_once_one_is_refused(database):
    move(database.connection)
    with ThreadPoolExecutor(2) as pool, other_application(database.name) as old:
        with old.transaction():
            old.execute("SELECT FROM users WHERE id = %s FOR UPDATE", [WINNER])
            calls = [
                pool.submit(apart, duplicate_merge, user_id=LOSER, into=WINNER),
                pool.submit(apart, duplicate_keep, user_id=LOSER),
            ]
        said = sorted(call.result(60) for call in calls)

    assert said[0] == ""
    when = f"{Finding.objects.get(row_id=LOSER).decided_at:%Y-%m-%d %H:%M} UTC"
    assert said[1] in (
        f"User {LOSER} is settled already: merge, by a thread, {when}.",
        f"User {LOSER} is settled already: keep, by a thread, {when}.",
    )
    assert Finding.objects.filter(decision="keep").count() == 1
    in_step(database.connection)


def test_a_merge_waits_for_the_chunk_that_is_open(database):
    connection = database.connection
    change_phase(connection, Phase.LEGACY, Phase.DUAL)
    with ThreadPoolExecutor(1) as pool:
        with transaction.atomic():
            run_chunk(connection, EVERYBODY["first"], EVERYBODY["last"], None)
            merged = pool.submit(apart, duplicate_merge, user_id=LOSER, into=WINNER)
            assert not Merge.objects.exists()
        assert merged.result(60) == ""

    assert one(connection, "SELECT count(*) FROM customers WHERE id = %s", [WINNER]) == 1
    move(connection)
    in_step(connection)


def test_a_booking_that_is_open_while_its_user_is_merged(database):
    connection = database.connection
    move(connection)
    with other_application(database.name) as old:
        with old.transaction():
            booking = book(old, LOSER, 1)
            duplicate_merge(connection=connection, user_id=LOSER, into=WINNER, by="Ada", execute=True)

        assert drain(connection) == 0
        assert one(connection, "SELECT customer_id FROM reservations WHERE id = %s", [booking]) == WINNER
        in_step(connection)


def test_a_booking_while_the_merge_of_its_user_is_open(database):
    connection = database.connection
    move(connection)
    with other_application(database.name) as old:
        with transaction.atomic():
            duplicate_merge(connection=connection, user_id=LOSER, into=WINNER, by="Ada", execute=True)
            booking = book(old, LOSER, 1)

        assert drain(connection) == 0
        assert one(connection, "SELECT customer_id FROM reservations WHERE id = %s", [booking]) == WINNER
        in_step(connection)
