"""Files of a backup: written in blocks, read back with every byte checked, and visible only once whole."""

import fcntl
import hashlib
import os
import shutil
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from io import BufferedIOBase
from pathlib import Path
from typing import IO, Any, BinaryIO

import zstandard

from separation.backups.lines import to_json
from separation.backups.manifest import SEALED, Block, Dump, Manifest, Table
from separation.backups.sealing import Key, refuse_without_key, seal, seal_stream
from separation.errors import BACKUP, CheckFailed, Refused
from separation.progress import Advance

_LEVEL = 3
_PARTIAL = ".backup-*.partial-*"
_AGAIN = BACKUP


@contextmanager
def only_one(directory: Path) -> Iterator[None]:
    """Hold DIRECTORY for this process, and remove what a killed one left there; raises Refused if another holds it."""
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    handle = os.open(directory / ".lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Refused(
                "one-backup", f"Another backup is being written into {directory}.", "python manage.py backup --list"
            ) from None
        # Whoever made these is dead: it held the lock.
        for partial in directory.glob(_PARTIAL):
            shutil.rmtree(partial)
        yield
    finally:
        os.close(handle)


@contextmanager
def partial_folder(directory: Path, name: str) -> Iterator[Path]:
    """Yield a new folder that nothing takes for a backup; it is removed if the work in it fails."""
    partial = directory / f".{name}.partial-{os.getpid()}"
    partial.mkdir(mode=0o700)
    try:
        yield partial
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        raise


def publish(partial: Path, final: Path) -> None:
    """Give a finished folder its name; it and everything in it is on the disk before and after."""
    sync(partial)
    partial.rename(final)
    sync(final.parent)


def sync(path: Path) -> None:
    """Return when the file's or folder's content is on the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def write_text(path: Path, text: str, recipients: Sequence[str] = ()) -> str:
    """Write TEXT to a new private file, to the disk, encrypted if there are RECIPIENTS, and return its SHA-256."""
    data = seal(text.encode(), recipients)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    return hashlib.sha256(data).hexdigest()


def write_stream(path: Path, source: IO[bytes], recipients: Sequence[str] = ()) -> tuple[int, str]:
    """Write all that SOURCE holds to a new private file, to the disk, encrypted if there are RECIPIENTS.

    Returns the file's size and its SHA-256; memory does not grow with either.
    """
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        summed = _Summed(file)
        seal_stream(source, summed, recipients)
        file.flush()
        os.fsync(file.fileno())
    return summed.bytes, summed.sum.hexdigest()


class _Summed(BufferedIOBase):
    """A file that sums what is written into it."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.sum, self.bytes = hashlib.sha256(), 0

    def write(self, data: Any, /) -> int:
        self.sum.update(data)
        self.bytes += len(data)
        return self._file.write(data)

    def flush(self) -> None:
        self._file.flush()


def read_text(folder: Path, manifest: Manifest, name: str, key: Key | None) -> str:
    """Return the content of a file that is not a table's, by its NAME in the clear.

    Raises CheckFailed if it is missing or damaged, Refused if it is encrypted and the KEY does not open it.
    """
    refuse_without_key(manifest.recipients, key)
    path = folder / f"{name}{manifest.suffix}"
    data = _stored_file(path, manifest)
    return (key.open(data, path, manifest.recipients) if key and manifest.recipients else data).decode()


def _stored_file(path: Path, manifest: Manifest) -> bytes:
    try:
        data = path.read_bytes()
        if hashlib.sha256(data).hexdigest() == manifest.schema_files.get(path.name):
            return data
    except OSError:
        pass
    raise CheckFailed(f"{path} is missing or damaged: it has not the sum of the manifest.", _AGAIN)


def opened(folder: Path, manifest: Manifest, key: Key | None) -> Manifest:
    """Return the manifest with what only the private key shows; raises Refused without the key it takes."""
    if not manifest.recipients:
        return manifest
    return manifest.with_secret(read_text(folder, manifest, SEALED, key))


