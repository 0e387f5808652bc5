"""The board of data integrity: what it shows of an empty and of a busy database, and to whom."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from django.utils.html import strip_tags

from accounts.models import User
from separation.board import open_findings
from separation.identity import identity_of
from separation.lock import _KEY
from separation.models import Chunk, Run, Sample
from tests.factories import (
    BackupFactory,
    CheckedFactory,
    ChunkFactory,
    FindingFactory,
    LookFactory,
    MenuFactory,
    RehearsalFactory,
    RestaurantFactory,
    RunFactory,
    UserFactory,
    VerificationFactory,
    staff_of,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def root(client: Client, settings: Any, tmp_path: Any) -> User:
    settings.BACKUP_DIR = tmp_path
    user = UserFactory.create(role="SUPERADMIN", name="Sue")
    client.force_login(user)
    return user


def shown(client: Client, path: str = "/admin/separation/") -> str:
    answer = client.get(path)
    assert answer.status_code == 200
    page = answer.content.decode()
    page = page.partition('<div class="staff-page">')[2] or page
    page = re.sub(r"<(svg|form|style|script).*?</\1>", "", page, flags=re.DOTALL)
    return " ".join(strip_tags(page.replace("<", " <")).split())


def test_an_empty_board_says_what_to_do(client: Client, root: User) -> None:
    page = shown(client)
    for said in (
        "Phase legacy since",
        "Next, at the command line python manage.py preflight, then python manage.py migrate_customers",
        "Last verified never: python manage.py verify_separation",
        "Mirror's queue 0",
        "Nothing has been verified in this database yet. Press a button above, or type",
        "Open findings None: nothing has to be decided.",
        "Nobody has been moved yet.",
        "No reading yet: verifications take one every hour.",
        "Nothing has run yet. See what would happen: python manage.py migrate_customers",
        "No backup of this database is on record. Take one: python manage.py backup",
        "None of this database. Go through the day on a copy: python manage.py rehearse",
    ):
        assert said in page, page


@pytest.fixture
def busy() -> Run:
    """A run under way, and something of everything else."""
    now, identity = timezone.now(), identity_of(connection).key()
    done = RunFactory.create(started_at=now - timedelta(days=2), finished_at=now - timedelta(days=2, hours=-1))
    run = RunFactory.create(state=Run.RUNNING, finished_at=None, total=4000, started_at=now - timedelta(minutes=2))
    ChunkFactory.create(run=done, moved_at=now - timedelta(days=2), counts={"customers": 900, "examined": 1000})
    ChunkFactory.create(run=run, moved_at=now - timedelta(seconds=30), counts={"customers": 600, "examined": 1000})
    ChunkFactory.create(run=run, state=Chunk.PENDING, moved_at=None)
    fresh = {"identity": identity, "checked_at": now - timedelta(minutes=5, seconds=30)}
    CheckedFactory.create(id="phones_equal", **fresh)
    CheckedFactory.create(
        id="visits_counted", status="fail", offending=2, sample=[7], details=["customer 7 at restaurant 1"], **fresh
    )
    CheckedFactory.create(id="bookings_kept", status="warn", **fresh)
    CheckedFactory.create(id="emails_equal", identity=identity, checked_at=now - timedelta(days=3))
    CheckedFactory.create(id="of_another_database", checked_at=now)
    LookFactory.create(identity=identity, looked_at=now - timedelta(hours=2))
    LookFactory.create(identity=identity, looked_at=now - timedelta(minutes=5, seconds=30), failures=["visits_counted"])
    FindingFactory.create(run=done, kind="orphan", created_at=now - timedelta(hours=1))
    FindingFactory.create(run=done, kind="orphan", created_at=now - timedelta(days=40))
    FindingFactory.create(run=done, kind="orphan", created_at=now - timedelta(days=50), state="settled")
    BackupFactory.create(identity=identity)
    RehearsalFactory.create(identity=identity, backup_id="backup-7")
    for ago, mirrored in ((3, 100), (2, 140), (1, 5), (0, 5)):
        at = (now - timedelta(hours=ago)).replace(minute=0, second=0, microsecond=0)
        readings = {"mirrored": mirrored, "mirrored_back": 10, "logins": 3 + mirrored, "legacy_logins": None}
        Sample.objects.create(hour=at, taken_at=at + timedelta(minutes=1), identity=identity, readings=readings)
    VerificationFactory.create(asked_at=now - timedelta(minutes=6))
    return run


def test_a_busy_board(client: Client, root: User, busy: Run) -> None:
    with psycopg.connect(**connection.get_connection_params() | {"cursor_factory": None}) as worker:
        worker.execute(
            "SELECT set_config('application_name', %s, false)", [f"separation worker {busy.pk}/1 working 9@h"]
        )
        worker.execute("SELECT pg_advisory_lock_shared(%s)", [_KEY])
        page = shown(client)
        live = client.get("/admin/separation/live/").content.decode()
    for said in (
        "Next, at the command line python manage.py separation_status --watch",
        f"Run {busy.pk} (execute)",
        "25 % : 1,000 of 4,000 customers, 2 of 3 chunks, 17 a second, about 3 minutes left.",
        "worker 1, process 9 on h : working",
        "All 60 invariants hold.",
        "5 minutes ago: 1 broken",
        "visits_counted broken 2 wrong",
        "bookings_kept wants a look",
        "emails_equal held then",
        "1 of 4 hold",
        "phones_equal holds",
        "reservation or order of a user who does not exist 2 1 0 0 1 1 month",
        "Customers moved",
    ):
        assert said in page, page
    assert "of_another_database" not in page
    assert 'data-moves="yes"' in live
    assert "Pause" in live


def test_the_charts_have_the_same_figures_as_their_tables(client: Client, root: User, busy: Run) -> None:
    moved, log_ins, writes = client.get("/admin/separation/").context["board"].charts
    assert [row[1] for row in moved.rows] == ["900", "1,500"]
    assert (moved.highest, len(moved.shapes)) == ("1,500", 1)
    # The counter began anew in the second hour; since the last reading nothing was counted by the sequences.
    assert [row[1:] for row in writes.rows] == [["40", "0"], ["5", "0"], ["0", "0"], ["0", "0"]]
    assert [row[2] for row in log_ins.rows] == ["unknown"] * 4
    assert [shape.title.partition(": ")[2] for shape in writes.shapes] == [
        "40 from the legacy tables",
        "5 from the legacy tables",
    ]


def test_the_board_takes_as_many_queries_whatever_there_is(client: Client, root: User, busy: Run) -> None:
    client.get("/admin/separation/")
    with CaptureQueriesContext(connection) as few:
        client.get("/admin/separation/")
    for number in range(10):
        run = RunFactory.create()
        ChunkFactory.create(run=run)
        FindingFactory.create(run=run)
        BackupFactory.create()
        CheckedFactory.create(identity=identity_of(connection).key(), id=f"more_{number}")
    with CaptureQueriesContext(connection) as many:
        client.get("/admin/separation/")
    assert len(many) == len(few) < 15
    counted = [
        query["sql"] for query in many if re.search(r"FROM \"?(users|customers|reservations|orders)\b", query["sql"])
    ]
    assert [sql for sql in counted if "COUNT" in sql.upper()] == []


def test_findings_are_counted_so_far_and_no_further(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("separation.board.MOST", 3)
    for kind, count in (("orphan", 2), ("invalid_email", 5)):
        for _ in range(count):
            FindingFactory.create(kind=kind)
    assert [(each.kind, each.ages[0], each.total) for each in open_findings(connection)] == [
        ("invalid_email", "more than 2", "more than 2"),
        ("orphan", "2", "2"),
    ]


def test_a_broken_invariant_opens_its_rows(client: Client, root: User) -> None:
    CheckedFactory.create(id="phones_equal", status="fail", offending=12, sample=[7, 9], remedy="do it again")
    CheckedFactory.create(id="orders_linked", status="fail", offending=1, sample=[3], details=["order 3: nobody's"])
    CheckedFactory.create(
        id="chunks_meet", status="fail", offending=1, sample=["x"], details=["chunk 1 of users 1 to 2"]
    )
    page = client.get("/admin/separation/checked/phones_equal/change/").content.decode()
    assert "/admin/customers/customer/7/change/" in page
    assert "python manage.py diagnose_customer 9" in page
    assert "The first 2 of 12. Next: do it again" in page
    page = client.get("/admin/separation/checked/orders_linked/change/").content.decode()
    assert "/admin/orders/order/3/change/" in page
    assert "order 3: nobody&#x27;s" in page
    assert "chunk 1 of users 1 to 2" in client.get("/admin/separation/checked/chunks_meet/change/").content.decode()


def test_a_rehearsal_shows_its_steps(client: Client, root: User) -> None:
    rehearsal = RehearsalFactory.create()
    page = client.get(f"/admin/separation/rehearsal/{rehearsal.pk}/change/").content.decode()
    page = " ".join(strip_tags(page.replace("<", " <")).split())
    assert "restore 1.5 ok Restored." in page, page
    assert "no: it was edited since, or SECRET_KEY is another one" in page, page


def test_an_owner_sees_the_findings_of_the_restaurant_and_nothing_else(client: Client, busy: Run) -> None:
    here, there = RestaurantFactory.create(), RestaurantFactory.create()
    for place, count in ((here, 2), (there, 3)):
        for _ in range(count):
            menu = MenuFactory.create(restaurant=None, user=staff_of(place, "MANAGER"))
            FindingFactory.create(kind="no_restaurant", table_name="menus", row_id=menu.pk)
    client.force_login(staff_of(here, "OWNER"))
    page = shown(client)
    assert "recipe or menu whose restaurant cannot be told 2 2 0 0 0 less than a minute" in page, page
    assert "Phase" not in page
    assert "phones_equal" not in page
    assert client.get("/admin/separation/live/").status_code == 404
    assert client.post("/admin/separation/verify/").status_code == 404
    client.force_login(staff_of(RestaurantFactory.create(), "OWNER"))
    assert "None: nothing has to be decided." in shown(client)
    client.force_login(staff_of(here, "MANAGER"))
    assert client.get("/admin/separation/").status_code == 404


@pytest.mark.parametrize("role", ["USER", "ADMIN", None])
def test_for_anybody_else_there_is_no_board(client: Client, role: str | None) -> None:
    if role:
        client.force_login(UserFactory.create(role=role))
    paths = ["/admin/separation/", "/admin/separation/live/"]
    assert [client.get(path).status_code for path in paths] == [404 if role == "ADMIN" else 302] * 2
    assert client.post("/admin/separation/verify/").status_code == (404 if role == "ADMIN" else 302)


def test_the_hour_of_a_reading_that_is_late(client: Client) -> None:
    from separation.sampling import hours

    def at(hour: int, minute: int = 1) -> datetime:
        return datetime(2026, 6, 1, hour, minute, tzinfo=UTC)

    readings = [(at(9), 0), (at(10), 6), (at(13), 36), (at(13, 30), 37), (at(14, 2), 38)]
    found = hours([(when, {"a": value}) for when, value in readings], ["a"], 48)
    assert [(hour.begins.hour, hour.counts["a"]) for hour in found] == [(9, 6), (10, 10), (11, 10), (12, 10), (13, 2)]
