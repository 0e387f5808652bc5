"""Running the checks."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from typing import TypeVar

from django.db import DatabaseError, NotSupportedError, OperationalError, transaction
from django.db.backends.base.base import BaseDatabaseWrapper

from config.ddl import LOCK_NOT_AVAILABLE
from config.masking import mask_text
from separation.database import execute, scalar, sqlstate_of
from separation.errors import PREFLIGHT
from separation.kinds import ADOPTED, Kind, kind_of
from separation.models import Phase
from separation.phases import phase_of
from separation.preflight import checks
from separation.preflight.look import SQL, Look
from separation.preflight.report import FAIL, Report, Result

_T = TypeVar("_T")

LOCK_TIMEOUT, STATEMENT_TIMEOUT = "5s", "5min"
_SETTINGS = {"default_transaction_read_only": "on", "lock_timeout": "5s", "statement_timeout": "5min"}
# Undefined table or column, privilege missing: said once by the checks `schema` and `privileges`.
_CANCELED = "57014"
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
        return Report(name, "", "", [replace(checks.too_old(connection), id="server_version")])
    except OperationalError as error:
        return Report(name, "", "", [_unreachable(error)])
    processes = [_read_only(connection, lambda: scalar(connection, SQL.backend)) for _ in range(3)]
    look = Look(connection, kind, processes, _phase(connection, kind))
    chosen = [check for check in checks.ALL if not only or check.id in only]
    with _session_read_only(connection, processes):
        results, left_out = _results(connection, look, [check for check in chosen if check.applies_in(look.phase)])
    settled = [check.id for check in chosen if not check.applies_in(look.phase)]
    return Report(name, kind.name, look.phase, results, left_out, settled)


def _results(connection: BaseDatabaseWrapper, look: Look, chosen: list[checks.Check]) -> tuple[list[Result], list[str]]:
    """Return what the checks found, and the ids of those that had nothing to look at."""
    results: list[Result] = []
    left_out: list[str] = []
    for check in chosen:
        result = _run(connection, check, look) if check.applies_to(look.kind) else None
        if result is None:
            left_out.append(check.id)
        else:
            results.append(replace(result, id=check.id))
    return results, left_out


def _phase(connection: BaseDatabaseWrapper, kind: Kind) -> str:
    """Return the phase; nothing where there is none yet, or this role may not read it."""
    try:
        return _read_only(connection, lambda: phase_of(connection)) if kind.name == ADOPTED else ""
    except (DatabaseError, Phase.DoesNotExist):
        return ""


@contextmanager
def _session_read_only(connection: BaseDatabaseWrapper, processes: list[int]) -> Iterator[None]:
    """Let the whole session only read, and wait for nobody; not where a pooler would hand it on to somebody else."""
    if {*processes} != {connection.connection.info.backend_pid}:
        yield
        return
    former = {name: scalar(connection, f"SELECT current_setting('{name}')") for name in _SETTINGS}
    _set(connection, _SETTINGS)
    try:
        yield
    finally:
        with suppress(DatabaseError):  # where the connection is lost, the session is over
            _set(connection, former)


def _set(connection: BaseDatabaseWrapper, values: dict[str, str]) -> None:
    for name, value in values.items():
        execute(connection, "SELECT set_config(%(name)s, %(value)s, false)", name=name, value=value)


def _run(connection: BaseDatabaseWrapper, check: checks.Check, look: Look) -> Result | None:
    """Return what the check finds; None if what it reads is not there, or not for this role, as others have said."""
    try:
        return _read_only(connection, lambda: check.find(look))
    except DatabaseError as error:
        code = sqlstate_of(error)
        if check.reads_legacy and code in _SAID_ELSEWHERE:
            return None
        if code == _CANCELED:
            message = f"It did not come to an end within {STATEMENT_TIMEOUT}."
            return Result(FAIL, message, remedy="when less is going on: python manage.py preflight")
        if code == LOCK_NOT_AVAILABLE:
            message = f"It could not look within {LOCK_TIMEOUT}: another session has locked what it reads."
            return Result(FAIL, message, remedy="wait for that session, then: python manage.py preflight")
        return Result(FAIL, f"It could not look: {_first_line(error)}", remedy=PREFLIGHT)


def _read_only(connection: BaseDatabaseWrapper, look: Callable[[], _T]) -> _T:
    with transaction.atomic(connection.alias):
        execute(connection, "SET TRANSACTION READ ONLY")
        execute(
            connection,
            f"SET LOCAL lock_timeout = '{LOCK_TIMEOUT}'; SET LOCAL statement_timeout = '{STATEMENT_TIMEOUT}'; "
            "SET LOCAL jit = off",
        )
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
