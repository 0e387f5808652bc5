"""Parking: the rows that an earlier attempt left in `customers` stand at negative ids, out of the way of our own.

A parked row keeps everything it holds, for as long as the separation is there: who is adopted is inserted under the id
of `users`, with what only the parked row knows. So the way back has nothing to restore but ids, and those are the same
numbers without their sign.
"""

from django.conf import settings
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.base.schema import BaseDatabaseSchemaEditor

from config import ddl
from config.sql import Queries
from separation.database import has_table, row, rows, scalar

PARKING = Queries(settings.BASE_DIR / "separation" / "sql" / "parking.sql")
_COMMENT = "SELECT coalesce(obj_description(to_regclass('customers'), 'pg_class'), '')"
# What an operator sees named like that was made to follow the rows' new ids, and is dropped at once.
_HELP = "separation_parking_{number}"


def park(editor: BaseDatabaseSchemaEditor) -> None:
    """Move the rows of an earlier attempt to negative ids and put its keys aside, in one transaction; idempotent.

    Does nothing where `migrate` made the table. Only tables of the earlier attempt are locked.
    """
    if ddl.table_is_ours(editor, "customers") or ddl.keys_put_aside(editor, "customers"):
        return
    make, drop = _followed_by_index(editor.connection)
    aside = ddl.keys_aside(editor, "customers")
    ddl.change(editor, "; ".join([aside, *make, PARKING.negate, *drop, PARKING.keys, "ANALYZE customers"]))


def unpark(editor: BaseDatabaseSchemaEditor) -> None:
    """Give the rows of an earlier attempt their ids and keys again, in one transaction; idempotent."""
    if ddl.table_is_ours(editor, "customers") or not ddl.keys_put_aside(editor, "customers"):
        return
    make, drop = _followed_by_index(editor.connection)
    back = ddl.keys_back(editor, "customers")
    ddl.change(editor, "; ".join([PARKING.drop_keys, *make, PARKING.negate, *drop, back]))


def holds_moved(connection: BaseDatabaseWrapper) -> int:
    """Return how many customers the new tables hold; rows of an earlier attempt are none, parked or not yet."""
    if not has_table(connection, "customers"):
        return 0
    if (comment := scalar(connection, _COMMENT)) != ddl.MADE_BY_MIGRATE and not ddl.KEYS_ASIDE.search(comment):
        return 0
    return int(scalar(connection, "SELECT count(*) FROM customers WHERE id > 0"))


def _followed_by_index(connection: BaseDatabaseWrapper) -> tuple[list[str], list[str]]:
    """Return statements that make, and drop, an index for each key to customers that has none to follow ids by."""
    keys = rows(connection, PARKING.keys_without_index)
    names = [_HELP.format(number=number) for number in range(len(keys))]
    make = [f"CREATE INDEX {name} ON {table} ({column})" for name, (table, column) in zip(names, keys, strict=True)]
    return make, [f"DROP INDEX {name}" for name in names]


def has_parked(connection: BaseDatabaseWrapper) -> bool:
    """Return whether an earlier attempt left rows."""
    return bool(row(connection, PARKING.has_parked)[0])
