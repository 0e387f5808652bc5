"""A backup is proven by restoring it beside the original, and nothing of that stays behind."""

import hashlib
import json
import secrets
import signal
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest
from django.core.management import call_command
from django.db import connection

from separation.backups import check, checking, latest_verified, records, restoring, scratch, take
from separation.errors import CheckFailed, Refused
from tests.databases import Databases, default_connection_to
from tests.separation.backups import Stopped, connected, dump, execute, fill_with_everything, rewrite_manifest


@pytest.fixture(autouse=True)
def prefix(monkeypatch) -> str:
    """Scratch databases of this test's own: other tests may be making theirs on the same server."""
    prefix = f"separation_scratch_{secrets.token_hex(4)}_"
    monkeypatch.setattr(scratch, "_PREFIX", prefix)
    return prefix


def left(name: str) -> list[str]:
    found = execute(name, f"SELECT datname FROM pg_database WHERE starts_with(datname, '{scratch._PREFIX}')")
    return [datname for (datname,) in found]


@pytest.fixture
def name(databases: Databases, django_db_blocker) -> Iterator[str]:
    with django_db_blocker.unblock(), databases.empty() as name, default_connection_to(name):
        yield name


@pytest.fixture
def folder(name, backup_dir) -> Path:
    execute(name, "CREATE TYPE mood AS ENUM ('sad'); COMMENT ON TYPE mood IS 'how one is'")
    execute(name, "CREATE TABLE people (id serial, note text); INSERT INTO people (note) VALUES ('a'), ('b')")
    return take(connection).path


def forge(folder: Path, found: str, changed: str) -> None:
    """Change the schema as somebody would who can make all sums, and the record, agree with it."""
    file = folder / "schema-pre-data.sql"
    file.write_text(file.read_text().replace(found, changed, 1))
    sums, former = folder / "SHA256SUMS", json.loads((folder / "manifest.json").read_text())["schema_files"]
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    sums.write_text(sums.read_text().replace(former[file.name], digest))
    rewrite_manifest(folder, schema_files=former | {file.name: digest})
    record = records.records()[0]
    manifest_sha256 = hashlib.sha256((folder / "manifest.json").read_bytes()).hexdigest()
    records.save_record(replace(record, manifest_sha256=manifest_sha256))


def test_the_command_says_what_was_compared_and_puts_it_on_record(folder, name, backup_dir, capsys):
    before = dump(name)
    call_command("restore", folder.name, check=True)
    assert capsys.readouterr().out.splitlines() == [
        f"{folder.name} restored into a scratch database: 1 tables, 2 rows, 1 sequences, 6 schema objects: "
        "all compared, all equal",
        "The schema as pg_dump writes it: 6 entries, all equal",
        "The scratch database is dropped. The backup's record says so.",
    ]
    assert left(name) == []
    assert dump(name) == before
    record = latest_verified(connection)
    assert record
    assert record.checked_at
    call_command("backup", list=True)
    assert f"  {record.checked_at:%Y-%m-%d %H:%M}  this" in capsys.readouterr().out


def test_every_kind_of_object_is_worded_the_same(name, backup_dir):
    fill_with_everything(name)
    checked = check(connection, take(connection).path, connection)
    assert (checked.recorded, checked.entries) == (True, 56)


def test_an_adopted_database_is_worded_the_same(legacy_database, backup_dir):
    legacy = legacy_database("ahead", adopted=True)
    checked = check(legacy.connection, take(legacy.connection).path, legacy.connection)
    assert checked.recorded
    assert checked.entries
    assert checked.entries > 300


def failure(folder: Path, name: str, capsys: pytest.CaptureFixture[str]) -> str:
    with pytest.raises(SystemExit) as done:
        call_command("restore", folder.name, check=True)
    assert done.value.code == 1
    assert left(name) == []
    return capsys.readouterr().err.splitlines()[-1]


