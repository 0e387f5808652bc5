"""How a run gives way: why it pauses, what it says, and that it goes on, by clocks and readings of the tests."""

import threading
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from separation.database import execute
from separation.errors import Interrupted
from separation.manners import Manners, Readings, Window, read, waiting_for
from separation.migrator import Migration, Pace, StopRequest
from separation.models import Phase, Run
from separation.phases import change_phase
from tests.databases import manage
from tests.separation.engine import one, other_application

WAITING = """
SELECT count(*) FROM pg_stat_activity
WHERE datname = current_database() AND wait_event_type = 'Lock' AND query LIKE 'UPDATE users %'
"""
NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


class Clock:
    """A clock that only sleeping moves."""

    def __init__(self, start=NOON, speed=1):
        self.start, self.speed, self.slept = start, speed, 0.0

    def now(self):
        return self.start + self.speed * timedelta(seconds=self.slept)

    def monotonic(self):
        return self.slept

    def sleep(self, seconds):
        self.slept = round(self.slept + max(seconds, 1e-6), 6)


def manners(readings=(), clock=None, **wanted):
    """Return manners that see READINGS one after the other, and then nothing in the way; and what they say."""
    clock, coming = clock or Clock(), list(readings)
    said: list[str] = []
    made = Manners(
        read=lambda *_: coming.pop(0) if coming else Readings(),
        now=clock.now,
        clock=clock.monotonic,
        sleep=clock.sleep,
        note=said.append,
        **wanted,
    )
    return made, said, clock


def run():
    return Run(pk=7, kind=Run.EXECUTE)


@pytest.mark.parametrize(
    ("seen", "reason"),
    [
        (Readings(standby="berlin", lag=11.0), "the standby berlin is more than 10 s behind"),
        (
            Readings(oldest="process 5 (report)", age=301.0),
            "process 5 (report) has had a transaction open for more than 300 s",
        ),
        (
            Readings(request="pause", requested_by="anna@web-1 pid 3"),
            "anna@web-1 pid 3 asked for it; python manage.py separation_status --resume ends it",
        ),
    ],
)
def test_it_pauses_while_it_is_in_the_way_and_says_so_once(seen, reason):
    polite, said, _ = manners([seen] * 4)
    mine = run()
    shown: list[str] = []

    polite.give_way(None, mine, StopRequest(), shown.append)

    assert said == [f"Paused: {reason}.", "Going on after 3 s."]
    assert shown == ["paused", "working"]
    assert mine.journal.pauses == [{"why": reason, "from": NOON, "seconds": 3.0}]


def test_a_pause_lasts_as_long_as_it_did_though_the_clock_on_the_wall_is_set_back():
    polite, said, _ = manners([Readings(lag=11.0)] * 4, Clock(speed=-3600))
    mine = run()

    polite.give_way(None, mine, StopRequest())

    assert said[1:] == ["Going on after 3 s."]
    assert mine.journal.pauses[0]["seconds"] == 3.0


def test_nothing_in_the_way_is_no_pause():
    polite, said, clock = manners([Readings(lag=10.0, oldest="process 5 (x)", age=300.0)])

    polite.give_way(None, run(), StopRequest())

    assert (said, clock.slept) == ([], 0.0)


def test_what_was_seen_holds_for_a_moment():
    polite, _, clock = manners()
    looked = []

    for _ in range(4):
        looked.append(polite.give_way(None, run(), StopRequest()))
        clock.sleep(0.1)

    assert looked == [True, False, True, False]


def test_a_limit_of_0_looks_away():
    polite, said, _ = manners([Readings(lag=1000.0, oldest="process 5 (x)", age=9999.0)], max_lag=0, max_transaction=0)

    polite.give_way(None, run(), StopRequest())

    assert said == []


def test_one_reason_after_the_other_is_said():
    polite, said, _ = manners([Readings(lag=11.0)] * 3 + [Readings(request="pause", requested_by="anna")] * 3)

    polite.give_way(None, run(), StopRequest())

    assert [line.partition(" ")[0] for line in said] == ["Paused:", "Going", "Paused:", "Going"]


def test_a_stop_ends_the_pause():
    polite, said, clock = manners([Readings(standby="s1", lag=11.0)] * 100)
    stop = StopRequest()

    def interrupted(seconds):
        clock.sleep(seconds)
        stop()

    polite.sleep = interrupted

    polite.give_way(None, run(), stop)

    assert said == ["Paused: the standby s1 is more than 10 s behind.", "Going on after 0 s."]


def test_an_abort_is_an_interruption_that_can_be_resumed():
    polite, _, _ = manners([Readings(request="abort", requested_by="anna@web-1 pid 3")])

    with pytest.raises(Interrupted) as raised:
        polite.give_way(None, run(), StopRequest())

    assert raised.value.message == ("Run 7 was aborted by anna@web-1 pid 3 after a whole chunk; nothing is half done.")


