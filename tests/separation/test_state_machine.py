"""Anything in any order: both applications write, chunks move, crash and stop, roll-backs begin, break off and go on.

A twin that is never migrated gets the same writes, those of the new application in their legacy form. The old
application gets the same answers from both and sees the same rows at every moment; after a roll-back every value is the
same. The short version is part of every test run; `make soak` takes 10,000 steps.
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from itertools import count
from typing import Any

import psycopg
from django.db import DatabaseError, InterfaceError
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from psycopg.pq import TransactionStatus
from psycopg.types.json import Jsonb

from separation.decisions import Effect, decision_undo, duplicate_keep, duplicate_merge, email_rename, staff_decide
from separation.errors import CheckFailed, Interrupted, Refused
from separation.manners import Manners
from separation.migrator import Migration, Pace, StopRequest
from separation.mirror import drain
from separation.models import Chunk, Finding, Phase, Run
from separation.phases import change_phase
from separation.requests import put
from separation.rollback import is_rolled_back, roll_back
from separation.verification import Mark, Report, verify
from tests.databases import database_url, default_connection_to
from tests.portal.world import WEEK
from tests.separation.engine import checksums, columns_of, move, one, query
from tests.separation.new_application import BOOK, CUSTOMER, ORDER, Row, Session, changed_user, only, user_of, write
from tests.separation.old_application import BCRYPT, application_role, old_application
from tests.separation.served import ACTS, serve
from tests.separation.test_mirror_properties import ahead, answer, everywhere, status

# What the old application sees: its own columns, which only it writes.
SEEN = {
    "users": "SELECT ROW(id, email, name, password, role, is_customer, phone, updated_at)::text FROM users",
    "restaurant_staff": "SELECT ROW(id, user_id, restaurant_id, role, is_active)::text FROM restaurant_staff",
    "menus": "SELECT ROW(id, name, user_id)::text FROM menus",
    "reservations": """SELECT ROW(id, user_id, restaurant_id, status, reservation_date, party_size, updated_at)::text
        FROM reservations""",
    "orders": """SELECT ROW(id, user_id, restaurant_id, order_number, reservation_id, status, total_amount)::text
        FROM orders""",
    "order_items": "SELECT ROW(id, order_id, quantity, price, status, updated_at)::text FROM order_items",
    "customer_profiles": """SELECT ROW(user_id, notes, tags, updated_at)::text
        FROM customer_profiles WHERE user_id IS NOT NULL AND user_id <> ALL (%(merged)s)""",
}
# While chunks are pending, what only the end of a run does is not done.
HALF_WAY = {"chunks_done"}
LOST = """
SELECT c.id FROM customers c
WHERE c.id > 0 AND c.id NOT IN (SELECT user_id FROM separation_pending) AND (
    NOT EXISTS (SELECT FROM users u WHERE u.id = c.id AND u.is_customer)
    OR NOT EXISTS (SELECT FROM customer_profiles p WHERE p.customer_id = c.id)
    OR EXISTS (SELECT FROM reservations t WHERE t.user_id = c.id AND t.customer_id IS NULL)
    OR EXISTS (SELECT FROM orders t WHERE t.user_id = c.id AND t.customer_id IS NULL))
