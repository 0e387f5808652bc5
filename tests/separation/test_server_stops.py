"""The server stops at once in mid-chunk, as in a crash: the command says so, and goes on when the server is back."""

import os
import signal
import subprocess
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path

import pytest
from django.conf import settings
from django.db import connections
from django.db.utils import load_backend

from config.embedded_postgres.place import place_for
from config.embedded_postgres.programs import program
from config.embedded_postgres.server import Server
from separation.environment import mark_scratch
from separation.models import Run
from tests.databases import database_url
from tests.separation.engine import WHOLE, one
from tests.separation.forked import Blow, World, turned


@pytest.fixture(scope="module")
def server():
    """A server of the test's own, in a folder that the account it runs as can reach."""
    with tempfile.TemporaryDirectory(prefix="embedded-", dir="/tmp") as name:
        Path(name).chmod(0o755)
        server = Server(place_for(Path(name), settings.EMBEDDED_POSTGRES_VERSION, fast=True))
        server.ensure()
        server.ensure_database("restaurants")
        yield server
        server.stop()
        server.place.remove()


@contextmanager
def default_connection_on(server):
    """Put that server behind the default connection, reached by its address as any other is."""
    former = connections["default"]
    address = {"NAME": "restaurants", "HOST": str(server.socket_dir), "PORT": server.port, "USER": server.user}
    wrapper = load_backend("django.db.backends.postgresql").DatabaseWrapper
    connections["default"] = wrapper({**former.settings_dict, **address}, alias="default")
    try:
        yield connections["default"]
    finally:
        connections["default"].close()
        connections["default"] = former


@pytest.fixture(scope="module")
def world(server, databases, django_db_blocker, tmp_path_factory):
    """A legacy database on that server."""
    folder = tmp_path_factory.mktemp("world")
    with pytest.MonkeyPatch.context() as patch, django_db_blocker.unblock():
        patch.setattr(settings, "BACKUP_DIR", folder / "backups")
        patch.setattr(settings, "LOG_DIR", folder / "logs")
        with databases.clone("ahead", 30, 1, True) as database:
            dump = [str(program("pg_dump")), f"--dbname={database_url(database.name)}"]
            saved = subprocess.run(dump, check=True, capture_output=True).stdout
        load = [str(program("psql")), "--quiet", "--set=ON_ERROR_STOP=1", f"--dbname={server.url('restaurants')}"]
        subprocess.run(load, check=True, input=saved, stdout=subprocess.DEVNULL)
        with default_connection_on(server) as connection:
            mark_scratch(connection)
            yield World(connection, folder)


@pytest.mark.parametrize("option", ["--execute", "--rollback"])
def test_a_server_that_stops_in_mid_chunk(server, world, option):
    life = world.run("--execute").statements
    if option == "--execute":
        world.comes_back()
    process = int((server.place.data / "postmaster.pid").read_text().split("\n", 1)[0])
    middle = (turned(life) + len(life)) // 2 if option == "--execute" else 30

    ended = world.start(option, Blow(lambda: os.kill(process, signal.SIGQUIT), middle, 0.0005)).wait()

    world.connection.close()
    while server.answers() or Path(f"/proc/{process}").exists():
        time.sleep(0.01)
    assert ended.code == 1
    assert ended.err.splitlines()[-2:] == [
        "Error: The connection to the database was lost; the server undid the open transaction, all others are whole.",
        f"Next: python manage.py migrate_customers {option}",
    ]
    again = world.start(option).wait()
    assert again.code == 1
    assert again.err.splitlines()[0].startswith("Error: The database said: connection ")

    server.recover()
    assert Run.objects.latest("id").state == "running"
    if option == "--execute":
        assert one(world.connection, WHOLE) == 0
        world.goes_there()
    world.comes_back()
