"""`manage.py verify_separation`: every guarantee, recomputed from the tables."""

import json
from typing import Any

from django.core.management.base import CommandParser
from django.db import connection

from separation.console import Command as BaseCommand
from separation.mirror import drain_where_possible
from separation.verification import verify


class Command(BaseCommand):
    """Recompute every guarantee of the separation; only reads, once the mirror's queue is worked off."""

    help = (
        "Recompute every guarantee from the tables alone, on one read-only snapshot: everybody moved or explained, "
        "ids, emails, hashes, names, reservations, orders, money, links and visits right, tables that no model knows "
        "unchanged. "
        "Exit codes: 0 every invariant holds (warnings included), 1 one is broken."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare --json."""
        parser.add_argument("--json", action="store_true", help="print one JSON document")

    def run(self, **options: Any) -> int:
        """Verify and print what was found."""
        drain_where_possible(connection)
        report = verify(connection)
        if options["json"]:
            self.say(json.dumps(report.as_dict(), indent=2))
        else:
            self.say_lines(report.lines())
            self.say(report.verdict())
        return 0 if report.ok else 1
