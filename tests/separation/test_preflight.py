"""`manage.py preflight`: the report as a whole, for people and as JSON, on each state of a database."""

import json
from collections.abc import Callable
from dataclasses import replace

import pytest
from django.core.management import call_command

from separation.preflight import FAIL, PASS, WARN, Report, Result, run_preflight
from separation.preflight.checks import ALL, Check
from separation.preflight.look import Look
from tests.databases import LegacyDatabase, default_connection_to, manage
from tests.separation.engine import move, one, other_application, query

pytestmark = pytest.mark.engine

Make = Callable[..., LegacyDatabase]

# The relations that a process holds locks on, and how.
LOCKS = "SELECT DISTINCT mode FROM pg_locks WHERE pid = %s AND locktype IN ('relation', 'tuple', 'advisory')"
SETTINGS = ("default_transaction_read_only", "lock_timeout", "statement_timeout")
PROBE = Result(PASS, "")

IDS = [
    "connection",
    "server_version",
    "writable",
    "pooling",
    "encoding",
    "clients",
    "clock",
    "timeouts",
    "connections",
    "replication",
    "publications",
    "autovacuum",
    "wraparound",
    "collation",
    "extensions",
    "subscriptions",
    "long_transactions",
    "prepared_transactions",
    "kind",
    "phase",
    "schema",
    "earlier_attempt",
    "migrations",
    "mirror",
    "privileges",
    "row_security",
    "triggers",
    "users_sequence",
    "constraints",
    "indexes",
    "owners",
    "foreign_keys",
    "fates",
    "counts",
    "superadmin",
    "duplicate_email",
    "invalid_email",
    "staff_marked_as_customer",
    "needs_password_reset",
    "orphan",
    "no_restaurant",
    "restaurant_mismatch",
    "time_zones",
    "environment",
    "code",
    "last_run",
    "queue",
    "backup",
    "backup_changes",
    "rehearsal",
    "prediction",
    "disk",
    "backup_dir",
    "log_dir",
]


