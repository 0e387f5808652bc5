"""What has to hold before customers are moved: each interlock in one place, naming the command that satisfies it."""

from datetime import UTC, datetime, timedelta

from django.conf import settings
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import Max

from separation.backups import latest_verified
from separation.cleanup.archive import CLEANUP
from separation.cleanup.fates import torn_away
from separation.database import has_table, name_of, now_of, rows, scalar
from separation.environment import environment_of
from separation.errors import (
    BACKUP,
    CLEAN_UP,
    EXECUTE,
    MIGRATE,
    PREFLIGHT,
    REHEARSE,
    RESOLVE,
    ROLL_BACK,
    VERIFY,
    Refused,
)
from separation.mirror import INSTALLED, state_of
from separation.models import Chunk, Finding, Phase, Run
from separation.phases import phase_of
from separation.policy import fates, undecided
from separation.preflight import BACKUP_AGE, run_preflight
from separation.rehearsal import shortcoming
from separation.rehearsal.steps import CLEANED_UP
from separation.rollback import is_rolled_back, to_purge
from separation.verdicts import clean_since

# Clean-up: the fewest days of clean verification on production, the age of the newest, and how long the old application
# has to have written no customer.
QUIET_DAYS, VERDICT_AGE, SILENCE = 7, timedelta(hours=24), timedelta(hours=24)


def require_adoption(connection: BaseDatabaseWrapper) -> None:
    """Raise Refused unless `migrate` has run on this database."""
    if not has_table(connection, "separation_phase"):
        raise Refused(
            "adoption",
            f"Database {name_of(connection)!r} has not been adopted yet: the new tables are not there.",
            MIGRATE,
        )


def require_reversible(connection: BaseDatabaseWrapper) -> None:
    """Raise Refused once clean-up has begun: from there only a restore leads back."""
    phase = phase_of(connection)
    if phase not in (Phase.LEGACY, Phase.DUAL):
        raise Refused(
            "phase",
            f"Database {name_of(connection)!r} is in phase {phase!r}: the customers are leaving users, or have left "
            "it, and only a restore leads back.",
            CLEAN_UP if phase == Phase.CLEANING else "python manage.py restore BACKUP --into URL",
        )


def require_mirror(connection: BaseDatabaseWrapper) -> None:
    """Raise Refused unless the mirror is installed as this version has it."""
    state = state_of(connection)
    if state != INSTALLED:
        raise Refused("mirror", f"The mirror of database {name_of(connection)!r} is {state}.", MIGRATE)


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


def require_rehearsal(connection: BaseDatabaseWrapper, step: str = "") -> None:
    """Raise Refused on a production database unless its latest rehearsal passed, with this code and on recent data.

    If a STEP is named, the rehearsal has gone through that.
    """
    environment = environment_of(connection)
    if environment.is_production and (reason := shortcoming(connection, step)):
        raise Refused(
            "rehearsal",
            f"Database {name_of(connection)!r} counts as {environment.name} ({environment.reason}), and {reason}.",
            REHEARSE,
        )


def require_backup(connection: BaseDatabaseWrapper) -> None:
    """Raise Refused unless a verified backup of this very database, at most BACKUP_AGE old, is on record."""
    backup = latest_verified(connection)
    if backup is None:
        raise Refused("backup", f"No verified backup of database {name_of(connection)!r} is on record.", BACKUP)
    age = backup.age(now_of(connection))
    if age < timedelta():
        raise Refused(
            "backup",
            f"The newest verified backup of database {name_of(connection)!r}, {backup.id}, is of a time still to come: "
            "the server's clock was set back, and how old it is cannot be told.",
            BACKUP,
        )
    if age > BACKUP_AGE:
        raise Refused(
            "backup",
            f"The newest verified backup of database {name_of(connection)!r}, {backup.id}, is "
            f"{age.total_seconds() / 3600:.0f} hours old; the limit is {BACKUP_AGE.total_seconds() / 3600:.0f}.",
            BACKUP,
        )


def require_preflight(connection: BaseDatabaseWrapper) -> None:
    """Raise Refused if any check of the preflight fails."""
    failures = run_preflight(connection).failures
    if failures:
        raise Refused(
            "preflight",
            f"The preflight fails: {', '.join(failure.id for failure in failures)}.",
            PREFLIGHT,
        )


def require_dual(connection: BaseDatabaseWrapper) -> None:
    """Raise Refused unless the phase is dual: only who has moved can leave `users`."""
    phase = phase_of(connection)
    if phase != Phase.DUAL:
        raise Refused("phase", f"Database {name_of(connection)!r} is in phase {phase!r}; nobody has moved.", EXECUTE)


def require_backup_since_move(connection: BaseDatabaseWrapper) -> None:
    """Raise Refused unless there is such a backup as `require_backup` asks for, taken since the customers moved."""
    require_backup(connection)
    backup = latest_verified(connection)
    moved = Run.objects.using(connection.alias).filter(kind=Run.EXECUTE).aggregate(at=Max("finished_at"))["at"]
    since = max(filter(None, (moved, Phase.objects.using(connection.alias).get(pk=1).changed_at)))
    if backup and backup.taken_at < since:
        raise Refused(
            "backup",
            f"The newest verified backup of database {name_of(connection)!r}, {backup.id}, is from before the "
            f"customers were moved ({since:%Y-%m-%d %H:%M:%S} UTC), and from here on it would be the only way back.",
            BACKUP,
        )


