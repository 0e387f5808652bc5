"""What the tests of the verification share: a migrated database, damage by plain SQL, and what was caught."""

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import cache
from typing import Any

from django.db import transaction
from django.db.backends.base.base import BaseDatabaseWrapper

from separation.migrator import Migration, Pace, StopRequest
from separation.models import Phase, Run
from separation.phases import change_phase
from separation.verification import Report, Result, baseline_of
from separation.verification.invariants import BY_RELATION
from tests.databases import Databases
from tests.separation.engine import one

# Those of the relations, and the two about tables that no model knows.
INVARIANTS = sum(len(invariants) for invariants in BY_RELATION.values()) + 2


def begin(connection: BaseDatabaseWrapper) -> Migration:
    """Return a migration that has not moved anybody yet, in chunks of 20 customers."""
    run = Run.objects.create(kind=Run.EXECUTE, operator="test", state=Run.DONE, baseline=baseline_of(connection))
    change_phase(connection, Phase.LEGACY, Phase.DUAL)
    return Migration(connection, run, Pace(size=20, smallest=20, largest=20))


def migrate(connection: BaseDatabaseWrapper) -> None:
    """Move every customer, as an execute does."""
    migration = begin(connection)
    migration.move_all(StopRequest(), lambda customers: None)
    migration.finish()


@contextmanager
def migrated_databases(databases: Databases) -> Iterator[Callable[[str], str]]:
    """Give the name of a migrated database of a kind, with 60 customers and more, made once for many tests."""
    with ExitStack() as made:

        @cache
        def name_of(kind: str) -> str:
            database = made.enter_context(databases.clone(kind, 60, 1, True))
            migrate(database.connection)
            return database.name

        yield name_of


@contextmanager
def undone(connection: BaseDatabaseWrapper) -> Iterator[None]:
    """Undo at its end whatever the block does to the database."""
    with transaction.atomic(connection.alias):
        yield
        transaction.set_rollback(True, connection.alias)


def damage(connection: BaseDatabaseWrapper, sql: str, *, role: str = "replica") -> list[Any]:
    """Execute SQL as a replica or a careless restore would, with neither triggers nor foreign keys at work.

    Returns what the last statement returned of each row, without doubles.
    """
    with transaction.atomic(connection.alias), connection.cursor() as cursor:
        cursor.execute(f"SET LOCAL session_replication_role = '{role}'")
        cursor.execute(sql)
        while cursor.nextset():
            pass
        found = sorted({value for (value,) in cursor.fetchall()}) if cursor.description else []
        cursor.execute("SET LOCAL session_replication_role = 'origin'")
    return found


def broken(report: Report) -> dict[str, list[int | str]]:
    """Return the sample of every invariant that is broken, by its id."""
    return {result.id: result.sample for result in report.failures}


def result_of(report: Report, identifier: str) -> Result:
    """Return what became of one invariant."""
    (found,) = [result for result in report.results if result.id == identifier]
    return found


def others_are_done(connection: BaseDatabaseWrapper) -> None:
    """Return once nobody on the server, in a test beside this one perhaps, writes who began before now.

    What was written beside the oldest of them counts as written since.
    """
    begun = one(connection, "SELECT pg_current_xact_id()::text::bigint")
    while one(connection, "SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint") <= begun:
        time.sleep(0.01)
