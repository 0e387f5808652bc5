"""A `python` for shell scripts that is there at once: a fork of this process does what `python manage.py …` does.

And the same for the commands of a rehearsal.
"""

import json
import os
import shutil
import socket
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from threading import Thread
from urllib.parse import urlsplit

from separation.rehearsal.process import Ended
from tests.databases import command_in, manage
from tests.forking import fork

_SHIM = """#!{python} -SsE
import json, os, socket, sys
if sys.argv[1:2] != ["manage.py"]:
    os.execv("{python}", ["{python}", *sys.argv[1:]])
with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as there:
    there.connect("{address}")
    socket.send_fds(there, [json.dumps([sys.argv[2:], dict(os.environ)]).encode()], [0, 1, 2])
    sys.exit(int(there.recv(8)))
"""


@contextmanager
def forked_python() -> Iterator[Path]:
    """Give a folder for the PATH of a shell, in which `python` spares the second of loading Django."""
    folder = Path(tempfile.mkdtemp(dir="/tmp"))  # where a socket's address is short enough
    address, shim = folder / "forks", folder / "python"
    shim.write_text(_SHIM.format(python=sys.executable, address=address))
    shim.chmod(0o700)
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as here:
        here.bind(str(address))
        here.listen()
        Thread(target=_serve, args=(here,), daemon=True).start()
        yield folder
        here.shutdown(socket.SHUT_RDWR)
    shutil.rmtree(folder)


def forked_command(
    arguments: tuple[str, ...], environment: Mapping[str, str], typed: str, hear: Callable[[str], None]
) -> Ended:
    """Run a command as `run_command` does, in a process that costs nothing to start."""
    name = urlsplit(environment["DATABASE_URL"]).path[1:]
    done = manage(name, *arguments, stdin=typed, environment=environment)
    return Ended(done.returncode, done.stdout.splitlines(), done.stderr.splitlines())


def _serve(here: socket.socket) -> None:
    while True:
        try:
            asked, _ = here.accept()
        except OSError:  # the end
            return
        Thread(target=_answer, args=(asked,), daemon=True).start()


def _answer(asked: socket.socket) -> None:
    """Do what is asked, with the streams and in the environment of whoever asks, and tell the exit code."""
    said, streams, _, _ = socket.recv_fds(asked, 1 << 20, 3)
    arguments, environment = json.loads(said)
    process = fork((streams[0], streams[1], streams[2]), lambda: command_in(environment, *arguments))
    for stream in streams:
        os.close(stream)
    _, status = os.waitpid(process, 0)
    with asked:
        asked.send(str(os.waitstatus_to_exitcode(status)).encode())