def require_no_failures(connection: BaseDatabaseWrapper) -> None:
    """Raise Refused while the move is not done: chunks are left, its last run failed, or people could not be moved."""
    run = Run.objects.using(connection.alias).filter(kind=Run.EXECUTE).first()
    open_rows = Finding.objects.using(connection.alias).filter(kind="row_failed", state=Finding.OPEN).count()
    chunks = Chunk.objects.using(connection.alias).exclude(state=Chunk.LINKED).count()
    why = [
        f"run {run.pk} ended as {run.state}" if run and run.state != Run.DONE else "",
        f"run {run.pk} says: {run.error}" if run and run.state == Run.DONE and run.error else "",
        f"{chunks:,} chunks are not done" if chunks else "",
        f"{open_rows:,} people could not be moved" if open_rows else "",
    ]
    if any(why):
        raise Refused("failures", f"The move is not done: {'; '.join(filter(None, why))}.", EXECUTE)


def require_decided_people(connection: BaseDatabaseWrapper) -> None:
    """Raise Refused while there are customers in `users` who have not moved, and nobody decided that they stay."""
    found = {outcome: (count, ids) for outcome, count, ids in rows(connection, CLEANUP.plan)}
    count, ids = found.get("undecided", (0, []))
    if count:
        raise Refused(
            "undecided people",
            f"{count:,} customers of users have neither moved nor been decided about: users "
            f"{', '.join(map(str, ids))}{', …' if count > len(ids) else ''}.",
            RESOLVE,
        )


def require_decided_keys(connection: BaseDatabaseWrapper) -> None:
    """Raise Refused while customers hold rows behind a foreign key to `users`, and nobody said what becomes of them."""
    found = [
        f"{fate} ({fate.rows_of_customers:,} rows of customers, {fate.refusal or fate.why})"
        for fate in undecided(connection)
    ]
    if found:
        raise Refused(
            "foreign keys",
            f"Of {len(found)} foreign keys to users nobody knows what becomes of the rows: {'; '.join(found)}.",
            'write "table.column" = "forget", "stays" or "repoint" in separation.toml, then: '
            "python manage.py cleanup_legacy",
        )


def require_nothing_torn(connection: BaseDatabaseWrapper) -> None:
    """Raise Refused while rows of others refer to rows that are to be forgotten: those would be destroyed with them."""
    found = [f"{key} ({count:,} rows)" for key, count in torn_away(connection, fates(connection)).items()]
    if found:
        raise Refused(
            "torn rows",
            f"What is to be forgotten would take rows along that are not the customers': {'; '.join(found)}.",
            'let the rows stay: make their column of the user nullable and write "stays" in separation.toml; then: '
            "python manage.py cleanup_legacy",
        )


def require_quiet(connection: BaseDatabaseWrapper) -> None:
    """Raise Refused unless verifications were clean for `quiet_days`, the newest of the last VERDICT_AGE."""
    days, clean = quiet_days(connection), clean_since(connection)
    if clean is None:
        raise Refused(
            "quiet period",
            f"The last verification of database {name_of(connection)!r} failed, was tampered with, or there is none "
            f"since the customers were moved; {days} days of clean ones are needed.",
            VERIFY,
        )
    first, newest = clean
    now = now_of(connection)
    if now - newest > VERDICT_AGE:
        raise Refused(
            "quiet period",
            f"The last verification of database {name_of(connection)!r} is of {newest:%Y-%m-%d %H:%M} UTC; one of the "
            f"last {VERDICT_AGE.total_seconds() / 3600:.0f} hours is needed.",
            VERIFY,
        )
    if now - first < timedelta(days=days):
        raise Refused(
            "quiet period",
            f"Verifications of database {name_of(connection)!r} are clean since {first:%Y-%m-%d %H:%M} UTC; {days} "
            "days of that are needed.",
            f"{VERIFY}, daily; from {first + timedelta(days=days):%Y-%m-%d %H:%M} UTC on: {CLEAN_UP}",
        )


def require_silence(connection: BaseDatabaseWrapper) -> None:
    """Raise Refused unless the old application has written no customer for SILENCE; not asked where no quiet is."""
    if not has_table(connection, "separation_last_write"):
        raise Refused("adoption", "The mirror does not note yet who writes.", MIGRATE)
    last = datetime.fromtimestamp(scalar(connection, "SELECT last_value FROM separation_last_write"), UTC)
    if quiet_days(connection) and now_of(connection) - last < SILENCE:
        raise Refused(
            "old application",
            f"The old application still writes customers: last at {last:%Y-%m-%d %H:%M} UTC. What it wrote after a "
            "clean-up would be refused.",
            f"let customers use the new application alone; {SILENCE.total_seconds() / 3600:.0f} hours after its last "
            f"write: {CLEAN_UP}",
        )


def quiet_days(connection: BaseDatabaseWrapper) -> int:
    """Return for how many days verifications have to be clean: never fewer than the default where it is production."""
    days = int(settings.SEPARATION_QUIET_DAYS)
    return max(QUIET_DAYS, days) if environment_of(connection).is_production else days


def require_rehearsed_clean_up(connection: BaseDatabaseWrapper) -> None:
    """Raise Refused on a production database unless the clean-up was rehearsed, too, and nothing refused it there."""
    require_rehearsal(connection, CLEANED_UP)


# In the order in which they are met.
BEFORE_CLEAN_UP = (
    require_dual,
    require_mirror,
    require_no_failures,
    require_decided_people,
    require_decided_keys,
    require_nothing_torn,
    require_silence,
    require_quiet,
    require_rehearsed_clean_up,
    require_backup_since_move,
)
