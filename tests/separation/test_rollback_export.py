"""A roll-back lists what has no legacy form, and writes it to a file before it is gone; all else stays."""

import json
import os
import uuid
from datetime import UTC, datetime
from pathlib import Path

import pytest
from django.db import connections

from customers.models import Customer, CustomerProfile, CustomerRestaurant, CustomerSession
from separation.errors import CheckFailed, Refused
from separation.export import LABELS, LOST, without_legacy_form
from separation.migrator import StopRequest
from separation.models import Phase, Run
from separation.phases import change_phase
from separation.rollback import purge, roll_back
from separation.verification import verify
from tests.databases import manage
from tests.separation.engine import move, one, query, take_back
from tests.separation.old_application import BCRYPT, application_role, book, old_application

pytestmark = pytest.mark.engine

MORNING = datetime(2027, 1, 2, 3, 4, 5, tzinfo=UTC)


@pytest.fixture
def database(legacy_database):
    """A moved database."""
    return legacy_database("plain", moved=True)


def sign_up(email="lena@example.org", **more):
    return Customer.objects.create(email=email, password=BCRYPT, first_name="Lena", last_name="Berg", **more)


def fill(lena):
    """Write of everything that has no legacy form one row, and return the lines of the file."""
    Customer.objects.filter(pk=lena.pk).update(last_login=MORNING, email_verified=True)
    CustomerProfile.objects.filter(customer=lena).update(notes="Vegan", preferences={"table": "quiet"})
    CustomerRestaurant.objects.create(customer=lena, restaurant_id=1, notes='Likes "jazz"', vip_status=True)
    session = uuid.uuid4()
    CustomerSession.objects.create(
        id=session,
        customer=lena,
        token_hash="secret",
        previous_token_hash="secret",
        family=uuid.uuid4(),
        expires_at=MORNING,
    )
    booking = query(
        connections["default"],
        """UPDATE reservations SET customer_id = %s WHERE id = (SELECT min(r.id) FROM reservations r
            JOIN users u ON u.id = r.user_id AND NOT u.is_customer) RETURNING id""",
        [lena.pk],
    )[0][0]
    return [
        {
            "table": "customers",
            "id": lena.pk,
            "first_name": "Lena",
            "last_name": "Berg",
            "is_active": True,
            "email_verified": True,
            "email_verified_at": None,
            "last_login": "2027-01-02T03:04:05",
            "anonymized_at": None,
        },
        {"table": "customer_profiles", "customer_id": lena.pk, "notes": "Vegan", "preferences": {"table": "quiet"}},
        {
            "table": "customer_restaurants",
            "customer_id": lena.pk,
            "restaurant_id": 1,
            "notes": 'Likes "jazz"',
            "vip_status": True,
        },
        {"table": "customer_sessions", "id": str(session), "customer_id": lena.pk, "expires_at": "2027-01-02T03:04:05"},
        {"table": "reservations", "id": booking, "customer_id": lena.pk},
    ]


def lines_of(path):
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_what_has_no_legacy_form_is_listed_and_exported(database, export_dir):
    lena = sign_up()
    expected = fill(lena)

    refused = manage(database.name, "migrate_customers", "--rollback", stdin="no\n")
    done = manage(database.name, "migrate_customers", "--rollback", stdin=f"ROLLBACK {database.name}\n")

    listed = [
        f"Has no legacy form: goes to a file in {export_dir} before it is gone",
        *(f"  {LABELS[line['table']]:<50}{1:>10}" for line in expected),
    ]
    assert (refused.returncode, refused.stdout.splitlines()) == (4, listed)
    assert done.returncode == 0, done.stderr
    (path,) = export_dir.iterdir()
    assert f"What has no legacy form is in {path}" in done.stdout.splitlines()
    assert (path.stat().st_mode & 0o777, path.name[:16]) == (0o600, "rollback-export-")
    for line, wanted in zip(lines_of(path), expected, strict=True):
        assert wanted.items() <= line.items()
    assert not {"secret", BCRYPT, "lena@example.org"} & set(path.read_text().replace('"', " ").split())
    assert query(database.connection, "SELECT email, password FROM users WHERE id = %s", [lena.pk]) == [
        ("lena@example.org", BCRYPT)
    ]
    assert one(database.connection, "SELECT counts->>'exported' FROM separation_runs ORDER BY id DESC LIMIT 1") == "5"


def test_where_everything_has_a_legacy_form_there_is_no_file(database, export_dir):
    sign_up()
    assert set(without_legacy_form(database.connection)) == set(LOST) == set(LABELS)
    take_back(database.connection)
    assert list(export_dir.iterdir()) == []
    assert Phase.objects.get().export_path == ""


def test_a_name_in_other_parts_and_somebody_deactivated_without_a_hash_are_exported(database, export_dir):
    maria = sign_up("maria@example.org")
    Customer.objects.filter(pk=maria.pk).update(first_name="Maria Anna")
    nora = sign_up("nora@example.org")
    Customer.objects.filter(pk=nora.pk).update(password="!", is_active=False)
    deactivated = sign_up("olga@example.org", is_active=False)

    take_back(database.connection)

    (path,) = export_dir.iterdir()
    assert [line["id"] for line in lines_of(path)] == [maria.pk, nora.pk]
    assert one(database.connection, "SELECT password FROM users WHERE id = %s", [deactivated.pk]) == f"!{BCRYPT}"


