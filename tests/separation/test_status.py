"""`separation_status` says where it stands and what is next, in every phase."""

import pytest

from tests.databases import manage
from tests.separation.engine import move

pytestmark = pytest.mark.engine


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
