"""Bookings of nobody, menus at no restaurant, orders astray, lost passwords: what staff decide, and back again."""

import io
import json
import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connection
from django.test import Client
from post_office.models import Email

from accounts.models import User
from separation.answers import UNDO, answer_given
from separation.errors import Refused, UsageFault
from separation.migrator import FINISH
from separation.mirror import drain
from separation.models import Finding, Run
from separation.verification import verify
from tests.databases import Databases, default_connection_to
from tests.separation.engine import checksums, columns_of, one, query
from tests.separation.verify import migrated_databases

pytestmark = pytest.mark.engine

COMMAND = "python manage.py resolve_findings"
ORPHAN = "SELECT min(id) FROM {table} WHERE user_id NOT IN (SELECT id FROM users)"
ASTRAY = """SELECT min(o.id) FROM orders o JOIN reservations r ON r.id = o.reservation_id
    WHERE r.restaurant_id <> o.restaurant_id"""
REGULAR = """SELECT min(c.id) FROM customers c JOIN reservations r ON r.customer_id = c.id AND r.user_id = c.id
    WHERE r.restaurant_id = 1 AND c.id > 0"""
NOT_COMPARED = ("separation_", "post_office_", "django_")


@pytest.fixture(scope="module")
def dirty(databases: Databases, django_db_blocker: Any) -> Iterator[str]:
    """The name of a dirty database, migrated; each test leaves its rows as they were."""
    with migrated_databases(databases) as name_of, django_db_blocker.unblock():
        yield name_of("dirty")


@pytest.fixture(autouse=True)
def here(dirty: str) -> Iterator[None]:
    with default_connection_to(dirty):
        before = rows_now()
        yield
        assert rows_now() == before
        assert drain(connection) == 0
        assert [(r.id, r.details or r.sample) for r in verify(connection).failures] == []


def rows_now() -> dict[str, str]:
    columns = columns_of(connection)
    ours = {table: names for table, names in columns.items() if not table.startswith(NOT_COMPARED)}
    # A link that went and came back is a new row.
    ours["customer_restaurants"] = [name for name in ours["customer_restaurants"] if name not in ("id", "created_at")]
    return checksums(connection, {table: [n for n in names if n != "updated_at"] for table, names in ours.items()})


def resolve(*arguments: Any) -> tuple[Any, list[str]]:
    """Run the command in this process; return its exit code, and what it said."""
    out = io.StringIO()
    code: str | int | None = 0
    try:
        call_command("resolve_findings", *map(str, arguments), stdout=out, stderr=out, no_color=True)
    except SystemExit as ended:
        code = ended.code
    return code, out.getvalue().splitlines()


def decide(kind: str, table: str, row_id: int, answer: str, value: Any = None, **terms: Any) -> Any:
    given: Any = {"by": "Ada", "execute": True} | terms
    return answer_given(
        connection=connection,
        kind=kind,
        table=table,
        row_id=row_id,
        answer=answer,
        value=value,
        **given,
    )


def refused(call: Callable[[], Any]) -> str:
    with pytest.raises((Refused, UsageFault)) as caught:
        call()
    return caught.value.message


def state(kind: str, table: str, row_id: int) -> tuple[str, str]:
    found = Finding.objects.get(kind=kind, table_name=table, row_id=row_id)
    return found.state, found.decision


def found_again() -> None:
    """Look for what is to be found about rows, as the end of every execute does."""
    run = Run.objects.create(kind=Run.EXECUTE, operator="a test")
    for text in (FINISH.find_rows, FINISH.settle_gone_rows):
        query(connection, text, {"run": run.pk})


