"""The foreign keys that clean-up meets: disarmed before any row goes, and to `customers` where they name those."""

import re
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass

from django.db import DatabaseError, IntegrityError
from django.db.backends.base.base import BaseDatabaseWrapper
from psycopg import sql

from separation.cleanup.archive import (
    ARCHIVE,
    CLEANUP,
    Rows,
    Tally,
    archive,
    require_nothing_else,
    writes,
    written,
)
from separation.database import execute, rows
from separation.errors import CLEAN_UP, CheckFailed
from separation.models import Run
from separation.policy import REPOINT, Fate
from separation.waiting import is_transient, patiently

# What these two keys become for good: nobody's leaving takes a booking or a customer's profile along.
_FOR_GOOD = {
    "reservations.user_id": "RESTRICT",
    "orders.user_id": "RESTRICT",
    "customer_profiles.user_id": "SET NULL",
}
# Those that name the customer of a booking.
_CUSTOMERS = ("reservations.customer_id", "orders.customer_id")
_ON_DELETE = re.compile(r" ON DELETE (CASCADE|RESTRICT|SET NULL|SET DEFAULT)( \([^)]*\))?")
_TARGET = re.compile(r"(?<= REFERENCES )[^(]+(?=\()")
_NOT_VALID = " NOT VALID"
_WAS = re.compile(r" ?\(disarmed by cleanup_legacy, was: (.*)\)$", re.DOTALL)


@dataclass(frozen=True)
class Key:
    """A foreign key as the catalog has it; `table` as SQL writes it."""

    table: str
    name: str
    definition: str
    comment: str
    validated: bool
    partitioned: bool
    column: str

    def __str__(self) -> str:
        return f"{self.table}.{self.column}"

    @property
    def quoted(self) -> str:
        """Its name as SQL writes it."""
        return '"' + self.name.replace('"', '""') + '"'

    @property
    def rule(self) -> str:
        """What a delete of what it refers to does; empty for NO ACTION."""
        found = _ON_DELETE.search(self.definition)
        return found[1] if found else ""

    @property
    def deletes(self) -> bool:
        """Whether a delete of what it refers to would change rows of its table."""
        return self.rule not in ("", "RESTRICT")

    def redefined(self, *, on_delete: str = "", target: str = "") -> str:
        """Return its definition with another rule, or another table referred to."""
        text = self.definition.removesuffix(_NOT_VALID)
        if target:
            text = _TARGET.sub(target, text)
        if on_delete:
            deferrable = re.search(r" (NOT )?DEFERRABLE.*$", text)
            tail = deferrable[0] if deferrable else ""
            text = _ON_DELETE.sub("", text.removesuffix(tail)) + f" ON DELETE {on_delete}{tail}"
        return text

    def replaced_by(self, definition: str, comment: str) -> str:
        """Return what drops it and makes it anew in one step, not validated yet."""
        late = "" if self.partitioned else _NOT_VALID
        text = "NULL" if not comment else "'" + comment.replace("'", "''") + "'"
        return (
            f"ALTER TABLE {self.table} DROP CONSTRAINT {self.quoted}, "
            f"ADD CONSTRAINT {self.quoted} {definition.removesuffix(_NOT_VALID)}{late}; "
            f"COMMENT ON CONSTRAINT {self.quoted} ON {self.table} IS {text}"
        ).replace("%", "%%")


def keys_to(connection: BaseDatabaseWrapper, target: str) -> list[Key]:
    """Return every foreign key to a table."""
    return [Key(*found) for found in rows(connection, CLEANUP.keys, target=target)]


