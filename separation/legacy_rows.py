"""Looking at one row of a legacy table, whatever its columns hold."""

from typing import Any

from django.db.backends.base.base import BaseDatabaseWrapper

# Columns that are never shown, not even in part.
_SECRET = ("password", "token", "secret", "hash")


def legacy_row(connection: BaseDatabaseWrapper, table: str, row_id: int) -> dict[str, str | None] | None:
    """Return a row of TABLE as column → PostgreSQL's own text, without secrets; None if it is not there."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT to_regclass(%s) IS NOT NULL", [connection.ops.quote_name(table)])
        if not cursor.fetchone()[0]:
            return None
        quoted = connection.ops.quote_name(table)
        cursor.execute(f"SELECT * FROM {quoted} LIMIT 0")  # noqa: S608 (a name from our own records, quoted)
        columns = [column.name for column in cursor.description or () if not _is_secret(column.name)]
        shown = ", ".join(f"{connection.ops.quote_name(name)}::text" for name in columns)
        cursor.execute(f"SELECT {shown} FROM {quoted} WHERE id = %s", [row_id])  # noqa: S608
        row: tuple[Any, ...] | None = cursor.fetchone()
    return None if row is None else dict(zip(columns, row, strict=True))


def _is_secret(column: str) -> bool:
    return any(word in column.lower() for word in _SECRET)
