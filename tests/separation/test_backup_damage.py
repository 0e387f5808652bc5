"""A backup that is not as it was written is found out, whatever byte it is."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.core.management import call_command
from django.db import connection
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from separation.backups import take, verify_backup
from separation.errors import CheckFailed
from tests.databases import Databases, default_connection_to
from tests.separation.backups import execute, files_in, rewrite_manifest

pytestmark = pytest.mark.engine


@pytest.fixture
def folder(databases: Databases, django_db_blocker, backup_dir) -> Iterator[Path]:
    """A small backup; its people take two frames."""
    with django_db_blocker.unblock(), databases.empty() as name, default_connection_to(name):
        execute(name, "CREATE TABLE notes (id serial, note text); INSERT INTO notes (note) VALUES ('a'), (NULL)")
        execute(
            name, "CREATE TABLE people AS SELECT g AS id, repeat(md5(g::text), 700) AS t FROM generate_series(1, 150) g"
        )
        yield take(connection).path


def failure(folder: Path) -> str:
    with pytest.raises(CheckFailed) as found:
        verify_backup(connection, str(folder))
    return found.value.message.replace(str(folder), "…")


def test_a_whole_one_passes(folder):
    found = verify_backup(connection, str(folder))
    assert (found.folder, found.manifest.rows, found.recorded) == (folder, 152, True)


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_any_changed_byte_is_found(folder, data):
    path = folder / data.draw(st.sampled_from(files_in(folder)))
    whole = path.read_bytes()
    place = data.draw(st.integers(0, len(whole) - 1))
    changed = bytearray(whole)
    changed[place] ^= data.draw(st.integers(1, 255))
    path.write_bytes(changed)
    try:
        assert path.name in failure(folder) or "manifest.json" in failure(folder)
    finally:
        path.write_bytes(whole)


def test_the_frame_is_named_by_bytes_and_lines(folder):
    path = folder / "people.jsonl.zst"
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    said = re.fullmatch(
        r"…/people\.jsonl\.zst is damaged between bytes (\d+) and (\d+), in lines (\d+) to 150\.", failure(folder)
    )
    assert said
    assert 0 < int(said[1]) < int(said[2]) == len(content) - 1
    assert 1 < int(said[3]) < 150


def test_a_file_cut_short_is_named_with_its_end(folder):
    path = folder / "notes.jsonl.zst"
    path.write_bytes(path.read_bytes()[:-3])
    size = path.stat().st_size
    assert failure(folder) == f"…/notes.jsonl.zst is damaged: it ends at byte {size}, within lines 1 to 2."


def test_bytes_after_the_end_are_found(folder):
    path = folder / "notes.jsonl.zst"
    size = path.stat().st_size
    path.write_bytes(path.read_bytes() + b"\0")
    assert failure(folder) == f"…/notes.jsonl.zst is damaged: it goes on after its end, at byte {size}."


@pytest.mark.parametrize("file", ["people.jsonl.zst", "schema-pre-data.sql", "manifest.json", "SHA256SUMS"])
def test_a_missing_file_is_named(file, folder):
    (folder / file).unlink()
    assert f"…/{file}" in failure(folder)


def test_a_manifest_with_other_counts_is_found(folder):
    tables = json.loads((folder / "manifest.json").read_text())["tables"]
    tables[0]["rows"] += 1
    rewrite_manifest(folder, tables=tables)
    assert failure(folder) == "…/notes.jsonl.zst does not hold the rows that the manifest counts."


@pytest.mark.parametrize("name", ["../../etc/passwd", "/etc/passwd", "a/b"])
def test_a_manifest_cannot_point_outside_its_folder(name, folder):
    rewrite_manifest(folder, schema_files={name: "0" * 64})
    assert failure(folder) == f"…/manifest.json is not a manifest of a backup ({name!r} is not a file of its folder)."


def test_the_command_says_so_and_exits_1(folder, capsys):
    (folder / "notes.jsonl.zst").unlink()
    with pytest.raises(SystemExit) as done:
        call_command("backup", verify=folder.name)
    assert done.value.code == 1
    assert capsys.readouterr().err.splitlines()[-2:] == [
        f"Error: {folder}/notes.jsonl.zst cannot be read: No such file or directory.",
        "Next: python manage.py backup",
    ]
    call_command("backup", list=True)
    assert "  damaged  " in capsys.readouterr().out
