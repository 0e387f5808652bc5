"""A session of the backup's own on a database, and what the catalog says there."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
from django.db.backends.base.base import NO_DB_ALIAS, BaseDatabaseWrapper
from psycopg.pq import ExecStatus
from psycopg.pq.abc import PGconn

from config.sql import Queries
from separation.backups.manifest import Column, Object, Sequence, Table
from separation.errors import Refused

QUERIES = Queries(Path(__file__).with_name("catalog.sql"))
_LOCK_ATTEMPTS = 5
# How long a table is waited for that somebody has locked. Rows take the time they take: COPY has no limit.
LOCK_WAIT = "60s"
_BLOCK_BYTES = 2 * 1024 * 1024


class Session:
    """A connection for one backup or restore."""

    def __init__(self, connection: BaseDatabaseWrapper) -> None:
        self.wrapper = connection
        self.raw: psycopg.Connection[Any] = connection.connection

    def pin(self) -> None:
        """Pin the transaction's settings: a value has one text form, a name is always qualified.

        Not the session's: behind a pooler the next client would inherit them.
        """
        self.rows(QUERIES.pin_transaction, {"lock_wait": LOCK_WAIT})

    def rows(self, query: Any, parameters: Mapping[str, Any] | None = None) -> list[tuple[Any, ...]]:
        """Return the rows of a query."""
        return self.raw.execute(query, parameters).fetchall()

    def run(self, statement: Any) -> None:
        """Execute a statement that returns nothing, or several in one text."""
        self.raw.execute(statement)

    @contextmanager
    def looking(self) -> Iterator[None]:
        """A transaction that only reads and, without the settings of `pin`, waits as briefly; the block may raise."""
        self.run(f"BEGIN READ ONLY; SET LOCAL lock_timeout = '{LOCK_WAIT}'")
        yield
        self.run("ROLLBACK")

    def copy_out(self, table: Table) -> "Copy":
        """Return the rows of a table, in an order that depends on nothing but the rows."""
        return Copy(self.raw.cursor(), _copy_statement(table))

    def objects(self) -> list[Object]:
        """Return every object of the schema with its definition."""
        return [Object(*row) for row in self.rows(QUERIES.objects)]

    def sequences(self) -> list[Sequence]:
        """Return where every sequence stands."""
        return [self._sequence(schema, name) for schema, name in self.rows(QUERIES.sequences)]

    def _sequence(self, schema: str, name: str) -> Sequence:
        query = psycopg.sql.SQL("SELECT last_value, is_called FROM {}").format(psycopg.sql.Identifier(schema, name))
        return Sequence(schema, name, *self.rows(query)[0])

    def tables(self) -> list[Table]:
        """Return every table with its columns, as the catalog describes it; nothing is counted yet."""
        found = self.rows(QUERIES.tables)
        columns: dict[int, list[Column]] = {}
        for oid, *column in self.rows(QUERIES.columns, {"tables": [row[0] for row in found]}):
            columns.setdefault(oid, []).append(Column(*column))
        return [
            Table(schema, name, columns=columns.get(oid, []), key=key, disk_bytes=size or 0)
            for oid, schema, name, size, key in found
        ]

    def refuse_what_is_hidden(self) -> None:
        """Raise Refused, naming every object, if this role on this server could not save all there is."""
        found = [f"{reason} {name} ({remedy})" for reason, name, remedy in self.rows(QUERIES.refusals)]
        found += [
            f"rows of the extension {extension} cannot be saved: {schema}.{table}"
            for extension, schema, table, condition in self.rows(QUERIES.extension_rows)
            if self._has_rows(schema, table, condition)
        ]
        if found:
            raise Refused("whole-backup", "The backup would not be whole: " + "; ".join(found) + ".")

    def _has_rows(self, schema: str, table: str, condition: str) -> bool:
        name = psycopg.sql.Identifier(schema, table).as_string(self.raw)
        return bool(self.rows(f"SELECT EXISTS (SELECT FROM {name} {condition})")[0][0])  # noqa: S608 (from the catalog)

    @contextmanager
    def snapshot(self) -> Iterator[tuple[str, list[Table]]]:
        """Hold one snapshot of the whole database; yields its exported name and every table, its form locked.

        The locks come before the snapshot: a TRUNCATE or ALTER TABLE between the two would show an older snapshot an
        empty table. A table that appears between looking and locking makes it look again.
        """
        for _ in range(_LOCK_ATTEMPTS):
            with self.looking():
                seen = [(table.schema, table.name) for table in self.tables()]
            self.run(f"BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY; SET LOCAL lock_timeout = '{LOCK_WAIT}'")
            self._lock(seen)
            self.pin()
            tables = self.tables()
            if [(table.schema, table.name) for table in tables] == seen:
                yield self.rows("SELECT pg_export_snapshot()")[0][0], tables
                self.run("ROLLBACK")
                return
            self.run("ROLLBACK")
        raise Refused(
            "stable-schema", "Tables are being made or dropped all the time; take the backup in a quieter minute."
        )

    def join(self, snapshot: str) -> None:
        """See, from now on, what the session sees that exported SNAPSHOT."""
        self.run("BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        self.run(psycopg.sql.SQL("SET TRANSACTION SNAPSHOT {}").format(psycopg.sql.Literal(snapshot)))
        self.pin()

    def try_lock(self, table: Table) -> bool:
        """Keep the form of TABLE as it is, unless somebody waits to change it: then False, without waiting."""
        statement = psycopg.sql.SQL("LOCK TABLE ONLY {} IN ACCESS SHARE MODE NOWAIT")
        self.run("SAVEPOINT before_lock")
        try:
            self.run(statement.format(psycopg.sql.Identifier(table.schema, table.name)))
        except psycopg.errors.LockNotAvailable:
            self.run("ROLLBACK TO before_lock")
            return False
        return True

    def _lock(self, names: list[tuple[str, str]]) -> None:
        if names:
            tables = psycopg.sql.SQL(", ").join(
                psycopg.sql.SQL("ONLY {}").format(psycopg.sql.Identifier(*name)) for name in names
            )
            self.run(psycopg.sql.SQL("LOCK TABLE {} IN ACCESS SHARE MODE").format(tables))


class Copy:
    """What a COPY sends, in blocks of whole rows: memory does not grow with the table.

    Iterate once; then `rows` is how many the server says it sent.
    """

    def __init__(self, cursor: psycopg.Cursor[Any], statement: psycopg.sql.Composed) -> None:
        self._cursor, self._statement = cursor, statement
        self.rows = -1

    def __iter__(self) -> Iterator[bytes]:
        block = bytearray()
        with self._cursor.copy(self._statement) as copy:
            for row in self._received(copy):
                block += row
                if len(block) >= _BLOCK_BYTES:
                    yield bytes(block)
                    block.clear()
        if block:
            yield bytes(block)

    def _received(self, copy: psycopg.Copy) -> Iterator[bytes | bytearray | memoryview]:
        """Yield rows; what has arrived is fetched without psycopg's wait around each, which doubles the time."""
        pgconn = self._cursor.connection.pgconn
        while True:
            size, row = pgconn.get_copy_data(1)
            if size > 0:
                yield row
            elif size < 0:
                self.rows = _end_of_copy(pgconn)
                return
            elif waited_for := copy.read():
                yield waited_for
            else:
                self.rows = self._cursor.rowcount
                return


