"""Taking a backup: one snapshot of everything, in a folder that appears only once it is whole and was read back."""

import hashlib
import shutil
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from functools import partial
from itertools import count
from pathlib import Path

from django.conf import settings
from django.db import DatabaseError
from django.db.backends.base.base import BaseDatabaseWrapper

from separation.backups.clients import dump_section, dumped
from separation.backups.files import only_one, partial_folder, publish, verify, write_rows, write_stream, write_text
from separation.backups.manifest import (
    FORMAT_ENCRYPTED,
    FORMAT_IN_THE_CLEAR,
    FORMAT_WITH_DUMP,
    MANIFEST,
    SEALED,
    SUMS,
    Dump,
    Locale,
    Manifest,
    Table,
    read_manifest,
)
from separation.backups.records import BackupRecord, adopt_records, record_of, save_record
from separation.backups.sealing import SUFFIX, check_recipients
from separation.backups.session import QUERIES, Session, session
from separation.backups.workers import save_in_parallel
from separation.errors import CheckFailed, Refused
from separation.identity import identity_of
from separation.progress import Advance, progress

SECTIONS = {"pre-data": "schema-pre-data.sql", "post-data": "schema-post-data.sql"}
DUMP = "database.dump"
_ROOM_TO_SPARE = 64 * 1024 * 1024
_PLAIN = frozenset("abcdefghijklmnopqrstuvwxyz0123456789_")


def take(
    connection: BaseDatabaseWrapper, *, jobs: int = 1, recipients: Sequence[str] | None = None, dump: bool = False
) -> BackupRecord:
    """Take a backup of the whole database behind CONNECTION, verify it and put it on record.

    JOBS processes save a table each at a time, all on one snapshot: the files are the same as with one. Everything
    that is secret is encrypted to the public keys RECIPIENTS, by default those of the setting BACKUP_RECIPIENT, before
    it is written. With DUMP the folder also holds what pg_dump writes of the same snapshot, for pg_restore.

    Only reads, in one REPEATABLE READ snapshot; needs the right to SELECT and nothing else, and works on a standby.
    Raises Refused, naming the objects, where the backup could not be whole, where the disk has not the room or where
    another backup is being written; CheckFailed where the disk fills up all the same or the files read back differ.
    Whatever stops it, a kill included, leaves no folder that could be taken for a backup.
    """
    directory = Path(settings.BACKUP_DIR)
    keys = check_recipients(settings.BACKUP_RECIPIENT if recipients is None else recipients)
    try:
        with only_one(directory):
            record = _take(connection, directory, jobs, keys, dump=dump)
    except OSError as error:
        raise CheckFailed(
            f"The backup could not be written into {directory}, and nothing of it is left there: {error.strerror}.",
            f"df -h {directory}",
        ) from error
    with suppress(DatabaseError):  # the file is the record; the row follows whenever records are taken over
        adopt_records(connection)
    return record


@dataclass(frozen=True)
class _Target:
    """Where a backup is written, and how."""

    folder: Path
    name: str
    jobs: int
    recipients: list[str]
    dump: bool

    def write(self, name: str, text: str) -> tuple[str, str]:
        """Write a file that is nobody's business without a key; return its name and sum."""
        file = name + (SUFFIX if self.recipients else "")
        return file, write_text(self.folder / file, text, self.recipients)


def _take(
    connection: BaseDatabaseWrapper, directory: Path, jobs: int, recipients: list[str], *, dump: bool
) -> BackupRecord:
    name = _free_name(directory)
    with partial_folder(directory, name) as folder:
        target = _Target(folder, name, jobs, recipients, dump)
        with session(connection) as reader:
            with reader.looking():
                reader.refuse_what_is_hidden()
            with reader.snapshot() as (snapshot, tables):
                _refuse_without_room(directory, tables, times=2 if dump else 1)
                _save(reader, target, snapshot, tables)
        manifest, digest = read_manifest(folder)
        with progress("Reading back", manifest.bytes, "bytes") as advance:
            verify(folder, manifest, advance, jobs=jobs)
        record = record_of(manifest, directory / name, digest, datetime.now(UTC))
        save_record(record)
        publish(folder, record.path)
    return record


def _save(reader: Session, target: _Target, snapshot: str, tables: list[Table]) -> None:
    """Write every file of the backup; the sequences are read last, since they are in no snapshot."""
    schema_files = dict(_schema(reader, target, snapshot))
    tables = _save_tables(reader, target, snapshot, tables)
    dump = _save_dump(reader, target, snapshot) if target.dump else None
    manifest = _manifest(reader, target, snapshot, schema_files, tables)
    if dump:
        manifest.dump, manifest.format = dump, FORMAT_WITH_DUMP
    if target.recipients:
        schema_files.update([target.write(SEALED, manifest.secret())])
    digest = write_text(target.folder / MANIFEST, manifest.text())
    write_text(target.folder / SUMS, manifest.sums(digest))


def _save_tables(reader: Session, target: _Target, snapshot: str, tables: list[Table]) -> list[Table]:
    """Write the rows of every table and return the tables with their figures."""
    save = partial(_save_table, target.folder, recipients=target.recipients)
    with progress("Backing up", sum(table.disk_bytes for table in tables), "bytes on disk") as advance:
        if target.jobs > 1 and len(tables) > 1:
            return save_in_parallel(reader, snapshot, tables, save, jobs=target.jobs, advance=advance)
        for table in tables:
            save(reader, table, advance)
    return tables


def _save_table(folder: Path, reader: Session, table: Table, advance: Advance, *, recipients: Sequence[str]) -> None:
    table.file = _file_name(table) + (SUFFIX if recipients else "")
    share = _within(table.disk_bytes, advance)
    copy = reader.copy_out(table)
    write_rows(folder, table, copy, share, recipients)
    if copy.rows != table.rows:
        raise CheckFailed(f"The server sent {copy.rows} rows of {table.label}, but {table.rows} arrived.")
    share(table.disk_bytes)


def _save_dump(reader: Session, target: _Target, snapshot: str) -> Dump:
    file = DUMP + (SUFFIX if target.recipients else "")
    with dumped(reader.wrapper, snapshot) as source:
        return Dump(file, *write_stream(target.folder / file, source, target.recipients))


def _schema(reader: Session, target: _Target, snapshot: str) -> Iterator[tuple[str, str]]:
    for section, name in SECTIONS.items():
        yield target.write(name, dump_section(reader.wrapper, section, snapshot))


def _manifest(
    reader: Session, target: _Target, snapshot: str, schema_files: dict[str, str], tables: list[Table]
) -> Manifest:
    identity = identity_of(reader.wrapper)
    version, version_num, encoding, *locale, taken_at, xids = reader.rows(QUERIES.facts)[0]
    return Manifest(
        id=target.name,
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
        format=FORMAT_ENCRYPTED if target.recipients else FORMAT_IN_THE_CLEAR,
        recipients=target.recipients,
    )


def _migrations(reader: Session, tables: list[Table]) -> list[str]:
    if not any((table.schema, table.name) == ("public", "django_migrations") for table in tables):
        return []
    return [row[0] for row in reader.rows(QUERIES.migrations)]


def _refuse_without_room(directory: Path, tables: list[Table], times: int) -> None:
    """Compressed rows have never needed more room than the tables themselves."""
    needed = times * sum(table.disk_bytes for table in tables) + _ROOM_TO_SPARE
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
