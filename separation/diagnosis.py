"""What happened to one person, and why, and what to type about it; only reads, and masks."""

from dataclasses import dataclass

from django.conf import settings
from django.db.backends.base.base import BaseDatabaseWrapper

from config.sql import Queries
from separation.database import row, rows
from separation.decisions import ANSWERS, COMMAND, HELP
from separation.errors import EXECUTE, STATUS
from separation.masking import mask_email, mask_text
from separation.migrator import CHUNK
from separation.models import Chunk, Finding, Phase
from separation.phases import phase_of
from separation.planner import snapshot

SQL = Queries(
    settings.BASE_DIR / "separation" / "sql" / "diagnosis.sql",
    {name: getattr(CHUNK, name) for name in ("email_key", "classified_users")},
)


@dataclass(frozen=True)
class _Person:
    id: int
    legacy_email: str | None
    email: str | None
    is_customer: bool | None
    role: str | None
    created: str | None
    updated: str | None
    outcome: str | None
    known: bool
    moved: bool
    winner: int | None
    merged: list[int]
    queued: int


def diagnose(connection: BaseDatabaseWrapper, who: str) -> list[list[tuple[str, str]]]:
    """Return what is known of everybody whom WHO, an id or an email, means: lines of a label and a text each.

    On one read-only snapshot; empty if there is nobody.
    """
    identifier = int(who) if who.isascii() and who.isdigit() and int(who) < 2**31 else None
    with snapshot(connection):
        ids = [found for (found,) in rows(connection, SQL.found, id=identifier, email=who)]
        return [_lines(connection, _Person(*row(connection, SQL.person, id=found))) for found in ids]


def _lines(connection: BaseDatabaseWrapper, person: _Person) -> list[tuple[str, str]]:
    phase = phase_of(connection)
    findings = list(
        Finding.objects.using(connection.alias).filter(table_name="users", row_id=person.id).order_by("kind")
    )
    counts = row(connection, SQL.bookings, id=person.id)
    lines = [
        ("User", f"{person.id} {mask_email(person.legacy_email or person.email or '')}".strip()),
        ("Row in users", _legacy(person)),
        ("Outcome", _outcome(person, phase)),
        ("Chunk", _chunk(connection, person)),
        *(("Finding", _finding(finding)) for finding in findings),
        *(("Merged with", f"user {other}, whose bookings are this customer's") for other in person.merged),
        ("Reservations", f"{counts[0]:,} by user_id, {counts[1]:,} by customer_id"),
        ("Orders", f"{counts[2]:,} by user_id, {counts[3]:,} by customer_id"),
        ("Restaurants", f"{counts[4]:,} know this customer"),
    ]
    if person.queued:
        lines.append(("Queue", "waits to be brought into step with users"))
    return [*lines, ("Next", _next(person, findings))]


def _legacy(person: _Person) -> str:
    if not person.known:
        return "none"
    flag = "a customer" if person.is_customer else "no customer"
    return f"{flag}, role {person.role}, created {person.created}, updated {person.updated}"


def _outcome(person: _Person, phase: str) -> str:
    if person.winner:
        return f"merged into user {person.winner}"
    if person.moved:
        return "moved" if person.known else "moved, and deleted in users since"
    if not person.known:
        return "deleted in users"
    if not person.is_customer:
        return "stays in users: is no customer"
    if person.outcome == "move":
        return "moves with the next execute" if phase == Phase.LEGACY else "not moved yet"
    return f"stays in users: {dict(Finding.KINDS).get(str(person.outcome), person.outcome)}"


def _chunk(connection: BaseDatabaseWrapper, person: _Person) -> str:
    found = Chunk.objects.using(connection.alias).filter(first_id__lte=person.id, last_id__gte=person.id)
    chunk = found.select_related("run").first()
    if chunk is None:
        return "none covers this id"
    when = f", at {chunk.moved_at:%Y-%m-%d %H:%M:%S} UTC" if chunk.moved_at else ""
    error = f": {mask_text(chunk.error)}" if chunk.error else ""
    return f"{chunk.pk} ({chunk}) of run {chunk.run_id}{when}{error}"


def _finding(finding: Finding) -> str:
    text = f"{finding.kind}: {finding.state}"
    if finding.decision and finding.decided_at:
        text += f"; {finding.decision}, by {finding.decided_by}, {finding.decided_at:%Y-%m-%d %H:%M} UTC"
    if finding.decision and finding.note:
        text += f": {mask_text(finding.note)}"
    if error := finding.detail.get("error"):
        text += f"; {mask_text(str(error))}"
    return text


def _next(person: _Person, findings: list[Finding]) -> str:
    """Return the one command that helps, or that nothing is to be done."""
    if person.queued:
        return STATUS
    kept = str(person.outcome) if person.is_customer and not person.moved and not person.winner else ""
    decided = {finding.kind for finding in findings if finding.state == Finding.SETTLED}
    waiting = [kept] if kept in ANSWERS and kept not in decided else []
    waiting += [finding.kind for finding in findings if finding.state == Finding.OPEN]
    if not waiting:
        return EXECUTE if kept == "move" or (person.moved and not person.known) else "nothing to do"
    kind = waiting[0]
    if kind not in ANSWERS:
        return HELP[kind]
    if person.winner:
        return f"{COMMAND} {kind} {person.id} --undo"
    answers = "|".join(answer for answer in ANSWERS[kind])
    return f"{COMMAND} {kind} {person.id} {answers}"
