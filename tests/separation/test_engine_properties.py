"""Whatever the legacy rows are: the move verifies, a second one does nothing, and the way back restores every byte."""

from dataclasses import dataclass, field

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from separation.planner import make_plan
from separation.verification import verify
from tests.separation.engine import checksums, columns_of, move, one, query, take_back

pytestmark = pytest.mark.engine

BCRYPT = "$10$" + "abcdefghijklmnopqrstuv" + "ABCDEFGHIJKLMNOPQRSTUVWXYZabcde"
text = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=30)
local = st.sampled_from(["ann", "Ann", "ANN", " ann", "ann ", "bob", "Bob", "\tbob", "vera", "zoë", "ZOË", ""])
email = st.one_of(
    st.tuples(local, st.sampled_from(["@a.example", "@A.example", "", "@", "@@a.example", " @b.example"])).map("".join),
    text,
)
stamp = st.sampled_from(["2024-02-29 12:00:00.123", "0001-01-01", "9999-12-31 23:59:59.999", "infinity", "-infinity"])


@dataclass
class Person:
    email: str
    name: str | None
    phone: str | None
    password: str
    role: str
    is_customer: bool
    updated_at: str
    staff: list[tuple[int, str]] = field(default_factory=list)
    reservations: list[tuple[int, str]] = field(default_factory=list)
    orders: list[tuple[int, str, int | None]] = field(default_factory=list)


places = st.integers(1, 3)
people = st.lists(
    st.builds(
        Person,
        email=email,
        name=st.none() | text | st.sampled_from(["Ada", "Ada  Maria\tLovelace Byron King", "محمد علي", " Ада "]),
        phone=st.none() | st.text("0123456789+ ", max_size=50),
        password=st.sampled_from(
            [f"$2a{BCRYPT}", f"$2b{BCRYPT}", f"$2y{BCRYPT}", "", "da39a3ee5e6b4b0d3255bfef95601890"]
        ),
        role=st.sampled_from(["USER", "USER", "USER", "ADMIN"]),
        is_customer=st.sampled_from([True, True, False]),
        updated_at=stamp,
        staff=st.lists(
            st.tuples(places, st.sampled_from(["STAFF", "STAFF", "OWNER"])), max_size=2, unique_by=lambda s: s[0]
        ),
        reservations=st.lists(st.tuples(places, st.sampled_from(["CONFIRMED", "COMPLETED", "NO_SHOW"])), max_size=3),
        orders=st.lists(
            st.tuples(places, st.sampled_from(["NEW", "COMPLETED"]), st.none() | st.integers(0, 10**8)), max_size=3
        ),
    ),
    max_size=12,
    unique_by=lambda person: person.email,
)


def fill(connection, persons, restaurants):
    """Put PERSONS, their bookings and RESTAURANTS into an emptied legacy database."""
    query(connection, "TRUNCATE users, restaurants, separation_findings, separation_runs RESTART IDENTITY CASCADE")
    for number in range(1, restaurants + 1):
        query(
            connection,
            "INSERT INTO restaurants (name, slug, updated_at) VALUES (%s, %s, '2024-01-01')",
            [f"R{number}", f"r{number}"],
        )
    for person in persons:
        _insert(connection, person, restaurants)


def _insert(connection, person, restaurants):
    user = one(
        connection,
        """INSERT INTO users (email, name, phone, password, role, is_customer, updated_at)
        VALUES (%s, %s, %s, %s, %s::"UserRole", %s, %s::timestamp) RETURNING id""",
        [person.email, person.name, person.phone, person.password, person.role, person.is_customer, person.updated_at],
    )
    for place, role in person.staff:
        if place <= restaurants:
            query(
                connection,
                """INSERT INTO restaurant_staff (user_id, restaurant_id, role, updated_at)
                VALUES (%s, %s, %s::"StaffRole", '2024-01-01')""",
                [user, place, role],
            )
    for place, status in person.reservations:
        query(
            connection,
            """INSERT INTO reservations (customer_name, restaurant_id, party_size, reservation_date, reservation_time,
                status, table_ids, updated_at, user_id)
            VALUES ('x', %s, 2, '2024-01-01', '19:00', %s::"ReservationStatus", '{}', '2024-01-01', %s)""",
            [min(place, restaurants), status, user],
        )
    for number, (place, status, cents) in enumerate(person.orders):
        query(
            connection,
            """INSERT INTO orders (order_number, restaurant_id, status, total_amount, updated_at, user_id)
            VALUES (%s, %s, %s::"OrderStatus", %s::numeric / 100, '2024-01-01', %s)""",
            [f"{user}-{number}", min(place, restaurants), status, cents, user],
        )


@pytest.fixture
def database(legacy_database):
    return legacy_database("plain", customers=1, adopted=True)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(persons=people, restaurants=st.integers(1, 3), size=st.integers(1, 5))
def test_any_legacy_database_moves_verifies_and_goes_back(database, persons, restaurants, size):
    connection = database.connection
    fill(connection, persons, restaurants)
    columns = {t: names for t, names in columns_of(connection).items() if not t.startswith("separation_")}
    before = checksums(connection, columns)
    plan = make_plan(connection)

    run = move(connection, size=size)

    assert run.counts.get("failed", 0) == 0
    assert run.counts.get("customers", 0) == plan.to_move
    report = verify(connection)
    assert [result.id for result in report.results if result.status == "fail"] == []
    moved = checksums(connection, columns)
    again = move(connection, size=size)
    assert {name: count for name, count in again.counts.items() if count} == {}
    assert checksums(connection, columns) == moved
    take_back(connection)
    assert checksums(connection, columns) == before
