"""`manage.py separation_status`: where it stands, what is next, and a word to the workers."""

import json
import sys
import time
from collections.abc import Iterator
from typing import Any

from django.conf import settings
from django.core.management.base import CommandParser
from django.db import DatabaseError, InterfaceError, connection
from django.utils import timezone

from config.masking import mask_text
from separation.checklist import checklist
from separation.console import Command as BaseCommand
from separation.database import name_session
from separation.environment import COPY, PRODUCTION
from separation.errors import REHEARSE
from separation.mirror import drain_where_possible
from separation.models import Chunk, Phase, Run
from separation.rehearsal import REHEARSAL_AGE
from separation.requests import ask, said_by
from separation.status import Status, status_of
from separation.watch import LAST, verify_and_conclude

_SECONDS = 2
_VERIFY_SECONDS = 60
_CLEAR = "\x1b[H\x1b[J"
_REQUESTS = {"pause": Run.PAUSE, "resume": "", "abort": Run.ABORT}


class Command(BaseCommand):
    """Show the phase, the run with its workers, the drift, the open findings and the next command."""

    help = (
        "Show the phase of this database, how many customers are moved, the latest run, its workers on every host, "
        "what is out of step, the open findings and the next command. Waits for no lock. --watch shows it every 2 "
        "seconds until Ctrl-C, also while the server restarts, and verifies what was written since the last clean "
        "verification every minute. --checklist prints one page for the operator's folder: "
        "what is done, what is next, phrases, ways back, and blanks for contacts. --pause, --resume and --abort ask "
        "the workers of the run that is under way: they act between two chunks, and migrate_customers --execute "
        "resumes an aborted run. "
        "Exit codes: 0 done, 1 failed, 3 refused."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare what to show and what to ask."""
        mode = parser.add_mutually_exclusive_group()
        mode.add_argument("--watch", action="store_true", help=f"show it again every {_SECONDS} seconds, until Ctrl-C")
        mode.add_argument("--json", action="store_true", help="print one JSON document")
        mode.add_argument(
            "--checklist", action="store_true", help="print the operator's checklist, a page of 80 columns"
        )
        mode.add_argument("--pause", action="store_true", help="let the workers finish their chunks, then wait")
        mode.add_argument("--resume", action="store_true", help="end a pause that was asked for")
        mode.add_argument("--abort", action="store_true", help="let the workers finish their chunks, then end the run")

    def run(self, **options: Any) -> int:
        """Show the status once, watch it, or ask something of the workers."""
        for option, request in _REQUESTS.items():
            if options[option]:
                self.say(ask(connection, request))
                return 0
        if options["watch"]:
            return self._watch()
        status = self._look()
        if options["checklist"]:
            self.say("\n".join(checklist(connection, status)))
        elif options["json"]:
            self.say(json.dumps(status.as_dict(), indent=2, default=str))
        else:
            self._show(status)
        return 0

    def _look(self) -> Status:
        status = status_of(connection)
        if status.workers or not status.queued:
            return status
        drain_where_possible(connection)
        return status_of(connection)

    def _watch(self) -> int:
        """Refresh the screen of a terminal; elsewhere, a line whenever something has changed."""
        before = ""
        try:
            while True:
                before = self._watch_once(before)
                time.sleep(_SECONDS)
        except KeyboardInterrupt:
            return 0

    def _watch_once(self, before: str) -> str:
        try:
            # Who watches a run is no company for it to slow down for; a connection may be a new one.
            name_session(connection, "separation status")
            status = self._verified(status_of(connection))
        except (DatabaseError, InterfaceError) as error:
            connection.close()
            line = f"The server does not answer: {mask_text(str(error).strip().partition(chr(10))[0])}"
            lines = [line]
        else:
            line, lines = _line(status), _lines(status)
        if sys.stdout.isatty():
            self.say(_CLEAR + "\n".join(lines))
        elif line != before:
            self.say(f"{timezone.now():%Y-%m-%d %H:%M:%S} UTC  {line}")
            self.stdout.flush()
        return line

    def _verified(self, status: Status) -> Status:
        """Verify what was written since the last clean verification, if there is one, and it was a minute ago."""
        last = status.verified
        if status.phase != Phase.DUAL or status.workers or last is None or last.failures:
            return status
        if (timezone.now() - last.looked_at).total_seconds() < _VERIFY_SECONDS:
            return status
        verify_and_conclude(connection, self.note, LAST)
        return status_of(connection)

    def _show(self, status: Status) -> None:
        for line in _lines(status):
            self.say(line)


def _line(status: Status) -> str:
    """Return the status in one line."""
    if not (status.is_running and status.latest_run):
        broken = (
            f", BROKEN: {', '.join(status.verified.failures)}" if status.verified and status.verified.failures else ""
        )
        return f"phase {status.phase}, {_figure(status.moved)} moved{broken}; next: {status.next_command}"
    run = status.latest_run
    asked = f", {run.request} asked for{said_by(run)}" if run.request else ""
    return f"phase {status.phase}, run {run.pk}: {_progress(status)}, {len(status.workers)} workers{asked}"


def _lines(status: Status) -> list[str]:
    """Return the status for people; a figure of 0 that is as it should be is left out."""
    shown = [
        ("Database", f"{status.database} ({status.environment})"),
        ("Phase", status.phase),
        ("Customers in users", _figure(status.customers_in_users)),
        ("Moved", _figure(status.moved)),
        *_drift(status),
        *_run(status),
        *(("Open finding", f"{kind}: {count:,}") for kind, count in (status.open_findings or {}).items()),
        *_verification(status),
        *_rehearsal(status),
        *((f"Dashboard {name}", url) for name, url in settings.DASHBOARDS.items()),
        ("Next", status.next_command),
    ]
    return [f"{name:<22}{value}" for name, value in shown]


def _drift(status: Status) -> Iterator[tuple[str, str]]:
    if status.unexamined and status.phase == "dual":
        yield "Not examined yet", f"{status.unexamined:,}"
    if status.queued or (status.queued is None and status.phase != "not adopted"):
        yield "Queued by the mirror", _figure(status.queued)
    if pending := (status.chunks or {}).get(Chunk.PENDING):
        yield "Chunks pending", f"{pending:,} of {sum((status.chunks or {}).values()):,}"


def _run(status: Status) -> Iterator[tuple[str, str]]:
    if not (run := status.latest_run):
        return
    yield "Latest run", f"{run.pk}, {run.kind}: {run.state}, started {run.started_at:%Y-%m-%d %H:%M:%S} UTC"
    if run.note:
        yield "Note", run.note
    if status.is_running and run.kind == Run.EXECUTE:
        yield "Progress", _progress(status)
    for worker in status.workers:
        yield "Worker", f"{worker}: {worker.doing}"
    if status.is_running and run.kind == Run.EXECUTE and not status.workers:
        yield "Worker", "none: nobody works on this run any more"
    if run.request:
        yield "Asked for", f"{run.request}{said_by(run)}"


def _verification(status: Status) -> Iterator[tuple[str, str]]:
    if last := status.verified:
        found = f"BROKEN: {', '.join(last.failures)}" if last.failures else "every invariant holds"
        yield "Verified", f"{last.looked_at:%Y-%m-%d %H:%M:%S} UTC, {found}"


def _rehearsal(status: Status) -> Iterator[tuple[str, str]]:
    if status.rehearsal_lacks and (status.rehearsal or status.environment in (PRODUCTION, COPY)):
        yield "Rehearsal", f"not enough: {status.rehearsal_lacks}; {REHEARSE}"
    elif status.rehearsal:
        until = status.rehearsal.backup_taken_at + REHEARSAL_AGE
        yield "Rehearsal", f"passed on {status.rehearsal.backup_id}, good until {until:%Y-%m-%d %H:%M} UTC"


def _progress(status: Status) -> str:
    total = status.latest_run.total if status.latest_run else 0
    left = "" if status.seconds_left is None else f", about {status.seconds_left:,.0f} s left"
    return f"{status.examined:,} of {total:,} customers, {status.rate:,.0f} a second{left}"


def _figure(figure: int | None) -> str:
    return "unknown: locked by another session" if figure is None else f"{figure:,}"
