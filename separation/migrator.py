"""Moves customers, chunk by chunk: each chunk is one transaction that also writes its own row in the ledger."""

import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from django.conf import settings
from django.db import DatabaseError, InterfaceError, transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models.functions import Now

from config.ddl import LOCK_NOT_AVAILABLE
from config.masking import mask_text
from config.sql import Queries
from separation.database import execute, is_lost, loss_is_said, row, rows, scalar, sqlstate_of
from separation.errors import EXECUTE, PREFLIGHT, CheckFailed, Interrupted
from separation.lock import ALLOCATION
from separation.manners import Manners, waiting_for
from separation.mirror import drain, fail_row
from separation.models import Chunk, Run
from separation.waiting import (
    BRIEFLY,
    Note,
    is_of_a_row,
    is_transient,
    patiently,
    silent,
    wait_for_older,
    wait_for_tables,
)

_SQL = settings.BASE_DIR / "separation" / "sql"
CHUNK = Queries(_SQL / "chunk.sql")
LEDGER = Queries(_SQL / "ledger.sql")
FINISH = Queries(_SQL / "finish.sql")

# What a chunk may write. Anything else, be it by a trigger or a cascade, stops the run before the chunk commits.
OWN_TABLES = frozenset({"customers", "customer_profiles", "customer_restaurants", "reservations", "orders"})
EVERYBODY = {"first": -(2**31), "last": 2**31 - 1}

# How many seconds a chunk lasts while nobody else is at work, and while others are (`make bench` has what they wait).
# Without rests between: a kernel lets whoever comes go before a process that computes all the time, but not before one
# that has just slept.
ALONE, IN_COMPANY = 0.5, 0.02
_ATTEMPTS = 5
# How long a worker with nothing to take waits for the chunks of others, before it looks whether one was left behind.
_LOOK_AGAIN = 0.2

Advance = Callable[[int], None]


class StopRequest:
    """Whether somebody asked to stop: Ctrl-C or SIGTERM lets the chunk finish first."""

    def __init__(self) -> None:
        self.asked = False

    def __call__(self, *_: Any) -> None:
        """Ask for a stop."""
        self.asked = True


@contextmanager
def stop_on_signals() -> Iterator[StopRequest]:
    """Yield a StopRequest that Ctrl-C and SIGTERM set, instead of tearing the chunk apart."""
    stop = StopRequest()
    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@dataclass
class Pace:
    """How many customers the next chunk takes, so that one transaction lasts about `target` seconds.

    One that `suits` changes its target with the company.
    """

    size: int = 2000
    target: float = ALONE
    suits: bool = False
    smallest: int = 20
    largest: int = 10_000

    @classmethod
    def lasting(cls, target: float) -> "Pace":
        """Begin with what hardly takes longer than TARGET seconds, so that the first chunk is a short one too."""
        return cls(size=max(cls.smallest, min(cls.size, int(4000 * target))), target=target)

    def suit(self, company: bool) -> None:
        """Take short chunks while others are at work, and long ones else, unless it is fixed."""
        target = IN_COMPANY if company else ALONE
        if self.suits and target != self.target:
            self._become(self.size * target / self.target)
            self.target = target

    @property
    def gentle(self) -> bool:
        """Whether chunks are short for the sake of others."""
        return self.suits and self.target == IN_COMPANY

    def learn(self, customers: int, seconds: float) -> None:
        """Take the time of the last chunk into account; changes by a factor of two at most."""
        fitting = self.size * self.target / max(seconds, 0.001) if customers else self.size
        self._become(max(self.size / 2, min(self.size * 2, fitting)))

    def ease(self) -> None:
        """Halve the next chunk, because others waited for the last one."""
        self._become(self.size / 2)

    def _become(self, size: float) -> None:
        self.size = int(max(self.smallest, min(self.largest, size)))


