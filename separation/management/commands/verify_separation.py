"""`manage.py verify_separation`: every guarantee, recomputed from the tables."""

import json
from argparse import SUPPRESS
from typing import Any

from django.core.management.base import CommandParser
from django.db import connection

from separation.console import Command as BaseCommand
from separation.verifying import on_record
from separation.watch import verify_and_conclude


class Command(BaseCommand):
    """Recompute every guarantee of the separation, and put on record what came of it."""

    help = (
        "Recompute every guarantee from the tables alone, on one read-only snapshot: everybody moved or explained, "
        "ids, emails, hashes, names, reservations, orders, money, links and visits right, tables that no model knows "
        "unchanged. What is broken becomes findings of kind drift, the first ten rows of each invariant, and mail to "
        "the setting OPERATORS, once; so does the end of it. "
        "Exit codes: 0 every invariant holds (warnings included), 1 one is broken."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare --json."""
        parser.add_argument("--json", action="store_true", help="print one JSON document")
        parser.add_argument(
            "--since",
            default="",
            metavar="WHEN|last",
            help="look only at what was written since the last clean verification, or since the one before that time "
            "(UTC, as 2026-11-22T20:15), and at what has to do with it; looks at everything if that cannot be told, "
            "and says why",
        )
        # The admin's own: which record says that this was asked for.
        parser.add_argument("--asked", type=int, help=SUPPRESS)

    def run(self, **options: Any) -> int:
        """Verify and print what was found."""
        with on_record(connection, options["asked"]) as reports:
            report = verify_and_conclude(connection, self.note, options["since"])
            reports.append(report)
        if options["json"]:
            self.say(json.dumps(report.as_dict(), indent=2))
        else:
            self.say_lines(report.lines())
            self.say(report.verdict())
        return 0 if report.ok else 1
