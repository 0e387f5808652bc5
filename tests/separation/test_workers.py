"""Several workers, in one process and in several: whole chunks, exact figures, one end of the run."""

import json
import os
import signal
import time
from contextlib import ExitStack, contextmanager
from itertools import pairwise

import pytest

from separation import interlocks
from separation.manners import SEEN_FOR
from separation.models import Chunk, Phase, Run
from separation.phases import change_phase
from separation.verification import baseline_of
from tests.databases import manage, start
from tests.separation.engine import WHOLE, one, other_application, query

GATE = 4711
HELD = f"SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND objid = {GATE} AND NOT granted"
NAMES = "SELECT application_name FROM pg_stat_activity WHERE datname = current_database() AND application_name LIKE %s"


@pytest.fixture(autouse=True)
def folders(tmp_path, monkeypatch):
    monkeypatch.setenv("LOG_DIR", str(tmp_path / "logs"))
    return tmp_path


@pytest.fixture
def database(legacy_database, monkeypatch):
    """A database whose ledger holds eight chunks to do, and in which a chunk stops at a gate the test may close."""
    for interlock in ("require_backup", "require_preflight"):
        # They take as long as all the rest. The commands are forks of this process, and go without them too.
        monkeypatch.setattr(interlocks, interlock, lambda connection: None)
    database = legacy_database("plain", adopted=True)
    run = Run.objects.create(
        kind=Run.EXECUTE, state=Run.INTERRUPTED, operator="a test", baseline=baseline_of(database.connection)
    )
    change_phase(database.connection, Phase.LEGACY, Phase.DUAL)
    ids = [row[0] for row in query(database.connection, "SELECT id FROM users WHERE is_customer ORDER BY id")]
    ends = [0, *ids[7:-1:8], ids[-1]]
    for first, last in pairwise(ends):
        Chunk.objects.create(run=run, first_id=first + 1, last_id=last)
    query(
        database.connection,
        f"""CREATE FUNCTION gate() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        PERFORM set_config('lock_timeout', '0', true), pg_advisory_xact_lock_shared({GATE}); RETURN NULL; END $$""",
    )
    query(
        database.connection, "CREATE TRIGGER gate AFTER INSERT ON customers FOR EACH STATEMENT EXECUTE FUNCTION gate()"
    )
    return database


class Process:
    """An execute in a process of its own."""

    def __init__(self, database, *options):
        self.database = database
        self.forked = start(database.name, "migrate_customers", "--execute", *options)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.forked.__exit__()

    def ask(self):
        """Return once the phrase is asked for."""
        said = [""]
        while not said[-1].startswith("Type exactly"):
            said.append(self.forked.stderr.readline())
            assert said[-1], said
        return self

    def answer(self, phrase=""):
        """Type the phrase, or another one."""
        self.forked.stdin.write(f"{phrase or f'MIGRATE {self.database.name}'}\n")
        return self

    def end(self):
        """Return the exit code and what was said."""
        out, err = self.forked.communicate()
        return self.forked.returncode, out.splitlines(), err.splitlines()


def until(condition):
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


@contextmanager
def gate_closed(database):
    with other_application(database.name) as keeper:
        keeper.execute(f"SELECT pg_advisory_lock({GATE})")
        yield keeper


def open_gate(keeper):
    """Let the chunk go on, once what its worker last saw holds no longer."""
    time.sleep(SEEN_FOR)
    keeper.execute(f"SELECT pg_advisory_unlock({GATE})")


@contextmanager
def at_work(database, *options):
    """Start an execute for each entry of OPTIONS, the first alone, and give them when each is amid a chunk."""
    with ExitStack() as stack:
        processes = []
        for number, option in enumerate(options, 1):
            process = stack.enter_context(Process(database, *option)).ask().answer()
            processes.append(process)
            until(lambda number=number: one(database.connection, HELD) >= number)
        yield processes


def executes(database):
    return query(
        database.connection,
        "SELECT state, counts FROM separation_runs WHERE kind = 'execute' AND operator <> 'a test' ORDER BY id",
    )


def all_is_moved(database):
    assert one(database.connection, WHOLE) == 0
    assert one(database.connection, "SELECT count(*) FROM separation_chunks WHERE state <> 'linked'") == 0
    assert one(database.connection, "SELECT count(*) FROM customers") == 55


def counted(counts):
    return json.loads(counts) if isinstance(counts, str) else counts


