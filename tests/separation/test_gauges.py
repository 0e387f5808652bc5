"""What /metrics and /readyz say of the separation, and that they read no table of customers."""

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from config import probes
from separation.gauges import gauges
from separation.identity import identity_of
from separation.models import Finding, Look, Phase
from tests.separation.engine import other_application, query

pytestmark = pytest.mark.engine


@pytest.fixture
def fresh(monkeypatch):
    monkeypatch.setattr(probes, "_FRESH", 0)


def scraped():
    lines = Client().get("/metrics").content.decode().splitlines()
    return {name: float(value) for name, _, value in (line.rpartition(" ") for line in lines) if name[:1] not in "#"}


def test_the_figures_of_a_migrated_database(legacy_database, fresh):
    legacy_database("plain", moved=True)
    query(connection, "INSERT INTO separation_pending (user_id) VALUES (30), (30)")
    look = {
        "looked_at": timezone.now(),
        "identity": identity_of(connection).key(),
        "told": [],
        "xid": "1",
        "extents": {},
    }
    Look.objects.create(failures=[], **look)
    Look.objects.create(failures=["names_equal"], **look)

    found = scraped()
    assert found.pop("separation_clean_verification_age_seconds") >= 0

    assert {name: value for name, value in found.items() if value and name.startswith(("separation_", "database"))} == {
        "database_up": 1,
        'separation_phase{phase="dual"}': 1,
        'separation_chunks{state="linked"}': 3,
        'separation_findings{kind="duplicate_email"}': 4,
        'separation_findings{kind="invalid_email"}': 1,
        'separation_findings{kind="needs_password_reset"}': 2,
        'separation_findings{kind="staff_marked_as_customer"}': 3,
        "separation_pending": 2,
        "separation_drift": 1,
    }
    assert found['separation_phase{phase="legacy"}'] == found['separation_chunks{state="failed"}'] == 0
    assert len([name for name in found if name.startswith("separation_findings{")]) == len(Finding.KINDS)


def test_no_table_that_grows_with_the_customers_is_read(legacy_database):
    legacy_database("plain", adopted=True)
    with CaptureQueriesContext(connection) as asked:
        gauges()
    tables = ("users", "customers", "reservations", "orders")
    assert [q["sql"] for q in asked for table in tables if f" {table} " in q["sql"]] == []


def test_a_locked_table_holds_nobody_up(legacy_database, fresh):
    database = legacy_database("plain", adopted=True)
    with other_application(database.name) as other:
        other.execute("BEGIN")
        other.execute("LOCK separation_chunks IN ACCESS EXCLUSIVE MODE")
        assert scraped()["database_up"] == 0


def test_ready_when_the_phase_is_known(legacy_database):
    legacy_database("plain", adopted=True)
    assert Client().get("/readyz").status_code == 200
    Phase.objects.all().delete()
    answer = Client().get("/readyz")
    assert (answer.status_code, answer.json()["reason"]) == (503, "the phase of the database is unknown")


def test_unready_before_adoption(legacy_database):
    legacy_database("plain")
    answer = Client().get("/readyz")
    assert answer.status_code == 503
    assert " migrations are not applied, the first is accounts.0001_initial" in answer.json()["reason"]
