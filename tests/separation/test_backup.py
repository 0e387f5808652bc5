"""A backup is one snapshot of everything, in a folder that needs nothing else."""

import hashlib
import json
import re
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import pytest
from django.core.management import call_command
from django.db import connection

from separation.backups import take
from separation.backups import taking as module
from separation.backups.session import Session, session
from separation.errors import Refused
from separation.identity import identity_of
from tests.databases import Databases, default_connection_to, manage
from tests.separation.backups import connected, execute, files_in, fill_with_everything, rows_in

pytestmark = pytest.mark.engine


@pytest.fixture
def name(databases: Databases, django_db_blocker) -> Iterator[str]:
    with django_db_blocker.unblock(), databases.empty() as name, default_connection_to(name):
        yield name


def test_the_folder_holds_every_table_and_what_a_restore_needs(name, backup_dir):
    execute(name, "CREATE TABLE people (id int PRIMARY KEY, name text); INSERT INTO people VALUES (2, NULL), (1, 'Ä')")
    execute(name, 'CREATE SCHEMA shop; CREATE TABLE shop.people (); CREATE TABLE "People" (x int)')

    record = take(connection)

    assert files_in(record.path) == [
        "%50eople.jsonl.zst",
        "SHA256SUMS",
        "manifest.json",
        "people.jsonl.zst",
        "schema-post-data.sql",
        "schema-pre-data.sql",
        "shop.people.jsonl.zst",
    ]
    assert rows_in(record.path, "people.jsonl.zst") == [["1", "Ä"], ["2", None]]
    assert (record.tables, record.rows) == (3, 2)
    assert record.path == backup_dir / record.id
    assert files_in(backup_dir) == [".lock", record.id, "records"]


def test_only_its_owner_may_read_it(name, backup_dir):
    record = take(connection)
    everything = [backup_dir, record.path, *record.path.iterdir(), backup_dir / "records" / f"{record.id}.json"]
    modes = {stat.S_IMODE(path.stat().st_mode) for path in everything}
    assert modes == {0o700, 0o600}


def test_the_manifest_says_what_was_saved(name, backup_dir):
    execute(
        name,
        "CREATE TABLE people (id serial PRIMARY KEY, name varchar(9) NOT NULL, n int GENERATED ALWAYS AS (1) STORED)",
    )
    execute(name, "INSERT INTO people (name) VALUES ('a'), ('b')")
    execute(
        name, "CREATE TABLE django_migrations (app text, name text); INSERT INTO django_migrations VALUES ('a', '1')"
    )

    before = datetime.now(UTC)
    record = take(connection)

    manifest = json.loads((record.path / "manifest.json").read_text())
    assert manifest["identity"] == identity_of(connection).key()
    assert manifest["database"]["name"] == name
    assert manifest["server_version_num"] // 10000 == connection.get_database_version()[0]
    assert manifest["encoding"] == "UTF8"
    assert abs(datetime.fromisoformat(manifest["taken_at"]) - before) < timedelta(minutes=1)
    assert manifest["migrations"] == ["a.1"]
    assert manifest["sequences"] == [{"schema": "public", "name": "people_id_seq", "last_value": 2, "is_called": True}]
    people = manifest["tables"][1]
    content = b'["1",\t"a",\t"1"]\n["2",\t"b",\t"1"]\n'
    packed = (record.path / "people.jsonl.zst").read_bytes()
    assert people | {"blocks": None, "disk_bytes": None} == {
        "schema": "public",
        "name": "people",
        "columns": [
            column("id", "integer", not_null=True),
            column("name", "character varying(9)", not_null=True, collatable=True),
            column("n", "integer", generated="s"),
        ],
        "key": ["id"],
        "disk_bytes": None,
        "file": "people.jsonl.zst",
        "rows": 2,
        "bytes": len(packed),
        "sha256": hashlib.sha256(packed).hexdigest(),
        "content_bytes": len(content),
        "content_sha256": hashlib.sha256(content).hexdigest(),
        "blocks": None,
    }


def column(name: str, type: str, **others: object) -> dict[str, object]:
    plain = {"not_null": False, "identity": "", "generated": "", "collatable": False}
    return {"name": name, "type": type, **plain, **others}


def test_the_sums_are_those_that_sha256sum_reads(name, backup_dir):
    execute(name, "CREATE TABLE people AS SELECT 1 AS id")
    record = take(connection)
    for line in (record.path / "SHA256SUMS").read_text().splitlines():
        digest, file = line.split("  ")
        assert hashlib.sha256((record.path / file).read_bytes()).hexdigest() == digest


