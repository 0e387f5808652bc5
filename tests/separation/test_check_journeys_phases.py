"""`check_journeys` while both schemas live: what it made is gone from both; and while the portal is closed."""

import io

import pytest
from django.core.management import call_command
from django.db import connection

from separation.database import name_of, scalar
from tests.portal.deployment import all_rows, serving

SEEN = "SELECT last_value FROM separation_last_write"


def check(monkeypatch: pytest.MonkeyPatch) -> tuple[int, str, str]:
    monkeypatch.setattr("sys.stdin", io.StringIO(f"CHECK {name_of(connection)}\n"))
    out, err = io.StringIO(), io.StringIO()
    code = 0
    try:
        with serving() as url:
            call_command("check_journeys", "--url", url, stdout=out, stderr=err, no_color=True)
    except SystemExit as ended:
        code = int(str(ended.code))
    return code, out.getvalue(), err.getvalue()


def test_while_both_schemas_live(legacy_database, monkeypatch):
    legacy_database("ahead", moved=True)
    before, seen = all_rows(), scalar(connection, SEEN)

    code, out, _ = check(monkeypatch)

    assert code == 0, out
    assert all_rows() == before
    # Nobody takes it for the old application, whose silence clean-up asks for.
    assert scalar(connection, SEEN) == seen


def test_while_the_portal_is_closed_it_is_refused(legacy_database, monkeypatch):
    legacy_database("plain", adopted=True)
    before = all_rows()

    code, out, err = check(monkeypatch)

    assert (code, out) == (3, "")
    assert err == (
        "Refused (portal): Customers' accounts are not open here yet. Please use the site you know.\n"
        "Next: the same command, once the portal is open\n"
    )
    assert all_rows() == before
