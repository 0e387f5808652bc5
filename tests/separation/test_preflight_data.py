"""The preflight about the rows: what it counts, and that it counts what the migration will find."""

from collections.abc import Callable

import pytest
from django.core.management import call_command
from django.db.backends.base.base import BaseDatabaseWrapper

from separation.models import Finding
from separation.planner import make_plan
from separation.preflight import FAIL, PASS, WARN, Result, run_preflight
from tests.databases import LegacyDatabase
from tests.separation.engine import move, one, query

Make = Callable[..., LegacyDatabase]

FINDINGS = (
    "duplicate_email",
    "invalid_email",
    "staff_marked_as_customer",
    "needs_password_reset",
    "orphan",
    "no_restaurant",
    "restaurant_mismatch",
)


def check(connection: BaseDatabaseWrapper, name: str) -> Result:
    (result,) = run_preflight(connection, only=(name,)).results
    return result


def figures(connection: BaseDatabaseWrapper) -> dict[str, object]:
    return {result.id: result.figure for result in run_preflight(connection, only=FINDINGS).results if result.figure}


@pytest.mark.parametrize("adopted", [False, True])
@pytest.mark.parametrize("kind", ["plain", "ahead", "dirty"])
def test_every_finding_is_foreseen(legacy_database: Make, kind: str, adopted: bool) -> None:
    database = legacy_database(kind, adopted=adopted)
    assert figures(database.connection) == database.summary.expected_findings


def test_the_figures_are_those_of_the_plan(legacy_database: Make) -> None:
    connection = legacy_database("dirty", adopted=True).connection
    plan = make_plan(connection)
    found = figures(connection)
    assert {kind: found[kind] for kind in plan.kept_back} == plan.kept_back
    assert found["needs_password_reset"] == plan.needs_password_reset
    assert check(connection, "counts").figure == plan.to_move


def test_the_figures_are_those_of_the_findings(legacy_database: Make) -> None:
    connection = legacy_database("dirty", adopted=True).connection
    before = figures(connection)
    move(connection)
    kinds = Finding.objects.filter(state=Finding.OPEN).values_list("kind", flat=True)
    assert {kind: sum(k == kind for k in kinds) for kind in kinds} == before


def test_counts(legacy_database: Make) -> None:
    database = legacy_database("plain")
    summary = database.summary
    assert check(database.connection, "counts") == Result(
        PASS,
        f"55 customers to move, 0 moved already, 8 kept back; of {summary.rows['users']:,} users, "
        f"{summary.customers:,} customers, {summary.rows['reservations']:,} reservations, "
        f"{summary.rows['orders']:,} orders.",
        55,
        id="counts",
    )


def test_duplicates_by_case_and_by_blanks_of_every_sort(legacy_database: Make) -> None:
    connection = legacy_database("plain").connection
    query(connection, "UPDATE users SET is_customer = false")
    query(
        connection,
        r"""INSERT INTO users (id, email, password, is_customer, updated_at) VALUES
        (901, 'Ann@Example.org', '', true, now()), (902, E' \tann@example.org\r\n', '', true, now()),
        (903, E'ann@example.org\x0B\f', '', true, now()), (904, 'ann@example.org', '', false, now()),
        (905, 'ann @example.org', '', true, now()), (906, 'ANN @example.org', '', true, now()),
        (907, 'bea@example.org', '', true, now())""",
    )
    assert check(connection, "duplicate_email") == Result(
        WARN,
        "3 customers share their email: not moved, each becomes a finding.",
        3,
        [901, 902, 903],
        remedy="python manage.py migrate_customers",
        id="duplicate_email",
    )
    assert check(connection, "invalid_email").sample == [905, 906]


def test_nothing_to_find(legacy_database: Make) -> None:
    connection = legacy_database("plain").connection
    query(connection, "UPDATE users SET is_customer = false")
    report = run_preflight(connection, only=FINDINGS)
    assert {result.id: (result.status, result.message) for result in report.results} == {
        "duplicate_email": (PASS, "No customer shares an email with another."),
        "invalid_email": (PASS, "No customer has no valid email."),
        "staff_marked_as_customer": (PASS, "No customer is staff by role, place or menus."),
        "needs_password_reset": (PASS, "Every customer who moves has a bcrypt password."),
        "orphan": (PASS, "Every reservation and order has its user."),
        "no_restaurant": (PASS, "Every menu and recipe has its restaurant."),
        "restaurant_mismatch": (PASS, "Every order is at the restaurant of its reservation."),
    }


def test_time_zones_that_are_none_are_named(legacy_database: Make) -> None:
    connection = legacy_database("plain", adopted=True).connection
    query(
        connection, "INSERT INTO booking_policies (restaurant_id, time_zone) SELECT id, 'Asia/Tokyo' FROM restaurants"
    )
    assert check(connection, "time_zones") == Result(PASS, "Every booking policy has a time zone.", 0, id="time_zones")
    query(connection, "UPDATE booking_policies SET time_zone = 'Mars/Olympus' WHERE restaurant_id < 3")
    assert check(connection, "time_zones") == Result(
        WARN,
        "2 restaurants with a time zone that is none, taken for UTC.",
        2,
        details=["'Mars/Olympus': restaurants 1, 2"],
        remedy="set it on the restaurant's page in the admin",
        id="time_zones",
    )


