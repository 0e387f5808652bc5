"""One embedded server: started by the first process that needs it, shared, stopped by the last.

Who is alive is never read from a file that a kill could leave stale; three locks say it, and the kernel drops a lock
with the process that holds it:

- `running.lock` is inherited by the server and all of its processes: while it is held there is a server here, whatever
  `postmaster.pid` says (whose number may long be somebody else's);
- `users.lock` is shared by every process that uses the server: who gets it exclusively at its end was the last;
- `starting.lock` is held while starting or stopping, so that two processes never do either at once.
"""

import atexit
import fcntl
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from urllib.parse import quote

import psycopg
from django.conf import settings
from psycopg import sql
from psycopg.conninfo import make_conninfo
from psycopg.pq import PGconn, Ping

from config.embedded_postgres.place import PORT, Place, ServerUnavailable, place_for
from config.embedded_postgres.programs import VERSIONS

_PATIENCE = 120  # seconds until a server that runs must answer: it may have to recover from a crash first
_LARGEST_LOG = 10_000_000  # bytes
# A benchmark gives its server more memory than this, as production servers have.
SETTINGS = {
    "listen_addresses": "",
    "port": str(PORT),
    "max_connections": "200",
    "shared_buffers": "256MB",
    "maintenance_work_mem": "128MB",
    "max_wal_size": "2GB",
    "random_page_cost": "1.1",
    "jit": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
    # What a client did wrong is told to the client; statements and keys in a log file would be people's data.
    "log_min_messages": "log",
    "log_min_error_statement": "panic",
}
_FAST_SETTINGS = {"fsync": "off", "full_page_writes": "off", "max_wal_size": "256MB"}


