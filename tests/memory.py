"""Where the tests' server keeps its data: in memory, where there is room for it.

A test makes a database of some three hundred files, and on a disk that is most of what it costs. `python -m
tests.memory` prints the folder, for `make clean`.
"""

import hashlib
import os
import shutil
from contextlib import suppress
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent
_MEMORY = Path("/dev/shm")  # noqa: S108 (its owner is checked)
_ROOM = 2 * 2**30  # bytes; a session takes a quarter of it


def server_folder() -> Path:
    """Return this checkout's own folder in memory, or `.postgres` where there is no memory to be had for files."""
    folder = _MEMORY / f"restaurants-tests-{os.geteuid()}-{hashlib.sha256(os.fsencode(PROJECT)).hexdigest()[:8]}"
    with suppress(OSError):
        if shutil.disk_usage(_MEMORY).free > _ROOM:
            folder.mkdir(mode=0o755, exist_ok=True)
            found = folder.lstat()
            if folder.is_dir() and not folder.is_symlink() and found.st_uid == os.geteuid():
                return folder
    return PROJECT / ".postgres"


if __name__ == "__main__":
    print(server_folder())  # noqa: T201 - that is what it is for
