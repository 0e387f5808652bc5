"""The checks of the rows: how many there are, and what staff will have to decide about."""

from reservations.models import default_time_zone, zone_named
from separation.errors import RESOLVE
from separation.models import Phase
from separation.preflight.look import SQL, Look
from separation.preflight.registry import check, count
from separation.preflight.report import FAIL, PASS, WARN, Result


@check(reads_legacy=True, until_cleanup=True)
def counts(look: Look) -> Result:
    """Count what the migration touches."""
    users, customers, reservations, orders = look.rows(SQL.counts)[0]
    moved = look.value(SQL.moved) if look.is_adopted else 0
    kept = customers - look.tally("move").count
    to_move = max(customers - kept - moved, 0)
    message = (
        f"{count(to_move, 'customer')} to move, {moved:,} moved already, {kept:,} kept back; of {users:,} users, "
        f"{customers:,} customers, {reservations:,} reservations, {orders:,} orders."
    )
    return Result(PASS, message, to_move)


@check(reads_legacy=True)
def superadmin(look: Look) -> Result:
    """Require somebody who may enter the admin."""
    found = look.value(SQL.superadmins)
    if not found:
        message = "No user is a SUPERADMIN and no customer: nobody could settle findings in the admin."
        return Result(FAIL, message, 0, remedy="python manage.py createsuperuser")
    return Result(PASS, f"{count(found, 'superadmin')} can settle findings in the admin.", found)


@check(reads_legacy=True, until_cleanup=True)
def duplicate_email(look: Look) -> Result:
    """Count the customers who share an email."""
    return _finding(look, "duplicate_email", "shares an email with another", "share their email")


@check(reads_legacy=True, until_cleanup=True)
def invalid_email(look: Look) -> Result:
    """Count the customers whose email is none."""
    return _finding(look, "invalid_email", "has no valid email", "have no valid email")


@check(reads_legacy=True, until_cleanup=True)
def staff_marked_as_customer(look: Look) -> Result:
    """Count the staff who are marked as customers."""
    one, many = "is staff by role, place or menus", "are staff by role, place or menus"
    return _finding(look, "staff_marked_as_customer", one, many)


@check(reads_legacy=True, until_cleanup=True)
def needs_password_reset(look: Look) -> Result:
    """Count the customers who will move without a password they can use."""
    tally = look.tally("move", bcrypt=False)
    if not tally.count:
        return Result(PASS, "Every customer who moves has a bcrypt password.", 0)
    message = f"{count(tally.count, 'customer')} without a bcrypt password: moved, and to be asked for a new one."
    return Result(WARN, message, tally.count, tally.sample, remedy="python manage.py migrate_customers")


@check(reads_legacy=True, until_cleanup=True)
def orphan(look: Look) -> Result:
    """Count the reservations and orders of nobody."""
    return _per_table(look, SQL.orphans, "of users who do not exist", "Every reservation and order has its user.")


@check(reads_legacy=True, until_cleanup=True)
def no_restaurant(look: Look) -> Result:
    """Count the menus and recipes that belong to no restaurant."""
    query = SQL.no_restaurant_after if look.is_adopted else SQL.no_restaurant_before
    return _per_table(look, query, "whose restaurant cannot be told", "Every menu and recipe has its restaurant.")


@check(reads_legacy=True, until_cleanup=True)
def restaurant_mismatch(look: Look) -> Result:
    """Count the orders at another restaurant than their reservation."""
    found, sample = look.rows(SQL.restaurant_mismatch)[0]
    if not found:
        return Result(PASS, "Every order is at the restaurant of its reservation.", 0)
    message = f"{count(found, 'order')} at another restaurant than their reservation; each becomes a finding."
    return Result(WARN, message, found, sample, remedy="python manage.py migrate_customers")


@check(reads_legacy=True)
def time_zones(look: Look) -> Result:
    """Count the restaurants whose booking policy has a time zone that is none."""
    found = [row for row in look.rows(SQL.time_zones) if zone_named(row[0]) is None] if look.is_adopted else []
    total = sum(restaurants for _, restaurants, _ in found)
    if not total:
        return Result(PASS, "Every booking policy has a time zone.", 0)
    details = [f"{name[:50]!r}: restaurants {', '.join(map(str, ids))}" for name, _, ids in found]
    message = f"{count(total, 'restaurant')} with a time zone that is none, taken for {default_time_zone()}."
    return Result(WARN, message, total, details=details, remedy="set it on the restaurant's page in the admin")


def _finding(look: Look, outcome: str, one: str, many: str) -> Result:
    """Return a warning about customers whom the migration keeps back, or has kept back."""
    tally = look.tally(outcome)
    if not tally.count:
        return Result(PASS, f"No customer {one}.", 0)
    message = f"{count(tally.count, 'customer')} {one if tally.count == 1 else many}: not moved, each "
    if look.phase == Phase.DUAL:
        remedy = RESOLVE
        return Result(WARN, f"{message}is a finding, or becomes one.", tally.count, tally.sample, remedy=remedy)
    remedy = "python manage.py migrate_customers"
    return Result(WARN, f"{message}becomes a finding.", tally.count, tally.sample, remedy=remedy)


def _per_table(look: Look, query: str, what: str, fine: str) -> Result:
    """Return a warning about rows of several tables: (table, count, first ids)."""
    found = [row for row in look.rows(query) if row[1]]
    if not found:
        return Result(PASS, fine, 0)
    total = sum(rows for _, rows, _ in found)
    counted = " and ".join(count(rows, table.removesuffix("s")) for table, rows, _ in found)
    details = [f"{table}: ids {', '.join(map(str, ids))}" for table, _, ids in found]
    message = f"{counted} {what}; each becomes a finding."
    return Result(WARN, message, total, details=details, remedy="python manage.py migrate_customers")