def test_a_backup_that_fails_no_longer_counts(folder, name, capsys):
    forge(folder, "note text", "note varchar(3)")
    said = failure(folder, name, capsys)
    assert said == "Error: Not restored as it was: column public.people.note; nothing was restored."
    assert latest_verified(connection) is None
    call_command("backup", list=True)
    assert "  failed           this" in capsys.readouterr().out


def test_what_only_pg_dump_sees_is_named(folder, name, capsys, monkeypatch):
    def change_then_compare(target, *others, compare=checking._compare_text):
        target.cursor().execute("COMMENT ON TYPE mood IS 'what one is'")
        return compare(target, *others)

    monkeypatch.setattr(checking, "_compare_text", change_then_compare)
    said = failure(folder, name, capsys)
    assert said == "Error: pg_dump words the restored schema another way: TYPE mood, Type: COMMENT, Schema: public."


def test_one_that_passes_again_counts_again(folder, monkeypatch):
    def fail(*_):
        raise CheckFailed("Not today.")

    with monkeypatch.context() as patch:
        patch.setattr(checking, "_compare_text", fail)
        with pytest.raises(CheckFailed):
            check(connection, folder, connection)
    assert latest_verified(connection) is None
    check(connection, folder, connection)
    assert latest_verified(connection) is not None


def test_a_lost_server_says_nothing_about_the_backup(folder, name, monkeypatch):
    def load_and_lose(target, *others, load=restoring._load_table):
        execute(name, f"SELECT pg_terminate_backend({target.raw.info.backend_pid}, 10000)")
        load(target, *others)

    monkeypatch.setattr(restoring, "_load_table", load_and_lose)
    with pytest.raises(CheckFailed):
        check(connection, folder, connection)
    assert left(name) == []
    assert latest_verified(connection) is not None


@pytest.mark.parametrize(
    ("error", "counts"),
    [
        (psycopg.errors.FeatureNotSupported("extension is not available"), True),
        (psycopg.errors.InsufficientPrivilege("permission denied"), True),
        (psycopg.errors.DiskFull("could not extend file"), True),
        (psycopg.errors.SyntaxError("syntax error"), False),
        (psycopg.errors.CheckViolation("violates check constraint"), False),
    ],
)
def test_only_what_the_backup_is_to_blame_for_counts_against_it(error, counts, folder, monkeypatch):
    def fail(*_):
        raise CheckFailed("The server said something.") from error

    monkeypatch.setattr(restoring, "_load_schema", fail)
    with pytest.raises(CheckFailed):
        check(connection, folder, connection)
    assert (latest_verified(connection) is not None) == counts


def test_what_a_killed_check_left_is_dropped_by_the_next(folder, name, prefix):
    execute(name, f"CREATE DATABASE {prefix}empty")  # killed before the restore was committed
    stopped = Stopped(name, "restore", checking, "_compare_text", "before", str(folder), "--check")
    held = left(name)
    assert len(held) == 1
    check(connection, folder, connection)
    assert left(name) == held, "it is in use"

    stopped.end_by(signal.SIGKILL)
    assert left(name) == held
    check(connection, folder, connection)
    assert left(name) == []


def test_a_database_that_only_bears_such_a_name_is_left_alone(folder, name, prefix):
    mine = f"{prefix}of_mine"
    execute(name, f"CREATE DATABASE {mine}")
    try:
        execute(mine, "CREATE TABLE mine ()")
        check(connection, folder, connection)
        assert left(name) == [mine]
    finally:
        execute(name, f"DROP DATABASE {mine}")


def test_a_role_that_may_make_no_database_is_refused(folder, name, role):
    with connected(name, USER=role) as limited, pytest.raises(Refused) as refusal:
        check(limited, folder, limited)
    assert refusal.value.interlock == "scratch-database"
    instead = "or a server where you may: --into, or rehearse --url"
    assert refusal.value.next_command == f'ALTER ROLE "{role}" CREATEDB, {instead}'
    assert latest_verified(connection) is not None
