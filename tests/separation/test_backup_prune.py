"""Old backups go by rule; the last verified one, another database's and what is not on record stay."""

import shutil
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connection

from separation.backups import known_records, latest_verified, plan_pruning, prune, pruning, take, verify_backup
from separation.backups.records import BackupRecord, save_record
from separation.errors import CheckFailed
from tests.databases import Databases, default_connection_to
from tests.separation.backups import connected, execute, files_in

NOON = datetime(2026, 3, 11, 12, tzinfo=UTC)  # a Wednesday


@pytest.fixture
def name(databases: Databases, django_db_blocker, backup_dir) -> Iterator[str]:
    with django_db_blocker.unblock(), databases.empty() as name, default_connection_to(name):
        execute(name, "CREATE TABLE people AS SELECT 1 AS id")
        yield name


@pytest.fixture
def original(name) -> Iterator[BackupRecord]:
    """A backup to make others of; itself it is the newest of all."""
    record = take(connection)
    yield replace(record, taken_at=NOON)
    shutil.rmtree(record.path, ignore_errors=True)


def aged(original: BackupRecord, days: float, **others: Any) -> str:
    """Put a backup beside the original that was taken DAYS before it."""
    taken_at = NOON - timedelta(days=days)
    path = original.path.with_name(f"backup-{taken_at:%m-%d-%H%M}")
    shutil.copytree(original.path, path)
    save_record(replace(original, id=path.name, path=path, taken_at=taken_at, **others))
    return path.name


def only(original: BackupRecord) -> None:
    """Take the original away: those made of it stay."""
    shutil.rmtree(original.path)


def stays(daily: int, weekly: int) -> dict[str, str]:
    return {record.id: why for record, why in plan_pruning(connection, daily=daily, weekly=weekly).stay}


def going(daily: int = 7, weekly: int = 4) -> list[str]:
    return [record.id for record in plan_pruning(connection, daily=daily, weekly=weekly).go]


def test_the_newest_of_each_day_and_week_stays(original):
    ids = [aged(original, days) for days in (0, 0.25, 1, 2, 3, 4, 8, 15, 16)]
    only(original)
    assert stays(3, 3) == {
        ids[0]: "the last verified, day 2026-03-11, week 2026-W11",
        ids[2]: "day 2026-03-10",
        ids[3]: "day 2026-03-09",
        ids[4]: "week 2026-W10",
        ids[7]: "week 2026-W09",
    }
    assert going(3, 3) == [ids[1], ids[5], ids[6], ids[8]]


def test_days_without_a_backup_use_up_no_rule(original):
    ids = [aged(original, days) for days in (100, 200, 300)]
    only(original)
    assert going(2, 0) == [ids[2]]


def test_the_last_verified_one_stays_without_any_rule(original):
    ids = [aged(original, 1, verified_at=None), aged(original, 2), aged(original, 3)]
    only(original)
    assert stays(0, 0) == {ids[0]: "not older", ids[1]: "the last verified"}


def test_a_damaged_or_failed_one_takes_no_good_ones_place(original):
    good = aged(original, 0)
    failed = aged(original, 1, check_failed="it was not as it was")
    damaged = aged(original, 1.1, verified_at=None)
    short = aged(original, 1.2)
    (original.path.with_name(short) / "people.jsonl.zst").unlink()
    kept = aged(original, 1.3)
    only(original)
    assert stays(2, 0) == {good: "the last verified, day 2026-03-11", kept: "day 2026-03-10"}
    assert going(2, 0) == [failed, damaged, short]


def test_nothing_goes_while_none_is_verified(original):
    ids = [aged(original, days, verified_at=None) for days in (1, 2)]
    only(original)
    assert stays(0, 0) == dict.fromkeys(ids, "none is verified")


def test_others_are_not_touched(original, name, databases, backup_dir):
    with databases.empty() as other, connected(other) as elsewhere:
        foreign = take(elsewhere).id
    unknown = backup_dir / "backup-2001"
    shutil.copytree(original.path, unknown)
    old = aged(original, 9)
    linked = backup_dir / aged(original, 10)
    linked.rename(backup_dir / "elsewhere")
    linked.symlink_to(backup_dir / "elsewhere")

    gone = prune(connection, {old, foreign, unknown.name, linked.name, original.id}, daily=0, weekly=0)

    assert [record.id for record in gone] == [old]
    assert set(files_in(backup_dir)) >= {foreign, unknown.name, linked.name, "elsewhere", original.id}


def test_the_last_verified_one_is_read_again_before_another_goes(original):
    old = aged(original, 9)
    newest = aged(original, 0)
    only(original)
    file = original.path.with_name(newest) / "people.jsonl.zst"
    file.write_bytes(bytes([file.read_bytes()[0] ^ 1]) + file.read_bytes()[1:])
    with pytest.raises(CheckFailed, match=r"people\.jsonl\.zst is damaged"):
        prune(connection, {old}, daily=0, weekly=0)
    assert verify_backup(connection, old).recorded


def test_only_what_was_shown_goes(original):
    shown, later = aged(original, 8), aged(original, 9)
    prune(connection, {shown}, daily=0, weekly=0)
    assert going(0, 0) == [later]


class Killed(BaseException):
    pass


@pytest.mark.parametrize(("module", "function"), [(pruning, "sync"), (pruning, "forget_record"), (shutil, "rmtree")])
def test_a_kill_leaves_whole_backups_or_none(module, function, original, backup_dir, monkeypatch):
    old = aged(original, 9)

    def die(*_):
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(module, function, die)
        with pytest.raises(Killed):
            prune(connection, {old}, daily=0, weekly=0)
    newest = latest_verified(connection)
    assert newest
    assert newest.id == original.id
    assert going(0, 0) == []
    record = take(connection)
    assert files_in(backup_dir) == [".lock", *sorted([original.id, record.id]), "records"]


def test_the_command_shows_asks_and_removes(original, name, capsys, monkeypatch):
    old = aged(original, 400)
    monkeypatch.setattr("sys.stdin", StringIO("PRUNE something\n"))
    with pytest.raises(SystemExit) as done:
        call_command("backup", prune=True, keep_daily=1, keep_weekly=0)
    assert done.value.code == 4
    first, second = capsys.readouterr().out.splitlines()
    assert first.startswith(f"stays  {original.id}")
    assert first.endswith("the last verified, day " + f"{datetime.now(UTC):%Y-%m-%d}")
    assert second.startswith(f"goes   {old} ")

    monkeypatch.setattr("sys.stdin", StringIO(f"PRUNE {name}\n"))
    call_command("backup", prune=True, keep_daily=1, keep_weekly=0)
    said = capsys.readouterr()
    assert said.out.splitlines()[-1] == "Backups removed: 1, 0.0 kB"
    assert "Backups to remove: 1 of 2, 0.0 kB.\nType exactly: PRUNE " in said.err
    assert [record.id for record in known_records(connection)] == [original.id]

    call_command("backup", prune=True)
    assert capsys.readouterr().out.splitlines()[-1] == "Nothing to remove."


@pytest.mark.parametrize("options", [{"keep_daily": 1}, {"prune": True, "keep_weekly": -1}])
def test_rules_that_make_no_sense_are_usage_faults(options, backup_dir):
    with pytest.raises(SystemExit) as done:
        call_command("backup", **options)
    assert done.value.code == 2
