"""`manage.py migrate_customers`: plan, move, or take back."""

from argparse import ArgumentTypeError
from collections.abc import Callable
from typing import Any

from django.core.management.base import CommandParser
from django.db import connection

from separation import flows
from separation.console import Command as BaseCommand
from separation.database import loss_is_said
from separation.errors import EXECUTE, ROLL_BACK, UsageFault
from separation.manners import MAX_LAG, MAX_TRANSACTION, Manners, Window
from separation.migrator import ALONE, IN_COMPANY
from separation.workers import MOST, Effort


def _number(least: int, most: int) -> Callable[[str], int]:
    def parse(text: str) -> int:
        if not text.isascii() or not text.isdigit() or not least <= int(text) <= most:
            raise ArgumentTypeError(f"{text!r} is not a whole number from {least:,} to {most:,}")
        return int(text)

    return parse


def _window(text: str) -> Window:
    try:
        return Window.parse(text)
    except ValueError as error:
        raise ArgumentTypeError(str(error)) from None


_DAY = 86_400
_EFFORT: dict[str, tuple[Callable[[str], Any], str, str]] = {
    "--workers": (_number(1, MOST), "N", f"workers of this command, each with a connection (1 to {MOST}; default 1)"),
    "--target-ms": (
        _number(10, 60_000),
        "MS",
        f"how long a chunk is to last (default {ALONE * 1000:.0f} while nobody else is at work in this database, else "
        f"{IN_COMPANY * 1000:.0f})",
    ),
    "--max-rate": (_number(1, 1_000_000), "N", "customers a second, of all workers of this command together"),
    "--window": (
        _window,
        "HH:MM-HH:MM[@ZONE]",
        "the hours in which to move, as 22:00-05:00@Europe/Berlin; in UTC unless a zone is given, whatever the zone of "
        "the server or of this machine. Outside it waits, and says until when",
    ),
    "--max-lag": (_number(0, _DAY), "S", f"pause while a standby is further behind (default {MAX_LAG}; 0: never)"),
    "--max-transaction": (
        _number(0, _DAY),
        "S",
        f"pause while another transaction is older (default {MAX_TRANSACTION}; 0: never)",
    ),
}


class Command(BaseCommand):
    """Move the customers out of `users`; without an option only the plan is made."""

    help = (
        "Without an option: the exact plan, read-only, and one real chunk executed and rolled back. --execute "
        "moves every customer who can be moved, in short transactions; it needs a verified backup younger than 24 "
        "hours, on production a rehearsal, a passing preflight and the typed phrase MIGRATE <database name>. The same "
        "command, on another host "
        "too, joins the run that is under way. Ctrl-C finishes the chunk; the same command resumes, also after a "
        "crash. --rollback takes everything back, after writing what has "
        "no legacy form to a file in BACKUP_DIR; phrase ROLLBACK <database name>. The phrase is read from standard "
        "input. Exit codes: 0 done, 1 something failed, 2 usage, 3 "
        "refused by an interlock, 4 phrase not given, 130 interrupted and resumable."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the two modes, of which at most one may be given, and how an execute is to go about it."""
        mode = parser.add_mutually_exclusive_group()
        mode.add_argument("--execute", action="store_true", help="move the customers, or go on where it stopped")
        mode.add_argument("--rollback", action="store_true", help="take the new tables back to what they were")
        parser.add_argument(
            "--note", default="", metavar="TEXT", help="what to remember about this run: on its record and in its log"
        )
        execute = parser.add_argument_group("with --execute")
        for option, (kind, metavar, text) in _EFFORT.items():
            execute.add_argument(option, type=kind, metavar=metavar, help=text)

    def run(self, **options: Any) -> int:
        """Do what the mode says."""
        given = {name: options[name] for name in map(_name, _EFFORT) if options[name] is not None}
        if options["execute"]:
            own = {name: given.pop(name) for name in ("workers", "target_ms") if name in given}
            with loss_is_said(connection, EXECUTE):
                return flows.execute(connection, self, Effort(**own, manners=Manners(**given)), options["note"])
        if surplus := [option for option in _EFFORT if _name(option) in given]:
            raise UsageFault(f"{surplus[0]} goes with --execute alone.", f"{EXECUTE} {surplus[0]} …")
        if options["rollback"]:
            with loss_is_said(connection, ROLL_BACK):
                return flows.roll_back_all(connection, self, options["note"])
        return flows.dry_run(connection, self, options["note"])


def _name(option: str) -> str:
    return option.strip("-").replace("-", "_")
