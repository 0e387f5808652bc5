"""A clock that is set back: no old backup passes for a fresh one, nothing takes less than no time, a run goes on."""

from dataclasses import replace
from datetime import datetime, timedelta
from itertools import count
from pathlib import Path

import pytest
from django.conf import settings
from django.db.models import F
from django.utils import timezone

from separation.backups.records import latest_verified, save_record
from separation.models import Run
from tests.separation import forked
from tests.separation.engine import query
from tests.separation.forked import Blow, kill, turned, without_preflight


def clock(back, after=0):
    """Return what lets the clock of a process be set BACK once it was looked at AFTER times."""

    def set_back():
        without_preflight()
        looks = count()

        class Clock(datetime):
            @classmethod
            def now(cls, tz=None):
                return datetime.now(tz) - (back if next(looks) >= after else timedelta())

        timezone.datetime = Clock  # type: ignore[attr-defined]

    return set_back


@pytest.mark.parametrize("after", [0, 2, 5])
def test_a_run_whose_clock_is_set_back_takes_no_less_than_no_time(world, after):
    ended = world.run("--execute", prepare=clock(timedelta(days=2), after))

    assert ended.code == 0, ended.err
    assert not Run.objects.filter(finished_at__lt=F("started_at")).exists()
    world.goes_there()
    world.comes_back()


def test_each_run_has_its_own_log_and_they_stay_in_order(world):
    first = Run.objects.count()
    world.run("--execute")
    world.run("--rollback", prepare=clock(timedelta(hours=1)))
    world.run("--execute", prepare=clock(timedelta(hours=1)))
    world.comes_back()

    runs = Run.objects.order_by("id")[first:]
    assert [run.kind for run in runs] == ["execute", "rollback", "execute", "rollback"]
    assert len({run.log_path for run in runs}) == 4
    assert all(Path(run.log_path).exists() for run in runs)


def test_a_killed_run_goes_on_yesterday(world):
    life = world.run("--execute").statements
    world.comes_back()
    assert world.run("--execute", Blow(kill, (turned(life) + len(life)) // 2)).code == -9

    assert world.run("--execute", prepare=clock(timedelta(days=1))).code == 0
    assert world.broken() == set()
    world.comes_back()


def test_a_backup_of_a_time_to_come_is_not_fresh(world, tmp_path, monkeypatch):
    """As if the server's clock, which stamps backups, had been set back by three days since."""
    monkeypatch.setattr(settings, "BACKUP_DIR", tmp_path)
    query(world.connection, "DELETE FROM separation_backups")
    assert forked.run(world.connection, world.folder / "trace", "backup").code == 0
    record = latest_verified(world.connection)
    assert record
    save_record(replace(record, taken_at=record.taken_at + timedelta(days=3)))
    query(world.connection, "UPDATE separation_backups SET taken_at = taken_at + interval '3 days'")

    ended = world.run("--execute")

    assert ended.code == 3
    assert ended.err.splitlines() == [
        f"Refused (backup): The newest verified backup of database {world.name!r}, {record.id}, is of a time still to "
        "come: the server's clock was set back, and how old it is cannot be told.",
        "Next: python manage.py backup",
    ]
    checked = forked.run(world.connection, world.folder / "trace", "preflight")
    assert f"{record.id}, is of a time that is still to come by the server's clock." in checked.out
    assert forked.run(world.connection, world.folder / "trace", "backup").code == 0
    world.goes_there()
    world.comes_back()


def test_an_old_backup_is_not_made_fresh_by_this_hosts_clock(world, tmp_path, monkeypatch):
    monkeypatch.setattr(settings, "BACKUP_DIR", tmp_path)
    query(world.connection, "DELETE FROM separation_backups")
    assert forked.run(world.connection, world.folder / "trace", "backup").code == 0
    record = latest_verified(world.connection)
    assert record
    save_record(replace(record, taken_at=record.taken_at - timedelta(hours=25)))

    ended = world.run("--execute", prepare=clock(timedelta(days=2)))

    assert ended.code == 3
    assert ended.err.splitlines() == [
        f"Refused (backup): The newest verified backup of database {world.name!r}, {record.id}, is 25 hours old; the "
        "limit is 24.",
        "Next: python manage.py backup",
    ]
