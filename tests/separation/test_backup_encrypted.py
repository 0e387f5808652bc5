"""An encrypted backup is taken and verified without the private key, and read with it alone."""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pyrage
import pytest
import zstandard
from django.core.management import call_command
from django.db import connection

from separation.backups import Key, check, latest_verified, restore, take, verify_backup
from separation.errors import CheckFailed, Refused, UsageFault
from tests.databases import Databases, default_connection_to
from tests.separation.backups import connected, dump, execute, files_in, fill_with_everything

HERS, HIS, OTHER = (pyrage.x25519.Identity.generate() for _ in range(3))


@pytest.fixture
def name(databases: Databases, django_db_blocker, backup_dir) -> Iterator[str]:
    with django_db_blocker.unblock(), databases.empty() as name, default_connection_to(name):
        yield name


@pytest.fixture
def target(databases: Databases, django_db_blocker) -> Iterator[str]:
    with django_db_blocker.unblock(), databases.empty() as name:
        yield name


def key_file(folder: Path, *identities: pyrage.x25519.Identity) -> Path:
    path = folder / "key.txt"
    path.write_text("".join(f"# public key: {each.to_public()}\n{each}\n" for each in identities))
    return path


def folder_of(*identities: pyrage.x25519.Identity, jobs: int = 1) -> Path:
    return take(connection, jobs=jobs, recipients=[str(each.to_public()) for each in identities]).path


def test_every_kind_of_object_and_value_comes_back(name, target, tmp_path):
    fill_with_everything(name)
    folder = folder_of(HERS, HIS, jobs=2)
    with connected(target) as into:
        restored = restore(into, folder, key=Key(key_file(tmp_path, OTHER, HIS)))
    assert dump(target) == dump(name)
    assert (restored.manifest.rows, len(restored.manifest.sequences)) == (51, 5)


def test_nothing_personal_is_in_the_clear(name):
    secrets = ["ann@example.org", "$2b$12$hash", "hidden_column", "a remark", "from_a_migration", "4711"]
    execute(name, f"CREATE TABLE people ({secrets[2]} text); INSERT INTO people VALUES ('{secrets[0]} {secrets[1]}')")
    execute(name, f"COMMENT ON TABLE people IS '{secrets[3]}'; CREATE SEQUENCE numbers START {secrets[5]}")
    execute(name, "CREATE TABLE django_migrations (app text, name text)")
    execute(name, f"INSERT INTO django_migrations VALUES ('app', '{secrets[4]}')")

    folder = folder_of(HERS)

    assert files_in(folder) == [
        "SHA256SUMS",
        "django_migrations.jsonl.zst.age",
        "manifest.json",
        "people.jsonl.zst.age",
        "schema-post-data.sql.age",
        "schema-pre-data.sql.age",
        "sealed.json.age",
    ]
    content = b"".join((folder / file).read_bytes() for file in files_in(folder))
    assert [secret for secret in secrets if secret.encode() in content] == []
    manifest = json.loads((folder / "manifest.json").read_text())
    assert (manifest["format"], manifest["recipients"]) == (2, [str(HERS.to_public())])
    assert (manifest["migrations"], manifest["definition_only"]) == ([], [])
    assert (manifest["sequences"], manifest["objects"]) == ([], [])
    people = manifest["tables"][1]
    assert (people["columns"], people["key"], people["content_bytes"], people["content_sha256"]) == ([], [], 0, "")
    assert (people["name"], people["rows"], len(people["blocks"])) == ("people", 1, 1)


def test_the_rows_can_be_read_without_this_project(name):
    execute(name, "CREATE TABLE long (id int PRIMARY KEY, t text)")
    execute(name, "INSERT INTO long SELECT g AS id, repeat(md5(g::text), 100) AS t FROM generate_series(1, 2000) g")
    folder = folder_of(HERS)
    (table,) = json.loads((folder / "manifest.json").read_text())["tables"]
    assert len(table["blocks"]) == 4
    rows = []
    with (folder / table["file"]).open("rb") as file:
        for block in table["blocks"]:
            packed = pyrage.decrypt(file.read(block["bytes"]), [HERS])
            rows += zstandard.ZstdDecompressor().decompressobj().decompress(packed).splitlines()
    assert [json.loads(row)[0] for row in rows] == [str(number) for number in range(1, 2001)]


