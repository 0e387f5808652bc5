"""The rows of the old application's tables, to the last byte: remembered, and compared with what they are later."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from django.apps import apps
from django.db.backends.base.base import BaseDatabaseWrapper
from psycopg.sql import SQL, Identifier, Literal

from separation.backups.manifest import Table
from separation.backups.session import Copy, Session, session
from separation.errors import CheckFailed
from separation.kinds import HALF, kind_of

# Tables of ours, and of Django's and its libraries', which the old application has not.
_OURS = ("separation_", "django_", "auth_")
_MARKED = SQL("SELECT id FROM {} WHERE password = 'MIGRATED_TO_CUSTOMERS_TABLE' ORDER BY id")
_PASSWORDS = SQL(
    "COPY (SELECT u.id, u.password FROM {} u LEFT JOIN unnest({}::int[]) AS m (id) ON m.id = u.id "
    "WHERE m.id IS NULL ORDER BY u.id) TO STDOUT"
)


class LegacyRows:
    """The number and SHA-256 of the rows of each table, in the columns it had when they were remembered."""

    def __init__(self, connection: BaseDatabaseWrapper) -> None:
        self._connection = connection
        # In a half-migrated database `migrate` parks what an earlier attempt left in the new tables.
        customers = apps.get_app_config("customers").get_models() if kind_of(connection).name == HALF else ()
        leave_out = {model._meta.db_table for model in customers}
        with session(connection) as reader:
            found = reader.tables()
        self._tables = [table for table in found if not table.name.startswith(_OURS) and table.name not in leave_out]
        self._marked: list[int] = []
        self._digests: list[tuple[int, str]] = []

    @property
    def tables(self) -> list[str]:
        """The names of the tables."""
        return [table.name for table in self._tables]

    def remember(self) -> str:
        """Remember what is there now; return that in figures."""
        with self._snapshot() as reader:
            users = next(table for table in self._tables if table.label == "users")
            # Passwords that an earlier attempt had overwritten, which a migration puts back for good.
            self._marked = [identifier for (identifier,) in reader.rows(_MARKED.format(_name_of(users)))]
            self._digests = [self._digest(reader, table) for table in self._tables]
        return self._figures()

    def compare(self) -> str:
        """Return in figures what was compared; raises CheckFailed naming the tables that are not what they were."""
        with self._snapshot() as reader:
            pairs = zip(self._tables, self._digests, strict=True)
            different = [table.label for table, digest in pairs if self._digest(reader, table) != digest]
        if different:
            raise CheckFailed(f"After the roll-back these tables are not what they were: {', '.join(different)}.")
        return f"{self._figures()}, SHA-256 equal"

    def _figures(self) -> str:
        return f"{len(self._tables)} tables, {sum(rows for rows, _ in self._digests):,} rows"

    @contextmanager
    def _snapshot(self) -> Iterator[Session]:
        with session(self._connection) as reader:
            reader.run("BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            reader.pin()
            yield reader

    def _digest(self, reader: Session, table: Table) -> tuple[int, str]:
        copies = [reader.copy_out(table)]
        if table.label == "users" and self._marked:
            rest = [column for column in table.columns if column.name != "password"]
            others = _PASSWORDS.format(_name_of(table), Literal(self._marked))
            copies = [reader.copy_out(replace(table, columns=rest)), Copy(reader.raw.cursor(), others)]
        digest = hashlib.sha256()
        for copy in copies:
            for block in copy:
                digest.update(block)
        return copies[0].rows, digest.hexdigest()


def _name_of(table: Table) -> Identifier:
    return Identifier(table.schema, table.name)
