"""Running the checks."""

from collections.abc import Callable
from dataclasses import replace
from typing import TypeVar

from django.db import DatabaseError, NotSupportedError, OperationalError, transaction
from django.db.backends.base.base import BaseDatabaseWrapper

from config.ddl import LOCK_NOT_AVAILABLE
from separation.database import execute, scalar, sqlstate_of
from separation.kinds import kind_of
from separation.masking import mask_text
from separation.preflight import checks
from separation.preflight.look import SQL, Look
from separation.preflight.report import FAIL, Report, Result

_T = TypeVar("_T")

LOCK_TIMEOUT = "5s"
# Undefined table or column, privilege missing: said once by the checks `schema` and `privileges`.
_SAID_ELSEWHERE = {"42P01", "42703", "42501"}


def run_preflight(connection: BaseDatabaseWrapper, *, only: tuple[str, ...] = ()) -> Report:
    """Run every check, or ONLY those named, that has something to look at in the database behind CONNECTION.

    Guarantees that nothing is written, by a read-only transaction for each check, and that no check waits long for a
    lock. A check that cannot look fails, and the others run. Raises nothing for a database that cannot be reached:
    that is the one failed check of the report.
    """
    name = str(connection.settings_dict["NAME"])
    try:
        connection.ensure_connection()
        kind = _read_only(connection, lambda: kind_of(connection))
    except NotSupportedError:
        return Report(name, "", [replace(checks.too_old(connection), id="server_version")])
    except OperationalError as error:
        return Report(name, "", [_unreachable(error)])
    look = Look(connection, kind, [_read_only(connection, lambda: scalar(connection, SQL.backend)) for _ in range(3)])
    results: list[Result] = []
    left_out: list[str] = []
    for check in (check for check in checks.ALL if not only or check.id in only):
        result = _run(connection, check, look) if check.applies_to(kind) else None
        if result is None:
            left_out.append(check.id)
        else:
            results.append(replace(result, id=check.id))
    return Report(name, kind.name, results, left_out)


def _run(connection: BaseDatabaseWrapper, check: checks.Check, look: Look) -> Result | None:
    """Return what the check finds; None if what it reads is not there, or not for this role, as others have said."""
    try:
        return _read_only(connection, lambda: check.find(look))
    except DatabaseError as error:
        code = sqlstate_of(error)
        if check.reads_legacy and code in _SAID_ELSEWHERE:
            return None
        if code == LOCK_NOT_AVAILABLE:
            message = f"It could not look within {LOCK_TIMEOUT}: another session has locked what it reads."
            return Result(FAIL, message, remedy="wait for that session, then: python manage.py preflight")
        return Result(FAIL, f"It could not look: {_first_line(error)}", remedy="python manage.py preflight")


def _read_only(connection: BaseDatabaseWrapper, look: Callable[[], _T]) -> _T:
    with transaction.atomic(connection.alias):
        execute(connection, "SET TRANSACTION READ ONLY")
        execute(connection, f"SET LOCAL lock_timeout = '{LOCK_TIMEOUT}'; SET LOCAL statement_timeout = '30min'")
        return look()


def _unreachable(error: OperationalError) -> Result:
    return Result(
        FAIL,
        f"The database cannot be reached: {_first_line(error)}",
        remedy="set DATABASE_URL, or start the server, then: python manage.py preflight",
        id="connection",
    )


def _first_line(error: Exception) -> str:
    return mask_text(str(error).strip().partition("\n")[0])