def test_a_second_process_joins_and_both_end_the_same_run(database, folders):
    with gate_closed(database) as keeper, at_work(database, [], []) as (first, second):
        chunks_open = one(database.connection, HELD)
        keeper.execute(f"SELECT pg_advisory_unlock({GATE})")
        ended, joined = first.end(), second.end()

    assert chunks_open == 2
    assert (ended[0], joined[0]) == (0, 0)
    ((state, counts),) = executes(database)
    counts = counted(counts)
    assert state == "done"
    reservations, orders, links = (
        one(database.connection, f"SELECT count(*) FROM {table} WHERE customer_id IS NOT NULL")
        for table in ("reservations", "orders", "customer_restaurants")
    )
    moved = f"Moved: 55 customers, 55 profiles, {reservations} reservations, {orders} orders, {counts['links']} links."
    assert links == counts["links"]
    assert [line for line in ended[1] + joined[1] if line.startswith("Moved: ")] == [moved, moved]
    assert ended[1][-1] == joined[1][-1]
    all_is_moved(database)
    logs = [json.loads(path.read_text()) for path in (folders / "logs").glob("*.json")]
    assert [(log["state"], len(log["workers"])) for log in logs] == [("done", 1), ("done", 1)]
    assert sum(log["workers"][0]["counts"]["customers"] for log in logs) == 55


def test_who_joins_sees_the_run_and_is_asked_for_the_phrase(database):
    with gate_closed(database) as keeper, at_work(database, []) as (first,):
        run = one(database.connection, "SELECT max(id) FROM separation_runs")
        with Process(database, "--workers", "2") as second:
            refused = second.ask().answer("no").end()
        keeper.execute(f"SELECT pg_advisory_unlock({GATE})")
        assert first.end()[0] == 0

    code, out, err = refused
    assert code == 4
    assert out[0].startswith(f"Run {run} (execute) is under way since 20")
    assert out[1:4] == [
        f"{'Customers to examine':<40}{63:>12}",
        f"{'Examined already':<40}{0:>12}",
        f"{'Workers':<40}{1:>12}",
    ]
    assert out[4] == f"  worker 1, process {first.forked.pid} on {os.uname().nodename}: working"
    assert err[-1].endswith("was not given exactly, so nothing was changed.")


def test_the_workers_of_one_process_add_up(database, folders):
    with gate_closed(database) as keeper, at_work(database, ["--workers", "3"]) as (process,):
        until(lambda: one(database.connection, HELD) == 3)
        keeper.execute(f"SELECT pg_advisory_unlock({GATE})")
        code, out, _ = process.end()

    assert (code, out[-1].split(".")[0]) == (0, "Verified: every invariant holds")
    ((state, counts),) = executes(database)
    assert (state, counted(counts)["customers"], counted(counts)["examined"]) == ("done", 55, 63)
    all_is_moved(database)
    (log,) = (json.loads(path.read_text()) for path in (folders / "logs").glob("*.json"))
    assert sorted(worker["worker"] for worker in log["workers"]) == [1, 2, 3]
    assert sum(worker["counts"].get("customers", 0) for worker in log["workers"]) == 55


def test_the_chunk_of_a_killed_worker_is_done_by_the_other(database):
    with gate_closed(database) as keeper, at_work(database, [], []) as (first, second):
        first.forked.send_signal(signal.SIGKILL)
        first.forked.wait()
        keeper.execute(f"SELECT pg_advisory_unlock({GATE})")
        code, out, _ = second.end()

    assert (code, out[-1].split(".")[0]) == (0, "Verified: every invariant holds")
    ((state, counts),) = executes(database)
    assert (state, counted(counts)["customers"]) == ("done", 55)
    all_is_moved(database)


def test_sigterm_lets_both_finish_their_chunks_and_the_next_run_resumes(database):
    with gate_closed(database) as keeper, at_work(database, ["--workers", "2"], []) as (first, second):
        until(lambda: one(database.connection, HELD) == 3)
        for process in (first, second):
            process.forked.send_signal(signal.SIGTERM)
        time.sleep(0.3)
        keeper.execute(f"SELECT pg_advisory_unlock({GATE})")
        ends = [first.end(), second.end()]

    assert [code for code, *_ in ends] == [130, 130]
    assert [err[-2:] for *_, err in ends] == [
        [
            "Interrupted: Stopped after a whole chunk; nothing is half done.",
            "Next: python manage.py migrate_customers --execute",
        ]
    ] * 2
    assert one(database.connection, "SELECT count(*) FROM separation_chunks WHERE state = 'moved'") in range(3, 8)
    assert one(database.connection, WHOLE) == 0
    ((state, counts),) = executes(database)
    assert state == "interrupted"
    assert counted(counts)["customers"] == one(database.connection, "SELECT count(*) FROM customers")

    done = manage(database.name, "migrate_customers", "--execute", stdin=f"MIGRATE {database.name}\n")

    assert done.returncode == 0, done.stderr
    assert [state for state, _ in executes(database)] == ["interrupted", "done"]
    all_is_moved(database)