@pytest.mark.parametrize("table", ["reservations", "orders"])
def test_whose_a_booking_of_nobody_is(table: str) -> None:
    row, user = one(connection, ORPHAN.format(table=table)), one(connection, REGULAR)
    former = one(connection, f"SELECT user_id FROM {table} WHERE id = %s", [row])
    visits = "SELECT sum(visit_count), sum(total_spent) FROM customer_restaurants WHERE customer_id = %s"
    before, what = query(connection, visits, [user]), table.removesuffix("s")

    code, said = resolve("orphan", row, "assign", "--user", user, "--table", table)

    assert (code, said[:3], said[-1]) == (
        0,
        [
            f"Would be decided: {what} {row} is user {user}'s.",
            f"  {what} {row}: user_id {former} becomes {user}",
            f"  {what} {row}: customer_id nothing becomes {user}",
        ],
        "Nothing was changed. Next: the same command with --execute",
    )
    assert one(connection, f"SELECT user_id FROM {table} WHERE id = %s", [row]) == former

    code, said = resolve("orphan", row, "assign", "--user", user, "--table", table, "--execute", "--note", "his voice")
    assert said[-1] == f"To take it back: {COMMAND} orphan {row} --table {table} --undo --execute"
    assert query(connection, f"SELECT user_id, customer_id FROM {table} WHERE id = %s", [row]) == [(user, user)]
    assert query(connection, visits, [user]) != before
    assert state("orphan", table, row) == ("settled", "assign")
    assert [r.id for r in verify(connection).failures] == []
    assert refused(lambda: decide("orphan", table, row, "archive")).startswith(
        f"{what.capitalize()} {row} is settled already: assign, by "
    )

    assert resolve("orphan", row, "--table", table, "--undo", "--execute")[1][:2] == [
        f"Decided: assign of {what} {row} is undone.",
        f"  {what} {row}: user_id {user} becomes {former}",
    ]
    assert query(connection, visits, [user]) == before
    assert state("orphan", table, row) == ("open", "")
    history = Finding.objects.get(kind="orphan", table_name=table, row_id=row).detail["history"]
    assert [(event["what"], event["note"]) for event in history] == [
        (f"{what} {row} is user {user}'s", "his voice"),
        ("undone: assign", ""),
    ]


def test_what_is_of_nobody_stays_and_is_not_asked_about_again() -> None:
    row = one(connection, ORPHAN.format(table="orders"))
    before = rows_now()

    assert resolve("orphan", row, "archive", "--table", "orders", "--execute")[1][0] == (
        f"Decided: order {row} stays as it is, of nobody, as history."
    )

    assert rows_now() == before
    found_again()
    assert state("orphan", "orders", row) == ("settled", "archive")
    assert [r.id for r in verify(connection).failures] == []
    decide("orphan", "orders", row, UNDO)
    found_again()
    assert state("orphan", "orders", row) == ("open", "")


@pytest.mark.parametrize("table", ["menus", "recipes"])
def test_where_a_menu_or_recipe_is(table: str) -> None:
    row = one(connection, f"SELECT min(id) FROM {table} WHERE restaurant_id IS NULL")
    what, name = f"{table.removesuffix('s')} {row}", one(connection, "SELECT name FROM restaurants WHERE id = 2")

    effect = decide("no_restaurant", table, row, "place", 2)

    assert (effect.what, [(c.column, c.before, c.after) for c in effect.changes]) == (
        f"{what} is at restaurant 2, {name}",
        [("restaurant_id", None, "2")],
    )
    assert state("no_restaurant", table, row) == ("settled", "place")
    query(connection, f"UPDATE {table} SET restaurant_id = 3 WHERE id = %s", [row])
    assert refused(lambda: decide("no_restaurant", table, row, UNDO)) == (
        f"The restaurant_id of {what} was changed since; that stays."
    )
    query(connection, f"UPDATE {table} SET restaurant_id = NULL WHERE id = %s", [row])
    found_again()
    assert state("no_restaurant", table, row) == ("open", "place")
    decide("no_restaurant", table, row, "place", 2)
    decide("no_restaurant", table, row, UNDO)
    assert state("no_restaurant", table, row) == ("open", "")


