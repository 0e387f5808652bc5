"""`manage.py verify_separation`: what it prints, and how it exits."""

import ast
import io
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.core.management import call_command
from django.db import connection
from django.db.backends.base.base import BaseDatabaseWrapper

from separation.database import name_of
from separation.verification.invariants import BY_RELATION
from separation.verification.verify import RELATIONS
from tests.databases import Databases, LegacyDatabase, default_connection_to
from tests.separation.verify import INVARIANTS, damage, migrate, migrated_databases

DECIDERS = {"id", "detail", "tally"}


@pytest.fixture(scope="module")
def migrated(databases: Databases) -> Iterator[Callable[[str], str]]:
    """The name of a migrated database of a kind, made once for all tests of this file."""
    with migrated_databases(databases) as name_of:
        yield name_of


@pytest.fixture
def moved(migrated: Callable[[str], str]) -> Iterator[BaseDatabaseWrapper]:
    """The connection to a migrated database, which the test leaves as it is."""
    with default_connection_to(migrated("plain")) as connection:
        yield connection


def run(*arguments: str) -> tuple[int, str, str]:
    """Run the command; return its exit code, what it printed and what it noted."""
    out, err = io.StringIO(), io.StringIO()
    try:
        call_command("verify_separation", *arguments, stdout=out, stderr=err, no_color=True)
    except SystemExit as ended:
        return int(ended.code or 0), out.getvalue(), err.getvalue()
    return 0, out.getvalue(), err.getvalue()


def test_what_holds_is_printed_with_its_figures(moved: BaseDatabaseWrapper) -> None:
    code, out, err = run()
    lines = out.splitlines()
    assert (code, err, len(lines)) == (0, "", INVARIANTS + 1)
    assert lines[1] == "pass  customers_accounted          63 customers of users compared"
    assert "pass  reservations_counted         3 restaurants compared, 149 reservations by either" in lines
    assert "pass  orders_counted               3 restaurants compared, 4,081.25 in orders by either" in lines
    assert lines[-1] == f"All {INVARIANTS} invariants hold in database {name_of(moved)!r}, for 55 customers."


def test_what_is_broken_is_printed_with_its_ids_and_the_next_command(
    legacy_database: Callable[..., LegacyDatabase],
) -> None:
    database = legacy_database("plain", adopted=True)
    migrate(connection)
    ids = damage(
        connection, "UPDATE customers SET phone = 'none' WHERE id < (SELECT min(id) + 2 FROM customers) RETURNING id"
    )
    code, out, err = run()
    lines = out.splitlines()
    at = next(number for number, line in enumerate(lines) if line.startswith("fail"))
    assert (code, err) == (1, "")
    assert lines[at : at + 4] == [
        "fail  phones_equal                 55 customers compared; 2 wrong",
        " " * 35 + "Broken: Phone numbers are those of users.",
        " " * 35 + f"ids: {ids[0]}, {ids[1]}",
        " " * 35
        + "Next: python manage.py migrate_customers --rollback, then python manage.py migrate_customers --execute",
    ]
    assert lines[-1] == f"1 of {INVARIANTS} invariants are broken in database {database.name!r}: phones_equal."


def test_lost_bookings_are_told_by_restaurant(legacy_database: Callable[..., LegacyDatabase]) -> None:
    legacy_database("plain", adopted=True)
    migrate(connection)
    damage(connection, "UPDATE reservations SET customer_id = NULL WHERE restaurant_id = 2")
    damage(connection, "UPDATE orders SET customer_id = NULL WHERE restaurant_id = 2")
    expected = damage(
        connection,
        """SELECT concat('restaurant 2: ', count(*), ' reservations of customers by user_id, 0 by customer_id; ',
            'first without: reservation ', min(t.id))
        FROM reservations t JOIN customers c ON c.id = t.user_id WHERE restaurant_id = 2
        UNION ALL
        SELECT concat('restaurant 2: ', count(*), ' orders of customers worth ', sum(total_amount), ' by user_id, ',
            '0 worth 0 by customer_id; first without: order ', min(t.id))
        FROM orders t JOIN customers c ON c.id = t.user_id WHERE restaurant_id = 2""",
    )
    code, out, _ = run("--json")
    failures = {result["id"]: result for result in json.loads(out)["results"] if result["status"] == "fail"}
    assert code == 1
    assert list(failures) == ["reservations_counted", "orders_counted"]
    assert sorted(result["details"][0] for result in failures.values()) == expected


def test_json_is_one_document_with_every_invariant(moved: BaseDatabaseWrapper) -> None:
    code, out, err = run("--json")
    document = json.loads(out)
    results = document.pop("results")
    assert (code, err) == (0, "")
    assert document == {
        "database": name_of(moved),
        "phase": "dual",
        "customers": 55,
        "since": None,
        "changed": {},
        "ok": True,
        "failures": 0,
        "warnings": 0,
        "verdict": f"All {INVARIANTS} invariants hold in database {name_of(moved)!r}, for 55 customers.",
    }
    assert results[1] == {
        "id": "customers_accounted",
        "guarantee": "Every customer of users is moved, merged, or kept back by a finding that says why.",
        "status": "pass",
        "figure": "63 customers of users compared",
        "compared": 63,
        "offending": 0,
        "sample": [],
        "details": [],
        "remedy": "",
    }


def test_nothing_printed_tells_a_person(legacy_database: Callable[..., LegacyDatabase]) -> None:
    legacy_database("dirty", adopted=True)
    migrate(connection)
    damage(
        connection,
        """DROP INDEX customers_email_key;
        UPDATE customers SET email = 'x', password = 'x', first_name = 'Ann x', phone = 'x', created_at = '-infinity';
        UPDATE users SET email = concat('u', id, '@example.org')
        WHERE id IN (SELECT row_id FROM separation_findings)""",
    )
    code, out, _ = run("--json")
    assert code == 1
    assert not [secret for secret in ("@", "$2", "Ann") if secret in out]


def test_a_database_that_is_not_adopted_is_refused(empty_database: str) -> None:
    with default_connection_to(empty_database):
        assert run() == (
            1,
            "",
            f"Error: Database {empty_database!r} is not adopted, so there is nothing to verify in it.\n"
            "Next: python manage.py migrate\n",
        )


def test_each_relation_decides_the_invariants_registered_for_it(moved: BaseDatabaseWrapper) -> None:
    with moved.cursor() as cursor:
        for relation, invariants in BY_RELATION.items():
            cursor.execute(f"SELECT * FROM ({getattr(RELATIONS, relation)}) q LIMIT 0")
            columns = {column.name for column in cursor.description or ()}
            assert columns - DECIDERS == {invariant.id for invariant in invariants}, relation
            assert ("tally" in columns) == any(invariant.tally for invariant in invariants), relation


def test_no_code_and_no_sql_is_shared_with_the_migrator() -> None:
    folder = Path(settings.BASE_DIR) / "separation"
    allowed = {"database", "errors", "models", "verification"}
    for path in (folder / "verification").glob("*.py"):
        assert _engine_imports(ast.parse(path.read_text())) <= allowed, path
    text = (folder / "verification" / "invariants.sql").read_text()
    assert "customer_visits" not in text
    written = {line.strip() for path in (folder / "sql").glob("*.sql") for line in path.read_text().splitlines()}
    assert [line for line in text.splitlines() if len(line.strip()) > 60 and line.strip() in written] == []


def _engine_imports(tree: Any) -> set[str]:
    modules = [node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    return {module.split(".")[1] for module in modules if module.startswith("separation.")}
