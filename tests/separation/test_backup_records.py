"""What counts as a verified backup: only what this project took, of this very database, and is still whole."""

import json
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection

from separation.backups import adopt_records, known_records, latest_verified, newest_records, take, verify_backup
from separation.backups.records import note_on_record
from separation.errors import CheckFailed
from separation.identity import identity_of
from separation.models import Backup
from tests.databases import Databases, default_connection_to, server
from tests.separation.backups import connected, execute, rewrite_manifest


@pytest.fixture
def name(databases: Databases, django_db_blocker) -> Iterator[str]:
    with django_db_blocker.unblock(), databases.empty() as name, default_connection_to(name):
        execute(name, "CREATE TABLE people AS SELECT generate_series(1, 9) AS id")
        yield name


def test_there_is_none_before_the_first(name, backup_dir):
    assert latest_verified(connection) is None


def test_the_newest_counts_on_a_database_that_has_nothing_of_ours(name, backup_dir, monkeypatch):
    take(connection)
    newest = take(connection)
    assert latest_verified(connection) == newest
    assert newest.verified_at is not None
    assert timedelta() <= newest.age(datetime.now(UTC)) < timedelta(minutes=1)
    assert len(known_records(connection)) == 2
    monkeypatch.setattr("separation.backups.records.NEWEST", 1)
    assert newest_records(connection, newest.identity) == [newest]


def test_a_backup_of_another_database_does_not_count(name, databases, backup_dir):
    take(connection)
    with databases.empty() as other, connected(other) as elsewhere:
        assert latest_verified(elsewhere) is None


def test_a_clone_has_no_backup_though_it_has_the_records(legacy_database, databases, backup_dir):
    legacy = legacy_database("plain", adopted=True)
    take(legacy.connection)
    legacy.connection.close()
    clone = databases._create(legacy.name)
    try:
        with connected(clone) as elsewhere:
            assert latest_verified(elsewhere) is None
    finally:
        databases._drop(clone)


def test_another_database_of_the_same_name_has_no_backup(databases, backup_dir, django_db_blocker):
    with django_db_blocker.unblock(), server() as admin, databases.empty() as name:
        with connected(name) as former:
            take(former)
            assert latest_verified(former) is not None
        with admin.cursor() as cursor:
            cursor.execute(f'DROP DATABASE "{name}" WITH (FORCE)')
            cursor.execute(f'CREATE DATABASE "{name}" TEMPLATE template0')
        with connected(name) as another:
            assert latest_verified(another) is None


def test_a_folder_that_is_gone_does_not_count(name, backup_dir):
    shutil.rmtree(take(connection).path)
    assert latest_verified(connection) is None


def test_a_folder_that_lost_a_file_does_not_count(name, backup_dir):
    (take(connection).path / "people.jsonl.zst").unlink()
    assert latest_verified(connection) is None


def test_a_damaged_backup_stops_counting_once_it_is_found_out(name, backup_dir):
    record = take(connection)
    file = record.path / "people.jsonl.zst"
    whole = file.read_bytes()
    file.write_bytes(whole[:-1] + b"!")

    with pytest.raises(CheckFailed):
        verify_backup(connection, record.id)
    assert latest_verified(connection) is None

    file.write_bytes(whole)
    assert verify_backup(connection, record.id).recorded
    assert [known.id for known in known_records(connection) if known.verified_at] == [record.id]


@pytest.mark.parametrize("field", ["identity", "taken_at", "verified_at", "manifest_sha256", "path"])
def test_a_record_changed_by_hand_does_not_count(field, name, backup_dir):
    record = take(connection)
    path = backup_dir / "records" / f"{record.id}.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {field: "2030-01-01T00:00:00+00:00"}))
    assert known_records(connection) == []


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"signature": "x"}', "null"])
def test_a_record_that_is_none_is_ignored(content, name, backup_dir):
    (backup_dir / "records").mkdir(parents=True)
    (backup_dir / "records" / "backup-1.json").write_text(content)
    assert known_records(connection) == []


def test_a_record_signed_with_the_former_key_still_counts(name, backup_dir, settings):
    take(connection)
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = "another key " * 6, [settings.SECRET_KEY]
    assert latest_verified(connection) is not None
    settings.SECRET_KEY_FALLBACKS = []
    assert latest_verified(connection) is None


def test_a_folder_cannot_claim_to_be_of_this_database(name, databases, backup_dir):
    with databases.empty() as other, connected(other) as elsewhere:
        record = take(elsewhere)
    rewrite_manifest(record.path, identity=identity_of(connection).key())

    assert not verify_backup(connection, record.id).recorded
    assert latest_verified(connection) is None


def test_records_are_taken_over_at_adoption(legacy_database, backup_dir):
    legacy = legacy_database("plain", adopted=True)
    Backup.objects.all().delete()
    record = take(legacy.connection)
    row = Backup.objects.get()
    assert (row.id, row.identity, row.rows) == (record.id, record.identity, record.rows)
    assert (row.taken_at, row.verified_at) == (record.taken_at, record.verified_at)

    Backup.objects.all().delete()
    assert adopt_records(legacy.connection) == 1
    assert adopt_records(legacy.connection) == 1
    assert Backup.objects.get().manifest_sha256 == record.manifest_sha256


def test_the_row_speaks_where_the_file_is_lost(legacy_database, backup_dir):
    legacy = legacy_database("plain", adopted=True)
    record = take(legacy.connection)
    shutil.rmtree(backup_dir / "records")
    assert latest_verified(legacy.connection) == record


@pytest.mark.parametrize(
    "edit", ["verified_at = now()", "taken_at = now()", "rows = rows + 1", "check_failed = ''", "signature = ''"]
)
def test_a_row_changed_by_hand_does_not_count(edit, legacy_database, backup_dir):
    legacy = legacy_database("plain", adopted=True)
    take(legacy.connection)
    note_on_record(legacy.connection, Backup.objects.get().manifest_sha256, backup_dir, check_failed="the disk")
    shutil.rmtree(backup_dir / "records")
    assert len(known_records(legacy.connection)) == 1
    execute(legacy.name, f"UPDATE separation_backups SET {edit}")
    assert known_records(legacy.connection) == []


def test_the_row_too_says_that_a_trial_failed(legacy_database, backup_dir):
    legacy = legacy_database("plain", adopted=True)
    record = take(legacy.connection)
    note_on_record(
        legacy.connection, record.manifest_sha256, record.path, checked_at=record.verified_at, check_failed="the disk"
    )
    shutil.rmtree(backup_dir / "records")
    assert latest_verified(legacy.connection) is None
    assert Backup.objects.get().check_failed == "the disk"


def test_taking_over_does_nothing_without_the_table(name, backup_dir):
    take(connection)
    assert adopt_records(connection) == 0