class Server:
    """The embedded server at one place."""

    port = PORT
    user = "postgres"

    def __init__(self, place: Place) -> None:
        self.place = place
        self.socket_dir = place.socket_dir
        self._use: int | None = None
        self._known_databases: set[str] = set()

    def url(self, database: str) -> str:
        """Return the database's address, as DATABASE_URL and PostgreSQL's own programs take it."""
        host = quote(str(self.socket_dir), safe="/")
        return f"postgres://{self.user}@/{quote(database, safe='')}?host={host}&port={self.port}"

    def ensure(self) -> None:
        """Return once the server runs and this process is counted among its users.

        Raises ServerUnavailable when it cannot be started.
        """
        if self._use is None or not self._is_running():
            self.recover()

    def recover(self) -> None:
        """Return once the server answers, started again if it is gone; to be called when a connection failed.

        Raises ServerUnavailable when it cannot be started.
        """
        self.place.prepare()
        with self._starting():
            self.forget()  # the folder may have been deleted meanwhile, and be another one now
            self._use = self._open("users.lock")
            fcntl.flock(self._use, fcntl.LOCK_SH)
            self._start_or_wait()

    def ensure_database(self, name: str) -> None:
        """Create the database if there is none of this name; looked up once in a process."""
        if name in self._known_databases:
            return
        with self._starting(), closing(psycopg.connect(self._conninfo)) as connection:
            connection.autocommit = True
            if connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name]).fetchone() is None:
                connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        self._known_databases.add(name)

    def answers(self) -> bool:
        """Tell whether the server takes connections, as far as libpq's own environment variables let us try."""
        return PGconn.ping(self._conninfo.encode()) in (Ping.OK, Ping.NO_ATTEMPT)

    def release(self) -> None:
        """Stop using the server; stop it if nobody else does."""
        if self._use is None:
            return
        with suppress(FileNotFoundError), self._starting():
            self.forget()
            with self._if_free("users.lock") as last:
                if last:
                    self._stop()

    def forget(self) -> None:
        """Stop counting as a user, without touching the server; a forked child must, as it never began to be one."""
        self._known_databases.clear()
        if self._use is not None:
            os.close(self._use)
            self._use = None

    def stop(self) -> None:
        """Stop the server, whoever uses it."""
        with self._starting():
            self._stop()

    @property
    def _socket(self) -> Path:
        return self.socket_dir / f".s.PGSQL.{self.port}"

    def _stop(self) -> None:
        # The number in postmaster.pid is only right while its server listens.
        if not (self._is_running() and self._listens()):
            return
        pid = int((self.place.data / "postmaster.pid").read_text().split("\n", 1)[0])
        os.kill(pid, signal.SIGINT)  # "fast": ends sessions, writes everything down
        deadline = time.monotonic() + _PATIENCE
        while self._is_running() and time.monotonic() < deadline:
            time.sleep(0.01)

    def _start_or_wait(self) -> None:
        """Return when the server answers; start it if there is none, at first or any more."""
        started = False
        deadline = time.monotonic() + _PATIENCE
        while time.monotonic() < deadline:
            with self._if_free("running.lock") as lock:
                if lock is not None:
                    if started:
                        raise self._failure("stopped as soon as it was started")
                    self._start(lock)
                    started = True
            if self.answers():
                return
            time.sleep(0.02)
        raise self._failure(f"runs, but did not answer for {_PATIENCE} seconds")

    def _start(self, lock: int) -> None:
        self._rotate_log()
        if not (self.place.data / "PG_VERSION").exists():
            self._initialise(lock)
        # Nobody holds running.lock, so whatever process has the number in these is not our server.
        for stale in (self.place.data / "postmaster.pid", Path(f"{self._socket}.lock"), self._socket):
            stale.unlink(missing_ok=True)
        options = SETTINGS | (_FAST_SETTINGS if self.place.fast else {})
        options["unix_socket_directories"] = f'"{self.socket_dir}"'
        options["unix_socket_permissions"] = "0700"
        arguments = [part for name, value in options.items() for part in ("-c", f"{name}={value}")]
        # The shell leaves the server to init, in a session of its own: a Ctrl-C in our terminal must not reach it.
        command = ["/bin/sh", "-c", '"$@" &', "sh", self._program("postgres"), "-D", str(self.place.data), *arguments]
        self._run(command, lock)

    def _initialise(self, lock: int) -> None:
        """Make the data folder, under another name until it is complete; a killed caller's initdb keeps the lock."""
        for leftover in self.place.folder.glob("initdb-*"):
            shutil.rmtree(leftover, ignore_errors=True)
        draft = Path(tempfile.mkdtemp(dir=self.place.folder, prefix="initdb-"))
        self.place.give(draft)
        # Sorting by code point, and upper and lower case of all scripts, wherever this runs.
        locale = (
            ["--locale=C.UTF-8"]
            if self.place.version < 17
            else ["--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
        )
        command = [self._program("initdb"), "-D", str(draft), "--encoding=UTF8", *locale, "--auth=trust"]
        command += [f"--username={self.user}", "--no-instructions", *(["--no-sync"] if self.place.fast else [])]
        if self._run(command, lock) != 0:
            shutil.rmtree(draft, ignore_errors=True)
            raise self._failure("could not make its data folder")
        draft.rename(self.place.data)

    def _program(self, name: str) -> str:
        return str(self.place.programs() / name)

    def _run(self, command: list[str], lock: int) -> int:
        """Run a program that holds the lock, as the server's account, into the log, and return its exit code."""
        account = self.place.account
        environment = {name: value for name, value in os.environ.items() if not name.startswith(("PG", "LC_", "LANG"))}
        with open(self._open("server.log", os.O_APPEND), "ab") as log:
            try:
                return subprocess.run(
                    command,
                    check=False,
                    cwd=self.place.folder,
                    env=environment | {"LC_ALL": "C"},
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    start_new_session=True,
                    pass_fds=(lock,),
                    umask=0o077,
                    user=account and account.uid,
                    group=account and account.gid,
                    extra_groups=account and [],
                ).returncode
            except OSError as error:
                raise self._failure(f"could not run {command[0]}: {error.strerror}") from error

    @property
    def _conninfo(self) -> str:
        host = str(self.socket_dir)
        return make_conninfo(
            host=host, hostaddr="", port=self.port, user=self.user, dbname="postgres", connect_timeout=10
        )

    def _listens(self) -> bool:
        with socket.socket(socket.AF_UNIX) as probe:
            try:
                probe.connect(str(self._socket))
            except OSError:
                return False
            return True

    def _is_running(self) -> bool:
        with self._if_free("running.lock") as lock:
            return lock is None

    def _open(self, name: str, flags: int = 0) -> int:
        path = self.place.folder / name
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | flags, 0o600)
        self.place.give(path)
        return handle

    @contextmanager
    def _starting(self) -> Iterator[None]:
        handle = self._open("starting.lock")
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield
        finally:
            os.close(handle)

    @contextmanager
    def _if_free(self, name: str) -> Iterator[int | None]:
        """Hold the lock if nobody does, and give its handle; else None."""
        handle = self._open(name)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield None
        else:
            yield handle
        finally:
            os.close(handle)

    def _rotate_log(self) -> None:
        with suppress(FileNotFoundError):
            if self.place.log.stat().st_size > _LARGEST_LOG:
                self.place.log.rename(self.place.log.with_suffix(".log.1"))

    def _failure(self, what: str) -> ServerUnavailable:
        log = self.place.log.read_text(errors="replace").splitlines()
        lines = [line for line in log if not line.endswith("FATAL:  the database system is starting up")][-12:]
        return ServerUnavailable(
            f"The embedded PostgreSQL {self.place.version} {what}.\nIts data: {self.place.data}\n"
            f"The end of its log, {self.place.log}:\n"
            + "".join(f"    {line}\n" for line in lines)
            + "To start over with an empty database, type: make clean. To use another server, set DATABASE_URL."
        )


_servers: dict[Place, Server] = {}
_guard = threading.RLock()


def ensure_running() -> Server:
    """Return the server of the settings, running; this process counts as its user until it exits.

    Raises ServerUnavailable when it cannot be started.
    """
    place = place_for(
        Path(settings.EMBEDDED_POSTGRES_DIR),
        settings.EMBEDDED_POSTGRES_VERSION,
        fast=settings.EMBEDDED_POSTGRES_FAST,
    )
    with _guard:
        server = _servers.setdefault(place, Server(place))
        server.ensure()
        return server


def existing_servers() -> list[Server]:
    """Return every server that was ever started in this checkout, running or not."""
    directory = Path(settings.EMBEDDED_POSTGRES_DIR)
    places = [place_for(directory, version, fast=fast) for version in VERSIONS for fast in (False, True)]
    return [Server(place) for place in places if place.exists()]


def _release_all() -> None:
    with suppress(KeyboardInterrupt):
        for server in _servers.values():
            server.release()


def _forget_all() -> None:
    global _guard
    _guard = threading.RLock()
    for server in _servers.values():
        server.forget()
    _servers.clear()


atexit.register(_release_all)
os.register_at_fork(after_in_child=_forget_all)
