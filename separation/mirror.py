"""The mirror: triggers that repeat in each schema what is written in the other; making them, and their queue.

What the old application writes is followed by `sql/mirror.sql`, what the new one writes by `sql/mirror_back.sql`. The
triggers act in phase `dual` only, and not on what the migration writes: it sets `separation.bypass` for its own
transactions.
"""

import hashlib
import re
from contextlib import suppress

from django.conf import settings
from django.db import DatabaseError, transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.recorder import MigrationRecorder

from config import ddl
from config.masking import mask_text
from config.sql import Queries
from separation.database import execute, has_table, is_lost, row, rows, scalar
from separation.models import Phase
from separation.waiting import BRIEFLY, is_transient

_SQL = settings.BASE_DIR / "separation" / "sql"
_CHUNK = Queries(_SQL / "chunk.sql")
_LEDGER = Queries(_SQL / "ledger.sql")
_QUEUE = Queries(_SQL / "queue.sql")
# What the mirror and a chunk must say in the same words.
SHARED = (
    "classified_users",
    "as_customers",
    "insert_customers",
    "insert_profiles",
    "link_people",
    "fillable",
    "finding_state",
)

# What the mirror must say in the same words both ways.
BOTH_WAYS = ("as_owner", "planned_once", "unless_ours")

INSTALLED, OUTDATED, MISSING = "installed", "outdated", "missing"
# Each table with the function that follows what is written to it.
_FOLLOWED = {
    "users": "separation_on_users",
    "restaurant_staff": "separation_on_owned",
    "recipes": "separation_on_owned",
    "menus": "separation_on_owned",
    "customer_profiles": "separation_on_owned",
    "reservations": "separation_on_reservations",
    "orders": "separation_on_orders",
}
# What some of them have besides.
_MORE = {
    "users": "user_triggers",
    "recipes": "dish_triggers",
    "menus": "dish_triggers",
    "reservations": "booking_triggers",
    "orders": "booking_triggers",
}
# The tables of which no row is followed, with triggers of their own: restaurants, and ours.
_ALONE = ("restaurants", "customers", "customer_restaurants", "customer_sessions")
_TRIGGER = re.compile(r"CREATE OR REPLACE TRIGGER (\w+)")
_SIGNATURE = re.compile(r"CREATE OR REPLACE FUNCTION (\w+)\(")
_BATCH = 200
_OVER = [Phase.CLEANING, Phase.SEPARATED]

QUEUED = "SELECT count(DISTINCT user_id) FROM separation_pending"

_FUNCTIONS = """
SELECT p.oid::regprocedure::text FROM pg_proc p
WHERE p.pronamespace = (SELECT relnamespace FROM pg_class WHERE oid = to_regclass('users'))
    AND p.proname LIKE 'separation\\_%%'
ORDER BY 1
"""
_MADE = """
SELECT c.relname, t.tgname, t.tgenabled <> 'D' FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid
WHERE t.tgname ~ '^(zz_)?separation_' AND NOT t.tgisinternal
    AND t.tgrelid IN (SELECT to_regclass(f) FROM unnest(%(tables)s::text[]) f)
ORDER BY 1, 2
"""
_VERSION = """
SELECT coalesce(obj_description(to_regprocedure('separation_sync(integer[])'), 'pg_proc'), '')
"""


def install(editor: BaseDatabaseSchemaEditor) -> None:
    """Make or replace the functions and triggers, table by table, waiting briefly for each; idempotent.

    What an earlier version made, and this one has not, goes.
    """
    blocks = _blocks(_schema(editor.connection))
    functions = [text for text in blocks.values() if text.startswith("CREATE OR REPLACE FUNCTION")]
    for text in functions:
        ddl.change(editor, text)
    for function in _functions(editor.connection):
        ddl.change(editor, f"REVOKE EXECUTE ON FUNCTION {function} FROM PUBLIC")
    for table, text in _triggers(blocks).items():
        ddl.change(editor, "; ".join([*_drops(editor.connection, table, {*_TRIGGER.findall(text)}), text]))
    for function in _functions(editor.connection):
        if _name(function) not in {*_SIGNATURE.findall("".join(functions))}:
            ddl.change(editor, f"DROP FUNCTION {function}")
    ddl.change(editor, f"COMMENT ON FUNCTION separation_sync(integer[]) IS '{_version()}'")


