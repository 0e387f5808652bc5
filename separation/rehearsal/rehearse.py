"""The rehearsal: a backup restored into a scratch database, the whole day gone through there, and the record of it."""

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, urlsplit

from django.conf import settings
from django.db import DatabaseError
from django.db.backends.base.base import BaseDatabaseWrapper
from psycopg.sql import SQL, Identifier

from config.masking import mask_text
from separation import interlocks
from separation.backups import BackupRecord, Key, find, known_records, latest_verified, restore
from separation.backups.manifest import read_manifest
from separation.backups.restoring import create_database
from separation.backups.scratch import on_server, scratch_database
from separation.database import has_table, name_of, now_of, scalar
from separation.environment import SCRATCH, mark_scratch
from separation.errors import BACKUP, EXECUTE, MIGRATE, REHEARSE, CheckFailed, Refused
from separation.flows import Operator
from separation.identity import identity_of
from separation.kinds import ADOPTED, EMPTY, kind_of
from separation.models import Phase, Rehearsal
from separation.rehearsal.day import Day, Outcome, StepFailed
from separation.rehearsal.folder import working_folder
from separation.rehearsal.locks import sampled
from separation.rehearsal.process import run_command
from separation.rehearsal.records import code_version, save
from separation.rehearsal.rows import LegacyRows
from separation.rehearsal.steps import RESTORE, Step, steps_for
from separation.runs import new_log, one_line, operator, write_log

_CUSTOMERS = "SELECT count(*) FROM users WHERE is_customer"
_RECORDABLE = """
SELECT NOT pg_is_in_recovery() AND NOT current_setting('transaction_read_only')::boolean
    AND coalesce(
        has_table_privilege(to_regclass('separation_rehearsals'), 'INSERT'),
        has_schema_privilege(current_schema(), 'CREATE'))
"""


@dataclass(frozen=True)
class Stage:
    """Where to rehearse: on the server of BESIDE, which URL leads to; with what key; whether to keep the database."""

    beside: BaseDatabaseWrapper
    url: str
    key: Key | None = None
    keep: bool = False


def rehearse(
    connection: BaseDatabaseWrapper, operator: Operator, stage: Stage, *, backup: str = "", note: str = ""
) -> int:
    """Go through the whole day on a backup of the database behind CONNECTION: the newest, or the one that is given.

    Writes nothing into the database itself but the record, signed; leaves nothing on either server but, if the stage
    says so, the scratch database. Returns 0. Raises Refused before anything is made, and CheckFailed, with the failed
    rehearsal on record, at the first step that fails.
    """
    _require_recordable(connection)
    chosen = _chosen(connection, backup)
    day = Day(operator, _begun(connection, chosen, note), name_of(connection))
    failed = ""
    with _logged(day):
        try:
            _go_through(connection, day, stage, chosen.path)
        except StepFailed as failure:
            failed = str(failure)
        _record(connection, day)
    if failed:
        raise CheckFailed(
            f"The rehearsal failed at {failed!r}; what that said is above, and in the log {day.rehearsal.log_path}",
            f"put that right, then {REHEARSE}",
        )
    day.say_end(EXECUTE if has_table(connection, "separation_phase") else MIGRATE)
    return 0


def _require_recordable(connection: BaseDatabaseWrapper) -> None:
    """Raise Refused where there is nothing to rehearse, or nothing left, or where the record could not be written."""
    kind = kind_of(connection)
    if kind.is_refused or kind.name == EMPTY:
        raise Refused(f"kind {kind.name}", f"Nothing to rehearse in {name_of(connection)!r}: {kind.why}.", kind.remedy)
    if kind.name == ADOPTED:
        interlocks.require_reversible(connection)
    if not scalar(connection, _RECORDABLE):
        raise Refused(
            "record",
            f"The record of a rehearsal could not be written into database {name_of(connection)!r}: it is a standby or "
            "read-only, or this role may not.",
            f"point DATABASE_URL at the primary, as the role that migrates, then {REHEARSE}",
        )


def _chosen(connection: BaseDatabaseWrapper, backup: str) -> BackupRecord:
    """Return the backup to rehearse on: of this very database, on record as whole."""
    what = f"No verified backup of database {name_of(connection)!r} is on record"
    if not backup:
        record = latest_verified(connection)
    else:
        folder = find(backup)
        _, digest = read_manifest(folder)
        what = f"{folder} is not on record as a verified backup of database {name_of(connection)!r}"
        known = (record for record in known_records(connection) if record.manifest_sha256 == digest)
        record = next((record for record in known if record.is_good), None)
    if record is None:
        raise Refused("backup", f"{what}.", BACKUP)
    return record


def _begun(connection: BaseDatabaseWrapper, backup: BackupRecord, note: str) -> Rehearsal:
    return Rehearsal(
        backup_id=backup.id,
        backup_taken_at=backup.taken_at,
        identity=identity_of(connection).key(),
        code=code_version(),
        started_at=now_of(connection),
        operator=operator(),
        note=one_line(note),
        log_path=str(new_log("rehearsal")),
    )


