"""What the mirror costs the old application: single statements with a commit each, with its triggers and without."""

import statistics
import time
from contextlib import ExitStack
from typing import Any

import psycopg

PEOPLE = 100
ROUNDS = 15

RESERVATION = """INSERT INTO reservations (customer_name, restaurant_id, party_size, reservation_date, reservation_time,
        status, table_ids, updated_at, user_id)
    VALUES ('x', %(place)s, 2, '2026-07-01', '19:00', '{status}', '{{}}', now(), %(person)s)"""
BOOKED, VISITED = RESERVATION.format(status="CONFIRMED"), RESERVATION.format(status="COMPLETED")
ORDER = """INSERT INTO orders (order_number, restaurant_id, total_amount, updated_at, user_id)
    VALUES (gen_random_uuid()::text, %(place)s, 10, now(), %(person)s)"""
USER = "UPDATE users SET phone = (random() * 1e6)::int::text, updated_at = now() WHERE id = %(person)s"
SEATED = "UPDATE reservations SET notes = 'by the window' WHERE id = %(booking)s"
CANCELLED = """UPDATE reservations
    SET status = CASE status WHEN 'CANCELLED' THEN 'CONFIRMED' ELSE 'CANCELLED' END::"ReservationStatus"
    WHERE id = %(booking)s"""
# What is written, and of whom.
WRITES = {
    "insert of a reservation, customer moved": (BOOKED, "moved"),
    "insert of a reservation, customer not moved yet": (BOOKED, "late"),
    "insert of a reservation, staff": (BOOKED, "staff"),
    "insert of an order, customer moved": (ORDER, "moved"),
    "insert of an order, customer not moved yet": (ORDER, "late"),
    "insert of an order, staff": (ORDER, "staff"),
    "insert of a completed reservation, customer moved": (VISITED, "moved"),
    "update of a reservation's notes": (SEATED, "moved"),
    "update of a reservation's status": (CANCELLED, "moved"),
    "update of a user, customer moved": (USER, "moved"),
    "update of a user, staff": (USER, "staff"),
}
# People of each sort, at a place they know, with a reservation of theirs.
SORTS = {
    "moved": """SELECT t.user_id, min(t.restaurant_id), min(t.id) FROM reservations t JOIN users u ON u.id = t.user_id
        WHERE u.is_customer AND t.user_id IN (SELECT id FROM customers) AND t.status <> 'COMPLETED' GROUP BY 1""",
    "late": "SELECT id, 1, 0 FROM users WHERE email LIKE 'late-%'",
    "staff": "SELECT id, 1, 0 FROM users WHERE NOT is_customer",
}
WITHOUT = """
DO $$ DECLARE made record; BEGIN
    FOR made IN SELECT tgname, tgrelid::regclass AS place FROM pg_trigger
        WHERE tgname ~ '^(zz_)?separation_' AND NOT tgisinternal
    LOOP EXECUTE format('DROP TRIGGER %I ON %s', made.tgname, made.place); END LOOP;
END $$
"""
LATE = f"""
SET separation.bypass = 'on';
INSERT INTO users (email, name, password, is_customer, updated_at)
SELECT 'late-' || i || '@example.org', 'Late Lena', 'none', true, now() FROM generate_series(1, {PEOPLE}) i
"""


def costs(without: str, both: str) -> dict[str, tuple[float, float]]:
    """Return the milliseconds of each write in the database WITHOUT the mirror and in the one with both schemas.

    Both are addresses of copies of one adopted database, the second with its customers moved. Each statement is
    executed in either before the next one, so that whatever else the machine does hits both; a figure is the median.
    """
    with ExitStack() as stack:
        places = [stack.enter_context(psycopg.connect(url, autocommit=True)) for url in (without, both)]
        for place in places:
            place.execute(LATE)
            place.execute("RESET separation.bypass")
        places[0].execute(WITHOUT)
        people = {sort: places[1].execute(f"{sql} ORDER BY 1 LIMIT {PEOPLE}").fetchall() for sort, sql in SORTS.items()}
        return {what: _compare(places, sql, people[sort]) for what, (sql, sort) in WRITES.items()}


def _compare(places: list[psycopg.Connection[Any]], sql: str, people: list[Any]) -> tuple[float, float]:
    taken: tuple[list[float], list[float]] = ([], [])
    for turn in range(ROUNDS):
        for person, restaurant, booking in people:
            for place, times in zip(places, taken, strict=True):
                started = time.perf_counter()
                place.execute(sql, {"person": person, "place": restaurant, "booking": booking})
                if turn:  # the first round warms up
                    times.append((time.perf_counter() - started) * 1000)
    return statistics.median(taken[0]), statistics.median(taken[1])
