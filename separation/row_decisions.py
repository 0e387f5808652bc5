"""What staff decide about rows: whose a booking of nobody is, at which restaurant a menu, a recipe or an order.

As in `decisions`: one transaction each, previewed by being rolled back, and undone until clean-up. What is written is
one column of one row, just as the old application would write it, so that the mirror follows. A mail is the exception:
it cannot be taken back.
"""

import json
from collections.abc import Callable
from typing import Any, Unpack

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.backends.base.base import BaseDatabaseWrapper

from config.masking import mask_email
from config.sql import Queries
from customers.mails import mail_password_reset
from separation.database import execute, rows, scalar
from separation.decisions import (
    COMMAND,
    MISMATCH,
    NO_RESTAURANT,
    ORPHAN,
    PASSWORD,
    Case,
    Change,
    Effect,
    Terms,
    decided,
    effect_of,
    name_of_row,
    refusal,
    settled_already,
)
from separation.decisions import SQL as DECISIONS
from separation.errors import Refused
from separation.gate import portal_closed
from separation.migrator import FINISH
from separation.models import Finding

SQL = Queries(
    settings.BASE_DIR / "separation" / "sql" / "row_decisions.sql",
    {name: getattr(DECISIONS, name) for name in ("confined_findings", "places")},
)
# What a change writes beside what was decided.
_STAMPS = {"updated_at"}


def orphan_assign(
    *, connection: BaseDatabaseWrapper, table: str, row_id: int, user_id: int, **terms: Unpack[Terms]
) -> Effect:
    """Decide whose a reservation or order of a user who does not exist is: that user's, and so their customer's.

    Whoever decides for their restaurants alone can name people whom the row's restaurant knows.
    """

    def work(case: Case) -> Effect:
        _lock_user(case, user_id)
        row = _open_row(case, row_id)
        if case.within is not None and not scalar(connection, SQL.known, user=user_id, place=row["restaurant_id"]):
            raise refusal(f"There is no user {user_id}.", COMMAND)
        what = f"{name_of_row(table, row_id)} is user {user_id}'s"
        changes = _write(case, row, Finding.ASSIGN, "user_id", user_id, what)
        return _effect(case, what, changes, {user_id})

    return _decided(connection, ORPHAN, table, work, terms)


def orphan_archive(*, connection: BaseDatabaseWrapper, table: str, row_id: int, **terms: Unpack[Terms]) -> Effect:
    """Decide that a reservation or order of a user who does not exist is nobody's.

    It stays as it is, with its restaurant, whose history and turnover it is part of.
    """

    def work(case: Case) -> Effect:
        _open_row(case, row_id)
        what = f"{name_of_row(table, row_id)} stays as it is, of nobody, as history"
        case.write(row_id, Finding.ARCHIVE, what)
        return _effect(case, what, [], set())

    return _decided(connection, ORPHAN, table, work, terms)


def dish_place(
    *, connection: BaseDatabaseWrapper, table: str, row_id: int, restaurant_id: int, **terms: Unpack[Terms]
) -> Effect:
    """Decide at which restaurant a menu or recipe is; of those of whoever decides, if they decide for theirs alone."""

    def work(case: Case) -> Effect:
        found = rows(connection, SQL.restaurant, id=restaurant_id)
        if not found or (case.within is not None and restaurant_id not in case.within):
            raise refusal(f"There is no restaurant {restaurant_id}.", COMMAND)
        row = _open_row(case, row_id)
        what = f"{name_of_row(table, row_id)} is at restaurant {restaurant_id}, {found[0][0]}"
        return _effect(case, what, _write(case, row, Finding.PLACE, "restaurant_id", restaurant_id, what), set())

    return _decided(connection, NO_RESTAURANT, table, work, terms)


def order_follow(*, connection: BaseDatabaseWrapper, row_id: int, **terms: Unpack[Terms]) -> Effect:
    """Decide that an order is at the restaurant of its reservation."""

    def work(case: Case) -> Effect:
        row = _open_row(case, row_id)
        place = scalar(connection, SQL.target, id=row_id)
        what = f"order {row_id} is at restaurant {place}, as its reservation"
        changes = _write(case, row, Finding.FOLLOW, "restaurant_id", place, what)
        return _effect(case, what, changes, _people(row))

    return _decided(connection, MISMATCH, "orders", work, terms)


def order_untie(*, connection: BaseDatabaseWrapper, row_id: int, **terms: Unpack[Terms]) -> Effect:
    """Decide that an order does not belong to the reservation it names; it stays at its restaurant."""

    def work(case: Case) -> Effect:
        row = _open_row(case, row_id)
        what = f"order {row_id} belongs to no reservation"
        changes = _write(case, row, Finding.UNTIE, "reservation_id", None, what)
        return _effect(case, what, changes, _people(row))

    return _decided(connection, MISMATCH, "orders", work, terms)


def row_decision_undo(
    *, connection: BaseDatabaseWrapper, kind: str, table: str, row_id: int, **terms: Unpack[Terms]
) -> Effect:
    """Take back what was decided about a row: it gets the value again that it had, unless that was changed since."""

    def work(case: Case) -> Effect:
        found = case.finding(row_id)
        what = name_of_row(table, row_id)
        if found is None or not found.decision:
            raise refusal(f"Nothing is decided about the finding {kind} of {what}.", COMMAND)
        row = _locked(case, row_id)
        changes, column = [], found.detail.get("column")
        if found.decision != Finding.ARCHIVE:
            if row[column] != found.detail["given"]:
                raise refusal(f"The {column} of {what} was changed since; that stays.", COMMAND)
            changes = _changed(case, row, column, found.detail["former"])
        case.write(row_id, "", f"undone: {found.decision}")
        return _effect(case, f"{found.decision} of {what} is undone", changes, _people(row))

    return _decided(connection, kind, table, work, terms)