@pytest.fixture(autouse=True)
def committed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever is being changed in this folder, the code is taken for what was committed."""
    monkeypatch.setattr(
        "separation.preflight.around._git", lambda *arguments: "" if "status" in arguments else "0ddba11"
    )


def statuses(report: Report, status: str) -> list[str]:
    return [result.id for result in report.results if result.status == status]


def test_the_ids_are_a_contract() -> None:
    assert [check.id for check in ALL] == IDS


def test_a_plain_database_before_adoption(legacy_database: Make) -> None:
    report = run_preflight(legacy_database("plain").connection)
    assert [result.id for result in report.results] == IDS
    assert report.left_out == []
    assert report.kind == "plain"
    assert statuses(report, FAIL) == ["backup"]
    assert statuses(report, WARN) == [
        "migrations",
        "fates",
        "duplicate_email",
        "invalid_email",
        "staff_marked_as_customer",
        "needs_password_reset",
    ]
    not_adopted = report.warnings[0]
    assert not_adopted.message == "The database is not adopted yet: the new tables are not there."
    assert not_adopted.remedy == "python manage.py migrate"


@pytest.mark.parametrize("kind", ["plain", "ahead", "dirty"])
def test_an_adopted_database_fails_nothing_but_the_backup(legacy_database: Make, kind: str) -> None:
    report = run_preflight(legacy_database(kind, adopted=True).connection)
    assert report.kind == "adopted"
    assert statuses(report, FAIL) == ["backup"]
    assert "migrations" in statuses(report, PASS)


def test_while_both_schemas_live(legacy_database: Make) -> None:
    database = legacy_database("plain", adopted=True)
    run = move(database.connection)
    report = run_preflight(database.connection)
    assert statuses(report, FAIL) == ["backup"]
    (counts,) = [result for result in report.results if result.id == "counts"]
    assert counts.figure == 0
    assert counts.message.startswith(f"0 customers to move, {run.counts['customers']} moved already, 8 kept back;")


def test_an_empty_database(empty_database: str) -> None:
    with default_connection_to(empty_database) as connection:
        report = run_preflight(connection)
    assert report.kind == "empty"
    assert statuses(report, FAIL) == []
    assert statuses(report, WARN) == ["kind"]
    assert report.left_out == [check.id for check in ALL if check.reads_legacy]


def test_a_half_migrated_database(legacy_database: Make) -> None:
    report = run_preflight(legacy_database("half").connection)
    assert [result.id for result in report.results] == IDS
    (kind,) = [result for result in report.results if result.id == "kind"]
    assert (kind.status, kind.message) == (
        PASS,
        "The database is of kind half: an earlier attempt at a separation left its table customers, which migrate did "
        "not make.",
    )
    (earlier,) = [result for result in report.results if result.id == "earlier_attempt"]
    assert (earlier.status, earlier.message, earlier.figure) == (
        WARN,
        "An earlier attempt left 31 rows in customers (1 with the email of no customer) and its marker for 30 "
        "passwords in users (30 can be put back).",
        31,
    )


def test_a_database_that_cannot_be_reached(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.databases.database_url", lambda _: "postgres://somebody:hidden@127.0.0.1:1/gone")
    done = manage("gone", "preflight")
    assert done.returncode == 1
    assert done.stderr == ""
    said = done.stdout.splitlines()
    assert said[0].startswith("fail  connection  The database cannot be reached: connection failed: ")
    assert said[1].strip() == "Next: set DATABASE_URL, or start the server, then: python manage.py preflight"
    assert said[2] == "1 checked in database 'gone': 1 failed, 0 warned."
    assert "hidden" not in done.stdout


def test_one_json_document(legacy_database: Make) -> None:
    done = manage(legacy_database("dirty").name, "preflight", "--json")
    assert done.returncode == 1
    assert done.stderr == ""
    document = json.loads(done.stdout)
    assert list(document) == ["database", "kind", "phase", "ok", "failures", "warnings", "results", "left_out"]
    assert (document["kind"], document["ok"], document["failures"], document["left_out"]) == ("plain", False, 1, [])
    assert [result["id"] for result in document["results"]] == IDS
    for result in document["results"]:
        assert list(result) == ["id", "status", "message", "figure", "sample", "details", "remedy"]
    assert "@" not in done.stdout


def test_lines_for_people(legacy_database: Make) -> None:
    done = manage(legacy_database("plain").name, "preflight")
    assert done.returncode == 1
    lines = done.stdout.splitlines()
    at = lines.index(
        "warn  duplicate_email           4 customers share their email: not moved, each becomes a finding."
    )
    assert lines[at + 1] == " " * 32 + "ids: 20, 21, 24, 25"
    assert lines[at + 2] == " " * 32 + "Next: python manage.py migrate_customers"
    assert lines[-1].endswith(": 1 failed, 6 warned.")
    assert "@" not in done.stdout


@pytest.fixture
def nothing_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "separation.preflight.checks.ALL", [check for check in ALL if check.id in ("encoding", "migrations")]
    )


def test_a_warning_fails_only_if_strict(legacy_database: Make, nothing_fails: None) -> None:
    legacy_database("plain")
    call_command("preflight")
    with pytest.raises(SystemExit, match=r"^1$"):
        call_command("preflight", "--strict")


def test_nothing_can_be_written(legacy_database: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    database = legacy_database("plain")
    monkeypatch.setattr(
        "separation.preflight.around.latest_verified", lambda connection: query(connection, "DELETE FROM users")
    )
    monkeypatch.setattr("separation.preflight.checks.ALL", [check for check in ALL if check.id == "backup"])
    (result,) = run_preflight(database.connection).results
    assert result.message == "It could not look: cannot execute DELETE in a read-only transaction"
    assert one(database.connection, "SELECT count(*) FROM users") > 0
    assert one(database.connection, "SHOW transaction_read_only") == "off"


def test_a_table_that_somebody_has_locked_is_not_waited_for(
    legacy_database: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("separation.preflight.run.LOCK_TIMEOUT", "50ms")
    database = legacy_database("plain")
    with other_application(database.name) as other, other.transaction():
        other.execute("LOCK TABLE users IN ACCESS EXCLUSIVE MODE")
        report = run_preflight(database.connection)
    (counts,) = [result for result in report.failures if result.id == "counts"]
    assert counts.message == "It could not look within 50ms: another session has locked what it reads."
    assert counts.remedy == "wait for that session, then: python manage.py preflight"


def test_writers_are_not_kept_waiting(legacy_database: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    database = legacy_database("plain")
    process = one(database.connection, "SELECT pg_backend_pid()")
    modes: set[str] = set()
    with other_application(database.name) as other:
        other.execute("SET lock_timeout = '50ms'")

        def and_then_write(check: Check) -> Check:
            """Write at the end of the check's transaction, while it still holds every lock it took."""

            def find(look: Look) -> Result:
                found = check.find(look)
                other.execute("UPDATE users SET name = name; UPDATE orders SET notes = notes WHERE id = 1")
                modes.update(mode for (mode,) in other.execute(LOCKS, [process]).fetchall())
                return found

            return replace(check, find=find)

        monkeypatch.setattr("separation.preflight.checks.ALL", [and_then_write(check) for check in ALL])
        assert statuses(run_preflight(database.connection), FAIL) == ["backup"]
    assert modes == {"AccessShareLock"}


