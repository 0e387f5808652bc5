"""Whatever stops a backup or a restore, a kill included, nothing is left that could be taken for one."""

import os
import resource
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.core.management import call_command
from django.db import OperationalError, connection

from separation.backups import latest_verified, restore, restoring, take, taking, verify_backup
from separation.backups.session import Session
from separation.errors import CheckFailed, Refused
from tests.databases import Databases, default_connection_to, start
from tests.forking import command
from tests.separation.backups import Stopped, connected, execute, files_in
from tests.separation.engine import other_application, query


@pytest.fixture
def name(databases: Databases, django_db_blocker) -> Iterator[str]:
    with django_db_blocker.unblock(), databases.empty() as name, default_connection_to(name):
        execute(name, "CREATE TABLE people AS SELECT generate_series(1, 9) AS id; CREATE TABLE more AS TABLE people")
        yield name


@pytest.fixture
def target(databases: Databases, django_db_blocker) -> Iterator[str]:
    with django_db_blocker.unblock(), databases.empty() as name:
        yield name


@pytest.mark.parametrize(
    ("function", "when"),
    [("_save_table", "before"), ("_save_table", "after"), ("read_manifest", "before"), ("publish", "before")],
)
def test_a_killed_backup_leaves_nothing_that_counts(function, when, name, backup_dir):
    Stopped(name, "backup", taking, function, when).end_by(signal.SIGKILL)

    (left,) = [file for file in files_in(backup_dir) if file not in (".lock", "records")]
    assert left.startswith(".backup-")
    assert ".partial-" in left
    assert latest_verified(connection) is None

    record = take(connection)
    assert [file for file in files_in(backup_dir) if file not in (".lock", "records")] == [record.id]


def test_one_killed_at_the_very_end_is_whole_and_counts(name, backup_dir):
    Stopped(name, "backup", taking, "publish", "after").end_by(signal.SIGKILL)
    record = latest_verified(connection)
    assert record is not None
    assert verify_backup(connection, record.id).recorded


def test_an_interrupted_backup_leaves_nothing_and_exits_130(name, backup_dir):
    stopped = Stopped(name, "backup", taking, "_save_table", "after")
    said = stopped.end_by(signal.SIGINT)
    assert stopped.process.returncode == 130, said
    assert files_in(backup_dir) == [".lock"]


def test_a_second_backup_at_the_same_time_is_refused(name, backup_dir):
    stopped = Stopped(name, "backup", taking, "_save_table", "after")
    with pytest.raises(Refused) as refusal:
        take(connection)
    assert refusal.value.message == f"Another backup is being written into {backup_dir}."
    assert stopped.go_on() == 0
    assert latest_verified(connection) is not None


def test_a_lost_connection_leaves_nothing(name, backup_dir, monkeypatch):
    def save_and_lose(folder, reader, table, advance, save=taking._save_table, **options):
        save(folder, reader, table, advance, **options)
        execute(name, f"SELECT pg_terminate_backend({reader.raw.info.backend_pid}, 10000)")

    monkeypatch.setattr(taking, "_save_table", save_and_lose)
    with pytest.raises(OperationalError, match="terminating connection"):
        take(connection)
    assert files_in(backup_dir) == [".lock"]


def test_a_connection_lost_within_a_table_leaves_nothing(name, backup_dir, monkeypatch):
    execute(name, "CREATE TABLE long AS SELECT repeat(md5(g::text), 1000) FROM generate_series(1, 3000) g")

    def within(most, advance):
        def lose(_):
            execute(
                name,
                f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE state = 'active' AND "
                f"datname = '{name}' AND pid <> pg_backend_pid()",
            )

        return lose

    monkeypatch.setattr(taking, "_within", within)
    with pytest.raises(OperationalError):
        take(connection)
    assert files_in(backup_dir) == [".lock"]


