"""What a database is taken for. Production is the default; anything more lenient is written inside the database.

The mark is bound to the identity of its database: copied by a restore, a template or a physical clone it means nothing.
It is signed: written or changed by hand, it makes nothing more lenient.
"""

import getpass
from dataclasses import dataclass
from datetime import datetime

from django.conf import settings
from django.db.backends.base.base import BaseDatabaseWrapper

from separation.database import execute, now_of, rows, scalar
from separation.errors import Refused
from separation.identity import identity_of
from separation.signing import is_signed, sign

PRODUCTION, STAGING, SCRATCH, COPY = "production", "staging", "scratch", "copy"

_SALT = "separation.environment.mark"
_RENEW = "python manage.py environment --set staging"
_TABLE = """
CREATE TABLE IF NOT EXISTS separation_environment (
    identity text PRIMARY KEY,
    environment text NOT NULL CHECK (environment IN ('production', 'staging', 'scratch', 'copy')),
    set_by text NOT NULL,
    set_at timestamptz NOT NULL DEFAULT now(),
    signature text NOT NULL DEFAULT ''
)
"""
# Marks of an earlier version had none; an ALTER TABLE that has nothing to do would lock the table all the same.
_HAS_SIGNATURE = """
SELECT EXISTS (SELECT FROM pg_attribute
    WHERE attrelid = to_regclass('separation_environment') AND attname = 'signature' AND NOT attisdropped)
"""
_ADD_SIGNATURE = "ALTER TABLE separation_environment ADD COLUMN IF NOT EXISTS signature text NOT NULL DEFAULT ''"
_MARK = """
INSERT INTO separation_environment (identity, environment, set_by, set_at, signature)
VALUES (%(identity)s, %(environment)s, %(set_by)s, %(set_at)s, %(signature)s)
ON CONFLICT (identity) DO UPDATE SET environment = excluded.environment, set_by = excluded.set_by,
    set_at = excluded.set_at, signature = excluded.signature
"""
_READABLE = "SELECT coalesce(has_table_privilege(to_regclass('separation_environment'), 'SELECT'), false)"
_MARK_OF = """
SELECT environment, set_by, set_at, to_jsonb(e) ->> 'signature' FROM separation_environment e
WHERE identity = %(identity)s
"""


@dataclass(frozen=True)
class Environment:
    """What a database is taken for, and why."""

    name: str
    reason: str

    @property
    def is_production(self) -> bool:
        """Whether every interlock holds: a copy is as closed as production until it is declared live."""
        return self.name in (PRODUCTION, COPY)


def environment_of(connection: BaseDatabaseWrapper) -> Environment:
    """Return what the database behind CONNECTION is taken for; only reads."""
    if settings.ENVIRONMENT == PRODUCTION:
        return Environment(PRODUCTION, "the variable ENVIRONMENT says so")
    found = _mark_of(connection)
    if found and not found.ignored:
        return Environment(found.name, f"marked by {found.set_by} on {found.set_at:%Y-%m-%d %H:%M} UTC")
    if connection.settings_dict["ENGINE"] == "config.embedded_postgres":
        return Environment(SCRATCH, "it lives on the embedded server")
    return Environment(PRODUCTION, found.ignored if found else "nothing inside it says otherwise")


def mark(connection: BaseDatabaseWrapper, name: str) -> None:
    """Write inside the database behind CONNECTION, signed, that it is taken for NAME."""
    if not scalar(connection, _HAS_SIGNATURE):
        execute(connection, _TABLE)
        execute(connection, _ADD_SIGNATURE)
    fields = {
        "identity": identity_of(connection).key(),
        "environment": name,
        "set_by": getpass.getuser(),
        "set_at": now_of(connection),
    }
    execute(connection, _MARK, **fields, signature=sign(_SALT, fields))


def mark_scratch(connection: BaseDatabaseWrapper) -> None:
    """Mark a database that this project made for itself, and may drop."""
    mark(connection, SCRATCH)


def is_marked_scratch(connection: BaseDatabaseWrapper) -> bool:
    """Return whether the database says of itself, in a mark that is its own, that it may be dropped."""
    found = _mark_of(connection)
    return found is not None and found.name == SCRATCH and not found.ignored


def refuse_on_production(connection: BaseDatabaseWrapper, what: str, next_command: str) -> None:
    """Raise Refused if the database counts as production; WHAT is a clause such as 'demo data' needs."""
    environment = environment_of(connection)
    if environment.is_production:
        name = connection.settings_dict["NAME"]
        raise Refused(
            "production",
            f"{what}: database {name!r} counts as {environment.name} ({environment.reason}).",
            next_command,
        )


@dataclass(frozen=True)
class _Mark:
    """What a database says of itself, by whom and when; and why that counts for nothing, if it does."""

    name: str
    set_by: str
    set_at: datetime
    ignored: str


def _mark_of(connection: BaseDatabaseWrapper) -> _Mark | None:
    # A mark this role may not read is none: it could only make things more lenient.
    if not scalar(connection, _READABLE):
        return None
    identity = identity_of(connection).key()
    for name, set_by, set_at, signature in rows(connection, _MARK_OF, identity=identity):
        fields = {"identity": identity, "environment": name, "set_by": set_by, "set_at": set_at}
        ignored = ""
        if name in (PRODUCTION, COPY):
            pass  # nobody gains anything by forging it
        elif not is_signed(_SALT, fields, signature):
            ignored = f"its mark as {name} is not signed with this SECRET_KEY; to mark it again: {_RENEW}"
        elif set_at > now_of(connection):
            ignored = f"its mark as {name} is of a time still to come by the server's clock; to mark it again: {_RENEW}"
        return _Mark(name, set_by, set_at, ignored)
    return None
