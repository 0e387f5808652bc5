"""Which rows of other tables go with the customers, and which would be torn away with those."""

from collections.abc import Iterable

from django.db.backends.base.base import BaseDatabaseWrapper
from psycopg import sql

from separation.cleanup.archive import CLEANUP
from separation.database import rows
from separation.policy import FORGET, Fate

# What clean-up deals with whether there is a key or not.
KNOWN = {"reservations.user_id", "orders.user_id", "customer_profiles.user_id", "restaurant_staff.user_id"}
_LEAVING = sql.SQL("ANY (SELECT id FROM leaving)")


def rows_of(fate: Fate, whose: sql.Composable) -> sql.Composable:
    """Return the condition by which rows t are of the users WHOSE, an `ANY (…)`, whatever columns the key refers to."""
    if fate.key.referenced == ["id"]:
        return sql.SQL("t.{} = {}").format(sql.Identifier(fate.column), whose)
    pairs = zip(fate.key.columns, fate.key.referenced, strict=True)
    same = [sql.SQL("u.{} = t.{}").format(sql.Identifier(there), sql.Identifier(here)) for here, there in pairs]
    return sql.SQL("EXISTS (SELECT FROM users u WHERE u.id = {} AND {})").format(whose, sql.SQL(" AND ").join(same))


def rows_to_forget(fates: Iterable[Fate], whose: sql.Composable) -> dict[str, sql.Composable]:
    """Return the condition by which rows t of each table go with the users WHOSE."""
    conditions: dict[str, list[sql.Composable]] = {"restaurant_staff": [sql.SQL("t.user_id = {}").format(whose)]}
    for fate in fates:
        if fate.fate == FORGET and str(fate) not in KNOWN:
            conditions.setdefault(fate.table, []).append(rows_of(fate, whose))
    return {table: sql.SQL(" OR ").join(parts) for table, parts in conditions.items()}


def torn_away(connection: BaseDatabaseWrapper, fates: list[Fate]) -> dict[str, int]:
    """Return how many rows refer to rows that are to go, without going themselves, as {"child.column → parent": 2}.

    They would be deleted or changed with those, or keep them from going: whatever their key says.
    """
    forgotten = rows_to_forget([fate for fate in fates if fate.rows_of_customers], _LEAVING)
    found = {}
    for child, columns, parent, referred in rows(connection, CLEANUP.children, tables=[*forgotten]):
        same = [
            sql.SQL("c.{} = t.{}").format(sql.Identifier(here), sql.Identifier(there))
            for here, there in zip(columns, referred, strict=True)
        ]
        goes = forgotten.get(child, sql.SQL("false"))
        statement = sql.SQL("WITH leaving AS MATERIALIZED ({}) ").format(sql.SQL(CLEANUP.leaving))
        statement += sql.SQL(CLEANUP.torn).format(
            child=sql.SQL(child),
            parent=sql.SQL(parent),
            same=sql.SQL(" AND ").join(same),
            goes=forgotten[parent],
            child_goes=sql.SQL("SELECT {} FROM (SELECT c.*) t").format(goes),
        )
        with connection.cursor() as cursor:
            cursor.execute(statement)
            ((count,),) = cursor.fetchall()
        if count:
            found[f"{child}.{', '.join(columns)} → {parent}"] = int(count)
    return found
