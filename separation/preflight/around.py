"""The checks of what surrounds the database: its environment, backups, disk, folders, and this code."""

import os
import shutil
import subprocess
from datetime import timedelta
from pathlib import Path

from django.conf import settings

from separation.backups import latest_verified
from separation.backups.manifest import read_manifest
from separation.database import now_of
from separation.environment import COPY, environment_of
from separation.errors import BACKUP, REHEARSE, STATUS
from separation.kinds import EMPTY
from separation.mirror import queued
from separation.models import Run
from separation.preflight.look import SQL, Look
from separation.preflight.registry import check, count, megabytes
from separation.preflight.report import FAIL, PASS, WARN, Result
from separation.rehearsal import latest_passed, shortcoming

BACKUP_AGE = timedelta(hours=24)
# Customers a second, chunks alone: 100,000 in 28.1 s.
_MEASURED = 3500
_EXECUTE = "execute"


@check()
def environment(look: Look) -> Result:
    """Say what the database is taken for."""
    found = environment_of(look.connection)
    message = f"The database counts as {found.name}: {found.reason}."
    if found.name == COPY:
        return Result(WARN, message, found.name, remedy="python manage.py environment --set staging")
    return Result(PASS, message, found.name)


@check()
def code(look: Look) -> Result:
    """Say which version of this code is at work, and whether it is the one that was committed."""
    commit = _git("rev-parse", "--short=12", "HEAD")
    if not commit:
        return Result(PASS, "This code is no git checkout, so that its version cannot be told.", "")
    if changed := _git("status", "--porcelain", "--untracked-files=no").splitlines():
        message = f"{count(len(changed), 'file')} of this code differ from commit {commit}: what runs is on no record."
        details = [line.strip() for line in changed[:20]]
        return Result(WARN, message, commit, details=details, remedy="git stash, or git commit")
    return Result(PASS, f"This code is commit {commit}, unchanged.", commit)


@check(reads_legacy=True)
def last_run(look: Look) -> Result:
    """Say how the latest run ended."""
    run = Run.objects.using(look.connection.alias).first() if look.is_adopted else None
    if run is None:
        return Result(PASS, "Nothing has been run on this database yet.", "")
    message = f"The latest run, {run.pk} ({run.kind}), began on {run.started_at:%Y-%m-%d %H:%M} UTC and is {run.state}"
    if run.state in (Run.FAILED, Run.INTERRUPTED):
        why = f": {run.error}" if run.error else "."
        return Result(WARN, f"{message}{why}", run.pk, remedy=STATUS)
    return Result(PASS, f"{message}.", run.pk)


@check(reads_legacy=True, until_cleanup=True)
def queue(look: Look) -> Result:
    """Count those whom the mirror could not bring into step at once."""
    waiting = queued(look.connection) if look.is_adopted else 0
    if waiting:
        message = f"{count(waiting, 'person').replace('persons', 'people')} wait to be brought into step."
        return Result(WARN, message, waiting, remedy=STATUS)
    return Result(PASS, "Nobody waits to be brought into step.", 0)


@check()
def backup(look: Look) -> Result:
    """Require a verified backup of this very database, not a day old."""
    if look.kind.name == EMPTY:
        return Result(PASS, "There is nothing to back up yet.", 0)
    record = latest_verified(look.connection)
    if record is None:
        message = "No verified backup of this database is on record."
        return Result(FAIL, message, 0, remedy=BACKUP)
    age = record.age(now_of(look.connection))
    if age < timedelta():
        message = f"The newest verified backup, {record.id}, is of a time that is still to come by the server's clock."
        return Result(FAIL, message, record.id, remedy=BACKUP)
    message = f"The newest verified backup, {record.id}, is {_hours(age):.1f} hours old."
    if age > BACKUP_AGE:
        message = f"{message} The limit is {_hours(BACKUP_AGE):.0f}."
        return Result(FAIL, message, record.id, remedy=BACKUP)
    return Result(PASS, message, record.id)


@check(reads_legacy=True, until_cleanup=True)
def backup_changes(look: Look) -> Result:
    """Say how many rows were written since the newest backup, by what they say of themselves, and how many are gone."""
    record = latest_verified(look.connection)
    if record is None:
        return Result(PASS, "There is no backup to compare with.", "")
    then = {table.label: table.rows for table in read_manifest(record.path)[0].tables}
    found = look.rows(SQL.written_since, moment=record.taken_at)
    details = [
        f"{table}: {count(written, 'row')} written, {max(0, then.get(table, 0) + new - now):,} deleted"
        for table, now, new, written in found
    ]
    total = sum(written for *_, written in found)
    message = (
        f"Since backup {record.id}, {count(total, 'row')} of {', '.join(table for table, *_ in found)} were written."
    )
    return Result(PASS, message, total, details=details)


