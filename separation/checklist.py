"""One page to print: what is done of the operator's whole way and what is next, with the figures of this database."""

import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from django.conf import settings
from django.db.backends.base.base import BaseDatabaseWrapper

from separation.backups import latest_verified
from separation.cleanup.plan import obstacles
from separation.database import now_of
from separation.errors import CLEAN_UP, EXECUTE, MIGRATE, REHEARSE, ROLL_BACK, VERIFY
from separation.interlocks import quiet_days
from separation.models import Phase, Run
from separation.preflight import BACKUP_AGE, run_preflight
from separation.status import Status
from separation.verdicts import clean_since

WIDTH = 80
_NOT_ADOPTED = "not adopted"
_BEFORE = (Phase.LEGACY, Phase.DUAL)
_BY_HAND = (
    "a customer logs in with the old password, in either application",
    "a customer books, changes and cancels, and gets the mail",
    "a customer's reservations and orders are all there",
    "staff log in, and no customer gets into /admin/",
    "staff see today's reservations, and book for a customer on the phone",
    "menus, recipes and orders of each restaurant are its own",
)
_CONTACTS = ("Operator", "Database", "Old application", "Restaurants", "Decides to go back")


@dataclass(frozen=True)
class _Step:
    """A step of the way: whether it is done, and what there is to say of it, or to type."""

    name: str
    done: bool
    said: str


def checklist(connection: BaseDatabaseWrapper, status: Status) -> list[str]:
    """Return the page, at most WIDTH wide; only reads."""
    now = now_of(connection)
    lines = [
        f"{'SEPARATION OF CUSTOMERS: CHECKLIST':<{WIDTH - 20}}{now:%Y-%m-%d %H:%M} UTC",
        "=" * WIDTH,
        *_pair("Database", f"{status.database} ({status.environment}), phase {status.phase}"),
        *_pair("Customers", f"{_figure(status.customers_in_users)} in users, {_figure(status.moved)} moved"),
        *_pair(
            "Open findings", ", ".join(f"{n:,} {kind}" for kind, n in (status.open_findings or {}).items()) or "none"
        ),
        *_pair("Next", status.next_command),
        "",
        *_titled("BEFORE", _before(connection, status, now)),
        *_titled("THE DAY", _day(connection, status)),
        *_titled("AFTER", _after(connection, status)),
        *_way_back(status),
        "LOOK AT IT BY HAND",
        *(f" [ ] {text}" for text in _BY_HAND),
        "",
        "WHOM TO CALL",
        *(f" {name:<20}{'_' * 58}" for name in _CONTACTS),
        *(f" {name:<20}{url}" for name, url in settings.DASHBOARDS.items()),
    ]
    return [line.rstrip() for line in lines]


def _figure(figure: int | None) -> str:
    return "?" if figure is None else f"{figure:,}"


def _pair(name: str, text: str) -> list[str]:
    return _wrapped(f"{name:<15}", text)


def _titled(title: str, steps: Iterator[_Step]) -> list[str]:
    lines = [title]
    for step in steps:
        lines += _wrapped(f" [{'x' if step.done else ' '}] {step.name:<18}", step.said)
    return [*lines, ""]


def _wrapped(head: str, text: str) -> list[str]:
    return textwrap.wrap(text, WIDTH, initial_indent=head, subsequent_indent=" " * len(head), break_on_hyphens=False)


def _before(connection: BaseDatabaseWrapper, status: Status, now: datetime) -> Iterator[_Step]:
    backup = latest_verified(connection)
    fresh = backup is not None and backup.age(now) <= BACKUP_AGE
    said = f"{backup.id}, {backup.rows:,} rows, verified" if backup else "none is on record"
    yield _Step("Backup", fresh, said if fresh else f"{said}; python manage.py backup")
    adopted = status.phase != _NOT_ADOPTED
    yield _Step("Adoption", adopted, "the new tables are there" if adopted else MIGRATE)
    preflight = run_preflight(connection)
    figures = f"{len(preflight.failures)} failed, {len(preflight.warnings)} warned"
    yield _Step(
        "Preflight", not preflight.failures, f"{figures} of {len(preflight.results)}; python manage.py preflight"
    )
    rehearsed = status.rehearsal is not None and not status.rehearsal_lacks
    said = f"passed on {status.rehearsal.backup_id}" if status.rehearsal and rehearsed else status.rehearsal_lacks
    yield _Step("Rehearsal", rehearsed, said if rehearsed else f"{said}; {REHEARSE}")


def _day(connection: BaseDatabaseWrapper, status: Status) -> Iterator[_Step]:
    run = None
    if status.phase != _NOT_ADOPTED:
        run = Run.objects.using(connection.alias).filter(kind=Run.EXECUTE).first()
    done = run is not None and run.state == Run.DONE and status.phase != Phase.LEGACY
    said = f"run {run.pk}, {run.state}, begun {run.started_at:%Y-%m-%d %H:%M} UTC" if run else "not begun"
    phrase = f"{EXECUTE}, phrase: MIGRATE {status.database}"
    yield _Step("Execute", done, said if done else f"{said}; {phrase}")
    clean = clean_since(connection) if status.phase == Phase.DUAL else None
    said = f"clean, last at {clean[1]:%Y-%m-%d %H:%M} UTC" if clean else VERIFY
    yield _Step("Verification", clean is not None or status.phase == Phase.SEPARATED, said)
    yield _Step("Tenancy", False, "python manage.py check_tenancy")
    phrase = f"phrase: CHECK {status.database}"
    yield _Step("Journeys", False, f"python manage.py check_journeys --url https://…, {phrase}")


def _after(connection: BaseDatabaseWrapper, status: Status) -> Iterator[_Step]:
    yield _Step("Watch, 24 hours", False, "verify_separation --since last by a timer; /metrics; mail to OPERATORS")
    findings = sum((status.open_findings or {}).values())
    yield _Step("Findings", not findings, f"{findings:,} open; python manage.py resolve_findings")
    over = status.phase == Phase.SEPARATED
    clean = clean_since(connection) if status.phase == Phase.DUAL else None
    days = quiet_days(connection)
    quiet = (now_of(connection) - clean[0]).days if clean else 0
    said = f"{quiet} of {days}, clean since {clean[0]:%Y-%m-%d %H:%M} UTC" if clean else f"0 of {days}"
    yield _Step("Quiet days", over or (clean is not None and quiet >= days), "over" if over else said)
    lacking = [each.interlock for each in obstacles(connection)] if status.phase == Phase.DUAL else []
    lacks = f"; lacks: {', '.join(lacking)}" if lacking else ""
    yield _Step("Clean-up", over, "done" if over else f"{CLEAN_UP}, phrase: CLEANUP {status.database}{lacks}")


def _way_back(status: Status) -> list[str]:
    if status.phase in _BEFORE:
        text = f"{ROLL_BACK}, phrase: ROLLBACK {status.database}"
        return ["THE WAY BACK", *_wrapped(" until clean-up     ", text), *_restore(), ""]
    return ["THE WAY BACK", *_restore(), ""]


def _restore() -> list[str]:
    text = "python manage.py restore BACKUP --into URL: into a new database, then switch over"
    return _wrapped(" by restore         ", text)
