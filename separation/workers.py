"""Several workers in one process: threads, each with a connection and a lock of its own.

Threads, because a worker does nothing but wait for PostgreSQL, and because one Ctrl-C then reaches all of them. Other
processes and hosts join by the same command: what coordinates workers is in the database, so none knows of another.
"""

import threading
import time
from dataclasses import dataclass, field
from functools import partial

from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper

from separation.database import scalar
from separation.errors import EXECUTE, Interrupted
from separation.lock import LOCK, introduce, shared, take_last_step
from separation.manners import Manners
from separation.migrator import Advance, Migration, Pace, StopRequest
from separation.models import Run

MOST = 32

_LOOK_AGAIN = 0.2
_PROGRESS_EVERY = 1.0


@dataclass
class Effort:
    """How many workers, how long a chunk is to last (else as suits the company), and what they mind."""

    workers: int = 1
    target_ms: int | None = None
    manners: Manners = field(default_factory=Manners)


@dataclass
class Team:
    """The workers of this process; the first has the main thread, and the connection that is there."""

    connection: BaseDatabaseWrapper
    run: Run
    effort: Effort
    stop: StopRequest
    advance: Advance
    failures: list[BaseException] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)
    known: int = 0
    look_at: float = 0.0

    def move_all(self) -> None:
        """Work until no chunk is left; raises what stopped the first worker that failed, once all have stopped.

        A worker that fails stops the others after their chunk: somebody has to look.
        """
        self.known = examined(self.connection, self.run)
        crew = [threading.Thread(target=self._in_thread, args=[number]) for number in range(2, self.effort.workers + 1)]
        for thread in crew:
            thread.start()
        self._work(self.connection, 1)
        for thread in crew:
            thread.join()
        if self.failures:
            raise next((error for error in self.failures if not isinstance(error, Interrupted)), self.failures[0])
        self._look(self.connection)

    def _in_thread(self, number: int) -> None:
        connection = connections[self.connection.alias]
        try:
            with shared(connection):
                self._work(connection, number)
        except BaseException as error:
            self._failed(error)
        finally:
            connection.close()

    def _work(self, connection: BaseDatabaseWrapper, number: int) -> None:
        mine = Run(pk=self.run.pk, kind=self.run.kind)
        mine.journal = self.run.journal
        show = partial(introduce, connection, self.run.pk, number)
        wanted = self.effort.target_ms
        pace = Pace.lasting(wanted / 1000) if wanted else Pace(suits=True)
        manners = self.effort.manners
        try:
            show("working")
            migration = Migration(connection, mine, pace, note=manners.note, manners=manners, show=show)
            migration.move_all(self.stop, partial(self._advance, connection))
        except BaseException as error:
            self._failed(error)
        finally:
            self.run.journal.workers.append({"worker": number, "counts": mine.counts})

    def _failed(self, error: BaseException) -> None:
        self.failures.append(error)
        self.stop()

    def _advance(self, connection: BaseDatabaseWrapper, customers: int) -> None:
        """Look how far the run is by now, once in a while: that adds up the whole ledger, however small a chunk is."""
        if customers and time.monotonic() >= self.look_at:
            self._look(connection)

    def _look(self, connection: BaseDatabaseWrapper) -> None:
        """Report how far the run is, with what the workers of others did."""
        with self.lock:
            before, self.known = self.known, examined(connection, self.run)
            self.look_at = time.monotonic() + _PROGRESS_EVERY
            self.advance(self.known - before)


def examined(connection: BaseDatabaseWrapper, run: Run) -> int:
    """Return how many customers the chunks of RUN have dealt with, whoever worked on them."""
    return int(scalar(connection, LOCK.examined, run=run.pk))


def ends_the_run(connection: BaseDatabaseWrapper, run: Run, stop: StopRequest, manners: Manners) -> bool:
    """Return once this process is the one that does the last step of RUN, or another one has ended it: False.

    One that dies in the last step loses the right to it with its connection. Raises Interrupted when asked to stop.
    """
    introduce(connection, run.pk, 1, "waiting")
    while not stop.asked:
        mine = take_last_step(connection)
        if Run.objects.using(connection.alias).get(pk=run.pk).state != Run.RUNNING:
            return False
        if mine:
            introduce(connection, run.pk, 1, "finishing")
            return True
        manners.rest(_LOOK_AGAIN, stop)
    raise Interrupted("Stopped when nothing was left to move; the last step is done by others, or next time.", EXECUTE)
