"""A database of one's own on the operator's server for as long as one command needs it."""

import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

from django.db import DatabaseError
from django.db.backends.base.base import NO_DB_ALIAS, BaseDatabaseWrapper
from psycopg.sql import SQL, Identifier

from separation.backups.session import QUERIES, session
from separation.database import sqlstate_of
from separation.environment import is_marked_scratch
from separation.errors import Refused

_PREFIX = "separation_scratch_"
_NO_PRIVILEGE = "42501"


@contextmanager
def scratch_database(
    beside: BaseDatabaseWrapper, create: Callable[[BaseDatabaseWrapper, str], None]
) -> Iterator[BaseDatabaseWrapper]:
    """Yield a connection to a new database on the server of BESIDE, made by CREATE, and drop it however the block ends.

    A killed process leaves it there; whoever comes next drops it: nobody holds its lock any more, and it is empty or
    marked as scratch inside. A database that is neither is nobody's leftover, whatever its name. Raises Refused if the
    role may not make databases.
    """
    server = on_server(beside)
    try:
        _column(server, "SELECT set_config(name, '0', false) FROM pg_settings WHERE name = 'idle_session_timeout'")
        _drop_leftovers(server)
        name = _PREFIX + secrets.token_hex(8)
        _lock(server, name)
        _create(server, name, create)
        scratch = _connection_to(server, name)
        try:
            yield scratch
        finally:
            scratch.close()
            server.close()  # it may be lost by now; and with it goes the lock
            _drop(server, name)
    finally:
        server.close()


def on_server(beside: BaseDatabaseWrapper) -> BaseDatabaseWrapper:
    """Return a connection to the database that every server has, for making others; works if BESIDE's is missing."""
    return _connection_to(beside, "postgres")


def _connection_to(beside: BaseDatabaseWrapper, name: str) -> BaseDatabaseWrapper:
    connection = beside.copy(alias=NO_DB_ALIAS)
    # Who looks after a copy is no company for a run there to slow down for.
    options = {**connection.settings_dict["OPTIONS"], "application_name": "separation scratch"}
    connection.settings_dict = {**connection.settings_dict, "NAME": name, "OPTIONS": options}
    return connection


def _create(server: BaseDatabaseWrapper, name: str, create: Callable[[BaseDatabaseWrapper, str], None]) -> None:
    try:
        create(server, name)
    except DatabaseError as error:
        if sqlstate_of(error) != _NO_PRIVILEGE:
            raise
        (role,) = _column(server, "SELECT current_user")
        raise Refused(
            "scratch-database",
            f"Role {role!r} may not make databases, so there is no scratch database to restore into.",
            f'ALTER ROLE "{role}" CREATEDB, or a server where you may: --into, or rehearse --url',
        ) from error


def _drop_leftovers(server: BaseDatabaseWrapper) -> None:
    for name in _column(server, QUERIES.named_as_scratch, _PREFIX):
        if _lock(server, name):
            with suppress(DatabaseError):  # somebody else's, or closed to us: theirs to drop
                if _is_leftover(_connection_to(server, name)):
                    _drop(server, name)
            _column(server, "SELECT pg_advisory_unlock(hashtextextended(%s, 0))", name)


def _is_leftover(connection: BaseDatabaseWrapper) -> bool:
    try:
        if is_marked_scratch(connection):
            return True
        with session(connection) as found:
            return not found.rows(QUERIES.occupied)
    finally:
        connection.close()


def _lock(server: BaseDatabaseWrapper, name: str) -> bool:
    """Take the lock on a scratch database's name for this session; False if another session has it."""
    return _column(server, "SELECT pg_try_advisory_lock(hashtextextended(%s, 0))", name) == [True]


def _drop(server: BaseDatabaseWrapper, name: str) -> None:
    with server.cursor() as cursor:
        cursor.execute(SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(Identifier(name)))


def _column(server: BaseDatabaseWrapper, sql: str, *values: str) -> list[Any]:
    with server.cursor() as cursor:
        cursor.execute(sql, values)
        return [value for (value,) in cursor.fetchall()]
