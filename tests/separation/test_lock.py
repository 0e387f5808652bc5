"""Who may work at the same time, and what becomes of the runs of the dead."""

import pytest

from separation.errors import Refused
from separation.lock import alone_if_free, exclusive, introduce, is_last, share, shared, take_last_step, workers
from separation.models import Chunk, Run
from tests.separation.engine import one

SETTINGS = """
SELECT current_setting('lock_timeout') || ' ' || current_setting('statement_timeout') || ' '
    || current_setting('idle_in_transaction_session_timeout') || ' '
    || current_setting('max_parallel_workers_per_gather')
"""


@pytest.fixture
def database(legacy_database):
    return legacy_database("plain", adopted=True)


@pytest.fixture
def second(database):
    """Another connection to the same database."""
    connection = type(database.connection)({**database.connection.settings_dict}, alias="default")
    yield connection
    connection.close()


def test_workers_share_and_whoever_needs_it_alone_is_refused(database, second):
    with shared(database.connection):
        with shared(second):
            assert len(workers(second)) == 2
        with pytest.raises(Refused) as refused, exclusive(second):
            pytest.fail("it was let in")

    assert refused.value.interlock == "one run at a time"
    with exclusive(second), pytest.raises(Refused), shared(database.connection):
        pytest.fail("it was let in")


def test_from_alone_to_shared_nobody_gets_between(database, second):
    with exclusive(database.connection):
        with pytest.raises(Refused), shared(second):
            pytest.fail("it was let in")
        share(database.connection)
        with shared(second):
            assert not is_last(database.connection)
        with alone_if_free(second) as alone:
            assert not alone
        assert is_last(database.connection)
    with exclusive(second):
        pass


def test_the_last_step_is_for_one_until_its_connection_ends(database, second):
    assert take_last_step(database.connection)
    assert not take_last_step(second)
    database.connection.close()
    while not take_last_step(second):
        pass


def test_only_who_is_alone_says_of_a_run_that_nobody_works_on_it(database, second):
    run = Run.objects.create(kind=Run.EXECUTE, counts={"customers": 1, "deleted": 2})
    Chunk.objects.create(run=run, first_id=1, last_id=5, state=Chunk.MOVED, counts={"customers": 3})

    with shared(database.connection):
        with shared(second):
            pass
        with alone_if_free(second):
            pass
        run.refresh_from_db()
        assert run.state == "running"
    with exclusive(second):
        run.refresh_from_db()

    assert (run.state, run.counts) == ("interrupted", {"customers": 4, "deleted": 2})


def test_a_worker_can_be_told_on_the_server(database, second):
    with shared(database.connection):
        introduce(database.connection, 12, 3, "working")
        (worker,) = workers(second)

    assert str(worker).startswith("worker 3, process ")
    assert worker.doing == "working"


def test_who_works_waits_for_nobody_for_long_and_the_session_is_as_before_afterwards(database):
    before = one(database.connection, SETTINGS)
    with exclusive(database.connection):
        assert one(database.connection, SETTINGS) == "5s 30min 1min 0"
    assert one(database.connection, SETTINGS) == before
    with shared(database.connection):
        assert one(database.connection, SETTINGS) == "5s 30min 1min 0"
    assert one(database.connection, SETTINGS) == before
