"""`diagnose_customer` says what happened to a person, and what to type; it only reads."""

import io
import json
import re

import pytest
from django.core.management import call_command

from config.mail import mail_queue
from config.masking import mask_email
from config.sessions import CredentialsWrong
from customers.login import customer_log_in
from separation.decisions import duplicate_keep, duplicate_merge
from separation.models import Chunk
from tests.databases import manage
from tests.separation.engine import checksums, columns_of, one, query
from tests.separation.verify import damage

pytestmark = pytest.mark.engine

FIND = "python manage.py resolve_findings"
BECAUSE = ["MANAGER of restaurant 1", "MANAGER of restaurant 2", "wrote 2 menus"]


@pytest.fixture
def connection(legacy_database):
    return legacy_database("plain", moved=True).connection


def said_of(who):
    """Run the command in this process; return its exit code and lines by label."""
    out, err = io.StringIO(), io.StringIO()
    code: str | int | None = 0
    try:
        call_command("diagnose_customer", who, stdout=out, stderr=err, no_color=True)
    except SystemExit as ended:
        code = ended.code
    lines = [(line[:18].rstrip(), line[18:]) for line in out.getvalue().splitlines()]
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


def customer_of(connection, user):
    ((created, updated),) = query(
        connection, "SELECT created_at::text, updated_at::text FROM customers WHERE id = %s", [user]
    )
    return (
        "Row in customers",
        f"active, email not verified, with a profile, created {created}, updated {updated}",
    )


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
        ("User", f"30 {mask_email(email)}"),
        row_of(connection, 30),
        customer_of(connection, 30),
        ("Outcome", "moved"),
        chunk_of(30),
        ("Password", "bcrypt, as it was"),
        ("Log-ins", "0, 0 of them open"),
        *counts(connection, 30),
        ("Next", "nothing to do"),
    ]
    assert checksums(connection, columns) == before


def test_somebody_kept_back_and_merged(connection):
    assert dict(said_of("26")[1])["Next"] == f"{FIND} invalid_email 26 rename"
    lines = said_of("21")[1]
    assert lines[2:6] == [
        ("Row in customers", "none"),
        ("Outcome", "stays in users: duplicate email"),
        ("Because", "the same email as user 20"),
        chunk_of(21),
    ]
    assert lines[6] == ("Finding", "duplicate_email: open")
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
    assert dict(said_of("22")[1])["Next"] == f"{FIND} needs_password_reset 22 mail"
    query(connection, "INSERT INTO separation_pending (user_id) VALUES (30)")
    lines = dict(said_of("30")[1])
    assert (lines["Queue"], lines["Next"]) == (
        "waits to be brought into step with users",
        "python manage.py separation_status",
    )


def test_who_cannot_log_in(connection):
    query(connection, "UPDATE customers SET is_active = false WHERE id = 30")
    lines = said_of("30")[1]
    assert lines == [
        ("User", f"30 {mask_email(one(connection, 'SELECT email FROM users WHERE id = 30'))}"),
        row_of(connection, 30),
        ("Row in customers", customer_of(connection, 30)[1].replace("active", "deactivated", 1)),
        ("Outcome", "moved"),
        chunk_of(30),
        ("Password", "deactivated: opens neither application"),
        ("Log-ins", "0, 0 of them open"),
        *counts(connection, 30),
        ("Next", "activate the customer in the admin"),
    ]
    lines = said_of("22")[1]
    assert lines == [
        ("User", f"22 {mask_email(one(connection, 'SELECT email FROM users WHERE id = 22'))}"),
        row_of(connection, 22),
        customer_of(connection, 22),
        ("Outcome", "moved"),
        chunk_of(22),
        ("Finding", "needs_password_reset: open"),
        ("Password", "unusable: nobody can log in with it"),
        ("Log-ins", "0, 0 of them open"),
        *counts(connection, 22),
        ("Next", f"{FIND} needs_password_reset 22 mail"),
    ]


