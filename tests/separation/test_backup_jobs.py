"""Several processes take the same backup as one, and fail as one."""

import threading
from collections.abc import Iterator
from dataclasses import replace

import pytest
from django.core.management import ManagementUtility, call_command
from django.db import connection

from separation.backups import take, taking, verify_backup, workers
from separation.backups.files import verify
from separation.backups.manifest import read_manifest
from separation.errors import CheckFailed
from tests.databases import Databases, default_connection_to
from tests.separation.backups import execute, files_in, fill_with_everything, rows_in
from tests.separation.failing_saves import die, fill_the_disk, lose


@pytest.fixture
def name(databases: Databases, django_db_blocker, backup_dir) -> Iterator[str]:
    with django_db_blocker.unblock(), databases.empty() as name, default_connection_to(name):
        yield name


def test_the_files_are_the_same_as_with_one(name):
    fill_with_everything(name)
    execute(name, "CREATE TABLE long AS SELECT g AS id, repeat(md5(g::text), 100) AS t FROM generate_series(1, 2000) g")
    one, three = (take(connection, jobs=jobs).path for jobs in (1, 3))
    assert files_in(one) == files_in(three)
    for file in files_in(one):
        if file.endswith(".zst"):
            assert (one / file).read_bytes() == (three / file).read_bytes(), file
    # What a table takes on disk is autovacuum's affair.
    tables = [[replace(table, disk_bytes=0) for table in read_manifest(folder)[0].tables] for folder in (one, three)]
    assert tables[0] == tables[1]


def test_what_is_written_meanwhile_is_in_no_process_snapshot(name, monkeypatch):
    execute(
        name, "CREATE TABLE a (id int); CREATE TABLE b (id int); INSERT INTO a VALUES (1); INSERT INTO b VALUES (1)"
    )

    def write_then_save(reader, snapshot, tables, save, **options):
        execute(name, "INSERT INTO a VALUES (2); INSERT INTO b VALUES (2)")
        return workers.save_in_parallel(reader, snapshot, tables, save, **options)

    monkeypatch.setattr(taking, "save_in_parallel", write_then_save)
    folder = take(connection, jobs=2).path
    assert [rows_in(folder, f"{table}.jsonl.zst") for table in "ab"] == [[["1"]], [["1"]]]


def test_a_table_that_somebody_waits_to_change_is_saved_all_the_same(name, monkeypatch):
    execute(name, "CREATE TABLE a AS SELECT 1 AS id; CREATE TABLE b AS SELECT 1 AS id")
    changes = threading.Thread(target=execute, args=(name, "ALTER TABLE a ADD more text"))
    waiting = "SELECT 1 FROM pg_locks WHERE relation = 'a'::regclass AND NOT granted"

    def queue_then_save(*args, **options):
        changes.start()
        while not execute(name, waiting):
            pass
        return workers.save_in_parallel(*args, **options)

    monkeypatch.setattr(taking, "save_in_parallel", queue_then_save)
    folder = take(connection, jobs=2).path
    changes.join()
    assert rows_in(folder, "a.jsonl.zst") == [["1"]]
    assert execute(name, "SELECT * FROM a") == [(1, None)]


@pytest.mark.parametrize(
    ("what", "said"),
    [
        (die, "One of the processes of the backup was killed, so there is no backup; nothing of it is left."),
        (lose, "terminating connection due to administrator command"),
        (fill_the_disk, "nothing of it is left there: No space left on device."),
    ],
)
def test_a_process_that_fails_fails_the_backup(what, said, name, backup_dir, monkeypatch, capsys):
    execute(name, "CREATE TABLE a (id int); CREATE TABLE b (id int)")
    monkeypatch.setattr(taking, "_save_table", what)
    with pytest.raises(SystemExit) as done:
        call_command("backup", jobs=2)
    assert done.value.code == 1
    assert said in capsys.readouterr().err
    assert files_in(backup_dir) == [".lock"]
    here = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
    connection.close()
    while execute(name, here) != [(0,)]:
        pass


def test_several_files_are_read_at_a_time_and_the_first_damage_is_named(name):
    for table in "abc":
        execute(name, f"CREATE TABLE {table} AS SELECT generate_series(1, 9) AS id")
    folder = take(connection).path
    assert verify_backup(connection, str(folder), jobs=3).manifest.rows == 27
    for table in "cb":
        (folder / f"{table}.jsonl.zst").unlink()
    with pytest.raises(CheckFailed, match=r"/b\.jsonl\.zst cannot be read"):
        verify(folder, read_manifest(folder)[0], lambda _: None, jobs=3)


@pytest.mark.parametrize("jobs", ["0", "33", "x"])
def test_so_many_jobs_are_a_usage_fault(jobs, backup_dir):
    with pytest.raises(SystemExit) as done:
        ManagementUtility(["manage.py", "backup", "--jobs", jobs]).execute()
    assert done.value.code == 2
