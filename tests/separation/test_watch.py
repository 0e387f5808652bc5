"""`verify_separation --since`: what it looks at, the findings it raises, and the mail that operators get, once."""

import io
import json
import socket
from datetime import timedelta
from email import message_from_bytes
from types import SimpleNamespace

import pytest
from aiosmtpd.controller import Controller
from django.conf import settings
from django.core.management import call_command
from django.db import connection
from django.db.models import F

from separation.management.commands import separation_status
from separation.models import Finding, Look
from tests.separation.engine import one, query
from tests.separation.verify import damage, migrate, others_are_done


@pytest.fixture
def database(legacy_database):
    database = legacy_database("plain", adopted=True)
    migrate(connection)
    return database


@pytest.fixture
def inbox(monkeypatch):
    """The messages that a real server has taken for the operators."""
    found = []

    class Keep:
        async def handle_DATA(self, server, session, envelope):
            found.append(SimpleNamespace(to=envelope.rcpt_tos, message=message_from_bytes(envelope.content)))
            return "250 OK"

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = Controller(Keep(), hostname="127.0.0.1", port=port)
    server.start()
    for name, value in {
        "EMAIL_BACKEND": "django.core.mail.backends.smtp.EmailBackend",
        "EMAIL_HOST": "127.0.0.1",
        "EMAIL_PORT": port,
        "OPERATORS": ["ops@restaurants.example"],
        "DASHBOARDS": {"Graphs": "https://graphs.example"},
    }.items():
        monkeypatch.setattr(settings, name, value)
    yield found
    server.stop()


def run(*arguments):
    others_are_done(connection)
    out, err = io.StringIO(), io.StringIO()
    try:
        call_command("verify_separation", *arguments, stdout=out, stderr=err, no_color=True)
    except SystemExit as ended:
        return ended.code, out.getvalue().splitlines(), err.getvalue().splitlines()
    return 0, out.getvalue().splitlines(), err.getvalue().splitlines()


def lose_a_phone():
    """Let one customer's phone differ on both sides, as no trigger would; return who that is."""
    (who,) = damage(
        connection, "UPDATE customers SET phone = 'x' WHERE id = (SELECT min(id) FROM customers) RETURNING id"
    )
    return who


def find_it_again(who):
    damage(connection, f"UPDATE customers c SET phone = u.phone FROM users u WHERE u.id = c.id AND c.id = {who}")


def test_the_first_looks_at_everything_the_next_at_what_was_written(database):
    code, out, err = run("--since", "last")
    assert (code, err) == (0, ["Everything is looked at: no clean verification of then or before is on record."])
    assert out[-1].endswith("for 55 customers.")
    look = Look.objects.get()

    query(connection, "UPDATE users SET phone = '5' WHERE id = 30")
    code, out, err = run("--since", "last")

    reservations = one(connection, "SELECT count(*) FROM reservations WHERE user_id = 30 OR customer_id = 30")
    orders = one(connection, "SELECT count(*) FROM orders WHERE user_id = 30 OR customer_id = 30")
    assert (code, err) == (0, [])
    assert out[-1] == (
        f"All {len(out) - 1} invariants hold in database {database.name!r}, for what was written since "
        f"{look.looked_at:%Y-%m-%d %H:%M:%S} UTC: 1 people, {reservations} reservations, {orders} orders."
    )
    assert [line.split() for line in out if "phones_equal" in line] == [
        ["pass", "phones_equal", "1", "customers", "compared"]
    ]


def test_since_a_time_begins_at_the_clean_verification_before_it(database):
    run("--since", "last")
    query(connection, "UPDATE users SET phone = '5' WHERE id = 30")
    run("--since", "last")
    first, second = Look.objects.order_by("id")
    found = [json.loads("\n".join(run("--json", "--since", when)[1])) for when in _times(first, second)]
    assert [each["changed"]["people"] for each in found] == [1, 0]
    assert found[0]["since"] == first.looked_at.isoformat()
    assert run("--since", "2001-01-01")[2][0].startswith("Everything is looked at: no clean verification")


def _times(first, second):
    assert first.looked_at < second.looked_at
    return first.looked_at.isoformat(), second.looked_at.isoformat()


def test_what_verifications_saw_is_kept_for_three_months(database):
    run()
    Look.objects.update(looked_at=F("looked_at") - timedelta(days=89))
    run()
    assert Look.objects.count() == 2
    Look.objects.filter(pk=Look.objects.earliest("id").pk).update(looked_at=F("looked_at") - timedelta(days=2))
    run()
    assert Look.objects.count() == 2


