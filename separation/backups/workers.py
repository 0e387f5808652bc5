"""Saving tables by several processes that all see one snapshot.

Processes, not threads: what a COPY sends is taken row by row, which one interpreter does for one table at a time.
"""

import multiprocessing
import signal
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Any

from django.db.backends.base.base import NO_DB_ALIAS, BaseDatabaseWrapper
from django.db.utils import load_backend

from separation.backups.manifest import Table
from separation.backups.session import Session, session
from separation.errors import CheckFailed
from separation.progress import Advance

# Saves one table through a session and fills in its figures; a function of a module, which other processes can find.
Save = Callable[[Session, Table, Advance], None]


def save_in_parallel(
    reader: Session, snapshot: str, tables: list[Table], save: Save, *, jobs: int, advance: Advance
) -> list[Table]:
    """Save TABLES, the biggest first, by JOBS processes that see the snapshot READER exported; return them, filled in.

    A table that somebody waits to change cannot be locked a second time without waiting behind them while they wait for
    READER: that one READER saves itself, in the end. Raises what a process raised, and CheckFailed if one died.
    """
    waiting = deque(sorted(tables, key=lambda table: table.disk_bytes, reverse=True))
    saved: dict[tuple[str, str], Table] = {}
    with _workers(min(jobs, len(tables)), reader.wrapper, snapshot, save) as workers:
        busy = {worker: waiting.popleft() for worker in workers}
        for worker, table in busy.items():
            worker.send(table)
        while busy:
            ready = wait(list(busy))
            for worker in [each for each in busy if each in ready]:
                answer = _answer_of(worker)
                if isinstance(answer, int):
                    advance(answer)
                    continue
                table = busy.pop(worker)
                if answer is None:
                    save(reader, table, advance)
                saved[table.schema, table.name] = answer or table
                if waiting:
                    busy[worker] = waiting.popleft()
                    worker.send(busy[worker])
    return [saved[table.schema, table.name] for table in tables]


def _answer_of(worker: Connection) -> int | Table | None:
    """Return how many bytes more it saved, or the table it finished, or nothing if the table could not be locked."""
    try:
        answer: int | Table | Exception | None = worker.recv()
    except (EOFError, ConnectionResetError):
        raise CheckFailed(
            "One of the processes of the backup was killed, so there is no backup; nothing of it is left.",
            "python manage.py backup, with fewer --jobs if memory ran out",
        ) from None
    if isinstance(answer, Exception):
        raise answer
    return answer


@contextmanager
def _workers(jobs: int, connection: BaseDatabaseWrapper, snapshot: str, save: Save) -> Iterator[list[Connection]]:
    """Yield a pipe to each of JOBS new processes; none of them outlives the block."""
    # Not forked: this process has threads, and a connection that must not be shared.
    context = multiprocessing.get_context("spawn")
    processes, pipes = [], []
    try:
        for _ in range(jobs):
            ours, theirs = context.Pipe()
            process = context.Process(
                target=_work, args=(theirs, connection.settings_dict, snapshot, save), daemon=True
            )
            _start(process)
            processes.append(process)
            theirs.close()
            pipes.append(ours)
        yield pipes
    finally:
        for process in processes:
            process.terminate()
            process.join()


def _start(process: BaseProcess) -> None:
    """Start PROCESS deaf to Ctrl-C, also while it is still importing: that is for the process that commands it."""
    resource_tracker.ensure_running()  # or starting the first process would make it hear again
    former = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        process.start()
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, former)


def _work(pipe: Connection, settings: dict[str, Any], snapshot: str, save: Save) -> None:
    connection = load_backend(settings["ENGINE"]).DatabaseWrapper(settings, alias=NO_DB_ALIAS)
    try:
        with session(connection) as reader:
            reader.join(snapshot)
            while True:
                table = pipe.recv()
                locked = reader.try_lock(table)
                if locked:
                    save(reader, table, pipe.send)
                pipe.send(table if locked else None)
    except EOFError:  # the process that commands this one is gone
        return
    except Exception as error:
        pipe.send(error)
