"""What comes of a verification that runs by itself: where the next begins, findings, and mail to the operators."""

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta

from django.conf import settings
from django.core.mail import send_mail
from django.db.backends.base.base import BaseDatabaseWrapper

from config.masking import mask_text
from config.sql import Queries
from separation import overbooking, sampling
from separation.database import execute, has_table, scalar
from separation.errors import VERIFY, UsageFault
from separation.identity import identity_of
from separation.mirror import drain_where_possible
from separation.models import Look
from separation.verdicts import record_verdict
from separation.verification import Mark, Report, verify
from separation.verification.invariants import BY_RELATION
from separation.waiting import patiently

SQL = Queries(settings.BASE_DIR / "separation" / "sql" / "watch.sql")
LAST = "last"
# One every five minutes: some 26,000 rows.
_KEPT = timedelta(days=90)
# Whose ids the relations give, where those are rows that somebody can look at.
_TABLES = {
    **dict.fromkeys(("people", "emails", "held_back", "decided", "merges", "profiles", "links", "ledger"), "users"),
    "reservations": "reservations",
    "orders": "orders",
}
_TABLE_OF = {
    invariant.id: _TABLES[relation]
    for relation, invariants in BY_RELATION.items()
    if relation in _TABLES
    for invariant in invariants
}


def table_of(invariant: str) -> str:
    """Return of which table the ids are that break INVARIANT; nothing where they are no rows one can look at."""
    return _TABLE_OF.get(invariant, "")


def verify_and_conclude(connection: BaseDatabaseWrapper, note: Callable[[str], None], since: str = "") -> Report:
    """Work off the mirror's queue, verify everything or what was written SINCE, and put on record what came of it.

    Raises UsageFault if SINCE is neither a time nor `last`, and what `verify` raises.
    """
    drain_where_possible(connection)
    mark, why = start_of(connection, since) if since else (None, "")
    report = verify(connection, mark)
    if why := why or report.why_whole:
        note(f"Everything is looked at: {why}.")
    record_verdict(connection, report, whole=not report.since)
    conclude(connection, report, note)
    return report


def start_of(connection: BaseDatabaseWrapper, since: str) -> tuple[Mark | None, str]:
    """Return where a verification SINCE a time, or the `last` one, begins; or None, and why everything is looked at.

    Raises UsageFault if SINCE is neither.
    """
    before = datetime.max.replace(tzinfo=UTC) if since == LAST else _moment(since)
    if not has_table(connection, "separation_looks"):
        return None, "no verification is on record"
    looks = Look.objects.using(connection.alias).filter(identity=identity_of(connection).key(), looked_at__lte=before)
    look = looks.first() if since == LAST else looks.filter(failures=[]).first()
    if look is None:
        return None, "no clean verification of then or before is on record"
    if look.failures:
        return None, "the last verification found something broken"
    return Mark(look.looked_at, look.xid, look.extents), ""


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise UsageFault(
            f"--since takes 'last' or a time in UTC, as 2026-11-22T20:15, and {text!r} is none.",
            f"{VERIFY} --since last",
        ) from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def conclude(connection: BaseDatabaseWrapper, report: Report, note: Callable[[str], None]) -> None:
    """Put on record how far REPORT saw, raise and settle findings, and tell the operators what is news to them.

    Does nothing where this role, or the server, takes no writes: a verification needs only to read.
    """
    if connection.in_atomic_block or not _may_write(connection):
        return
    patiently(connection, lambda: _find(connection, report))
    patiently(connection, lambda: overbooking.find(connection))
    sampling.sample(connection)
    identity, broken = identity_of(connection).key(), [result.id for result in report.failures]
    before = Look.objects.using(connection.alias).filter(identity=identity).first()
    Look.objects.using(connection.alias).filter(looked_at__lt=report.mark.at - _KEPT).delete()
    Look.objects.using(connection.alias).create(
        looked_at=report.mark.at,
        identity=identity,
        failures=broken,
        told=_tell(report, before.told if before else [], note),
        xid=report.mark.xid,
        extents=report.mark.extents,
    )
    patiently(connection, lambda: _keep(connection, report, identity))


def _keep(connection: BaseDatabaseWrapper, report: Report, identity: str) -> None:
    results = [asdict(result) | {"position": number} for number, result in enumerate(report.results)]
    at, whole = report.mark.at, report.since is None
    execute(connection, SQL.keep, results=json.dumps(results), identity=identity, at=at, whole=whole)


def _may_write(connection: BaseDatabaseWrapper) -> bool:
    return has_table(connection, "separation_invariants") and bool(scalar(connection, SQL.may_write))


def _find(connection: BaseDatabaseWrapper, report: Report) -> None:
    """Record the rows of the sample of each broken invariant; settle all of that once nothing is broken."""
    if report.ok:
        execute(connection, SQL.settle)
        return
    found = [
        {"table_name": _TABLE_OF[result.id], "row_id": identifier, "invariant": result.id}
        for result in report.failures
        if result.id in _TABLE_OF
        for identifier in result.sample
    ]
    execute(connection, SQL.find, found=json.dumps(found))


def _tell(report: Report, told: list[str], note: Callable[[str], None]) -> list[str]:
    """Mail the operators what they do not know yet; return what they know of now."""
    broken = [result.id for result in report.failures]
    known = [identifier for identifier in broken if identifier in told]
    news = len(known) < len(broken) or (told and not broken)
    if not news or not settings.OPERATORS:
        return known if broken else told
    try:
        send_mail(*_mail(report), None, settings.OPERATORS)
    except OSError as error:
        note(f"Mail to the operators could not be sent: {mask_text(str(error))}. The next verification tries again.")
        return known if broken else told
    return broken


def _mail(report: Report) -> tuple[str, str]:
    """Return subject and text: figures only, no row and no person."""
    lines = [f"Database {report.database}, phase {report.phase}, {report.mark.at:%Y-%m-%d %H:%M:%S} UTC.", ""]
    if report.ok:
        subject = f"{report.database}: every invariant holds again"
        lines.append(report.verdict())
    else:
        subject = f"{report.database}: {len(report.failures)} invariants are broken"
        for result in report.failures:
            lines += [f"{result.id}: {result.figure}", f"  {result.guarantee}", f"  Next: {result.remedy}", ""]
        lines += [f"Which rows: {VERIFY}"]
    return subject, "\n".join([*lines, "", *(f"{name}: {url}" for name, url in settings.DASHBOARDS.items())])


@dataclass(frozen=True)
class Seen:
    """The last verification on record, and the last that found nothing broken."""

    last: Look | None
    clean: Look | None


def latest(connection: BaseDatabaseWrapper) -> Seen:
    """Return what verifications of this database came to of late."""
    if not has_table(connection, "separation_looks"):
        return Seen(None, None)
    looks = Look.objects.using(connection.alias).filter(identity=identity_of(connection).key())
    return Seen(looks.first(), looks.filter(failures=[]).first())