def repair(connection: BaseDatabaseWrapper) -> None:
    """Install the mirror anew where its migration is applied and it is not as this version has it.

    Not once clean-up has begun: then there is nothing to mirror, and the mirror would be in the way.
    """
    if is_over(connection):
        return
    applied = MigrationRecorder(connection).applied_migrations()
    if ("separation", "0003_mirror") in applied and state_of(connection) != INSTALLED:
        with connection.schema_editor(atomic=False) as editor:
            install(editor)


def is_over(connection: BaseDatabaseWrapper) -> bool:
    """Return whether clean-up has taken the mirror away, or is about to: the schemas are in step no more."""
    return bool(
        has_table(connection, "separation_phase")
        and scalar(connection, "SELECT EXISTS (SELECT FROM separation_phase WHERE name = ANY (%(names)s))", names=_OVER)
    )


def remove(editor: BaseDatabaseSchemaEditor) -> None:
    """Drop the triggers, then the functions; idempotent."""
    for table in (*_FOLLOWED, *_ALONE):
        for drop in _drops(editor.connection, table, set()):
            ddl.change(editor, drop)
    for function in _functions(editor.connection):
        ddl.change(editor, f"DROP FUNCTION IF EXISTS {function}")


def state_of(connection: BaseDatabaseWrapper) -> str:
    """Return whether the mirror is installed as this version has it, outdated (or switched off in part), or missing."""
    version = scalar(connection, _VERSION)
    made = rows(connection, _MADE, tables=[*_FOLLOWED, *_ALONE])
    if not version or not made:
        return MISSING
    expected = {
        (table, trigger) for table, text in _triggers(_blocks("schema")).items() for trigger in _TRIGGER.findall(text)
    }
    working = {(table, trigger) for table, trigger, enabled in made if enabled}
    return INSTALLED if version == _version() and working == expected else OUTDATED


def drain(connection: BaseDatabaseWrapper) -> int:
    """Do what `work_off` does, and return how many stay queued."""
    work_off(connection)
    return 0 if is_over(connection) else queued(connection)