def disarm(connection: BaseDatabaseWrapper, fates: Iterable[Fate], run: Run) -> None:
    """Let no key to `users` delete or change a row any more; those of columns that name customers refer to those then.

    In one step for each key: at no moment is a column without one. What was there is on the key's comment, for
    `rearm`. Idempotent.
    """
    repointed = {str(fate) for fate in fates if fate.fate == REPOINT} | {*_CUSTOMERS}
    for key in keys_to(connection, "users"):
        if str(key) in repointed:
            _repoint(connection, key, run)
        elif rule := _FOR_GOOD.get(str(key)):
            if key.rule != rule:
                _replace(connection, key, key.redefined(on_delete=rule), key.comment, valid=key.validated)
        elif key.deletes:
            note = f"{key.comment} (disarmed by cleanup_legacy, was: {key.definition})".strip()
            _replace(connection, key, key.redefined(on_delete="RESTRICT"), note, valid=key.validated)
    for key in keys_to(connection, "customers"):
        if key.table.startswith("earlier_"):
            # What an earlier attempt left there stays as it is, while the rows it refers to go.
            _alter(connection, key, f"DROP CONSTRAINT {key.quoted}")


def rearm(connection: BaseDatabaseWrapper) -> None:
    """Give the disarmed keys their rule again, now that it concerns staff alone, and validate those made for good."""
    for key in keys_to(connection, "users"):
        if was := _WAS.search(key.comment):
            before = key.comment.removesuffix(was[0])
            _replace(connection, key, was[1], before, valid=not was[1].endswith(_NOT_VALID))
        elif str(key) in _FOR_GOOD and not key.validated:
            # Bookings of users whom nobody knew before are on record as findings, and stay.
            with suppress(IntegrityError):
                _validate(connection, key)
    for key in keys_to(connection, "customers"):
        if not key.validated and str(key) in _CUSTOMERS:
            _validate(connection, key)


def _repoint(connection: BaseDatabaseWrapper, key: Key, run: Run) -> None:
    """Make a key refer to customers, with the same values; what names a merged user gets the one merged into.

    A booking that names somebody who is no customer names nobody then; whom it named is archived.
    """
    bookings = str(key) in _CUSTOMERS
    names = {"table": sql.SQL(key.table), "column": sql.Identifier(key.column)}
    strangers = Rows(key.table, sql.SQL(CLEANUP.strangers).format(**names), {})

    def work() -> None:
        before, tally = writes(connection), Tally()
        definition = key.redefined(on_delete="SET NULL" if bookings else "", target="customers")
        execute(connection, key.replaced_by(definition, key.comment))
        tally.inserted[ARCHIVE] += archive(connection, strangers, run, only=[key.column], gone=False)
        tally.updated[key.table] += written(connection, sql.SQL(CLEANUP.heirs).format(**names))
        if bookings:
            statement = sql.SQL(CLEANUP.empty).format(**names, rows=strangers.condition)
            tally.updated[key.table] += written(connection, statement)
        require_nothing_else(connection, before, tally, redefined={key.table, "users", "customers"})

    _in_one_step(connection, key, work)
    _validate(connection, key)


def _replace(connection: BaseDatabaseWrapper, key: Key, definition: str, comment: str, *, valid: bool) -> None:
    """Replace a key by one of the same name; then prove that it holds, if VALID says that it did."""
    _in_one_step(connection, key, lambda: execute(connection, key.replaced_by(definition, comment)))
    if valid:
        _validate(connection, key)


def _validate(connection: BaseDatabaseWrapper, key: Key) -> None:
    _alter(connection, key, f"VALIDATE CONSTRAINT {key.quoted}")


def _alter(connection: BaseDatabaseWrapper, key: Key, what: str) -> None:
    statement = f"ALTER TABLE {key.table} {what}".replace("%", "%%")
    _in_one_step(connection, key, lambda: execute(connection, statement))


def _in_one_step(connection: BaseDatabaseWrapper, key: Key, work: Callable[[], object]) -> None:
    try:
        patiently(connection, work)
    except DatabaseError as error:
        if not is_transient(error):
            raise
        raise CheckFailed(
            f"Other sessions hold {key.table} or users, so that the key {key.name} could not be changed; nothing is "
            "half done.",
            CLEAN_UP,
        ) from error
