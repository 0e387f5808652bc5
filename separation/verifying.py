"""A verification that somebody asks for in the admin: a process of its own does it, as at the command line."""

import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.conf import settings
from django.db import DatabaseError, connection, transaction
from django.db.backends.base.base import BaseDatabaseWrapper

from config.masking import mask_text
from config.sql import Queries
from separation.database import execute, name_session, rows
from separation.errors import VERIFY, Refused, SeparationError
from separation.models import Verification
from separation.verification import Report

SQL = Queries(settings.BASE_DIR / "separation" / "sql" / "verifying.sql")


def verification_ask(*, by: str, since: str = "") -> Verification:
    """Put on record that BY asks for a verification, and start it; returns before it ends.

    Raises Refused while another one is under way. One whose process died has ended, and is closed.
    """
    with transaction.atomic():
        execute(connection, SQL.close_lost)
        found = rows(connection, SQL.ask, by=by, since=since)
        if not found:
            under_way = Verification.objects.filter(finished_at=None).first()
            said = f"{under_way} at {under_way.asked_at:%Y-%m-%d %H:%M:%S} UTC" if under_way else "Another verification"
            raise Refused("one at a time", f"{said[:1].upper()}{said[1:]}, is under way: wait for it.", VERIFY)
    verification = Verification.objects.get(pk=found[0][0])
    try:
        start(verification)
    except OSError as error:
        conclude(verification.pk, f"It could not be started: {error.strerror}. Next: {VERIFY}", None)
    return verification


def start(verification: Verification) -> None:
    """Start the process, in a session of its own: it outlives the server's worker that asked for it."""
    command = [sys.executable, "manage.py", "verify_separation", "--asked", str(verification.pk)]
    if verification.since:
        command += ["--since", verification.since]
    process = subprocess.Popen(
        command, cwd=settings.BASE_DIR, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, start_new_session=True
    )
    # Or it would stay in the list of processes once it has ended.
    threading.Thread(target=process.wait, daemon=True).start()


@contextmanager
def on_record(connection: BaseDatabaseWrapper, identifier: int | None) -> Iterator[list[Report]]:
    """Conclude what was asked for under IDENTIFIER with the report that the block appends, or with what it raises.

    The session is named after it meanwhile, so that everybody sees whether it lives. Does nothing without IDENTIFIER.
    """
    reports: list[Report] = []
    if identifier is None:
        yield reports
        return
    name_session(connection, f"separation verification {identifier}")
    try:
        yield reports
    except (SeparationError, DatabaseError) as error:
        conclude(identifier, f"It ended early: {mask_text(str(error).strip().partition(chr(10))[0])}", None)
        raise
    conclude(identifier, reports[-1].verdict(), reports[-1].ok)


def conclude(identifier: int, verdict: str, ok: bool | None) -> None:
    """Write down what a verification came to, once."""
    values: dict[str, Any] = {"id": identifier, "verdict": verdict, "ok": ok}
    execute(connection, SQL.conclude, **values)