def test_orphans_are_named_by_table(legacy_database: Make) -> None:
    connection = legacy_database("plain").connection
    query(connection, "ALTER TABLE reservations DROP CONSTRAINT reservations_user_id_fkey")
    query(connection, "ALTER TABLE orders DROP CONSTRAINT orders_user_id_fkey")
    query(connection, "UPDATE reservations SET user_id = 999999 WHERE id IN (3, 5)")
    query(connection, "UPDATE orders SET user_id = 999999 WHERE id = 7")
    assert check(connection, "orphan") == Result(
        WARN,
        "2 reservations and 1 order of users who do not exist; each becomes a finding.",
        3,
        details=["reservations: ids 3, 5", "orders: ids 7"],
        remedy="python manage.py migrate_customers",
        id="orphan",
    )


def test_a_sample_has_five_ids(legacy_database: Make) -> None:
    connection = legacy_database("plain").connection
    query(connection, "UPDATE users SET password = 'sha1$x$y' WHERE is_customer")
    result = check(connection, "needs_password_reset")
    assert result.figure == 55
    assert result.sample == sorted(result.sample)
    assert len(result.sample) == 5


def test_nobody_may_enter_the_admin(legacy_database: Make) -> None:
    connection = legacy_database("plain").connection
    query(connection, "UPDATE users SET is_customer = true WHERE role = 'SUPERADMIN'")
    assert check(connection, "superadmin") == Result(
        FAIL,
        "No user is a SUPERADMIN and no customer: nobody could settle findings in the admin.",
        0,
        remedy="python manage.py createsuperuser",
        id="superadmin",
    )


def test_a_sequence_below_the_highest_id(legacy_database: Make) -> None:
    connection = legacy_database("plain").connection
    query(connection, "SELECT setval('users_id_seq', 5)")
    highest = one(connection, "SELECT max(id) FROM users")
    assert check(connection, "users_sequence") == Result(
        WARN,
        f"The sequence public.users_id_seq stands at 5, below the highest id {highest}: the next ids are taken.",
        5,
        remedy=f"SELECT setval('public.users_id_seq', {highest})",
        id="users_sequence",
    )


def test_ids_that_are_about_to_run_out(legacy_database: Make) -> None:
    connection = legacy_database("plain").connection
    query(connection, "SELECT setval('users_id_seq', 2147483000)")
    result = check(connection, "users_sequence")
    assert result.status == WARN
    assert result.message.endswith(", the sequence public.users_id_seq stands at 2147483000.")


def test_ids_where_rows_would_be_parked(legacy_database: Make) -> None:
    connection = legacy_database("plain").connection
    query(connection, "UPDATE users SET id = -3 WHERE id = (SELECT max(id) FROM users)")
    assert check(connection, "users_sequence") == Result(
        FAIL,
        "users has ids below 1, from -3 on, where rows of an earlier attempt would be parked.",
        -3,
        remedy="UPDATE users SET id = DEFAULT WHERE id < 1",
        id="users_sequence",
    )


def test_ids_without_a_sequence(legacy_database: Make) -> None:
    connection = legacy_database("plain").connection
    query(connection, "ALTER SEQUENCE users_id_seq OWNED BY NONE")
    assert check(connection, "users_sequence") == Result(
        FAIL,
        "users.id has no sequence of its own, from which new customers could draw their ids.",
        "",
        remedy="ALTER SEQUENCE users_id_seq OWNED BY users.id",
        id="users_sequence",
    )


def test_those_whom_staff_settled_are_no_warning(legacy_database: Make) -> None:
    connection = legacy_database("plain", moved=True).connection
    staff = check(connection, "staff_marked_as_customer")
    assert staff.figure == 3
    assert (
        staff.message == "3 customers are staff by role, place or menus: not moved, each is a finding, or becomes one."
    )
    assert staff.remedy == "python manage.py resolve_findings"
    for identifier, answer in zip(staff.sample, ("staff", "both", "customer"), strict=True):
        call_command(
            "resolve_findings", "staff_marked_as_customer", str(identifier), answer, "--execute", "--by", "Ada"
        )
    first, second = check(connection, "duplicate_email").sample[:2]
    call_command(
        "resolve_findings", "duplicate_email", str(second), "merge", "--into", str(first), "--execute", "--by", "Ada"
    )
    assert check(connection, "staff_marked_as_customer").figure == 0
    assert check(connection, "duplicate_email").figure == 2
    assert check(connection, "counts").message.startswith("0 customers to move, 58 moved already, 5 kept back;")


def test_a_hash_of_somebody_deactivated_is_one(legacy_database: Make) -> None:
    connection = legacy_database("plain", adopted=True).connection
    before = check(connection, "needs_password_reset").figure
    query(
        connection,
        "UPDATE users SET password = '!' || password WHERE id IN (SELECT max(id) FROM users WHERE is_customer)",
    )
    assert check(connection, "needs_password_reset").figure == before
