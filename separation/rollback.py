"""The way back: one change of phase, then the purge of the new tables in short transactions."""

from django.conf import settings
from django.db.backends.base.base import BaseDatabaseWrapper

from config.sql import Queries
from separation.database import execute, loss_is_said, row, scalar
from separation.errors import ROLL_BACK, Interrupted
from separation.export import exported
from separation.migrator import Advance, Pace, StopRequest
from separation.models import Phase, Run
from separation.phases import change_phase, phase_of, settle_phase
from separation.waiting import Note, patiently, silent, wait_for_older

ROLLBACK = Queries(settings.BASE_DIR / "separation" / "sql" / "rollback.sql")


def to_purge(connection: BaseDatabaseWrapper) -> int:
    """Return how many customers the new tables hold."""
    return int(scalar(connection, "SELECT count(*) FROM customers WHERE id > 0"))


def is_rolled_back(connection: BaseDatabaseWrapper) -> bool:
    """Return whether there is nothing to take back: in phase `legacy` no roll-back is left half done."""
    return (
        phase_of(connection) == Phase.LEGACY and not to_purge(connection) and not scalar(connection, ROLLBACK.to_forget)
    )


def roll_back(
    connection: BaseDatabaseWrapper,
    run: Run,
    stop: StopRequest,
    advance: Advance,
    note: Note = silent,
    room: int | None = None,
) -> None:
    """Take the database back to phase `legacy` and the new tables to what they were just after `migrate`.

    Every legacy row that the migration filled is emptied again, and none else. What has no legacy form is in a file
    before anything is purged. Idempotent and resumable: a purge that was interrupted goes on where it stopped. Raises
    Refused, with nothing changed, if that file cannot be had. ROOM is how many bytes it needs; where it is not given it
    is counted here, before anybody has gone back.
    """
    with exported(connection, room, note) as counts:
        if phase_of(connection) == Phase.DUAL:
            change_phase(connection, Phase.DUAL, Phase.LEGACY, note)
        else:
            settle_phase(connection, note)
    run.add(counts)
    with loss_is_said(connection, ROLL_BACK):
        while not stop.asked:
            first, last, customers = row(connection, ROLLBACK.next_range, size=Pace().largest)
            if not customers:
                # What the old application said of customers meanwhile was remembered, and is seen once it commits.
                wait_for_older(connection, ROLL_BACK, note)
                execute(connection, ROLLBACK.forget)
                return
            purge(connection, run, first, last)
            advance(customers)
    raise Interrupted("Stopped between two parts of the purge; the old application has all its data.", ROLL_BACK)


def purge(connection: BaseDatabaseWrapper, run: Run, first: int, last: int) -> None:
    """Take the customers with ids FIRST to LAST, and all that the migration made of them, out again."""
    span = {"first": first, "last": last}
    run.add(patiently(connection, lambda: _purge(connection, span)))


def _purge(connection: BaseDatabaseWrapper, span: dict[str, int]) -> dict[str, int]:
    execute(connection, ROLLBACK.part, **span)
    return {
        "reservations": execute(connection, ROLLBACK.unlink_reservations, **span),
        "orders": execute(connection, ROLLBACK.unlink_orders, **span),
        "profiles": execute(connection, ROLLBACK.drop_profiles, **span)
        + execute(connection, ROLLBACK.release_profiles, **span),
        "customers": execute(connection, ROLLBACK.drop_customers, **span),
    }
