"""Tables that no model knows: the migration must not touch a row of them."""

from dataclasses import replace
from typing import Any

from django.apps import apps
from django.db import transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from psycopg import sql

from separation.database import execute, rows
from separation.models import Phase, Run
from separation.verification.invariants import UNKNOWN_REFER, UNKNOWN_UNCHANGED, Invariant
from separation.verification.report import FAIL, PASS, SAMPLE_SIZE, WARN, Result

_TABLES = """
SELECT c.relname FROM pg_class c
WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition
ORDER BY c.relname
"""
# A text of a row depends on these; the baseline and the comparison must see the same, and may take long.
_SETTINGS = """
SELECT set_config('TimeZone', 'UTC', true), set_config('DateStyle', 'ISO', true),
    set_config('IntervalStyle', 'postgres', true), set_config('extra_float_digits', '1', true),
    set_config('bytea_output', 'hex', true), set_config('statement_timeout', '1h', true)
"""
# In any order, in constant memory: each row counts as a number, twice the same row as twice the number.
_CHECKSUM = sql.SQL("SELECT count(*), coalesce(sum(hashtextextended((t.*)::text, 0)::numeric), 0)::text FROM {} AS t")
_REFERENCES = """
SELECT c.relname, a.attname FROM pg_constraint k
    JOIN pg_class c ON c.oid = k.conrelid AND c.relnamespace = current_schema()::regnamespace
    JOIN pg_attribute a ON a.attrelid = k.conrelid AND k.conkey = ARRAY[a.attnum]
    JOIN pg_attribute i ON i.attrelid = k.confrelid AND k.confkey = ARRAY[i.attnum] AND i.attname = 'id'
WHERE k.contype = 'f' AND k.confrelid = 'users'::regclass AND k.convalidated AND k.conparentid = 0
ORDER BY c.relname, a.attname
"""
_DANGLING = sql.SQL(
    "SELECT count(*) FROM {} AS t LEFT JOIN users AS u ON u.id = t.{} WHERE t.{} IS NOT NULL AND u.id IS NULL"
)


def unknown_tables(connection: BaseDatabaseWrapper) -> list[str]:
    """Return the tables of the schema that belong to no model, sorted by name."""
    models = {model._meta.db_table for model in apps.get_models(include_auto_created=True)}
    ours = ("separation_", "django_", "auth_")
    return [table for (table,) in rows(connection, _TABLES) if table not in models and not table.startswith(ours)]


def baseline_of(connection: BaseDatabaseWrapper) -> dict[str, dict[str, Any]]:
    """Return rows and checksum of each table that no model knows, as {"table": {"rows": 3, "checksum": "…"}}.

    The checksum is of the rows in any order; the server computes it in one pass and constant memory.
    """
    with transaction.atomic(connection.alias):
        execute(connection, _SETTINGS)
        return {table: _measure(connection, table) for table in unknown_tables(connection)}


def unchanged(connection: BaseDatabaseWrapper, ledger_clean: bool) -> Result:
    """Compare with the baseline of the execute; a difference that the ledger proves not to be ours is a warning."""
    if Phase.objects.using(connection.alias).get(pk=1).name == Phase.LEGACY:
        return _outcome(UNKNOWN_UNCHANGED, 0, {})
    before, now = _latest_baseline(connection), baseline_of(connection)
    if now and not before:
        return replace(
            _outcome(UNKNOWN_UNCHANGED, 0, {}),
            status=WARN,
            details=["No execute has recorded what these tables held before it."],
            remedy=UNKNOWN_UNCHANGED.remedy,
        )
    changed = {
        table: _difference(table, measured, now.get(table), ledger_clean)
        for table, measured in sorted(before.items())
        if measured != now.get(table)
    }
    return _outcome(UNKNOWN_UNCHANGED, len(before), changed, WARN if ledger_clean else FAIL)


def referring(connection: BaseDatabaseWrapper) -> Result:
    """Look up every validated key from these tables to `users`."""
    unknown = set(unknown_tables(connection))
    keys = [(table, column) for table, column in rows(connection, _REFERENCES) if table in unknown]
    dangling = {f"{table}.{column}": _dangling(connection, table, column) for table, column in keys}
    broken = {key: f"{key}: {count:,} rows point to nobody" for key, count in dangling.items() if count}
    return _outcome(UNKNOWN_REFER, len(keys), broken)


def _outcome(invariant: Invariant, compared: int, wrong: dict[str, str], status: str = FAIL) -> Result:
    """Return the result of comparing tables: STATUS if any is in WRONG, which says of each what it is."""
    sample: list[int | str] = [*wrong]
    verdict = f"; {len(wrong):,} {'wrong' if status == FAIL else 'changed'}" if wrong else ""
    return Result(
        invariant.id,
        invariant.guarantee,
        status if wrong else PASS,
        f"{compared:,} {invariant.compared}{verdict}",
        compared,
        len(wrong),
        sample[:SAMPLE_SIZE],
        list(wrong.values())[:SAMPLE_SIZE],
        invariant.remedy if wrong else "",
    )


def _latest_baseline(connection: BaseDatabaseWrapper) -> dict[str, Any]:
    """Return what the latest execute that began a migration measured."""
    runs = Run.objects.using(connection.alias).filter(kind=Run.EXECUTE).exclude(baseline={})
    return dict(runs.values_list("baseline", flat=True).order_by("-pk").first() or {})


def _difference(table: str, before: dict[str, Any], now: dict[str, Any] | None, ledger_clean: bool) -> str:
    found = f"{now['rows']:,} rows now" if now else "gone now"
    same = ", the same number with other contents" if now and now["rows"] == before["rows"] else ""
    who = (
        "The ledger proves that no chunk wrote to it, so the old application did."
        if ledger_clean
        else "The ledger has a chunk that wrote where it must not (only_own_tables_written)."
    )
    return f"{table}: {before['rows']:,} rows before, {found}{same}. {who}"


def _measure(connection: BaseDatabaseWrapper, table: str) -> dict[str, Any]:
    with connection.cursor() as cursor:
        cursor.execute(_CHECKSUM.format(sql.Identifier(table)))
        count, checksum = cursor.fetchone()
    return {"rows": count, "checksum": checksum}


def _dangling(connection: BaseDatabaseWrapper, table: str, column: str) -> int:
    name = sql.Identifier(column)
    with connection.cursor() as cursor:
        cursor.execute(_DANGLING.format(sql.Identifier(table), name, name))
        count: int = cursor.fetchone()[0]
    return count
