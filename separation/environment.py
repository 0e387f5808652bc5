"""What a database is taken for. Production is the default; anything more lenient is written inside the database.

The mark is bound to the identity of its database: copied by a restore, a template or a physical clone it means nothing.
"""

import getpass
from dataclasses import dataclass

from django.conf import settings
from django.db.backends.base.base import BaseDatabaseWrapper

from separation.errors import Refused
from separation.identity import identity_of

PRODUCTION, STAGING, SCRATCH, COPY = "production", "staging", "scratch", "copy"

_TABLE = """
CREATE TABLE IF NOT EXISTS separation_environment (
    identity text PRIMARY KEY,
    environment text NOT NULL CHECK (environment IN ('production', 'staging', 'scratch', 'copy')),
    set_by text NOT NULL,
    set_at timestamptz NOT NULL DEFAULT now()
)
"""
_MARK = """
INSERT INTO separation_environment (identity, environment, set_by) VALUES (%s, %s, %s)
ON CONFLICT (identity) DO UPDATE SET environment = excluded.environment, set_by = excluded.set_by, set_at = now()
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
    marked = _mark_of(connection)
    if marked:
        name, who, when = marked
        return Environment(name, f"marked by {who} on {when:%Y-%m-%d %H:%M} UTC")
    if connection.settings_dict["ENGINE"] == "config.embedded_postgres":
        return Environment(SCRATCH, "it lives on the embedded server")
    return Environment(PRODUCTION, "nothing inside it says otherwise")


def mark(connection: BaseDatabaseWrapper, name: str) -> None:
    """Write inside the database behind CONNECTION that it is taken for NAME."""
    with connection.cursor() as cursor:
        cursor.execute(_TABLE)
        cursor.execute(_MARK, [identity_of(connection).key(), name, getpass.getuser()])


def mark_scratch(connection: BaseDatabaseWrapper) -> None:
    """Mark a database that this project made for itself, and may drop."""
    mark(connection, SCRATCH)


def is_marked_scratch(connection: BaseDatabaseWrapper) -> bool:
    """Return whether the database says of itself, in a mark that is its own, that it may be dropped."""
    found = _mark_of(connection)
    return found is not None and found[0] == SCRATCH


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


def _mark_of(connection: BaseDatabaseWrapper) -> tuple[str, str, object] | None:
    with connection.cursor() as cursor:
        # A mark this role may not read is none: it could only make things more lenient.
        cursor.execute("SELECT coalesce(has_table_privilege(to_regclass('separation_environment'), 'SELECT'), false)")
        if not cursor.fetchone()[0]:
            return None
        cursor.execute(
            "SELECT environment, set_by, set_at FROM separation_environment WHERE identity = %s",
            [identity_of(connection).key()],
        )
        row: tuple[str, str, object] | None = cursor.fetchone()
        return row
