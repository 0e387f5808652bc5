"""Who leaves users and who stays, and what becomes of rows in tables that no model knows."""

import pytest
from django.core.management import call_command

from separation.cleanup import flow
from separation.errors import Refused
from separation.models import Archived, Finding
from separation.phases import phase_of
from separation.verification import verify
from tests.separation.cleaning import POLICY, Operator, bookings, clean, ready
from tests.separation.engine import one, other_application, query


@pytest.fixture(autouse=True)
def folders(settings, tmp_path, monkeypatch):
    settings.LOG_DIR = tmp_path / "logs"
    settings.SEPARATION_QUIET_DAYS = 0
    settings.SEPARATION_POLICY = ""
    monkeypatch.setattr(flow, "_require_all", lambda connection, operator: None)
    return tmp_path


def decide(connection, kind, answer, *more):
    """Answer one of the findings that `ready` settled."""
    finding = Finding.objects.filter(kind=kind, table_name="users").earliest("row_id")
    query(
        connection,
        "UPDATE separation_findings SET state = 'open', decision = '', decided_by = '' WHERE kind = %s",
        [kind],
    )
    call_command("resolve_findings", kind, str(finding.row_id), answer, *more, "--execute")
    return finding.row_id


def test_whoever_is_both_is_a_customer_and_stays_in_users_as_staff(legacy_database, folders):
    database = ready(legacy_database, folders)
    person = decide(database.connection, "staff_marked_as_customer", "both")
    query(
        database.connection,
        """UPDATE separation_findings SET state = 'settled', decision = 'staff'
        WHERE kind = 'staff_marked_as_customer' AND decision = ''""",
    )
    before = query(database.connection, f"SELECT id, user_id, customer_id FROM reservations WHERE user_id = {person}")

    clean(database.connection)

    assert query(database.connection, f"SELECT is_customer FROM users WHERE id = {person}") == [(False,)]
    assert one(database.connection, f"SELECT count(*) FROM customers WHERE id = {person}") == 1
    after = query(database.connection, f"SELECT id, user_id, customer_id FROM reservations WHERE user_id = {person}")
    assert after == before


def test_whoever_was_merged_goes_and_the_archive_says_whose_the_booking_was(legacy_database, folders):
    database = ready(legacy_database, folders)
    loser, winner = query(
        database.connection,
        r"""SELECT max(id), min(id) FROM users WHERE is_customer GROUP BY lower(btrim(email, E' \t\n\r\f\x0b'))
        HAVING count(*) > 1 LIMIT 1""",
    )[0]
    query(
        database.connection,
        """UPDATE separation_findings SET state = 'open', decision = '', decided_by = ''
        WHERE kind = 'duplicate_email'""",
    )
    call_command("resolve_findings", "duplicate_email", str(loser), "merge", "--into", str(winner), "--execute")
    booked = [
        i for (i,) in query(database.connection, f"SELECT id FROM reservations WHERE user_id = {loser} ORDER BY id")
    ]
    query(
        database.connection,
        """UPDATE separation_findings SET state = 'settled', decision = 'left'
        WHERE kind = 'duplicate_email' AND decision = ''""",
    )

    clean(database.connection)

    assert query(database.connection, f"SELECT id FROM users WHERE id IN ({loser}, {winner})") == []
    ids = ", ".join(map(str, booked)) or "0"
    assert {c for (c,) in query(database.connection, f"SELECT customer_id FROM reservations WHERE id IN ({ids})")} <= {
        winner
    }
    kept = Archived.objects.filter(table_name="reservations", row_id__in=map(str, booked)).order_by("id")
    assert [found.values for found in kept] == [[str(loser), str(winner)]] * len(booked)
    assert verify(database.connection).ok


UNKNOWN = """CREATE TABLE loyalty (code text PRIMARY KEY, points integer, user_id integer {null}
    REFERENCES users (id) ON DELETE {rule} ON UPDATE CASCADE);
INSERT INTO loyalty SELECT 'card ' || id, 7, id FROM customers WHERE id > 0;"""


@pytest.mark.parametrize(
    ("fate", "rule", "null", "left", "archived"),
    [
        ("forget", "CASCADE", "NOT NULL", {}, 55),
        ("stays", "SET NULL", "", {(None, 7): 55}, 55),
        ("stays", "CASCADE", "", {(None, 7): 55}, 55),
        ("repoint", "CASCADE", "NOT NULL", {("same", 7): 55}, 0),
        ("repoint", "RESTRICT", "NOT NULL", {("same", 7): 55}, 0),
    ],
)
def test_rows_of_a_table_that_no_model_knows(fate, rule, null, left, archived, legacy_database, folders):
    database = ready(legacy_database, folders, policy=POLICY + f'"loyalty.user_id" = "{fate}"\n')
    query(database.connection, UNKNOWN.format(null=null, rule=rule))
    before = bookings(database.connection)

    clean(database.connection)

    found: dict[tuple[object, int], int] = {}
    for code, points, user in query(database.connection, "SELECT code, points, user_id FROM loyalty"):
        what = "same" if user is not None and code == f"card {user}" else user
        found[what, points] = found.get((what, points), 0) + 1
    assert found == left
    assert Archived.objects.filter(table_name="loyalty", gone=fate == "forget").count() == archived
    target = one(
        database.connection,
        "SELECT confrelid::regclass::text FROM pg_constraint WHERE contype = 'f' AND conrelid = 'loyalty'::regclass",
    )
    assert target == ("customers" if fate == "repoint" else "users")
    assert bookings(database.connection) == before


def test_two_at_once(legacy_database, folders):
    database = ready(legacy_database, folders)
    with other_application(database.name) as other:
        other.execute("SELECT pg_advisory_lock(%s)", [0x5E9A7A7E])
        with pytest.raises(Refused) as error:
            flow.clean_up(database.connection, Operator())
    assert error.value.interlock == "one run at a time"
    assert phase_of(database.connection) == "dual"


def test_a_booking_made_while_it_is_under_way(legacy_database, folders):
    database = ready(legacy_database, folders)
    query(
        database.connection,
        """CREATE FUNCTION late() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        INSERT INTO orders (order_number, restaurant_id, updated_at, customer_id)
        VALUES ('late', 1, now(), (SELECT max(id) FROM customers)); RETURN NULL; END $$;
        CREATE TRIGGER late AFTER DELETE ON users FOR EACH STATEMENT EXECUTE FUNCTION late()""",
    )

    clean(database.connection)

    late = query(database.connection, "SELECT user_id, customer_id > 0 FROM orders WHERE order_number = 'late'")
    assert late == [(None, True)]
    assert verify(database.connection).ok


def test_migrate_does_not_bring_the_mirror_back(legacy_database, folders):
    database = ready(legacy_database, folders)
    clean(database.connection)

    call_command("migrate", verbosity=0)

    assert query(database.connection, "SELECT tgname FROM pg_trigger WHERE tgname ~ '^(zz_)?separation_'") == []
    assert query(database.connection, "SELECT proname FROM pg_proc WHERE proname LIKE 'separation%'") == []
