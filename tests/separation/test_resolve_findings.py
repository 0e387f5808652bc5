"""`resolve_findings` as its operator meets it: what waits, what an answer would do, doing it, taking it back."""

import getpass
import io
import json

import pytest
from django.core.management import call_command

from separation.decisions import ANSWERS, HELP
from separation.mirror import drain
from separation.models import Finding, Merge
from separation.verification import verify
from tests.databases import manage
from tests.separation.engine import checksums, columns_of, move, one, query, take_back

COMMAND = "python manage.py resolve_findings"
TWO = ("duplicate_email", "21", "merge", "--into", "20")
LISTED = [
    "staff_marked_as_customer: 3",
    "  user 5 ow***@tr***.example",
    "  user 6 ma***@ca***.example",
    "  user 7 ma***@co***.example",
    f"    {COMMAND} staff_marked_as_customer 5 staff",
    f"    {COMMAND} staff_marked_as_customer 5 customer",
    f"    {COMMAND} staff_marked_as_customer 5 both",
    "duplicate_email: 4",
    "  user 20 an***@ex***.org, user 21 An***@Ex***.Org",
    "  user 24 le***@ex***.net, user 25 Le***@Ex***.Net",
    f"    {COMMAND} duplicate_email 21 merge --into 20",
    f"    {COMMAND} duplicate_email 20 keep",
    f"    {COMMAND} duplicate_email 21 rename --email ADDRESS",
    "invalid_email: 1",
    "  user 26 la***",
    f"    {COMMAND} invalid_email 26 rename --email ADDRESS",
]


@pytest.fixture
def database(legacy_database):
    return legacy_database("plain", adopted=True)


@pytest.fixture
def moved(database):
    move(database.connection)
    return database


def resolve(*arguments):
    """Run the command in this process; return its exit code, and its lines on standard output and error."""
    out, err = io.StringIO(), io.StringIO()
    code: str | int | None = 0
    try:
        call_command("resolve_findings", *arguments, stdout=out, stderr=err, no_color=True)
    except SystemExit as ended:
        code = ended.code
    return code, out.getvalue().splitlines(), err.getvalue().splitlines()


def refused(said, message, following=COMMAND, *, code=3):
    kind = "Refused (finding)" if code == 3 else "Error"
    assert said == (code, [], [f"{kind}: {message}", f"Next: {following}"])


def everything(connection):
    return checksums(connection, columns_of(connection))


def in_step(connection):
    assert drain(connection) == 0
    assert [(r.id, r.details or r.sample) for r in verify(connection).failures] == []


def test_what_waits_is_listed_with_the_commands(moved):
    said = manage(moved.name, "resolve_findings")

    assert (said.returncode, said.stderr) == (0, "")
    assert said.stdout.splitlines() == [
        *LISTED,
        "needs_password_reset: 2",
        "  user 22 gz***@ex***.com",
        "  user 23 ni***@ex***.com",
        f"    {COMMAND} needs_password_reset 22 mail",
        "    the customer asks for a new password, in either application",
    ]


def test_before_the_first_execute_what_it_would_find_is_listed(database):
    assert resolve() == (0, LISTED, [])


def test_the_list_as_json(moved):
    code, out, err = resolve("--json")

    kinds = json.loads("\n".join(out))
    assert (code, err, [kind["kind"] for kind in kinds]) == (
        0,
        [],
        ["staff_marked_as_customer", "duplicate_email", "invalid_email", "needs_password_reset"],
    )
    assert kinds[2] == {
        "kind": "invalid_email",
        "total": 1,
        "groups": 1,
        "samples": [[["users", 26, "la***"]]],
        "commands": [f"{COMMAND} invalid_email 26 rename --email ADDRESS"],
    }


def test_a_preview_says_what_would_be_and_changes_nothing(moved):
    before = everything(moved.connection)

    said = resolve(*TWO)

    assert said == (
        0,
        [
            "Would be decided: user 21 is the same person as user 20.",
            f"  user 20 an***@ex***.org: moves, with {counts(moved, 20)}",
            f"  user 21 An***@Ex***.Org: merged into 20, with {counts(moved, 21)}",
            "Nothing was changed. Next: the same command with --execute",
        ],
        [],
    )
    assert everything(moved.connection) == before


def counts(database, user):
    """Count what is a user's, by other means than the command's."""
    found = [
        one(database.connection, f"SELECT count(*) FROM {table} WHERE user_id = %s", [user])
        for table in ("reservations", "orders")
    ]
    places = """SELECT count(DISTINCT restaurant_id) FROM (SELECT user_id, restaurant_id FROM reservations
        UNION SELECT user_id, restaurant_id FROM orders
        UNION SELECT user_id, restaurant_id FROM restaurant_staff WHERE role = 'STAFF') t WHERE user_id = %s"""
    found.append(one(database.connection, places, [user]))
    words = ("reservation", "order", "restaurant")
    return ", ".join(f"{count} {what}{'s' * (count != 1)}" for count, what in zip(found, words, strict=True))


