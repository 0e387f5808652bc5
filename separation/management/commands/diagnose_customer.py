"""`manage.py diagnose_customer`: what happened to one person, and why."""

import json
from typing import Any

from django.core.management.base import CommandParser
from django.db import connection

from separation.console import Command as BaseCommand
from separation.diagnosis import diagnose


class Command(BaseCommand):
    """Say of one person, or of all with one email, what became of them, and what to type next; only reads."""

    help = (
        "Say what became of a person: the rows in users and in customers, moved or kept back and why, the chunk and "
        "run, findings and decisions, merges, password and log-ins, bookings by either link and those that others "
        "made with this email, the mirror's queue, what is inconsistent, and the next command. Given an email, "
        "everybody who has it in any case. In any phase, and before adoption. Only reads; emails are masked. "
        "Exit codes: 0 found, 1 nobody, 3 refused: the database has no table users."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the argument and --json."""
        parser.add_argument("who", metavar="EMAIL|ID", help="a user's id, or an email")
        parser.add_argument("--json", action="store_true", help="print one JSON document")

    def run(self, **options: Any) -> int:
        """Print what is known, a person after the other."""
        people = diagnose(connection, options["who"])
        if options["json"]:
            self.say(json.dumps({"people": [_as_dict(lines) for lines in people]}, indent=2))
        else:
            for number, lines in enumerate(people):
                if number:
                    self.say()
                for label, text in lines:
                    self.say(f"{label:<18}{text}")
        if not people:
            self.note("Nobody in users or customers has this id or email.")
        return 0 if people else 1


def _as_dict(lines: list[tuple[str, str]]) -> dict[str, list[str]]:
    """Return the texts by label, as `row_in_users`, each a list, since some labels come more than once."""
    found: dict[str, list[str]] = {}
    for label, text in lines:
        found.setdefault(label.lower().replace(" ", "_").replace("-", "_"), []).append(text)
    return found
