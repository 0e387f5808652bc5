"""A restore gives the database back to the last bit, into an empty database and no other."""

import hashlib
import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from separation.backups import restore, take
from separation.environment import environment_of
from separation.errors import CheckFailed, Refused
from tests.databases import Databases, database_url, manage
from tests.separation.backups import connected, dump, execute, fill_with_everything, rewrite_manifest

pytestmark = pytest.mark.engine


@pytest.fixture
def source(databases: Databases, django_db_blocker) -> Iterator[str]:
    with django_db_blocker.unblock(), databases.empty() as name:
        yield name


@pytest.fixture
def target(databases: Databases, django_db_blocker) -> Iterator[str]:
    with django_db_blocker.unblock(), databases.empty() as name:
        yield name


def backup_of(name: str) -> Path:
    with connected(name) as connection:
        return take(connection).path


def restore_into(name: str, folder: Path):
    with connected(name) as connection:
        return restore(connection, folder)


def forge(folder: Path, file: Path, text: str) -> None:
    """Change a schema file so that only a comparison of the outcome can find it."""
    former = hashlib.sha256(file.read_bytes()).hexdigest()
    file.write_text(text)
    digest = hashlib.sha256(text.encode()).hexdigest()
    schema_files = json.loads((folder / "manifest.json").read_text())["schema_files"] | {file.name: digest}
    sums = folder / "SHA256SUMS"
    sums.write_text(sums.read_text().replace(former, digest))
    rewrite_manifest(folder, schema_files=schema_files)


def test_every_kind_of_object_and_value_comes_back(source, target, backup_dir):
    fill_with_everything(source)
    folder = backup_of(source)

    restored = restore_into(target, folder)

    assert dump(target) == dump(source)
    assert execute(target, "SELECT n, (SELECT n FROM counted_twice) FROM counted") == [(3, 6)]
    assert execute(target, "SELECT last_value, is_called FROM untouched") == [(1, False)]
    assert (len(restored.manifest.tables), restored.manifest.rows, restored.locale) == (14, 51, None)


@pytest.mark.parametrize("kind", ["plain", "ahead", "half", "camel", "dirty"])
def test_every_kind_of_legacy_database_comes_back(kind, legacy_database, target, backup_dir):
    legacy = legacy_database(kind)
    restore_into(target, take(legacy.connection).path)
    assert dump(target) == dump(legacy.name)


@pytest.mark.parametrize("kind", ["plain", "half"])
def test_an_adopted_database_comes_back_and_is_a_copy(kind, legacy_database, target, backup_dir):
    legacy = legacy_database(kind, adopted=True)
    folder = take(legacy.connection).path
    execute(legacy.name, "TRUNCATE separation_backups")  # the backup's own record is younger than its snapshot

    restore_into(target, folder)

    rows = [[line for line in dump(name) if line.startswith("INSERT")] for name in (target, legacy.name)]
    assert rows[0] == rows[1]
    with connected(target) as connection:
        assert environment_of(connection).name == "copy"


def test_a_copy_has_no_open_sessions(legacy_database, target, backup_dir):
    legacy = legacy_database("plain", adopted=True)
    execute(
        legacy.name,
        "SELECT set_config('separation.bypass', 'on', true); "
        "INSERT INTO customers (id, email, password, first_name, last_name, created_at, updated_at) "
        "SELECT g, g, '', '', '', now(), now() FROM generate_series(1, 3) g; "
        "INSERT INTO customer_sessions (id, customer_id, token_hash, family, user_agent, created_at, expires_at, "
        "revoked_at, revoked_reason) SELECT gen_random_uuid(), g, '', gen_random_uuid(), '', now(), now(), "
        "CASE g WHEN 1 THEN now() END, CASE g WHEN 1 THEN 'logged out' ELSE '' END FROM generate_series(1, 3) g; "
        "INSERT INTO django_session VALUES ('a', '', now()); "
        "INSERT INTO staff_sessions (id, user_id, password_hash, token_hash, family, expires_at) "
        "VALUES (gen_random_uuid(), 1, '', '', gen_random_uuid(), now())",
    )
    restored = restore_into(target, take(legacy.connection).path)
    query = "SELECT revoked_at IS NULL, revoked_reason FROM customer_sessions ORDER BY customer_id"
    assert restored.sessions_ended == (2, 2)
    assert execute(target, query) == [(False, "logged out"), (False, "restored copy"), (False, "restored copy")]
    assert execute(target, "SELECT count(*) FROM django_session") == [(0,)]
    assert execute(target, "SELECT revoked_reason FROM staff_sessions") == [("restored copy",)]
    assert execute(legacy.name, query) == [(False, "logged out"), (True, ""), (True, "")]


