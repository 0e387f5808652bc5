"""Live traffic: single-row reads and writes of both applications at a fixed rate, while something else happens.

Each request has its moment; one that comes late because the one before took long is counted from its moment, as the
person who waits would.
"""

import random
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from statistics import quantiles

import psycopg

RATE = 100  # requests a second, of all kinds together
_TO_CONNECT = 0.2  # seconds until the first

_LOGIN = "SELECT id, password FROM users WHERE email = %(email)s"
_PORTAL_LOGIN = "SELECT id, password FROM customers WHERE lower(email) = lower(%(email)s)"
_RESERVE = """
INSERT INTO reservations (customer_name, restaurant_id, party_size, reservation_date, reservation_time, table_ids,
    updated_at, user_id)
VALUES ('Somebody', %(restaurant)s, 2, '2027-01-01', '19:00', '{}', '2026-11-22', %(person)s)
"""
# The portal books for whoever has a customer by now; the mirror gives the booking its user.
_PORTAL_RESERVE = """
INSERT INTO reservations (customer_name, restaurant_id, party_size, reservation_date, reservation_time, table_ids,
    updated_at, user_id, customer_id)
SELECT 'Somebody', %(restaurant)s, 2, '2027-01-01', '19:00', '{}', '2026-11-22',
    CASE WHEN c.id IS NULL THEN u.id END, c.id
FROM users u LEFT JOIN customers c ON c.id = u.id WHERE u.id = %(person)s
"""
REQUESTS = {
    "log-in, old application": _LOGIN,
    "log-in, portal": _PORTAL_LOGIN,
    "new reservation, old application": _RESERVE,
    "new reservation, portal": _PORTAL_RESERVE,
}

Latencies = dict[str, list[float]]
People = list[tuple[int, str]]


@contextmanager
def traffic(url: str) -> Iterator[Latencies]:
    """Send RATE requests a second to the database at URL inside the block; fills the latencies in seconds, by request.

    Raises what a request raised, at the end of the block: none may fail.
    """
    latencies: Latencies = defaultdict(list)
    people, places = _population(url)
    over, errors, began = threading.Event(), [], time.monotonic() + _TO_CONNECT

    def client(name: str, number: int) -> None:
        try:
            with psycopg.connect(url, autocommit=True) as connection:
                # One after the other, not all kinds at the same moment.
                first = began + number / RATE
                _send(connection, REQUESTS[name], _who(people, places, number), latencies[name], over, first)
        except psycopg.Error as error:
            errors.append(error)

    threads = [threading.Thread(target=client, args=(name, number)) for number, name in enumerate(REQUESTS)]
    for thread in threads:
        thread.start()
    try:
        yield latencies
    finally:
        over.set()
        for thread in threads:
            thread.join()
    if errors:
        raise errors[0]


def p50(latencies: list[float]) -> float:
    """Return the median in milliseconds."""
    return quantiles(latencies, n=100)[49] * 1000


def p99(latencies: list[float]) -> float:
    """Return in milliseconds what 99 of 100 requests stay under."""
    return quantiles(latencies, n=100)[98] * 1000


def _population(url: str) -> tuple[People, list[int]]:
    with psycopg.connect(url) as connection:
        people = connection.execute(
            "SELECT id, email FROM users WHERE is_customer AND role = 'USER' AND email LIKE '%@%' ORDER BY id"
        ).fetchall()
        return people, [place for (place,) in connection.execute("SELECT id FROM restaurants ORDER BY id")]


def _who(people: People, places: list[int], seed: int) -> Callable[[], dict[str, object]]:
    chance = random.Random(seed)  # noqa: S311 - the same people in every measurement

    def values() -> dict[str, object]:
        person, email = chance.choice(people)
        return {"person": person, "email": email, "restaurant": chance.choice(places)}

    return values


def _send(
    connection: "psycopg.Connection[tuple[object, ...]]",
    sql: str,
    values: Callable[[], dict[str, object]],
    latencies: list[float],
    over: threading.Event,
    moment: float,
) -> None:
    interval = len(REQUESTS) / RATE
    while not over.wait(max(0.0, moment - time.monotonic())):
        connection.execute(sql, values())
        latencies.append(time.monotonic() - moment)
        moment += interval
