"""The phase of a database, and the changes of phase that are allowed."""

from django.db import transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models.functions import Now

from config.compiled import Compiled
from separation.errors import STATUS, CheckFailed
from separation.models import Phase
from separation.waiting import Note, silent, wait_for_older

TRANSITIONS = frozenset(
    {
        # The backfill may begin: both schemas live, and the new one is being filled.
        (Phase.LEGACY, Phase.DUAL),
        # The operator goes back: the old application has been current all the time, the purge follows.
        (Phase.DUAL, Phase.LEGACY),
        # The legacy rows go: from here only a restore leads back.
        (Phase.DUAL, Phase.CLEANING),
        # The last legacy row is gone.
        (Phase.CLEANING, Phase.SEPARATED),
    }
)


def phase_of(connection: BaseDatabaseWrapper) -> str:
    """Return the phase of an adopted database."""
    return Phase.objects.using(connection.alias).values_list("name", flat=True).get(pk=1)


def change_phase(connection: BaseDatabaseWrapper, old: str, new: str, note: Note = silent) -> None:
    """Change the phase from OLD to NEW; raises CheckFailed if it is not OLD any more.

    Returns once every transaction is over that may have seen the phase OLD, since to those the mirror was still off, or
    still on; raises CheckFailed if one stays open, with the phase changed: the same command then waits again. Back in
    phase `legacy` the new tables refuse what the new application writes, as before the first move: the purge would lose
    it. Only transitions of the table are allowed; another one is a mistake in the caller.
    """
    with transaction.atomic(connection.alias):
        change_phase_within(connection, old, new)
    settle_phase(connection, note)


def change_phase_within(connection: BaseDatabaseWrapper, old: str, new: str) -> None:
    """Do what `change_phase` does in the caller's transaction, who has to `settle_phase` after its commit."""
    if (old, new) not in TRANSITIONS:
        raise ValueError(f"No transition leads from phase {old!r} to {new!r}.")
    changed = (
        Phase.objects.using(connection.alias)
        .filter(pk=1, name=old)
        .update(name=new, changed_at=Now(), closed=new == Phase.LEGACY, export_path=None)
    )
    if not changed:
        raise CheckFailed(
            f"The phase is {phase_of(connection)!r}, not {old!r}: somebody else changed it.",
            STATUS,
        )


def settle_phase(connection: BaseDatabaseWrapper, note: Note = silent) -> None:
    """Wait for the transactions that may have seen the phase before this one."""
    wait_for_older(connection, "the same command again", note, snapshots=True)


def password_algorithm() -> str:
    """Return by which of Django's hashers customers' passwords are stored: bcrypt until the old application is out."""
    return "argon2" if _NAME() == [Phase.SEPARATED] else "bcrypt"


_NAME = Compiled(lambda: Phase.objects.filter(pk=1).values_list("name", flat=True))
