"""A run survives failed rows, locks, lost connections and other applications: whole chunks, and it goes on."""

import os
import socket
import threading

import pytest

from separation.errors import CheckFailed, Interrupted
from separation.migrator import Migration, Pace, StopRequest
from separation.models import Chunk, Finding, Phase, Run
from separation.phases import change_phase
from tests.separation.engine import WHOLE, move, one, other_application, query


def breaking(connection, condition):
    """Make the database refuse certain customers."""
    query(
        connection,
        f"""CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
            IF {condition} THEN RAISE EXCEPTION 'no room for %%', NEW.email; END IF; RETURN NEW; END $$""".replace(
            "%%", "%"
        ),
    )
    query(connection, "CREATE TRIGGER refuse BEFORE INSERT ON customers FOR EACH ROW EXECUTE FUNCTION refuse()")


def movable(connection, position):
    """Return the id of a customer who moves."""
    return query(
        connection,
        "SELECT id FROM users WHERE is_customer AND email LIKE '%%@example.%%' ORDER BY id OFFSET %s LIMIT 1",
        [position],
    )[0][0]


def test_a_row_that_fails_becomes_a_finding_and_the_rest_goes_on(legacy_database):
    database = legacy_database("plain", adopted=True)
    broken = movable(database.connection, 20)
    breaking(database.connection, f"NEW.id = {broken}")

    run = move(database.connection)

    assert run.counts["failed"] == 1
    finding = Finding.objects.get(kind="row_failed")
    assert (finding.table_name, finding.row_id, finding.state) == ("users", broken, "open")
    assert finding.detail["error"].startswith("no room for ")
    assert "***@" in finding.detail["error"]
    failed = Chunk.objects.get(state="failed")
    assert failed.first_id <= broken <= failed.last_id
    assert one(database.connection, WHOLE) == 0


def test_a_failed_row_moves_once_it_can(legacy_database):
    database = legacy_database("plain", adopted=True)
    broken = movable(database.connection, 20)
    breaking(database.connection, f"NEW.id = {broken}")
    move(database.connection)
    query(database.connection, "DROP TRIGGER refuse ON customers")

    run = move(database.connection)

    assert (run.counts["customers"], run.counts.get("failed", 0)) == (1, 0)
    assert Finding.objects.get(kind="row_failed").state == "gone"
    assert not Chunk.objects.exclude(state="linked").exists()


def test_a_chunk_that_writes_elsewhere_is_undone_and_stops_the_run(legacy_database):
    database = legacy_database("plain", adopted=True)
    query(
        database.connection,
        """CREATE FUNCTION meddle() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
            DELETE FROM refresh_tokens; RETURN NULL; END $$""",
    )
    query(database.connection, "CREATE TRIGGER meddle AFTER INSERT ON customers EXECUTE FUNCTION meddle()")
    before = one(database.connection, "SELECT count(*) FROM refresh_tokens")
    assert before > 0

    with pytest.raises(CheckFailed) as refused:
        move(database.connection)

    assert str(refused.value) == (
        "Moving customers made PostgreSQL write to refresh_tokens, which the migration must not touch: "
        "a trigger or a cascade does that. The chunk was undone."
    )
    assert one(database.connection, "SELECT count(*) FROM refresh_tokens") == before
    assert one(database.connection, "SELECT count(*) FROM customers") == 0


def test_a_customer_deleted_after_the_move_is_removed_here_as_well(legacy_database):
    database = legacy_database("plain", moved=True)
    deleted = movable(database.connection, 10)
    with other_application(database.name) as old:
        old.execute("DELETE FROM users WHERE id = %s", [deleted])

    assert one(database.connection, "SELECT count(*) FROM customers WHERE id = %s", [deleted]) == 0
    assert one(database.connection, "SELECT count(*) FROM customer_profiles WHERE customer_id IS NULL") == 0
    assert not Finding.objects.filter(kind="deleted_meanwhile").exists()


def test_a_customer_whose_deletion_fired_no_trigger_is_removed_by_the_next_run(legacy_database):
    database = legacy_database("plain", moved=True)
    deleted = movable(database.connection, 10)
    with other_application(database.name) as replica:
        replica.execute("SET session_replication_role = 'replica'")
        replica.execute("DELETE FROM reservations WHERE user_id = %s", [deleted])
        replica.execute("DELETE FROM orders WHERE user_id = %s", [deleted])
        replica.execute("DELETE FROM users WHERE id = %s", [deleted])

    run = move(database.connection)

    assert run.counts["deleted"] == 1
    assert one(database.connection, "SELECT count(*) FROM customers WHERE id = %s", [deleted]) == 0
    assert Finding.objects.get(kind="deleted_meanwhile").row_id == deleted


