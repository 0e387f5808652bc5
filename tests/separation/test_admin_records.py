"""The engine's records: shown to a superadmin with what to do next, and never editable."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from django.utils.html import strip_tags

from accounts.models import User
from separation.models import Backup, Chunk, Finding, Phase, Run
from tests.factories import (
    BackupFactory,
    ChunkFactory,
    FindingFactory,
    ReservationFactory,
    RunFactory,
    UserFactory,
)

pytestmark = pytest.mark.django_db


def words(client: Client, path: str) -> str:
    answer = client.get(path)
    assert answer.status_code == 200
    return " ".join(answer.content.decode().split())


EMPTY = {
    "separation/run": "No runs yet Nothing has run yet. See what would happen: python manage.py migrate_customers",
    "separation/chunk": "No chunks yet Chunks are made by: python manage.py migrate_customers --execute",
    "separation/finding": "No findings yet Nothing to decide. "
    "Findings are made by: python manage.py migrate_customers --execute",
    "separation/backup": "No backups yet No backup yet. Take one: python manage.py backup",
    "customers/customer": "No customers yet If nobody has been moved yet, see what would happen: "
    "python manage.py migrate_customers",
    "restaurants/restaurant": "No restaurants yet Add the first restaurant, or move an existing platform&#x27;s "
    "database here: python manage.py migrate",
}


@pytest.mark.parametrize("page", EMPTY)
def test_an_empty_list_says_what_to_do(client: Client, root: User, page: str) -> None:
    shown = " ".join(strip_tags(client.get(f"/admin/{page}/").content.decode()).split())
    assert EMPTY[page] in shown
    shown = " ".join(strip_tags(client.get(f"/admin/{page}/?q=77").content.decode()).split())
    assert "match Change the search or the filters. Reset filters" in shown


@pytest.mark.parametrize("model", [Run, Chunk, Finding, Backup])
def test_a_record_cannot_be_changed(client: Client, root: User, model: type[Any]) -> None:
    factories = {Run: RunFactory, Chunk: ChunkFactory, Finding: FindingFactory, Backup: BackupFactory}
    row = factories[model].create()  # type: ignore[attr-defined]
    before = model.objects.values().get(pk=row.pk)
    page = f"/admin/separation/{model._meta.model_name}/{row.pk}/change/"
    answer = client.get(page)
    assert answer.context["has_change_permission"] is False
    assert list(answer.context["adminform"].form.fields) == []
    assert client.post(page, {"state": "done", "error": "x", "path": "x"}).status_code == 403
    assert model.objects.values().get(pk=row.pk) == before


def test_a_run_shows_its_progress_duration_and_figures(client: Client, root: User) -> None:
    start = datetime(2026, 6, 1, 12, 0, tzinfo=UTC)
    run = RunFactory.create(
        total=5000,
        counts={"links": 7, "customers": 1200, "examined": 1250, "reservations": 3},
        started_at=start,
        finished_at=start + timedelta(hours=1, seconds=5.5),
    )
    ChunkFactory.create(run=run, state=Chunk.PENDING)
    ChunkFactory.create(run=run)
    for path in ("/admin/separation/run/", f"/admin/separation/run/{run.pk}/change/"):
        shown = words(client, path)
        assert "1,250 of 5,000 customers, 1 of 2 chunks" in shown
        assert "1,250 examined, 1,200 customers, 3 reservations, 7 links" in shown
        assert "1:00:05" in shown


@pytest.mark.parametrize(
    ("seconds", "shown"), [(None, "still running"), (0.44, "0.4 s"), (59.9, "59.9 s"), (60, "0:01:00")]
)
def test_how_long_a_run_took(client: Client, root: User, seconds: float | None, shown: str) -> None:
    start = datetime(2026, 6, 1, 12, 0, tzinfo=UTC)
    end = None if seconds is None else start + timedelta(seconds=seconds)
    RunFactory.create(started_at=start, finished_at=end)
    assert shown in words(client, "/admin/separation/run/")


@pytest.fixture
def logs(tmp_path: Path, settings: Any) -> Path:
    settings.LOG_DIR = tmp_path / "logs"
    settings.LOG_DIR.mkdir()
    return Path(settings.LOG_DIR)


def test_the_log_of_a_run_is_shown(client: Client, root: User, logs: Path) -> None:
    (logs / "one.json").write_text('{"error": "<b>a&amp;b</b>"}', encoding="utf-8")
    run = RunFactory.create(log_path=str(logs / "one.json"))
    shown = words(client, f"/admin/separation/run/{run.pk}/change/")
    assert "{&quot;error&quot;: &quot;&lt;b&gt;a&amp;amp;b&lt;/b&gt;&quot;}" in shown


def test_of_a_long_log_the_end_is_shown(client: Client, root: User, logs: Path) -> None:
    (logs / "one.json").write_bytes(b"beginning" + b"x" * 70_000 + b"\xff the end")
    run = RunFactory.create(log_path=str(logs / "one.json"))
    shown = words(client, f"/admin/separation/run/{run.pk}/change/")
    assert "The end of 68.4 KB." in shown
    assert "the end</pre>" in shown
    assert "beginning" not in shown


@pytest.mark.parametrize("path", ["/etc/passwd", "{logs}/../secret", "{logs}/link", "", "secret", "{logs}"])
def test_only_a_file_in_the_log_folder_is_ever_read(client: Client, root: User, logs: Path, path: str) -> None:
    (logs.parent / "secret").write_text("root:secret")
    (logs / "link").symlink_to(logs.parent / "secret")
    run = RunFactory.create(log_path=path.replace("{logs}", str(logs)))
    shown = words(client, f"/admin/separation/run/{run.pk}/change/")
    assert "root:" not in shown
    reason = (
        f"{logs} cannot be read here: Is a directory."
        if path == "{logs}"
        else "No log of this run lies in the log folder of this machine."
    )
    assert reason in shown


def test_a_log_that_is_gone(client: Client, root: User, logs: Path) -> None:
    run = RunFactory.create(log_path=str(logs / "gone.json"))
    shown = words(client, f"/admin/separation/run/{run.pk}/change/")
    assert f"{logs}/gone.json cannot be read here: No such file or directory." in shown


def test_findings_are_filtered_by_kind_and_state_and_found_by_row(client: Client, root: User) -> None:
    one = FindingFactory.create(kind="orphan", table_name="orders", row_id=4711)
    two = FindingFactory.create(kind="invalid_email", state="settled", row_id=4712)
    for query, found in {
        "": [two, one],
        "?kind__exact=orphan": [one],
        "?state__exact=settled": [two],
        "?table_name=orders": [one],
        "?q=4712": [two],
        "?q=471": [],
        "?q=ann": [],
        "?q=99999999999999999999999": [],
        "?kind__exact=x": [],
    }.items():
        rows = list(client.get(f"/admin/separation/finding/{query}").context["cl"].result_list)
        assert sorted(rows, key=lambda row: -row.pk) == found, query


def test_a_finding_shows_the_row_it_is_about_without_its_secrets(client: Client, root: User) -> None:
    user = UserFactory.create(name="Ann", email="ann(at)example.org", is_customer=True)
    finding = FindingFactory.create(row_id=user.pk)
    shown = words(client, f"/admin/separation/finding/{finding.pk}/change/")
    assert "The row in users" in shown
    assert "ann(at)example.org" in shown
    assert "password" not in shown.split("The row in users")[1].split("</main")[0]
    assert "$2b$" not in shown


def test_a_finding_about_a_reservation(client: Client, root: User) -> None:
    reservation = ReservationFactory.create(customer_name="Guest at the door")
    finding = FindingFactory.create(table_name="reservations", row_id=reservation.pk, kind="orphan")
    assert "Guest at the door" in words(client, f"/admin/separation/finding/{finding.pk}/change/")


@pytest.mark.parametrize("table", ["users", "no_such_table", "pg_authid; --", "Users", 'a"b'])
def test_a_finding_about_a_row_that_is_gone(client: Client, root: User, table: str) -> None:
    finding = FindingFactory.create(table_name=table, row_id=2**40)
    shown = words(client, f"/admin/separation/finding/{finding.pk}/change/")
    assert "There is no row 1099511627776 in " in shown


def test_a_backup_that_was_not_verified_says_what_to_type(client: Client, root: User) -> None:
    BackupFactory.create(id="backup-1", bytes=3 * 1024**2)
    BackupFactory.create(id="backup-2", verified_at=datetime(2026, 6, 1, 11, 5, tzinfo=UTC))
    shown = words(client, "/admin/separation/backup/")
    assert "no: python manage.py backup --verify backup-1" in shown
    assert "2026-06-01 11:05" in shown
    assert "3.0 MB" in shown


def index(client: Client) -> str:
    (panel,) = client.get("/admin/").context["panels"]
    return " ".join(strip_tags(panel).split())


def test_the_index_of_a_fresh_database(client: Client, root: User, settings: Any, tmp_path: Path) -> None:
    settings.BACKUP_DIR = tmp_path
    shown = index(client)
    assert shown.startswith("Phase legacy This database counts as scratch:")
    assert "Latest run None yet." in shown
    assert "Open findings None: nothing has to be decided." in shown
    assert "Latest backup None. Take one: python manage.py backup" in shown
    assert shown.endswith("Next: python manage.py preflight, then python manage.py migrate_customers")


def test_the_index_after_a_run_that_was_interrupted(client: Client, root: User) -> None:
    Phase.objects.update(name=Phase.DUAL)
    run = RunFactory.create(state=Run.INTERRUPTED, counts={"customers": 1200}, error="Stopped on request.")
    for kind, state in (("orphan", "open"), ("orphan", "open"), ("invalid_email", "gone")):
        FindingFactory.create(kind=kind, state=state, run=run)
    shown = index(client)
    assert shown.startswith("Phase dual")
    assert f"run {run.pk} (execute, interrupted)" in shown
    assert "1,200 customers Stopped on request." in shown
    assert "reservation or order of a user who does not exist 2" in shown
    assert "invalid email" not in shown
    assert shown.endswith("Next: python manage.py migrate_customers --execute")
