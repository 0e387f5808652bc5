"""How the engine speaks to the database: plain SQL, through Django's connection."""

from typing import Any

from django.db.backends.base.base import BaseDatabaseWrapper


def rows(connection: BaseDatabaseWrapper, sql: str, **values: Any) -> list[tuple[Any, ...]]:
    """Return all rows of SQL, with VALUES bound to its `%(name)s`; for few rows only."""
    with connection.cursor() as cursor:
        cursor.execute(sql, values)
        return cursor.fetchall()


def row(connection: BaseDatabaseWrapper, sql: str, **values: Any) -> tuple[Any, ...]:
    """Return the only row of SQL."""
    (found,) = rows(connection, sql, **values)
    return found


def scalar(connection: BaseDatabaseWrapper, sql: str, **values: Any) -> Any:
    """Return the only value of SQL."""
    return row(connection, sql, **values)[0]


def execute(connection: BaseDatabaseWrapper, sql: str, **values: Any) -> int:
    """Execute SQL and return how many rows it wrote."""
    with connection.cursor() as cursor:
        cursor.execute(sql, values)
        return int(cursor.rowcount)


def name_of(connection: BaseDatabaseWrapper) -> str:
    """Return the database's name, as the server knows it."""
    return str(scalar(connection, "SELECT current_database()"))


def has_table(connection: BaseDatabaseWrapper, table: str) -> bool:
    """Return whether the schema has TABLE."""
    return bool(scalar(connection, "SELECT to_regclass(quote_ident(%(table)s)) IS NOT NULL", table=table))
