"""`diagnose_customer` says what happened to a person, and what to type; it only reads."""

import io

import pytest
from django.core.management import call_command

from separation.decisions import duplicate_keep, duplicate_merge
from separation.models import Chunk
from tests.databases import manage
from tests.separation.engine import checksums, columns_of, move, one, query

pytestmark = pytest.mark.engine

FIND = "python manage.py resolve_findings"


@pytest.fixture
def connection(legacy_database):
    connection = legacy_database("plain", adopted=True).connection
    move(connection, size=1000)
    return connection


def said_of(who):
    """Run the command in this process; return its exit code and lines by label."""
    out, err = io.StringIO(), io.StringIO()
    code: str | int | None = 0
    try:
        call_command("diagnose_customer", who, stdout=out, stderr=err, no_color=True)
    except SystemExit as ended:
        code = ended.code
    lines = [(line[:16].rstrip(), line[16:]) for line in out.getvalue().splitlines()]
    return code, lines, err.getvalue()


def counts(connection, user):
    by = [
        one(connection, f"SELECT count(*) FROM {table} WHERE {column} = %s", [user])
        for table in ("reservations", "orders")
        for column in ("user_id", "customer_id")
    ]
    known = one(connection, "SELECT count(*) FROM customer_restaurants WHERE customer_id = %s", [user])
    return [
        ("Reservations", f"{by[0]} by user_id, {by[1]} by customer_id"),
        ("Orders", f"{by[2]} by user_id, {by[3]} by customer_id"),
        ("Restaurants", f"{known} know this customer"),
    ]


def row_of(connection, user):
    ((flag, role, created, updated),) = query(
        connection, "SELECT is_customer, role, created_at::text, updated_at::text FROM users WHERE id = %s", [user]
    )
    kind = "a customer" if flag else "no customer"
    return ("Row in users", f"{kind}, role {role}, created {created}, updated {updated}")


def chunk_of(user):
    chunk = Chunk.objects.get(first_id__lte=user, last_id__gte=user)
    return ("Chunk", f"{chunk.pk} ({chunk}) of run {chunk.run_id}, at {chunk.moved_at:%Y-%m-%d %H:%M:%S} UTC")


def test_somebody_who_moved(connection):
    columns = columns_of(connection)
    before = checksums(connection, columns)
    email = one(connection, "SELECT email FROM users WHERE id = 30")

    code, lines, err = said_of(f" {email.upper()} ")

    assert (code, err) == (0, "")
    assert lines == [
        ("User", f"30 {email[:2]}***@ex***.{email.rpartition('.')[2]}"),
        row_of(connection, 30),
        ("Outcome", "moved"),
        chunk_of(30),
        *counts(connection, 30),
        ("Next", "nothing to do"),
    ]
    assert checksums(connection, columns) == before


def test_somebody_kept_back_and_merged(connection):
    assert dict(said_of("26")[1])["Next"] == f"{FIND} invalid_email 26 rename"
    lines = said_of("21")[1]
    assert lines[2:5] == [
        ("Outcome", "stays in users: duplicate email"),
        chunk_of(21),
        ("Finding", "duplicate_email: open"),
    ]
    assert lines[-1] == ("Next", f"{FIND} duplicate_email 21 merge|keep|rename")

    duplicate_merge(connection=connection, user_id=21, into=20, by="Ada", note="ask a@b.example", execute=True)

    lines = dict(said_of("21")[1])
    assert (lines["Outcome"], lines["Next"]) == ("merged into user 20", "nothing to do")
    assert lines["Finding"].startswith("duplicate_email: settled; merge, by Ada, ")
    assert lines["Finding"].endswith(" UTC: ask a***@b***.example")
    assert dict(said_of("20")[1])["Merged with"] == "user 21, whose bookings are this customer's"
    query(connection, "DELETE FROM users WHERE id = 20")
    call_command("separation_status", stdout=io.StringIO())
    assert dict(said_of("21")[1])["Next"] == f"{FIND} duplicate_email 21 --undo"


def test_everybody_with_an_email_is_shown(connection):
    duplicate_keep(connection=connection, user_id=25, by="Ada", execute=True)
    email = one(connection, "SELECT email FROM users WHERE id = 25")

    lines = said_of(email)[1]

    assert [text for label, text in lines if label in ("Outcome", "Next")] == [
        "stays in users: duplicate email",
        "nothing to do",
        "moved",
        "nothing to do",
    ]


def test_others(connection):
    assert dict(said_of("1")[1])["Outcome"] == "stays in users: is no customer"
    assert dict(said_of("22")[1])["Next"] == "the customer asks for a new password, in either application"
    query(connection, "INSERT INTO separation_pending (user_id) VALUES (30)")
    lines = dict(said_of("30")[1])
    assert (lines["Queue"], lines["Next"]) == (
        "waits to be brought into step with users",
        "python manage.py separation_status",
    )


def test_before_the_move(legacy_database):
    legacy_database("plain", adopted=True)

    lines = dict(said_of("30")[1])

    assert (lines["Outcome"], lines["Chunk"], lines["Next"]) == (
        "moves with the next execute",
        "none covers this id",
        "python manage.py migrate_customers --execute",
    )
    assert dict(said_of("21")[1])["Next"] == f"{FIND} duplicate_email 21 merge|keep|rename"


def test_nobody(legacy_database):
    database = legacy_database("plain", adopted=True)

    for who in ("4711", "nobody@example.org", "99999999999999"):
        assert said_of(who) == (1, [], "Nobody in users or customers has this id or email.\n")
    assert manage(database.name, "diagnose_customer").returncode == 2
