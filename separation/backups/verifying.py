"""Finding backups, and finding out whether they are still whole."""

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from django.conf import settings
from django.db import DatabaseError
from django.db.backends.base.base import BaseDatabaseWrapper

from separation.backups.files import opened, verify
from separation.backups.manifest import Manifest, read_manifest
from separation.backups.records import BackupRecord, known_records, note_on_record, records
from separation.backups.sealing import Key
from separation.errors import CheckFailed, SeparationError, UsageFault
from separation.identity import identity_of
from separation.progress import progress


@dataclass(frozen=True)
class Verified:
    """A backup found whole; `recorded` says whether this project has a record of taking it, which now says so too.

    `rows_read` is false where it is encrypted and no private key was given.
    """

    folder: Path
    manifest: Manifest
    recorded: bool
    rows_read: bool


@dataclass(frozen=True)
class Listed:
    """One folder in BACKUP_DIR as `backup --list` shows it."""

    id: str
    taken_at: datetime | None
    rows: int
    bytes: int
    verified: str
    checked: str
    database: str


def find(name: str) -> Path:
    """Return the folder of the backup called NAME (its id, or a path); raises UsageFault if there is none."""
    for folder in (Path(settings.BACKUP_DIR) / name, Path(name)):
        if folder.is_dir():
            return folder.resolve()
    raise UsageFault(f"There is no backup {name!r}, neither as a path nor in {settings.BACKUP_DIR}.", _LIST)


def verify_backup(connection: BaseDatabaseWrapper, name: str, *, jobs: int = 1, key: Key | None = None) -> Verified:
    """Read every byte of the backup NAME again, JOBS files at a time, and note the outcome on its record.

    An encrypted one is whole if every byte is as it was written; with the KEY its rows are read and counted too.
    Raises CheckFailed naming the file, bytes and lines that are damaged; its record then no longer says verified.
    """
    folder = find(name)
    manifest, digest = read_manifest(folder)
    try:
        manifest = opened(folder, manifest, key) if key else manifest
        with progress("Verifying", manifest.bytes, "bytes") as advance:
            verify(folder, manifest, advance, jobs=jobs, key=key)
    except CheckFailed:
        note_on_record(connection, digest, folder, verified_at=None)
        raise
    recorded = note_on_record(connection, digest, folder, verified_at=datetime.now(UTC))
    return Verified(folder, manifest, recorded, rows_read=bool(key or not manifest.recipients))


def listing(connection: BaseDatabaseWrapper) -> list[Listed]:
    """Return what is in BACKUP_DIR, newest first; works with the database unreachable too."""
    try:
        identity = identity_of(connection).key()
        known = {record.manifest_sha256: record for record in known_records(connection)}
    except DatabaseError:
        identity, known = "", {}
    known |= {record.manifest_sha256: record for record in records()}
    folders = sorted(Path(settings.BACKUP_DIR).glob("backup-*"), reverse=True)
    return [_listed(folder, identity, known) for folder in folders]


_LIST = "python manage.py backup --list"


def _listed(folder: Path, identity: str, known: dict[str, BackupRecord]) -> Listed:
    try:
        manifest, digest = read_manifest(folder)
    except SeparationError:
        return Listed(folder.name, None, 0, 0, "damaged", "", "unknown")
    whose = "unreachable" if not identity else "this" if manifest.identity == identity else "another"
    verified, checked = _states(known.get(digest))
    database = f"{whose} ({manifest.database['name']})"
    return Listed(manifest.id, manifest.taken_at, manifest.rows, manifest.bytes, verified, checked, database)


def _states(record: BackupRecord | None) -> tuple[str, str]:
    """Return in words when a backup was last read, and when it was last restored for a check."""
    if record is None:
        return "no record", ""
    verified, checked = (at and f"{at:%Y-%m-%d %H:%M}" for at in (record.verified_at, record.checked_at))
    return verified or "damaged", "failed" if record.check_failed else checked or "never"
