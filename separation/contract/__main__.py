"""`python -m separation.contract`: takes the separation out of this repository."""

import os
import sys
from typing import TYPE_CHECKING, Any

import django
from django.conf import settings
from django.core.management.base import CommandParser
from django.db import connection

from separation.console import Command as BaseCommand

if TYPE_CHECKING:
    from separation.contract.plan import Plan


class Command(BaseCommand):
    """Show what goes, or take it out."""

    help = (
        "Take the separation out of this repository: its folder, its settings, the flag is_customer; and write the "
        "migration that drops the column. Shows what it would do; --execute does it. Nothing is committed. Exit codes: "
        "0 done, 1 failed, 3 refused."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Take --execute."""
        parser.add_argument("--execute", action="store_true", help="do it")

    def run(self, **options: Any) -> int:
        """Refuse, or show the plan, or carry it out."""
        from separation.contract import plan as contract  # needs the models, which django.setup() loads

        contract.require_clean(settings.BASE_DIR)
        contract.require_separated(connection)
        plan = contract.plan_of(settings.BASE_DIR)
        self.say(contract.judged_by(connection))
        self._show(plan)
        if not options["execute"]:
            self.say(f"Nothing was changed. Next: {contract.ITSELF} --execute")
            return 0
        contract.carry_out(plan)
        self.say("Done, and not committed. Look at it: git status; git diff; make check")
        self.say(f"Take it back: {plan.undo}")
        self.say("Then commit it, deploy it everywhere, and after that: python manage.py migrate")
        return 0

    def _show(self, plan: "Plan") -> None:
        self.say("Goes, whole:")
        for name, count in plan.folders().items():
            self.say(f"  {name:<44} {count:>4} files")
        self.say("Changes:")
        for path, (_, fewer) in plan.changed.items():
            self.say(f"  {path:<44} {fewer:>4} lines fewer")
        self.say("Is written:")
        for path in plan.written:
            self.say(f"  {path}   drops users.is_customer, and what the engine left")


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    django.setup()
    Command().run_from_argv(["python -m", "separation.contract", *sys.argv[1:]])
