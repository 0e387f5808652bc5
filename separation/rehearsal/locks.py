"""The locks that a step takes on the old application's tables, as seen from another connection every so often."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from django.db import Error
from django.db.backends.base.base import NO_DB_ALIAS, BaseDatabaseWrapper

from config.sql import Queries
from separation.database import rows

SECONDS = 0.05
QUERIES = Queries(Path(__file__).with_name("locks.sql"))
# PostgreSQL's own, weakest first; those from SHARED on keep others from writing, or from changing the table.
_MODES = (
    "AccessShareLock",
    "RowShareLock",
    "RowExclusiveLock",
    "ShareUpdateExclusiveLock",
    "ShareLock",
    "ShareRowExclusiveLock",
    "ExclusiveLock",
    "AccessExclusiveLock",
)
_WITH_WRITERS = _MODES[:3]

# By table, the strongest lock and for how many seconds it was seen.
Locks = dict[str, tuple[str, float]]


class Sampler:
    """Looks again and again, in a thread, at the locks that others hold on TABLES; a short one may be missed."""

    def __init__(self, connection: BaseDatabaseWrapper, tables: list[str]) -> None:
        self._connection, self._tables = connection, tables
        self._held: dict[tuple[str, ...], tuple[float, float]] = {}
        self._longest: dict[tuple[str, str], float] = {}
        self._guard, self._over = threading.Lock(), threading.Event()

    def taken(self) -> Locks:
        """Return what was seen since it was last asked."""
        with self._guard:
            self._let_go(set())
            seen, self._longest = self._longest, {}
        strongest: Locks = {}
        for (table, mode), seconds in sorted(seen.items(), key=lambda item: _MODES.index(item[0][1])):
            strongest[table] = (mode, round(seconds, 3))
        return strongest

    def look(self) -> None:
        """Look once."""
        found = [tuple(map(str, row)) for row in rows(self._connection, QUERIES.held, tables=self._tables)]
        now = time.monotonic()
        with self._guard:
            for lock in found:
                self._held[lock] = (self._held.get(lock, (now, now))[0], now)
            self._let_go(set(found))

    def look_until_over(self) -> None:
        """Look every so often; a connection that is lost is opened anew."""
        while not self._over.wait(SECONDS):
            try:
                self.look()
            except Error:
                self._connection.close()
        self._connection.close()

    def end(self) -> None:
        """Let the thread end."""
        self._over.set()

    def _let_go(self, still: set[tuple[str, ...]]) -> None:
        for lock in self._held.keys() - still:
            first, last = self._held.pop(lock)
            table, mode, *_ = lock
            self._longest[table, mode] = max(self._longest.get((table, mode), 0.0), last - first)


@contextmanager
def sampled(connection: BaseDatabaseWrapper, tables: list[str]) -> Iterator[Sampler]:
    """Yield a sampler that looks while the block runs, over a connection of its own."""
    sampler = Sampler(connection.copy(alias=NO_DB_ALIAS), tables)
    sampler._connection.inc_thread_sharing()
    thread = threading.Thread(target=sampler.look_until_over, daemon=True)
    thread.start()
    try:
        yield sampler
    finally:
        sampler.end()
        thread.join()


def in_words(locks: Locks) -> str:
    """Return the locks that keep others from writing, or from changing a table; those of mere writers are left out."""
    told = [
        f"{table} {mode.removesuffix('Lock')} {f'{seconds:.2f} s' if seconds else f'< {SECONDS:.2f} s'}"
        for table, (mode, seconds) in sorted(locks.items())
        if mode not in _WITH_WRITERS
    ]
    return ", ".join(told) or "none"
