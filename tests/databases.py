"""Databases for tests of the engine: made once as a template, then cloned for each test that wants one.

Every database of a test session is named `test_legacy_<token>_<what>`, and the session holds an advisory lock on its
token for as long as it lives. So whatever a killed session left behind is told from what another one is using. The
templates are made once for all processes of a run, whose token they share.
"""

import hashlib
import importlib
import os
import pickle
import secrets
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.conf import Settings, settings
from django.contrib.contenttypes.models import ContentType
from django.core.management import call_command
from django.db import OperationalError, connections
from django.db.backends.base.base import NO_DB_ALIAS, BaseDatabaseWrapper
from django.db.utils import load_backend

from config.embedded_postgres import ensure_running
from separation.environment import SCRATCH, environment_of, mark_scratch
from separation.sample import Summary
from tests import legacy
from tests.forking import Forked, command, connect_anew, fork

# One key for all processes and sessions of tests: what one of them signs, the others believe.
SECRET_KEY = "for tests " * 6
_OURS = r"^test_legacy_[0-9a-f]{8}_"


@dataclass(frozen=True)
class LegacyDatabase:
    """A database of one test, behind `connections["default"]` until the test ends; `summary` says what is in it."""

    name: str
    connection: BaseDatabaseWrapper
    summary: Summary


MakeLegacyDatabase = Callable[..., LegacyDatabase]
# What is in a template: which kind, how many customers, by which seed, and whether it is adopted, and they have moved.
_Key = tuple[str, int, int, bool, bool]


