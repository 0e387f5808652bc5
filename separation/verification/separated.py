"""The invariants of a database whose customers leave `users`, or have left it."""

from typing import Any

from django.db.backends.base.base import BaseDatabaseWrapper

from separation.database import rows
from separation.models import Phase, Run
from separation.verification.invariants import Invariant
from separation.verification.report import FAIL, PASS, WARN, Result

CLEAN_UP = "python manage.py cleanup_legacy --execute"
COMPARE = "python manage.py backup --list, then compare with a copy: python manage.py restore PATH --into URL"


def _bookings(table: str, one: str) -> tuple[Invariant, ...]:
    return (
        Invariant(
            f"{table}_have_somebody",
            f"Each of the {table} is of a user or of a customer.",
            f"{table} compared",
            COMPARE,
        ),
        Invariant(
            f"{table}_lead_somewhere",
            f"The customer_id of {table} never points to nobody.",
            f"{table} with a customer compared",
            COMPARE,
        ),
        Invariant(
            f"{one}_users_there",
            f"The user_id of {table} points to nobody only where that was on record before.",
            f"{table} with a user compared",
            COMPARE,
        ),
    )


BY_RELATION: dict[str, tuple[Invariant, ...]] = {
    "users": (
        Invariant("customers_gone", "Nobody in users is a customer.", "users compared", CLEAN_UP),
        Invariant("archived_are_gone", "Nobody whom the archive calls gone is in users.", "users compared", COMPARE),
    ),
    "closed": (
        Invariant(
            "users_closed", "A constraint keeps customers from ever entering users again.", "tables compared", CLEAN_UP
        ),
    ),
    "archived": (
        Invariant(
            "archived_once", "Every user who is gone is in the archive once.", "archived users compared", COMPARE
        ),
    ),
    "people": (
        Invariant(
            "everybody_archived",
            "The customers that users held before the first left are archived, or there: every one, and nobody else.",
            "checksums compared",
            COMPARE,
        ),
    ),
    "reservations": _bookings("reservations", "reservation"),
    "orders": _bookings("orders", "order"),
    "keys": (
        Invariant(
            "keys_safe",
            "No delete of a user or a customer takes bookings or profiles along.",
            "foreign keys compared",
            CLEAN_UP,
        ),
        Invariant(
            "keys_lead_to_customers",
            "The customer_id of bookings is a foreign key to customers, and validated.",
            "foreign keys compared",
            CLEAN_UP,
        ),
        Invariant("keys_rearmed", "No key is left disarmed by a clean-up.", "foreign keys compared", CLEAN_UP),
    ),
    "emails": (
        Invariant("emails_unique", "No two customers have the same email in any case.", "emails compared", COMPARE),
    ),
    "customers": (
        Invariant("emails_are_addresses", "Every customer's email is an address.", "customers compared", COMPARE),
        Invariant(
            "passwords_readable",
            "Every customer's password is bcrypt, Argon2id, or unusable.",
            "customers compared",
            COMPARE,
        ),
        Invariant("nobody_parked", "No row of an earlier attempt is left.", "customers compared", CLEAN_UP),
        Invariant("one_profile_each", "No customer has two profiles.", "customers compared", COMPARE),
    ),
    "profile_owners": (
        Invariant(
            "profiles_lead_somewhere", "No profile is of a customer who does not exist.", "profiles compared", COMPARE
        ),
        Invariant("profile_users_there", "No profile is of a user who does not exist.", "profiles compared", COMPARE),
    ),
    "session_owners": (
        Invariant(
            "sessions_lead_somewhere", "No log-in is of a customer who does not exist.", "log-ins compared", COMPARE
        ),
    ),
    "link_owners": (
        Invariant(
            "links_lead_somewhere",
            "No link is of a customer or a restaurant that does not exist.",
            "links compared",
            COMPARE,
        ),
    ),
    "visits": (
        Invariant(
            "visits_right",
            "Visits and spend of every customer at every restaurant are what their reservations and orders say.",
            "links compared",
            "psql: SELECT customer_visits_again(min(id), max(id)) FROM customers WHERE id > 0",
        ),
    ),
    "secrets": (
        Invariant(
            "archive_without_secrets",
            "The archive holds no password hash and no token.",
            "archived rows compared",
            "delete what it names from separation_archive, then: python manage.py verify_separation",
        ),
    ),
    "ledger": (
        Invariant(
            "deleted_archived",
            "As many rows of each table are in the archive as clean-up deleted.",
            "tables compared",
            COMPARE,
        ),
    ),
    "leftovers": (
        Invariant("mirror_gone", "Nothing of the mirror is left.", "triggers and functions found", CLEAN_UP),
    ),
}

KEPT = Invariant(
    "bookings_kept",
    "Every reservation and order that named a customer before the first left is there and names that customer.",
    "tables compared",
    COMPARE,
)
_NOW = """
SELECT count(*), coalesce(sum(hashtextextended(t.id || ' ' || t.customer_id, 0)::numeric), 0)::text
FROM {table} t WHERE t.customer_id IS NOT NULL AND t.id <= %(up_to)s
"""


def kept(connection: BaseDatabaseWrapper) -> Result:
    """Compare the bookings with what was counted before the first customer left.

    A difference is a warning: clean-up counts what it deletes, and these are never among it, so an application did it.
    """
    runs = Run.objects.using(connection.alias).filter(kind=Run.CLEANUP).exclude(baseline={}).order_by("pk")
    before: dict[str, Any] = runs.values_list("baseline", flat=True).first() or {}
    if not before and Phase.objects.using(connection.alias).get(pk=1).name == Phase.CLEANING:
        return Result(KEPT.id, KEPT.guarantee, PASS, f"0 {KEPT.compared}", 0)
    said = []
    for table in ("reservations", "orders"):
        was = before.get(table, {"rows": 0, "checksum": "0", "up_to": None})
        ((count, checksum),) = rows(connection, _NOW.format(table=table), up_to=was["up_to"] or 0)
        if (count, checksum) != (was["rows"], was["checksum"]):
            said.append(f"{table}: {was['rows']:,} named a customer before, {count:,} of those with such ids do now.")
    figure = f"2 {KEPT.compared}" + (f"; {len(said)} changed" if said else "")
    details = [*said, "No chunk deleted any: PostgreSQL counted. An application did since."] if said else []
    status = (WARN if before else FAIL) if said or not before else PASS
    return Result(
        KEPT.id, KEPT.guarantee, status, figure, 2, len(said), details=details, remedy=KEPT.remedy if said else ""
    )
