"""What clean-up does, step by step: each can be repeated, so that it goes on wherever it was stopped."""

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from graphlib import CycleError, TopologicalSorter

from django.conf import settings
from django.db import DatabaseError, transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from psycopg import sql

from config import ddl
from config.sql import Queries
from separation import mirror
from separation.cleanup.archive import (
    ARCHIVE,
    CLEANUP,
    Rows,
    Tally,
    archive,
    empty,
    forget,
    require_nothing_else,
    writes,
    written,
)
from separation.cleanup.fates import KNOWN, rows_of, rows_to_forget
from separation.cleanup.keys import disarm, rearm
from separation.database import execute, row, rows, scalar
from separation.errors import CLEAN_UP, RESOLVE, VERIFY, CheckFailed, Interrupted, Refused
from separation.manners import Manners
from separation.migrator import Advance, Pace, StopRequest
from separation.models import Phase, Run
from separation.phases import change_phase_within, settle_phase
from separation.policy import STAYS, Fate, fates
from separation.waiting import Note, is_transient, patiently, silent

_BOOKINGS = ("reservations", "orders")
VISITS = Queries(settings.BASE_DIR / "orders/sql/keep_visits.sql", {"schema": ""})
# Whose rows a chunk is about.
CHUNK = sql.SQL("ANY (%(ids)s::integer[])")

People = dict[str, list[int]]
Step = Callable[[BaseDatabaseWrapper, Run, People, Tally], dict[str, int]]

_PARKED = 5000
_DRAINS = 20


@dataclass
class CleanUp:
    """One run of clean-up, in phase `cleaning`."""

    connection: BaseDatabaseWrapper
    run: Run
    note: Note = silent
    pace: Pace = field(default_factory=Pace)
    manners: Manners = field(default_factory=Manners)

    def prepare(self) -> None:
        """Take away what follows writes, disarm what would take other rows along, and remember what must be kept.

        A key without an index gets one for as long as this takes.
        """
        settle_phase(self.connection, self.note)
        with self.connection.schema_editor(atomic=False) as editor:
            mirror.remove(editor)
        if not Run.objects.using(self.connection.alias).filter(kind=Run.CLEANUP).exclude(baseline={}).exists():
            self.run.baseline = {
                table: {"up_to": up_to, "rows": count, "checksum": checksum}
                for table, up_to, count, checksum in rows(self.connection, CLEANUP.baseline)
            }
            self.run.save(using=self.connection.alias, update_fields=["baseline"])
        disarm(self.connection, fates(self.connection), self.run)
        with self.connection.schema_editor(atomic=False) as editor:
            for table, column, name in rows(self.connection, CLEANUP.without_index):
                ddl.add_index(editor, name, f"ON {table} ({column})")

    def let_go(self, stop: StopRequest, advance: Advance) -> None:
        """Take the customers out of `users`, chunk by chunk; raises Interrupted between two when asked to stop."""
        steps = _steps(self.connection, fates(self.connection))
        after = -(2**31)
        while not stop.asked:
            self.manners.give_way(self.connection, self.run, stop)
            first, last, customers = row(self.connection, CLEANUP.next_range, after=after, size=self.pace.size)
            if not customers:
                self._let_parked_go()
                return
            started = time.monotonic()
            chunk = partial(_chunk, self.connection, self.run, steps, {"first": first, "last": last})
            self._in_turn(chunk)
            self.pace.learn(customers, time.monotonic() - started)
            advance(customers)
            after = last
        raise Interrupted("Stopped after a whole chunk; nothing is half done.", CLEAN_UP)

    def finish(self) -> None:
        """Prove that `users` holds no customer, give the keys of staff their rules again, and drop what helped.

        Visits and spend, which the mirror kept right, are kept by triggers of the orders' app from here on.
        """
        patiently(self.connection, lambda: execute(self.connection, CLEANUP.validate_users))
        rearm(self.connection)
        keep_visits(self.connection)
        for (name,) in rows(self.connection, CLEANUP.helping_indexes):
            execute(self.connection, f"DROP INDEX CONCURRENTLY IF EXISTS {name}")

    def _let_parked_go(self) -> None:
        """Archive and delete what an earlier attempt left in customers, at ids below 1."""
        while scalar(self.connection, CLEANUP.parked):
            self._in_turn(lambda: _parked(self.connection, self.run))

    def _in_turn(self, work: Callable[[], dict[str, int]]) -> None:
        """Do a part of the work in a transaction that also writes to the run what it did."""

        def counted() -> dict[str, int]:
            done = work()
            total = Counter(self.run.counts) + Counter(done)
            Run.objects.using(self.connection.alias).filter(pk=self.run.pk).update(counts=total)
            return done

        try:
            self.run.add(patiently(self.connection, counted))
        except DatabaseError as error:
            if not is_transient(error):
                raise
            raise CheckFailed(
                "Other sessions hold what is to go, and did not let go of it; nothing is half done.", CLEAN_UP
            ) from error