@dataclass
class Migration:
    """One worker of an execute: what it needs at every chunk. Its RUN counts what this worker did."""

    connection: BaseDatabaseWrapper
    run: Run
    pace: Pace = field(default_factory=Pace)
    attempts: dict[int, int] = field(default_factory=dict)
    note: Note = silent
    manners: Manners = field(default_factory=Manners)
    show: Note = silent
    examined_when_analyzed: int = 0
    at_the_end: bool = False

    def reopen(self) -> None:
        """Put chunks back into the ledger in which somebody can move who could not before."""
        execute(self.connection, CHUNK.reopen, **EVERYBODY)

    def move_all(self, stop: StopRequest, advance: Advance) -> None:
        """Work through the ledger until no chunk is left in it, of other workers neither.

        A chunk whose worker died is taken over: its row is not locked any more. A table that somebody has locked is
        waited for. Raises Interrupted between two chunks when asked to stop.
        """
        with loss_is_said(self.connection, EXECUTE):
            while not stop.asked:
                try:
                    if self._step(stop, advance):
                        return
                except DatabaseError as error:
                    if not self._was_in_the_way(error):
                        raise
        raise Interrupted("Stopped after a whole chunk; nothing is half done.", EXECUTE)

    def _step(self, stop: StopRequest, advance: Advance) -> bool:
        """Do a chunk, or add one to the ledger, or wait for those of others; return whether nothing is left."""
        if self.manners.give_way(self.connection, self.run, stop, self.show):
            drain(self.connection)
        self._suit()
        if stop.asked:
            return False
        if (examined := self._take_chunk(stop)) is not None:
            advance(examined)
            return False
        if not Chunk.objects.using(self.connection.alias).filter(state=Chunk.PENDING).exists():
            return True
        self.manners.rest(_LOOK_AGAIN, stop)
        return False

    def _take_chunk(self, stop: StopRequest) -> int | None:
        """Do a chunk that somebody left in the ledger, or else a new one at its end; None if there is neither.

        Where nobody had left one, the next one is a new one at once: before a small chunk a look in vain counts.
        """
        if not self.at_the_end and (examined := self._next_chunk(stop)) is not None:
            return examined
        self.at_the_end = self._allocate()
        return (self._next_chunk(stop) or 0) if self.at_the_end else None

    def _suit(self) -> None:
        """Follow the company; say so once."""
        self.pace.suit(self.manners.company)
        if self.pace.gentle:
            self.manners.say_once(
                "company",
                "Others are at work: short chunks while that is so. "
                f"--target-ms {ALONE * 1000:.0f} moves at full speed.",
            )

    def _was_in_the_way(self, error: Exception) -> bool:
        """Return whether ERROR came of a lock on a whole table; that is then over, or has lasted too long."""
        return sqlstate_of(error) == LOCK_NOT_AVAILABLE and wait_for_tables(self.connection, EXECUTE, self.note)

    def _next_chunk(self, stop: StopRequest) -> int | None:
        """Do the next chunk that nobody works on; return how many customers are dealt with, None if there is none.

        0 says that a chunk failed, and has to be tried again or in halves.
        """
        chunk, blocked, started = None, [], time.monotonic()
        try:
            with transaction.atomic(self.connection.alias):
                if (chunk := self._claim(state=Chunk.PENDING)) is None:
                    return None
                counts = self._work(chunk, started)
                blocked = waiting_for(self.connection)
        except (DatabaseError, InterfaceError) as error:
            if chunk is None:
                raise
            return self._recover(chunk, error)
        self._learn(counts, blocked, time.monotonic() - started, stop)
        return counts["examined"]

    def _learn(self, counts: dict[str, int], blocked: list[int], seconds: float, stop: StopRequest) -> None:
        self.run.add(counts)
        if self.run.counts["examined"] > 10 * self.examined_when_analyzed:
            self._analyze()
        self.manners.earn(counts["examined"], seconds)
        if blocked:
            self.pace.ease()
            self.manners.blocked(blocked, seconds, stop)
        else:
            self.pace.learn(counts["examined"], seconds)

    def _analyze(self) -> None:
        """Tell the planner what the new tables hold: until then it plans both applications' queries for empty ones."""
        execute(self.connection, LEDGER.analyze)
        self.examined_when_analyzed = self.run.counts.get("examined", 0)

    def _claim(self, **which: Any) -> Chunk | None:
        """Return the first such chunk that nobody works on, locked until the transaction ends."""
        chunks = Chunk.objects.using(self.connection.alias).filter(**which)
        return chunks.order_by("first_id").select_for_update(skip_locked=True).first()

    def _allocate(self) -> bool:
        """Add the next chunk to the ledger, right after its end, so that no id is left out; False at the last user.

        One worker at a time, and not for longer than that takes.
        """
        with transaction.atomic(self.connection.alias):
            execute(self.connection, "SELECT pg_advisory_xact_lock(%(key)s)", key=ALLOCATION)
            after = scalar(self.connection, LEDGER.end_of_ledger)
            last, customers = row(self.connection, LEDGER.next_range, after=after, size=self.pace.size)
            if customers:
                Chunk.objects.using(self.connection.alias).create(run=self.run, first_id=after + 1, last_id=last)
        return bool(customers)

    def _work(self, chunk: Chunk, started: float) -> dict[str, int]:
        """Do CHUNK's work and write its row, in the caller's transaction, which holds that row."""
        counts, written = run_chunk(self.connection, chunk.first_id, chunk.last_id, self.run.pk)
        Chunk.objects.using(self.connection.alias).filter(pk=chunk.pk).update(
            state=Chunk.MOVED,
            run=self.run,
            counts=counts,
            written=written,
            milliseconds=round((time.monotonic() - started) * 1000),
            moved_at=Now(),
        )
        return counts

    def _recover(self, chunk: Chunk, error: Exception) -> int:
        """Decide what follows a failed chunk: the same again, its halves, or a finding for its one person.

        Raises CheckFailed for what no row is to blame for: every other chunk would fail as well.
        """
        if is_lost(self.connection, error):
            raise error
        tries = self.attempts[chunk.pk] = self.attempts.get(chunk.pk, 0) + 1
        if is_transient(error) and tries < _ATTEMPTS:
            time.sleep(0.05 * 2**tries)
            return 0
        reason = mask_text(str(error).strip().splitlines()[0])
        if not is_of_a_row(error):
            raise CheckFailed(
                f"The database said: {reason}. That is no row's fault, so the chunk was undone; nothing is half done.",
                f"put that right, then: {EXECUTE}",
            ) from error
        if self._was_in_the_way(error):
            return 0
        with transaction.atomic(self.connection.alias):
            # Another worker may have taken it since, or halved it.
            if self._claim(pk=chunk.pk, state=Chunk.PENDING, last_id=chunk.last_id) is None:
                return 0
            return self._halve(chunk, reason)

    def _halve(self, chunk: Chunk, reason: str) -> int:
        middle, customers = row(self.connection, LEDGER.middle, first=chunk.first_id, last=chunk.last_id)
        if customers > 1:
            execute(self.connection, LEDGER.split, chunk=chunk.pk, middle=middle)
            return 0
        if customers:
            fail_row(self.connection, middle, reason, self.run.pk)
        counts = {"examined": int(customers), "failed": int(customers)}
        Chunk.objects.using(self.connection.alias).filter(pk=chunk.pk).update(
            state=Chunk.FAILED, run=self.run, counts=counts, error=reason
        )
        self.run.add(counts)
        return int(customers)

    def finish(self) -> None:
        """Link stragglers, remove who was deleted meanwhile, record the findings about rows: in one transaction.

        Before that every transaction is waited for that may have written what no chunk has seen, and the mirror's queue
        is worked off. Raises CheckFailed if others stay in the way of either; the next run then goes on here.
        """
        with loss_is_said(self.connection, EXECUTE):
            self._analyze()
            wait_for_older(self.connection, EXECUTE, self.note)
            self._work_off()
            self.run.add(patiently(self.connection, self._finish))

    def _work_off(self) -> None:
        """Drain the queue to its end, as long as it gets shorter or a little time has not passed."""
        for attempt in range(_ATTEMPTS):
            if not (left := drain(self.connection)):
                return
            time.sleep(0.1 * 2**attempt)
        raise CheckFailed(f"{left:,} people are locked by other sessions and wait in separation_pending.", EXECUTE)

    def _finish(self) -> Counter[str]:
        done: Counter[str] = Counter()
        ranges: set[tuple[int, int]] = set()
        for name, query in (("reservations", FINISH.link_reservations), ("orders", FINISH.link_orders)):
            late = rows(self.connection, query)
            ranges.update((first, last) for first, last, _ in late)
            done[name] += sum(count for *_, count in late)
        for first, last in sorted(ranges):
            execute(self.connection, CHUNK.restaurants, first=first, last=last, skipped=[])
        done["deleted"] += execute(self.connection, FINISH.remove_deleted, run=self.run.pk)
        execute(self.connection, FINISH.abandon)
        for query in (FINISH.find_rows, FINISH.no_user):
            done["findings"] += execute(self.connection, query, run=self.run.pk)
        for query in (FINISH.settle_gone, FINISH.forget_deleted, FINISH.settle_gone_rows, FINISH.mark_linked):
            execute(self.connection, query)
        # What no chunk did: the run's own part of its counts, until it ends.
        on_record = Run.objects.using(self.connection.alias).get(pk=self.run.pk)
        on_record.add(done)
        on_record.save(using=self.connection.alias, update_fields=["counts"])
        return done


