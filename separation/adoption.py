"""What has to hold before `migrate` touches a database, and what it does about locks that others hold."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import sleep

from django.db import DatabaseError, OperationalError
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.migrations import Migration
from django.db.migrations.exceptions import AmbiguityError
from django.db.migrations.executor import MigrationExecutor

from config.ddl import LOCK_NOT_AVAILABLE
from separation import interlocks
from separation.database import execute, has_table, name_of, scalar, sqlstate_of
from separation.environment import environment_of, refuse_on_production
from separation.errors import MIGRATE, ROLL_BACK, CheckFailed, Refused
from separation.kinds import CAMEL, UNKNOWN, Kind, kind_of, legacy_apps
from separation.models import Phase
from separation.parking import holds_moved
from separation.preflight import run_preflight

Plan = list[tuple[Migration, bool]]

_NO_WAY_BACK = "python manage.py restore BACKUP --into postgres://…/new: from here only a restore leads back"
MIGRATING = 0x5E9A7A7F
# What makes an adoption impossible, wherever the database stands.
_REQUIRED = ("server_version", "writable", "row_security", "schema", "privileges", "users_sequence", "earlier_attempt")
_REFUSALS = {
    CAMEL: "is in camel case: {why}. Such a database cannot be adopted.",
    UNKNOWN: "is no database this project knows: {why}.",
}


def plan_of(connection: BaseDatabaseWrapper, app_label: str | None, migration_name: str | None) -> Plan:
    """Return what `migrate` with these arguments would do: (migration, backwards); empty if they make no sense."""
    executor = MigrationExecutor(connection)
    graph = executor.loader.graph
    if not app_label:
        return executor.migration_plan(graph.leaf_nodes())
    if not migration_name:
        return executor.migration_plan(graph.leaf_nodes(app_label))
    if migration_name == "zero":
        return executor.migration_plan([(app_label, None)])
    try:
        migration = executor.loader.get_migration_by_prefix(app_label, migration_name)
    except (AmbiguityError, KeyError):
        return []
    return executor.migration_plan([(app_label, migration.name)])


def require_migratable(connection: BaseDatabaseWrapper, plan: Plan, *, only_removes_separation: bool) -> None:
    """Raise Refused or CheckFailed if PLAN must not be carried out on this database; only reads.

    A kind that cannot be adopted is refused by name. A legacy database lacks nothing the models need, and if it counts
    as production has a fresh backup. Nothing is reversed on production but the separation itself, and that nowhere
    while it is in use.
    """
    kind = kind_of(connection)
    if kind.is_refused:
        message = _REFUSALS[kind.name].format(why=kind.why)
        raise Refused(f"kind {kind.name}", f"Database {name_of(connection)!r} {message}", kind.remedy)
    reversed_apps = {migration.app_label for migration, backwards in plan if backwards}
    if reversed_apps and not only_removes_separation:
        refuse_on_production(
            connection, "No migration is undone but those of the separation as a whole", f"{MIGRATE} separation zero"
        )
    if reversed_apps & _our_apps():
        _require_unused(connection)
    if plan and kind.is_legacy:
        _require_adoptable(connection, kind)


def waiting_for(connection: BaseDatabaseWrapper) -> list[str]:
    """Return who may keep the migration waiting: an index built CONCURRENTLY waits for every older transaction."""
    found = run_preflight(connection, only=("long_transactions", "prepared_transactions")).warnings
    return [line for result in found for line in (result.message, *result.details)]


@contextmanager
def one_at_a_time(connection: BaseDatabaseWrapper, say: Callable[[str], None]) -> Iterator[None]:
    """Wait until nobody else migrates this database, and keep others waiting inside the block.

    Asks again and again: a statement that waited would in turn be waited for by CREATE INDEX CONCURRENTLY.
    """
    told = False
    while not scalar(connection, "SELECT pg_try_advisory_lock(%(key)s)", key=MIGRATING):
        if not told:
            say("Another migrate works on this database; waiting for it.")
        told = True
        sleep(0.5)
    try:
        yield
    finally:
        if connection.is_usable():
            execute(connection, "SELECT pg_advisory_unlock(%(key)s)", key=MIGRATING)


@contextmanager
def reconnected_after_error(connection: BaseDatabaseWrapper) -> Iterator[None]:
    """After an error inside the block the connection is a new one.

    Django leaves a transaction open that failed while it added the keys it had put off to a migration's end.
    """
    try:
        yield
    except DatabaseError:
        if connection.connection is not None:
            connection.connection.close()
        connection.connect()
        raise


def is_lock_timeout(error: OperationalError) -> bool:
    """Tell whether ERROR says that a lock was waited for in vain."""
    return sqlstate_of(error) == LOCK_NOT_AVAILABLE


def _our_apps() -> set[str]:
    return {app.label for app in legacy_apps()} | {"customers", "separation"}


def _require_unused(connection: BaseDatabaseWrapper) -> None:
    """Raise Refused unless the phase is `legacy` and the new tables hold nobody, whatever the environment."""
    phase = Phase.LEGACY
    if has_table(connection, "separation_phase"):
        phase = scalar(connection, "SELECT coalesce(max(name), 'legacy') FROM separation_phase")
    # Sessions, restaurant links and profiles are bound to customers: where these are none, those are none.
    customers = holds_moved(connection)
    if phase == Phase.LEGACY and not customers:
        return
    why = f"the phase is {phase!r}"
    if phase == Phase.LEGACY:
        why = f"customers has {customers:,} {'row' if customers == 1 else 'rows'}"
    raise Refused(
        "separation in use",
        f"The separation of database {name_of(connection)!r} is in use: {why}.",
        ROLL_BACK if phase in (Phase.LEGACY, Phase.DUAL) else _NO_WAY_BACK,
    )


def _require_adoptable(connection: BaseDatabaseWrapper, kind: Kind) -> None:
    failures = run_preflight(connection, only=_REQUIRED).failures
    if failures:
        found = " ".join(" ".join([result.message, *(f"{line}." for line in result.details)]) for result in failures)
        raise CheckFailed(
            f"Database {name_of(connection)!r} ({kind.name}) cannot be adopted as it is. {found}", failures[0].remedy
        )
    if environment_of(connection).is_production:
        interlocks.require_backup(connection)
