"""The verification itself: every invariant, on one snapshot."""

from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from django.db import transaction
from django.db.backends.base.base import BaseDatabaseWrapper

from config.sql import Queries
from separation.database import execute, has_table, name_of, now_of, rows, scalar
from separation.errors import CheckFailed
from separation.models import Phase
from separation.verification import separated
from separation.verification.changed import NARROWED, Changed, Mark, changed_since, concerning, mark_of
from separation.verification.invariants import BY_RELATION, Invariant
from separation.verification.report import FAIL, PASS, SAMPLE_SIZE, Report, Result
from separation.verification.unknown import referring, unchanged

RELATIONS = Queries(Path(__file__).parent / "invariants.sql")
SEPARATED = Queries(Path(__file__).parent / "separated.sql")

_SNAPSHOT = "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY"
# Joins of whole tables want room, time and the tables' own order; compiling them would take longer than running them.
_SETTINGS = """
SELECT set_config('work_mem', '64MB', true), set_config('enable_mergejoin', 'off', true),
    set_config('jit', 'off', true), set_config('statement_timeout', '1h', true),
    set_config('lock_timeout', '5s', true)
"""


def verify(connection: BaseDatabaseWrapper, since: Mark | None = None) -> Report:
    """Return what became of every invariant in the database behind CONNECTION, on one read-only snapshot.

    Recomputes everything from the tables; each is read a fixed number of times, whatever its size. Raises CheckFailed
    if the database is not adopted, and RuntimeError within a transaction, where there is no snapshot of its own.
    SINCE an earlier verification only what was written is looked at, and what has to do with it; if that cannot be
    told, everything is, and the report says why.
    """
    with transaction.atomic(connection.alias, durable=True):
        execute(connection, _SNAPSHOT)
        return examine(connection, since)


def examine(connection: BaseDatabaseWrapper, since: Mark | None = None) -> Report:
    """Do what `verify` does, in the caller's transaction and on what that sees; its settings end with it."""
    if not has_table(connection, "separation_phase"):
        raise CheckFailed(
            f"Database {name_of(connection)!r} is not adopted, so there is nothing to verify in it.",
            "python manage.py migrate",
        )
    execute(connection, _SETTINGS)
    mark = mark_of(connection, now_of(connection))
    changed = changed_since(connection, since) if since else None
    if isinstance(changed, Changed):
        results, figures = list(_narrowed(connection, changed, BY_RELATION)), changed.figures()
    else:
        results, figures = list(_results(connection)), {}
    return Report(
        database=name_of(connection),
        phase=Phase.objects.using(connection.alias).get(pk=1).name,
        customers=scalar(connection, "SELECT count(*) FROM customers WHERE id > 0"),
        results=results,
        mark=mark,
        since=since.at if since and figures else None,
        changed=figures,
        why_whole=changed if isinstance(changed, str) else "",
    )


def _is_leaving(connection: BaseDatabaseWrapper) -> bool:
    """Return whether the customers leave `users`, or have left it."""
    return Phase.objects.using(connection.alias).get(pk=1).name in (Phase.CLEANING, Phase.SEPARATED)


def _of_separated(connection: BaseDatabaseWrapper) -> Iterator[Result]:
    for name, invariants in separated.BY_RELATION.items():
        yield from _decide(connection, _Relation(getattr(SEPARATED, name)), invariants)
    yield separated.kept(connection)
    yield referring(connection)


def examine_person(connection: BaseDatabaseWrapper, identifier: int) -> list[Result]:
    """Return what is broken about one person and what is theirs, in the caller's transaction."""
    changed = concerning(connection, [identifier])
    return [result for result in _narrowed(connection, changed, NARROWED) if result.status == FAIL]


def _results(connection: BaseDatabaseWrapper) -> Iterator[Result]:
    if _is_leaving(connection):
        yield from _of_separated(connection)
        return
    ledger_clean = True
    for name, invariants in BY_RELATION.items():
        for result in _decide(connection, _Relation(getattr(RELATIONS, name)), invariants):
            ledger_clean &= result.id != "only_own_tables_written" or result.status == PASS
            yield result
    yield unchanged(connection, ledger_clean)
    yield referring(connection)


def _narrowed(connection: BaseDatabaseWrapper, changed: Changed, names: Iterable[str]) -> Iterator[Result]:
    """Yield the results of the relations NAMES; those that can be narrowed look at what is CHANGED alone."""
    for name in names:
        view, complete = NARROWED.get(name, ("", "true"))
        relation = _Relation(getattr(RELATIONS, name), view, complete, asdict(changed))
        yield from _decide(connection, relation, BY_RELATION[name])


@dataclass(frozen=True)
class _Relation:
    """A relation of invariants.sql; VIEW says what it sees of the tables, and COMPLETE which of its rows count then."""

    text: str
    view: str = ""
    complete: str = "true"
    values: dict[str, Any] = field(default_factory=dict)

    def ask(self, connection: BaseDatabaseWrapper, columns: str, rest: str) -> list[tuple[Any, ...]]:
        """Return COLUMNS of its rows; REST is what follows the condition."""
        sql = f"{self.view} SELECT {columns} FROM ({self.text}) q WHERE {self.complete} {rest}"  # noqa: S608
        return rows(connection, sql, **self.values)


def _decide(
    connection: BaseDatabaseWrapper, relation: _Relation, invariants: tuple[Invariant, ...]
) -> Iterator[Result]:
    """Yield a result for each of INVARIANTS, all decided in one pass over RELATION.

    Rows that say the same of every invariant are counted together: almost all rows are, so the answer is short.
    """
    columns = ", ".join(invariant.id for invariant in invariants)
    tally = "sum(tally)" if any(invariant.tally for invariant in invariants) else "0"
    numbers = ", ".join(str(number + 1) for number in range(len(invariants)))
    groups = relation.ask(connection, f"{columns}, count(*), {tally}", f"GROUP BY {numbers}")
    for number, invariant in enumerate(invariants):
        compared = sum(group[-2] for group in groups if group[number] is not None)
        offending = sum(group[-2] for group in groups if group[number] is False)
        yield _result(connection, relation, invariant, compared, offending, sum(group[-1] for group in groups))


def _result(
    connection: BaseDatabaseWrapper,
    relation: _Relation,
    invariant: Invariant,
    compared: int,
    offending: int,
    total: Any,
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


def _sample(
    connection: BaseDatabaseWrapper, relation: _Relation, invariant: Invariant
) -> tuple[list[int | str], list[str]]:
    """Return the first ids that break INVARIANT, and what there is to say of each."""
    detail = "detail" if " AS detail" in relation.text else "NULL"
    rest = f"AND NOT {invariant.id} ORDER BY id, 2 LIMIT {SAMPLE_SIZE}"
    found = relation.ask(connection, f"id, {detail}", rest)
    ids = [identifier if isinstance(identifier, int) else str(identifier) for identifier, _ in found]
    return ids, [detail for _, detail in found if detail]
