"""Which backups of which database are on record as verified.

A record is a file in BACKUP_DIR/records, so that it works for a database that has nothing of ours in it, and a row in
`separation_backups` where that table is. Both are signed: edited, or made by another hand, they count for nothing. Only
`backup` makes one: a folder cannot claim to be a backup of this database, whatever its manifest says.
"""

import json
import os
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import DatabaseError
from django.db.backends.base.base import BaseDatabaseWrapper

from config.sql import Queries
from separation.backups.files import sync, write_text
from separation.backups.manifest import Dump, Manifest, Table, read_manifest
from separation.database import now_of
from separation.errors import SeparationError
from separation.identity import identity_of
from separation.signing import is_signed, sign

QUERIES = Queries(Path(__file__).with_name("records.sql"))
# What a page looks at: as many files, and as many rows.
NEWEST = 100
_SALT = "separation.backups.record"


@dataclass(frozen=True)
class BackupRecord:
    """A backup that this project took: of which database, when, and when it was last found whole.

    `checked_at` is when it was last restored for a check, and `check_failed` why that failed, if it did.
    """

    id: str
    path: Path
    identity: str
    taken_at: datetime
    verified_at: datetime | None
    tables: int
    rows: int
    bytes: int
    manifest_sha256: str
    checked_at: datetime | None = None
    check_failed: str = ""

    def age(self, now: datetime) -> timedelta:
        """Return how old it is by the server's clock, which stamped it: negative if that was set back since."""
        return now - self.taken_at

    @property
    def is_good(self) -> bool:
        """Whether it was found whole, and nothing is known against it."""
        return self.verified_at is not None and not self.check_failed

    @property
    def is_there(self) -> bool:
        """Whether the folder still holds the manifest that was recorded, and files of the sizes it lists."""
        try:
            manifest, digest = read_manifest(self.path)
            files: list[Table | Dump] = [*manifest.tables, *([manifest.dump] if manifest.dump else [])]
            sizes = [(self.path / file.file).stat().st_size == file.bytes for file in files]
        except (SeparationError, OSError):
            return False
        return digest == self.manifest_sha256 and all(sizes)


def record_of(manifest: Manifest, path: Path, manifest_sha256: str, verified_at: datetime) -> BackupRecord:
    """Return the record of a backup just taken."""
    return BackupRecord(
        id=manifest.id,
        path=path,
        identity=manifest.identity,
        taken_at=manifest.taken_at,
        verified_at=verified_at,
        tables=len(manifest.tables),
        rows=manifest.rows,
        bytes=manifest.bytes,
        manifest_sha256=manifest_sha256,
    )


def save_record(record: BackupRecord) -> None:
    """Write the record's signed file, whole or not at all."""
    content = _content(record)
    path = Path(settings.BACKUP_DIR) / "records" / f"{record.id}.json"
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = path.with_suffix(f".{os.getpid()}")
    draft.unlink(missing_ok=True)
    write_text(draft, json.dumps({**content, "signature": sign(_SALT, content)}, indent=1) + "\n")
    draft.replace(path)
    sync(path.parent)


def records(most: int | None = None) -> list[BackupRecord]:
    """Return the records in files whose signature holds, newest first; of MOST files at most, by their names."""
    files = sorted((Path(settings.BACKUP_DIR) / "records").glob("*.json"), key=lambda path: path.stem, reverse=True)
    found = map(_read, files[:most])
    return sorted(filter(None, found), key=lambda record: record.taken_at, reverse=True)


def adopt_records(connection: BaseDatabaseWrapper) -> int:
    """Take the records of this very database over into `separation_backups`; return how many it holds now of them.

    Does nothing where the table is missing or this role cannot write it (a standby, say).
    """
    own = [record for record in records() if record.identity == identity_of(connection).key()]
    with connection.cursor() as cursor:
        if not own or not _table_is(cursor, "writable"):
            return 0
        cursor.executemany(
            QUERIES.adopt,
            [asdict(record) | {"path": str(record.path), "signature": sign(_SALT, _content(record))} for record in own],
        )
    return len(own)


def known_records(connection: BaseDatabaseWrapper) -> list[BackupRecord]:
    """Return the records of the database behind CONNECTION, from files and from its own table, newest first."""
    return _records_of(connection, identity_of(connection).key())


def newest_records(connection: BaseDatabaseWrapper, identity: str) -> list[BackupRecord]:
    """Return the newest of them, for a page to show: proving the signatures of years of backups takes a second."""
    return _records_of(connection, identity, NEWEST)


def _records_of(connection: BaseDatabaseWrapper, identity: str, most: int | None = None) -> list[BackupRecord]:
    # The files are written first, so where both speak of a backup the file knows better.
    both = [*_rows(connection, most), *records(most)]
    found = {record.id: record for record in both if record.identity == identity}
    return sorted(found.values(), key=lambda record: record.taken_at, reverse=True)


def latest_verified(connection: BaseDatabaseWrapper) -> BackupRecord | None:
    """Return the newest backup of this very database that may be relied on and whose folder is still there.

    One that was taken in the future, by the server's clock, comes last: that clock was set back, and nobody knows how
    old it is.
    """
    now = now_of(connection)
    known = sorted(known_records(connection), key=lambda record: record.taken_at > now)
    return next((record for record in known if record.is_good and record.is_there), None)


def note_on_record(connection: BaseDatabaseWrapper, manifest_sha256: str, folder: Path, **outcome: Any) -> bool:
    """Note the OUTCOME of reading or restoring the backup in FOLDER on its record; False if it has none."""
    known = records()
    with suppress(DatabaseError):  # a backup is checked most urgently when the database is gone
        known += _rows(connection)
    record = next((record for record in known if record.manifest_sha256 == manifest_sha256), None)
    if record is None:
        return False
    save_record(replace(record, path=folder, **outcome))
    with suppress(DatabaseError):
        adopt_records(connection)
    return True


def forget_record(connection: BaseDatabaseWrapper, record: BackupRecord) -> None:
    """Remove the record of a backup that is gone: its file, and its row where this role may."""
    (Path(settings.BACKUP_DIR) / "records" / f"{record.id}.json").unlink(missing_ok=True)
    with suppress(DatabaseError), connection.cursor() as cursor:  # a row without its folder counts for nothing
        cursor.execute(QUERIES.forget, {"id": record.id})


def _rows(connection: BaseDatabaseWrapper, most: int | None = None) -> list[BackupRecord]:
    with connection.cursor() as cursor:
        if not _table_is(cursor, "readable"):
            return []
        cursor.execute(QUERIES.rows, {"most": most})
        found = [(BackupRecord(row[0], Path(row[1]), *row[2:-1]), row[-1]) for row in cursor.fetchall()]
    return [record for record, signature in found if is_signed(_SALT, _content(record), signature)]


def _table_is(cursor: Any, how: str) -> bool:
    cursor.execute(getattr(QUERIES, how))
    return bool(cursor.fetchone()[0])


def _read(path: Path) -> BackupRecord | None:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        signature = content.pop("signature")
        if not is_signed(_SALT, content, signature):
            return None
        moments = {
            name: datetime.fromisoformat(content[name])
            for name in ("taken_at", "verified_at", "checked_at")
            if content.get(name)
        }
        return BackupRecord(**{**content, **moments, "path": Path(content["path"])})
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def _content(record: BackupRecord) -> dict[str, Any]:
    """Return what is signed of a record, the same whether it comes from a file or from a row."""
    return {name: _plain(value) for name, value in asdict(record).items()}


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    return str(value) if isinstance(value, Path) else value
