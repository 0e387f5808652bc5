"""Where a rehearsal puts the backups and logs of its scratch database."""

import fcntl
import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from django.conf import settings

_PREFIX = "rehearsal-"


@contextmanager
def working_folder() -> Iterator[Path]:
    """Yield a folder for the backups and logs of the scratch database, gone however the block ends.

    What a killed rehearsal left goes, too: nobody holds its lock any more.
    """
    directory = Path(settings.BACKUP_DIR)
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    with _held(directory, wait=True):  # so that nobody takes a folder for left over before its lock is taken
        for left in directory.glob(f"{_PREFIX}*"):
            with suppress(BlockingIOError), _held(left):
                shutil.rmtree(left)
        folder = directory / f"{_PREFIX}{secrets.token_hex(8)}"
        folder.mkdir(mode=0o700)
        handle = os.open(folder, os.O_RDONLY)
        fcntl.flock(handle, fcntl.LOCK_EX)
    try:
        yield folder
    finally:
        shutil.rmtree(folder)
        os.close(handle)


@contextmanager
def _held(folder: Path, *, wait: bool = False) -> Iterator[None]:
    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        yield
    finally:
        os.close(handle)