def test_who_leaves_does_not_end_the_run_of_the_others(database):
    with gate_closed(database) as keeper, at_work(database, [], []) as (first, second):
        first.forked.send_signal(signal.SIGTERM)
        time.sleep(0.3)
        keeper.execute(f"SELECT pg_advisory_unlock({GATE})")
        left, stayed = first.end(), second.end()

    assert (left[0], stayed[0]) == (130, 0)
    assert [state for state, _ in executes(database)] == ["done"]
    all_is_moved(database)


def test_the_last_step_of_a_killed_worker_is_done_by_the_other(database):
    def doing(what):
        named = query(database.connection, NAMES, [f"separation worker % {what} %"])
        return [int(name.split()[4].split("@")[0]) for (name,) in named]

    with gate_closed(database) as keeper, at_work(database, [], []) as processes:
        with other_application(database.name) as writer:
            writer.execute("BEGIN")
            writer.execute("UPDATE users SET phone = phone WHERE NOT is_customer")
            keeper.execute(f"SELECT pg_advisory_unlock({GATE})")
            until(lambda: doing("finishing") and doing("waiting"))
            ((killed, survivor),) = [
                (a, b) for a in processes for b in processes if a is not b and a.forked.pid in doing("finishing")
            ]
            killed.forked.send_signal(signal.SIGKILL)
            until(lambda: doing("finishing") == [survivor.forked.pid])
        code, out, _ = survivor.end()

    assert (code, out[-1].split(".")[0]) == (0, "Verified: every invariant holds")
    assert [state for state, _ in executes(database)] == ["done"]
    all_is_moved(database)


def test_whoever_needs_the_database_alone_is_refused_while_workers_work(database):
    with gate_closed(database) as keeper, at_work(database, []) as (first,):
        refused = [
            manage(database.name, *command)
            for command in (
                ("migrate_customers", "--rollback"),
                ("migrate_customers",),
                ("compatibility", "off"),
            )
        ]
        keeper.execute(f"SELECT pg_advisory_unlock({GATE})")
        assert first.end()[0] == 0

    for said in refused:
        assert (said.returncode, said.stdout) == (3, "")
        sentence, following = said.stderr.splitlines()
        assert sentence.startswith("Refused (one run at a time): Run ")
        assert sentence.endswith(f" At work: worker 1, process {first.forked.pid} on {os.uname().nodename}.")
        assert following == "Next: python manage.py separation_status"


def test_joining_is_refused_once_the_run_has_ended(database):
    with gate_closed(database) as keeper, at_work(database, []) as (first,), Process(database) as late:
        late.ask()
        keeper.execute(f"SELECT pg_advisory_unlock({GATE})")
        assert first.end()[0] == 0
        run = one(database.connection, "SELECT max(id) FROM separation_runs")
        code, _, err = late.answer().end()

    assert (code, err[-2:]) == (
        3,
        [
            f"Refused (run): Run {run} has ended meanwhile (done).",
            "Next: python manage.py migrate_customers --execute",
        ],
    )


def test_joining_is_refused_once_the_phase_has_changed(database):
    with gate_closed(database) as keeper, at_work(database, []) as (first,):
        run = one(database.connection, "SELECT max(id) FROM separation_runs")
        with Process(database) as late:
            late.ask()
            query(database.connection, "UPDATE separation_phase SET name = 'legacy'")
            code, _, err = late.answer().end()
        query(database.connection, "UPDATE separation_phase SET name = 'dual'")
        keeper.execute(f"SELECT pg_advisory_unlock({GATE})")
        assert first.end()[0] == 0

    assert (code, err[-2:]) == (
        3,
        [
            f"Refused (phase): Run {run} works in phase 'dual', and the phase is 'legacy'.",
            "Next: python manage.py separation_status",
        ],
    )


