"""The record of every run: a row, and a log file that says the same."""

import getpass
import json
import logging
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import DatabaseError, transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import Case, Value, When
from django.db.models.functions import Concat
from django.utils import timezone

from config.logs import working_on
from config.masking import mask_text
from separation.database import execute, name_of
from separation.errors import STATUS, CheckFailed, Interrupted
from separation.lock import LOCK, is_last, release
from separation.models import Run

_log = logging.getLogger(__name__)


@contextmanager
def recorded(connection: BaseDatabaseWrapper, kind: str, note: str = "") -> Iterator[Run]:
    """Yield a new run of KIND, recorded before anything else and closed however the block ends.

    NOTE is what its operator has to say about it; kept on one line, with emails masked.

    Raises CheckFailed before the block is entered if the log cannot be written.
    """
    log = new_log(kind)
    run = Run.objects.using(connection.alias).create(
        kind=kind,
        operator=operator(),
        database=name_of(connection),
        log_path=str(log),
        started_at=timezone.now(),
        note=one_line(note),
    )
    with _attended(connection, run):
        yield run


@contextmanager
def joined(connection: BaseDatabaseWrapper, run: Run, note: str = "") -> Iterator[None]:
    """Take part in RUN, which another process began, with a log of this process's own; NOTE is added to the run's."""
    run.log_path = str(new_log(run.kind))
    if note:
        mine = Run.objects.using(connection.alias).filter(pk=run.pk)
        mine.update(
            note=Concat("note", Case(When(note="", then=Value("")), default=Value("; ")), Value(one_line(note)))
        )
        run.note = mine.values_list("note", flat=True).get()
    with _attended(connection, run):
        yield


@contextmanager
def _attended(connection: BaseDatabaseWrapper, run: Run) -> Iterator[None]:
    with working_on(run.pk):
        _log.info("Run %s (%s) begins.", run.pk, run.kind)
        try:
            with _closed(connection, run):
                yield
        finally:
            _log.info("Run %s (%s) is %s.", run.pk, run.kind, run.state)


@contextmanager
def _closed(connection: BaseDatabaseWrapper, run: Run) -> Iterator[None]:
    try:
        _begin_log(run)
        yield
    except (Interrupted, KeyboardInterrupt) as error:
        _close(connection, run, Run.INTERRUPTED, str(error) or "Ctrl-C")
        raise
    except BaseException as error:
        _close(connection, run, Run.FAILED, mask_text(str(error) or type(error).__name__))
        raise
    else:
        _close(connection, run, Run.DONE, run.error)


def one_line(note: str) -> str:
    """Return NOTE as it is kept: on one line, masked."""
    return mask_text(" ".join(note.split()))


def operator() -> str:
    """Return who types: the operating-system user, the host and the process."""
    return f"{getpass.getuser()}@{socket.gethostname()} pid {os.getpid()}"


def new_log(kind: str) -> Path:
    """Create the log file of a new run: the first free second from now names it."""
    moment = timezone.now()
    try:
        settings.LOG_DIR.mkdir(parents=True, exist_ok=True, mode=0o700)
        while True:
            path: Path = settings.LOG_DIR / f"migration-log-{moment:%Y-%m-%d-%H%M%S}-{kind}.json"
            try:
                os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
            except FileExistsError:
                moment += timedelta(seconds=1)
            else:
                return path
    except OSError as error:
        raise _no_log(error) from error


def _begin_log(run: Run) -> None:
    try:
        _write_log(run)
    except OSError as error:
        raise _no_log(error) from error


def _no_log(error: OSError) -> CheckFailed:
    return CheckFailed(
        f"The log folder {settings.LOG_DIR} cannot be written ({error.strerror}), so nothing was started.",
        "set LOG_DIR to a folder that this user may write, and run the same command again",
    )


def _close(connection: BaseDatabaseWrapper, run: Run, state: str, error: str) -> None:
    """Record how the run ended: in the log always, in its row if the database is there.

    A row that could not be written stays `running` until the next run, which holds the lock, marks it as interrupted.
    Raises CheckFailed if only the log of a good run cannot be written; after a failure that failure is what counts.
    """
    run.state, run.error = state, error
    # The clock may have been set back meanwhile.
    run.finished_at = max(timezone.now(), run.started_at)
    try:
        _close_row(connection, run)
    except DatabaseError:
        if state == Run.DONE:
            raise
    try:
        _write_log(run)
    except OSError as failure:
        if state == Run.DONE:
            raise CheckFailed(
                f"Run {run.pk} is done and on record, but its log {run.log_path} cannot be written "
                f"({failure.strerror}).",
                STATUS,
            ) from failure


def _close_row(connection: BaseDatabaseWrapper, run: Run) -> None:
    """Write how the run ended, unless others still work on it, who will; RUN then says what is on record.

    Whoever leaves holds the run's row until its locks are free: of two who leave at once, one sees that it is the last.
    """
    rows = Run.objects.using(connection.alias).filter(pk=run.pk)
    with transaction.atomic(connection.alias):
        rows.select_for_update(no_key=True).get()
        if run.kind != Run.EXECUTE:
            rows.update(counts=run.counts, total=run.total)
        if run.state == Run.DONE or is_last(connection):
            execute(connection, LOCK.close_run, run=run.pk, state=run.state, error=run.error, now=run.finished_at)
        if run.state != Run.DONE:
            release(connection)
    found = rows.get()
    run.counts = found.counts
    if found.state != Run.RUNNING:
        run.state, run.error, run.finished_at = found.state, found.error, found.finished_at


def _write_log(run: Run) -> None:
    write_log(Path(run.log_path), _as_dict(run))


def write_log(path: Path, content: dict[str, Any]) -> None:
    """Replace the log file at once, so that a reader sees the old or the new one."""
    temporary = path.with_suffix(".tmp")
    temporary.touch(mode=0o600)
    temporary.write_text(json.dumps(content, indent=2, default=str) + "\n", encoding="utf-8")
    temporary.replace(path)


def _as_dict(run: Run) -> dict[str, Any]:
    return {
        "run": run.pk,
        "kind": run.kind,
        "state": run.state,
        "database": run.database,
        "operator": run.operator,
        "note": run.note,
        "started_at": run.started_at,
        "finished_at": run.finished_at,
        "total": run.total,
        "counts": run.counts,
        "error": run.error,
        "workers": run.journal.workers,
        "pauses": run.journal.pauses,
    }
