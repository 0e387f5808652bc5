"""`manage.py migrate`: Django's, with a look at the database before, and patience with the locks of others."""

from typing import Any

from django.core.management.commands.migrate import Command as DjangoMigrate
from django.db import OperationalError, connections
from django.db.backends.base.base import BaseDatabaseWrapper

from separation import adoption, mirror
from separation.backups import adopt_records
from separation.console import Command as BaseCommand
from separation.errors import MIGRATE, CheckFailed
from separation.waiting import lock_holders

ATTEMPTS = 5


class Command(BaseCommand, DjangoMigrate):
    """Build an empty database, adopt a legacy one, or bring an adopted one up to date."""

    help = (
        "Build an empty database, adopt a legacy one (what exists stays, what is missing is added), or bring an "
        "adopted one up to date. Waits briefly for locks, tries again, and can be repeated after any interruption. "
        "Refuses databases it cannot adopt, production without a fresh backup, and reversals that would lose "
        "something. Exit codes: 0 done, 1 failed, 3 refused."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        """Keep all options for Django's own command, and map errors to exit codes."""
        self._options = options
        super().handle(*args, **options)

    def run(self, **options: Any) -> int:
        """Look, migrate, and take over the records of backups made before there was a table for them."""
        connection = connections[options["database"]]
        app_label, migration_name = options["app_label"], options["migration_name"]
        plan = adoption.plan_of(connection, app_label, migration_name)
        adoption.require_migratable(
            connection, plan, only_removes_separation=(app_label, migration_name) == ("separation", "zero")
        )
        for line in adoption.waiting_for(connection) if plan else ():
            self.note(line)
        self._migrate(connection)
        if not (options["plan"] or options["check_unapplied"]):
            adopt_records(connection)
            mirror.repair(connection)
        return 0

    def _migrate(self, connection: BaseDatabaseWrapper) -> None:
        """Run Django's command; after a lock timeout again, since what is done is not done twice."""
        for attempt in range(1, ATTEMPTS + 1):
            try:
                with adoption.one_at_a_time(connection, self.note), adoption.reconnected_after_error(connection):
                    DjangoMigrate.handle(self, **self._options)
                return
            except OperationalError as error:
                if not adoption.is_lock_timeout(error):
                    raise
                holders = lock_holders(connection)
                self.note(f"Waited in vain for a lock (attempt {attempt} of {ATTEMPTS}). Locks are held by {holders}.")
        raise CheckFailed(
            f"Gave up after {ATTEMPTS} attempts to get a lock, held by {holders}. What is done stays done.",
            MIGRATE,
        )