def test_a_copy_mails_nobody(legacy_database, target, backup_dir):
    legacy = legacy_database("plain", adopted=True)
    execute(
        legacy.name,
        'INSERT INTO post_office_email (from_email, "to", cc, bcc, subject, message, html_message, status, context, '
        "created, last_updated, backend_alias) SELECT 'a@example.org', 'b@example.org', '', '', 'Hi', 'text', 'html', "
        "g, '{}', now(), now(), '' FROM generate_series(0, 3) g",
    )
    restored = restore_into(target, take(legacy.connection).path)
    query = "SELECT status, message, html_message, context::text FROM post_office_email ORDER BY id"
    given_up = (1, "", "", None)
    assert restored.mails_cancelled == 2
    assert execute(target, query) == [(0, "text", "html", "{}"), (1, "text", "html", "{}"), given_up, given_up]
    assert execute(legacy.name, query) == [(status, "text", "html", "{}") for status in range(4)]
    why = "It was queued when the backup was taken that this database was restored from."
    assert execute(target, "SELECT status, exception_type, message FROM post_office_log") == [(1, "Cancelled", why)] * 2


def test_sequences_go_on_where_they_stood(source, target, backup_dir):
    execute(source, "CREATE TABLE people (id serial PRIMARY KEY); INSERT INTO people SELECT FROM generate_series(1, 7)")
    restore_into(target, backup_of(source))
    assert execute(target, "INSERT INTO people DEFAULT VALUES RETURNING id") == [(8,)]


def test_identity_columns_keep_their_values_and_go_on(source, target, backup_dir):
    execute(source, "CREATE TABLE people (id int GENERATED ALWAYS AS IDENTITY (START 5 INCREMENT 5) PRIMARY KEY)")
    execute(source, "INSERT INTO people DEFAULT VALUES; INSERT INTO people DEFAULT VALUES")
    restore_into(target, backup_of(source))
    assert execute(target, "INSERT INTO people DEFAULT VALUES; SELECT id FROM people") == [(5,), (10,), (15,)]


texts = st.one_of(
    st.none(),
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=12),
    st.text(st.sampled_from('"\\,\t\n\r\x0b\x01\x1f[]{}Nnullv.ü\u2028😀 '), max_size=12),
)


@settings(max_examples=3, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(texts, texts, texts), max_size=60))
@example([("\\N", '","', '"]\n["'), (None, None, None), ("", "null", "\\.")])
def test_any_text_comes_back(source, target, backup_dir, rows):
    for name in (source, target):
        execute(name, "DROP SCHEMA public CASCADE; CREATE SCHEMA public")
    execute(source, "CREATE TABLE texts (id serial, a text, b text, c text)")
    with connected(source) as connection, connection.cursor() as cursor:
        cursor.executemany("INSERT INTO texts (a, b, c) VALUES (%s, %s, %s)", rows)

    restore_into(target, backup_of(source))

    assert execute(target, "SELECT a, b, c FROM texts ORDER BY id") == rows


