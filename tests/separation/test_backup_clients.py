"""PostgreSQL's programs are told where to connect as Django is, and nothing secret is seen in a list of processes."""

import subprocess
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psycopg
import pytest
from django.db.utils import ConnectionHandler

from separation.backups.clients import dump_section
from separation.errors import CheckFailed

ADDRESS = {
    "ENGINE": "django.db.backends.postgresql",
    "NAME": "it's a name",
    "USER": "ann",
    "PASSWORD": "secret word",
    "HOST": "db.example.org",
    "PORT": 5433,
    "OPTIONS": {"sslmode": "verify-full", "connect_timeout": 7, "assume_role": "reader"},
}


def started(monkeypatch: pytest.MonkeyPatch, *, tls: bool = False, code: int = 0, said: str = "") -> tuple[Any, Any]:
    """Return the command line and the environment that pg_dump is started with, instead of starting it."""
    calls = []

    def start(command: Any, **options: Any) -> Any:
        calls.append((command, options["env"]))
        return subprocess.CompletedProcess(command, code, b"", said.encode())

    monkeypatch.setattr(subprocess, "run", start)
    connection = ConnectionHandler({"default": ADDRESS})["default"]
    connection.connection = SimpleNamespace(pgconn=SimpleNamespace(ssl_in_use=tls))
    dump_section(connection, "pre-data", "00000003-1")
    return calls[0]


def test_the_address_is_djangos_without_the_password(monkeypatch):
    command, environment = started(monkeypatch)
    (address,) = (part.removeprefix("--dbname=") for part in command if part.startswith("--dbname="))
    assert psycopg.conninfo.conninfo_to_dict(address) == {
        "dbname": "it's a name",
        "user": "ann",
        "host": "db.example.org",
        "port": "5433",
        "sslmode": "verify-full",
        "connect_timeout": "7",
    }
    assert environment["PGPASSWORD"] == "secret word"
    assert not any("secret" in part for part in command)


def test_the_snapshot_and_the_role_are_the_sessions(monkeypatch):
    command, _ = started(monkeypatch)
    assert {"--snapshot=00000003-1", "--role=reader", "--section=pre-data", "--no-password"} < set(command)


@pytest.mark.parametrize("tls", [True, False])
def test_a_library_with_tls_is_lent_where_the_session_uses_tls(tls, monkeypatch):
    monkeypatch.delenv("LD_PRELOAD", raising=False)
    _, environment = started(monkeypatch, tls=tls)
    assert Path(environment["LD_PRELOAD"]).is_file() if tls else "LD_PRELOAD" not in environment


def test_what_pg_dump_said_is_passed_on_masked(monkeypatch):
    with pytest.raises(CheckFailed) as failure:
        started(monkeypatch, code=1, said="pg_dump: error: no ann@example.org here\npg_dump: hint: none\n")
    assert failure.value.message == "pg_dump could not save the schema: pg_dump: error: no an***@ex***.org here"
