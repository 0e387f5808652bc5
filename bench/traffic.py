"""Live traffic: single-row reads and writes of both applications at a fixed rate, while something else happens.

Each request has a moment in a share of the time of its own, by chance: at even intervals, those of one kind would all
meet the same part of whatever else comes at even intervals. One that comes late because the one before took long is
counted from its moment, as the person who waits would.
"""

import random
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
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

# By request, the moment of each (`time.monotonic()`) and how many seconds it took.
Sent = dict[str, list[tuple[float, float]]]
Latencies = dict[str, list[float]]
Span = tuple[float, float]
People = list[tuple[int, str]]


@contextmanager
def traffic(url: str) -> Iterator[Sent]:
    """Send RATE requests a second to the database at URL inside the block; fills what was sent.

    Raises what a request raised, at the end of the block: none may fail.
    """
    sent: Sent = defaultdict(list)
    people, places = _population(url)
    over, errors, began = threading.Event(), [], time.monotonic() + _TO_CONNECT

    def client(name: str, number: int) -> None:
        try:
            with psycopg.connect(url, autocommit=True) as connection:
                first = began + number / RATE
                _send(connection, REQUESTS[name], _who(people, places, number), sent[name], over, first)
        except psycopg.Error as error:
            errors.append(error)

    threads = [threading.Thread(target=client, args=(name, number)) for number, name in enumerate(REQUESTS)]
    for thread in threads:
        thread.start()
    try:
        yield sent
    finally:
        over.set()
        for thread in threads:
            thread.join()
    if errors:
        raise errors[0]


def within(sent: Sent, spans: list[Span]) -> Latencies:
    """Return the latencies in seconds, by request, of those whose moment was in one of the SPANS."""
    return {
        name: [seconds for moment, seconds in requests if any(begin <= moment < end for begin, end in spans)]
        for name, requests in sent.items()
    }


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
    sent: list[tuple[float, float]],
    over: threading.Event,
    first: float,
) -> None:
    chance = random.Random(sql)  # noqa: S311 - the same moments in every measurement
    for number in count():
        moment = first + (number * len(REQUESTS) + chance.random()) / RATE
        if over.wait(max(0.0, moment - time.monotonic())):
            return
        connection.execute(sql, values())
        sent.append((moment, time.monotonic() - moment))