def write_rows(
    folder: Path, table: Table, blocks: Iterable[bytes], advance: Advance, recipients: Sequence[str] = ()
) -> None:
    """Write what a COPY sends into the table's file and its figures into TABLE.

    One thread reads from the server while another compresses and writes; between them wait two blocks at most.
    """
    with os.fdopen(os.open(folder / table.file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        writer = _Writer(file, table, advance, recipients)
        with ThreadPoolExecutor(1) as thread:
            waiting: deque[Future[None]] = deque()
            for block in blocks:
                waiting.append(thread.submit(writer.add, block))
                if len(waiting) > 2:
                    waiting.popleft().result()
            for future in waiting:
                future.result()
        file.flush()
        os.fsync(file.fileno())
    writer.finish()


def read_rows(folder: Path, table: Table, manifest: Manifest, key: Key | None) -> Iterator[bytes]:
    """Yield the lines of a table's file, block by block, each compared with the manifest before it is handed out.

    Raises CheckFailed naming the file, the bytes and the lines of the first block that is not as it was written.
    """
    for packed in _stored_blocks(folder, table):
        if key and manifest.recipients:
            packed = key.open(packed, folder / table.file, manifest.recipients)
        yield zstandard.ZstdDecompressor().decompress(packed, max_output_size=0)


def _stored_blocks(folder: Path, table: Table) -> Iterator[bytes]:
    path = folder / table.file
    offset, line = 0, 1
    try:
        with path.open("rb") as file:
            for block in table.blocks:
                packed = file.read(block.bytes)
                if hashlib.sha256(packed).hexdigest() != block.sha256:
                    raise _damaged(path, offset, len(packed), block, line)
                yield packed
                offset, line = offset + block.bytes, line + block.rows
            if file.read(1):
                raise CheckFailed(f"{path} is damaged: it goes on after its end, at byte {offset}.", _AGAIN)
    except OSError as error:
        raise CheckFailed(f"{path} cannot be read: {error.strerror}.", _AGAIN) from None


def _damaged(path: Path, offset: int, found: int, block: Block, line: int) -> CheckFailed:
    lines = f"lines {line} to {line + block.rows - 1}"
    if found < block.bytes:
        return CheckFailed(f"{path} is damaged: it ends at byte {offset + found}, within {lines}.", _AGAIN)
    return CheckFailed(f"{path} is damaged between bytes {offset} and {offset + block.bytes - 1}, in {lines}.", _AGAIN)


def verify(folder: Path, manifest: Manifest, advance: Advance, *, jobs: int = 1, key: Key | None = None) -> None:
    """Read every byte of every file again, JOBS files at a time; only reads.

    Of an encrypted backup the rows are counted too if there is a KEY, and MANIFEST must then be the `opened` one.
    Raises CheckFailed naming the first file, bytes and lines that differ.
    """
    for name in manifest.schema_files:
        _stored_file(folder / name, manifest)
    if manifest.dump:
        advance(_verify_dump(folder / manifest.dump.file, manifest.dump))
    threads = ThreadPoolExecutor(jobs)  # summing and unpacking need no interpreter
    try:
        for size in threads.map(lambda table: _verify_table(folder, table, manifest, key), manifest.tables):
            advance(size)
    finally:
        threads.shutdown(cancel_futures=True)


def _verify_dump(path: Path, dump: Dump) -> int:
    try:
        with path.open("rb") as file:
            if hashlib.file_digest(file, "sha256").hexdigest() == dump.sha256:
                return dump.bytes
    except OSError:
        pass
    raise CheckFailed(f"{path} is missing or damaged: it has not the sum of the manifest.", _AGAIN)


def _verify_table(folder: Path, table: Table, manifest: Manifest, key: Key | None) -> int:
    if manifest.recipients and key is None:
        as_counted = sum(map(len, _stored_blocks(folder, table))) == table.bytes
        as_counted &= sum(block.rows for block in table.blocks) == table.rows
    else:
        content = Digest()
        for block in read_rows(folder, table, manifest, key):
            content.add(block)
        as_counted = content.result() == (table.rows, table.content_bytes, table.content_sha256)
    if not as_counted:
        raise CheckFailed(f"{folder / table.file} does not hold the rows that the manifest counts.", _AGAIN)
    return table.bytes


class Digest:
    """The sum, length and lines of a table's content, fed block by block."""

    def __init__(self) -> None:
        self._sum = hashlib.sha256()
        self.bytes = 0
        self.rows = 0

    def add(self, content: bytes) -> int:
        """Count a block in and return how many lines it has."""
        lines = content.count(b"\n")
        self._sum.update(content)
        self.bytes += len(content)
        self.rows += lines
        return lines

    def result(self) -> tuple[int, int, str]:
        """Return rows, bytes and the SHA-256."""
        return self.rows, self.bytes, self._sum.hexdigest()


class _Writer:
    def __init__(self, target: BinaryIO, table: Table, advance: Advance, recipients: Sequence[str]) -> None:
        self._target, self._table, self._advance, self._recipients = target, table, advance, recipients
        self._content, self._file = Digest(), hashlib.sha256()
        self._compressor = zstandard.ZstdCompressor(level=_LEVEL, write_checksum=True)

    def add(self, block: bytes) -> None:
        content = to_json(block, len(self._table.columns))
        rows = self._content.add(content)
        packed = seal(self._compressor.compress(content), self._recipients)
        self._file.update(packed)
        self._target.write(packed)
        self._table.blocks.append(Block(len(packed), rows, hashlib.sha256(packed).hexdigest()))
        self._advance(len(block))

    def finish(self) -> None:
        table = self._table
        table.rows, table.content_bytes, table.content_sha256 = self._content.result()
        table.bytes, table.sha256 = sum(block.bytes for block in table.blocks), self._file.hexdigest()