def test_the_rate_is_kept_over_all_workers_of_the_process():
    polite, said, clock = manners(max_rate=50)

    for _ in range(4):
        polite.give_way(None, run(), StopRequest())
        clock.sleep(0.5)
        polite.earn(100, 0.5)
    polite.give_way(None, run(), StopRequest())

    assert clock.slept == pytest.approx(8.0)
    assert said == []


@pytest.mark.parametrize(("milliseconds", "size"), [(1, 20), (10, 40), (500, 2000), (60_000, 2000)])
def test_the_first_chunk_is_short_where_short_ones_are_wanted(milliseconds, size):
    assert Pace.lasting(milliseconds / 1000) == Pace(size=size, target=milliseconds / 1000)


def test_whom_a_chunk_kept_waiting_has_a_turn_and_chunks_get_smaller():
    polite, said, clock = manners()
    pace = Pace(size=1000)

    for _ in range(2):
        pace.ease()
        polite.blocked([99], 0.4, StopRequest())

    assert (pace.size, clock.slept) == (250, pytest.approx(0.8))
    assert said == [
        "Others wait for the locks of a chunk (server process 99, for one): smaller chunks, and as long a rest after "
        "each, while that is so."
    ]


def test_in_company_chunks_are_short_and_alone_they_are_long_again():
    pace, sizes = Pace(suits=True), []

    for company in (False, True, True, False):
        pace.suit(company)
        sizes.append((pace.size, pace.target, pace.gentle))

    assert sizes == [(2000, 0.5, False), (80, 0.02, True), (80, 0.02, True), (2000, 0.5, False)]


def test_a_wanted_target_is_kept_in_company():
    pace = Pace.lasting(0.5)

    pace.suit(company=True)

    assert (pace, pace.gentle) == (Pace.lasting(0.5), False)


def at(text, zone="UTC"):
    return datetime.fromisoformat(text).replace(tzinfo=Window.parse(f"00:00-01:00@{zone}").zone)


@pytest.mark.parametrize(
    ("window", "moment", "is_open", "opens"),
    [
        ("01:00-05:00", "2026-03-02 00:59", False, "2026-03-02 01:00 UTC"),
        ("01:00-05:00", "2026-03-02 01:00", True, "2026-03-02 01:01 UTC"),
        ("01:00-05:00", "2026-03-02 05:00", False, "2026-03-03 01:00 UTC"),
        ("22:30-05:00", "2026-03-02 23:59", True, "2026-03-03 00:00 UTC"),
        ("22:30-05:00", "2026-03-02 04:59", True, "2026-03-02 22:30 UTC"),
        ("22:30-05:00", "2026-03-02 12:00", False, "2026-03-02 22:30 UTC"),
        ("01:00-05:00@Europe/Berlin", "2026-01-02 00:00", True, "2026-01-02 01:01 CET"),
        # Clocks are put forward at 01:00 UTC, from 02:00 to 03:00: the window's first half hour does not exist.
        ("02:30-04:00@Europe/Berlin", "2026-03-29 00:00", False, "2026-03-29 03:00 CEST"),
        # Clocks are put back at 01:00 UTC, from 03:00 to 02:00.
        ("03:00-04:00@Europe/Berlin", "2026-10-25 00:30", False, "2026-10-25 03:00 CET"),
        ("01:00-05:00@America/New_York", "2026-07-01 04:59", False, "2026-07-01 01:00 EDT"),
    ],
)
def test_a_window_follows_the_clock_on_the_wall(window, moment, is_open, opens):
    parsed, now = Window.parse(window), datetime.fromisoformat(moment).replace(tzinfo=UTC)

    assert parsed.is_open(now) is is_open or opens.endswith(":01 UTC")
    assert f"{parsed.opens(now):%Y-%m-%d %H:%M %Z}" == opens


def test_outside_the_window_it_waits_and_says_until_when():
    clock = Clock(datetime(2026, 3, 2, 0, 59, tzinfo=UTC))
    polite, said, _ = manners(clock=clock, window=Window.parse("01:00-05:00"))

    polite.give_way(None, run(), StopRequest())

    assert said == [
        "Paused: outside the window 01:00-05:00 UTC, until 2026-03-02 01:00 UTC.",
        "Going on after 60 s.",
    ]


