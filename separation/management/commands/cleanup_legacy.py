"""`manage.py cleanup_legacy`: take the customers out of `users` for good."""

from typing import Any

from django.core.management.base import CommandParser
from django.db import connection

from separation.cleanup import flow
from separation.console import Command as BaseCommand


class Command(BaseCommand):
    """Take the customers out of `users` for good; without an option only the plan is made."""

    help = (
        "Without an option: what would go, what stays, the fate of every foreign key to users, and all that keeps it "
        "from starting; only reads. --execute archives and deletes the customers from users, in short transactions "
        "of which each proves that no other row of any table went; it needs days of clean verification, an old "
        "application that writes no customers any more, a fresh backup and the typed phrase CLEANUP <database name>, "
        "read from standard input. From there on only restore leads back. Ctrl-C finishes the chunk; the same command "
        "resumes, also after a crash. Exit codes: 0 done, 1 something failed, 3 refused by an interlock, 4 phrase not "
        "given, 130 interrupted and resumable."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare what to do, and what to remember about it."""
        parser.add_argument("--execute", action="store_true", help="clean up, or go on where it stopped")
        parser.add_argument(
            "--note", default="", metavar="TEXT", help="what to remember about this run: on its record and in its log"
        )

    def run(self, **options: Any) -> int:
        """Plan, or clean up."""
        if options["execute"]:
            return flow.clean_up(connection, self, options["note"])
        return flow.dry_run(connection, self)
