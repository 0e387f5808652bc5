"""What one can do on the board: ask for a verification, sign off, take a list away as a file. It changes no data."""

import csv
import io
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import psycopg
import pytest
from django.contrib.admin.models import LogEntry
from django.core.management import call_command
from django.db import connection
from django.test import Client

from accounts.models import User
from separation.errors import Refused
from separation.exports import lines
from separation.models import Finding, Run, Verification
from separation.reviews import review_sign, review_withdraw
from tests.factories import FindingFactory, RunFactory, UserFactory, VerificationFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def root(client: Client) -> User:
    user = UserFactory.create(role="SUPERADMIN", name="Sue")
    client.force_login(user)
    return user


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What was started instead of processes."""
    found: list[Any] = []

    def start(command: list[str], **options: Any) -> Any:
        found.append((command, options))
        return SimpleNamespace(wait=lambda: 0)

    monkeypatch.setattr(subprocess, "Popen", start)
    return found


def said(answer: Any) -> list[str]:
    return [str(message) for message in answer.context["messages"]]


def test_a_verification_is_asked_for_once_at_a_time(client: Client, root: User, started: list[Any]) -> None:
    first = client.post("/admin/separation/verify/", {"since": "last"}, follow=True)
    (asked,) = Verification.objects.all()
    assert said(first) == [f"Verification {asked.pk} has begun; its outcome will stand here."]
    assert (asked.asked_by, asked.since, asked.finished_at) == (f"Sue (user {root.pk})", "last", None)
    ((command, options),) = started
    assert command == [sys.executable, "manage.py", "verify_separation", "--asked", str(asked.pk), "--since", "last"]
    assert options["start_new_session"] is True

    second = client.post("/admin/separation/verify/", follow=True)
    assert said(second) == [
        f"Verification {asked.pk}, asked for by Sue (user {root.pk}) at {asked.asked_at:%Y-%m-%d %H:%M:%S} UTC, "
        "is under way: wait for it."
    ]
    assert len(started) == 1

    # Its process has died: no session of it is there.
    Verification.objects.update(asked_at=asked.asked_at - timedelta(minutes=2))
    with psycopg.connect(**connection.get_connection_params() | {"cursor_factory": None}) as session:
        session.execute("SELECT set_config('application_name', %s, false)", [f"separation verification {asked.pk}"])
        assert len(said(client.post("/admin/separation/verify/", follow=True))) == 1
        assert len(started) == 1
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_stat_clear_snapshot()")  # the test is one transaction
    client.post("/admin/separation/verify/", {"since": "2001-01-01; rm"})
    asked.refresh_from_db()
    assert (asked.verdict, asked.ok) == ("Its process ended without a word.", None)
    assert len(started) == 2
    assert started[1][0][-2:] == ["--asked", str(Verification.objects.latest("id").pk)]


def test_a_process_that_cannot_be_started_is_said(client: Client, root: User, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any, **__: Any) -> None:
        raise OSError(11, "Resource temporarily unavailable")

    monkeypatch.setattr(subprocess, "Popen", full)
    client.post("/admin/separation/verify/")
    asked = Verification.objects.get()
    assert asked.verdict == (
        "It could not be started: Resource temporarily unavailable. Next: python manage.py verify_separation"
    )
    assert asked.finished_at


def test_the_process_writes_down_what_it_came_to(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = VerificationFactory.create(finished_at=None, ok=None, verdict="")
    names = []

    def looked(*_: Any) -> Any:
        with connection.cursor() as cursor:
            cursor.execute("SELECT current_setting('application_name')")
            names.append(cursor.fetchone()[0])
        return SimpleNamespace(ok=False, verdict=lambda: "1 of 2 invariants are broken.", lines=list)

    monkeypatch.setattr("separation.management.commands.verify_separation.verify_and_conclude", looked)
    with pytest.raises(SystemExit) as ended:
        call_command("verify_separation", "--asked", str(asked.pk))
    asked.refresh_from_db()
    assert (ended.value.code, asked.verdict, asked.ok) == (1, "1 of 2 invariants are broken.", False)
    assert names == [f"separation verification {asked.pk}"]

    def refuses(*_: Any) -> None:
        raise Refused("lock", "Somebody is writing ann@example.org.")

    asked = VerificationFactory.create(finished_at=None, ok=None, verdict="")
    monkeypatch.setattr("separation.management.commands.verify_separation.verify_and_conclude", refuses)
    with pytest.raises(SystemExit):
        call_command("verify_separation", "--asked", str(asked.pk))
    asked.refresh_from_db()
    assert (asked.verdict, asked.ok) == ("It ended early: Somebody is writing an***@ex***.org.", None)
    with connection.cursor() as cursor:
        cursor.execute("RESET application_name")


@pytest.mark.parametrize("name", ["run", "finding"])
def test_a_record_is_signed_off_again_and_withdrawn(client: Client, root: User, name: str) -> None:
    record = {"run": RunFactory, "finding": FindingFactory}[name].create()  # type: ignore[attr-defined]
    page = f"/admin/separation/{name}/{record.pk}/"
    answer = client.post(f"{page}review/", {"note": " looked at it ", "seen": ""}, follow=True)
    assert said(answer) == ["Signed off."]
    record.refresh_from_db()
    assert (record.reviewed_by, record.review) == (f"Sue (user {root.pk})", "looked at it")
    assert "looked at it" in answer.content.decode()
    assert "Withdraw the sign-off" in answer.content.decode()

    # Somebody else, whose page is of before.
    answer = client.post(f"{page}review/", {"note": "me too", "seen": ""}, follow=True)
    (told,) = said(answer)
    by = f"Sue (user {root.pk}) at {record.reviewed_at:%Y-%m-%d %H:%M:%S} UTC"
    assert told.endswith(f"was signed off meanwhile by {by}. Nothing was written.")

    seen = record.reviewed_at.isoformat()
    assert said(client.post(f"{page}review/", {"withdraw": "1", "seen": seen}, follow=True)) == [
        "The review was withdrawn."
    ]
    record.refresh_from_db()
    assert (record.reviewed_by, record.reviewed_at, record.review) == ("", None, "")
    assert len(said(client.post(f"{page}review/", {"withdraw": "1", "seen": seen}, follow=True))) == 1
    assert [entry.change_message for entry in LogEntry.objects.order_by("id")] == [
        *("Signed off.", "The review was withdrawn."),
    ]
    assert client.post("/admin/separation/run/99999/review/").status_code == 404


def test_what_has_changed_since_it_was_signed_wants_another_look(client: Client, root: User) -> None:
    finding = FindingFactory.create(updated_at=datetime(2026, 6, 2, tzinfo=UTC))
    review_sign(record=finding, by="Sue", note="")
    page = f"/admin/separation/finding/{finding.pk}/change/"
    assert "It has changed since" not in client.get(page).content.decode()
    Finding.objects.update(reviewed_at=datetime(2026, 6, 1, tzinfo=UTC))
    assert "It has changed since: look at it again." in client.get(page).content.decode()
    lists = {
        choice: client.get(f"/admin/separation/finding/?signed={choice}", follow=True).context["cl"].result_count
        for choice in ("yes", "no")
    }
    assert lists == {"yes": 1, "no": 0}


def test_a_run_that_is_under_way_cannot_be_signed_off(client: Client, root: User) -> None:
    run = RunFactory.create(state=Run.RUNNING, finished_at=None)
    with pytest.raises(Refused, match=f"Run {run.pk} is still under way: sign it off once it has ended."):
        review_sign(record=run, by="Sue", note="")
    with pytest.raises(Refused, match="has been withdrawn meanwhile"):
        review_withdraw(record=run, seen=datetime(2026, 6, 1, tzinfo=UTC))


def read(answer: Any) -> list[list[str]]:
    text = b"".join(answer.streaming_content).decode()
    assert text.startswith("\ufeff")
    return list(csv.reader(io.StringIO(text[1:])))


def test_a_list_is_taken_away_as_it_is_filtered(client: Client, root: User) -> None:
    run = RunFactory.create(error='=HYPERLINK("http://evil.example")', note="+1", counts={"customers": 3})
    FindingFactory.create(run=run, kind="orphan", table_name="orders", row_id=4)
    FindingFactory.create(run=run, kind="orphan", state="settled", row_id=5)
    assert 'href="export/?state__exact=open&amp;p=2"' in client.get(
        "/admin/separation/finding/?state__exact=open&p=2"
    ).content.decode().replace("export/?p=2&amp;state__exact=open", "export/?state__exact=open&amp;p=2")
    answer = client.get("/admin/separation/finding/export/?state__exact=open")
    head, *rows = read(answer)
    assert answer["Content-Disposition"].startswith('attachment; filename="separation_findings-')
    assert answer["Content-Type"] == "text/csv; charset=utf-8"
    assert [dict(zip(head, row, strict=True))["row_id"] for row in rows] == ["4"]

    head, *rows = read(client.get("/admin/separation/run/export/"))
    (found,) = (dict(zip(head, row, strict=True)) for row in rows)
    assert (found["error"], found["note"], found["counts"], found["started_at"]) == (
        *('\'=HYPERLINK("http://evil.example")', "'+1", '{"customers": 3}', "2026-06-01 12:00:00"),
    )
    assert "baseline" not in found
    assert client.get("/admin/separation/finding/export/?decided_by=x").status_code == 400
    answer = client.get("/admin/separation/chunk/export/?run__id__exact=x")
    assert (answer.status_code, answer["Location"]) == (302, "../?e=1")


@pytest.mark.parametrize("name", ["run", "chunk", "finding", "backup", "rehearsal", "look", "verification", "checked"])
def test_every_list_can_be_taken_away_and_by_nobody_else(client: Client, root: User, name: str) -> None:
    path = f"/admin/separation/{name}/export/"
    assert len(read(client.get(path))) == 1
    assert client.get(f"/admin/separation/{name}/").status_code == 200
    client.force_login(UserFactory.create(role="ADMIN"))
    assert client.get(path).status_code == 403


def test_no_cell_is_a_formula() -> None:
    cells = ["=1", "+1", "-1", "@x", "\t=1", "\r=1", "  =1", "\uff1d1", "a=1", -1, None, True, ["=1"]]
    _, line = lines(["a"], [cells])
    (row,) = csv.reader(io.StringIO(line, newline=""))
    assert row == [
        *("'=1", "'+1", "'-1", "'@x", "'\t=1", "'\r=1", "'  =1", "'\uff1d1", "a=1", "-1", "", "True", '["=1"]'),
    ]