def test_the_whole_session_only_reads_and_is_then_what_it_was(
    legacy_database: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    connection = legacy_database("plain").connection
    query(connection, "SET statement_timeout = '17s'")

    def look_outside_of_a_transaction(look: Look) -> Result:
        found = [one(connection, f"SELECT current_setting('{name}')") for name in SETTINGS]
        return Result(PASS, " ".join(found))

    monkeypatch.setattr("separation.preflight.checks.ALL", [Check("probe", lambda look: PROBE, False)])
    monkeypatch.setattr(
        "separation.preflight.run._run", lambda connection, check, look: look_outside_of_a_transaction(look)
    )
    assert run_preflight(connection).results[0].message == "on 5s 5min"
    assert [one(connection, f"SHOW {name}") for name in SETTINGS] == ["off", "0", "17s"]


def test_a_session_that_a_pooler_hands_on_is_left_as_it_is(
    legacy_database: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    connection = legacy_database("plain").connection
    monkeypatch.setattr("separation.preflight.run.scalar", lambda connection, sql: 11)
    monkeypatch.setattr("separation.preflight.run._set", lambda connection, values: pytest.fail("a setting was left"))
    assert run_preflight(connection, only=("encoding",)).failures == []


@pytest.mark.parametrize("phase", ["cleaning", "separated"])
def test_once_clean_up_has_begun(legacy_database: Make, phase: str) -> None:
    connection = legacy_database("plain", adopted=True).connection
    query(connection, "UPDATE separation_phase SET name = %s", [phase])
    report = run_preflight(connection)
    settled = [check.id for check in ALL if check.until_cleanup]
    assert [result.id for result in report.results] == [name for name in IDS if name not in settled]
    assert report.settled == settled
    assert report.lines()[-1] == (
        "",
        f"Settled in phase {phase}, and not looked at: subscriptions, earlier_attempt, mirror, triggers, foreign_keys, "
        "fates, counts, duplicate_email, invalid_email, staff_marked_as_customer, needs_password_reset, orphan, "
        "no_restaurant, restaurant_mismatch, queue, backup_changes, rehearsal, prediction, disk.",
    )
    assert (statuses(report, FAIL), statuses(report, WARN)) == (["backup"], [])
