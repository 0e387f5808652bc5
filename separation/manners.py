"""How a run gives way: between two chunks, holding nothing, it looks around and waits while it would be in the way."""

import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from datetime import time as wall_time
from typing import Any, Protocol
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from django.conf import settings
from django.db.backends.base.base import BaseDatabaseWrapper

from config.sql import Queries
from separation.database import row, rows
from separation.errors import EXECUTE, Interrupted
from separation.models import Run
from separation.waiting import Note, silent

MANNERS = Queries(settings.BASE_DIR / "separation" / "sql" / "manners.sql")

MAX_LAG, MAX_TRANSACTION = 10, 300

_LOOK_AGAIN = 1.0
# For small chunks a look before each would cost as much as a part of their work.
SEEN_FOR = 0.2
_NAP = 0.1
_WINDOW = re.compile(r"(\d\d):(\d\d)-(\d\d):(\d\d)(?:@(\S+))?")
_DAYS = 3


class Stop(Protocol):
    """Whether somebody asked this process to stop."""

    asked: bool


@dataclass(frozen=True)
class Window:
    """The hours of the day in which customers may be moved, by the clock on the wall of a place; may pass midnight."""

    start: wall_time
    end: wall_time
    zone: ZoneInfo

    @classmethod
    def parse(cls, text: str) -> "Window":
        """Return the window of 01:00-05:00 or 01:00-05:00@Europe/Berlin; raises ValueError, saying what is wrong."""
        found = _WINDOW.fullmatch(text)
        if not found:
            raise ValueError(f"{text!r} is not of the form 01:00-05:00 or 01:00-05:00@Europe/Berlin")
        try:
            start, end = wall_time(int(found[1]), int(found[2])), wall_time(int(found[3]), int(found[4]))
        except ValueError:
            raise ValueError(f"{text!r} names a time that no clock shows") from None
        if start == end:
            raise ValueError(f"{text!r} is no window: it ends when it begins")
        try:
            return cls(start, end, ZoneInfo(found[5] or "UTC"))
        except (ZoneInfoNotFoundError, ValueError, OSError):
            raise ValueError(f"{found[5]!r} is no time zone, as Europe/Berlin is one") from None

    def __str__(self) -> str:
        return f"{self.start:%H:%M}-{self.end:%H:%M} {self.zone.key}"

    def is_open(self, moment: datetime) -> bool:
        """Return whether the clock on the wall is within the window."""
        shown = moment.astimezone(self.zone).time()
        if self.start < self.end:
            return self.start <= shown < self.end
        return shown >= self.start or shown < self.end

    def opens(self, moment: datetime) -> datetime:
        """Return the next minute in which it is open, in its zone; also where clocks are put forward or back."""
        moment = moment.astimezone(UTC).replace(second=0, microsecond=0)
        minutes = (moment + timedelta(minutes=n) for n in range(1, _DAYS * 24 * 60))
        return next(minute for minute in minutes if self.is_open(minute)).astimezone(self.zone)


@dataclass(frozen=True)
class Readings:
    """What one look at the server says, between two chunks."""

    request: str = ""
    requested_by: str = ""
    standby: str = ""
    lag: float = 0.0
    oldest: str = ""
    age: float = 0.0
    company: bool = False


def read(connection: BaseDatabaseWrapper, run: Run) -> Readings:
    """Look at the server: what is asked of RUN, how far standbys are behind, the oldest transaction, who is at work."""
    request, by, standby, lag, process, name, age, company = row(connection, MANNERS.readings, run=run.pk)
    oldest = f"process {process} ({name})" if process else ""
    return Readings(request, by, standby, float(lag), oldest, float(age), company)


def waiting_for(connection: BaseDatabaseWrapper) -> list[int]:
    """Return the server processes that wait for a lock of this session, in whose transaction it is asked."""
    return [process for (process,) in rows(connection, MANNERS.blocked)]


