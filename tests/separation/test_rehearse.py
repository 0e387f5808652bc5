"""`rehearse`: the whole day on a restored backup; what it says, records, and leaves behind, which is nothing."""

import json
import os
import re
import secrets
import signal
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pyrage
import pytest
from django.core.management import call_command
from pytest_django.fixtures import Settings
from pytest_django.plugin import DjangoDbBlocker

from separation.backups import scratch, take
from separation.interlocks import require_rehearsal
from separation.models import Rehearsal
from separation.rehearsal import latest, process, rehearse, shortcoming
from separation.rehearsal.process import Ended
from separation.rehearsal.steps import CLEANED_UP, STEPS, steps_for
from tests.databases import Databases, LegacyDatabase, database_url, default_connection_to, manage
from tests.separation import forked
from tests.separation.backups import execute, files_in
from tests.separation.cleaning import POLICY
from tests.separation.engine import checksums, columns_of, one, query
from tests.separation.forked_python import forked_command

# Nobody stays behind, so that nothing keeps a clean-up from starting.
NOTHING_TO_DECIDE = """
UPDATE users SET email = 'customer' || id || '@example.org' WHERE is_customer;
UPDATE users SET is_customer = false WHERE role <> 'USER' OR id IN (
    SELECT user_id FROM restaurant_staff WHERE role <> 'STAFF'
    UNION SELECT user_id FROM recipes UNION SELECT user_id FROM menus);
ALTER TABLE issues ALTER user_id DROP NOT NULL;
ALTER TABLE issue_comments ALTER user_id DROP NOT NULL;
"""


@pytest.fixture(autouse=True)
def prefix(monkeypatch: pytest.MonkeyPatch) -> str:
    """Scratch databases of this test's own: other tests may be making theirs on the same server."""
    prefix = f"separation_scratch_{secrets.token_hex(4)}_"
    monkeypatch.setattr(scratch, "_PREFIX", prefix)
    return prefix


@pytest.fixture
def log_dir(settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    settings.LOG_DIR = tmp_path / "logs"
    monkeypatch.setenv("LOG_DIR", str(settings.LOG_DIR))
    return tmp_path / "logs"


@pytest.fixture
def database(legacy_database: Callable[..., LegacyDatabase], backup_dir: Path, log_dir: Path) -> LegacyDatabase:
    """A legacy database that nothing of ours is in, with a backup; who comes by its address finds production."""
    database = legacy_database("plain")
    query(database.connection, "DROP TABLE separation_environment")
    take(database.connection)
    return database


@pytest.fixture
def commands(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str, Mapping[str, str]]]:
    """Let every command of a rehearsal end well at once, and see what was typed, and in what environment."""
    typed: list[tuple[str, str, Mapping[str, str]]] = []

    def pretend(arguments: tuple[str, ...], environment: Mapping[str, str], phrase: str, _: Any) -> Ended:
        typed.append((" ".join(arguments), phrase, environment))
        return Ended(0, ["well done"], [])

    monkeypatch.setattr(rehearse, "run_command", pretend)
    return typed


def left(name: str) -> list[str]:
    """Return the scratch databases there are."""
    found = execute(name, f"SELECT datname FROM pg_database WHERE starts_with(datname, '{scratch._PREFIX}')")
    return [datname for (datname,) in found]


def said(capsys: pytest.CaptureFixture[str]) -> list[str]:
    """Return what the command said, without times and dates."""
    out = re.sub(r" in \d+ s", " in T", re.sub(r" *\d+\.\d s", " T", capsys.readouterr().out))
    return re.sub(r"\d{4}-\d\d-\d\d.\d\d:?\d\d(:?\d\d)?", "WHEN", out).splitlines()


def logged(log_dir: Path) -> dict[str, Any]:
    (path,) = log_dir.glob("*-rehearsal.json")
    content: dict[str, Any] = json.loads(path.read_text())
    return content