@pytest.mark.parametrize(("answer", "column"), [("follow", "restaurant_id"), ("untie", "reservation_id")])
def test_an_order_at_another_restaurant_than_its_reservation(answer: str, column: str) -> None:
    row = one(connection, ASTRAY)
    wanted = "r.restaurant_id" if answer == "follow" else "NULL"
    after = one(
        connection, f"SELECT {wanted} FROM orders o JOIN reservations r ON r.id = reservation_id WHERE o.id = %s", [row]
    )

    effect = decide("restaurant_mismatch", "orders", row, answer)

    assert [(change.column, change.after) for change in effect.changes] == [(column, after and str(after))]
    assert one(connection, f"SELECT {column} FROM orders WHERE id = %s", [row]) == after
    assert [r.id for r in verify(connection).failures] == []
    decide("restaurant_mismatch", "orders", row, UNDO)
    assert state("restaurant_mismatch", "orders", row) == ("open", "")


def test_who_cannot_log_in_is_mailed_a_link_that_sets_a_password() -> None:
    person = Finding.objects.filter(kind="needs_password_reset").earliest("row_id").row_id
    email = one(connection, "SELECT email FROM customers WHERE id = %s", [person])

    assert resolve("needs_password_reset", person, "mail")[1][0].startswith(f"Would be decided: customer {person} is ")
    assert not Email.objects.exists()
    first = decide("needs_password_reset", "users", person, "mail", execute=False)
    decide("needs_password_reset", "users", person, "mail", seen=first.seal)

    assert [mail.to for mail in Email.objects.all()] == [[email]]
    assert state("needs_password_reset", "users", person) == ("open", "mail")
    # Pressed twice, it is sent once; whoever wants another sees that one was sent.
    assert refused(lambda: decide("needs_password_reset", "users", person, "mail", seen=first.seal)) == (
        "What it does is not what you were shown any more: look again."
    )
    assert "the last was sent at " in decide("needs_password_reset", "users", person, "mail", execute=False).what
    assert refused(lambda: decide("needs_password_reset", "users", person, UNDO)) == (
        "A mail that was sent cannot be taken back."
    )
    query(connection, "UPDATE separation_phase SET closed = true")
    assert refused(lambda: decide("needs_password_reset", "users", person, "mail")) == (
        "Nobody can set a password here. Customers' accounts are not open here yet. Please use the site you know."
    )
    query(connection, "UPDATE separation_phase SET closed = false")
    assert Email.objects.count() == 1


def test_in_the_admin_while_the_mirror_is_live() -> None:
    """What the pages do, in transactions of their own: two people become one, and two again."""
    root, client = User.objects.filter(role="SUPERADMIN", is_customer=False).earliest("id"), Client()
    client.force_login(root)
    finding = Finding.objects.filter(kind="duplicate_email", state="open").earliest("row_id")
    (other,) = query(
        connection,
        """SELECT max(o.id) FROM users u JOIN users o ON o.is_customer AND o.id <> u.id
            AND lower(btrim(o.email)) = lower(btrim(u.email)) WHERE u.id = %s""",
        [finding.row_id],
    )[0]
    path = f"/admin/separation/finding/{finding.pk}/settle/"

    def settle(answer: str, value: Any = "") -> list[str]:
        before = rows_now()
        shown = client.get(path, {"answer": answer, "value": value}).content.decode()
        assert rows_now() == before
        (seen,) = re.findall(r'name="seen" value="(\w+)"', shown)
        given = {"answer": answer, "value": value, "note": "one voice", "seen": seen}
        told = [client.post(path, given, follow=True).context["messages"] for _ in range(2)]
        return [str(message) for messages in told for message in messages]

    assert settle("merge", other) == [
        f"Settled: user {finding.row_id} is the same person as user {other}.",
        f"This is settled already: merged into another person, by {root.name} (user {root.pk}). Nothing was changed.",
    ]
    assert one(connection, "SELECT count(*) FROM customers WHERE id IN (%s, %s)", [finding.row_id, other]) == 1
    assert drain(connection) == 0
    assert [r.id for r in verify(connection).failures] == []
    assert settle("undo") == [
        f"Settled: merge of user {finding.row_id} is undone.",
        "That is no answer to this finding. Nothing was changed.",
    ]


