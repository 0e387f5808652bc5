"""`manage.py environment`: what this database is taken for."""

from typing import Any

from django.core.management.base import CommandParser
from django.db import connection

from separation.console import Command as BaseCommand
from separation.copies import cancel_queued
from separation.environment import PRODUCTION, STAGING, environment_of, mark


class Command(BaseCommand):
    """Show or set what this database is taken for; making it more lenient needs a typed phrase."""

    help = (
        "Say what this database is taken for: production (the default), staging, scratch or copy. "
        "--set staging asks for the phrase STAGING <database name>; --set production (stricter: how a restored copy is "
        "declared live) asks for PRODUCTION <database name>. Exit codes: 0 done, 2 usage, 4 phrase not given."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare --set."""
        parser.add_argument("--set", choices=[STAGING, PRODUCTION], help="what to take this database for from now on")

    def run(self, **options: Any) -> int:
        """Show the environment, or set it after the phrase."""
        name = connection.settings_dict["NAME"]
        wanted = options["set"]
        if wanted:
            self.ask_phrase(f"{wanted.upper()} {name}", f"Database {name!r} will be taken for {wanted}.")
            cancelled = cancel_queued(connection)
            mark(connection, wanted)
            if cancelled:
                self.say(f"Mails given up that were queued in the copy: {cancelled}")
        environment = environment_of(connection)
        self.say(f"{name}: {environment.name} ({environment.reason})")
        return 0
