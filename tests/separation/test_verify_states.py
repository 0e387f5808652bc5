"""What the verification says of a database at each stage, undamaged or on its way."""

from collections.abc import Callable, Iterator

import pytest
from django.db import connection
from django.db.backends.base.base import BaseDatabaseWrapper

from separation.errors import CheckFailed
from separation.migrator import StopRequest
from separation.models import Chunk, Finding, Phase, Run
from separation.rollback import roll_back
from separation.verification import examine, verify
from tests.databases import Databases, LegacyDatabase, default_connection_to
from tests.separation.verify import INVARIANTS, begin, broken, damage, migrate, migrated_databases, result_of, undone

pytestmark = pytest.mark.engine

KINDS = ["plain", "ahead", "half", "dirty"]


@pytest.fixture(scope="module")
def migrated(databases: Databases) -> Iterator[Callable[[str], str]]:
    """The name of a migrated database of a kind, made once for all tests of this file."""
    with migrated_databases(databases) as name_of:
        yield name_of


@pytest.fixture
def plain(migrated: Callable[[str], str]) -> Iterator[BaseDatabaseWrapper]:
    """The connection to a migrated database, where everything is undone after the test."""
    with default_connection_to(migrated("plain")) as connection, undone(connection):
        yield connection


@pytest.mark.parametrize("kind", KINDS)
def test_every_invariant_holds_forth_and_back(legacy_database: Callable[..., LegacyDatabase], kind: str) -> None:
    database = legacy_database(kind, adopted=True)
    nothing = (
        f"Nothing to verify in database {database.name!r}: the phase is legacy, the new tables are empty "
        "and no customer_id of ours is set."
    )
    adopted = verify(connection)
    assert (adopted.verdict(), adopted.ok, adopted.nothing_moved, adopted.warnings) == (nothing, True, True, [])
    migrate(connection)
    report = verify(connection)
    holds = f"All {INVARIANTS} invariants hold in database {database.name!r}, for {report.customers} customers."
    assert report.verdict() == holds
    assert (report.ok, report.nothing_moved, report.phase, report.warnings) == (True, False, "dual", [])
    roll_back(connection, Run.objects.create(kind=Run.ROLLBACK), StopRequest(), lambda customers: None)
    assert verify(connection).verdict() == nothing


@pytest.mark.parametrize("kind", KINDS)
def test_customers_are_moved_or_explained(migrated: Callable[[str], str], kind: str) -> None:
    with default_connection_to(migrated(kind)) as connection:
        report = verify(connection)
        explained = Finding.objects.filter(table_name="users").exclude(kind="needs_password_reset").count()
    assert report.customers + explained == result_of(report, "customers_accounted").compared


def test_an_execute_that_was_interrupted_is_told_by_its_ledger(
    legacy_database: Callable[..., LegacyDatabase],
) -> None:
    legacy_database("plain", adopted=True)
    stop = StopRequest()
    with pytest.raises(Exception, match="Stopped after a whole chunk"):
        begin(connection).move_all(stop, lambda customers: stop())
    (chunk,) = Chunk.objects.all()
    result = result_of(verify(connection), "chunks_done")
    assert broken(verify(connection)) == {"chunks_done": [chunk.pk]}
    assert result.details == [f"chunk {chunk.pk} of users {chunk.first_id} to {chunk.last_id} (moved)"]
    assert result.remedy == "python manage.py migrate_customers --execute"


def test_a_roll_back_that_was_interrupted_is_told_by_its_phase(plain: BaseDatabaseWrapper) -> None:
    Phase.objects.update(name=Phase.LEGACY)
    result = result_of(examine(plain), "phase_fits")
    assert (result.sample, result.remedy) == (
        ["customer_profiles", "customer_restaurants", "customers"],
        "python manage.py migrate_customers --rollback",
    )


def test_a_customer_of_the_only_restaurant_is_linked_to_it_without_a_visit(
    legacy_database: Callable[..., LegacyDatabase],
) -> None:
    legacy_database("plain", adopted=True)
    damage(
        connection,
        """TRUNCATE orders, order_items, reservations, restaurant_staff, reservation_logs, guest_reservations,
            booking_terms, booking_logs;
        UPDATE menus SET restaurant_id = 1;
        UPDATE recipes SET restaurant_id = 1;
        DELETE FROM restaurants WHERE id > 1""",
    )
    migrate(connection)
    assert broken(verify(connection)) == {}
    lost = damage(connection, "DELETE FROM customer_restaurants WHERE id = 1 RETURNING customer_id")
    assert result_of(verify(connection), "links_complete").details == [f"customer {lost[0]} at restaurant 1"]


def test_a_customer_whose_staff_were_settled_may_move(plain: BaseDatabaseWrapper) -> None:
    damage(plain, "UPDATE users SET role = 'ADMIN' WHERE id = (SELECT min(id) FROM customers)")
    (identifier,) = broken(examine(plain))["no_staff"]
    Finding.objects.create(
        kind="staff_marked_as_customer", table_name="users", row_id=identifier, state="settled", decision="both"
    )
    assert broken(examine(plain)) == {}


def test_a_merged_user_counts_for_the_customer_they_became(plain: BaseDatabaseWrapper) -> None:
    kept, other = Finding.objects.filter(kind="duplicate_email").order_by("row_id").values_list("row_id", flat=True)[:2]
    target = damage(plain, "SELECT min(id) FROM customers")[0]
    damage(
        plain,
        f"""UPDATE separation_findings SET state = 'settled' WHERE row_id IN ({kept}, {other});
        INSERT INTO separation_merges (user_id, customer_id) VALUES ({kept}, {target})""",
    )
    booked = damage(plain, f"SELECT id FROM reservations WHERE user_id = {kept}")
    expected = {"reservations_counted", "orders_counted", "links_complete", "visits_counted", "visits_dated"}
    assert not booked or set(broken(examine(plain))) & expected
    damage(
        plain,
        f"""UPDATE reservations SET customer_id = {target} WHERE user_id = {kept};
        UPDATE orders SET customer_id = {target} WHERE user_id = {kept};
        DELETE FROM customer_restaurants WHERE customer_id = {target};
        INSERT INTO customer_restaurants
            (customer_id, restaurant_id, first_visit, last_visit, visit_count, total_spent)
        SELECT * FROM customer_visits({target}, {target})""",
    )
    assert broken(examine(plain)) == {}


def test_a_database_that_is_not_adopted_is_told_so(empty_database: str) -> None:
    with default_connection_to(empty_database), pytest.raises(CheckFailed) as caught:
        verify(connection)
    assert caught.value.message == f"Database {empty_database!r} is not adopted, so there is nothing to verify in it."
    assert caught.value.next_command == "python manage.py migrate"


def test_a_verification_wants_a_snapshot_of_its_own(plain: BaseDatabaseWrapper) -> None:
    with pytest.raises(RuntimeError):
        verify(plain)


def test_a_verification_leaves_the_session_as_it_was(legacy_database: Callable[..., LegacyDatabase]) -> None:
    legacy_database("plain", adopted=True)
    settings = """SELECT name || '=' || setting FROM pg_settings
        WHERE name IN ('work_mem', 'enable_mergejoin', 'jit', 'TimeZone', 'IntervalStyle')"""
    damage(connection, "SET IntervalStyle = 'iso_8601'")
    before = damage(connection, settings)
    verify(connection)
    assert damage(connection, settings) == before
