"""`manage.py preflight`: whether this database is ready, without changing anything."""

import json
from typing import Any

from django.core.management.base import CommandParser
from django.db import connection

from separation.console import Command as BaseCommand
from separation.preflight import FAIL, PASS, WARN, Report, run_preflight


class Command(BaseCommand):
    """Check the database, adopted or not; only reads."""

    help = (
        "Check whether the database is ready for the separation: server, schema, privileges, rows, load, backup, "
        "rehearsal, disk; and what separation.toml says becomes of customers' rows behind foreign keys. Only reads, "
        "takes no lock that a writer would wait for, and works in every phase, also before anything of ours is there. "
        "Exit codes: 0 nothing failed, 1 something failed (with --strict: or warned)."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare --json and --strict."""
        parser.add_argument("--json", action="store_true", help="print one JSON document")
        parser.add_argument("--strict", action="store_true", help="exit 1 for a warning too")

    def run(self, **options: Any) -> int:
        """Run the checks and print what they found."""
        report = run_preflight(connection)
        if options["json"]:
            self.say(json.dumps(report.as_dict(), indent=2))
        else:
            self._print(report)
        return 1 if report.failures or (options["strict"] and report.warnings) else 0

    def _print(self, report: Report) -> None:
        styles = {PASS: self.style.SUCCESS, WARN: self.style.WARNING, FAIL: self.style.ERROR}
        for status, line in report.lines():
            self.say(styles[status](line) if status else line)
        figures = f"{len(report.failures)} failed, {len(report.warnings)} warned"
        self.say(f"{len(report.results)} checked in database {report.database!r}: {figures}.")
