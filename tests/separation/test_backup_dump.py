"""A dump for pg_restore beside the rows: of the same snapshot, as well verified, as well encrypted."""

import errno
import hashlib
import json
import subprocess
from collections.abc import Iterator

import pyrage
import pytest
from django.core.management import call_command
from django.db import connection

from config.embedded_postgres.programs import program
from separation.backups import clients, files, latest_verified, take, taking, verify_backup
from separation.errors import CheckFailed
from tests.databases import Databases, database_url, default_connection_to
from tests.separation.backups import execute, files_in

pytestmark = pytest.mark.engine


@pytest.fixture
def name(databases: Databases, django_db_blocker, backup_dir) -> Iterator[str]:
    with django_db_blocker.unblock(), databases.empty() as name, default_connection_to(name):
        execute(name, "CREATE TABLE people AS SELECT generate_series(1, 9) AS id")
        yield name


def test_pg_restore_brings_back_what_the_rows_are_of(name, databases, monkeypatch):
    dumped = clients.dumped

    def write_and_dump(*arguments):
        execute(name, "INSERT INTO people VALUES (10)")
        return dumped(*arguments)

    monkeypatch.setattr(taking, "dumped", write_and_dump)
    record = take(connection, dump=True)
    assert record.rows == 9
    with databases.empty() as target:
        restored = [str(program("pg_restore")), "--no-owner", f"--dbname={database_url(target)}"]
        # On an older server than itself it reports a setting that is not known there, and goes on.
        subprocess.run([*restored, str(record.path / "database.dump")], check=False)
        assert execute(target, "SELECT count(*), max(id) FROM people") == [(9, 9)]


def test_it_is_in_the_manifest_and_in_the_sums(name):
    folder = take(connection, dump=True).path
    manifest = json.loads((folder / "manifest.json").read_text())
    content = (folder / "database.dump").read_bytes()
    digest = hashlib.sha256(content).hexdigest()
    assert content.startswith(b"PGDMP")
    assert manifest["dump"] == {"file": "database.dump", "bytes": len(content), "sha256": digest}
    assert f"{digest}  database.dump\n" in (folder / "SHA256SUMS").read_text()
    assert manifest["format"] == 3


def test_without_it_older_versions_can_read_the_backup(name):
    folder = take(connection).path
    manifest = json.loads((folder / "manifest.json").read_text())
    assert (manifest["format"], manifest.get("dump")) == (1, None)
    assert "database.dump" not in files_in(folder)


def test_a_changed_byte_is_found_and_named(name):
    record = take(connection, dump=True)
    path = record.path / "database.dump"
    whole = path.read_bytes()
    path.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    with pytest.raises(CheckFailed) as failed:
        verify_backup(connection, record.id)
    assert failed.value.message == f"{path} is missing or damaged: it has not the sum of the manifest."
    assert latest_verified(connection) is None


def test_a_missing_one_does_not_count(name):
    (take(connection, dump=True).path / "database.dump").unlink()
    assert latest_verified(connection) is None


def test_it_is_encrypted_as_one_message(name):
    key = pyrage.x25519.Identity.generate()
    folder = take(connection, recipients=[str(key.to_public())], dump=True).path
    assert "database.dump" not in files_in(folder)
    sealed = (folder / "database.dump.age").read_bytes()
    assert b"people" not in sealed
    assert pyrage.decrypt(sealed, [key]).startswith(b"PGDMP")
    verify_backup(connection, str(folder))


def test_a_dump_that_fails_leaves_no_backup(name, backup_dir, monkeypatch):
    monkeypatch.setattr(clients, "program", lambda name: "/bin/false")
    monkeypatch.setattr(taking, "_schema", lambda *_: iter(()))
    with pytest.raises(CheckFailed, match=r"^pg_dump could not save the database: nothing$"):
        take(connection, dump=True)
    assert files_in(backup_dir) == [".lock"]


@pytest.mark.parametrize("encrypted", [False, True])
def test_a_disk_that_fills_leaves_no_backup(encrypted, name, backup_dir, monkeypatch):
    def full(self, data):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(files._Summed, "write", full)
    recipients = [str(pyrage.x25519.Identity.generate().to_public())] if encrypted else []
    with pytest.raises(CheckFailed, match=r"could not be written into .*: No space left on device\.$"):
        take(connection, recipients=recipients, dump=True)
    assert files_in(backup_dir) == [".lock"]


def test_the_command_takes_it(name, backup_dir):
    call_command("backup", "--dump")
    (folder,) = backup_dir.glob("backup-*")
    assert (folder / "database.dump").stat().st_mode & 0o777 == 0o600
