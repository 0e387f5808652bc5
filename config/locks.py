"""How long a write that a person waits for may wait for a lock."""

from django.db import connection

WAIT = "5s"


def limit_waiting() -> None:
    """Let no statement of this transaction wait longer than WAIT for a lock: OperationalError, to be tried again."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config('lock_timeout', %s, true)", [WAIT])