"""
# The rows of an earlier attempt, and what refers to them.
PARKED = """
SELECT c::text FROM customers c WHERE c.id < 0
UNION ALL SELECT l::text FROM customer_restaurants l WHERE l.customer_id < 0 ORDER BY 1
"""
OF_PROFILES = {"profile", "prefer", "forget"}
GONE_WRONG = (CheckFailed, Interrupted, DatabaseError, InterfaceError, ZeroDivisionError)

in_legacy = precondition(lambda self: self.phase == Phase.LEGACY and not self.purging)
in_dual = precondition(lambda self: self.phase == Phase.DUAL)
in_purge = precondition(lambda self: self.purging)
quiet = precondition(lambda self: not self.waiting)
instants = st.integers(0, 40)
addresses = st.sampled_from(["a@x.example", "A@x.example", "b@x.example", "c@x.example"])
names = st.tuples(st.sampled_from(["Ann", " Ann Marie", ""]), st.sampled_from(["Lee", ""]))
phones = st.sampled_from([None, "+1", "7"])
hashes = st.sampled_from([BCRYPT, BCRYPT.replace("a", "u"), "!"])


class Separation(RuleBasedStateMachine):
    """One database on its way there and back, and its twin."""

    def __init__(self, databases: Any) -> None:
        super().__init__()
        self.databases, self.stack = databases, ExitStack()
        self.phase, self.purging, self.waiting = Phase.LEGACY, False, False
        self.mark: Mark | None = None

    @initialize(kind=st.sampled_from(["plain", "ahead", "half"]))
    def begin(self, kind: str) -> None:
        enter = self.stack.enter_context
        self.kind, self.profiles_known = kind, kind != "plain"
        self.twin_name = enter(self.databases.clone(kind, 12, 1, True)).name
        self.database = enter(self.databases.clone(kind, 12, 1, True))
        self.connection = self.database.connection
        role = enter(application_role(self.database.name, profiles=kind != "plain"))
        self.old, self.second = (enter(old_application(self.database.name, role)) for _ in range(2))
        self.watch, self.new, self.twin, self.second_twin = (
            enter(psycopg.connect(database_url(name), autocommit=True))
            for name in (self.database.name, self.database.name, self.twin_name, self.twin_name)
        )
        for session in (self.old, self.second, self.new, self.twin, self.second_twin):
            session.execute("SET lock_timeout = '300ms'")
        self.columns = {
            # The server's clock and a sequence that the new profiles draw from as well; everything else is compared.
            table: [name for name in names if name != "created_at" and (table, name) != ("customer_profiles", "id")]
            for table, names in columns_of(self.connection).items()
            if not table.startswith(("separation_", "django_", "auth_", "booking_", "post_office_"))
        }
        for session in (self.watch, self.twin):
            # The one thing that a roll-back leaves, done before.
            session.execute("SELECT separation_put_back(ARRAY(SELECT id FROM users))")
            session.execute("UPDATE restaurants SET opening_hours = %s, is_active = true", [Jsonb(WEEK)])
        self.parked = self.watch.execute(PARKED).fetchall()
        self.run = Run.objects.create(kind=Run.EXECUTE, operator="a test")

    def teardown(self) -> None:
        try:
            if hasattr(self, "run"):
                self.second_commits()
                self.goes_back()
        finally:
            self.stack.close()

    # What the old application does.

    @rule(data=st.data())
    def old_application_writes(self, data: st.DataObject) -> None:
        sql, values = data.draw(st.one_of(everywhere + (ahead if self.profiles_known else [])))
        assert answer(self.old, sql, values) == answer(self.twin, sql, values), sql
        self.keep_out_who_is_deactivated(self.twin)

    @quiet
    @rule(data=st.data())
    def second_begins(self, data: st.DataObject) -> None:
        """Write in a transaction that stays open while other things happen."""
        sql, values = data.draw(st.one_of(everywhere))
        for session in (self.second, self.second_twin):
            session.execute("BEGIN")
        assert answer(self.second, sql, values) == answer(self.second_twin, sql, values), sql
        if self.second.info.transaction_status == TransactionStatus.INTRANS:
            self.keep_out_who_is_deactivated(self.second_twin)
        self.waiting = True

    @precondition(lambda self: self.waiting)
    @rule()
    def second_commits(self) -> None:
        for session in (self.second, self.second_twin):
            session.execute("COMMIT")
        self.waiting = False

    @rule(one=instants, other=instants)
    def old_application_swaps_emails(self, one: int, other: int) -> None:
        """Exchange the emails of two users, in a transaction, by way of a third."""
        first, second = self.user(one), self.user(other)
        if first[0] == second[0]:
            return
        sql = "UPDATE users SET email = %s WHERE id = %s"
        for session in (self.old, self.twin):
            session.execute("BEGIN")
        for values in (("swapped", first[0]), (first[1], second[0]), (second[1], first[0])):
            said = answer(self.old, sql, values)
            assert said == answer(self.twin, sql, values)
            if isinstance(said, str):
                break
        for session in (self.old, self.twin):
            session.execute("COMMIT")

    # What the new application does.

    @in_dual
    @rule(email=addresses, name=names, phone=phones, password=hashes, active=st.booleans())
    def somebody_registers(
        self, email: str, name: tuple[str, str], phone: str | None, password: str, active: bool
    ) -> None:
        taken = self.is_taken(email)
        answer = self.write(
            """INSERT INTO customers (email, password, first_name, last_name, phone, is_active, created_at, updated_at)
            VALUES (%s, %s, %s, %s, %s, %s, '2026-04-01', '2026-04-01') RETURNING *""",
            *(email, password, *name, phone, active),
        )
        if isinstance(answer, str):
            assert self.waiting or taken, answer
            return
        user = user_of(answer[0])
        self.twin.execute(
            """INSERT INTO users (id, email, name, password, phone, is_customer, created_at, updated_at)
            VALUES (%(id)s, %(email)s, %(name)s, %(password)s, %(phone)s, true, '2026-04-01', '2026-04-01')""",
            user,
        )
        assert not taken
        self.show_profile(user["id"])

    @in_dual
    @rule(
        number=instants,
        fields=st.fixed_dictionaries(
            {},
            optional={
                "email": addresses,
                "first_name": st.sampled_from(["Ann", "Ann Marie", ""]),
                "last_name": st.sampled_from(["Lee", ""]),
                "phone": phones,
                "password": hashes,
                "is_active": st.booleans(),
            },
        ),
    )
    def somebody_changes(self, number: int, fields: dict[str, Any]) -> None:
        person = self.customer(number)
        if person is None or not fields:
            return
        before = only(self.watch, CUSTOMER, person)
        taken = "email" in fields and self.is_taken(fields["email"], person)
        columns = ", ".join(f"{field} = %s" for field in fields)
        answer = self.write(f"UPDATE customers SET {columns} WHERE id = %s RETURNING *", *fields.values(), person)
        if isinstance(answer, str):
            assert self.waiting or taken or answer == "23503", answer
            return
        user = only(self.twin, "SELECT id, email, name, password, phone FROM users WHERE id = %s", person)
        self.twin.execute(
            """UPDATE users SET email = %(email)s, name = %(name)s, password = %(password)s, phone = %(phone)s
            WHERE id = %(id)s""",
            changed_user(user, before, answer[0]),
        )

    @in_dual
    @rule(number=instants, other=instants, how=st.sampled_from([str.upper, str.lower, str.title]))
    def somebody_takes_an_email(self, number: int, other: int, how: Callable[[str], str]) -> None:
        """Give somebody the email of a user, or their own, in another case."""
        email = how(self.user(other)[1].strip())
        if "@" in email:
            self.somebody_changes(number=number, fields={"email": email})

    @in_dual
    @rule(number=instants, how=st.sampled_from([str.upper, str.lower, str.title]))
    def somebody_writes_the_email_otherwise(self, number: int, how: Callable[[str], str]) -> None:
        if person := self.customer(number):
            ((email,),) = self.watch.execute("SELECT email FROM customers WHERE id = %s", [person]).fetchall()
            self.somebody_changes(number=number, fields={"email": how(email)})

    @in_dual
    @rule(number=instants, other=instants)
    def two_swap_emails(self, number: int, other: int) -> None:
        first, second = self.customer(number), self.customer(other)
        if not first or not second or first == second:
            return
        sql = "SELECT id, email FROM customers WHERE id IN (%s, %s)"
        emails: dict[int, str] = dict(self.watch.execute(sql, [first, second]).fetchall())
        taken = any(self.is_taken(email, first, second) for email in emails.values())
        steps = [("swapped@x.example", first), (emails[first], second), (emails[second], first)]
        for session in (self.new, self.twin):
            session.execute("BEGIN")
        for step in steps:
            said = write(self.new, "UPDATE customers SET email = %s WHERE id = %s", *step)
            if isinstance(said, str):
                assert self.waiting or taken or said == "23503", said
                break
            self.twin.execute("UPDATE users SET email = %s WHERE id = %s", step)
        for session in (self.new, self.twin):
            session.execute("COMMIT" if said == [] else "ROLLBACK")

    @in_dual
    @rule(number=instants, status=status)
    def somebody_books(self, number: int, status: str) -> None:
        person = self.customer(number)
        answer = self.write(BOOK, status, person) if person else ""
        if isinstance(answer, str):
            return
        assert answer[0]["user_id"] == person
        self.in_twin(BOOK.replace("customer_id)", "user_id, id)").replace("%s FROM", "%s, %s FROM"), status, answer[0])

    @in_dual
    @rule(number=instants)
    def somebody_orders(self, number: int) -> None:
        person = self.customer(number)
        answer = self.write(ORDER, person) if person else ""
        if isinstance(answer, str):
            return
        assert answer[0]["user_id"] == person
        self.in_twin(ORDER.replace("customer_id)", "user_id, id)").replace("%s FROM", "%s, %s FROM"), answer[0])

    @in_dual
    @rule(number=instants)
    def somebody_cancels(self, number: int) -> None:
        person = self.customer(number)
        cancel = "UPDATE reservations SET status = 'CANCELLED' WHERE "
        answer = self.write(f"{cancel} customer_id = %s RETURNING id", person)
        if isinstance(answer, list):
            self.twin.execute(f"{cancel} id = ANY (%s)", [[row["id"] for row in answer]])

    @in_dual
    @rule(number=instants, notes=st.sampled_from(["Vegan", "Nuts"]))
    def somebody_fills_the_profile(self, number: int, notes: str) -> None:
        person = self.customer(number)
        if person in self.winners():
            return  # what a merge fills is theirs until a roll-back, and the twin does not know it
        answer = self.write(
            "UPDATE customer_profiles SET notes = %s WHERE customer_id = %s RETURNING id", notes, person
        )
        if person and isinstance(answer, list):
            assert self.waiting or len(answer) == 1
            self.show_profile(person, notes)

    @in_dual
    @rule(number=instants)
    def nobody_is_deleted(self, number: int) -> None:
        person = self.customer(number)
        if person:
            assert self.write("DELETE FROM customers WHERE id = %s", person) in ("23001", "55P03")

    @in_purge
    @rule()
    def nobody_registers_while_the_tables_are_emptied(self) -> None:
        assert self.write("INSERT INTO customers (email, password) VALUES ('z@x.example', '!')") == "55000"

    # What customers and staff do by the applications' own services.

    @in_dual
    @quiet
    @rule(number=instants, other=instants, act=st.sampled_from(sorted(ACTS)))
    def somebody_is_served(self, number: int, other: int, act: str) -> None:
        """Do it, and let the twin have each legacy row that it wrote; what is refused writes none."""
        if act in OF_PROFILES and self.winners():
            return  # what a merge fills is theirs until a roll-back, and the twin does not know it
        if serve(act, number, other):
            self.follow_in_twin()
        self.follow_sequences()

    # What staff decide.

    @rule(number=instants, answer=st.sampled_from(["staff", "customer", "both"]), merge=st.booleans())
    def somebody_decides(self, number: int, answer: str, merge: bool) -> None:
        kinds = {"staff_marked_as_customer", "duplicate_email"}
        found = list(Finding.objects.filter(kind__in=kinds, table_name="users", state=Finding.OPEN).order_by("id"))
        if not found:
            return
        kind, person = found[number % len(found)].kind, found[number % len(found)].row_id
        if kind == "staff_marked_as_customer":
            self.decide(staff_decide, user_id=person, answer=answer)
        elif merge:
            twins = """SELECT o.id FROM users u
                JOIN users o ON o.id <> u.id AND lower(btrim(o.email)) = lower(btrim(u.email))
                WHERE u.id = %s ORDER BY 1"""
            for into, *_ in self.watch.execute(twins, [person]).fetchall()[:1]:
                self.decide(duplicate_merge, user_id=person, into=into)
        else:
            self.decide(duplicate_keep, user_id=person)

    @rule(number=instants, email=addresses | st.just("new@x.example"))
    def somebody_is_given_another_email(self, number: int, email: str) -> None:
        kinds = {"duplicate_email", "invalid_email"}
        found = list(Finding.objects.filter(kind__in=kinds, table_name="users", state=Finding.OPEN).order_by("id"))
        if found:
            kind, person = found[number % len(found)].kind, found[number % len(found)].row_id
            if self.decide(email_rename, kind=kind, user_id=person, email=email):
                self.rename_in_twin(person, email)

    @rule(number=instants)
    def somebody_thinks_better_of_it(self, number: int) -> None:
        found = list(Finding.objects.exclude(decision="").order_by("id"))
        if found:
            undone = found[number % len(found)]
            if self.decide(decision_undo, kind=undone.kind, user_id=undone.row_id) and undone.decision == "rename":
                self.rename_in_twin(undone.row_id, undone.detail["former_email"])

    # What the engine does.

    @in_legacy
    @quiet
    @rule()
    def mirror_on(self) -> None:
        change_phase(self.connection, Phase.LEGACY, Phase.DUAL)
        self.phase = Phase.DUAL

    @in_dual
    @rule(size=st.integers(1, 8))
    def one_chunk(self, size: int) -> None:
        self.attempt(self.chunk, size)

    @in_dual
    @rule(size=st.integers(1, 8), instant=instants)
    def chunk_loses_its_connection(self, size: int, instant: int) -> None:
        with self.struck(instant, self.terminate):
            self.attempt(self.chunk, size)

    @in_dual
    @rule(size=st.integers(1, 8), instant=instants)
    def chunk_fails(self, size: int, instant: int) -> None:
        with self.struck(instant, lambda: 1 // 0):
            self.attempt(self.chunk, size)

    @in_dual
    @rule(size=st.integers(1, 8))
    def run_is_aborted(self, size: int) -> None:
        Run.objects.filter(pk=self.run.pk).update(request=Run.ABORT)
        self.attempt(self.chunk, size)
        Run.objects.filter(pk=self.run.pk).update(request="")

    @in_dual
    @rule(size=st.integers(1, 8), data=st.data(), then=st.sampled_from(["", Run.ABORT]))
    def run_is_paused(self, size: int, data: st.DataObject, then: str) -> None:
        """Pause, write while it waits, and let the run go on or end."""
        chunks, naps, ticks = Chunk.objects.count(), count(), count()

        def nap(_: float) -> None:
            if next(naps) == 0:
                self.old_application_writes(data=data)
                assert Chunk.objects.count() == chunks
                assert put(self.connection, Run.objects.get(pk=self.run.pk), then)

        assert put(self.connection, Run.objects.get(pk=self.run.pk), Run.PAUSE)
        self.attempt(self.chunk, size, Manners(clock=lambda: next(ticks) / 9, sleep=nap))
        assert next(naps) > 0
        Run.objects.filter(pk=self.run.pk).update(request="")

    @in_dual
    @rule()
    def queue_is_drained(self) -> None:
        left = drain(self.connection)
        assert self.waiting or left == 0

    @in_legacy
    @quiet
    @rule(size=st.integers(2, 30))
    def execute(self, size: int) -> None:
        self.goes_there(size)

    @in_dual
    @quiet
    @rule(size=st.integers(2, 30))
    def execute_goes_on(self, size: int) -> None:
        self.goes_there(size)

    @in_dual
    @quiet
    @rule(instant=instants)
    def end_of_the_run_loses_its_connection(self, instant: int) -> None:
        migration = self.migration(8)
        migration.move_all(StopRequest(), lambda _: None)
        with self.struck(instant, self.terminate):
            self.attempt(migration.finish)

    @in_dual
    @rule()
    def half_way_all_is_right(self) -> None:
        if drain(self.connection) == 0 and not self.waiting:
            assert self.broken(verify(self.connection)) == {}
            # What was written since an earlier look is right as well, whatever that look saw.
            report = verify(self.connection, self.mark)
            assert self.broken(report) == {}
            self.mark = report.mark

    @in_dual
    @quiet
    @rule()
    def roll_back(self) -> None:
        self.goes_back()

    @in_dual
    @quiet
    @rule(instant=instants)
    def roll_back_loses_its_connection(self, instant: int) -> None:
        self.purging, self.phase = True, Phase.LEGACY
        with self.struck(instant, self.terminate):
            self.attempt(self.purge)
        self.phase = one(self.connection, "SELECT name FROM separation_phase")
        self.purging = self.phase == Phase.LEGACY and not is_rolled_back(self.connection)

    @in_purge
    @quiet
    @rule()
    def roll_back_goes_on(self) -> None:
        self.goes_back()

    # At every moment.

    @invariant()
    def old_application_sees_what_it_wrote(self) -> None:
        if hasattr(self, "run"):
            assert self.seen(self.watch) == self.seen(self.twin)

    @invariant()
    def what_an_earlier_attempt_left_stays_as_it_is(self) -> None:
        if hasattr(self, "run"):
            assert self.watch.execute(PARKED).fetchall() == self.parked

    @invariant()
    def nobody_is_lost(self) -> None:
        if hasattr(self, "run") and self.phase == Phase.DUAL:
            assert query(self.connection, LOST) == []

    # How.

    def write(self, sql: str, *values: Any) -> list[Row] | str:
        """Write as the new application; the twin's sequences then go on where these stand."""
        answer = write(self.new, sql, *values)
        self.follow_sequences()
        return answer

    def follow_sequences(self) -> None:
        """Let the twin's sequences go on where these stand."""
        for sequence in ("users_id_seq", "reservations_id_seq", "orders_id_seq", "order_items_id_seq"):
            at = self.watch.execute(f"SELECT last_value, is_called FROM {sequence}").fetchone()
            self.twin.execute(f"SELECT setval('{sequence}', %s, %s)", at)

    def follow_in_twin(self) -> None:
        """Write the legacy rows in the twin that differ from ours, as the old application would have left them."""
        for table in ("users", "customer_profiles", "reservations", "orders", "order_items"):
            if table == "customer_profiles" and not self.profiles_known:
                continue
            key = "user_id" if table == "customer_profiles" else "id"
            columns = [name for name in self.columns[table] if name != "customer_id"]
            rows = f"SELECT {key}, to_jsonb(s)::text FROM (SELECT {', '.join(columns)} FROM {table}) s"
            ours: dict[int, str] = dict(self.watch.execute(rows).fetchall())
            theirs: dict[int, str] = dict(self.twin.execute(rows).fetchall())
            filled = self.winners() if table == "customer_profiles" else []
            for row in sorted(row for row in ours.keys() - {None, *filled} if ours[row] != theirs.get(row)):
                self.copy_to_twin(table, key, columns, row, ours[row])
            assert theirs.keys() <= ours.keys()

    def copy_to_twin(self, table: str, key: str, columns: list[str], row: int, found: str) -> None:
        """Write one row, and of a booking that is somebody else's than its user's whose, where there is room for it."""
        sets = ", ".join(f"{name} = excluded.{name}" for name in columns)
        self.twin.execute(
            f"INSERT INTO {table} ({', '.join(columns)}) "
            f"SELECT {', '.join(columns)} FROM jsonb_populate_record(NULL::{table}, %s) "
            f"ON CONFLICT ({key}) DO UPDATE SET {sets}",
            [found],
        )
        if table == "reservations" and self.profiles_known:
            whose = "SELECT nullif(customer_id, user_id) FROM reservations WHERE id = %s"
            ((named,),) = self.watch.execute(whose, [row]).fetchall()
            self.twin.execute(
                "UPDATE reservations SET customer_id = coalesce(%s, customer_id) WHERE id = %s", [named, row]
            )

    def in_twin(self, sql: str, *values: Any) -> None:
        """Write in the twin what the new application wrote; a row that it got stands for its user_id and its id."""
        row = values[-1]
        self.twin.execute(sql, (*values[:-1], row["user_id"], row["id"]))

    def customer(self, number: int) -> int | None:
        """Return the id of one of the customers, counted round."""
        people = [row[0] for row in self.watch.execute("SELECT id FROM customers WHERE id > 0 ORDER BY id")]
        return people[number % len(people)] if people else None

    def winners(self) -> list[int]:
        """Return those into whom somebody is merged."""
        return [row[0] for row in self.watch.execute("SELECT customer_id FROM separation_merges")]

    def user(self, number: int) -> tuple[int, str]:
        """Return the id and the email of one of the users, counted round."""
        users: list[tuple[int, str]] = self.watch.execute("SELECT id, email FROM users ORDER BY id").fetchall()
        return users[number % len(users)]

    def is_taken(self, email: str, *people: int) -> bool:
        """Return whether anybody but PEOPLE has the email."""
        sql = r"SELECT FROM users WHERE lower(btrim(email, E' \t\n\r\f\x0b')) = lower(%s) AND id <> ALL (%s)"
        return self.twin.execute(sql, [email, list(people)]).fetchone() is not None

    def rename_in_twin(self, person: int, email: str) -> None:
        """Give somebody another email in the twin, and the time at which staff did."""
        ((when,),) = self.watch.execute("SELECT updated_at FROM users WHERE id = %s", [person]).fetchall()
        self.twin.execute("UPDATE users SET email = %s, updated_at = %s WHERE id = %s", [email, when, person])

    def show_profile(self, person: int, notes: str | None = None) -> None:
        """Give the twin the profile that the old application sees, if it knows any, or the NOTES of the one it has."""
        if not self.profiles_known:
            return
        if self.twin.execute("UPDATE customer_profiles SET notes = %s WHERE user_id = %s", [notes, person]).rowcount:
            return
        unlike = {"customer_id", "preferences"}
        columns = ", ".join(name for name in self.columns["customer_profiles"] if name not in unlike)
        ((made,),) = self.watch.execute(
            f"SELECT jsonb_agg(to_jsonb(p))::text FROM (SELECT {columns} FROM customer_profiles WHERE user_id = %s) p",
            [person],
        ).fetchall()
        self.twin.execute(
            f"INSERT INTO customer_profiles ({columns}) "
            f"SELECT {columns} FROM jsonb_populate_recordset(NULL::customer_profiles, %s)",
            [made],
        )

    def decide(self, decision: Callable[..., Effect], **about: Any) -> bool:
        """Decide for good, if that is possible."""
        try:
            decision(connection=self.connection, by="a test", execute=True, **about)
        except Refused:
            return False
        return True

    def keep_out_who_is_deactivated(self, twin: Session) -> None:
        """Give whom the portal has deactivated in the twin, too, the password that no reader of bcrypt accepts."""
        if self.phase == Phase.DUAL:
            out = [row[0] for row in self.watch.execute("SELECT id FROM customers WHERE NOT is_active")]
            twin.execute(
                "UPDATE users SET password = '!' || password WHERE id = ANY (%s) AND password LIKE '$2%%'", [out]
            )

    def migration(self, size: int, manners: Manners | None = None) -> Migration:
        pace = Pace(size=size, smallest=size, largest=size)
        return Migration(self.connection, self.run, pace=pace, manners=manners or Manners())

    def chunk(self, size: int, manners: Manners | None = None) -> None:
        stop = StopRequest()
        self.migration(size, manners).move_all(stop, stop)

    def purge(self) -> None:
        stop = StopRequest()
        roll_back(self.connection, Run(kind=Run.ROLLBACK), stop, stop)

    def goes_there(self, size: int) -> None:
        run = move(self.connection, size)
        self.phase = Phase.DUAL
        assert "failed" not in run.counts
        assert drain(self.connection) == 0
        assert {result.id: result.details or result.sample for result in verify(self.connection).failures} == {}
        assert not Chunk.objects.exclude(state="linked").exists()

    def goes_back(self) -> None:
        roll_back(self.connection, Run(kind=Run.ROLLBACK), StopRequest(), lambda _: None)
        self.phase, self.purging = Phase.LEGACY, False
        assert is_rolled_back(self.connection)
        left = checksums(self.connection, self.columns)
        with default_connection_to(self.twin_name) as untouched:
            right = checksums(untouched, self.columns)
        for table in (table for table in self.columns if left[table] != right[table]):
            rows = f"SELECT {', '.join(self.columns[table])} FROM {table} ORDER BY 1"
            assert self.watch.execute(rows).fetchall() == self.twin.execute(rows).fetchall(), table

    def broken(self, report: Report) -> dict[str, Any]:
        """Return what is broken, but for what is not done yet half way."""
        return {result.id: result.sample for result in report.failures if result.id not in HALF_WAY}

    def attempt(self, work: Callable[..., None], *arguments: Any) -> None:
        """Do WORK, which may be interrupted."""
        try:
            work(*arguments)
        except GONE_WRONG:
            if not self.connection.is_usable():
                self.connection.close()

    @contextmanager
    def struck(self, instant: int, blow: Callable[[], Any]) -> Iterator[None]:
        """Strike before the statement number INSTANT."""
        numbers = count()

        def execute(execute: Callable[..., Any], *arguments: Any) -> Any:
            if next(numbers) == instant:
                blow()
            return execute(*arguments)

        with self.connection.execute_wrapper(execute):
            yield

    def terminate(self) -> None:
        process = self.connection.connection.info.backend_pid
        self.twin.execute("SELECT pg_terminate_backend(%s, 10000)", [process])

    def seen(self, session: Any) -> dict[str, str]:
        """Return what the old application sees, but for the profiles that merges may have filled until a roll-back."""
        merged = self.winners()
        found = {}
        for table, sql in SEEN.items():
            summed = f"SELECT md5(string_agg(t, E'\\n' ORDER BY t)) FROM ({sql}) s (t)"
            found[table] = session.execute(summed, {"merged": merged}).fetchone()[0]
        return found


def test_any_order_of_anything(databases, django_db_blocker, backup_dir):
    with django_db_blocker.unblock():
        run_state_machine_as_test(lambda: Separation(databases))  # type: ignore[arg-type]