@check(reads_legacy=True, until_cleanup=True)
def rehearsal(look: Look) -> Result:
    """Require on a production database that the migration was rehearsed on a copy of its data."""
    if why := shortcoming(look.connection):
        message = f"The migration is not rehearsed: {why}."
        if environment_of(look.connection).is_production:
            return Result(FAIL, message, 0, remedy=REHEARSE)
        return Result(PASS, f"{message} Only a production database needs that.", 0)
    found = latest_passed(look.connection)
    assert found is not None  # noqa: S101 (nothing is lacking)
    message = (
        f"Rehearsed on {found.finished_at:%Y-%m-%d %H:%M} UTC, on the data of {found.backup_taken_at:%Y-%m-%d %H:%M} "
        f"UTC ({count(found.customers, 'customer')}): every step passed."
    )
    return Result(PASS, message, found.pk, details=[f"{step['name']}: {step['seconds']:.1f} s" for step in found.steps])


@check(reads_legacy=True, until_cleanup=True)
def prediction(look: Look) -> Result:
    """Say how long the migration will take, and how much it adds, and how that is known."""
    customers = look.tally("move").count
    rate, source = _rate(look)
    _, growth, _ = look.rows(SQL.sizes)[0]
    seconds = customers / rate
    message = (
        f"About {_duration(seconds)} for {count(customers, 'customer')}, and {megabytes(growth)} more: {rate:,.0f} "
        f"customers a second, {source}."
    )
    return Result(PASS, message, round(seconds))


@check(reads_legacy=True, until_cleanup=True)
def disk(look: Look) -> Result:
    """Compare what the migration adds, tables and log, with what is free, as far as that can be seen from here."""
    size, growth, logged = look.rows(SQL.sizes)[0]
    message = (
        f"The database has {megabytes(size)}; the migration adds about {megabytes(growth)}, and writes "
        f"{megabytes(logged)} of WAL."
    )
    folders = [Path(folder) for (folder,) in look.rows(SQL.folders) if folder and Path(folder).is_dir()]
    if not (settings.EMBEDDED or _is_on_this_host(look)) or not folders:
        remote = "What is free on the server cannot be seen from here; look at the disk of its data directory there."
        return Result(PASS, f"{message} {remote}", size)
    free = min(shutil.disk_usage(folder).free for folder in folders)
    message += f" Its disk has {megabytes(free)} free."
    if free < growth + logged:
        return Result(FAIL, message, size, remedy="free some space, then: python manage.py preflight")
    return Result(PASS, message, size)


@check()
def backup_dir(look: Look) -> Result:
    """Require a place for backups."""
    return _directory("BACKUP_DIR", Path(settings.BACKUP_DIR))


@check()
def log_dir(look: Look) -> Result:
    """Require a place for logs."""
    return _directory("LOG_DIR", Path(settings.LOG_DIR))


def _directory(variable: str, path: Path) -> Result:
    """Return whether files can be written to PATH, or PATH can be made."""
    where = _existing(path)
    free = shutil.disk_usage(where).free
    if not where.is_dir() or not os.access(where, os.W_OK | os.X_OK):
        remedy = f"make it writable, or set {variable} to another folder"
        return Result(FAIL, f"{variable} is {path}, where nothing can be written.", free, remedy=remedy)
    return Result(PASS, f"{variable} is {path}, with {megabytes(free)} free.", free)


def _existing(path: Path) -> Path:
    """Return PATH, or the nearest folder above it that exists."""
    return next(parent for parent in (path, *path.parents) if parent.exists())


def _is_on_this_host(look: Look) -> bool:
    """Whether the server is reached by a socket, and so is on this host."""
    return str(look.connection.connection.info.host).startswith("/")


def _rate(look: Look) -> tuple[float, str]:
    """Return how many customers a second will move, and by what that is known."""
    found = latest_passed(look.connection)
    seconds = sum(step["seconds"] for step in found.steps if step["name"] == _EXECUTE) if found else 0
    if found and seconds and found.customers:
        return found.customers / seconds, f"as in the rehearsal of {found.finished_at:%Y-%m-%d}"
    trials = Run.objects.using(look.connection.alias).filter(kind=Run.DRY_RUN, counts__trial_ms__gt=0)
    trial = trials.first() if look.is_adopted else None
    if trial:
        rate = 1000 * trial.counts["trial"] / trial.counts["trial_ms"]
        return rate, f"as in the chunk that was tried on {trial.started_at:%Y-%m-%d}"
    return _MEASURED, "as was measured on two cores (README); a dry run, or a rehearsal, tells more"


def _duration(seconds: float) -> str:
    return f"{seconds:,.0f} s" if seconds < 120 else f"{seconds / 60:,.0f} min"


def _git(*arguments: str) -> str:
    """Return what git says of this code, without a word where there is none."""
    command = ["git", "-C", str(settings.BASE_DIR), *arguments]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True, timeout=10).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return ""


def _hours(age: timedelta) -> float:
    return age.total_seconds() / 3600
