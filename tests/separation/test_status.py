"""`separation_status` says where it stands and what is next, in every phase."""

import io
import json
import os
import pty
import signal
import subprocess
import sys

from django.conf import settings
from django.core.management import call_command

from separation.management.commands import separation_status
from separation.status import status_of
from tests.databases import environment_for, manage, server, start
from tests.separation.engine import move, other_application, query


def test_before_adoption(legacy_database):
    database = legacy_database("plain")

    said = manage(database.name, "separation_status")

    assert (said.returncode, said.stderr) == (0, "")
    assert said.stdout.splitlines() == [
        f"Database              {database.name} (scratch)",
        "Phase                 not adopted",
        "Customers in users    63",
        "Moved                 0",
        "Next                  python manage.py backup, then python manage.py migrate",
    ]


def test_after_a_run(legacy_database):
    database = legacy_database("plain", adopted=True)
    run = move(database.connection)

    said = manage(database.name, "separation_status")

    assert said.stdout.splitlines() == [
        f"Database              {database.name} (scratch)",
        "Phase                 dual",
        "Customers in users    63",
        "Moved                 55",
        f"Latest run            {run.pk}, execute: done, started {run.started_at:%Y-%m-%d %H:%M:%S} UTC",
        "Open finding          duplicate_email: 4",
        "Open finding          invalid_email: 1",
        "Open finding          needs_password_reset: 2",
        "Open finding          staff_marked_as_customer: 3",
        "Next                  python manage.py verify_separation",
    ]


def test_the_json_is_one_document(legacy_database):
    database = legacy_database("plain", adopted=True)
    run = move(database.connection)

    said = manage(database.name, "separation_status", "--json")

    assert (said.returncode, said.stderr) == (0, "")
    found = json.loads(said.stdout)
    shown = found.pop("run")
    assert found == {
        "database": database.name,
        "environment": "scratch",
        "phase": "dual",
        "customers_in_users": 63,
        "moved": 55,
        "drift": {"unexamined": 0, "queued": 0},
        "chunks": {"linked": 3},
        "workers": [],
        "open_findings": {
            "duplicate_email": 4,
            "invalid_email": 1,
            "needs_password_reset": 2,
            "staff_marked_as_customer": 3,
        },
        "verified": None,
        "rehearsal": None,
        "next": "python manage.py verify_separation",
    }
    assert (shown["id"], shown["kind"], shown["state"], shown["examined"]) == (run.pk, "execute", "done", 63)
    assert (shown["seconds_left"], shown["request"]) == (None, "")


def test_what_the_operator_noted_is_shown(legacy_database, monkeypatch, tmp_path):
    monkeypatch.setattr(settings, "LOG_DIR", tmp_path)
    database = legacy_database("plain", adopted=True)
    call_command("migrate_customers", "--note", "without step 3", stdout=io.StringIO(), no_color=True)
    out = io.StringIO()

    call_command("separation_status", stdout=out, no_color=True)

    assert "Note                  without step 3" in out.getvalue().splitlines()
    assert status_of(database.connection).as_dict()["run"]["note"] == "without step 3"


def test_it_waits_for_no_lock(legacy_database):
    database = legacy_database("plain", moved=True)
    with other_application(database.name) as other:
        other.execute("BEGIN")
        other.execute("LOCK users, customers IN ACCESS EXCLUSIVE MODE")

        status = status_of(database.connection)

    assert (status.customers_in_users, status.moved, status.unexamined) == (None, None, None)
    assert (status.phase, status.queued, status.chunks) == ("dual", 0, {"linked": 3})


def test_watching_says_what_changes_survives_the_servers_refusal_and_ends_by_ctrl_c(legacy_database, monkeypatch):
    monkeypatch.setattr(separation_status, "_SECONDS", 0.1)
    database = legacy_database("plain", adopted=True)
    with server() as admin, start(database.name, "separation_status", "--watch") as process:
        first = process.stdout.readline()
        query(admin, f'ALTER DATABASE "{database.name}" ALLOW_CONNECTIONS false')
        query(admin, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [database.name])
        second = process.stdout.readline()
        query(admin, f'ALTER DATABASE "{database.name}" ALLOW_CONNECTIONS true')
        third = next(line for line in process.stdout if "does not answer" not in line)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate()

    following = "phase legacy, 0 moved; next: python manage.py preflight, then python manage.py migrate_customers"
    assert [line.partition(" UTC  ")[2].strip() for line in (first, third)] == [following] * 2
    assert " UTC  The server does not answer: " in second
    assert (process.returncode, err) == (0, "")


def test_on_a_terminal_it_refreshes_the_screen(legacy_database):
    database = legacy_database("plain", adopted=True)
    ours, theirs = pty.openpty()
    command = [sys.executable, "manage.py", "separation_status", "--watch"]
    with subprocess.Popen(
        command, cwd=settings.BASE_DIR, env=environment_for(database.name), stdout=theirs, stderr=theirs
    ) as process:
        os.close(theirs)
        shown = b""
        while b"Next" not in shown:
            shown += os.read(ours, 65536)
        process.send_signal(signal.SIGINT)
    os.close(ours)

    assert process.returncode == 0
    assert shown.startswith(b"\x1b[H\x1b[J" + b"Database ")