def keep_visits(connection: BaseDatabaseWrapper) -> None:
    """Switch on what keeps visits and spend right, and bring into step what changed meanwhile; idempotent."""
    for table in _BOOKINGS:
        patiently(connection, partial(execute, connection, CLEANUP.keep_visits.format(table=table)))
    for first, last in rows(connection, VISITS.parts):
        patiently(connection, partial(execute, connection, CLEANUP.visits_again, first=first, last=last))


def begin(connection: BaseDatabaseWrapper, note: Note) -> None:
    """Go from phase `dual` to `cleaning`, in one transaction that also closes `users` to customers.

    So nothing that the old application writes can be lost: up to that transaction the mirror repeats it, from then on
    it is refused. What the mirror had queued is worked off before. Raises Refused, with nothing changed, if somebody
    registered meanwhile of whom nobody knows what becomes of them.
    """
    for attempt in range(_DRAINS):
        mirror.drain(connection)
        try:
            if patiently(connection, lambda: _close(connection)):
                return
        except DatabaseError as error:
            if not is_transient(error):
                raise
            raise CheckFailed(
                "Other sessions use users all the time, so that it could not be closed to customers; nothing was "
                "changed.",
                CLEAN_UP,
            ) from error
        note("The mirror's queue fills again; working it off.")
        time.sleep(min(0.05 * 2**attempt, 2))
    raise CheckFailed(f"{mirror.queued(connection):,} people are still in the mirror's queue.", CLEAN_UP)


def _close(connection: BaseDatabaseWrapper) -> bool:
    """Close `users` and change the phase; False if the mirror has something to do yet, with nothing changed."""
    execute(connection, CLEANUP.close_users)
    if mirror.queued(connection):
        transaction.set_rollback(True, connection.alias)
        return False
    if people := scalar(connection, CLEANUP.undecided):
        raise Refused(
            "undecided people",
            f"Of {people:,} customers of users nobody knows what becomes of them.",
            RESOLVE,
        )
    change_phase_within(connection, Phase.DUAL, Phase.CLEANING)
    return True


def _steps(connection: BaseDatabaseWrapper, found: list[Fate]) -> list[Step]:
    """Return what a chunk does to each table but `users`, those first that refer to others."""
    emptied = [partial(_empty, fate) for fate in found if fate.fate == STAYS and str(fate) not in KNOWN]
    forgotten = rows_to_forget(found, CHUNK)
    in_order = [partial(_forget, table, forgotten[table]) for table in _referring_first(connection, [*forgotten])]
    return [*(partial(_release, table) for table in _BOOKINGS), _release_profiles, *emptied, *in_order]


def _referring_first(connection: BaseDatabaseWrapper, tables: list[str]) -> list[str]:
    order: TopologicalSorter[str] = TopologicalSorter({table: set() for table in tables})
    for table, referred in rows(connection, CLEANUP.depends, tables=tables):
        order.add(referred, table)
    try:
        return list(order.static_order())
    except CycleError:
        return tables