def test_a_merge_and_taking_it_back(moved):
    code, out, _ = resolve(*TWO, "--execute", "--by", "Ada", "--note", "same phone number")

    assert (code, out[0], out[-1]) == (
        0,
        "Decided: user 21 is the same person as user 20.",
        f"To take it back: {COMMAND} duplicate_email 21 --undo --execute",
    )
    in_step(moved.connection)
    finding = Finding.objects.get(row_id=21)
    assert (finding.state, finding.decision, finding.decided_by, finding.note) == (
        "settled",
        "merge",
        "Ada",
        "same phone number",
    )

    preview = resolve("duplicate_email", "21", "--undo")
    assert preview[1] == [
        "Would be decided: merge of user 21 is undone.",
        f"  user 20 an***@ex***.org: stays in users, finding duplicate_email, with {counts(moved, 20)}",
        f"  user 21 An***@Ex***.Org: stays in users, finding duplicate_email, with {counts(moved, 21)}",
        "Nothing was changed. Next: the same command with --execute",
    ]
    assert Merge.objects.exists()
    assert resolve("duplicate_email", "21", "--undo", "--execute", "--by", "Grace")[1][0] == (
        "Decided: merge of user 21 is undone."
    )
    in_step(moved.connection)
    finding.refresh_from_db()
    assert (finding.state, finding.decision, Merge.objects.exists()) == ("open", "", False)
    assert [(event["what"], event["by"], event["note"]) for event in finding.detail["history"]] == [
        ("merged into 20", "Ada", "same phone number"),
        ("undone: merged into 20", "Grace", ""),
    ]


def test_one_of_two_is_kept(moved):
    out = resolve("duplicate_email", "25", "keep", "--execute")[1]

    assert out[:3] == [
        "Decided: of 2 customers with this email user 25 moves.",
        f"  user 24 le***@ex***.net: stays in users, with {counts(moved, 24)}",
        f"  user 25 Le***@Ex***.Net: moves, with {counts(moved, 25)}",
    ]
    in_step(moved.connection)
    assert query(moved.connection, "SELECT id FROM customers WHERE id IN (24, 25)") == [(25,)]
    assert Finding.objects.get(row_id=24).decided_by.startswith(f"{getpass.getuser()}@")
    refused(
        resolve("duplicate_email", "24", "merge", "--into", "25"),
        said_settled(24),
        f"{COMMAND} duplicate_email 24 --undo",
    )
    resolve("duplicate_email", "24", "--undo", "--execute")
    in_step(moved.connection)
    assert query(moved.connection, "SELECT id FROM customers WHERE id IN (24, 25)") == []


def said_settled(user):
    finding = Finding.objects.exclude(decision="").get(row_id=user)
    when = f"{finding.decided_at:%Y-%m-%d %H:%M} UTC"
    return f"User {user} is settled already: {finding.decision}, by {finding.decided_by}, {when}."


@pytest.mark.parametrize(("answer", "customers"), [("staff", 0), ("customer", 1), ("both", 1)])
def test_who_is_staff(moved, answer, customers):
    out = resolve("staff_marked_as_customer", "6", answer, "--execute")[1]

    becomes = "moves" if customers else "stays in users"
    assert out[1] == f"  user 6 ma***@ca***.example: {becomes}, with {counts(moved, 6)}"
    in_step(moved.connection)
    for _ in range(2):
        assert one(moved.connection, "SELECT count(*) FROM customers WHERE id = 6") == customers
        assert Finding.objects.get(row_id=6).state == "settled"
        take_back(moved.connection)
        move(moved.connection)
        in_step(moved.connection)
    resolve("staff_marked_as_customer", "6", "--undo", "--execute")
    in_step(moved.connection)
    assert one(moved.connection, "SELECT count(*) FROM customers WHERE id = 6") == 0
    assert Finding.objects.get(row_id=6).state == "open"


def test_another_email_frees_the_one_and_the_other(moved):
    out = resolve("duplicate_email", "21", "rename", "--email", " new.one@example.org ", "--execute")[1]

    assert out[:3] == [
        "Decided: user 21 gets the email ne***@ex***.org.",
        f"  user 20 an***@ex***.org: moves, with {counts(moved, 20)}",
        f"  user 21 ne***@ex***.org: moves, with {counts(moved, 21)}",
    ]
    in_step(moved.connection)
    assert query(
        moved.connection, "SELECT email FROM users WHERE id = 21 UNION SELECT email FROM customers WHERE id = 21"
    ) == [("new.one@example.org",)]
    resolve("duplicate_email", "21", "--undo", "--execute")
    in_step(moved.connection)
    assert Finding.objects.get(row_id=21).state == "open"