def run_chunk(
    connection: BaseDatabaseWrapper, first: int, last: int, run: int | None
) -> tuple[dict[str, int], dict[str, int]]:
    """Move everything of the customers with ids FIRST to LAST, in the caller's transaction.

    Returns what was done and the rows written by table, as PostgreSQL counted them. Raises CheckFailed if anything
    but our own tables was written: the transaction must not commit then. People whom another session holds are left
    to the mirror's queue.
    """
    span: dict[str, Any] = {"first": first, "last": last}
    before = _writes(connection)
    execute(
        connection,
        "SELECT set_config('lock_timeout', %(wait)s, true), set_config('statement_timeout', '10min', true), "
        # To be moved is no change of a customer.
        "set_config('separation.bypass', 'on', true), set_config('customers.noted', 'off', true)",
        wait=BRIEFLY,
    )
    examined, skipped = row(connection, CHUNK.lock_users, **span)
    if skipped:
        execute(connection, CHUNK.queue, ids=skipped)
    execute(connection, CHUNK.remember_reservations, **span)
    execute(connection, CHUNK.remember_orders, **span)
    span["skipped"] = skipped
    newcomers = scalar(connection, CHUNK.newcomers, **span)
    put_back = scalar(connection, CHUNK.put_back, ids=newcomers) if newcomers else 0
    customers, findings = row(connection, CHUNK.move, run=run, **span)
    counts = {
        "examined": examined,
        "customers": customers,
        "findings": findings,
        "profiles": sum(execute(connection, sql, **span) for sql in (CHUNK.adopt_profiles, CHUNK.create_profiles)),
        "reservations": execute(connection, CHUNK.link_reservations, **span),
        "orders": execute(connection, CHUNK.link_orders, **span),
        "links": execute(connection, CHUNK.restaurants, **span),
        "put_back": put_back,
        "adopted": scalar(connection, CHUNK.adopt, ids=newcomers) if newcomers else 0,
    }
    execute(connection, CHUNK.queue_left, **span)
    return counts, _own_writes(before, _writes(connection), put_back)


def _writes(connection: BaseDatabaseWrapper) -> Counter[str]:
    """Return the session's count of written rows by table: it only grows within a transaction."""
    return Counter(dict(rows(connection, CHUNK.written)))


def _own_writes(before: Counter[str], after: Counter[str], put_back: int) -> dict[str, int]:
    """Return the rows written between two counts, by table; raises CheckFailed if one is not ours to write.

    In `users` exactly the rows may be written whose passwords were PUT_BACK.
    """
    written = dict(after - before)
    own = OWN_TABLES | ({"users"} if written.get("users") == put_back else set())
    foreign = sorted(table for table in written if table not in own and not table.startswith("separation_"))
    if foreign:
        raise CheckFailed(
            f"Moving customers made PostgreSQL write to {', '.join(foreign)}, which the migration must not touch: "
            "a trigger or a cascade does that. The chunk was undone.",
            PREFLIGHT,
        )
    return written