def _chunk(connection: BaseDatabaseWrapper, run: Run, steps: list[Step], span: dict[str, int]) -> dict[str, int]:
    """Let the customers of `users` with ids in SPAN go, in the caller's transaction; prove that nothing else did."""
    before, tally = writes(connection), Tally()
    execute(connection, CLEANUP.lock_people, **span)
    ids, homes, stay, undecided = row(connection, CLEANUP.people, **span)
    if undecided:
        raise CheckFailed(
            f"Of {len(undecided):,} customers of users nobody knows what becomes of them, as of {undecided[0]}.",
            VERIFY,
        )
    people = {"ids": ids, "homes": homes}
    counts: dict[str, int] = {}
    for step in steps:
        for name, count in step(connection, run, people, tally).items():
            counts[name] = counts.get(name, 0) + count
    users = Rows("users", sql.SQL("t.id = ANY (%(ids)s::integer[])"), {"ids": ids})
    gone = forget(connection, users, run, tally)
    staying = Rows("users", sql.SQL("t.id = ANY (%(ids)s::integer[])"), {"ids": stay})
    tally.inserted[ARCHIVE] += archive(connection, staying, run, only=["is_customer"], gone=False)
    counts["staying"] = execute(connection, CLEANUP.stay, ids=stay)
    tally.updated["users"] += counts["staying"]
    if (gone, counts["staying"]) != (len(ids), len(stay)):
        raise CheckFailed(
            f"Of {len(ids) + len(stay):,} users only {gone + counts['staying']:,} could be written: a trigger "
            "or a rule keeps them. The chunk was undone.",
            f"see to that, then: {CLEAN_UP}",
        )
    require_nothing_else(connection, before, tally)
    return counts | _deletions(tally)


def _deletions(tally: Tally) -> dict[str, int]:
    """Return what verification compares with the archive."""
    return {f"deleted {table}": count for table, count in tally.deleted.items() if count}


def _release(table: str, connection: BaseDatabaseWrapper, run: Run, people: People, tally: Tally) -> dict[str, int]:
    """Take the users who go out of their bookings; what their customer alone would not tell is archived."""
    condition = sql.SQL("t.user_id = ANY (%(ids)s::integer[]) AND t.customer_id IS DISTINCT FROM t.user_id")
    told = Rows(table, condition, {"ids": people["ids"]})
    tally.inserted[ARCHIVE] += archive(connection, told, run, only=["user_id", "customer_id"], gone=False)
    released = written(connection, sql.SQL(CLEANUP.release_bookings).format(table=sql.Identifier(table)), **people)
    tally.updated[table] += released
    return {table: released}


def _release_profiles(connection: BaseDatabaseWrapper, run: Run, people: People, tally: Tally) -> dict[str, int]:
    """Take the users who go out of their profiles; the profile of somebody merged, which is no customer's, goes."""
    theirs = sql.SQL("t.user_id = ANY (%(ids)s::integer[])")
    ids = {"ids": people["ids"]}
    nobodys = Rows("customer_profiles", sql.SQL("{} AND t.customer_id IS NULL").format(theirs), ids)
    forget(connection, nobodys, run, tally)
    statement = sql.SQL(CLEANUP.empty).format(
        table=sql.SQL("customer_profiles"), column=sql.Identifier("user_id"), rows=theirs
    )
    released = written(connection, statement, **ids)
    tally.updated["customer_profiles"] += released
    return {"profiles": released}


def _forget(
    table: str, condition: sql.Composable, connection: BaseDatabaseWrapper, run: Run, people: People, tally: Tally
) -> dict[str, int]:
    forget(connection, Rows(table, condition, {"ids": people["ids"]}), run, tally)
    return {}


def _empty(fate: Fate, connection: BaseDatabaseWrapper, run: Run, people: People, tally: Tally) -> dict[str, int]:
    what = Rows(fate.table, rows_of(fate, CHUNK), {"ids": people["ids"]})
    return {f"{fate} emptied": empty(connection, what, fate.column, run, tally)}


def _parked(connection: BaseDatabaseWrapper, run: Run) -> dict[str, int]:
    before, tally = writes(connection), Tally()
    ids = [i for (i,) in rows(connection, CLEANUP.next_parked, size=_PARKED)]
    links = Rows("customer_restaurants", sql.SQL("t.customer_id = ANY (%(ids)s::integer[])"), {"ids": ids})
    parked = Rows("customers", sql.SQL("t.id = ANY (%(ids)s::integer[])"), {"ids": ids})
    forget(connection, links, run, tally)
    forget(connection, parked, run, tally)
    require_nothing_else(connection, before, tally)
    return _deletions(tally)