def test_a_delete_waits_for_the_open_chunk_and_then_happens(legacy_database):
    database = legacy_database("plain", adopted=True)
    deleted = movable(database.connection, 10)
    done = threading.Event()

    def delete():
        with other_application(database.name) as old:
            old.execute("DELETE FROM users WHERE id = %s", [deleted])
        done.set()

    from django.db import transaction

    from separation.migrator import run_chunk

    deleting = threading.Thread(target=delete)
    run = Run.objects.create(kind="execute")
    change_phase(database.connection, Phase.LEGACY, Phase.DUAL)
    with transaction.atomic():
        run_chunk(database.connection, 1, 2**31 - 1, run.pk)
        deleting.start()
        assert not done.wait(0.3)
    deleting.join(10)
    assert done.is_set()

    move(database.connection)

    assert one(database.connection, "SELECT count(*) FROM customers WHERE id = %s", [deleted]) == 0
    assert one(database.connection, WHOLE) == 0


def test_a_chunk_passes_over_who_is_locked_and_the_end_of_the_run_moves_them(legacy_database, monkeypatch):
    database = legacy_database("plain", adopted=True)
    held = movable(database.connection, 10)
    change_phase(database.connection, Phase.LEGACY, Phase.DUAL)
    waits: list[int] = []
    with other_application(database.name) as old:
        old.execute("BEGIN")
        # Not as the mirror sees it: the chunk alone is under test.
        old.execute("SET LOCAL separation.bypass = 'on'")
        old.execute("UPDATE users SET phone = '1' WHERE id = %s", [held])

        def end(_: float) -> None:
            waits.append(one(database.connection, "SELECT count(*) FROM customers WHERE id = %s", [held]))
            old.execute("END")

        monkeypatch.setattr("separation.waiting.time.sleep", end)

        run = move(database.connection)

    assert waits == [0]
    assert run.counts.get("failed", 0) == 0
    assert one(database.connection, "SELECT phone FROM customers WHERE id = %s", [held]) == "1"


def test_asked_to_stop_it_stops_between_two_chunks_and_the_next_run_resumes(legacy_database):
    database = legacy_database("plain", adopted=True)
    run = Run.objects.create(kind="execute")
    change_phase(database.connection, Phase.LEGACY, Phase.DUAL)
    stop = StopRequest()

    with pytest.raises(Interrupted):
        Migration(database.connection, run, pace=Pace(size=5, smallest=5, largest=5)).move_all(stop, stop)

    assert Chunk.objects.count() == 1
    assert one(database.connection, "SELECT count(*) FROM customers") in range(1, 6)
    assert one(database.connection, WHOLE) == 0
    move(database.connection)
    assert not Chunk.objects.exclude(state="linked").exists()
    assert one(database.connection, WHOLE) == 0


def test_a_lost_connection_is_said_plainly(legacy_database):
    database = legacy_database("plain", adopted=True)
    run = Run.objects.create(kind="execute")
    change_phase(database.connection, Phase.LEGACY, Phase.DUAL)

    def terminate(_):
        with other_application(database.name) as admin:
            admin.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )

    with pytest.raises(CheckFailed) as lost:
        Migration(database.connection, run, pace=Pace(size=5, smallest=5, largest=5)).move_all(StopRequest(), terminate)

    assert str(lost.value) == (
        "The connection to the database was lost; the server undid the open transaction, all others are whole."
    )
    assert lost.value.next_command == "python manage.py migrate_customers --execute"


@pytest.mark.parametrize("statement", ["FROM people", "separation_sync("])
def test_a_connection_that_is_cut_within_a_transaction_is_not_taken_for_a_row_that_fails(legacy_database, statement):
    """Django then opens another connection by itself, which does not hold the lock of the run."""
    database = legacy_database("plain", adopted=True)
    run = Run.objects.create(kind="execute")
    change_phase(database.connection, Phase.LEGACY, Phase.DUAL)
    query(
        database.connection, "INSERT INTO separation_pending (user_id) SELECT id FROM users WHERE is_customer LIMIT 3"
    )

    def cut(execute, sql, *others):
        if statement in sql:
            with socket.socket(fileno=os.dup(database.connection.connection.fileno())) as line:
                line.shutdown(socket.SHUT_RDWR)
        return execute(sql, *others)

    with database.connection.execute_wrapper(cut), pytest.raises(CheckFailed) as lost:
        Migration(database.connection, run, pace=Pace(size=1, smallest=1, largest=1)).move_all(
            StopRequest(), lambda _: None
        )

    assert lost.value.message.startswith("The connection to the database was lost; ")
    assert not Finding.objects.exists()
    assert not Chunk.objects.filter(state="failed").exists()
