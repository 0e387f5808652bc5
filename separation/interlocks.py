"""What has to hold before customers are moved: each interlock in one place, naming the command that satisfies it."""

from datetime import timedelta

from django.db.backends.base.base import BaseDatabaseWrapper

from separation.backups import latest_verified
from separation.database import has_table, name_of, now_of, scalar
from separation.environment import environment_of
from separation.errors import REHEARSE, ROLL_BACK, STATUS, Refused
from separation.mirror import INSTALLED, state_of
from separation.models import Phase
from separation.phases import phase_of
from separation.preflight import BACKUP_AGE, run_preflight
from separation.rehearsal import shortcoming
from separation.rollback import is_rolled_back, to_purge


def require_adoption(connection: BaseDatabaseWrapper) -> None:
    """Raise Refused unless `migrate` has run on this database."""
    if not has_table(connection, "separation_phase"):
        raise Refused(
            "adoption",
            f"Database {name_of(connection)!r} has not been adopted yet: the new tables are not there.",
            "python manage.py migrate",
        )


def require_reversible(connection: BaseDatabaseWrapper) -> None:
    """Raise Refused once clean-up has begun: from there only a restore leads back."""
    phase = phase_of(connection)
    if phase not in (Phase.LEGACY, Phase.DUAL):
        raise Refused(
            "phase",
            f"Database {name_of(connection)!r} is in phase {phase!r}: the legacy rows are going or gone.",
            STATUS,
        )


def require_mirror(connection: BaseDatabaseWrapper) -> None:
    """Raise Refused unless the mirror is installed as this version has it."""
    state = state_of(connection)
    if state != INSTALLED:
        raise Refused(
            "mirror", f"The mirror of database {name_of(connection)!r} is {state}.", "python manage.py migrate"
        )


def require_nobody_moved(connection: BaseDatabaseWrapper) -> None:
    """Raise Refused while the new tables hold customers: only a roll-back takes them out."""
    customers = scalar(connection, "SELECT count(*) FROM customers WHERE id > 0")
    if customers:
        raise Refused(
            "customers",
            f"The new tables of database {name_of(connection)!r} hold {customers:,} "
            f"customer{'' if customers == 1 else 's'}, who would fall out of step.",
            ROLL_BACK,
        )


def require_whole_roll_back(connection: BaseDatabaseWrapper) -> None:
    """Raise Refused while a roll-back is half done: what it has left would be taken for moved, and is out of step."""
    if phase_of(connection) == Phase.LEGACY and not is_rolled_back(connection):
        raise Refused(
            "roll-back",
            f"A roll-back of database {name_of(connection)!r} is not finished: {to_purge(connection):,} customers are "
            "still in the new tables, and nothing keeps them in step.",
            ROLL_BACK,
        )


def require_rehearsal(connection: BaseDatabaseWrapper) -> None:
    """Raise Refused on a production database unless its latest rehearsal passed, with this code and on recent data."""
    environment = environment_of(connection)
    if environment.is_production and (reason := shortcoming(connection)):
        raise Refused(
            "rehearsal",
            f"Database {name_of(connection)!r} counts as {environment.name} ({environment.reason}), and {reason}.",
            REHEARSE,
        )


def require_backup(connection: BaseDatabaseWrapper) -> None:
    """Raise Refused unless a verified backup of this very database, at most BACKUP_AGE old, is on record."""
    backup = latest_verified(connection)
    if backup is None:
        raise Refused(
            "backup", f"No verified backup of database {name_of(connection)!r} is on record.", "python manage.py backup"
        )
    age = backup.age(now_of(connection))
    if age < timedelta():
        raise Refused(
            "backup",
            f"The newest verified backup of database {name_of(connection)!r}, {backup.id}, is of a time still to come: "
            "the server's clock was set back, and how old it is cannot be told.",
            "python manage.py backup",
        )
    if age > BACKUP_AGE:
        raise Refused(
            "backup",
            f"The newest verified backup of database {name_of(connection)!r}, {backup.id}, is "
            f"{age.total_seconds() / 3600:.0f} hours old; the limit is {BACKUP_AGE.total_seconds() / 3600:.0f}.",
            "python manage.py backup",
        )


def require_preflight(connection: BaseDatabaseWrapper) -> None:
    """Raise Refused if any check of the preflight fails."""
    failures = run_preflight(connection).failures
    if failures:
        raise Refused(
            "preflight",
            f"The preflight fails: {', '.join(failure.id for failure in failures)}.",
            "python manage.py preflight",
        )
