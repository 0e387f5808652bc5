"""What every command does with errors that are not its own."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings

from tests.databases import environment_for


@pytest.fixture
def open_folder():
    """A folder that the server's account reaches, whoever runs the tests."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


def test_an_embedded_server_that_cannot_start_is_shown_with_the_end_of_its_log(open_folder):
    environment = os.environ | {"DATABASE_URL": "", "EMBEDDED_POSTGRES_DIR": str(open_folder / "postgres")}
    command = [sys.executable, "manage.py", "separation_status"]
    options: dict[str, Any] = {"cwd": settings.BASE_DIR, "env": environment, "capture_output": True, "text": True}
    first = subprocess.run(command, check=False, **options)
    assert (first.returncode, first.stderr) == (0, "")
    (version,) = (open_folder / "postgres").glob("*/data/PG_VERSION")
    version.write_text("99\n")

    said = subprocess.run(command, check=False, **options)

    assert (said.returncode, said.stdout) == (1, "")
    lines = said.stderr.splitlines()
    assert (
        lines[0]
        == f"Error: The embedded PostgreSQL {settings.EMBEDDED_POSTGRES_VERSION} stopped as soon as it was started."
    )
    assert lines[1] == f"Its data: {version.parent}"
    assert "The data directory was initialized by PostgreSQL version 99" in said.stderr
    assert (
        lines[-1] == "To start over with an empty database, type: make clean. To use another server, set DATABASE_URL."
    )


def test_a_reader_that_goes_away_is_no_traceback(legacy_database):
    database = legacy_database("plain")
    environment = environment_for(database.name)
    command = [sys.executable, "manage.py", "preflight"]
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "w") as nobody:
        said = subprocess.run(
            command,
            cwd=settings.BASE_DIR,
            env=environment,
            stdout=nobody,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )

    assert (said.returncode, said.stderr) == (1, "Nobody read the output to its end.\n")
