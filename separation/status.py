"""Where the separation of a database stands, and what to type next."""

from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.db import DatabaseError, transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import Count

from config.ddl import LOCK_NOT_AVAILABLE
from config.sql import Queries
from separation import errors, watch
from separation.database import execute, has_table, name_of, row, rows, scalar, sqlstate_of
from separation.environment import environment_of
from separation.lock import Worker, workers
from separation.migrator import LEDGER
from separation.mirror import QUEUED
from separation.models import Finding, Look, Phase, Rehearsal, Run
from separation.phases import phase_of
from separation.rehearsal import latest, shortcoming

# Locally, since whoever asks may stand behind a pooler, where the next client would inherit a session's settings.
_SETTINGS = "SELECT set_config('lock_timeout', '200ms', true), set_config('statement_timeout', '5min', true)"
STATUS = Queries(settings.BASE_DIR / "separation" / "sql" / "status.sql")


@dataclass(frozen=True)
class Status:
    """One look at a database. A figure is None where another session has locked what would have to be read."""

    database: str
    environment: str
    phase: str
    customers_in_users: int | None = None
    moved: int | None = None
    unexamined: int | None = None
    queued: int | None = None
    chunks: dict[str, int] | None = None
    latest_run: Run | None = None
    examined: int = 0
    rate: float = 0.0
    workers: tuple[Worker, ...] = ()
    open_findings: dict[str, int] | None = None
    rehearsal: Rehearsal | None = None
    # Why that is not enough for an execute on production, as a clause; nothing if it is.
    rehearsal_lacks: str = ""
    verified: Look | None = None

    @property
    def is_running(self) -> bool:
        """Whether the latest run has not ended, by its record."""
        return self.latest_run is not None and self.latest_run.state == Run.RUNNING

    @property
    def seconds_left(self) -> float | None:
        """How long the run takes at the rate of the last minute; None while nothing moves."""
        if not (self.is_running and self.latest_run and self.rate):
            return None
        return max(0, self.latest_run.total - self.examined) / self.rate

    @property
    def next_command(self) -> str:
        """The command that comes next."""
        if self.is_running and self.workers and self.latest_run:
            return f"{errors.STATUS} --{'resume' if self.latest_run.request == Run.PAUSE else 'watch'}"
        return next_command(self.phase, self.latest_run)

    def as_dict(self) -> dict[str, Any]:
        """Return it for `--json`: its keys are a contract."""
        run = self.latest_run
        return {
            "database": self.database,
            "environment": self.environment,
            "phase": self.phase,
            "customers_in_users": self.customers_in_users,
            "moved": self.moved,
            "drift": {"unexamined": self.unexamined, "queued": self.queued},
            "chunks": self.chunks,
            "run": run and self._run(run),
            "workers": [
                {"process": worker.process, "name": str(worker), "doing": worker.doing} for worker in self.workers
            ],
            "open_findings": self.open_findings,
            "verified": self.verified and {"at": self.verified.looked_at, "failures": self.verified.failures},
            "rehearsal": self.rehearsal and self._rehearsal(self.rehearsal),
            "next": self.next_command,
        }

    def _rehearsal(self, rehearsal: Rehearsal) -> dict[str, Any]:
        return {
            "finished_at": rehearsal.finished_at,
            "passed": rehearsal.passed,
            "backup": rehearsal.backup_id,
            "backup_taken_at": rehearsal.backup_taken_at,
            "customers": rehearsal.customers,
            "same_server": rehearsal.same_server,
            "lacks": self.rehearsal_lacks,
        }

    def _run(self, run: Run) -> dict[str, Any]:
        return {
            "id": run.pk,
            "kind": run.kind,
            "state": run.state,
            "operator": run.operator,
            "note": run.note,
            "started_at": run.started_at,
            "finished_at": run.finished_at,
            "total": run.total,
            "examined": self.examined,
            "rate": self.rate,
            "seconds_left": self.seconds_left,
            "request": run.request,
            "requested_by": run.requested_by,
            "requested_at": run.requested_at,
            "error": run.error,
        }


def next_command(phase: str, latest_run: Run | None) -> str:
    """Return the command that comes next in PHASE, after LATEST_RUN, while nobody works."""
    if phase == "not adopted":
        return "python manage.py backup, then python manage.py migrate"
    if phase == Phase.CLEANING:
        return errors.CLEAN_UP
    if phase == Phase.SEPARATED:
        return errors.VERIFY
    if latest_run and latest_run.state in (Run.INTERRUPTED, Run.FAILED, Run.RUNNING):
        if latest_run.kind == Run.ROLLBACK:
            return errors.ROLL_BACK
        if latest_run.kind != Run.CLEANUP:
            return errors.EXECUTE
    if phase == Phase.LEGACY:
        return "python manage.py preflight, then python manage.py migrate_customers"
    return errors.VERIFY


def status_of(connection: BaseDatabaseWrapper) -> Status:
    """Return where the database behind CONNECTION stands; only reads, waits for no lock, on any host."""
    with transaction.atomic(connection.alias):
        execute(connection, _SETTINGS)
        return _status_of(connection)


def _status_of(connection: BaseDatabaseWrapper) -> Status:
    name, environment = name_of(connection), environment_of(connection).name
    there = has_table(connection, "users")
    users = _count(connection, "SELECT count(*) FROM users WHERE is_customer") if there else 0
    if not has_table(connection, "separation_phase"):
        return Status(name, environment, "not adopted", users, 0, **_rehearsed(connection))
    run = Run.objects.using(connection.alias).first()
    examined, rate = row(connection, STATUS.pace, run=run.pk) if run else (0, 0.0)
    at_work = tuple(workers(connection))
    return Status(
        database=name,
        environment=environment,
        phase=phase_of(connection),
        customers_in_users=users,
        moved=_count(connection, "SELECT count(*) FROM customers WHERE id > 0"),
        # While customers are moved the run's own figures say how many are left; this one reads both tables.
        unexamined=None if at_work else _count(connection, LEDGER.unexamined),
        queued=_count(connection, QUEUED),
        chunks=dict(rows(connection, STATUS.chunks)),
        latest_run=run,
        examined=int(examined),
        rate=float(rate),
        workers=at_work,
        open_findings=open_findings(connection),
        verified=watch.latest(connection).last,
        **_rehearsed(connection),
    )


def _rehearsed(connection: BaseDatabaseWrapper) -> dict[str, Any]:
    return {"rehearsal": latest(connection), "rehearsal_lacks": shortcoming(connection)}


def _count(connection: BaseDatabaseWrapper, query: str) -> int | None:
    """Return the only value of QUERY, or None if it would wait for a lock."""
    try:
        with transaction.atomic(connection.alias):
            return int(scalar(connection, query))
    except DatabaseError as error:
        if sqlstate_of(error) != LOCK_NOT_AVAILABLE:
            raise
        return None


def open_findings(connection: BaseDatabaseWrapper) -> dict[str, int]:
    """Return how many findings of each kind are open; kinds without any are left out."""
    findings = Finding.objects.using(connection.alias).filter(state=Finding.OPEN)
    return dict(findings.order_by("kind").values_list("kind").annotate(Count("id")))