def work_off(connection: BaseDatabaseWrapper) -> None:
    """Bring into step whoever is queued and not held by another session.

    In a short transaction for each part of the queue. A person who cannot be brought into step becomes a finding. Once
    clean-up has begun nobody is brought into step any more.
    """
    if is_over(connection):
        return
    execute(connection, _QUEUE.everybody)
    after, size = -(2**31), _BATCH
    while (first := scalar(connection, _QUEUE.first, after=after)) is not None:
        try:
            after = _drain_batch(connection, after, size) or first
            size = _BATCH
        except DatabaseError as error:
            if not is_transient(error):
                raise
            # Somebody is in the way of one of them: past that one, in smaller parts.
            after, size = (first, _BATCH) if size == 1 else (after, max(1, size // 8))


def drain_where_possible(connection: BaseDatabaseWrapper) -> None:
    """Do what `work_off` does, unless the database is not adopted or takes no writes, or a transaction is open."""
    if connection.in_atomic_block or not has_table(connection, "separation_pending"):
        return
    if scalar(connection, "SELECT current_setting('transaction_read_only') = 'off'"):
        work_off(connection)


def queued(connection: BaseDatabaseWrapper) -> int:
    """Return how many people are queued."""
    return int(scalar(connection, QUEUED))


def _drain_batch(connection: BaseDatabaseWrapper, after: int, size: int) -> int | None:
    """Deal with the next people in the queue after the id AFTER; return the last of them, None if others do."""
    with transaction.atomic(connection.alias):
        execute(
            connection,
            "SELECT set_config('lock_timeout', %(wait)s, true), set_config('statement_timeout', '10min', true)",
            wait=BRIEFLY,
        )
        taken, last, queue = row(connection, _QUEUE.take, after=after, size=size)
        people = row(connection, _QUEUE.lock_people, ids=taken)[0]
        done = people if _synchronised(connection, people) else [p for p in people if _settled(connection, p)]
        execute(connection, _QUEUE.done, ids=done, rows=queue)
    return None if last is None else int(last)


def _settled(connection: BaseDatabaseWrapper, person: int) -> bool:
    """Bring one person into step, or record why that cannot be; return False if it is to be tried again."""
    return _synchronised(connection, [person], record=True)


def _synchronised(connection: BaseDatabaseWrapper, people: list[int], *, record: bool = False) -> bool:
    if not people:
        return True
    try:
        with transaction.atomic(connection.alias):
            execute(connection, "SELECT separation_sync(%(ids)s::integer[])", ids=people)
            execute(connection, _QUEUE.refresh_reservations, ids=people)
            execute(connection, _QUEUE.refresh_orders, ids=people)
    except DatabaseError as error:
        if is_lost(connection, error):
            raise
        if not record or is_transient(error):
            return False
        fail_row(connection, people[0], mask_text(str(error).strip().splitlines()[0]))
    return True


def fail_row(connection: BaseDatabaseWrapper, person: int, reason: str, run: int | None = None) -> None:
    """Record that one person could not be moved, and why, in the caller's transaction.

    The password that an earlier attempt overwrote is put back all the same, unless somebody holds the row.
    """
    execute(connection, _LEDGER.fail_row, id=person, error=reason, run=run)
    with suppress(DatabaseError), transaction.atomic(connection.alias):
        execute(connection, "SELECT set_config('lock_timeout', %(wait)s, true)", wait=BRIEFLY)
        execute(connection, _CHUNK.put_back, ids=[person])


def _blocks(schema: str) -> dict[str, str]:
    """Return the blocks of the mirror, then those of the way back, for the schema of `users`."""
    given = {"schema": schema} | {name: getattr(_CHUNK, name) for name in SHARED}
    there = Queries(_SQL / "mirror.sql", given)
    back = Queries(_SQL / "mirror_back.sql", given | {name: getattr(there, name) for name in BOTH_WAYS})
    return {name: getattr(queries, name) for queries in (there, back) for name in queries}


def _schema(connection: BaseDatabaseWrapper) -> str:
    return str(
        scalar(connection, "SELECT relnamespace::regnamespace::text FROM pg_class WHERE oid = 'users'::regclass")
    )


def _triggers(blocks: dict[str, str]) -> dict[str, str]:
    """Return the statements that make each table's triggers."""
    made = {table: [blocks[f"triggers_{table}"]] for table in _ALONE}
    for table, function in _FOLLOWED.items():
        templates = [blocks["statement_triggers"]] + ([blocks[_MORE[table]]] if table in _MORE else [])
        changed = blocks[f"changed_{table}"]
        made[table] = [text.format(table=table, function=function, changed=changed) for text in templates]
        made[table] += [blocks[name] for name in (f"triggers_{table}",) if name in blocks]
    return {table: ";\n".join(texts) for table, texts in made.items()}


def _drops(connection: BaseDatabaseWrapper, table: str, expected: set[str]) -> list[str]:
    """Return what drops the table's triggers that are ours and not EXPECTED."""
    made = {trigger for _, trigger, _ in rows(connection, _MADE, tables=[table])}
    return [f"DROP TRIGGER IF EXISTS {trigger} ON {table}" for trigger in sorted(made - expected)]


def _functions(connection: BaseDatabaseWrapper) -> list[str]:
    """Return the mirror's functions that are there, of whatever version, with their argument types."""
    return [found for (found,) in rows(connection, _FUNCTIONS)]


def _name(function: str) -> str:
    return function.rpartition(".")[2].partition("(")[0]


def _version() -> str:
    """Return what tells one text of the mirror from another."""
    return hashlib.md5("\n".join(_blocks("schema").values()).encode(), usedforsecurity=False).hexdigest()