def test_what_does_not_fit_is_refused_and_changes_nothing() -> None:
    row, order = one(connection, ORPHAN.format(table="reservations")), one(connection, ASTRAY)
    user = one(connection, REGULAR)
    said = {
        "There is no user 4711": lambda: decide("orphan", "reservations", row, "assign", 4711),
        "There is no reservation 4711000": lambda: decide("orphan", "reservations", 4711000, "assign", user),
        "There is no restaurant 4711": lambda: decide("no_restaurant", "menus", 1, "place", 4711),
        "Menu 1 has no open finding no_restaurant: it is right by now": lambda: decide(
            "no_restaurant", "menus", 1, "place", 1
        ),
        "Nothing is decided about the finding orphan of reservation 1": lambda: decide(
            "orphan", "reservations", 1, UNDO
        ),
        f"Customer {user} has no open finding needs_password_reset": lambda: decide(
            "needs_password_reset", "users", user, "mail"
        ),
        "The answers to orphan are assign, archive": lambda: decide("orphan", "orders", order, "follow"),
        "--user belongs to assign, and assign needs it": lambda: decide("orphan", "orders", order, "assign"),
        "archive needs nothing else": lambda: decide("orphan", "orders", order, "archive", 1),
        "What it does is not what you were shown any more: look again": lambda: decide(
            "orphan", "reservations", row, "archive", seen="something else"
        ),
    }
    assert [refused(call) for call in said.values()] == [f"{message}." for message in said]
    assert resolve("orphan", row, "archive") == (
        2,
        ["Error: A finding orphan is about reservations or orders: say which by --table.", f"Next: {COMMAND} --help"],
    )


def test_whoever_decides_for_their_restaurants_sees_no_others() -> None:
    row, order, user = (
        one(connection, ORPHAN.format(table="reservations")),
        one(connection, ASTRAY),
        one(connection, REGULAR),
    )
    stranger = one(
        connection,
        """SELECT min(c.id) FROM customers c WHERE c.id > 0 AND NOT EXISTS (
            SELECT FROM customer_restaurants l WHERE l.customer_id = c.id AND l.restaurant_id = 1)""",
    )
    menu = one(connection, "SELECT min(id) FROM menus WHERE restaurant_id IS NULL")

    def within(places: set[int], *arguments: Any) -> str:
        return refused(lambda: decide(*arguments, within=frozenset(places), execute=False))

    assert decide("orphan", "reservations", row, "assign", user, within=frozenset({1}), execute=False).changes
    assert within({2}, "orphan", "reservations", row, "assign", user) == f"There is no reservation {row}."
    assert within({1}, "orphan", "reservations", row, "assign", stranger) == f"There is no user {stranger}."
    places = {place for (place,) in query(connection, "SELECT id FROM restaurants")}
    here = one(connection, "SELECT restaurant_id FROM orders WHERE id = %s", [order])
    assert within({here}, "restaurant_mismatch", "orders", order, "follow") == f"There is no order {order}."
    assert decide("restaurant_mismatch", "orders", order, "follow", within=frozenset(places), execute=False).changes
    assert within({1}, "no_restaurant", "menus", menu, "place", 2) == "There is no restaurant 2."
    person = Finding.objects.filter(kind="needs_password_reset").earliest("row_id").row_id
    assert within(set(), "needs_password_reset", "users", person, "mail") == f"There is no user {person}."
    twins = Finding.objects.filter(kind="duplicate_email").order_by("row_id").values_list("row_id", flat=True)
    assert within(set(), "duplicate_email", "users", twins[0], "keep") == f"There is no user {twins[0]}."


def test_the_list_says_what_to_type() -> None:
    kinds = {kind["kind"]: kind["commands"] for kind in json.loads("\n".join(resolve("--json")[1]))}

    row, order = one(connection, ORPHAN.format(table="orders")), one(connection, ASTRAY)
    assert kinds["orphan"] == [
        f"{COMMAND} orphan {row} assign --user ID --table orders",
        f"{COMMAND} orphan {row} archive --table orders",
    ]
    assert kinds["restaurant_mismatch"] == [
        f"{COMMAND} restaurant_mismatch {order} follow",
        f"{COMMAND} restaurant_mismatch {order} untie",
        "give the order the restaurant of its reservation, or no reservation",
    ]