@pytest.mark.parametrize(
    ("statement", "named"),
    [
        ("CREATE TABLE people (id int)", "table public.people"),
        ("CREATE VIEW one AS SELECT 1", "view public.one"),
        ("CREATE SEQUENCE numbers", "sequence public.numbers"),
        ("CREATE TYPE mood AS ENUM ('sad')", "type public.mood"),
        ("CREATE FUNCTION one() RETURNS int LANGUAGE sql AS 'SELECT 1'", "function public.one()"),
        ('CREATE SCHEMA "Other"', 'schema "Other"'),
    ],
)
def test_an_occupied_database_is_refused(statement, named, source, target, backup_dir):
    folder = backup_of(source)
    execute(target, statement)
    before = dump(target)

    with pytest.raises(Refused) as refusal:
        restore_into(target, folder)

    assert refusal.value.message == f"Database {target!r} is not empty: {named}."
    assert refusal.value.interlock == "occupied-database"
    assert refusal.value.next_command == f"python manage.py restore {folder} --into postgres://user@host/new_database"
    assert dump(target) == before


def test_many_objects_are_not_all_named(source, target, backup_dir):
    folder = backup_of(source)
    for number in range(12):
        execute(target, f"CREATE TABLE t{number:02} ()")
    with pytest.raises(Refused, match=r"table public\.t09 and 2 more\.$"):
        restore_into(target, folder)


def test_a_damaged_backup_is_refused_before_anything_is_written(source, target, backup_dir):
    execute(source, "CREATE TABLE people AS SELECT generate_series(1, 100) AS id")
    folder = backup_of(source)
    content = bytearray((folder / "people.jsonl.zst").read_bytes())
    content[20] ^= 1
    (folder / "people.jsonl.zst").write_bytes(content)

    with pytest.raises(CheckFailed) as failure:
        restore_into(target, folder)

    last = len(content) - 1
    assert failure.value.message == (
        f"{folder}/people.jsonl.zst is damaged between bytes 0 and {last}, in lines 1 to 100."
    )
    assert execute(target, "SELECT count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace") == [(0,)]


def test_a_backup_of_a_newer_format_is_refused(source, target, backup_dir):
    folder = backup_of(source)
    rewrite_manifest(folder, format=4)
    with pytest.raises(Refused) as refusal:
        restore_into(target, folder)
    assert refusal.value.message == f"{folder}/manifest.json has format 4; this version reads up to 3."


def test_a_backup_of_a_newer_server_is_refused(source, target, backup_dir):
    folder = backup_of(source)
    rewrite_manifest(folder, server_version_num=990001)
    with pytest.raises(Refused) as refusal:
        restore_into(target, folder)
    assert refusal.value.interlock == "server-version"
    assert refusal.value.message.startswith("The backup is of PostgreSQL 99; this server is PostgreSQL ")


def test_another_encoding_is_refused(databases, source, target, backup_dir):
    folder = backup_of(source)
    latin = f"{target}_latin"
    execute(target, f"CREATE DATABASE {latin} TEMPLATE template0 ENCODING 'LATIN1' LOCALE_PROVIDER libc LOCALE 'C'")
    try:
        with pytest.raises(Refused, match="The backup's text is UTF8; this database is LATIN1"):
            restore_into(latin, folder)
    finally:
        execute(target, f"DROP DATABASE {latin} WITH (FORCE)")


def test_rows_that_the_schema_refuses_are_named_by_file_and_line(source, target, backup_dir):
    execute(source, "CREATE TABLE people (id int CHECK (id < 100)); ALTER TABLE people ADD note text")
    execute(source, "INSERT INTO people SELECT generate_series(1, 50), 'a'")
    folder = backup_of(source)
    schema = folder / "schema-pre-data.sql"
    text = schema.read_text().replace("id < 100", "id <> 32")
    forge(folder, schema, text)

    with pytest.raises(CheckFailed) as failure:
        restore_into(target, folder)

    assert failure.value.message == (
        f"{folder}/people.jsonl.zst, near line 26: the server said: "
        'new row for relation "people" violates check constraint "people_id_check"; nothing was restored.'
    )
    assert execute(target, "SELECT count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace") == [(0,)]