def test_an_address_for_whoever_has_none(moved):
    assert resolve("invalid_email", "26", "rename", "--email", "new.one@example.org", "--execute")[0] == 0

    in_step(moved.connection)
    assert one(moved.connection, "SELECT email FROM customers WHERE id = 26") == "new.one@example.org"
    query(moved.connection, "UPDATE users SET email = 'yet.another@example.org' WHERE id = 26")
    refused(resolve("invalid_email", "26", "--undo"), "User 26 was given yet another email since; that stays.")


def test_in_phase_legacy_a_decision_waits_for_the_next_execute(database):
    out = resolve(*TWO, "--execute")[1]

    assert out[-2] == "  The phase is legacy: who moves, moves with the next execute."
    assert one(database.connection, "SELECT count(*) FROM customers") == 0
    assert [line for line in resolve()[1] if "user 2" in line] == [
        "  user 24 le***@ex***.net, user 25 Le***@Ex***.Net",
        "  user 26 la***",
    ]
    move(database.connection)
    in_step(database.connection)
    assert query(database.connection, "SELECT id FROM customers WHERE id IN (20, 21)") == [(20,)]


def test_what_does_not_fit_is_refused_and_changes_nothing(moved):
    connection = moved.connection
    email = one(connection, "SELECT upper(email) FROM users WHERE id = 30")
    before = everything(connection)

    refused(resolve("duplicate_email", "4711", "keep"), "There is no user 4711.")
    refused(resolve(*TWO[:-1], "4711"), "There is no user 4711.")
    refused(
        resolve("staff_marked_as_customer", "1", "staff"),
        "User 1 is not marked as a customer, so there is nothing to decide.",
    )
    refused(resolve("duplicate_email", "30", "keep"), "User 30 has no open finding duplicate_email: this person moves.")
    refused(
        resolve("invalid_email", "21", "rename", "--email", "a@example.org"),
        "User 21 has no open finding invalid_email: this person is kept back by another finding, duplicate_email.",
    )
    refused(resolve(*TWO[:-1], "24"), "Users 21 and 24 do not have the same email.")
    refused(
        resolve("duplicate_email", "21", "rename", "--email", email),
        f"The email {email[:2]}***@EX***.{email.rpartition('.')[2]} is somebody else's already.",
    )
    refused(
        resolve("duplicate_email", "21", "--undo"),
        "Nothing is decided about the finding duplicate_email of user 21.",
    )
    refused(
        resolve("set_aside", "22", "staff"),
        "There is nothing to decide about set_aside.",
        "make the person a customer again in the old application, and all of it is given back",
    )
    assert everything(connection) == before


def test_bad_input_exits_2(moved):
    usage, incomplete = f"{COMMAND} --help", "Give a kind, an ID, and an answer or --undo."
    refused(resolve("duplicate_email"), incomplete, usage, code=2)
    refused(resolve("duplicate_email", "21"), incomplete, usage, code=2)
    refused(
        resolve("duplicate_email", "21", "keep", "--undo"),
        "Give a kind, an ID, and an answer or --undo.",
        usage,
        code=2,
    )
    refused(
        resolve("duplicate_email", "21", "both"),
        "The answers to duplicate_email are merge, keep, rename.",
        usage,
        code=2,
    )
    refused(resolve("duplicate_email", "21", "merge"), "--into belongs to merge, and merge needs it.", usage, code=2)
    refused(
        resolve("duplicate_email", "21", "rename"), "--email belongs to rename, and rename needs it.", usage, code=2
    )
    refused(resolve("duplicate_email", "21", "rename", "--email", "nowhere"), "no*** is not an email address.", code=2)
    refused(resolve(*TWO[:-1], "21"), "User 21 cannot be merged into themselves.", code=2)
    said = manage(moved.name, "resolve_findings", "no_such_kind", "21", "keep")
    assert said.returncode == 2


def test_a_roll_back_that_is_not_finished_comes_first(moved):
    query(moved.connection, "UPDATE separation_phase SET name = 'legacy'")

    assert resolve(*TWO) == (
        3,
        [],
        [
            "Refused (roll-back): A roll-back is not finished yet.",
            "Next: python manage.py migrate_customers --rollback",
        ],
    )


def test_an_effect_as_json(moved):
    out = resolve(*TWO, "--json")[1]

    effect = json.loads("\n".join(out))
    assert {key: effect[key] for key in ("kind", "what", "phase", "done", "filled")} == {
        "kind": "duplicate_email",
        "what": "user 21 is the same person as user 20",
        "phase": "dual",
        "done": False,
        "filled": [],
    }
    assert [(one["id"], one["becomes"]) for one in effect["people"]] == [(20, "moves"), (21, "merged into 20")]


def test_a_database_that_is_not_adopted_is_refused(legacy_database):
    legacy_database("plain")

    assert resolve()[0] == 3


def test_there_is_an_answer_or_help_for_every_kind():
    assert {kind for kind, _ in Finding.KINDS} == {*ANSWERS, *HELP}