def test_it_is_one_snapshot_whatever_is_written_meanwhile(name, backup_dir, monkeypatch):
    execute(
        name, "CREATE TABLE a (id int); CREATE TABLE b (id int); INSERT INTO a VALUES (1); INSERT INTO b VALUES (1)"
    )

    def save_and_write(folder, reader, table, advance, save=module._save_table, **options):
        save(folder, reader, table, advance, **options)
        execute(name, "INSERT INTO b VALUES (2)")

    monkeypatch.setattr(module, "_save_table", save_and_write)
    record = take(connection)

    assert rows_in(record.path, "b.jsonl.zst") == [["1"]]
    assert execute(name, "SELECT count(*) FROM b") == [(3,)]


def test_a_table_emptied_just_before_the_snapshot_is_not_taken_for_one_that_was_empty(name, backup_dir, monkeypatch):
    execute(name, "CREATE TABLE a (id int); INSERT INTO a VALUES (1)")
    looks: list[list[str]] = []

    def look_then_change(self, tables=Session.tables):
        found = tables(self)
        if not looks:
            execute(name, "CREATE TABLE b (id int); INSERT INTO b VALUES (7); TRUNCATE a; INSERT INTO a VALUES (2)")
        looks.append([table.name for table in found])
        return found

    monkeypatch.setattr(Session, "tables", look_then_change)
    record = take(connection)

    assert looks == [["a"], ["a", "b"], ["a", "b"], ["a", "b"]]
    assert rows_in(record.path, "a.jsonl.zst") == [["2"]]
    assert rows_in(record.path, "b.jsonl.zst") == [["7"]]


def test_big_tables_are_many_frames_of_whole_rows(name, backup_dir):
    execute(name, "CREATE TABLE long AS SELECT g AS id, repeat(md5(g::text), 100) AS t FROM generate_series(1, 2000) g")
    record = take(connection)
    blocks = json.loads((record.path / "manifest.json").read_text())["tables"][0]["blocks"]
    assert len(blocks) == 4
    assert sum(block["rows"] for block in blocks) == 2000
    assert len(rows_in(record.path, "long.jsonl.zst")) == 2000


def test_large_objects_are_refused_by_name(name, backup_dir):
    execute(name, "SELECT lo_create(4711)")
    with pytest.raises(Refused) as refusal:
        take(connection)
    assert refusal.value.message == (
        "The backup would not be whole: "
        "large objects are not supported; the first is 4711 (remove them with lo_unlink)."
    )
    assert refusal.value.interlock == "whole-backup"
    assert files_in(backup_dir) == [".lock"]


def test_text_of_no_known_encoding_is_refused(name, backup_dir):
    ascii_name = f"{name}_ascii"
    execute(
        name, f"CREATE DATABASE {ascii_name} TEMPLATE template0 ENCODING 'SQL_ASCII' LOCALE_PROVIDER libc LOCALE 'C'"
    )
    try:
        with connected(ascii_name) as elsewhere, pytest.raises(Refused, match="the encoding is SQL_ASCII"):
            take(elsewhere)
    finally:
        execute(name, f"DROP DATABASE {ascii_name} WITH (FORCE)")


def test_a_foreign_table_is_saved_as_a_definition(name, backup_dir):
    execute(name, "CREATE FOREIGN DATA WRAPPER far; CREATE SERVER away FOREIGN DATA WRAPPER far")
    execute(
        name, "CREATE FOREIGN TABLE elsewhere (id int) SERVER away; CREATE MATERIALIZED VIEW one AS SELECT 1 AS one"
    )
    record = take(connection)
    manifest = json.loads((record.path / "manifest.json").read_text())
    assert manifest["definition_only"] == ["foreign table public.elsewhere", "materialized view public.one"]
    assert "CREATE FOREIGN TABLE public.elsewhere" in (record.path / "schema-pre-data.sql").read_text()


def test_a_role_that_may_only_select_can_take_it(name, backup_dir):
    fill_with_everything(name)
    execute(name, "CREATE TABLE separation_backups (id text)")
    with reader_of(name) as role:
        execute(name, f'GRANT USAGE ON SCHEMA public, "other Schema" TO {role}')
        for schema in ("public", '"other Schema"'):
            execute(name, f"GRANT SELECT ON ALL TABLES IN SCHEMA {schema} TO {role}")
            execute(name, f"GRANT SELECT ON ALL SEQUENCES IN SCHEMA {schema} TO {role}")
        with connected(name, USER=role) as limited:
            record = take(limited)
    assert record.rows == 51


