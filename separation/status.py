"""Where the separation of a database stands, and what to type next."""

from dataclasses import dataclass

from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import Count

from separation.database import has_table, name_of, scalar
from separation.environment import environment_of
from separation.mirror import queued
from separation.models import Chunk, Finding, Phase, Run
from separation.phases import phase_of


@dataclass(frozen=True)
class Status:
    """One look at a database."""

    database: str
    environment: str
    phase: str
    customers_in_users: int
    moved: int
    pending_chunks: int
    queued: int
    latest_run: Run | None
    open_findings: dict[str, int]

    @property
    def next_command(self) -> str:
        """The command that comes next."""
        return next_command(self.phase, self.latest_run)


def next_command(phase: str, latest_run: Run | None) -> str:
    """Return the command that comes next in PHASE, after LATEST_RUN."""
    if phase == "not adopted":
        return "python manage.py backup, then python manage.py migrate"
    if latest_run and latest_run.state in (Run.INTERRUPTED, Run.FAILED):
        if latest_run.kind == Run.ROLLBACK:
            return "python manage.py migrate_customers --rollback"
        return "python manage.py migrate_customers --execute"
    if phase == Phase.LEGACY:
        return "python manage.py preflight, then python manage.py migrate_customers"
    return "python manage.py verify_separation"


def status_of(connection: BaseDatabaseWrapper) -> Status:
    """Return where the database behind CONNECTION stands; only reads."""
    name, environment = name_of(connection), environment_of(connection).name
    users = has_table(connection, "users") and scalar(connection, "SELECT count(*) FROM users WHERE is_customer")
    if not has_table(connection, "separation_phase"):
        return Status(name, environment, "not adopted", users or 0, 0, 0, 0, None, {})
    return Status(
        database=name,
        environment=environment,
        phase=phase_of(connection),
        customers_in_users=users or 0,
        moved=scalar(connection, "SELECT count(*) FROM customers WHERE id > 0"),
        pending_chunks=Chunk.objects.using(connection.alias).filter(state=Chunk.PENDING).count(),
        queued=queued(connection),
        latest_run=Run.objects.using(connection.alias).first(),
        open_findings=open_findings(connection),
    )


def open_findings(connection: BaseDatabaseWrapper) -> dict[str, int]:
    """Return how many findings of each kind are open; kinds without any are left out."""
    findings = Finding.objects.using(connection.alias).filter(state=Finding.OPEN)
    return dict(findings.order_by("kind").values_list("kind").annotate(Count("id")))
