"""What the tests of the verification share: a small migrated database, damage by plain SQL, what was caught."""

from typing import Any

from django.db import transaction
from django.db.backends.base.base import BaseDatabaseWrapper

from separation.migrator import Migration, Pace, StopRequest
from separation.models import Phase, Run
from separation.phases import change_phase
from separation.verification import Report, Result, baseline_of, verify


def migrate(connection: BaseDatabaseWrapper) -> Report:
    """Move every customer in chunks of 20, as an execute does."""
    run = Run.objects.create(kind=Run.EXECUTE, operator="test", state=Run.DONE, baseline=baseline_of(connection))
    change_phase(connection, Phase.LEGACY, Phase.DUAL)
    migration = Migration(connection, run, Pace(size=20, smallest=20, largest=20))
    migration.move_all(StopRequest(), lambda customers: None)
    migration.finish()
    return verify(connection)


def damage(connection: BaseDatabaseWrapper, sql: str) -> None:
    """Execute SQL with neither triggers nor foreign keys at work, as a replica or a careless restore would."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = 'replica'")
        cursor.execute(sql)


def value(connection: BaseDatabaseWrapper, sql: str) -> Any:
    """Return the only value of SQL."""
    with connection.cursor() as cursor:
        cursor.execute(sql)
        ((found,),) = cursor.fetchall()
    return found


def broken(connection: BaseDatabaseWrapper) -> dict[str, list[int | str]]:
    """Return the sample of every invariant that is broken, by its id."""
    return {result.id: result.sample for result in verify(connection).failures}


def result_of(report: Report, identifier: str) -> Result:
    """Return what became of one invariant."""
    (found,) = [result for result in report.results if result.id == identifier]
    return found