def test_what_a_role_may_not_read_is_refused_by_name(name, backup_dir):
    execute(
        name,
        "CREATE TABLE secret (id serial); CREATE TABLE hidden (id int); ALTER TABLE hidden ENABLE ROW LEVEL SECURITY",
    )
    execute(name, "CREATE SCHEMA closed; CREATE TABLE closed.door ()")
    with reader_of(name) as role:
        execute(name, f"GRANT SELECT ON hidden, closed.door TO {role}")
        with connected(name, USER=role) as limited, pytest.raises(Refused) as refusal:
            take(limited)
    assert refusal.value.message.replace(role, "reader") == (
        "The backup would not be whole: "
        "this role may not use the schema closed (GRANT USAGE ON SCHEMA closed TO reader); "
        "this role may not read the table public.secret (GRANT SELECT ON public.secret TO reader); "
        "this role may not read the sequence public.secret_id_seq "
        "(GRANT SELECT ON SEQUENCE public.secret_id_seq TO reader); "
        "row security hides rows from this role in the table public.hidden "
        "(take the backup as the owner, or as a role with BYPASSRLS)."
    )


@contextmanager
def reader_of(name: str) -> Iterator[str]:
    role = f"{name}_reader"
    execute(name, f"CREATE ROLE {role} LOGIN")
    try:
        yield role
    finally:
        execute(name, f"DROP OWNED BY {role}; DROP ROLE {role}")


def test_too_small_a_disk_is_refused_before_anything_is_written(name, backup_dir, monkeypatch):
    execute(name, "CREATE TABLE a AS SELECT generate_series(1, 1000) AS id")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: type("Usage", (), {"free": 10 * 2**20}))
    with pytest.raises(Refused) as refusal:
        take(connection)
    assert refusal.value.interlock == "disk-space"
    assert refusal.value.message == f"{backup_dir} has 10 MB free; a backup of this database may need 64 MB."
    assert files_in(backup_dir) == [".lock"]


def test_two_in_the_same_second_get_two_names(name, backup_dir, monkeypatch):
    class Noon(datetime):
        @classmethod
        def now(cls, tz=None):
            return datetime(2026, 1, 2, 12, 0, 0, tzinfo=tz)

    monkeypatch.setattr(module, "datetime", Noon)
    assert [take(connection).id, take(connection).id] == ["backup-2026-01-02-120000", "backup-2026-01-02-120000-2"]


def test_the_command_takes_lists_and_verifies(legacy_database, backup_dir):
    legacy = legacy_database("plain")
    nothing = manage(legacy.name, "backup", "--list")
    taken = manage(legacy.name, "backup")
    listed = manage(legacy.name, "backup", "--list")
    (folder,) = backup_dir.glob("backup-*")
    verified = manage(legacy.name, "backup", "--verify", folder.name)
    elsewhere = manage("template1", "backup", "--list")

    assert nothing.stdout == "There is no backup yet. Take one: python manage.py backup\n"
    assert taken.returncode == 0, taken.stderr
    first, second = taken.stdout.splitlines()
    assert re.fullmatch(rf"{folder.name}: \d+ tables, [\d,]+ rows, [\d.]+ kB, verified", first)
    assert second == f"In {folder}"
    head = re.split(r"\s{2,}", listed.stdout.splitlines()[0])
    assert head == ["id", "age", "rows", "size", "verified", "restore checked", "of database"]
    assert listed.stdout.splitlines()[1].endswith(f"  this ({legacy.name})")
    assert elsewhere.stdout.splitlines()[1].endswith(f"  another ({legacy.name})")
    assert verified.stdout.endswith(", every byte as it was written\n")
    assert [nothing.returncode, listed.returncode, verified.returncode, elsewhere.returncode] == [0, 0, 0, 0]


def test_progress_is_plain_lines_on_standard_error(name, backup_dir, capsys):
    execute(name, "CREATE TABLE a AS SELECT generate_series(1, 1000) AS id")
    call_command("backup")
    said = capsys.readouterr()
    size = execute(name, "SELECT pg_table_size('a')")[0][0]
    assert f"Backing up: 100 % ({size:,} of {size:,} bytes on disk)\n" in said.err
    assert len(said.out.splitlines()) == 2


def test_an_unreachable_database_is_one_sentence(backup_dir):
    gone = manage("no_such_database", "backup")
    assert gone.returncode == 1
    assert gone.stdout == ""
    assert "Error: The database said: " in gone.stderr
    assert "no_such_database" in gone.stderr


def test_backups_are_listed_and_verified_with_the_database_gone(legacy_database, backup_dir):
    record = take(legacy_database("plain").connection)
    listed = manage("no_such_database", "backup", "--list")
    verified = manage("no_such_database", "backup", "--verify", record.id)
    assert (listed.returncode, verified.returncode) == (0, 0), verified.stderr
    assert "unreachable (" in listed.stdout


def test_no_setting_outlives_the_backup(name, backup_dir):
    """Behind a pooler the same session may be the old application's a moment later."""
    query = "SELECT name, setting FROM pg_settings WHERE source = 'session' ORDER BY name"
    with session(connection) as reader:
        before = reader.rows(query)
        with reader.snapshot():
            assert reader.rows("SELECT current_setting('search_path'), current_setting('row_security')") == [
                ("", "off")
            ]
        assert reader.rows(query) == before