class Databases:
    """The databases of one test process: templates for all of its tests, clones for one test each."""

    def __init__(self, admin: BaseDatabaseWrapper) -> None:
        self._admin = admin
        self._token = secrets.token_hex(4)
        self._run = _short(os.environ.get("PYTEST_XDIST_TESTRUNUID", self._token))
        self._number = 0
        # Copying files is cheaper than logging every page; before PostgreSQL 15 there is no other way.
        self._strategy = "STRATEGY file_copy" if self._version() >= 15_00_00 else ""
        self._templates: dict[_Key, tuple[str, Summary]] = {}
        self._try_lock(self._token)
        self._execute("SELECT pg_advisory_lock_shared(%s)", [int(self._run, 16)])
        self._drop_leftovers()

    @contextmanager
    def empty(self) -> Iterator[str]:
        """Make a database with nothing in it, give its name, and drop it."""
        name = self._create("template0")
        try:
            yield name
        finally:
            self._drop(name)

    @contextmanager
    def clone(
        self, kind: str, customers: int, seed: int, adopted: bool, moved: bool = False
    ) -> Iterator[LegacyDatabase]:
        """Make a legacy database, put it behind the default connection, and drop it."""
        template, summary = self._template(kind, customers, seed, adopted, moved)
        name = self._create(template)
        try:
            with default_connection_to(name) as connection:
                mark_scratch(connection)
                yield LegacyDatabase(name, connection, summary)
        finally:
            self._drop(name)

    def close(self) -> None:
        """Drop the templates, if no other process of this run may want them."""
        self._execute("SELECT pg_advisory_unlock_shared(%s)", [int(self._run, 16)])
        if self._try_lock(self._run):
            self._drop_all_of(self._run)
            self._execute("SELECT pg_advisory_unlock(%s)", [int(self._run, 16)])
        self._templates.clear()

    def _template(self, *key: *_Key) -> tuple[str, Summary]:
        if key not in self._templates:
            name = f"test_legacy_{self._run}_{_short(repr(key))}"
            making = int(_short(name), 16)
            self._execute("SELECT pg_advisory_lock(%s)", [making])
            try:
                self._templates[key] = name, self._made(name) or self._make(name, *key)
            finally:
                self._execute("SELECT pg_advisory_unlock(%s)", [making])
        return self._templates[key]

    def _made(self, name: str) -> Summary | None:
        """Return what is in a template that another process has made; it says so once it is complete."""
        notes = self._column("SELECT shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = %s", [name])
        summary: Summary | None = pickle.loads(bytes.fromhex(notes[0])) if notes and notes[0] else None  # noqa: S301
        return summary

    def _make(self, name: str, kind: str, customers: int, seed: int, adopted: bool, moved: bool) -> Summary:
        self._drop(name)
        if moved:
            adopted_one, summary = self._template(kind, customers, seed, True, False)
            self._execute(f'CREATE DATABASE "{name}" TEMPLATE "{adopted_one}"')
            _move(name)
        else:
            self._execute(f'CREATE DATABASE "{name}" TEMPLATE template0')
            summary = _fill(name, kind, customers, seed, adopted)
        self._execute(f"""COMMENT ON DATABASE "{name}" IS '{pickle.dumps(summary).hex()}'""")
        return summary

    def _create(self, template: str) -> str:
        self._number += 1
        name = f"test_legacy_{self._token}_{self._number}"
        self._execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}" {self._strategy}')
        return name

    def _drop(self, name: str) -> None:
        self._execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')

    def _drop_leftovers(self) -> None:
        """Drop what killed sessions left: the databases whose token nobody holds."""
        names = self._column("SELECT datname FROM pg_database WHERE datname ~ %s", [_OURS])
        for token in {name.split("_")[2] for name in names} - {self._token, self._run}:
            if self._try_lock(token):
                self._drop_all_of(token)
                self._execute("SELECT pg_advisory_unlock(%s)", [int(token, 16)])

    def _drop_all_of(self, token: str) -> None:
        for name in self._column("SELECT datname FROM pg_database WHERE datname ~ %s", [f"^test_legacy_{token}_"]):
            self._drop(name)

    def _try_lock(self, token: str) -> bool:
        return self._column("SELECT pg_try_advisory_lock(%s)", [int(token, 16)]) == [True]

    def _version(self) -> int:
        return int(self._column("SHOW server_version_num", [])[0])

    def _execute(self, sql: str, params: list[Any] | None = None) -> None:
        with self._admin.cursor() as cursor:
            cursor.execute(sql, params)

    def _column(self, sql: str, params: list[Any]) -> list[Any]:
        with self._admin.cursor() as cursor:
            cursor.execute(sql, params)
            return [value for (value,) in cursor.fetchall()]


def _short(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:8]


def _fill(name: str, kind: str, customers: int, seed: int, adopted: bool) -> Summary:
    with default_connection_to(name) as connection:
        summary = legacy.build(connection, kind=kind, customers=customers, seed=seed)
        mark_scratch(connection)
        if adopted:
            call_command("migrate", verbosity=0)
    return summary


def _move(name: str) -> None:
    from tests.separation.engine import move  # which looks for databases here

    with default_connection_to(name) as connection:
        move(connection)


@contextmanager
def server() -> Iterator[BaseDatabaseWrapper]:
    """Open a connection to the server's own database, and close it."""
    default = connections["default"]
    admin = type(default)({**default.settings_dict, "NAME": None}, alias=NO_DB_ALIAS)
    try:
        yield admin
    finally:
        admin.close()


@contextmanager
def default_connection_to(name: str) -> Iterator[BaseDatabaseWrapper]:
    """Put another database behind the default connection, and the former one back."""
    connection = connections["default"]
    connection.close()
    former = {key: connection.settings_dict[key] for key in ("NAME", "OPTIONS")}
    # A test that looks on is no company for a run to slow down for.
    named = former["OPTIONS"] | {"application_name": "separation test"}
    connection.settings_dict.update(NAME=name, OPTIONS=named)
    ContentType.objects.clear_cache()
    try:
        yield connection
    finally:
        connection.close()
        connection.settings_dict.update(former)
        ContentType.objects.clear_cache()