def _end_of_copy(pgconn: PGconn) -> int:
    """Return how many rows the server says it sent; raises what it says went wrong."""
    results = list(iter(pgconn.get_result, None))
    if results[0].status != ExecStatus.COMMAND_OK:
        raise psycopg.errors.error_from_result(results[0])
    return results[0].command_tuples or 0


@contextmanager
def session(connection: BaseDatabaseWrapper) -> Iterator[Session]:
    """Yield a session of its own on the database behind CONNECTION; raises Django's database errors."""
    own = connection.copy(alias=NO_DB_ALIAS)  # an alias would make Django look up types through the named connection
    try:
        own.ensure_connection()
        with own.wrap_database_errors:
            yield Session(own)
    finally:
        own.close()


def _copy_statement(table: Table) -> psycopg.sql.Composed:
    columns = psycopg.sql.SQL(", ").join(psycopg.sql.Identifier(column.name) for column in table.columns)
    statement = psycopg.sql.SQL("SELECT {} FROM ONLY {}").format(
        columns, psycopg.sql.Identifier(table.schema, table.name)
    )
    if table.columns:
        statement += psycopg.sql.SQL(" ORDER BY ") + psycopg.sql.SQL(", ").join(_order(table))
    return psycopg.sql.SQL("COPY ({}) TO STDOUT").format(statement)


def _order(table: Table) -> Iterator[psycopg.sql.Composed]:
    """Order by the primary key, else by the whole row as text; never by a collation, which differs between servers."""
    by_name = {column.name: column for column in table.columns}
    for name in table.key or by_name:
        form = "{}::text" if not table.key else "{}"
        form += ' COLLATE "C"' if by_name[name].collatable or not table.key else ""
        yield psycopg.sql.SQL(form).format(psycopg.sql.Identifier(name))
