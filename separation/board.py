"""What the board of the admin shows, read from records alone: nothing on it counts or scans a table of customers."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import QuerySet
from django.utils.timesince import timesince

from config.sql import Queries
from separation.backups import newest_records
from separation.charts import Chart, area, bars
from separation.database import row, rows
from separation.environment import Environment, environment_of
from separation.errors import BACKUP, REHEARSE
from separation.identity import identity_of
from separation.lock import Worker, workers
from separation.models import Checked, Chunk, Finding, Rehearsal, Run
from separation.rehearsal import REHEARSAL_AGE, is_sound
from separation.sampling import SQL as SAMPLING
from separation.sampling import hours
from separation.status import STATUS, Status
from separation.verifying import SQL as VERIFYING

_SQL = settings.BASE_DIR / "separation" / "sql"
SQL = Queries(_SQL / "board.sql", {"readings": SAMPLING.readings, "at_work": VERIFYING.at_work, "pace": STATUS.pace})
# Counted no further: beyond, a page says that there are more.
MOST = 10_001
# A verification older than this says little about now.
STALE = timedelta(days=1)
BACKUP_FRESH = timedelta(hours=24)
_KINDS = dict(Finding.KINDS)
_LATEST = 20
_AGES = {"today": timedelta(days=1), "week": timedelta(days=7), "month": timedelta(days=30), "older": timedelta.max}


@dataclass(frozen=True)
class Tile:
    """An invariant: how it stands, in a word and a colour, and since when that is known."""

    checked: Checked
    word: str
    colour: str
    age: str


@dataclass(frozen=True)
class Kind:
    """The open findings of one kind, by age."""

    kind: str
    name: str
    ages: Sequence[str]
    total: str
    oldest: datetime
    age: str


@dataclass(frozen=True)
class Asked:
    """The verification that was asked for last; `state` is where it is, in a sentence."""

    id: int
    state: str
    colour: str
    under_way: bool


@dataclass(frozen=True)
class Progress:
    """How far the run that is under way has got."""

    run: Run
    examined: int
    rate: float
    seconds_left: float | None
    chunks: Mapping[str, int]
    workers: Sequence[Worker]

    @property
    def percent(self) -> int:
        """How much of it is done."""
        return min(100, round(100 * self.examined / self.run.total)) if self.run.total else 0

    @property
    def left(self) -> str:
        """How long it takes at the rate of the last minute."""
        return "" if self.seconds_left is None else _age(timedelta(seconds=self.seconds_left))

    @property
    def figures(self) -> str:
        """How far it is in customers and chunks."""
        done, chunks = self.chunks.get(Chunk.MOVED, 0) + self.chunks.get(Chunk.LINKED, 0), sum(self.chunks.values())
        return f"{self.examined:,} of {self.run.total:,} customers, {done:,} of {chunks:,} chunks"


@dataclass(frozen=True)
class Record:
    """A backup or a rehearsal: what it is called, how old it is, and whether it counts or what to type."""

    name: str
    at: datetime
    age: str
    good: bool
    said: str
    pk: Any


@dataclass(frozen=True)
class Live:
    """What changes while one looks: the phase, the run that is under way, the verification that was asked for."""

    now: datetime
    phase: str
    phase_since: datetime
    next_command: str
    progress: Progress | None
    asked: Asked | None

    @property
    def moves(self) -> bool:
        """Whether it is worth looking again soon."""
        return self.progress is not None or (self.asked is not None and self.asked.under_way)


@dataclass(frozen=True)
class Board:
    """One look at everything."""

    live: Live
    environment: Environment
    queued: str
    verified_at: datetime | None
    verified_age: str
    clean_at: datetime | None
    failures: Sequence[str]
    tiles: Sequence[Tile]
    findings: Sequence[Kind]
    runs: Sequence[Run]
    charts: Sequence[Chart]
    backups: Sequence[Record]
    rehearsals: Sequence[Record]

    @property
    def wanting(self) -> list[Tile]:
        """The invariants that want a look."""
        return [tile for tile in self.tiles if tile.colour != "good"]

    @property
    def holding(self) -> list[Tile]:
        """The invariants that hold."""
        return [tile for tile in self.tiles if tile.colour == "good"]


def board_of(connection: BaseDatabaseWrapper) -> Board:
    """Return what the board shows of the database behind CONNECTION; only reads."""
    identity = identity_of(connection).key()
    runs = list(Run.objects.using(connection.alias).defer("baseline")[:_LATEST])
    found = _everything(connection, identity, _current(runs))
    verified, now = found["verified"], found["now"]
    at = _moment(verified["at"])
    return Board(
        live=_live(connection, found, _current(runs)),
        environment=environment_of(connection),
        queued=capped(found["queued"]),
        verified_at=at,
        verified_age=_age(now - at) if at else "",
        clean_at=_moment(verified["clean_at"]),
        failures=verified["failures"] or [],
        tiles=[_tile(each, now) for each in Checked.objects.using(connection.alias).filter(identity=identity)],
        findings=list(_kinds(found["findings"], now)),
        runs=runs,
        charts=_charts(found),
        backups=list(_backups(connection, identity, now)),
        rehearsals=list(_rehearsals(connection, identity, now)),
    )


def live_of(connection: BaseDatabaseWrapper) -> Live:
    """Return what changes while one looks."""
    run = _current(Run.objects.using(connection.alias).defer("baseline")[:_LATEST])
    return _live(connection, _everything(connection, identity_of(connection).key(), run), run)


def open_findings(connection: BaseDatabaseWrapper) -> list[Kind]:
    """Return the open findings by kind and age; kinds without any are left out."""
    (now,) = row(connection, "SELECT now()")
    names = ("kind", "today", "week", "month", "older", "oldest")
    found = rows(connection, SQL.findings, kinds=list(_KINDS), most=MOST)
    return list(_kinds([dict(zip(names, each, strict=True)) for each in found], now))


def kinds_of(findings: QuerySet[Any], now: datetime) -> list[Kind]:
    """Return these findings by kind and age, of MOST at most: who asks may look at every row to tell whose it is."""
    counted: dict[str, dict[str, Any]] = {}
    for kind, created_at in findings.order_by("kind", "created_at").values_list("kind", "created_at")[:MOST]:
        row = counted.setdefault(kind, {"kind": kind, **dict.fromkeys(_AGES, 0), "oldest": created_at})
        row[next(name for name, age in _AGES.items() if now - created_at < age)] += 1
    return list(_kinds(list(counted.values()), now))


def capped(count: int) -> str:
    """Return a figure that was counted up to MOST."""
    return f"{count:,}" if count < MOST else f"more than {MOST - 1:,}"


def _current(runs: Iterable[Run]) -> Run | None:
    """Return the run that is under way by its record, else the latest."""
    found = list(runs)
    return next((run for run in found if run.state == Run.RUNNING), found[0] if found else None)


def _everything(connection: BaseDatabaseWrapper, identity: str, run: Run | None) -> dict[str, Any]:
    values: dict[str, Any] = {"identity": identity, "kinds": list(_KINDS), "most": MOST, "run": run.pk if run else 0}
    with connection.cursor() as cursor:
        cursor.execute(SQL.everything, values)
        found = zip(cursor.description, cursor.fetchone(), strict=True)
        # Django leaves jsonb as it came.
        return {column.name: json.loads(value) if isinstance(value, str) else value for column, value in found}


def _live(connection: BaseDatabaseWrapper, found: Mapping[str, Any], run: Run | None) -> Live:
    under_way = run is not None and run.state == Run.RUNNING
    at_work = tuple(workers(connection)) if under_way else ()
    examined, rate = found["pace"] or (0, 0.0)
    status = Status(
        database=connection.settings_dict["NAME"],
        environment="",
        phase=found["phase"]["name"],
        latest_run=run,
        examined=int(examined),
        rate=float(rate),
        workers=at_work,
    )
    progress = Progress(run, int(examined), float(rate), status.seconds_left, found["chunks"], at_work) if run else None
    return Live(
        now=found["now"],
        phase=status.phase,
        phase_since=datetime.fromisoformat(found["phase"]["changed_at"]),
        next_command=status.next_command,
        progress=progress if under_way else None,
        asked=_asked(found["asked"], found["now"]),
    )


def _asked(asked: Mapping[str, Any] | None, now: datetime) -> Asked | None:
    if asked is None:
        return None
    at, ended = _moment(asked["asked_at"]), _moment(asked["finished_at"])
    what = "what was written since the last one" if asked["since"] else "everything"
    by = f"of {what}, asked for by {asked['asked_by']} at {at:%Y-%m-%d %H:%M:%S} UTC"
    if ended is None and not asked["at_work"]:
        return Asked(asked["id"], f"Verification {asked['id']} {by}: its process ended without a word.", "warn", False)
    if ended is None:
        return Asked(asked["id"], f"Verification {asked['id']} {by}, is under way.", "info", True)
    colour = {True: "good", False: "bad", None: "warn"}[asked["ok"]]
    return Asked(asked["id"], f"Verification {asked['id']} {by}: {asked['verdict']}", colour, False)


def _tile(checked: Checked, now: datetime) -> Tile:
    age = _age(now - checked.checked_at)
    if checked.status == "fail":
        return Tile(checked, "broken", "bad", age)
    if checked.status == "warn":
        return Tile(checked, "wants a look", "warn", age)
    if now - checked.checked_at > STALE:
        return Tile(checked, "held then", "warn", age)
    return Tile(checked, "holds", "good", age)


def _kinds(found: Sequence[Mapping[str, Any]], now: datetime) -> Iterator[Kind]:
    for each in found:
        if each["oldest"] is None:
            continue
        oldest = datetime.fromisoformat(str(each["oldest"]))
        counts = [each[name] for name in _AGES]
        total = capped(MOST if MOST in counts else min(MOST, sum(counts)))
        kind = each["kind"]
        yield Kind(kind, _KINDS[kind], [*map(capped, counts)], total, oldest, _age(now - oldest))


def _charts(found: Mapping[str, Any]) -> list[Chart]:
    moved = Chart(
        "moved",
        "Customers moved",
        "By the chunks of the runs; whom the mirror moved is not in it.",
        ["customers"],
        "Nobody has been moved yet.",
    )
    log_ins = Chart(
        "log-ins",
        "Log-ins an hour",
        "Of customers in the new application, and rows that the old one added to its tables of tokens or sessions.",
        ["in the new application", "in the old one"],
        "No reading yet: verifications take one every hour.",
    )
    writes = Chart(
        "writes",
        "Writes mirrored an hour",
        "Rows that the mirror repeated in the other schema, whoever wrote them.",
        ["from the legacy tables", "to the legacy tables"],
        "No reading yet: verifications take one every hour.",
    )
    readings = [(datetime.fromisoformat(at), values) for at, values in found["samples"]]
    counted = hours([*readings, (found["now"], found["readings"])], [*_LOG_INS, *_WRITES], 48) if readings else []
    return [
        area(moved, [(datetime.fromisoformat(each["at"]), [each["customers"]]) for each in found["moved"]]),
        bars(log_ins, [(hour.begins, [hour.counts[name] for name in _LOG_INS]) for hour in counted]),
        bars(writes, [(hour.begins, [hour.counts[name] for name in _WRITES]) for hour in counted]),
    ]


_LOG_INS = ("logins", "legacy_logins")
_WRITES = ("mirrored", "mirrored_back")


def _backups(connection: BaseDatabaseWrapper, identity: str, now: datetime) -> Iterator[Record]:
    for backup in newest_records(connection, identity)[:3]:
        age = now - backup.taken_at
        said = "verified" if backup.is_good else backup.check_failed or f"not verified: {BACKUP} --verify {backup.id}"
        if backup.is_good and age > BACKUP_FRESH:
            said = f"verified, but older than 24 hours: {BACKUP}"
        yield Record(backup.id, backup.taken_at, _age(age), backup.is_good and age <= BACKUP_FRESH, said, pk=backup.id)


def _rehearsals(connection: BaseDatabaseWrapper, identity: str, now: datetime) -> Iterator[Record]:
    for each in Rehearsal.objects.using(connection.alias).filter(identity=identity)[:3]:
        age, sound = now - each.backup_taken_at, is_sound(each)
        said = "passed" if each.passed else "failed"
        if not sound:
            said = "was edited since, and counts for nothing"
        elif each.passed and age > REHEARSAL_AGE:
            said = f"passed, but on data older than {REHEARSAL_AGE.days} days: {REHEARSE}"
        good = sound and each.passed and age <= REHEARSAL_AGE
        yield Record(f"of {each.backup_id}", each.finished_at, _age(now - each.finished_at), good, said, pk=each.pk)


def _moment(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


def _age(age: timedelta) -> str:
    """Return how long AGE is, in its largest unit."""
    if age < timedelta(minutes=1):
        return "less than a minute"
    now = datetime(2001, 1, 1)
    return timesince(now - age, now, depth=1).replace("\xa0", " ")
