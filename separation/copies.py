"""What a copy of a database must not do while the one it is of lives: write to people.

Not by `environment_of`: whose mark counts there only on the very server it was written on, and where a variable may
take a copy for production. That is stricter for commands, but mail would go out twice.
"""

from datetime import UTC, datetime

from django.db import connection
from django.db.backends.base.base import BaseDatabaseWrapper

from config.delivery import mails_cancel
from separation.database import has_table, name_of, rows, scalar
from separation.environment import COPY, PRODUCTION, STAGING

DECLARE_LIVE = "python manage.py environment --set production"
_READABLE = "SELECT has_table_privilege('separation_environment', 'SELECT')"
_LAST_MARK = "SELECT environment, set_at FROM separation_environment ORDER BY set_at DESC LIMIT 1"


def mail_held() -> tuple[str, str] | None:
    """Return why no mail may be sent from the database in use, and the command that changes it; None if it may."""
    name = name_of(connection)
    if _is_unreadable(connection):
        why = f"Whether database {name!r} is a copy cannot be told: this role may not read separation_environment."
        return why, "GRANT SELECT ON separation_environment TO the role of DATABASE_URL"
    if _last_mark(connection)[0] == COPY:
        why = f"Database {name!r} is a copy: mail goes out from the one it is a copy of, until this one is live."
        return why, DECLARE_LIVE
    return None


def reminders_since() -> datetime | None:
    """Return the time before which moments to remind people are let pass, or None if there is no such time.

    That is when the database was declared live, since the one before it may have sent them; on staging, for ever.
    """
    environment, set_at = _last_mark(connection)
    if environment == STAGING:
        return datetime.max.replace(tzinfo=UTC)
    return set_at if environment == PRODUCTION else None


def cancel_queued(database: BaseDatabaseWrapper) -> int:
    """Give up what is queued in a copy that is declared live: it is of another time. Return how many mails it was."""
    if not has_table(database, "post_office_email") or _last_mark(database)[0] != COPY:
        return 0
    return mails_cancel(why="It was queued in a copy, before that was declared live.")


def _is_unreadable(database: BaseDatabaseWrapper) -> bool:
    return has_table(database, "separation_environment") and not scalar(database, _READABLE)


def _last_mark(database: BaseDatabaseWrapper) -> tuple[str, datetime | None]:
    if not has_table(database, "separation_environment"):
        return "", None
    return next(((environment, set_at) for environment, set_at in rows(database, _LAST_MARK)), ("", None))
