"""`manage.py separation_status`: where it stands and what is next."""

import time
from typing import Any

from django.core.management.base import CommandParser
from django.db import connection

from separation.console import Command as BaseCommand
from separation.mirror import drain_where_possible
from separation.status import status_of

_SECONDS = 2


class Command(BaseCommand):
    """Show the phase, the progress, the open findings and the next command."""

    help = (
        "Show the phase of this database, how many customers are moved, the latest run, the open findings and the next "
        "command. --watch shows it again every 2 seconds until Ctrl-C. Exit code 0."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare --watch."""
        parser.add_argument(
            "--watch", action="store_true", help=f"show it again every {_SECONDS} seconds, until Ctrl-C"
        )

    def run(self, **options: Any) -> int:
        """Show the status once, or until interrupted."""
        self._show()
        while options["watch"]:
            time.sleep(_SECONDS)
            self.say()
            self._show()
        return 0

    def _show(self) -> None:
        drain_where_possible(connection)
        status = status_of(connection)
        self.say(f"{'Database':<22}{status.database} ({status.environment})")
        self.say(f"{'Phase':<22}{status.phase}")
        self.say(f"{'Customers in users':<22}{status.customers_in_users:,}")
        self.say(f"{'Moved':<22}{status.moved:,}")
        if status.pending_chunks:
            self.say(f"{'Chunks pending':<22}{status.pending_chunks:,}")
        if status.queued:
            self.say(f"{'Queued by the mirror':<22}{status.queued:,}")
        if run := status.latest_run:
            self.say(
                f"{'Latest run':<22}{run.pk}, {run.kind}: {run.state}, started {run.started_at:%Y-%m-%d %H:%M:%S} UTC"
            )
        for kind, count in status.open_findings.items():
            self.say(f"{'Open finding':<22}{kind}: {count:,}")
        self.say(f"{'Next':<22}{status.next_command}")