def test_a_pause_and_its_end_are_asked_for_from_anywhere(database, folders):
    def ask(option):
        said = manage(database.name, "separation_status", option)
        return said.returncode, said.stdout.strip(), said.stderr.splitlines()

    with gate_closed(database) as keeper, at_work(database, []) as (first,):
        run = one(database.connection, "SELECT max(id) FROM separation_runs")
        paused = [ask("--pause"), ask("--pause")]
        open_gate(keeper)
        until(lambda: query(database.connection, NAMES, ["separation worker % paused %"]))
        shown = manage(database.name, "separation_status").stdout.splitlines()
        during = one(
            database.connection,
            "SELECT count(*) FROM pg_locks l JOIN pg_class c ON c.oid = l.relation "
            "WHERE c.relname IN ('users', 'customers', 'separation_chunks') AND l.pid <> pg_backend_pid()",
        )
        resumed = ask("--resume")
        code, _, err = first.end()

    assert [(code, out.partition(", by ")[0]) for code, out, _ in paused] == [
        (0, f"Run {run} pauses once its workers have finished their chunks."),
        (0, f"Run {run} is paused already"),
    ]
    assert f"{'Worker':<22}worker 1, process {first.forked.pid} on {os.uname().nodename}: paused" in shown
    assert [line.partition(", by ")[0] for line in shown if line.startswith("Asked for")] == [f"{'Asked for':<22}pause"]
    assert shown[-1] == f"{'Next':<22}python manage.py separation_status --resume"
    assert during == 0
    assert resumed == (0, f"Run {run} goes on.", [])
    assert code == 0
    said = [line for line in err if line.startswith(("Paused", "Going on"))]
    assert [line.rpartition(" asked for it")[2] for line in said[:1]] == [
        "; python manage.py separation_status --resume ends it."
    ]
    assert len(said) == 2
    (log,) = (json.loads(path.read_text()) for path in (folders / "logs").glob("*.json"))
    (pause,) = log["pauses"]
    assert set(pause) == {"why", "from", "seconds"}


def test_an_aborted_run_ends_after_the_chunk_and_the_next_one_says_so(database):
    with gate_closed(database) as keeper, at_work(database, []) as (first,):
        run = one(database.connection, "SELECT max(id) FROM separation_runs")
        asked = manage(database.name, "separation_status", "--abort")
        open_gate(keeper)
        code, _, err = first.end()

    assert (asked.returncode, asked.stdout) == (
        0,
        f"Run {run} ends once its workers have finished their chunks. "
        "To go on: python manage.py migrate_customers --execute\n",
    )
    assert code == 130
    assert err[-2].startswith(f"Interrupted: Run {run} was aborted by ")
    assert err[-1] == "Next: python manage.py migrate_customers --execute"
    assert one(database.connection, "SELECT count(*) FROM separation_chunks WHERE state = 'moved'") == 1

    again = manage(database.name, "migrate_customers", "--execute", stdin=f"MIGRATE {database.name}\n")

    assert again.returncode == 0
    (lifted,) = [line for line in again.stdout.splitlines() if line.startswith("Run ")]
    assert lifted.startswith(f"Run {run} was aborted, by ")
    assert lifted.endswith(" UTC; this one goes on where it stopped.")
    all_is_moved(database)


def test_who_joins_a_paused_run_ends_the_pause(database):
    with gate_closed(database) as keeper, at_work(database, []) as (first,):
        run = one(database.connection, "SELECT max(id) FROM separation_runs")
        assert manage(database.name, "separation_status", "--pause").returncode == 0
        open_gate(keeper)
        said = manage(database.name, "migrate_customers", "--execute", stdin=f"MIGRATE {database.name}\n")
        assert first.end()[0] == 0

    assert said.returncode == 0, said.stderr
    assert "It is paused, by " in said.stdout
    assert one(database.connection, f"SELECT request FROM separation_runs WHERE id = {run}") == ""


def test_there_is_nobody_to_ask_when_nothing_is_under_way(database):
    said = manage(database.name, "separation_status", "--pause")

    assert (said.returncode, said.stdout, said.stderr.splitlines()) == (
        3,
        "",
        [
            "Refused (run): No execute is under way, so there is nobody to ask.",
            "Next: python manage.py separation_status",
        ],
    )


def test_a_run_that_nobody_works_on_any_more_is_told_as_that(database):
    run = Run.objects.create(kind=Run.EXECUTE, operator="a dead process", total=63)

    said = manage(database.name, "separation_status").stdout.splitlines()

    assert f"{'Worker':<22}none: nobody works on this run any more" in said
    assert said[-1] == f"{'Next':<22}python manage.py migrate_customers --execute"
    done = manage(database.name, "migrate_customers", "--execute", stdin=f"MIGRATE {database.name}\n")
    assert done.returncode == 0
    run.refresh_from_db()
    assert run.state == "interrupted"


def test_a_worker_that_fails_stops_the_others_and_the_command_says_why(database):
    query(
        database.connection,
        """CREATE FUNCTION meddle() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
            DELETE FROM refresh_tokens; RETURN NULL; END $$""",
    )
    query(database.connection, "CREATE TRIGGER meddle AFTER INSERT ON customers EXECUTE FUNCTION meddle()")

    said = manage(database.name, "migrate_customers", "--execute", "--workers", "3", stdin=f"MIGRATE {database.name}\n")

    assert said.returncode == 1
    assert said.stderr.splitlines()[-2].startswith("Error: Moving customers made PostgreSQL write to refresh_tokens")
    assert [state for state, _ in executes(database)] == ["failed"]
    assert one(database.connection, "SELECT count(*) FROM customers") == 0
