"""PostgreSQL's own client programs, told to connect as Django does."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, Any

import psycopg
from django.db.backends.base.base import BaseDatabaseWrapper

from config.embedded_postgres.programs import program
from config.masking import mask_text
from separation.backups.session import LOCK_WAIT
from separation.errors import PREFLIGHT, CheckFailed


def dump_section(connection: BaseDatabaseWrapper, section: str, snapshot: str = "") -> str:
    """Return one section ('pre-data' or 'post-data') of the schema as SQL, seen in an exported snapshot or now.

    Nothing is written to a disk. Raises CheckFailed with what pg_dump said.
    """
    command = [
        *(
            str(program("pg_dump")),
            f"--section={section}",
            *([f"--snapshot={snapshot}"] if snapshot else []),
            "--encoding=UTF8",
        ),
        *("--no-owner", "--no-privileges", "--no-tablespaces", "--no-publications", "--no-subscriptions"),
        *(f"--lock-wait-timeout={LOCK_WAIT}", "--no-password", f"--dbname={_address(connection)}", *_role(connection)),
    ]
    done = subprocess.run(command, env=_environment(connection), capture_output=True, check=False)
    if done.returncode:
        raise CheckFailed(f"pg_dump could not save the schema: {_first_line(done.stderr)}", PREFLIGHT)
    return done.stdout.decode()


@contextmanager
def dumped(connection: BaseDatabaseWrapper, snapshot: str) -> Iterator[IO[bytes]]:
    """Yield what pg_dump writes of the whole database in its custom format, as it comes, seen in an exported snapshot.

    With owners and privileges: pg_restore can leave them out. Nothing is written to a disk. Raises CheckFailed with
    what pg_dump said, once it has ended and all it wrote was read.
    """
    command = [
        *(str(program("pg_dump")), "--format=custom", f"--snapshot={snapshot}"),
        *(f"--lock-wait-timeout={LOCK_WAIT}", "--no-password", f"--dbname={_address(connection)}", *_role(connection)),
    ]
    with (
        TemporaryFile() as errors,
        subprocess.Popen(command, env=_environment(connection), stdout=subprocess.PIPE, stderr=errors) as process,
    ):
        assert process.stdout  # noqa: S101 (it is a pipe)
        try:
            yield process.stdout
        except BaseException:
            process.terminate()
            raise
        if process.wait():
            errors.seek(0)
            raise CheckFailed(f"pg_dump could not save the database: {_first_line(errors.read())}", PREFLIGHT)


def _first_line(said: bytes) -> str:
    return mask_text((said.decode(errors="replace").strip().splitlines() or ["nothing"])[0])


def _address(connection: BaseDatabaseWrapper) -> str:
    """Return the connection string without what is secret: a command line can be read by everyone on the machine."""
    known = {option.keyword.decode() for option in psycopg.pq.Conninfo.get_defaults()}
    parameters = connection.get_connection_params()
    hidden = ("password", "sslpassword", "client_encoding")
    return psycopg.conninfo.make_conninfo(
        **{name: value for name, value in parameters.items() if name in known and name not in hidden}
    )


def _environment(connection: BaseDatabaseWrapper) -> dict[str, str]:
    environment = {**os.environ}
    password: Any = connection.get_connection_params().get("password")
    if password:
        environment["PGPASSWORD"] = str(password)
    if connection.connection.pgconn.ssl_in_use and (library := _library_with_tls()):
        environment["LD_PRELOAD"] = str(library)
    return environment


def _library_with_tls() -> Path | None:
    """Return psycopg's own libpq: the wheel's programs are built without TLS, and take another libpq's."""
    folder = Path(psycopg.__file__).parent.parent / "psycopg_binary.libs"
    return next(folder.glob("libpq-*.so*"), None) if sys.platform == "linux" else None


def _role(connection: BaseDatabaseWrapper) -> list[str]:
    role = connection.settings_dict["OPTIONS"].get("assume_role")
    return [f"--role={role}"] if role else []