def test_the_whole_day_on_production(
    database: LegacyDatabase, backup_dir: Path, log_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rehearsed while nothing of ours is in the database; then adopted and migrated, which nothing else allows."""
    name, columns = database.name, columns_of(database.connection)
    query(database.connection, NOTHING_TO_DECIDE)
    take(database.connection)
    (tmp_path / "separation.toml").write_text(POLICY)
    monkeypatch.setenv("SEPARATION_POLICY", str(tmp_path / "separation.toml"))
    before, files = checksums(database.connection, columns), files_in(backup_dir)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rehearse, "run_command", forked_command)
        call_command("rehearse")
    assert (left(name), files_in(backup_dir), len(files_in(log_dir))) == ([], files, 1)
    assert checksums(database.connection, columns) == before
    assert all(step["ok"] and not step["refused"] for step in logged(log_dir)["steps"])

    def typed(*arguments: str, stdin: str = "") -> tuple[int, str]:
        done = manage(name, *arguments, stdin=stdin)
        return done.returncode, (done.stderr + done.stdout).strip().rpartition("\n")[2]

    assert typed("environment") == (0, f"{name}: production (nothing inside it says otherwise)")
    assert typed("migrate", "--verbosity", "0") == (0, "")
    assert typed("migrate_customers", "--execute", stdin=f"MIGRATE {name}\n") == (
        0,
        "Verified: every invariant holds. Next: python manage.py verify_separation, or look at /admin/",
    )
    query(database.connection, "UPDATE separation_rehearsals SET customers = customers + 1")
    assert typed("migrate_customers", "--execute", stdin=f"MIGRATE {name}\n") == (3, "Next: python manage.py rehearse")


def test_what_it_says(
    database: LegacyDatabase, log_dir: Path, commands: list[Any], capsys: pytest.CaptureFixture[str]
) -> None:
    call_command("rehearse", note="the evening\nbefore")

    days = [step.name for step in STEPS if step.command and not step.phase]
    assert said(capsys) == [
        "        step                            took  expected  locks on tables, and how long seen",
        "ok      restore T            none",
        "ok      remember every row T            none",
        *(f"ok      {step} T T  none" for step in days[:7]),
        "ok      compare every row T            none",
        *(f"ok      {step} T T  none" for step in days[7:]),
        f"Passed: {len(days) + 3} steps in T, with 63 customers.",
        "Expected in production is as long, as on the same server.",
        "Locks are looked at every 50 ms: shorter ones may be missed, locks of rows are not seen, and those that let "
        "others read and write are not shown.",
        f"The log is {log_dir}/migration-log-WHEN-rehearsal.json",
        "It is on record, and good until WHEN UTC. Next: python manage.py migrate",
    ]
    log = logged(log_dir)
    assert (log["state"], log["note"], log["customers"]) == ("done", "the evening before", 63)
    last = {"name": days[-1], "ok": True, "locks": {}, "said": ["well done"], "refused": False}
    assert log["steps"][-1] == last | {"seconds": log["steps"][-1]["seconds"]}
    (record,) = Rehearsal.objects.all()
    assert record.steps == log["steps"]
    assert (record.passed, record.customers, record.same_server) == (True, 63, True)
    require_rehearsal(database.connection)
    assert shortcoming(database.connection, CLEANED_UP) == ""


def test_the_commands_are_those_of_the_day_with_their_phrases(database: LegacyDatabase, commands: list[Any]) -> None:
    call_command("rehearse")
    name = commands[0][2]["DATABASE_URL"].partition("?")[0].rpartition("/")[2]
    assert name.startswith(scratch._PREFIX)
    assert [(command, phrase) for command, phrase, _ in commands] == [
        ("migrate --verbosity 0", ""),
        ("backup", ""),
        ("preflight", ""),
        ("migrate_customers", ""),
        ("migrate_customers --execute", f"MIGRATE {name}\n"),
        ("verify_separation", ""),
        ("migrate_customers --rollback", f"ROLLBACK {name}\n"),
        ("migrate_customers --execute", f"MIGRATE {name}\n"),
        ("verify_separation", ""),
        ("backup", ""),
        ("cleanup_legacy --execute", f"CLEANUP {name}\n"),
        ("verify_separation", ""),
    ]


def test_the_commands_find_nothing_of_production_in_their_environment(
    database: LegacyDatabase, backup_dir: Path, commands: list[Any], settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.ENVIRONMENT = "production"
    monkeypatch.setenv("ENVIRONMENT", "production")
    call_command("rehearse")
    environment = commands[0][2]
    assert urlsplit(environment["DATABASE_URL"])._replace(path="") == urlsplit(database_url(""))._replace(path="")
    assert environment["ENVIRONMENT"] == ""
    assert environment["SECRET_KEY"] == settings.SECRET_KEY
    for folder in (environment["BACKUP_DIR"], environment["LOG_DIR"]):
        assert Path(folder).parent.parent == backup_dir
        assert Path(folder).parent.name.startswith("rehearsal-")


def test_where_customers_are_moved_already_the_way_back_comes_first() -> None:
    assert [step.name for step in steps_for("dual")][:4] == [
        "migrate",
        "roll back what is moved",
        "remember every row",
        "backup",
    ]


def test_a_step_that_fails_is_named_with_what_it_said(
    database: LegacyDatabase,
    log_dir: Path,
    backup_dir: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    files = files_in(backup_dir)
    monkeypatch.setattr(rehearse, "run_command", lambda *_: Ended(1, ["one"], ["Error: it cannot be."]))
    with pytest.raises(SystemExit) as end:
        call_command("rehearse")
    assert end.value.code == 1

    out, err = capsys.readouterr()
    assert out.splitlines()[-4:][1:] == ["    one", "    Error: it cannot be.", "    Exit code 1."]
    assert out.splitlines()[-4].startswith("FAILED  migrate ")
    (log,) = log_dir.iterdir()
    assert err.splitlines()[-2:] == [
        f"Error: The rehearsal failed at 'migrate'; what that said is above, and in the log {log}",
        "Next: put that right, then python manage.py rehearse",
    ]
    assert logged(log_dir)["state"] == "failed"
    record = latest(database.connection)
    assert record
    assert (record.passed, record.steps[-1]["said"][0]) == (False, "one")
    assert (left(database.name), files_in(backup_dir)) == ([], files)


def test_a_clean_up_that_is_refused_is_left_out_and_said(
    database: LegacyDatabase, commands: list[Any], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It comes weeks after the move, when the findings are settled that keep it from starting today."""

    def refuses(arguments: tuple[str, ...], *more: Any) -> Ended:
        refused = arguments[0] == "cleanup_legacy"
        return Ended(3, [], ["Refused (people): 8 of them.", "Next: that"]) if refused else Ended(0, ["well done"], [])

    monkeypatch.setattr(rehearse, "run_command", refuses)
    call_command("rehearse")
    assert said(capsys)[-10:-5] == [
        "ok      backup again T T  none",
        "refused clean up T T  none",
        "    Refused (people): 8 of them.",
        "    Next: that",
        "Not rehearsed: the step 'clean up', refused for the reasons above. Settle them, then rehearse again before "
        "that day.",
    ]
    require_rehearsal(database.connection)
    when = f"{Rehearsal.objects.get().finished_at:%Y-%m-%d %H:%M} UTC"
    lacks = f"its latest rehearsal, of {when}, did not get through the step 'clean up'"
    assert shortcoming(database.connection, CLEANED_UP) == lacks


def test_rows_that_a_roll_back_changed_fail_it(
    database: LegacyDatabase, commands: list[Any], log_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:

    def writes(arguments: tuple[str, ...], environment: Mapping[str, str], *more: Any) -> Ended:
        if "--rollback" in arguments:
            execute(environment["DATABASE_URL"], "UPDATE orders SET status = status; UPDATE menus SET name = 'x'")
        return Ended(0, ["well done"], [])

    monkeypatch.setattr(rehearse, "run_command", writes)
    with pytest.raises(SystemExit):
        call_command("rehearse")
    assert logged(log_dir)["steps"][-1]["said"] == ["After the roll-back these tables are not what they were: menus."]


def test_a_damaged_backup_fails_it(database: LegacyDatabase, backup_dir: Path, log_dir: Path) -> None:
    (table,) = backup_dir.glob("backup-*/orders.jsonl.zst")
    content = bytearray(table.read_bytes())
    content[len(content) // 2] ^= 1
    table.write_bytes(content)
    with pytest.raises(SystemExit):
        call_command("rehearse")
    (step,) = logged(log_dir)["steps"]
    assert (step["name"], step["ok"]) == ("restore", False)
    assert "orders" in step["said"][0]
    assert left(database.name) == []


def test_ctrl_c_leaves_nothing_but_its_log(
    database: LegacyDatabase, backup_dir: Path, log_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = files_in(backup_dir)

    def interrupted(*_: Any) -> Ended:
        raise KeyboardInterrupt

    monkeypatch.setattr(rehearse, "run_command", interrupted)
    with pytest.raises(SystemExit) as end:
        call_command("rehearse")
    assert end.value.code == 130
    assert (left(database.name), files_in(backup_dir)) == ([], files)
    assert logged(log_dir)["state"] == "interrupted"
    assert one(database.connection, "SELECT to_regclass('separation_rehearsals')") is None


def test_what_a_killed_one_left_goes_with_the_next(
    database: LegacyDatabase, backup_dir: Path, commands: list[Any], tmp_path: Path
) -> None:
    files = files_in(backup_dir)

    def dies() -> None:
        vars(rehearse)["run_command"] = lambda *_: forked.kill()

    ended = forked.run(database.connection, tmp_path / "trace", "rehearse", prepare=dies)
    assert ended.code == -signal.SIGKILL
    assert (len(left(database.name)), len(files_in(backup_dir))) == (1, len(files) + 1)

    call_command("rehearse")
    assert (left(database.name), files_in(backup_dir)) == ([], files)


def test_an_interrupted_rehearsal_ends_the_command_and_what_that_started(settings: Settings, tmp_path: Path) -> None:
    settings.BASE_DIR = tmp_path
    (tmp_path / "manage.py").write_text(
        "import os, subprocess, sys, time\n"
        "child = subprocess.Popen(['sleep', '600'])\n"
        "print(os.getpid(), child.pid, file=sys.stderr, flush=True)\n"
        "time.sleep(600)\n"
    )
    heard: list[int] = []

    def hear(line: str) -> None:
        heard.extend(map(int, line.split()))
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        process.run_command(("any",), os.environ, "", hear)
    own, child = heard
    assert not Path(f"/proc/{own}").exists()
    while runs(child):  # killed, but perhaps not dead yet
        time.sleep(0.005)


def runs(number: int) -> bool:
    """Return whether the process is there, and not merely a name that nobody has asked about yet."""
    try:
        return "zombie" not in Path(f"/proc/{number}/status").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False


def test_what_a_command_says_is_masked(settings: Settings, tmp_path: Path) -> None:
    settings.BASE_DIR = tmp_path
    (tmp_path / "manage.py").write_text(
        "import sys\n"
        "print('typed', input(), sys.argv[1:])\n"
        "print('ada.lovelace@example.org', file=sys.stderr)\n"
        "sys.exit(3)\n"
    )
    heard: list[str] = []
    ended = process.run_command(("a", "b"), os.environ, "MIGRATE x\n", heard.append)
    assert ended == Ended(3, ["typed MIGRATE x ['a', 'b']"], ["ad***@ex***.org"])
    assert heard == ended.notes


def test_of_a_long_result_the_failed_checks_and_the_end_are_shown() -> None:
    many = [f"pass  {number}" for number in range(40)]
    result = ["pass  a", "fail  b", "      ids: 1", "pass  c", "      fine", *many]
    assert Ended(1, result, ["note"]).why() == ["fail  b", "      ids: 1", *many[-30:], "note", "Exit code 1."]
    assert Ended(1, ["fail  b", "pass  c"], []).why() == ["fail  b", "pass  c", "Exit code 1."]


def test_the_database_can_be_kept(
    database: LegacyDatabase, commands: list[Any], capsys: pytest.CaptureFixture[str]
) -> None:
    call_command("rehearse", keep=True)
    (kept,) = re.findall(r"The scratch database is kept as (\w+); when", capsys.readouterr().out)
    try:
        assert manage(kept, "environment").stdout.startswith(f"{kept}: scratch (marked by ")
        call_command("rehearse")
        assert execute(kept, "SELECT count(*) FROM users WHERE is_customer") == [(63,)]
    finally:
        execute(database.name, f"DROP DATABASE {kept}")


def test_it_can_be_on_another_server(
    database: LegacyDatabase, commands: list[Any], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """That it is another is told from what the servers say of themselves."""
    own = vars(rehearse)["identity_of"]

    def pretended(connection: Any) -> Any:
        elsewhere = connection.settings_dict["NAME"].startswith(scratch._PREFIX)
        return replace(own(connection), system="another") if elsewhere else own(connection)

    monkeypatch.setattr(rehearse, "identity_of", pretended)
    query(
        database.connection,
        "INSERT INTO users (email, name, password, role, is_customer, created_at, updated_at) "
        "SELECT 'more-' || email, name, password, role, true, created_at, updated_at FROM users WHERE is_customer",
    )
    call_command("rehearse", url=database_url("postgres"))
    assert said(capsys)[-4] == (
        "Expected in production is 2.00 times as long, for that many more customers, if that server is as fast as this "
        "one: it is another, and nobody measured it."
    )
    assert not Rehearsal.objects.get().same_server


def refused(capsys: pytest.CaptureFixture[str], **options: Any) -> list[str]:
    """Return what a rehearsal that is refused says."""
    with pytest.raises(SystemExit) as end:
        call_command("rehearse", **options)
    assert end.value.code == 3
    out, err = capsys.readouterr()
    assert out == ""
    return list(err.splitlines())


def test_without_a_verified_backup_there_is_nothing_to_rehearse_on(
    legacy_database: Callable[..., LegacyDatabase], backup_dir: Path, log_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    database = legacy_database("plain")
    assert refused(capsys) == [
        f"Refused (backup): No verified backup of database {database.name!r} is on record.",
        "Next: python manage.py backup",
    ]
    assert not log_dir.exists()


def test_another_databases_backup_is_no_rehearsal_of_this_one(
    database: LegacyDatabase,
    backup_dir: Path,
    legacy_database: Callable[..., LegacyDatabase],
    capsys: pytest.CaptureFixture[str],
) -> None:
    (folder,) = backup_dir.glob("backup-*")
    other = legacy_database("plain")
    assert refused(capsys, backup=folder.name) == [
        f"Refused (backup): {folder} is not on record as a verified backup of database {other.name!r}.",
        "Next: python manage.py backup",
    ]


def test_an_older_backup_can_be_chosen(database: LegacyDatabase, backup_dir: Path, commands: list[Any]) -> None:
    (first,) = backup_dir.glob("backup-*")
    take(database.connection)
    call_command("rehearse", backup=first.name)
    assert Rehearsal.objects.get().backup_id == first.name


def test_an_encrypted_backup_wants_its_key(
    database: LegacyDatabase,
    settings: Settings,
    commands: list[Any],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    key = pyrage.x25519.Identity.generate()
    (tmp_path / "key.txt").write_text(f"{key}\n")
    take(database.connection, recipients=[str(key.to_public())])
    with pytest.raises(SystemExit) as end:
        call_command("rehearse")
    assert end.value.code == 3
    assert "Refused (identity): " in capsys.readouterr().err
    assert (left(database.name), latest(database.connection)) == ([], None)
    call_command("rehearse", identity=tmp_path / "key.txt")
    assert Rehearsal.objects.get().passed


def test_after_clean_up_has_begun_there_is_nothing_to_rehearse(
    legacy_database: Callable[..., LegacyDatabase], log_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    database = legacy_database("plain", adopted=True)
    query(database.connection, "UPDATE separation_phase SET name = 'cleaning'")
    assert refused(capsys)[0].startswith("Refused (phase): ")


def test_a_record_that_could_not_be_written_is_said_before(
    legacy_database: Callable[..., LegacyDatabase], log_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    database = legacy_database("plain", adopted=True)
    query(database.connection, "SET default_transaction_read_only = on")
    assert refused(capsys) == [
        f"Refused (record): The record of a rehearsal could not be written into database {database.name!r}: it is a "
        "standby or read-only, or this role may not.",
        "Next: point DATABASE_URL at the primary, as the role that migrates, then python manage.py rehearse",
    ]


def test_an_address_that_is_none_is_a_usage_fault(database: LegacyDatabase, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        call_command("rehearse", url="mysql://somewhere/x")
    assert end.value.code == 2
    assert capsys.readouterr().err.splitlines() == [
        "Error: --url must be the address of a PostgreSQL database, with its name.",
        "Next: python manage.py rehearse --url postgres://user:password@host:5432/name",
    ]


def test_a_database_without_customers_has_nothing_to_rehearse(
    databases: Databases, django_db_blocker: DjangoDbBlocker, capsys: pytest.CaptureFixture[str]
) -> None:
    with django_db_blocker.unblock(), databases.empty() as name, default_connection_to(name):
        assert refused(capsys) == [
            f"Refused (kind empty): Nothing to rehearse in {name!r}: it has no table of the old application.",
            "Next: python manage.py migrate",
        ]
