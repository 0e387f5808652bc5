"""What has no legacy form: counted before a roll-back, and written to a file before it is gone."""

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from pathlib import Path

from django.conf import settings
from django.db.backends.base.base import BaseDatabaseWrapper
from django.utils import timezone

from config.sql import Queries
from separation.database import row
from separation.errors import ROLL_BACK, CheckFailed, Refused
from separation.identity import identity_of
from separation.models import Phase
from separation.planner import snapshot
from separation.waiting import Note

LOST = Queries(settings.BASE_DIR / "separation" / "sql" / "export.sql")
LABELS = {
    "customers": "customers with a log-in, a proof or parts of a name",
    "customer_profiles": "profiles that are filled in",
    "customer_restaurants": "notes and VIP marks of restaurants",
    "customer_sessions": "log-ins",
    "reservations": "reservations for another than their user",
    "orders": "orders for another than their user",
}

_BATCH = 2000
_SPARE = 1 << 20
_BLOCK = bytes(_SPARE)


def without_legacy_form(connection: BaseDatabaseWrapper) -> dict[str, tuple[int, int]]:
    """Return for each table how many rows a roll-back would export, and how many bytes; only reads."""
    with snapshot(connection):
        return {name: _extent(connection, name) for name in LOST}


def room_for(extents: dict[str, tuple[int, int]]) -> int:
    """Return how many bytes all of these take."""
    return sum(size for _, size in extents.values())


def exported_to(connection: BaseDatabaseWrapper) -> str | None:
    """Return where the roll-back that is under way exported to, '' if there was nothing, None if it has not yet."""
    return Phase.objects.using(connection.alias).get(pk=1).export_path


@contextmanager
def exported(connection: BaseDatabaseWrapper, room: int | None, note: Note) -> Iterator[dict[str, int]]:
    """Reserve ROOM bytes for the export, let the block change the phase, then write it; once for each roll-back.

    Yields what fills with the number of rows. In the block the new tables close: only after it nobody adds to them.
    Room that cannot be had is refused before the block. A failure after it raises CheckFailed with the command that
    goes on; nothing is purged then. The file, mode 0600, has its name only when all of it is on the disk; what a
    killed roll-back of this database left of it is used again.
    """
    done: dict[str, int] = {}
    if exported_to(connection) is not None:
        yield done
        return
    final = _free_path()
    partial = final.with_name(f".rollback-export-{_tag(connection)}.partial")
    try:
        _reserve(partial, room_for(without_legacy_form(connection)) if room is None else room)
        yield done
        count = done["exported"] = _write(connection, partial)
        if count:
            partial.rename(final)
            note(f"What has no legacy form, {count:,} {'row' if count == 1 else 'rows'}, is in {final}")
    finally:
        with suppress(OSError):
            partial.unlink()
    Phase.objects.using(connection.alias).update(export_path=str(final) if done["exported"] else "")


def _extent(connection: BaseDatabaseWrapper, name: str) -> tuple[int, int]:
    count, size = row(
        connection,
        f"SELECT count(*), coalesce(sum(octet_length(line) + 1), 0)::bigint FROM ({getattr(LOST, name)}) q (line)",  # noqa: S608
    )
    return count, size


def _tag(connection: BaseDatabaseWrapper) -> str:
    """Return what tells this database from others that have the same folder."""
    return hashlib.sha256(identity_of(connection).key().encode()).hexdigest()[:16]


def _free_path() -> Path:
    """Return the name of a new file in the folder of the backups: the first free second from now."""
    moment = timezone.now()
    while True:
        path: Path = settings.BACKUP_DIR / f"rollback-export-{moment:%Y-%m-%d-%H%M%S}.jsonl"
        if not path.exists():
            return path
        moment += timedelta(seconds=1)


def _reserve(path: Path, size: int) -> None:
    """Make the file, with SIZE bytes and some to spare really on the disk."""
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with os.fdopen(os.open(path, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600), "wb") as file:
            for _ in range(0, size + size // 10 + _SPARE, _SPARE):
                file.write(_BLOCK)
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise Refused(
            "export",
            f"What has no legacy form cannot be exported to {path.parent} ({error.strerror}), so nothing was changed.",
            f"make room in BACKUP_DIR, or set it to another folder, then: {ROLL_BACK}",
        ) from error


def _write(connection: BaseDatabaseWrapper, path: Path) -> int:
    """Write every row over the reserved room, and return how many there are."""
    count = 0
    try:
        with path.open("r+b") as file, snapshot(connection):
            for name in LOST:
                for lines in _lines(connection, getattr(LOST, name)):
                    file.writelines(lines)
                    count += len(lines)
            file.truncate()
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise CheckFailed(
            f"What has no legacy form could not be exported to {path.parent} ({error.strerror}). The phase is legacy, "
            "and nothing was purged.",
            f"make room in BACKUP_DIR, or set it to another folder, then: {ROLL_BACK}",
        ) from error
    return count


def _lines(connection: BaseDatabaseWrapper, query: str) -> Iterator[list[bytes]]:
    """Yield the lines of QUERY in batches, from a cursor of the server's: memory stays flat."""
    with connection.chunked_cursor() as cursor:
        cursor.execute(query, {})
        while batch := cursor.fetchmany(_BATCH):
            yield [f"{line}\n".encode() for (line,) in batch]
