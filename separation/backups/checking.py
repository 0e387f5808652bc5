"""Proving that a backup can be restored: into a scratch database, compared, dropped, put on record."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import psycopg
from django.db.backends.base.base import BaseDatabaseWrapper

from separation.backups.clients import dump_section
from separation.backups.files import read_text
from separation.backups.manifest import Manifest, read_manifest
from separation.backups.records import note_on_record
from separation.backups.restoring import NAMED_AT_MOST, Restored, create_database, restore, same_wording
from separation.backups.scratch import scratch_database
from separation.backups.sealing import Key
from separation.backups.session import session
from separation.backups.taking import SECTIONS
from separation.environment import SCRATCH
from separation.errors import CheckFailed

_ENTRY = re.compile(r"^--\n-- Name: (.*; Type: .*; Schema: .*); Owner: .*\n--\n", re.MULTILINE)
_DUMPED_BY = re.compile(r"^-- Dumped (?:from database|by pg_dump) version .*$", re.MULTILINE)
_SETTING = re.compile(r"^SET default_\w+ = .*;\n", re.MULTILINE)
# In the scratch database alone: the mark that it is one. And the schema that every database has.
_NOT_OF_THE_BACKUP = re.compile(r"(separation_environment\b|public; Type: SCHEMA)")
# What is written in them is text of a person's, so it comes out letter by letter.
_VERBATIM = re.compile(r"; Type: (FUNCTION|PROCEDURE|COMMENT); ")
# SQLSTATE: data exceptions, violated constraints, statements that make no sense.
_OF_THE_DATA = ("22", "23", "42")
_NO_PRIVILEGE = "42501"


@dataclass(frozen=True)
class Checked:
    """A backup found to be restorable; `entries` of pg_dump's text are equal, None if another version words them."""

    restored: Restored
    entries: int | None
    recorded: bool


def check(
    connection: BaseDatabaseWrapper, folder: Path, beside: BaseDatabaseWrapper, *, key: Key | None = None
) -> Checked:
    """Restore the backup in FOLDER into a scratch database on the server of BESIDE, compare all of it, and drop that.

    Rows, sequences and objects are compared as `restore` does; then what pg_dump writes of the scratch database with
    what it wrote of the original, entry by entry. The outcome is noted on the backup's record: one that failed no
    longer counts as verified, until another check succeeds; unless the server was to blame. Raises what `restore` does.
    """
    manifest, digest = read_manifest(folder)
    try:
        with scratch_database(beside, lambda server, name: create_database(server, name, manifest)) as scratch:
            restored = restore(scratch, folder, SCRATCH, key=key)
            entries = _compare_text(scratch, folder, manifest, key)
    except CheckFailed as error:
        if _is_about_the_backup(error):
            note_on_record(connection, digest, folder, checked_at=datetime.now(UTC), check_failed=error.message)
        raise
    recorded = note_on_record(connection, digest, folder, checked_at=datetime.now(UTC), check_failed="")
    return Checked(restored, entries, recorded)


def _is_about_the_backup(error: CheckFailed) -> bool:
    """Return whether the backup is to blame: not for a server that is lost, full, or lacks an extension or a right."""
    cause = error.__cause__
    return not isinstance(cause, psycopg.Error) or (
        (cause.sqlstate or "").startswith(_OF_THE_DATA) and cause.sqlstate != _NO_PRIVILEGE
    )


def _compare_text(scratch: BaseDatabaseWrapper, folder: Path, manifest: Manifest, key: Key | None) -> int | None:
    """Return how many entries were compared; raises CheckFailed naming those that differ."""
    saved = [read_text(folder, manifest, name, key) for name in SECTIONS.values()]
    with session(scratch) as reader:
        found = [dump_section(reader.wrapper, section) for section in SECTIONS]
    if _DUMPED_BY.findall(saved[0]) != _DUMPED_BY.findall(found[0]):
        return None
    here, there = ({entry for text in texts for entry in _entries(text)} for texts in (saved, found))
    if different := sorted({name.replace("; ", ", ") for name, _ in here ^ there}):
        raise CheckFailed(f"pg_dump words the restored schema another way: {' / '.join(different[:NAMED_AT_MOST])}.")
    return len(here)


def _entries(text: str) -> Iterator[tuple[str, str]]:
    _, *parts = _ENTRY.split(text)
    for name, body in zip(parts[::2], parts[1::2], strict=True):
        if not _NOT_OF_THE_BACKUP.match(name):
            plain = _SETTING.sub("", body.partition("\n--\n-- PostgreSQL database dump complete")[0]).strip()
            yield name, plain if _VERBATIM.search(name) else same_wording(plain)