def test_rows_that_are_gone_make_it_look_at_everything(database):
    run("--since", "last")
    damage(connection, "DELETE FROM order_items; DELETE FROM orders WHERE id IN (SELECT min(id) FROM orders)")
    assert run("--since", "last")[2] == ["Everything is looked at: 1 rows of orders were deleted."]


def test_what_is_broken_is_a_finding_until_it_is_not(database):
    run("--since", "last")
    who = lose_a_phone()

    assert run("--since", "last")[0] == 1
    finding = Finding.objects.get(kind="drift")
    assert (finding.state, finding.table_name, finding.row_id) == ("open", "users", who)
    assert finding.detail == {"invariants": ["phones_equal"]}
    # It goes on to look at everything until nothing is broken.
    code, _, err = run("--since", "last")
    assert (code, err) == (1, ["Everything is looked at: the last verification found something broken."])
    assert Finding.objects.filter(kind="drift").count() == 1

    find_it_again(who)
    assert run("--since", "last")[0] == 0
    assert Finding.objects.get(kind="drift").state == "gone"


def test_operators_hear_of_each_failure_once_and_of_its_end(database, inbox):
    run("--since", "last")
    who = lose_a_phone()
    run("--since", "last")
    run("--since", "last")
    damage(connection, f"UPDATE customers SET last_name = 'x' WHERE id = {who}")
    run("--since", "last")
    damage(
        connection,
        f"""UPDATE customers c SET last_name = substr(u.name, strpos(u.name, ' ') + 1) FROM users u
        WHERE u.id = c.id AND c.id = {who}""",
    )
    find_it_again(who)
    run("--since", "last")
    run("--since", "last")

    assert [mail.message["Subject"] for mail in inbox] == [
        f"{database.name}: 1 invariants are broken",
        f"{database.name}: 2 invariants are broken",
        f"{database.name}: every invariant holds again",
    ]
    assert [mail.to for mail in inbox] == [["ops@restaurants.example"]] * 3
    text = inbox[0].message.get_payload(decode=True).decode().splitlines()
    assert text[0].startswith(f"Database {database.name}, phase dual, ")
    assert text[2:] == [
        "phones_equal: 1 customers compared; 1 wrong",
        "  Phone numbers are those of users.",
        "  Next: python manage.py migrate_customers --rollback, then python manage.py migrate_customers --execute",
        "",
        "Which rows: python manage.py verify_separation",
        "",
        "Graphs: https://graphs.example",
    ]
    assert str(who) not in "".join(text[2:])


def test_mail_that_could_not_be_sent_is_sent_by_the_next(database, inbox, monkeypatch):
    lose_a_phone()
    with monkeypatch.context() as closed:
        closed.setattr(settings, "EMAIL_PORT", 1)
        code, _, err = run()
    assert (code, inbox) == (1, [])
    assert err == [
        "Mail to the operators could not be sent: [Errno 111] Connection refused. The next verification tries again."
    ]
    run()
    assert len(inbox) == 1


def test_a_time_that_is_none_is_a_usage_fault(database):
    assert run("--since", "yesterday")[::2] == (
        2,
        [
            "Error: --since takes 'last' or a time in UTC, as 2026-11-22T20:15, and 'yesterday' is none.",
            "Next: python manage.py verify_separation --since last",
        ],
    )


def test_a_database_that_takes_no_writes_is_verified_all_the_same(database):
    with connection.cursor() as cursor:
        cursor.execute("SET default_transaction_read_only = on")
    assert run("--since", "last")[0] == 0
    with connection.cursor() as cursor:
        cursor.execute("SET default_transaction_read_only = off")
    assert not Look.objects.exists()


def test_whoever_watches_sees_it_too(database, monkeypatch):
    monkeypatch.setattr(separation_status, "_VERIFY_SECONDS", 0)
    command = separation_status.Command(stdout=io.StringIO(), stderr=io.StringIO(), no_color=True)
    moved = f"phase dual, {one(connection, 'SELECT count(*) FROM customers')} moved"
    next_command = "next: python manage.py verify_separation"
    assert command._watch_once("") == f"{moved}; {next_command}"
    assert not Look.objects.exists()
    run()
    assert command._watch_once("") == f"{moved}; {next_command}"
    lose_a_phone()
    assert command._watch_once("") == f"{moved}, BROKEN: phones_equal; {next_command}"
    assert Finding.objects.get(kind="drift").state == "open"
    assert [bool(look.failures) for look in Look.objects.order_by("id")] == [False, False, True]
    out = io.StringIO()
    call_command("separation_status", stdout=out, no_color=True)
    at = f"{Look.objects.latest('id').looked_at:%Y-%m-%d %H:%M:%S} UTC"
    assert f"Verified              {at}, BROKEN: phones_equal" in out.getvalue().splitlines()
