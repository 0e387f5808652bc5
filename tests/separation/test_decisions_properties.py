"""Whenever staff decide, before, during or after an execute, and whatever is undone or written between, the end is that
of a fresh execute with the same decisions."""

from contextlib import ExitStack, suppress

import psycopg
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from separation import decisions
from separation.errors import Interrupted, Refused
from separation.migrator import Migration, Pace, StopRequest
from separation.mirror import drain
from separation.models import Phase, Run
from separation.phases import change_phase, phase_of
from separation.verification import verify
from tests.databases import database_url
from tests.separation.engine import checksums, columns_of, move, query, take_back

TWINS = """SELECT min(id), max(id) FROM users WHERE is_customer GROUP BY lower(btrim(email)) HAVING count(*) > 1
    ORDER BY 1 LIMIT 2"""
STAFF = """SELECT min(u.id) FROM users u JOIN restaurant_staff s ON s.user_id = u.id
    WHERE u.is_customer AND s.role IN ('MANAGER', 'OWNER')"""
STATE = {
    "customers": "SELECT id, email, password, first_name, last_name, phone FROM customers ORDER BY id",
    "reservations": "SELECT id, user_id, customer_id FROM reservations ORDER BY id",
    "orders": "SELECT id, user_id, customer_id FROM orders ORDER BY id",
    "links": """SELECT customer_id, restaurant_id, first_visit, last_visit, visit_count, total_spent
        FROM customer_restaurants WHERE (visit_count, total_spent) <> (0, 0) ORDER BY 1, 2""",
    "profiles": """SELECT customer_id, user_id, notes, birthday, anniversary, vip_status, tags,
        preferred_contact_method, dietary_restrictions, special_requests FROM customer_profiles
        WHERE customer_id IS NOT NULL ORDER BY 1""",
    "findings": """SELECT kind, row_id, state, decision FROM separation_findings
        WHERE table_name = 'users' AND (state <> 'gone' OR decision <> '') ORDER BY 1, 2""",
    "merges": "SELECT user_id, customer_id, filled FROM separation_merges ORDER BY 1",
}
BOOKING = """INSERT INTO reservations (customer_name, restaurant_id, party_size, reservation_date, reservation_time,
        status, table_ids, updated_at, user_id, customer_id)
    SELECT 'x', min(id), 2, '2026-01-01', '19:00', 'COMPLETED', '{}', '2026-01-01', %(user)s, %(customer)s
    FROM restaurants"""
WRITES = {
    "book": (BOOKING, lambda one: {"user": one, "customer": None}),
    "book for": (BOOKING, lambda one: {"user": 1, "customer": one}),
    "notes": ("UPDATE customer_profiles SET notes = 'Late words' WHERE user_id = %(user)s", lambda one: {"user": one}),
    "no notes": ("UPDATE customer_profiles SET notes = NULL WHERE user_id = %(user)s", lambda one: {"user": one}),
    "profile": (
        """INSERT INTO customer_profiles (user_id, tags, birthday, updated_at)
        VALUES (%(user)s, '{}', '1990-01-01', now())
        ON CONFLICT (user_id) DO UPDATE SET birthday = '1990-01-01'""",
        lambda one: {"user": one},
    ),
    "promote": ("UPDATE users SET role = 'ADMIN' WHERE id = %(user)s", lambda one: {"user": one}),
    "demote": ("UPDATE users SET role = 'USER' WHERE id = %(user)s", lambda one: {"user": one}),
    "delete": ("DELETE FROM users WHERE id = %(user)s", lambda one: {"user": one}),
}
people = st.integers(0, 3)
steps = st.lists(
    st.one_of(
        st.sampled_from([("some",), ("all",), ("back",)]),
        st.tuples(st.sampled_from(["merge", "merge", "keep", "rename", "undo"]), people),
        st.tuples(st.sampled_from(["both", "staff"])),
        st.tuples(st.sampled_from([*WRITES]), people),
    ),
    min_size=3,
    max_size=12,
)


def begin(connection):
    if phase_of(connection) == Phase.LEGACY:
        change_phase(connection, Phase.LEGACY, Phase.DUAL)
    return Migration(connection, Run.objects.create(kind=Run.EXECUTE), pace=Pace(size=5, smallest=5, largest=5))


def decide(connection, what, twins, person=0):
    """Decide something about one of the twins, or about the first of staff; what does not fit is refused."""
    common = {"connection": connection, "by": "a test", "execute": True}
    one, other = twins[person], twins[person ^ 1]
    with suppress(Refused):
        if what == "merge":
            decisions.duplicate_merge(user_id=one, into=other, **common)
        elif what == "keep":
            decisions.duplicate_keep(user_id=one, **common)
        elif what == "rename":
            decisions.email_rename(kind="duplicate_email", user_id=one, email=f"person.{one}@example.org", **common)
        elif what == "undo":
            decisions.decision_undo(kind="duplicate_email", user_id=one, **common)
        else:
            decisions.staff_decide(user_id=query(connection, STAFF)[0][0], answer=what, **common)


def take(connection, old, twins, step):
    what, *more = step
    if what == "some":
        stop = StopRequest()
        migration = begin(connection)
        with suppress(Interrupted):
            migration.move_all(stop, stop)
    elif what == "all":
        move(connection)
    elif what == "back":
        take_back(connection)
    elif what in WRITES:
        sql, values = WRITES[what]
        if query(connection, "SELECT id FROM users WHERE id = %s", [twins[more[0]]]):
            old.execute(sql, values(twins[more[0]]))
    else:
        decide(connection, what, twins, *more)


def state_of(connection):
    return {name: query(connection, sql) for name, sql in STATE.items()}


def failures(connection):
    assert drain(connection) == 0
    return [(result.id, result.details or result.sample) for result in verify(connection).failures]


@settings(max_examples=5, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=steps)
def test_the_order_of_decisions_and_runs_does_not_matter(databases, django_db_blocker, steps):
    with django_db_blocker.unblock(), ExitStack() as stack:
        database = stack.enter_context(databases.clone("ahead", 20, 1, True))
        connection = database.connection
        old = stack.enter_context(psycopg.connect(database_url(database.name), autocommit=True))
        twins = [one for pair in query(connection, TWINS) for one in pair]
        legacy = {
            table: names for table, names in columns_of(connection).items() if not table.startswith("separation_")
        }

        for step in steps:
            take(connection, old, twins, step)
        move(connection)
        assert failures(connection) == []
        left = state_of(connection)

        take_back(connection)
        before = checksums(connection, legacy)
        move(connection)
        assert failures(connection) == []
        assert state_of(connection) == left
        take_back(connection)
        assert checksums(connection, legacy) == before