def test_what_the_portal_sent_and_whether_somebody_is_logged_in(connection):
    email = one(connection, "SELECT email FROM users WHERE id = 30")
    for to in (email, email.upper(), "somebody@else.example"):
        mail_queue(to=to, template="welcome", context={"first_name": "Lena"})
    query(connection, "UPDATE post_office_email SET status = 0 WHERE id = (SELECT min(id) FROM post_office_email)")
    query(
        connection,
        """INSERT INTO customer_sessions (id, customer_id, token_hash, family, created_at, expires_at)
        VALUES (gen_random_uuid(), 30, '', gen_random_uuid(), '2026-06-01', '9999-01-01')""",
    )

    for _ in range(4):
        with pytest.raises(CredentialsWrong):
            customer_log_in(email=email, raw_password="wrong", user_agent="", ip="127.0.0.1")

    lines = said_of("30")[1]

    at = lines.index(("Log-ins", "1, 1 of them open, last used 2026-06-01 00:00:00"))
    assert lines[at + 1 : at + 3] == [("Failed log-ins", "4 in a row"), ("Mails", "1 queued, 1 sent")]
    query(connection, "UPDATE request_throttles SET blocked_until = (now() AT TIME ZONE 'UTC') + interval '1 h'")
    assert re.fullmatch(r"4 in a row; the next in \d{4} s", dict(said_of("30")[1])["Failed log-ins"])


def test_who_misses_reservations(connection):
    (lost,) = damage(
        connection,
        """UPDATE reservations SET customer_id = NULL WHERE id = (SELECT min(id) FROM reservations WHERE user_id = 30)
        RETURNING id""",
    )
    (phoned,) = damage(
        connection,
        """UPDATE reservations SET customer_email = (SELECT upper(email) FROM users WHERE id = 30)
        WHERE id = (SELECT min(r.id) FROM reservations r JOIN users u ON u.id = r.user_id AND NOT u.is_customer)
        RETURNING id""",
    )
    place = one(connection, "SELECT restaurant_id FROM reservations WHERE id = %s", [lost])
    there = one(connection, "SELECT count(*) FROM reservations WHERE user_id = 30 AND restaurant_id = %s", [place])
    lines = said_of("30")[1]
    assert lines == [
        ("User", f"30 {mask_email(one(connection, 'SELECT email FROM users WHERE id = 30'))}"),
        row_of(connection, 30),
        customer_of(connection, 30),
        ("Outcome", "moved"),
        chunk_of(30),
        ("Password", "bcrypt, as it was"),
        ("Log-ins", "0, 0 of them open"),
        *counts(connection, 30),
        ("Booked by others", f"1 reservations with this email: {phoned}"),
        (
            "Inconsistent",
            "reservations_counted: Each restaurant has as many of the customers' reservations by either link, "
            f"customer_id or user_id. restaurant {place}: {there} reservations of customers by user_id, {there - 1} by "
            f"customer_id; first without: reservation {lost}.",
        ),
        ("Next", "python manage.py migrate_customers --execute"),
    ]
    damage(connection, f"UPDATE reservations SET customer_id = 30 WHERE id = {lost}")
    assert said_of("30")[1][-1] == ("Next", "give the reservation its customer in the admin")


def test_staff_who_are_marked_as_customers(connection):
    found = query(
        connection, "SELECT row_id FROM separation_findings WHERE kind = 'staff_marked_as_customer' ORDER BY 1"
    )
    said = {user: said_of(str(user))[1] for (user,) in found}
    whole = said[found[0][0]]
    assert whole == [
        ("User", f"{found[0][0]} {mask_email(one(connection, 'SELECT email FROM users WHERE id = %s', found[0]))}"),
        row_of(connection, found[0][0]),
        ("Row in customers", "none"),
        ("Outcome", "stays in users: staff marked as customer"),
        ("Because", dict(whole)["Because"]),
        chunk_of(found[0][0]),
        ("Finding", "staff_marked_as_customer: open"),
        ("Password", "bcrypt, as it was"),
        *counts(connection, found[0][0]),
        ("Next", f"{FIND} staff_marked_as_customer {found[0][0]} staff|customer|both"),
    ]
    assert sorted(dict(lines)["Because"].split("; ")[-1] for lines in said.values()) == BECAUSE


