"""The last table is sold once, however many clients want it at the same instant."""

import multiprocessing
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from functools import partial
from typing import Any

import pytest
from django.db import connection, connections, transaction

from config import locks
from reservations.availability import Room, Timetable
from reservations.errors import BeyondPolicy, BookingRefused
from reservations.models import BookingSlot, Reservation
from reservations.services import (
    Actor,
    Changes,
    Contact,
    reservation_change,
    reservation_create,
    staff_book,
)
from restaurants.models import Restaurant
from tests.factories import BookingPolicyFactory, RestaurantFactory, staff_of

NOW = datetime(2026, 6, 1, 9, 0, tzinfo=UTC)
FRIDAY = date(2026, 6, 5)
PROCESSES, CONNECTIONS, CLIENTS = 2, 50, 200
FORK = multiprocessing.get_context("fork")

Client = Callable[[int], str]


pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every client wait for its turn: how long that takes is the machine's, and no matter here."""
    monkeypatch.setattr(locks, "WAIT", "120s")


def apart(do: Callable[[], None]) -> None:
    """Do something on a connection of its own, which commits; the test's own never does."""

    def live() -> None:
        do()
        connections.close_all()

    thread = threading.Thread(target=live)
    thread.start()
    thread.join()


@pytest.fixture
def place(db: None) -> Iterator[Callable[..., Restaurant]]:
    """Make restaurants that every connection sees, and remove them with all that was booked."""
    made: list[tuple[Restaurant, int]] = []

    def make(**policy: Any) -> Restaurant:
        def rows() -> None:
            restaurant = RestaurantFactory.create(opening_hours={"fri": "18:00-23:00"})
            made.append((restaurant, staff_of(restaurant, "OWNER").pk))
            BookingPolicyFactory.create(restaurant=restaurant, **policy)

        apart(rows)
        return made[-1][0]

    yield make
    for restaurant, owner in made:
        apart(partial(forget, restaurant.pk, owner))


def forget(restaurant: int, owner: int) -> None:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT set_config('reservations.forgets', 'on', true)")
        for sql in (
            "DELETE FROM booking_logs USING reservations r WHERE reservation_id = r.id AND r.restaurant_id = %s",
            "DELETE FROM booking_slots WHERE restaurant_id = %s",
            "DELETE FROM restaurants WHERE id = %s",
        ):
            cursor.execute(sql, [restaurant])
        cursor.execute("DELETE FROM users WHERE id = %s", [owner])


def everybody(client: Client) -> Counter[str]:
    """Let CLIENTS clients begin at once, in processes of CONNECTIONS connections each; count what they were told."""
    said: Any = FORK.SimpleQueue()
    gate = FORK.Barrier(PROCESSES * CONNECTIONS)

    def one(number: int) -> None:
        try:
            connection.ensure_connection()
            gate.wait(60)
            for each in range(number, CLIENTS, PROCESSES * CONNECTIONS):
                said.put(client(each))
        except BaseException as error:
            gate.abort()
            said.put(repr(error))
        finally:
            connections.close_all()

    def live(process: int) -> None:
        numbers = range(process, PROCESSES * CONNECTIONS, PROCESSES)
        threads = [threading.Thread(target=one, args=(number,)) for number in numbers]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    processes = [FORK.Process(target=live, args=(number,)) for number in range(PROCESSES)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    found: Counter[str] = Counter()
    while not said.empty():
        found[said.get()] += 1
    return found


def book(restaurant: Restaurant, time: str, size: int = 1) -> Reservation:
    return reservation_create(
        restaurant=restaurant,
        party_size=size,
        day=FRIDAY,
        time=time,
        contact=Contact("Guest"),
        source="portal_guest",
        now=NOW,
    )


def told(what: Callable[[], object]) -> str:
    try:
        what()
    except (BookingRefused, BeyondPolicy) as refused:
        return refused.code
    return "booked"


def fill(restaurant: Restaurant, times: tuple[str, ...]) -> None:
    for time in times:
        while told(partial(book, restaurant, time)) == "booked":
            pass


def room(restaurant: Restaurant) -> Room:
    return Timetable.of(Restaurant.objects.get(pk=restaurant.pk), FRIDAY).room(FRIDAY)


def test_one_slot_is_sold_to_the_last_cover_and_no_further(place: Callable[..., Restaurant]) -> None:
    restaurant = place(covers_per_slot=20, overbooking_percent=10)
    waiter = Actor("staff", restaurant.staff.get().user_id)
    wanted: dict[str, Any] = {"party_size": 1, "day": FRIDAY, "time": "19:00", "contact": Contact("Guest"), "now": NOW}

    def client(number: int) -> str:
        if number % 2:
            return told(lambda: staff_book(restaurant=restaurant, actor=waiter, **wanted))
        return told(lambda: book(restaurant, "19:00"))

    answers = everybody(client)
    assert answers.keys() <= {"booked", "slot_full", "beyond_policy"}
    assert (answers["booked"], answers.total()) == (22, 200)
    assert max(room(restaurant).by_cell.values()) == 22
    assert BookingSlot.objects.filter(restaurant_id=restaurant.pk).count() == 6


def test_slots_that_overlap_and_a_day_are_sold_and_changed_without_a_deadlock(
    place: Callable[..., Restaurant],
) -> None:
    restaurant = place(covers_per_slot=15, covers_per_day=40)
    times = ("18:00", "18:30", "19:30", "21:00", "21:30")

    def client(number: int) -> str:
        mine: list[Reservation] = []
        answer = told(lambda: mine.append(book(restaurant, times[number % 5])))
        if mine and number % 3 == 0:
            changes = Changes(time=times[(number + 3) % 5])
            told(lambda: reservation_change(reservation=mine[0], actor=Actor("guest"), changes=changes, now=NOW))
        return answer

    answers = everybody(client)
    assert answers.keys() <= {"booked", "slot_full", "day_full"}
    taken = room(restaurant)
    assert taken.by_day[FRIDAY] == answers["booked"] == Reservation.objects.filter(restaurant=restaurant).count()
    assert taken.by_day[FRIDAY] <= 40
    assert max(taken.by_cell.values()) <= 15
    # Nothing that one of them could have had was kept back: what they get now fills it to the brim.
    apart(lambda: fill(restaurant, times))
    taken = room(restaurant)
    assert taken.by_day[FRIDAY] == 40 or max(taken.by_cell.values()) == 15