def query(sql: str) -> list[tuple[Any, ...]]:
    """Return the rows of a query behind the default connection."""
    with connections["default"].cursor() as cursor:
        cursor.execute(sql)
        rows: list[tuple[Any, ...]] = cursor.fetchall()
        return rows


def database_url(name: str) -> str:
    """Return the address of a database of the tests' server, as DATABASE_URL takes it."""
    if settings.EMBEDDED:
        return ensure_running().url(name)
    return urlsplit(os.environ["DATABASE_URL"])._replace(path=f"/{name}").geturl()


def environment_for(name: str) -> dict[str, str]:
    """Return this process's environment with DATABASE_URL leading to the database NAME, and the keys that asks for."""
    return os.environ | {
        "DATABASE_URL": database_url(name),
        "SECRET_KEY": SECRET_KEY,
        "PORTAL_SIGNING_KEY": "for tests too " * 6,
    }


def manage(
    name: str, *arguments: str, stdin: str = "", environment: Mapping[str, str] | None = None
) -> "subprocess.CompletedProcess[str]":
    """Run `manage.py` in a process of its own on the database NAME, as an operator would, and return what it said.

    The process is forked, which spares it a second of loading; the settings it reads anew from its environment.
    """
    with tempfile.TemporaryFile() as typed, tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        typed.write(stdin.encode())
        typed.seek(0)

        def live() -> int:
            return command_in({**environment_for(name), **(environment or {})}, *arguments)

        _, status = os.waitpid(fork((typed.fileno(), out.fileno(), err.fileno()), live), 0)
        said = []
        for stream in (out, err):
            stream.seek(0)
            said.append(stream.read().decode())
    return subprocess.CompletedProcess(["manage.py", *arguments], os.waitstatus_to_exitcode(status), *said)


def command_in(environment: Mapping[str, str], *arguments: str) -> int:
    """Do what `manage.py ARGUMENTS` does in ENVIRONMENT, in a fork of this process, and return its exit code."""
    os.environ.clear()
    os.environ.update(environment)
    warnings.simplefilter("error")
    importlib.reload(sys.modules["config.settings"])
    settings._wrapped = Settings("config.settings")
    database = settings.DATABASES["default"]
    connections.configure_settings(settings.DATABASES)
    connect_anew(load_backend(database["ENGINE"]).DatabaseWrapper(database, alias="default"))
    return command(*arguments)


def start(name: str, *arguments: str, prepare: Callable[[], object] = lambda: None) -> Forked:
    """Start what `manage` runs, after PREPARE in that process, and return it as it waits for what is typed."""
    environment = environment_for(name)

    def live() -> int:
        prepare()
        return command_in(environment, *arguments)

    return Forked(live)


def refuse_production() -> None:
    """End the test session if the server of DATABASE_URL holds an adopted database that is not scratch."""
    with server() as admin, admin.cursor() as cursor:
        cursor.execute("SELECT datname FROM pg_database WHERE datallowconn AND datname !~ %s ORDER BY 1", [_OURS])
        names = [name for (name,) in cursor.fetchall()]
    for name in names:
        if reason := why_not_scratch(name):
            pytest.exit(
                f"Tests refuse the server of DATABASE_URL: its database {name!r} {reason}. "
                "Unset DATABASE_URL to test on the embedded server.",
                returncode=4,
            )


def why_not_scratch(name: str) -> str:
    """Return why tests keep away from the server of this database, or nothing if they need not."""
    try:
        with default_connection_to(name) as connection, connection.cursor() as cursor:
            cursor.execute("SELECT to_regclass('separation_phase') IS NOT NULL")
            if not cursor.fetchone()[0]:
                return ""
            environment = environment_of(connection)
    except OperationalError:
        return "cannot be connected to, so nobody can tell what is in it"
    if environment.name == SCRATCH:
        return ""
    return f"is adopted and counts as {environment.name} ({environment.reason})"