def test_the_key_is_needed_and_none_other_will_do(name, target, tmp_path, capsys):
    execute(name, "CREATE TABLE people AS SELECT 1 AS id")
    folder = folder_of(HERS, HIS)
    theirs = f"{HERS.to_public()}, {HIS.to_public()}"
    with connected(target) as into:
        with pytest.raises(Refused) as without:
            restore(into, folder)
        with pytest.raises(Refused) as wrong:
            restore(into, folder, key=Key(key_file(tmp_path, OTHER)))
    assert without.value.message == f"The backup is encrypted to {theirs}."
    assert wrong.value.message == (
        f"No private key in {tmp_path}/key.txt opens this backup; it is encrypted to {theirs}."
    )
    assert without.value.next_command == "the same command with --identity FILE, a file that age-keygen wrote"
    with pytest.raises(SystemExit) as done:
        call_command("restore", str(folder), check=True)
    assert done.value.code == 3
    assert "Refused (identity): " in capsys.readouterr().err
    assert latest_verified(connection) is not None


def test_it_is_checked_with_the_key(name, tmp_path):
    execute(name, "CREATE TABLE people (id serial PRIMARY KEY); INSERT INTO people DEFAULT VALUES")
    checked = check(connection, folder_of(HERS), connection, key=Key(key_file(tmp_path, HERS)))
    assert (checked.recorded, checked.entries) == (True, 5)


def test_it_is_verified_without_the_key_and_more_with_it(name, tmp_path, capsys):
    execute(name, "CREATE TABLE people AS SELECT 1 AS id")
    folder = folder_of(HERS)
    call_command("backup", verify=folder.name)
    without = capsys.readouterr()
    call_command("backup", verify=folder.name, identity=key_file(tmp_path, HERS))
    assert without.out == capsys.readouterr().out
    assert "It is encrypted: that its rows can be read, too, is proven with --identity FILE.\n" in without.err


def test_the_setting_encrypts_every_backup(name, settings):
    settings.BACKUP_RECIPIENT = [str(HERS.to_public())]
    assert "sealed.json.age" in files_in(take(connection).path)
    assert "sealed.json.age" not in files_in(take(connection, recipients=[]).path)


@pytest.mark.parametrize(
    ("recipient", "said"),
    [
        ("age1xyz", "Recipient 2 is no public key of age, but none (invalid Bech32 encoding)."),
        (str(OTHER), "Recipient 2 is no public key of age, but a private key."),
    ],
    ids=["nonsense", "private key"],  # never the key itself, which differs in each process
)
def test_what_is_no_public_key_is_refused_and_not_shown(recipient, said, name, backup_dir):
    with pytest.raises(UsageFault) as fault:
        take(connection, recipients=[str(HERS.to_public()), recipient])
    assert fault.value.message == said
    assert not backup_dir.exists()


@pytest.mark.parametrize(
    "content",
    ["", "# a comment\n", "AGE-SECRET-KEY-1NONE\n", "ä", f"{OTHER}broken"],
    ids=["empty", "comment", "no key", "no ASCII", "broken"],
)
def test_a_file_without_a_private_key_is_said_to_be_none_and_not_quoted(content, tmp_path):
    (tmp_path / "key.txt").write_text(content)
    with pytest.raises(UsageFault) as fault:
        Key(tmp_path / "key.txt")
    assert fault.value.message == f"{tmp_path}/key.txt holds no private key of age (a line AGE-SECRET-KEY-1…)."
    with pytest.raises(UsageFault, match="cannot be read: No such file or directory"):
        Key(tmp_path / "none.txt")


def test_a_block_that_does_not_open_is_named(name, tmp_path):
    """Somebody who can make all sums agree still cannot make a block that opens, unless he encrypts one."""
    key, path = Key(key_file(tmp_path, HERS)), Path("people.jsonl.zst.age")
    sealed = bytearray(pyrage.encrypt(b"rows", [HERS.to_public()]))
    sealed[-1] ^= 1
    with pytest.raises(CheckFailed, match=r"people\.jsonl\.zst\.age cannot be decrypted: "):
        key.open(bytes(sealed), path, [])


def test_the_sealed_part_of_another_backup_is_found(name, tmp_path):
    execute(name, "CREATE TABLE people AS SELECT 1 AS id")
    folder = folder_of(HERS)
    execute(name, "CREATE TABLE more AS SELECT 1 AS id")
    other = folder_of(HERS)
    (folder / "sealed.json.age").write_bytes((other / "sealed.json.age").read_bytes())
    with pytest.raises(CheckFailed, match=r"sealed\.json\.age is missing or damaged"):
        verify_backup(connection, str(folder))


def test_no_process_is_told_a_key(name, monkeypatch):
    execute(name, "CREATE TABLE people AS SELECT 1 AS id")
    told = []

    def run(command, run=subprocess.run, **others):
        told.append(command)
        return run(command, **others)

    monkeypatch.setattr(subprocess, "run", run)
    folder_of(HERS)
    assert told
    assert not [part for command in told for part in command if "age1" in part.lower() or "AGE-SECRET" in part]
