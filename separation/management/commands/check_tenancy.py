"""`manage.py check_tenancy`: every row belongs to the restaurant it claims."""

import json
from typing import Any

from django.core.management.base import CommandParser
from django.db import connection

from separation import interlocks
from separation.console import Command as BaseCommand
from separation.tenancy import check_tenancy


class Command(BaseCommand):
    """Look up whether anything leads from one restaurant into another; only reads."""

    help = (
        "Look up, on one read-only snapshot, that every reservation, order and line of it, menu, dish, recipe, staff "
        "and customer link belongs to the restaurant it claims, and that none leads into another; then count what each "
        "restaurant has. A legacy menu or recipe that says no restaurant is a warning. Exit codes: 0 nothing leads "
        "into another restaurant (warnings included), 1 something does, 3 refused: the database is not adopted."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare --json."""
        parser.add_argument("--json", action="store_true", help="print one JSON document")

    def run(self, **options: Any) -> int:
        """Check and print what was found."""
        interlocks.require_adoption(connection)
        found = check_tenancy(connection)
        if options["json"]:
            self.say(json.dumps(found.as_dict(), indent=2))
        else:
            self.say_lines(found.lines())
            self.say(found.verdict())
        return 0 if found.ok else 1