def password_mail(*, connection: BaseDatabaseWrapper, user_id: int, **terms: Unpack[Terms]) -> Effect:
    """Mail a customer whose password nobody can read the link that sets a new one; the finding is open until they do.

    Raises Refused where the link would lead nowhere: the portal is closed, or the account.
    """

    def work(case: Case) -> Effect:
        if closed := portal_closed():
            raise Refused("phase", f"Nobody can set a password here. {closed}")
        case.phase = rows(connection, DECISIONS.hold_phase)[0][0]
        case.lock({user_id})
        found = rows(connection, SQL.reset, id=user_id)
        if not found:
            raise refusal(f"Customer {user_id} has no open finding {PASSWORD}.", COMMAND)
        ((email, is_active),) = found
        if not is_active:
            raise refusal(f"Customer {user_id} is deactivated: activate the account first, in the admin.", COMMAND)
        what = f"customer {user_id} is mailed a link that sets a password, to {mask_email(email)}"
        if (before := case.finding(user_id)) and before.decision:
            what += f"; the last was sent at {before.decided_at:%Y-%m-%d %H:%M:%S} UTC, by {before.decided_by}"
        mail_password_reset(to=email)
        case.write(user_id, Finding.MAIL, "mailed a link that sets a password")
        return Effect(PASSWORD, what, case.phase, False, [])

    return decided(connection, PASSWORD, work, terms)


def _decided(
    connection: BaseDatabaseWrapper, kind: str, table: str, work: Callable[[Case], Effect], terms: Terms
) -> Effect:
    """Do WORK on a case about a row of TABLE, with the phase held and the mirror following."""

    def followed(case: Case) -> Effect:
        case.table = table
        case.hold()
        rows(connection, SQL.follow)
        return work(case)

    return decided(connection, kind, followed, terms)


def _lock_user(case: Case, user_id: int) -> None:
    if not rows(case.connection, SQL.lock_user, id=user_id):
        raise refusal(f"There is no user {user_id}.", COMMAND)


def _locked(case: Case, row_id: int) -> dict[str, Any]:
    """Return the row, locked after its user; raises Refused if it is not there, or is another restaurant's."""
    for (user,) in rows(case.connection, SQL.user_of.format(table=case.table), id=row_id):
        rows(case.connection, SQL.lock_user, id=user)
    found = rows(case.connection, SQL.lock_row.format(table=case.table), id=row_id)
    if not found or not _is_confined(case, row_id):
        raise refusal(f"There is no {name_of_row(case.table, row_id)}.", COMMAND)
    row: dict[str, Any] = json.loads(found[0][0])
    return row


def _is_confined(case: Case, row_id: int) -> bool:
    """Return whether whoever decides sees the row: if they decide for their restaurants alone, it lies in those."""
    if case.within is None:
        return True
    places = sorted(case.within)
    return bool(scalar(case.connection, SQL.confined, kind=case.kind, table=case.table, id=row_id, places=places))


def _open_row(case: Case, row_id: int) -> dict[str, Any]:
    """Return the row, locked; raises Refused unless there is something to decide about it, and nobody has yet."""
    row, what = _locked(case, row_id), name_of_row(case.table, row_id)
    found = case.finding(row_id)
    if found and found.state == Finding.SETTLED:
        undo = f"{COMMAND} {case.kind} {row_id} --table {case.table} --undo"
        raise settled_already(what.capitalize(), found, undo)
    if not scalar(case.connection, FINISH.found_now, kind=case.kind, table=case.table, id=row_id):
        raise refusal(f"{what.capitalize()} has no open finding {case.kind}: it is right by now.", COMMAND)
    return row


def _write(case: Case, row: dict[str, Any], decision: str, column: str, value: int | None, what: str) -> list[Change]:
    """Write a column of ROW, and the decision with what stood there; return what changed."""
    changes = _changed(case, row, column, value)
    case.write(row["id"], decision, what, column=column, former=row[column], given=value)
    return changes


def _changed(case: Case, row: dict[str, Any], column: str, value: int | None) -> list[Change]:
    """Write a column of ROW; return all that is different by that, also what the mirror wrote.

    Raises Refused where the value leads nowhere and a key forbids that by now.
    """
    try:
        with transaction.atomic(case.connection.alias):
            sql = SQL.write.format(table=case.table, column=column)
            execute(case.connection, sql, id=row["id"], value=value)
    except IntegrityError as error:
        raise refusal(
            f"There is no {column.removesuffix('_id')} {value}, and by now the database wants one that exists.",
            COMMAND,
        ) from error
    after = json.loads(scalar(case.connection, SQL.row.format(table=case.table), id=row["id"]))
    return [
        Change(case.table, row["id"], name, _text(row[name]), _text(after[name]))
        for name in row
        if row[name] != after[name] and name not in _STAMPS
    ]


def _text(value: Any) -> str | None:
    return None if value is None else str(value)


def _people(row: dict[str, Any]) -> set[int]:
    """Return whose the row is, by either column."""
    return {person for name in ("user_id", "customer_id") if (person := row.get(name)) is not None}


def _effect(case: Case, what: str, changes: list[Change], people: set[int]) -> Effect:
    case.see(people)
    effect = effect_of(case, what, people)
    effect.changes.extend(changes)
    return effect