@pytest.mark.parametrize(
    ("option", "value", "complaint"),
    [
        ("--workers", "0", "'0' is not a whole number from 1 to 32"),
        ("--workers", "two", "'two' is not a whole number from 1 to 32"),
        ("--workers", "-1", "'-1' is not a whole number from 1 to 32"),
        ("--target-ms", "5", "'5' is not a whole number from 10 to 60,000"),
        ("--max-rate", "0", "'0' is not a whole number from 1 to 1,000,000"),
        ("--window", "1-5", "'1-5' is not of the form 01:00-05:00 or 01:00-05:00@Europe/Berlin"),
        ("--window", "25:00-05:00", "'25:00-05:00' names a time that no clock shows"),
        ("--window", "05:00-05:00", "'05:00-05:00' is no window: it ends when it begins"),
        ("--window", "01:00-05:00@Berlin", "'Berlin' is no time zone, as Europe/Berlin is one"),
    ],
)
def test_bad_values_are_usage_errors(option, value, complaint, capsys):
    from django.core.management import load_command_class

    parser = load_command_class("separation", "migrate_customers").create_parser("manage.py", "migrate_customers")
    parser.called_from_command_line = True

    with pytest.raises(SystemExit) as ended:
        parser.parse_args(["--execute", f"{option}={value}"])

    assert ended.value.code == 2
    assert capsys.readouterr().err.splitlines()[-1] == (
        f"manage.py migrate_customers: error: argument {option}: {complaint}"
    )


@pytest.mark.engine
def test_what_an_execute_minds_goes_with_execute_alone(legacy_database):
    said = manage(legacy_database("plain", adopted=True).name, "migrate_customers", "--rollback", "--workers", "2")

    assert (said.returncode, said.stdout) == (2, "")
    assert said.stderr.splitlines() == [
        "Error: --workers goes with --execute alone.",
        "Next: python manage.py migrate_customers --execute --workers …",
    ]


@pytest.mark.engine
def test_the_readings_are_of_the_server(legacy_database):
    database = legacy_database("plain", adopted=True)
    mine = Run.objects.create(kind=Run.EXECUTE, request="pause", requested_by="anna")
    with other_application(database.name) as other:
        other.execute("SET application_name = 'a report'")
        other.execute("BEGIN")
        process = other.info.backend_pid
        seen = read(database.connection, mine)

    assert replace(seen, age=0.0) == Readings("pause", "anna", "", 0.0, f"process {process} (a report)", 0.0, True)
    assert seen.age >= 0


@pytest.mark.engine
def test_company_is_whoever_has_just_asked_for_something_and_whoever_cannot_be_seen(legacy_database, role):
    database = legacy_database("plain", adopted=True)
    mine = Run.objects.create(kind=Run.EXECUTE)

    def company():
        return read(database.connection, mine).company

    seen = [company()]
    with other_application(database.name) as other:
        other.execute("SELECT 1")
        seen.append(company())
        other.execute("SET application_name = 'separation status'")
        seen.append(company())
        other.execute("RESET application_name")
        execute(database.connection, f"GRANT SELECT ON separation_runs TO {role}; SET ROLE {role}")
        seen.append(company())
        execute(database.connection, f"RESET ROLE; DROP OWNED BY {role}")

    assert seen == [False, True, False, True]


@pytest.mark.engine
def test_a_run_in_company_moves_gently_and_says_so_once(legacy_database):
    database = legacy_database("plain", adopted=True)
    change_phase(database.connection, Phase.LEGACY, Phase.DUAL)
    polite, said, _ = manners([Readings(company=True)])
    migration = Migration(
        database.connection,
        Run.objects.create(kind=Run.EXECUTE),
        pace=Pace(size=100, suits=True, smallest=2),
        manners=polite,
    )

    migration.move_all(StopRequest(), lambda _: None)

    assert said == ["Others are at work: short chunks while that is so. --target-ms 500 moves at full speed."]
    first = "SELECT (counts ->> 'examined')::int FROM separation_chunks ORDER BY first_id LIMIT 1"
    assert one(database.connection, first) == 4


@pytest.mark.engine
def test_a_session_that_waits_for_a_chunk_is_seen_before_it_commits(legacy_database, monkeypatch):
    database = legacy_database("plain", adopted=True)
    change_phase(database.connection, Phase.LEGACY, Phase.DUAL)
    somebody = one(database.connection, "SELECT min(id) FROM users WHERE is_customer")
    threads = []

    def write():
        with other_application(database.name) as old:
            old.execute("UPDATE users SET phone = '1' WHERE id = %s", [somebody])

    def wait_and_see(connection):
        monkeypatch.setattr("separation.migrator.waiting_for", waiting_for)
        threads.append(threading.Thread(target=write))
        threads[-1].start()
        with other_application(database.name) as watcher:
            while watcher.execute(WAITING).fetchall() == [(0,)]:
                time.sleep(0.01)
        return waiting_for(connection)

    monkeypatch.setattr("separation.migrator.waiting_for", wait_and_see)
    polite, said, _ = manners()
    migration = Migration(
        database.connection, Run.objects.create(kind=Run.EXECUTE), pace=Pace(size=1000), manners=polite
    )

    migration.move_all(StopRequest(), lambda _: None)
    threads[0].join()

    assert migration.pace.size == 500
    assert len(said) == 1
