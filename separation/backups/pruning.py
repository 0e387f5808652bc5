"""Removing old backups by rule, and never the one that matters."""

import shutil
from collections.abc import Callable, Collection, Hashable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from django.conf import settings
from django.db.backends.base.base import BaseDatabaseWrapper

from separation.backups.files import only_one, sync
from separation.backups.records import BackupRecord, forget_record, known_records
from separation.backups.verifying import verify_backup
from separation.errors import CheckFailed


@dataclass(frozen=True)
class Plan:
    """Which backups of a database stay, newest first, each with the reasons why; and which go."""

    stay: list[tuple[BackupRecord, str]]
    go: list[BackupRecord]


def plan_pruning(connection: BaseDatabaseWrapper, *, daily: int, weekly: int) -> Plan:
    """Return what the keep rules say about the backups of the database behind CONNECTION in BACKUP_DIR; only looks.

    The newest backup of each of the last DAILY days that have one stays, and of each of the last WEEKLY weeks. Only
    backups found whole count for a rule, so that a damaged one takes no good one's place. The last verified one stays
    whatever the rules say, as does all that is younger, and everything while none is verified. What is no backup of
    this very database on record is in neither list.
    """
    found = [record for record in known_records(connection) if _is_in_place(record)]
    good = [record for record in found if record.is_good and record.is_there]
    if not good:
        return Plan([(record, "none is verified") for record in found], [])
    reasons: dict[str, list[str]] = {record.id: ["not older"] for record in found[: found.index(good[0])]}
    reasons[good[0].id] = ["the last verified"]
    for record, reason in [*_newest(good, daily, _day), *_newest(good, weekly, _week)]:
        reasons.setdefault(record.id, []).append(reason)
    stay = [(record, ", ".join(reasons[record.id])) for record in found if record.id in reasons]
    return Plan(stay, [record for record in found if record.id not in reasons])


def prune(connection: BaseDatabaseWrapper, go: Collection[str], *, daily: int, weekly: int) -> list[BackupRecord]:
    """Remove the backups with the ids in GO, as far as the rules still say so; return those removed.

    First reads every byte of the last verified one again, and raises CheckFailed, removing nothing, if it is damaged. A
    backup being removed stops being one in a single step, before its record goes and its files; what a kill leaves, the
    next backup clears away. Raises Refused while another backup is being written.
    """
    directory = Path(settings.BACKUP_DIR)
    with only_one(directory):
        plan = plan_pruning(connection, daily=daily, weekly=weekly)
        going = [record for record in plan.go if record.id in go]
        if going:
            verify_backup(connection, str(next(record.path for record, _ in plan.stay if record.is_good)))
        for record in going:
            _remove(connection, record)
    return going


def _remove(connection: BaseDatabaseWrapper, record: BackupRecord) -> None:
    remains = record.path.with_name(f".{record.id}.partial-pruned")
    try:
        record.path.rename(remains)
        sync(remains.parent)
        forget_record(connection, record)
        shutil.rmtree(remains)
    except OSError as error:
        raise CheckFailed(
            f"{record.id} could not be removed whole: {error.filename}: {error.strerror}.", f"ls -la {remains.parent}"
        ) from error


def _is_in_place(record: BackupRecord) -> bool:
    """Return whether the folder is where a backup of this record would be; a link leads elsewhere."""
    path = Path(settings.BACKUP_DIR) / record.id
    return path.is_dir() and not path.is_symlink() and path.resolve() == record.path.resolve()


def _newest(
    good: list[BackupRecord], most: int, period: Callable[[datetime], Hashable]
) -> list[tuple[BackupRecord, str]]:
    """Return the newest backup of each of the MOST last periods that have one, and which period that is."""
    newest: dict[Hashable, BackupRecord] = {}
    for record in good:
        newest.setdefault(period(record.taken_at), record)
    return [(record, str(name)) for name, record in list(newest.items())[:most]]


def _day(moment: datetime) -> str:
    return f"day {moment:%Y-%m-%d}"


def _week(moment: datetime) -> str:
    return f"week {moment:%G-W%V}"
