"""Whatever happens to the files of a backup, encrypted or not, is found, and a file that changed is named."""

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import pyrage
import pytest
from django.test import override_settings
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from separation.backups import Key, take
from separation.backups.files import opened, verify
from separation.backups.manifest import read_manifest
from separation.errors import CheckFailed
from tests.databases import Databases, default_connection_to
from tests.separation.backups import execute

Draw = Callable[[st.SearchStrategy[Any]], Any]


@dataclass(frozen=True)
class Sample:
    """A backup, one that was taken before it, and what opens both."""

    folder: Path
    earlier: Path
    key: Key | None

    def files(self) -> list[Path]:
        return sorted(self.folder.iterdir())

    def contents(self) -> dict[str, bytes]:
        return {path.name: path.read_bytes() for path in self.files()}

    def verify(self, with_key: bool) -> None:
        manifest, _ = read_manifest(self.folder)
        key = self.key if with_key else None
        manifest = opened(self.folder, manifest, key) if key else manifest
        verify(self.folder, manifest, lambda _: None, jobs=2, key=key)


@pytest.fixture(scope="module", params=["clear", "encrypted"])
def sample(request, databases: Databases, django_db_blocker, tmp_path_factory) -> Iterator[Sample]:
    place = tmp_path_factory.mktemp("damage")
    identity = pyrage.x25519.Identity.generate()
    (place / "key").write_text(str(identity))
    recipients = [str(identity.to_public())] if request.param == "encrypted" else []
    with (
        django_db_blocker.unblock(),
        override_settings(BACKUP_DIR=place),
        databases.empty() as name,
        default_connection_to(name) as connection,
    ):
        execute(name, "CREATE TABLE empty (); CREATE TABLE a AS SELECT 1 AS id; CREATE TABLE b AS SELECT 2 AS id")
        execute(name, "CREATE TABLE long AS SELECT g, repeat(md5(g::text), 700) FROM generate_series(1, 300) g")
        earlier = take(connection, recipients=recipients).path
        execute(name, "UPDATE a SET id = 3")
        yield Sample(take(connection, recipients=recipients).path, earlier, Key(place / "key") if recipients else None)


def flip(sample: Sample, draw: Draw) -> None:
    path, data = chosen(sample, draw)
    data[draw(st.integers(0, len(data) - 1))] ^= draw(st.integers(1, 255))
    path.write_bytes(data)


def cut(sample: Sample, draw: Draw) -> None:
    """Take bytes out of the beginning, the middle or the end."""
    path, data = chosen(sample, draw)
    start = draw(st.integers(0, len(data) - 1))
    del data[start : draw(st.integers(start + 1, len(data)))]
    path.write_bytes(data)


def insert(sample: Sample, draw: Draw) -> None:
    path, data = chosen(sample, draw)
    place = draw(st.integers(0, len(data)))
    data[place:place] = draw(st.binary(min_size=1, max_size=20))
    path.write_bytes(data)


def exchange(sample: Sample, draw: Draw) -> None:
    """Let two pieces of a file change places."""
    path, data = chosen(sample, draw)
    places = st.integers(0, len(data))
    a, b, c, d = sorted(draw(st.tuples(places, places, places, places)))
    path.write_bytes(data[:a] + data[c:d] + data[b:c] + data[a:b] + data[d:])


def exchange_blocks(sample: Sample, draw: Draw) -> None:
    """Let two blocks of a table, each whole in itself, change places."""
    table = next(table for table in read_manifest(sample.folder)[0].tables if table.name == "long")
    data = (sample.folder / table.file).read_bytes()
    ends = [sum(block.bytes for block in table.blocks[:number]) for number in range(len(table.blocks) + 1)]
    blocks = [data[start:end] for start, end in pairwise(ends)]
    assert len(blocks) > 2
    (sample.folder / table.file).write_bytes(b"".join(draw(st.permutations(blocks))))


def swap(sample: Sample, draw: Draw) -> None:
    """Let two files change names."""
    one, other = draw(st.permutations(sample.files()))[:2]
    one.rename(sample.folder / "between")
    other.rename(one)
    (sample.folder / "between").rename(other)


def copy(sample: Sample, draw: Draw) -> None:
    one, other = draw(st.permutations(sample.files()))[:2]
    shutil.copy(one, other)


def lose(sample: Sample, draw: Draw) -> None:
    draw(st.sampled_from(sample.files())).unlink()


def take_from_earlier(sample: Sample, draw: Draw) -> None:
    """Put the same file of an earlier backup in, or several: a manifest and its sums, say."""
    names = draw(st.sets(st.sampled_from([path.name for path in sample.files()]), min_size=1))
    for name in names:
        shutil.copy(sample.earlier / name, sample.folder / name)
    # All of it is a whole backup, only not the one on record.
    assume(sample.contents() != {path.name: path.read_bytes() for path in sample.earlier.iterdir()})


def chosen(sample: Sample, draw: Draw) -> tuple[Path, bytearray]:
    path = draw(st.sampled_from([path for path in sample.files() if path.stat().st_size]))
    return path, bytearray(path.read_bytes())


def test_a_whole_one_passes(sample):
    sample.verify(with_key=False)
    sample.verify(with_key=True)


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_any_damage_is_found_and_named(sample, data):
    whole = sample.contents()
    damage = data.draw(
        st.sampled_from([flip, cut, insert, exchange, exchange_blocks, swap, copy, lose, take_from_earlier])
    )
    try:
        damage(sample, data.draw)
        now = sample.contents()
        changed = {name for name in whole | now if whole.get(name) != now.get(name)}
        assume(changed)
        with pytest.raises(CheckFailed) as found:
            sample.verify(with_key=data.draw(st.booleans()))
        named = {name for name in whole if f"/{name}" in found.value.message}
        # What does not agree with a manifest that is whole in itself, but another's, may be any of the others.
        assert named & changed or {"manifest.json", "SHA256SUMS"} <= changed, found.value.message
    finally:
        for name, content in whole.items():
            (sample.folder / name).write_bytes(content)