@pytest.mark.parametrize(
    ("found", "changed", "said"),
    [
        ("note text", "note text DEFAULT 'x'", "Not restored as it was: column public.people.note; nothing"),
        ("note text", "note varchar(3)", "Not restored as it was: column public.people.note; nothing"),
        ("START WITH 1", "START WITH 2", "Not restored as it was: sequence public.people_id_seq; nothing"),
        ("note text", "note char(3)", "Table people came out other than "),
        ("CREATE TABLE public.people", "CREATE TABL public.people", 'the server said: syntax error at or near "TABL"'),
    ],
)
def test_what_comes_out_other_than_it_was_is_found(found, changed, said, source, target, backup_dir):
    execute(source, "CREATE TABLE people (id serial, note text); INSERT INTO people (note) VALUES ('a')")
    folder = backup_of(source)
    schema = folder / "schema-pre-data.sql"
    forge(folder, schema, schema.read_text().replace(found, changed, 1))

    with pytest.raises(CheckFailed) as failure:
        restore_into(target, folder)

    assert said in failure.value.message
    assert execute(target, "SELECT count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace") == [(0,)]


def test_the_command_makes_a_missing_database_and_says_how_to_switch_over(legacy_database, backup_dir):
    legacy = legacy_database("plain")
    folder = take(legacy.connection).path
    name = f"{legacy.name}_restored"
    url = database_url(name)
    try:
        done = manage(legacy.name, "restore", folder.name, "--into", url)
        again = manage(legacy.name, "restore", str(folder), "--into", url)
        assert dump(name) == dump(legacy.name)
    finally:
        execute(legacy.name, f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
    assert done.returncode == 0, done.stderr
    first, *steps = done.stdout.splitlines()
    assert first.startswith(f"{folder.name} restored into '{name}': ")
    assert first.endswith("schema objects: all compared, all equal")
    assert steps == [
        "It is marked as a copy until you declare it live. To switch over:",
        "  1. Stop everything that writes to the old database.",
        "  2. Set DATABASE_URL to the address you gave with --into, here and in the old application,",
        "     and give the application's role its rights: ownership and grants are not in a backup.",
        "  3. python manage.py preflight",
        f"  4. python manage.py environment --set production    (asks for the phrase PRODUCTION {name})",
    ]
    assert again.returncode == 3
    assert "Refused (occupied-database)" in again.stderr


def test_bad_arguments_are_usage_faults(legacy_database, backup_dir):
    legacy = legacy_database("plain")
    missing = manage(legacy.name, "restore", "backup-1999")
    folder = take(legacy.connection).path
    sqlite = manage(legacy.name, "restore", str(folder), "--into", "sqlite:///x")
    nothing = manage(legacy.name, "restore", str(folder), "--into", "postgres://somewhere")
    assert (missing.returncode, sqlite.returncode, nothing.returncode) == (2, 2, 2)
    assert missing.stderr == (
        f"Error: There is no backup 'backup-1999', neither as a path nor in {backup_dir}.\n"
        "Next: python manage.py backup --list\n"
    )


def test_a_folder_that_is_no_backup_is_said_to_be_none(target, backup_dir, tmp_path):
    (tmp_path / "something").mkdir()
    with pytest.raises(CheckFailed) as failure:
        restore_into(target, tmp_path / "something")
    assert failure.value.message == (
        f"{tmp_path}/something is no backup: {tmp_path}/something/manifest.json cannot be read "
        "(No such file or directory)."
    )


def test_a_backup_moved_to_another_place_is_restored(source, target, backup_dir, tmp_path):
    execute(source, "CREATE TABLE people (id int); INSERT INTO people VALUES (1)")
    folder = Path(shutil.move(backup_of(source), tmp_path / "elsewhere"))
    restore_into(target, folder)
    assert execute(target, "SELECT * FROM people") == [(1,)]
