"""Taking a backup: one snapshot of everything, in a folder that appears only once it is whole and was read back."""

import hashlib
import shutil
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict
from datetime import UTC, datetime
from functools import partial
from itertools import count
from pathlib import Path

from django.conf import settings
from django.db import DatabaseError
from django.db.backends.base.base import BaseDatabaseWrapper

from separation.backups.clients import dump_section
from separation.backups.files import only_one, partial_folder, publish, verify, write_rows, write_text
from separation.backups.manifest import MANIFEST, SUMS, Locale, Manifest, Table, read_manifest
from separation.backups.records import BackupRecord, adopt_records, record_of, save_record
from separation.backups.session import QUERIES, Session, session
from separation.backups.workers import Save, save_in_parallel
from separation.errors import CheckFailed, Refused
from separation.identity import identity_of
from separation.progress import Advance, progress

SECTIONS = {"pre-data": "schema-pre-data.sql", "post-data": "schema-post-data.sql"}
_ROOM_TO_SPARE = 64 * 1024 * 1024
_PLAIN = frozenset("abcdefghijklmnopqrstuvwxyz0123456789_")


def take(connection: BaseDatabaseWrapper, *, jobs: int = 1) -> BackupRecord:
    """Take a backup of the whole database behind CONNECTION, verify it and put it on record.

    JOBS processes save a table each at a time, all on one snapshot: the files are the same as with one.
    Only reads, in one REPEATABLE READ snapshot; needs the right to SELECT and nothing else, and works on a standby.
    Raises Refused, naming the objects, where the backup could not be whole, where the disk has not the room or where
    another backup is being written; CheckFailed where the disk fills up all the same or the files read back differ.
    Whatever stops it, a kill included, leaves no folder that could be taken for a backup.
    """
    directory = Path(settings.BACKUP_DIR)
    try:
        with only_one(directory):
            record = _take(connection, directory, jobs)
    except OSError as error:
        raise CheckFailed(
            f"The backup could not be written into {directory}, and nothing of it is left there: {error.strerror}.",
            f"df -h {directory}",
        ) from error
    with suppress(DatabaseError):  # the file is the record; the row follows whenever records are taken over
        adopt_records(connection)
    return record


def _take(connection: BaseDatabaseWrapper, directory: Path, jobs: int) -> BackupRecord:
    name = _free_name(directory)
    with partial_folder(directory, name) as folder:
        with session(connection) as reader:
            reader.refuse_what_is_hidden()
            with reader.snapshot() as (snapshot, tables):
                _refuse_without_room(directory, tables)
                _save(reader, folder, name, snapshot, tables, jobs)
        manifest, digest = read_manifest(folder)
        with progress("Reading back", manifest.bytes, "bytes") as advance:
            verify(folder, manifest, advance, jobs=jobs)
        record = record_of(manifest, directory / name, digest, datetime.now(UTC))
        save_record(record)
        publish(folder, record.path)
    return record


def _save(reader: Session, folder: Path, name: str, snapshot: str, tables: list[Table], jobs: int) -> None:
    """Write every file of the backup into FOLDER; the sequences last, since they are in no snapshot."""
    schema_files = dict(_schema(reader, folder, snapshot))
    with progress("Backing up", sum(table.disk_bytes for table in tables), "bytes on disk") as advance:
        tables = _save_tables(reader, snapshot, tables, partial(_save_table, folder), jobs, advance)
    manifest = _manifest(reader, name, snapshot, schema_files, tables)
    digest = write_text(folder / MANIFEST, manifest.text())
    write_text(folder / SUMS, manifest.sums(digest))


def _save_tables(
    reader: Session, snapshot: str, tables: list[Table], save: Save, jobs: int, advance: Advance
) -> list[Table]:
    if jobs > 1 and len(tables) > 1:
        return save_in_parallel(reader, snapshot, tables, save, jobs=jobs, advance=advance)
    for table in tables:
        save(reader, table, advance)
    return tables


def _save_table(folder: Path, reader: Session, table: Table, advance: Advance) -> None:
    table.file = _file_name(table)
    share = _within(table.disk_bytes, advance)
    copy = reader.copy_out(table)
    write_rows(folder, table, copy, share)
    if copy.rows != table.rows:
        raise CheckFailed(f"The server sent {copy.rows} rows of {table.label}, but {table.rows} arrived.")
    share(table.disk_bytes)


def _schema(reader: Session, folder: Path, snapshot: str) -> Iterator[tuple[str, str]]:
    for section, name in SECTIONS.items():
        yield name, write_text(folder / name, dump_section(reader.wrapper, section, snapshot))


def _manifest(reader: Session, name: str, snapshot: str, schema_files: dict[str, str], tables: list[Table]) -> Manifest:
    identity = identity_of(reader.wrapper)
    version, version_num, encoding, *locale, taken_at, xids = reader.rows(QUERIES.facts)[0]
    return Manifest(
        id=name,
        taken_at=taken_at.replace(tzinfo=UTC),
        identity=identity.key(),
        database=asdict(identity),
        server_version=version,
        server_version_num=version_num,
        encoding=encoding,
        locale=Locale(*locale),
        snapshot=snapshot,
        snapshot_xids=xids,
        migrations=_migrations(reader, tables),
        schema_files=schema_files,
        definition_only=[f"{kind} {relation}" for kind, relation in reader.rows(QUERIES.definition_only)],
        tables=tables,
        objects=reader.objects(),
        sequences=reader.sequences(),
    )


def _migrations(reader: Session, tables: list[Table]) -> list[str]:
    if not any((table.schema, table.name) == ("public", "django_migrations") for table in tables):
        return []
    return [row[0] for row in reader.rows(QUERIES.migrations)]


def _refuse_without_room(directory: Path, tables: list[Table]) -> None:
    """Compressed rows have never needed more room than the tables themselves."""
    needed = sum(table.disk_bytes for table in tables) + _ROOM_TO_SPARE
    free = shutil.disk_usage(directory).free
    if free < needed:
        raise Refused(
            "disk-space",
            f"{directory} has {free // 2**20:,} MB free; a backup of this database may need {needed // 2**20:,} MB.",
            "make room there, or set BACKUP_DIR to a folder on another disk",
        )


def _within(most: int, advance: Advance) -> Advance:
    """Return ADVANCE for one table's share of the bar: its rows as text may be longer than it is on the disk."""
    left = most

    def step(done: int) -> None:
        nonlocal left
        done = min(done, left)
        left -= done
        advance(done)

    return step


def _free_name(directory: Path) -> str:
    name = f"backup-{datetime.now(UTC):%Y-%m-%d-%H%M%S}"
    names = (name if number == 1 else f"{name}-{number}" for number in count(1))
    return next(name for name in names if not (directory / name).exists())


def _file_name(table: Table) -> str:
    """Return a name that any file system takes, unlike every other table's also where case does not count."""
    parts = [table.name] if table.schema == "public" else [table.schema, table.name]
    name = ".".join("".join(map(_escaped, part)) for part in parts)
    if len(name) > 150:
        name = f"{name[:120]}~{hashlib.sha256(name.encode()).hexdigest()[:16]}"
    return f"{name}.jsonl.zst"


def _escaped(character: str) -> str:
    return character if character in _PLAIN else "".join(f"%{byte:02x}" for byte in character.encode())
