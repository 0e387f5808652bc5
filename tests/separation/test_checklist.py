"""`separation_status --checklist` is a page with the figures of this database; dashboards are linked beside it."""

import io
import re

import pytest
from django.conf import settings
from django.core.management import call_command
from django.db import connection
from django.test import RequestFactory

from separation import panels
from separation.models import Finding, Phase, Run
from tests.factories import UserFactory
from tests.separation.verify import migrate


@pytest.fixture(autouse=True)
def own_folders(monkeypatch, tmp_path):
    monkeypatch.setattr(settings, "BACKUP_DIR", tmp_path / "backups")
    monkeypatch.setattr(settings, "DASHBOARDS", {"Graphs": "https://graphs.example"})


def page():
    out = io.StringIO()
    call_command("separation_status", "--checklist", stdout=out, no_color=True)
    lines = out.getvalue().splitlines()
    assert max(map(len, lines)) <= 80
    assert len(lines) <= 60
    return lines


def ticked(lines):
    """Return the steps of the page that are done, and those that are not."""
    found = re.findall(r"^ \[(.)\] (\w[\w, -]{0,16}?\w) {2,}", "\n".join(lines), re.MULTILINE)
    return [name for mark, name in found if mark == "x"], [name for mark, name in found if mark == " "]


def test_before_anything_is_done(legacy_database):
    database = legacy_database("plain")

    lines = page()

    assert lines[0].startswith("SEPARATION OF CUSTOMERS: CHECKLIST")
    assert lines[2:5] == [
        f"Database       {database.name} (scratch), phase not adopted",
        "Customers      63 in users, 0 moved",
        "Open findings  none",
    ]
    done, left = ticked(lines)
    assert {"Preflight", "Findings"} >= set(done)
    assert {"Backup", "Adoption", "Rehearsal", "Execute", "Verification", "Quiet days", "Clean-up"} <= set(left)
    assert " [ ] Adoption          python manage.py migrate" in lines


def test_once_customers_are_moved_and_verified(legacy_database):
    database = legacy_database("plain", adopted=True)
    migrate(connection)
    run = Run.objects.get(kind=Run.EXECUTE)
    call_command("verify_separation", stdout=io.StringIO())
    Finding.objects.update(state=Finding.SETTLED)

    lines = page()

    done, left = ticked(lines)
    assert {"Adoption", "Execute", "Verification", "Findings"} <= set(done)
    assert {"Backup", "Rehearsal", "Tenancy", "Clean-up"} <= set(left)
    assert f" [x] Execute           run {run.pk}, done, begun {run.started_at:%Y-%m-%d %H:%M} UTC" in lines
    at = lines.index("THE WAY BACK")
    text = " ".join(" ".join(lines[at + 1 : at + 4]).split())
    assert f"--rollback, phrase: ROLLBACK {database.name}" in text
    assert lines[-6:] == [
        *(
            f" {name:<20}{'_' * 58}"
            for name in ("Operator", "Database", "Old application", "Restaurants", "Decides to go back")
        ),
        " Graphs              https://graphs.example",
    ]


def test_after_clean_up_only_a_restore_leads_back(legacy_database):
    legacy_database("plain", adopted=True)
    Phase.objects.update(name=Phase.SEPARATED)
    lines = page()
    at = lines.index("THE WAY BACK")
    assert lines[at + 1].startswith(" by restore ")
    assert {"Quiet days", "Clean-up"} <= set(ticked(lines)[0])


def test_the_operators_own_pages_are_linked(legacy_database):
    legacy_database("plain", adopted=True)
    request = RequestFactory().get("/admin/")
    request.user = UserFactory.build(role="SUPERADMIN")
    assert 'href="https://graphs.example"' in panels.index(request)
    out = io.StringIO()
    call_command("separation_status", stdout=out, no_color=True)
    assert "Dashboard Graphs      https://graphs.example" in out.getvalue().splitlines()