def test_a_full_disk_leaves_nothing_and_says_where(name, backup_dir):
    execute(name, "CREATE TABLE long AS SELECT gen_random_uuid() FROM generate_series(1, 50000)")
    most = (200_000, 200_000)
    with start(name, "backup", prepare=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, most)) as process:
        _, said = process.communicate()
    assert process.returncode == 1
    assert said.splitlines()[-2:] == [
        f"Error: The backup could not be written into {backup_dir}, and nothing of it is left there: File too large.",
        f"Next: df -h {backup_dir}",
    ]
    assert files_in(backup_dir) == [".lock"]


def test_a_folder_that_cannot_be_made_is_said(name, settings, tmp_path):
    (tmp_path / "file").write_text("")
    settings.BACKUP_DIR = tmp_path / "file" / "backups"
    with pytest.raises(CheckFailed, match="Not a directory"):
        take(connection)


@pytest.mark.parametrize(
    ("function", "when"), [("_load_table", "after"), ("_compare", "before"), ("_compare", "after"), ("mark", "after")]
)
def test_a_killed_restore_leaves_an_empty_database(function, when, name, target, backup_dir):
    folder = take(connection).path
    Stopped(target, "restore", restoring, function, when, str(folder)).end_by(signal.SIGKILL)

    with connected(target) as into:
        restore(into, folder)
    assert execute(target, "SELECT sum(id) FROM people") == [(45,)]


def test_a_restore_whose_connection_is_lost_leaves_an_empty_database(name, target, backup_dir, monkeypatch):
    folder = take(connection).path

    def load_and_lose(session, *others, load=restoring._load_table):
        load(session, *others)
        execute(target, f"SELECT pg_terminate_backend({session.raw.info.backend_pid}, 10000)")

    with connected(target) as into:
        with monkeypatch.context() as patch:
            patch.setattr(restoring, "_load_table", load_and_lose)
            with pytest.raises((CheckFailed, OperationalError)):
                restore(into, folder)
        restore(into, folder)


def test_the_commands_say_it_in_one_sentence(name, backup_dir, monkeypatch, capsys):
    def lose(*_, **__):
        raise OperationalError("the connection to ann@example.org is lost\nand more")

    monkeypatch.setattr(taking, "_save_table", lose)
    with pytest.raises(SystemExit) as done:
        call_command("backup")
    assert done.value.code == 1
    assert "Error: The database said: the connection to an***@ex***.org is lost\n" in capsys.readouterr().err


def test_the_partial_folder_of_a_killed_process_is_not_listed(name, backup_dir, capsys):
    (backup_dir / ".backup-2026-01-01-000000.partial-1").mkdir(parents=True)
    call_command("backup", list=True)
    assert capsys.readouterr().out == "There is no backup yet. Take one: python manage.py backup\n"


def test_paths_are_private_also_under_a_wide_umask(name, backup_dir: Path):
    former = os.umask(0)
    try:
        record = take(connection)
    finally:
        os.umask(former)
    assert {path.stat().st_mode & 0o77 for path in [backup_dir, record.path, *record.path.iterdir()]} == {0}


def test_a_right_that_is_lost_in_the_midst_of_a_backup(legacy_database, role, become, capfd, monkeypatch, backup_dir):
    database = legacy_database("plain")
    query(database.connection, f"GRANT SELECT ON ALL TABLES IN SCHEMA public TO {role}")
    query(database.connection, f"GRANT SELECT ON ALL SEQUENCES IN SCHEMA public TO {role}")
    become(database)
    copy_out = Session.copy_out

    def lose(session, table):
        if table.name == "reservations":
            with other_application(database.name) as admin:
                admin.execute(f"REVOKE SELECT ON reservations FROM {role}")
        return copy_out(session, table)

    monkeypatch.setattr(Session, "copy_out", lose)
    assert command("backup") == 1

    assert capfd.readouterr().err.splitlines()[-2] == (
        "Error: The database said: permission denied for table reservations. The open transaction was undone."
    )
    assert [file for file in files_in(backup_dir) if file != "records"] == [".lock"]
    with other_application(database.name) as admin:
        admin.execute(f"GRANT SELECT ON reservations TO {role}")
    monkeypatch.undo()
    call_command("backup")