@dataclass
class Manners:
    """What a run minds, shared by the workers of one process; what it says, it says once.

    `company` tells whether others were at work at the last look.
    """

    max_lag: float = MAX_LAG
    max_transaction: float = MAX_TRANSACTION
    max_rate: float = 0.0
    window: Window | None = None
    note: Note = silent
    read: Callable[[BaseDatabaseWrapper, Run], Readings] = read
    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _paused: dict[str, tuple[int, datetime, float]] = field(default_factory=dict)
    company: bool = False
    _free_at: float = 0.0
    _look_at: float = 0.0
    _said: set[str] = field(default_factory=set)

    def give_way(self, connection: BaseDatabaseWrapper, run: Run, stop: Stop, show: Note = silent) -> bool:
        """Return once nothing speaks against the next chunk, or a stop is asked for; call it outside a transaction.

        What was seen holds for a moment, whoever of this process saw it; returns whether it looked anew. Raises
        Interrupted if the run is to be aborted. SHOW hears `paused` and `working` when that changes.
        """
        looked = False
        while not stop.asked:
            if self.clock() >= self._look_at:
                looked, self._look_at = True, self.clock() + SEEN_FOR
                readings = self.read(connection, run)
                self.company = readings.company
                if reason := self._reason(readings, run):
                    self._wait_out(reason, connection, run, stop, show)
                    continue
            if not (left := self._wait_for_rate()):
                break
            self.rest(min(left, _LOOK_AGAIN), stop)
        return looked

    def _wait_out(self, reason: str, connection: BaseDatabaseWrapper, run: Run, stop: Stop, show: Note) -> None:
        show("paused")
        with self._pause(reason, run):
            while not stop.asked and self._reason(self.read(connection, run), run) == reason:
                self.rest(_LOOK_AGAIN, stop)
        show("working")

    def earn(self, customers: int, seconds: float) -> None:
        """Count CUSTOMERS, whose chunk took so many SECONDS, against --max-rate: the next one begins when it is due."""
        if self.max_rate:
            with self._lock:
                self._free_at = max(self._free_at, self.clock() - seconds) + customers / self.max_rate

    def blocked(self, processes: list[int], seconds: float, stop: Stop) -> None:
        """Let others have their turn whom a chunk of so many SECONDS kept waiting: as long again."""
        self.say_once(
            "blocked",
            f"Others wait for the locks of a chunk (server process {processes[0]}, for one): smaller chunks, and as "
            "long a rest after each, while that is so.",
        )
        self.rest(seconds, stop)

    def rest(self, seconds: float, stop: Stop) -> None:
        """Sleep, unless a stop is asked for meanwhile."""
        until = self.clock() + seconds
        while not stop.asked and (left := until - self.clock()) > 0:
            self.sleep(min(left, _NAP))

    def _reason(self, readings: Readings, run: Run) -> str:
        """Return why not to go on just now; nothing if nothing speaks against it."""
        if readings.request == Run.ABORT:
            raise Interrupted(
                f"Run {run.pk} was aborted by {readings.requested_by} after a whole chunk; nothing is half done.",
                EXECUTE,
            )
        if readings.request == Run.PAUSE:
            return f"{readings.requested_by} asked for it; python manage.py separation_status --resume ends it"
        if self.window and not self.window.is_open(now := self.now()):
            return f"outside the window {self.window}, until {self.window.opens(now):%Y-%m-%d %H:%M %Z}"
        if self.max_lag and readings.lag > self.max_lag:
            return f"the standby {readings.standby} is more than {self.max_lag:g} s behind"
        if self.max_transaction and readings.age > self.max_transaction:
            return f"{readings.oldest} has had a transaction open for more than {self.max_transaction:g} s"
        return ""

    def _wait_for_rate(self) -> float:
        with self._lock:
            return max(0.0, self._free_at - self.clock())

    @contextmanager
    def _pause(self, reason: str, run: Run) -> Iterator[None]:
        """Say that and how long it paused, in all workers together, and write it down."""
        with self._lock:
            count, since, began = self._paused.get(reason, (0, self.now(), self.clock()))
            self._paused[reason] = (count + 1, since, began)
            if not count:
                self.note(f"Paused: {reason}.")
        try:
            yield
        finally:
            with self._lock:
                count, since, began = self._paused.pop(reason)
                if count > 1:
                    self._paused[reason] = (count - 1, since, began)
                else:
                    self._end(reason, since, self.clock() - began, run)

    def _end(self, reason: str, since: datetime, seconds: float, run: Run) -> None:
        pause: dict[str, Any] = {"why": reason, "from": since, "seconds": round(seconds, 1)}
        run.journal.pauses.append(pause)
        self.note(f"Going on after {seconds:.0f} s.")

    def say_once(self, key: str, text: str) -> None:
        """Note TEXT, unless something was said under KEY before."""
        with self._lock:
            if key not in self._said:
                self._said.add(key)
                self.note(text)