@contextmanager
def _logged(day: Day) -> Iterator[None]:
    """Keep the log, from the beginning to however the block ends."""
    path = Path(day.rehearsal.log_path)
    write_log(path, day.as_dict("running"))
    try:
        yield
    except BaseException as error:
        with suppress(OSError):
            write_log(
                path, day.as_dict("interrupted" if isinstance(error, KeyboardInterrupt) else "failed", str(error))
            )
        raise
    write_log(path, day.as_dict("done" if day.passed else "failed"))


def _go_through(connection: BaseDatabaseWrapper, day: Day, stage: Stage, backup: Path) -> None:
    manifest, _ = read_manifest(backup)
    day.operator.note(f"Rehearsing on {manifest.id}, as of {manifest.taken_at:%Y-%m-%d %H:%M} UTC.")
    connection.close()  # nobody is to wait for a session that is idle all the time
    with (
        working_folder() as folder,
        scratch_database(stage.beside, lambda server, name: create_database(server, name, manifest)) as scratch,
    ):
        try:
            day.say_head()
            _restore(connection, day, scratch, backup, stage.key)
            _take_steps(day, scratch, _environment(scratch, stage.url, folder))
        finally:
            if stage.keep:
                _keep(day.operator, scratch)


def _restore(
    connection: BaseDatabaseWrapper, day: Day, scratch: BaseDatabaseWrapper, backup: Path, key: Key | None
) -> None:
    """Restore the backup, compared, and see how large it is, and beside what."""
    started = time.monotonic()
    outcome = _attempt(lambda: f"{restore(scratch, backup, SCRATCH, key=key).manifest.rows:,} rows")
    if outcome.ok:
        day.rehearsal.customers = scalar(scratch, _CUSTOMERS)
        day.growth = max(1.0, scalar(connection, _CUSTOMERS) / max(1, day.rehearsal.customers))
        here, there = identity_of(connection), identity_of(scratch)
        day.rehearsal.same_server = (here.system, here.host, here.port) == (there.system, there.host, there.port)
        connection.close()
    day.put_down(RESTORE, time.monotonic() - started, outcome)


def _attempt(work: Callable[[], str]) -> Outcome:
    try:
        return Outcome(True, [work()])
    except (CheckFailed, DatabaseError) as error:
        return Outcome(False, [mask_text(str(error))])


def _take_steps(day: Day, scratch: BaseDatabaseWrapper, environment: dict[str, str]) -> None:
    adopted = has_table(scratch, "separation_phase")
    steps = steps_for(scalar(scratch, "SELECT name FROM separation_phase") if adopted else Phase.LEGACY)
    rows = LegacyRows(scratch)
    with sampled(scratch, rows.tables) as sampler:
        for number, step in enumerate(steps, 1):
            day.operator.note(f"[{number} of {len(steps)}] {step.name}")
            started = time.monotonic()
            outcome = _take(day.operator, step, scratch, rows, environment)
            day.put_down(step.name, time.monotonic() - started, outcome, sampler)
            if outcome.refused:
                return


def _take(
    operator: Operator, step: Step, scratch: BaseDatabaseWrapper, rows: LegacyRows, environment: dict[str, str]
) -> Outcome:
    if look := step.look:
        return _attempt(lambda: look(rows))
    typed = f"{step.phrase} {name_of(scratch)}\n" if step.phrase else ""
    scratch.close()
    ended = run_command(step.command, environment, typed, lambda line: operator.note(f"    {line}"))
    if not ended.code:
        return Outcome(True, ended.result[-1:])
    if step.may_be_refused and ended.code == Refused.exit_code:
        return Outcome(True, ended.notes, refused=True)
    return Outcome(False, ended.why())


def _environment(scratch: BaseDatabaseWrapper, url: str, folder: Path) -> dict[str, str]:
    """Return what the commands find in their environment: this process's, and the scratch database for the other."""
    return os.environ | {
        "DATABASE_URL": urlsplit(url)._replace(path="/" + quote(scratch.settings_dict["NAME"], safe="")).geturl(),
        "SECRET_KEY": settings.SECRET_KEY,
        "PORTAL_SIGNING_KEY": settings.PORTAL_SIGNING_KEY,
        "ENVIRONMENT": "",  # of the database itself: it could only make the scratch one stricter
        "BACKUP_DIR": str(folder / "backups"),
        "LOG_DIR": str(folder / "logs"),
        "SEPARATION_QUIET_DAYS": "0",
        "PYTHONUNBUFFERED": "1",
    }


def _keep(operator: Operator, scratch: BaseDatabaseWrapper) -> None:
    """Give the scratch database a name under which nobody drops it, and the mark that goes with the name."""
    name = scratch.settings_dict["NAME"]
    kept = f"rehearsal_{name[-16:]}"
    scratch.close()
    server = on_server(scratch)
    try:
        with server.cursor() as cursor:
            cursor.execute(SQL("ALTER DATABASE {} RENAME TO {}").format(Identifier(name), Identifier(kept)))
    finally:
        server.close()
    scratch.settings_dict["NAME"] = kept
    mark_scratch(scratch)
    operator.say(f"The scratch database is kept as {kept}; when it has served: DROP DATABASE {kept}")


def _record(connection: BaseDatabaseWrapper, day: Day) -> None:
    rehearsal = day.rehearsal
    rehearsal.finished_at = max(now_of(connection), rehearsal.started_at)
    rehearsal.passed, rehearsal.steps = day.passed, day.steps()
    save(connection, rehearsal)
