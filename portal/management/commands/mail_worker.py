"""`manage.py mail_worker`: sends the queue of mails, queues reminders, deletes what is over."""

import signal
import sys
from typing import Any

from django.core.management.base import BaseCommand, CommandParser
from django.utils import timezone

from portal.worker import NotSending, Worker


class Command(BaseCommand):
    """Work off what is due, for as long as nobody ends it; any number may run beside each other."""

    help = (
        "Send the queued mails, queue the reminders that are due, and delete what is over, until ended. A mail server "
        "that is away is waited for. Any number may run, on any number of hosts: each mail is sent by one of them. "
        "--once does what is due now. SIGTERM ends it after the mail it is at. Exit codes: 0 done or ended by SIGTERM, "
        "1 the mail server or the database was away (--once), 2 usage, 3 refused, 130 ended by Ctrl-C."
    )
    requires_system_checks = ()

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> CommandParser:
        """Return a parser that takes no abbreviations."""
        return super().create_parser(prog_name, subcommand, allow_abbrev=False, **kwargs)

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare --once."""
        parser.add_argument("--once", action="store_true", help="do what is due now, and end")

    def handle(self, *args: Any, once: bool, **options: Any) -> None:
        """Work, and exit with the code."""
        worker, asked = Worker(self._say), list[int]()

        def stop(number: int, frame: object) -> None:
            asked.append(number)
            worker.stop()

        before = {number: signal.signal(number, stop) for number in (signal.SIGTERM, signal.SIGINT)}
        try:
            code = self._once(worker) if once else self._until_ended(worker)
        except NotSending as reason:
            self.stderr.write(f"Refused (mail): {reason}\nNext: {reason.next_step}", style_func=str)
            code = 3
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
        if code := 130 if signal.SIGINT in asked else code:
            sys.exit(code)

    def _until_ended(self, worker: Worker) -> int:
        worker.run()
        return 0

    def _once(self, worker: Worker) -> int:
        """Go on until nothing is due; 1 if that could not be."""
        done = worker.round()
        self._say(str(done) or "nothing was due")
        while done.is_ok and done.mail.total and not worker.is_stopped:
            done = worker.round()
            if str(done):
                self._say(str(done))
        return 0 if done.is_ok else 1

    def _say(self, text: str) -> None:
        self.stdout.write(f"{timezone.now():%Y-%m-%d %H:%M:%S} {text}")
        self.stdout.flush()
