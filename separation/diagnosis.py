"""What happened to one person, and why, and what to type about it; only reads, and masks."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.db.backends.base.base import BaseDatabaseWrapper

from config.masking import mask_email, mask_text
from config.sql import Queries
from customers.login import failures_of
from separation.database import has_table, row, rows
from separation.decisions import ANSWERS, COMMAND, DUPLICATE, HELP, INVALID, STAFF
from separation.errors import EXECUTE, PREFLIGHT, STATUS, Refused
from separation.migrator import CHUNK
from separation.models import Chunk, Finding, Phase
from separation.phases import phase_of
from separation.planner import snapshot
from separation.verification import Result, examine_person

SQL = Queries(
    settings.BASE_DIR / "separation" / "sql" / "diagnosis.sql",
    {name: getattr(CHUNK, name) for name in ("email_key", "classified_users")},
)
_ADOPT = "python manage.py backup, then python manage.py migrate"
_LINK = "give the reservation its customer in the admin"

Lines = list[tuple[str, str]]


@dataclass(frozen=True)
class _Person:
    id: int
    outcome: str | None
    known: bool
    moved: bool
    winner: int | None
    merged: list[int]
    queued: int
    is_customer: bool
    deactivated: bool
    email: str
    phase: str
    findings: list[Finding]
    broken: list[Result]


def diagnose(connection: BaseDatabaseWrapper, who: str) -> list[Lines]:
    """Return what is known of everybody whom WHO, an id or an email, means: lines of a label and a text each.

    On one read-only snapshot, in any phase and before adoption; empty if there is nobody. Raises Refused where there is
    no table `users`.
    """
    if not has_table(connection, "users"):
        raise Refused("users", "This database has no table users, so nobody is in it.", PREFLIGHT)
    adopted = has_table(connection, "separation_phase")
    asked = SQL.found if adopted else SQL.found_in_users
    identifier = int(who) if who.isascii() and who.isdigit() and int(who) < 2**31 else None
    tell = _tell if adopted else _tell_before_adoption
    with snapshot(connection):
        return [tell(connection, found) for (found,) in rows(connection, asked, id=identifier, email=who)]


def _tell_before_adoption(connection: BaseDatabaseWrapper, identifier: int) -> Lines:
    user = _one(connection, SQL.user, identifier)
    reservations, orders = row(connection, SQL.bookings_by_user, id=identifier)
    return [
        ("User", f"{identifier} {mask_email(user[0] or '')}".strip()),
        ("Row in users", _legacy(user)),
        ("Outcome", "the database is not adopted yet: nobody has been looked at"),
        ("Password", str(_one(connection, SQL.password_in_users, identifier)[0])),
        ("Reservations", f"{reservations:,} by user_id"),
        ("Orders", f"{orders:,} by user_id"),
        ("Next", _ADOPT),
    ]


def _tell(connection: BaseDatabaseWrapper, identifier: int) -> Lines:
    user, customer = _one(connection, SQL.user, identifier), _one(connection, SQL.customer, identifier)
    person = _person(connection, identifier, user, customer)
    elsewhere, ids = row(connection, SQL.booked_by_others, id=identifier, email=person.email)
    lines = [
        ("User", f"{identifier} {mask_email(person.email)}".strip()),
        ("Row in users", _legacy(user)),
        ("Row in customers", _customer(customer)),
        *_archived(connection, person),
        ("Outcome", _outcome(person)),
        *_reasons(connection, person),
        ("Chunk", _chunk(connection, person)),
        *(("Finding", _finding(finding)) for finding in person.findings),
        *(("Merged with", f"user {other}, whose bookings are this customer's") for other in person.merged),
        *_log_ins(connection, person),
        *_bookings(connection, person),
    ]
    if elsewhere:
        lines.append(("Booked by others", f"{elsewhere:,} reservations with this email: {', '.join(map(str, ids))}"))
    if person.queued:
        lines.append(("Queue", "waits to be brought into step with users"))
    lines += [("Inconsistent", _inconsistent(result)) for result in person.broken]
    return [*lines, ("Next", _next(person, elsewhere))]


def _one(connection: BaseDatabaseWrapper, query: str, identifier: int) -> Any:
    """Return the only row of QUERY about a person, or None."""
    return next(iter(rows(connection, query, id=identifier)), None)


def _person(connection: BaseDatabaseWrapper, identifier: int, user: Any, customer: Any) -> _Person:
    findings = Finding.objects.using(connection.alias).filter(table_name="users", row_id=identifier)
    phase = phase_of(connection)
    outcome, known, moved, winner, merged, queued = row(connection, SQL.person, id=identifier)
    return _Person(
        id=identifier,
        outcome=outcome,
        known=known,
        moved=moved,
        winner=winner,
        merged=merged,
        queued=queued,
        is_customer=bool(user and user[1]),
        deactivated=bool(customer and not customer[1] and not customer[3]),
        email=str((user or customer or [""])[0] or ""),
        phase=phase,
        findings=list(findings.order_by("kind")),
        # Between clean-up and the end the two sides do not fit, and are not meant to.
        broken=examine_person(connection, identifier) if phase == Phase.DUAL else [],
    )


def _legacy(user: Any) -> str:
    if user is None:
        return "none"
    _, is_customer, role, created, updated = user
    return f"{'a customer' if is_customer else 'no customer'}, role {role}, created {created}, updated {updated}"


def _customer(customer: Any) -> str:
    if customer is None:
        return "none"
    _, active, verified, anonymised, created, updated, last, profiles = customer
    state = f"anonymised {anonymised}" if anonymised else "active" if active else "deactivated"
    email = "email verified" if verified else "email not verified"
    login = f", last log-in {last}" if last else ""
    profile = "with a profile" if profiles == 1 else f"with {profiles} profiles"
    return f"{state}, {email}, {profile}, created {created}, updated {updated}{login}"


def _archived(connection: BaseDatabaseWrapper, person: _Person) -> Iterator[tuple[str, str]]:
    found = None if person.known else _one(connection, SQL.archived, person.id)
    if found:
        yield "Archived", f"the row in users, by run {found[1]}, at {found[0]:%Y-%m-%d %H:%M:%S} UTC"


def _outcome(person: _Person) -> str:
    if person.winner:
        return f"merged into user {person.winner}"
    if person.moved and person.known:
        return "moved"
    if person.phase in (Phase.CLEANING, Phase.SEPARATED):
        return "moved; clean-up took the row out of users" if person.moved else "stays in users"
    if person.moved:
        return "moved, and deleted in users since"
    if not person.known:
        return "deleted in users"
    if not person.is_customer:
        return "stays in users: is no customer"
    if person.outcome == "move":
        return "moves with the next execute" if person.phase == Phase.LEGACY else "not moved yet"
    return f"stays in users: {dict(Finding.KINDS).get(str(person.outcome), person.outcome)}"


def _reasons(connection: BaseDatabaseWrapper, person: _Person) -> Iterator[tuple[str, str]]:
    """Give why somebody is kept back, from the rows as they are."""
    if person.moved or person.winner or not person.is_customer:
        return
    if person.outcome == STAFF:
        role, places, recipes, menus = _one(connection, SQL.works, person.id)
        written = [f"wrote {count:,} {what}" for count, what in ((recipes, "recipes"), (menus, "menus")) if count]
        yield "Because", "; ".join([*([f"role {role}"] if role else []), *places, *written])
    elif person.outcome == DUPLICATE:
        twins = ", ".join(str(twin) for (twin,) in rows(connection, SQL.twins, id=person.id))
        yield "Because", f"the same email as user {twins}"
    elif person.outcome == INVALID:
        yield "Because", "the email is missing, or is no address"


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


def _log_ins(connection: BaseDatabaseWrapper, person: _Person) -> Iterator[tuple[str, str]]:
    password = row(connection, SQL.password, id=person.id)[0]
    if password:
        yield "Password", password
    if person.moved:
        count, still, last = row(connection, SQL.sessions, id=person.id)
        yield "Log-ins", f"{count:,}, {still:,} of them open" + (f", last used {last}" if last else "")
        if (failed := failures_of(email=person.email))[0]:
            yield "Failed log-ins", f"{failed[0]:,} in a row" + (f"; the next in {failed[1]} s" if failed[1] else "")
        if mails := [f"{number:,} {became}" for became, number in rows(connection, SQL.mails, email=person.email)]:
            yield "Mails", ", ".join(mails)


def _bookings(connection: BaseDatabaseWrapper, person: _Person) -> Iterator[tuple[str, str]]:
    counts = row(connection, SQL.bookings, id=person.id)
    yield "Reservations", f"{counts[0]:,} by user_id, {counts[1]:,} by customer_id"
    yield "Orders", f"{counts[2]:,} by user_id, {counts[3]:,} by customer_id"
    yield "Restaurants", f"{counts[4]:,} know this customer"


def _inconsistent(result: Result) -> str:
    ids = f" ids: {', '.join(map(str, result.sample))}." if result.id.startswith(("reservation", "order")) else ""
    more = f" {'; '.join(result.details)}." if result.details else ids
    return f"{result.id}: {result.guarantee}{more}"


def _next(person: _Person, elsewhere: int) -> str:
    """Return the one command that helps, or that nothing is to be done."""
    if person.queued:
        return STATUS
    kept = str(person.outcome) if person.is_customer and not person.moved and not person.winner else ""
    decided = {finding.kind for finding in person.findings if finding.state == Finding.SETTLED}
    waiting = [kept] if kept in ANSWERS and kept not in decided else []
    waiting += [finding.kind for finding in person.findings if finding.state == Finding.OPEN]
    if waiting:
        return _settle(person, waiting[0])
    if person.phase in (Phase.LEGACY, Phase.DUAL) and (kept == "move" or (person.moved and not person.known)):
        return EXECUTE
    if person.deactivated:
        return "activate the customer in the admin"
    if person.broken:
        return person.broken[0].remedy
    return _LINK if elsewhere and person.moved else "nothing to do"


def _settle(person: _Person, kind: str) -> str:
    if kind not in ANSWERS:
        return HELP[kind]
    if person.winner:
        return f"{COMMAND} {kind} {person.id} --undo"
    return f"{COMMAND} {kind} {person.id} {'|'.join(ANSWERS[kind])}"