def test_who_shares_an_email(connection):
    twin, other = one(connection, "SELECT email FROM users WHERE id = 21"), said_of("20")[1]
    assert dict(other)["Because"] == "the same email as user 21"
    lines = said_of(twin)[1]
    assert [text for label, text in lines if label == "User"] == ["20 an***@ex***.org", "21 An***@Ex***.Org"]
    assert lines[: len(other)] == [
        ("User", "20 an***@ex***.org"),
        row_of(connection, 20),
        ("Row in customers", "none"),
        ("Outcome", "stays in users: duplicate email"),
        ("Because", "the same email as user 21"),
        chunk_of(20),
        ("Finding", "duplicate_email: open"),
        ("Password", "bcrypt, as it was"),
        *counts(connection, 20),
        ("Booked by others", "1 reservations with this email: 76"),
        ("Next", f"{FIND} duplicate_email 20 merge|keep|rename"),
    ]


def test_the_json_has_every_label(connection):
    out = io.StringIO()
    call_command("diagnose_customer", "30", "--json", stdout=out, no_color=True)
    (person,) = json.loads(out.getvalue())["people"]
    assert list(person) == [
        *("user", "row_in_users", "row_in_customers", "outcome", "chunk", "password", "log_ins", "reservations"),
        *("orders", "restaurants", "next"),
    ]
    assert person["outcome"] == ["moved"]


def test_before_the_move_and_before_adoption(legacy_database):
    legacy_database("plain", adopted=True)
    lines = dict(said_of("30")[1])
    assert (lines["Outcome"], lines["Chunk"], lines["Next"]) == (
        "moves with the next execute",
        "none covers this id",
        "python manage.py migrate_customers --execute",
    )
    assert dict(said_of("21")[1])["Next"] == f"{FIND} duplicate_email 21 merge|keep|rename"

    connection = legacy_database("plain").connection
    reservations, orders = (
        one(connection, f"SELECT count(*) FROM {table} WHERE user_id = 30") for table in ("reservations", "orders")
    )
    assert said_of("30") == (
        0,
        [
            ("User", f"30 {mask_email(one(connection, 'SELECT email FROM users WHERE id = 30'))}"),
            row_of(connection, 30),
            ("Outcome", "the database is not adopted yet: nobody has been looked at"),
            ("Password", "bcrypt, as it was"),
            ("Reservations", f"{reservations} by user_id"),
            ("Orders", f"{orders} by user_id"),
            ("Next", "python manage.py backup, then python manage.py migrate"),
        ],
        "",
    )


def test_after_clean_up(connection):
    damage(
        connection,
        """INSERT INTO separation_archive (table_name, row_id, columns, "values", gone, run_id, archived_at)
        SELECT 'users', id::text, '{id,email}', ARRAY[id::text, email], true, (SELECT min(id) FROM separation_runs),
            '2026-01-02 03:04:05+00' FROM users WHERE id IN (21, 30);
        INSERT INTO separation_merges (user_id, customer_id) VALUES (21, 30);
        DELETE FROM users WHERE id IN (21, 30);
        UPDATE separation_phase SET name = 'separated'""",
    )
    run = one(connection, "SELECT min(id) FROM separation_runs")
    archived = f"the row in users, by run {run}, at 2026-01-02 03:04:05 UTC"

    lines = dict(said_of("30")[1])
    assert [lines[label] for label in ("Row in users", "Archived", "Outcome", "Next")] == [
        "none",
        archived,
        "moved; clean-up took the row out of users",
        "nothing to do",
    ]
    assert "Inconsistent" not in lines
    email = one(connection, """SELECT "values"[2] FROM separation_archive WHERE row_id = '21'""")
    merged = [dict(lines) for lines in _people(said_of(email)[1])][-1]
    assert [merged[label] for label in ("Archived", "Outcome")] == [archived, "merged into user 30"]


def _people(lines):
    """Return the lines of each person."""
    begins = [at for at, (label, _) in enumerate(lines) if label == "User"]
    return [lines[at:end] for at, end in zip(begins, [*begins[1:], len(lines)], strict=True)]


def test_nobody(legacy_database):
    database = legacy_database("plain", adopted=True)

    for who in ("4711", "nobody@example.org", "99999999999999"):
        assert said_of(who) == (1, [], "Nobody in users or customers has this id or email.\n")
    assert manage(database.name, "diagnose_customer").returncode == 2
