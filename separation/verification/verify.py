"""The verification itself: every invariant, on one snapshot."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from django.db import transaction
from django.db.backends.base.base import BaseDatabaseWrapper

from config.sql import Queries
from separation.database import execute, has_table, name_of, row, rows, scalar
from separation.errors import CheckFailed
from separation.models import Phase, Run
from separation.verification.invariants import BY_RELATION, UNKNOWN_REFER, UNKNOWN_UNCHANGED, Invariant
from separation.verification.report import FAIL, PASS, WARN, Report, Result
from separation.verification.unknown import baseline_of, references

RELATIONS = Queries(Path(__file__).parent / "invariants.sql")
SAMPLE_SIZE = 10

_SNAPSHOT = "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY"
# Joins of whole tables want room and the tables' own order; compiling them would take longer than running them.
_SETTINGS = """
SELECT set_config('work_mem', '64MB', true), set_config('enable_mergejoin', 'off', true), set_config('jit', 'off', true)
"""


def verify(connection: BaseDatabaseWrapper) -> Report:
    """Return what became of every invariant in the database behind CONNECTION, on one read-only snapshot.

    Recomputes everything from the tables; each is read a fixed number of times, whatever its size. Raises CheckFailed
    if the database is not adopted, and RuntimeError within a transaction, where there is no snapshot of its own.
    """
    with transaction.atomic(connection.alias, durable=True):
        execute(connection, _SNAPSHOT)
        if not has_table(connection, "separation_phase"):
            raise CheckFailed(
                f"Database {name_of(connection)!r} is not adopted, so there is nothing to verify in it.",
                "python manage.py migrate",
            )
        execute(connection, _SETTINGS)
        return Report(
            database=name_of(connection),
            phase=Phase.objects.using(connection.alias).get(pk=1).name,
            customers=scalar(connection, "SELECT count(*) FROM customers"),
            results=list(_results(connection)),
        )


def _results(connection: BaseDatabaseWrapper) -> Iterator[Result]:
    ledger_clean = True
    for relation, invariants in BY_RELATION.items():
        for result in _decide(connection, getattr(RELATIONS, relation), invariants):
            ledger_clean &= result.id != "only_own_tables_written" or result.status == PASS
            yield result
    yield _unchanged(connection, ledger_clean)
    yield _referring(connection)


def _decide(connection: BaseDatabaseWrapper, relation: str, invariants: tuple[Invariant, ...]) -> Iterator[Result]:
    """Yield a result for each of INVARIANTS, all decided in one pass over RELATION."""
    columns = [f"count({i.id}), count(*) FILTER (WHERE NOT {i.id})" for i in invariants]
    tally = next((", sum(tally)" for i in invariants if i.tally), ", 0")
    # OFFSET 0 is a fence: each column is computed once, however often it is counted.
    *counts, total = row(connection, f"SELECT {', '.join(columns)}{tally} FROM ({relation} OFFSET 0) q")  # noqa: S608
    for invariant, compared, offending in zip(invariants, counts[::2], counts[1::2], strict=True):
        yield _result(connection, relation, invariant, compared, offending, total or 0)


def _result(
    connection: BaseDatabaseWrapper, relation: str, invariant: Invariant, compared: int, offending: int, total: Any
) -> Result:
    figure = f"{compared:,} {invariant.compared}"
    if invariant.tally:
        figure += f", {total:,} {invariant.tally}"
    if not offending:
        return Result(invariant.id, invariant.guarantee, PASS, figure, compared)
    sample, details = _sample(connection, relation, invariant)
    return Result(
        invariant.id,
        invariant.guarantee,
        FAIL,
        f"{figure}; {offending:,} wrong",
        compared,
        offending,
        sample,
        details,
        invariant.remedy,
    )


def _sample(connection: BaseDatabaseWrapper, relation: str, invariant: Invariant) -> tuple[list[int | str], list[str]]:
    """Return the first ids that break INVARIANT, and what there is to say of each."""
    detail = "detail" if " AS detail" in relation else "NULL"
    found = rows(
        connection,
        f"SELECT id, {detail} FROM ({relation}) q WHERE NOT {invariant.id} ORDER BY id, 2 LIMIT {SAMPLE_SIZE}",  # noqa: S608
    )
    ids = [identifier if isinstance(identifier, int) else str(identifier) for identifier, _ in found]
    return ids, [detail for _, detail in found if detail]


def _unchanged(connection: BaseDatabaseWrapper, ledger_clean: bool) -> Result:
    """Compare the unknown tables with the baseline; a difference the ledger says is not ours is a warning only."""
    before = _baseline(connection)
    now = baseline_of(connection) if before else {}
    changed = [table for table in sorted(before) if before[table] != now.get(table)]
    figure = f"{len(before):,} {UNKNOWN_UNCHANGED.compared}"
    if not changed:
        return Result(UNKNOWN_UNCHANGED.id, UNKNOWN_UNCHANGED.guarantee, PASS, figure, len(before))
    return Result(
        UNKNOWN_UNCHANGED.id,
        UNKNOWN_UNCHANGED.guarantee,
        WARN if ledger_clean else FAIL,
        f"{figure}; {len(changed):,} changed",
        len(before),
        len(changed),
        list(changed[:SAMPLE_SIZE]),
        [_difference(table, before[table], now.get(table), ledger_clean) for table in changed[:SAMPLE_SIZE]],
        UNKNOWN_UNCHANGED.remedy,
    )


def _baseline(connection: BaseDatabaseWrapper) -> dict[str, Any]:
    """Return what the latest execute that began a migration measured; nothing once that was rolled back."""
    if Phase.objects.using(connection.alias).get(pk=1).name == Phase.LEGACY:
        return {}
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


def _referring(connection: BaseDatabaseWrapper) -> Result:
    found = references(connection)
    broken = [reference for reference in found if reference.dangling]
    figure = f"{len(found):,} {UNKNOWN_REFER.compared}"
    if not broken:
        return Result(UNKNOWN_REFER.id, UNKNOWN_REFER.guarantee, PASS, figure, len(found))
    return Result(
        UNKNOWN_REFER.id,
        UNKNOWN_REFER.guarantee,
        FAIL,
        f"{figure}; {len(broken):,} wrong",
        len(found),
        len(broken),
        [f"{reference.table}.{reference.column}" for reference in broken[:SAMPLE_SIZE]],
        [f"{r.table}.{r.column}: {r.dangling:,} rows point to nobody" for r in broken[:SAMPLE_SIZE]],
        UNKNOWN_REFER.remedy,
    )
