"""Fill an empty database with a sample legacy database, to try everything on."""

from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.db import connection, transaction
from django.utils import timezone

from separation import sample
from separation.console import Command as BaseCommand
from separation.environment import PRODUCTION, mark_scratch
from separation.errors import Refused, UsageFault

MOST_CUSTOMERS = 5_000_000
MOST_SEEDS = 1_000_000_000
_FOUND = """
SELECT relname FROM pg_class
WHERE relnamespace = current_schema()::regnamespace AND relkind IN ('r', 'p', 'v', 'm', 'f')
ORDER BY relname
"""


class Command(BaseCommand):
    """The command `demo`."""

    help = (
        "Fill an EMPTY database with an invented legacy database: restaurants, staff, menus, customers in `users`, "
        "two years of reservations and orders up to today. Marks it as scratch and prints staff to log in as. "
        "Exit codes: 0 done, 2 impossible arguments, 3 refused because the database is not empty."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the size, the kind and the seed."""
        parser.add_argument("--customers", type=int, default=5000, help="how many customers; default 5000")
        parser.add_argument(
            "--kind",
            choices=sample.KINDS,
            default="plain",
            help="plain (default); ahead: reservations.customer_id and customer_profiles exist already; "
            "half: as that, and an earlier attempt left its customers and overwrote passwords; "
            "dirty: every awkward value that has been seen",
        )
        parser.add_argument("--seed", type=int, default=1, help="another seed, other people; default 1")

    def run(self, **options: Any) -> int:
        """Refuse or build, then tell what there is and what to type next."""
        customers, kind, seed = options["customers"], options["kind"], options["seed"]
        _check_range("--customers", customers, 1, MOST_CUSTOMERS)
        _check_range("--seed", seed, 0, MOST_SEEDS)
        _refuse_unless_empty()
        self.note(f"Building a legacy database of kind {kind}, with {customers:,} customers ...")
        with transaction.atomic():
            summary = sample.build(connection, kind=kind, customers=customers, seed=seed, today=timezone.now().date())
            mark_scratch(connection)
        self._show(summary)
        return 0

    def _show(self, summary: sample.Summary) -> None:
        name = connection.settings_dict["NAME"]
        self.say(f"Database {name!r} now holds a legacy database of kind {summary.kind}, and is marked as scratch:")
        self.say()
        rows = summary.rows | {"staff": summary.staff, "customers": summary.customers}
        for table in ("restaurants", "staff", "customers", "reservations", "orders"):
            self.say(f"  {table:<14}{rows[table]:>11,}")
        self.say()
        self.say(f"Staff to log in as; they are invented, and their password is {sample.STAFF_PASSWORD}:")
        self.say()
        for login in summary.staff_logins:
            self.say(f"  {login.email:<44}{login.role:<12}{login.restaurant}".rstrip())
        self.say()
        self.say("Next:")
        for command in ("backup", "migrate", "preflight", "migrate_customers"):
            self.say(f"  python manage.py {command}")


def _check_range(option: str, value: int, least: int, most: int) -> None:
    if not least <= value <= most:
        raise UsageFault(f"{option} must be from {least:,} to {most:,}, not {value:,}.", "python manage.py demo --help")


def _refuse_unless_empty() -> None:
    name = connection.settings_dict["NAME"]
    if settings.ENVIRONMENT == PRODUCTION:
        raise Refused(
            "production",
            f"ENVIRONMENT says that database {name!r} is production, where no sample data belongs.",
            "ENVIRONMENT= DATABASE_URL= python manage.py demo",
        )
    with connection.cursor() as cursor:
        cursor.execute(_FOUND)
        found = [table for (table,) in cursor.fetchall()]
    if found:
        more = f" and {len(found) - 3} more" if len(found) > 3 else ""
        raise Refused(
            "empty database",
            f"Database {name!r} is not empty: it has {', '.join(found[:3])}{more}. "
            "A sample is built only into an empty one, so nothing was changed.",
            "make clean, which deletes the embedded server with its data, then python manage.py demo"
            if settings.EMBEDDED
            else "createdb an empty database, point DATABASE_URL at it, then python manage.py demo",
        )
