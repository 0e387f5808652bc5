"""`manage.py migrate_customers`: plan, move, or take back."""

from typing import Any

from django.core.management.base import CommandParser
from django.db import connection

from separation import flows, migrator, rollback
from separation.console import Command as BaseCommand
from separation.database import loss_is_said


class Command(BaseCommand):
    """Move the customers out of `users`; without an option only the plan is made."""

    help = (
        "Without an option: the exact plan, read-only, and one real chunk executed and rolled back. --execute "
        "moves every customer who can be moved, in short transactions; it needs a verified backup younger than 24 "
        "hours, a passing preflight and the typed phrase MIGRATE <database name>. Ctrl-C finishes the chunk; the "
        "same command resumes, also after a crash. --rollback takes everything back, after writing what has "
        "no legacy form to a file in BACKUP_DIR; phrase ROLLBACK <database name>. The phrase is read from standard "
        "input. Exit codes: 0 done, 1 something failed, 2 usage, 3 "
        "refused by an interlock, 4 phrase not given, 130 interrupted and resumable."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the two modes, of which at most one may be given."""
        mode = parser.add_mutually_exclusive_group()
        mode.add_argument("--execute", action="store_true", help="move the customers, or go on where it stopped")
        mode.add_argument("--rollback", action="store_true", help="take the new tables back to what they were")

    def run(self, **options: Any) -> int:
        """Do what the mode says."""
        if options["execute"]:
            with loss_is_said(connection, migrator.RESUME):
                return flows.execute(connection, self)
        if options["rollback"]:
            with loss_is_said(connection, rollback.RESUME):
                return flows.roll_back_all(connection, self)
        return flows.dry_run(connection, self)
