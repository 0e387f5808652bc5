"""`manage.py diagnose_customer`: what happened to one person, and why."""

from typing import Any

from django.core.management.base import CommandParser
from django.db import connection

from separation import interlocks
from separation.console import Command as BaseCommand
from separation.diagnosis import diagnose


class Command(BaseCommand):
    """Say of one person, or of all with one email, what became of them, and what to type next; only reads."""

    help = (
        "Say what became of a person: the row in users, moved or kept back and why, the chunk and run, findings and "
        "decisions, merges, bookings by either link, the mirror's queue, and the next command. Given an email, "
        "everybody who has it in any case. Only reads; emails are masked. Exit codes: 0 found, 1 nobody."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the argument."""
        parser.add_argument("who", metavar="EMAIL|ID", help="a user's id, or an email")

    def run(self, **options: Any) -> int:
        """Print what is known, a person after the other."""
        interlocks.require_adoption(connection)
        people = diagnose(connection, options["who"])
        for number, lines in enumerate(people):
            if number:
                self.say()
            for label, text in lines:
                self.say(f"{label:<16}{text}")
        if not people:
            self.note("Nobody in users or customers has this id or email.")
        return 0 if people else 1
