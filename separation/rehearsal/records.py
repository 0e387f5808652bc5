"""Which rehearsals of a database are on record, and whether they are enough for it to be migrated."""

import hashlib
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db.backends.base.base import BaseDatabaseWrapper

from separation.database import now_of, scalar
from separation.identity import identity_of
from separation.models import Rehearsal
from separation.signing import is_signed, sign

REHEARSAL_AGE = timedelta(days=7)

_SALT = "separation.rehearsals.record"
_READABLE = "SELECT coalesce(has_table_privilege(to_regclass('separation_rehearsals'), 'SELECT'), false)"
# What a rehearsal goes through, of all the project's files; pages and APIs may change until the day.
_CODE = ("separation/**/*", "config/**/*", "*/migrations/*", "*/sql/*", "*/models.py")


def save(connection: BaseDatabaseWrapper, rehearsal: Rehearsal) -> None:
    """Sign REHEARSAL and write it into the database it was of; its table is made where `migrate` has not run yet."""
    rehearsal.signature = sign(_SALT, _signed(rehearsal))
    with connection.schema_editor() as editor:
        create_table(editor, Rehearsal)
    rehearsal.save(using=connection.alias)


def create_table(editor: Any, model: Any) -> None:
    """Make the table of rehearsals unless it is there."""
    if model._meta.db_table not in editor.connection.introspection.table_names():
        editor.create_model(model)


def latest(connection: BaseDatabaseWrapper) -> Rehearsal | None:
    """Return the newest rehearsal of this very database whose signature holds, passed or failed.

    One of a time to come, by the server's clock, is left out: nobody knows how old it is.
    """
    return next(_known(connection), None)


def latest_passed(connection: BaseDatabaseWrapper) -> Rehearsal | None:
    """Return the newest one, of those that `latest` goes by, that passed."""
    return next((rehearsal for rehearsal in _known(connection) if rehearsal.passed), None)


def shortcoming(connection: BaseDatabaseWrapper, step: str = "") -> str:
    """Return, as a clause, why no rehearsal on record is enough to migrate this database; nothing if one is.

    It is the latest that counts: it passed, with the code that is about to run, on data at most REHEARSAL_AGE old. If a
    STEP is named, it has gone through that.
    """
    rehearsal = latest(connection)
    if rehearsal is None:
        return "no rehearsal of it is on record"
    when = f"{rehearsal.finished_at:%Y-%m-%d %H:%M} UTC"
    if not rehearsal.passed:
        return f"its latest rehearsal, of {when}, failed"
    if rehearsal.code != code_version():
        return f"its latest rehearsal, of {when}, was made with other code than this"
    age = now_of(connection) - rehearsal.backup_taken_at
    if age > REHEARSAL_AGE:
        return (
            f"its latest rehearsal, of {when}, was of data that is {age.total_seconds() / 86400:.1f} days old by now; "
            f"the limit is {REHEARSAL_AGE.days}"
        )
    if step and not any(taken["name"] == step and taken["ok"] and not taken["refused"] for taken in rehearsal.steps):
        return f"its latest rehearsal, of {when}, did not get through the step {step!r}"
    return ""


def code_version() -> str:
    """Return the hash of the files that a rehearsal goes through: other code is not what was rehearsed."""
    paths = {path for pattern in _CODE for path in settings.BASE_DIR.glob(pattern) if path.suffix in (".py", ".sql")}
    digest = hashlib.sha256()
    for path in sorted(paths):
        content = hashlib.sha256(path.read_bytes()).hexdigest()
        digest.update(f"{path.relative_to(settings.BASE_DIR)} {content}\n".encode())
    return digest.hexdigest()


def _known(connection: BaseDatabaseWrapper) -> Iterator[Rehearsal]:
    if not scalar(connection, _READABLE):
        return
    identity, now = identity_of(connection).key(), now_of(connection)
    found = Rehearsal.objects.using(connection.alias).filter(
        identity=identity, finished_at__lte=now, backup_taken_at__lte=now
    )
    yield from filter(is_sound, found)


def is_sound(rehearsal: Rehearsal) -> bool:
    """Return whether the record is as `rehearse` wrote it; one that was edited counts for nothing."""
    return is_signed(_SALT, _signed(rehearsal), rehearsal.signature)


def _signed(rehearsal: Rehearsal) -> dict[str, Any]:
    names = (field.attname for field in Rehearsal._meta.concrete_fields)
    return {name: getattr(rehearsal, name) for name in names if name not in ("id", "signature")}