def test_a_profile_that_the_old_application_knows_stays_and_is_not_exported(legacy_database, export_dir):
    connection = legacy_database("ahead", moved=True).connection
    lena = sign_up(email_verified=True)
    CustomerProfile.objects.filter(customer=lena).update(notes="Vegan")

    take_back(connection)

    assert list(export_dir.iterdir()) == []
    profile = "SELECT customer_id, email_verified, notes FROM customer_profiles WHERE user_id = %s"
    assert query(connection, profile, [lena.pk]) == [(None, True, "Vegan")]


def test_a_folder_that_cannot_be_written_refuses_before_anything_changes(database, export_dir):
    fill(sign_up())
    export_dir.write_text("no folder")

    with pytest.raises(Refused) as refused:
        take_back(database.connection)

    assert (refused.value.interlock, refused.value.next_command) == (
        "export",
        "make room in BACKUP_DIR, or set it to another folder, then: python manage.py migrate_customers --rollback",
    )
    assert refused.value.message == (
        f"What has no legacy form cannot be exported to {export_dir} (File exists), so nothing was changed."
    )
    assert Phase.objects.get().name == "dual"


def test_a_disk_that_fails_later_keeps_the_purge_from_starting(database, export_dir, monkeypatch):
    expected = fill(sign_up())
    customers = Customer.objects.count()
    sync = os.fsync
    synced: list[int] = []

    def fail(handle):
        synced.append(handle)
        if len(synced) == 2:
            raise OSError(28, "No space left on device")
        sync(handle)

    monkeypatch.setattr("separation.export.os.fsync", fail)
    with pytest.raises(CheckFailed, match=r"No space left on device\). The phase is legacy, and nothing was purged"):
        take_back(database.connection)
    assert (Phase.objects.get().name, Customer.objects.count(), list(export_dir.iterdir())) == ("legacy", customers, [])

    take_back(database.connection)
    (path,) = export_dir.iterdir()
    assert len(lines_of(path)) == len(expected)
    assert Customer.objects.count() == 0


def test_what_is_written_until_the_phase_changes_is_in_the_file(database, export_dir, monkeypatch):
    lena = sign_up()

    def late(*args):
        Customer.objects.filter(pk=lena.pk).update(last_login=MORNING)
        change_phase(*args)

    monkeypatch.setattr("separation.rollback.change_phase", late)
    take_back(database.connection)

    (path,) = export_dir.iterdir()
    assert [line["id"] for line in lines_of(path)] == [lena.pk]


def test_what_a_killed_roll_back_left_of_its_file_is_used_again(database, export_dir, monkeypatch):
    fill(sign_up())
    with monkeypatch.context() as patched:
        patched.setattr(Path, "unlink", lambda self: None)  # nobody tidies up after a kill
        patched.setattr("separation.export._write", failing)
        with pytest.raises(KeyboardInterrupt):
            take_back(database.connection)
    (left,) = export_dir.iterdir()
    assert left.name.startswith(".rollback-export-")

    take_back(database.connection)

    (path,) = export_dir.iterdir()
    assert path.name.startswith("rollback-export-")
    assert len(lines_of(path)) == 5


def failing(*_):
    raise KeyboardInterrupt


def test_a_resumed_purge_keeps_the_first_file(database, export_dir):
    expected = fill(sign_up())
    stop = StopRequest()
    stop()
    with pytest.raises(Exception, match="Stopped"):
        roll_back(database.connection, Run.objects.create(kind="rollback"), stop, lambda _: None)
    (path,) = export_dir.iterdir()
    first = one(database.connection, "SELECT max(id) FROM customers")
    purge(database.connection, Run.objects.create(kind="rollback"), first, first)

    done = manage(database.name, "migrate_customers", "--rollback", stdin=f"ROLLBACK {database.name}\n")

    assert done.stdout.splitlines()[0] == f"What has no legacy form was exported to {path}"
    assert list(export_dir.iterdir()) == [path]
    assert len(lines_of(path)) == len(expected)


def test_forth_and_back_with_writes_of_the_portal_in_between_is_stable(legacy_database, export_dir):
    database = legacy_database("plain", adopted=True)
    connection = database.connection
    people = "SELECT id, email, name, password, phone, is_customer, created_at, updated_at FROM users ORDER BY id"
    staff = "SELECT user_id, restaurant_id, role FROM restaurant_staff ORDER BY id"
    hired = query(connection, staff)
    registered = []
    for turn in range(3):
        move(connection)
        assert verify(connection).failures == []
        registered.append(sign_up(f"lena{turn}@example.org"))
        Customer.objects.filter(pk=registered[0].pk).update(is_active=turn == 1, phone=str(turn))
        written = query(connection, people)
        assert verify(connection).failures == []

        take_back(connection)

        assert (query(connection, people), query(connection, staff)) == (written, hired)
        assert verify(connection).nothing_moved
    with application_role(database.name) as role, old_application(database.name, role) as old:
        book(old, registered[1].pk, 1)
    last = query(connection, "SELECT password FROM users ORDER BY id DESC LIMIT 3")
    assert last == [(BCRYPT,), (BCRYPT,), (f"!{BCRYPT}",)]
