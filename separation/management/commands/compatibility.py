"""`manage.py compatibility`: the mirror on or off, without moving anybody."""

from typing import Any

from django.core.management.base import CommandParser
from django.db import connection

from separation import flows
from separation.console import Command as BaseCommand


class Command(BaseCommand):
    """Show the phase, or change it between legacy and dual without a backfill."""

    help = (
        "Without an argument: print the phase. on: from now on the new tables follow what the old application writes "
        "(phase legacy to dual); nobody is moved who is not written. off: back to legacy, only while the new tables "
        "are empty. Waits for the transactions that are under way. Exit codes: 0 done, 1 failed, 3 refused."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the argument."""
        parser.add_argument("switch", nargs="?", choices=["on", "off"], help="what the mirror is to be")

    def run(self, **options: Any) -> int:
        """Show the phase, or change it."""
        if options["switch"]:
            return flows.switch_mirror(connection, self, on=options["switch"] == "on")
        return flows.say_phase(connection, self)
