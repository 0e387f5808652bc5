"""The phase of a database, and the changes of phase that are allowed."""

from django.db import transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models.functions import Now

from separation.errors import CheckFailed
from separation.models import Phase

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
    return Phase.objects.using(connection.alias).get(pk=1).name


def change_phase(connection: BaseDatabaseWrapper, old: str, new: str) -> None:
    """Change the phase from OLD to NEW; raises CheckFailed if it is not OLD any more.

    Only transitions of the table are allowed; another one is a mistake in the caller.
    """
    if (old, new) not in TRANSITIONS:
        raise ValueError(f"No transition leads from phase {old!r} to {new!r}.")
    with transaction.atomic(connection.alias):
        changed = Phase.objects.using(connection.alias).filter(pk=1, name=old).update(name=new, changed_at=Now())
    if not changed:
        raise CheckFailed(
            f"The phase is {phase_of(connection)!r}, not {old!r}: somebody else changed it.",
            "python manage.py separation_status",
        )
