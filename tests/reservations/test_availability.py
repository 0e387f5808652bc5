"""Which slots a day has, and which of them can be booked."""

from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from hypothesis import given
from hypothesis import strategies as st

from reservations.availability import DayAvailability, Room, Taken, Timetable, availability
from reservations.errors import BookingRefused, PartyTooLarge, PartyTooSmall
from reservations.models import BookingPolicy, OpeningException
from restaurants.hours import DAYS
from restaurants.models import Restaurant
from tests.factories import BookingPolicyFactory, OpeningExceptionFactory, ReservationFactory, RestaurantFactory

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
FRIDAY = date(2026, 2, 27)


def table_of(hours: Any, zone: str = "UTC", days: dict[date, str] | None = None, **policy: Any) -> Timetable:
    """A timetable of no database."""
    restaurant = Restaurant(name="R", opening_hours=hours)
    exceptions = {day: OpeningException(date=day, hours=hours) for day, hours in (days or {}).items()}
    return Timetable(restaurant, BookingPolicy(time_zone=zone, **policy), exceptions)


def starts(table: Timetable, day: date, size: int = 2) -> list[str]:
    """Each slot of a day as the clock shows it, with its instant."""
    return [f"{slot.day:%d} {slot.time} {slot.starts_at:%H:%M}Z" for slot in table.slots(day, size)]


DAILY = dict.fromkeys(DAYS, "00:00-06:00")


@pytest.mark.parametrize(
    ("zone", "day", "expected"),
    [
        # The clocks go from 02:00 to 03:00, and open hours are one fewer.
        ("Europe/Berlin", date(2026, 3, 29), "00=23 01=00 03=01 04=02 05=03"),
        # From 03:00 to 02:00: 02:00 comes twice, and is offered the first time.
        ("Europe/Berlin", date(2026, 10, 25), "00=22 01=23 02=00 03=02 04=03 05=04"),
        ("America/New_York", date(2026, 3, 8), "00=05 01=06 03=07 04=08 05=09"),
        ("America/New_York", date(2026, 11, 1), "00=04 01=05 02=07 03=08 04=09 05=10"),
        # Half an hour only: from 02:00 to 02:30, which leaves no 02:00.
        ("Australia/Lord_Howe", date(2026, 10, 4), "00=13:30 01=14:30 03=16 04=17 05=18"),
        ("Australia/Lord_Howe", date(2026, 4, 5), "00=13 01=14 02=15:30 03=16:30 04=17:30 05=18:30"),
    ],
)
def test_when_the_clocks_change(zone: str, day: date, expected: str) -> None:
    table = table_of(DAILY, zone, slot_interval_minutes=60, duration_minutes=60)
    shown = " ".join(f"{slot.time}={slot.starts_at:%H:%M}" for slot in table.slots(day, 2))
    assert shown.replace(":00", "") == expected


def test_a_party_that_sits_through_the_change_sits_as_long_as_any() -> None:
    table = table_of({"sat": "22:00-04:00"}, "Europe/Berlin", slot_interval_minutes=60, duration_minutes=120)
    assert starts(table, date(2026, 3, 28)) == [
        "28 22:00 21:00Z",
        "28 23:00 22:00Z",
        "29 00:00 23:00Z",
        "29 01:00 00:00Z",
    ]
    assert starts(table, date(2026, 10, 24))[-2:] == ["25 01:00 23:00Z", "25 02:00 00:00Z"]


def test_past_midnight_belongs_to_the_evening() -> None:
    table = table_of({"fri": "22:00-01:30", "sat": "12:00-14:00"}, slot_interval_minutes=30, duration_minutes=60)
    friday, saturday = date(2026, 2, 27), date(2026, 2, 28)
    assert starts(table, friday)[-3:] == ["27 23:30 23:30Z", "28 00:00 00:00Z", "28 00:30 00:30Z"]
    assert starts(table, saturday) == ["28 12:00 12:00Z", "28 12:30 12:30Z", "28 13:00 13:00Z"]
    slot = table.slot_at(saturday, "00:30", 2, datetime(2026, 2, 27, 9, tzinfo=UTC))
    assert (slot.service_day, slot.day) == (friday, saturday)


def test_leap_days() -> None:
    table = table_of({"tue": "23:00-02:00", "thu": "12:00-13:00"}, slot_interval_minutes=60, duration_minutes=60)
    assert starts(table, date(2028, 2, 29)) == ["29 23:00 23:00Z", "01 00:00 00:00Z", "01 01:00 01:00Z"]
    assert starts(table_of({"sat": "23:00-01:00"}, duration_minutes=60), date(2026, 2, 28)) == [
        "28 23:00 23:00Z", "28 23:30 23:30Z", "01 00:00 00:00Z"
    ]  # fmt: skip


def test_an_exception_replaces_the_day_and_its_night() -> None:
    days = {date(2026, 2, 27): "", date(2026, 2, 28): "10:00-12:00, 20:00-00:30"}
    table = table_of(
        {"fri": "22:00-03:00", "sat": "12:00-14:00"}, days=days, slot_interval_minutes=60, duration_minutes=60
    )
    assert starts(table, date(2026, 2, 27)) == []
    assert starts(table, date(2026, 2, 28)) == [f"28 {hour}:00 {hour}:00Z" for hour in (10, 11, 20, 21, 22, 23)]


def test_a_party_is_done_by_closing_time() -> None:
    table = table_of({"fri": "12:00-14:00"}, durations=[{"up_to": 2, "minutes": 60}], duration_minutes=150)
    assert starts(table, date(2026, 2, 27)) == ["27 12:00 12:00Z", "27 12:30 12:30Z", "27 13:00 13:00Z"]
    assert starts(table, date(2026, 2, 27), size=3) == []


def test_round_the_clock_midnight_closes_nothing() -> None:
    table = table_of({"fri": "20:00-24:00", "sat": "00:00-24:00"}, slot_interval_minutes=60, duration_minutes=120)
    assert starts(table, FRIDAY)[-1] == "27 23:00 23:00Z"
    assert starts(table, date(2026, 2, 28))[-1] == "28 22:00 22:00Z"


@pytest.fixture
def restaurant(db: None) -> Restaurant:
    return RestaurantFactory.create(name="R", opening_hours={"fri": "18:00-22:00", "sat": "18:00-18:30"})


def seat(restaurant: Restaurant, time: str, day: date = FRIDAY) -> None:
    """Let three people sit there that Friday, or on another day."""
    midnight = datetime.combine(day, datetime.min.time(), tzinfo=UTC)
    ReservationFactory.create(restaurant=restaurant, reservation_date=midnight, reservation_time=time, party_size=3)


def look(restaurant: Restaurant, day: date = FRIDAY, size: int = 2, now: datetime = NOW) -> DayAvailability:
    return availability(restaurant=Restaurant.objects.get(pk=restaurant.pk), day=day, party_size=size, now=now)


def reasons(found: DayAvailability) -> dict[str, str]:
    return {slot.time: slot.reason for slot in found.slots}


def test_a_day_with_room_for_some(restaurant: Restaurant) -> None:
    BookingPolicyFactory.create(
        restaurant=restaurant, covers_per_slot=4, slot_interval_minutes=60, time_zone="Europe/Berlin"
    )
    ReservationFactory.create(
        restaurant=restaurant,
        reservation_date=datetime(2026, 2, 27, tzinfo=UTC),
        reservation_time="18:30",
        party_size=3,
    )
    found = look(restaurant)
    assert (found.time_zone, found.reason, found.note) == ("Europe/Berlin", "", "")
    assert reasons(found) == {"18:00": "slot_full", "19:00": "slot_full", "20:00": ""}
    assert reasons(look(restaurant, size=1)) == {"18:00": "", "19:00": "", "20:00": ""}
    assert [slot.available for slot in found.slots] == [False, False, True]
    assert found.slots[0].starts_at == datetime(2026, 2, 27, 17, tzinfo=UTC)


def test_a_full_day(restaurant: Restaurant) -> None:
    BookingPolicyFactory.create(restaurant=restaurant, covers_per_day=4, slot_interval_minutes=60)
    seat(restaurant, "?")
    assert set(reasons(look(restaurant)).values()) == {"day_full"}
    assert set(reasons(look(restaurant, size=1)).values()) == {""}


def test_notice_and_horizon_are_counted_in_instants(restaurant: Restaurant) -> None:
    BookingPolicyFactory.create(
        restaurant=restaurant, minimum_notice_minutes=90, horizon_days=10, slot_interval_minutes=60
    )
    near, far = datetime(2026, 2, 27, 17, 30, tzinfo=UTC), datetime(2026, 2, 17, 19, tzinfo=UTC)
    assert reasons(look(restaurant, now=near)) == {"18:00": "too_soon", "19:00": "", "20:00": ""}
    assert reasons(look(restaurant, now=near + timedelta(milliseconds=1)))["19:00"] == "too_soon"
    assert reasons(look(restaurant, now=far)) == {"18:00": "", "19:00": "", "20:00": "too_far"}
    assert reasons(look(restaurant, now=far - timedelta(milliseconds=1)))["19:00"] == "too_far"


@pytest.mark.parametrize(
    ("change", "day", "reason", "detail"),
    [
        ({"opening_hours": None}, FRIDAY, "booking_offline", "R has not said when it is open."),
        ({"opening_hours": {"fri": "?"}}, FRIDAY, "booking_offline", "R has not said when it is open."),
        ({"is_active": False}, FRIDAY, "booking_offline", "R takes no bookings online."),
        ({}, date(2026, 2, 26), "closed", "R is closed on 2026-02-26."),
        ({}, date(2026, 3, 6), "closed", "R is closed on 2026-03-06. Holidays."),
        ({}, date(2026, 2, 28), "outside_hours", "R is not open long enough on 2026-02-28 for such a party."),
        ({}, date(2025, 12, 30), "too_soon", "A table is booked at least 1 hour ahead."),
        ({}, date.min, "too_soon", "A table is booked at least 1 hour ahead."),
        ({}, date(2026, 4, 3), "too_far", "A table is booked at most 90 days ahead."),
        ({}, date.max, "too_far", "A table is booked at most 90 days ahead."),
    ],
)
def test_a_day_without_slots_says_why(
    restaurant: Restaurant, change: dict[str, Any], day: date, reason: str, detail: str
) -> None:
    OpeningExceptionFactory.create(restaurant=restaurant, date=date(2026, 3, 6), note="Holidays.")
    Restaurant.objects.filter(pk=restaurant.pk).update(**change)
    found = look(restaurant, day)
    assert (found.slots, found.reason, found.detail) == ((), reason, detail)


@pytest.mark.parametrize(
    ("day", "size", "expected"),
    [
        # It has a table itself.
        (FRIDAY, 2, None),
        # Closed that day, then closed for holidays, then full, then there is a table.
        (date(2026, 2, 26), 2, FRIDAY),
        (date(2026, 2, 28), 2, date(2026, 3, 20)),
        (date(2026, 3, 13), 2, date(2026, 3, 20)),
        (date(2026, 3, 13), 1, None),
        # It never has as many covers.
        (FRIDAY, 5, None),
        # What is past begins again today; what is beyond the horizon has nothing after it.
        (date(2025, 12, 30), 2, date(2026, 1, 2)),
        (date.min, 2, date(2026, 1, 2)),
        (date(2026, 3, 28), 2, None),
        (date.max, 2, None),
    ],
)
def test_where_no_table_is_free_the_next_day_with_one_is_told(
    restaurant: Restaurant, day: date, size: int, expected: date | None
) -> None:
    BookingPolicyFactory.create(restaurant=restaurant, covers_per_slot=4, slot_interval_minutes=60)
    OpeningExceptionFactory.create(restaurant=restaurant, date=date(2026, 3, 6), note="Holidays.")
    for clock in ("18:30", "20:00"):
        seat(restaurant, clock, date(2026, 3, 13))
    with CaptureQueriesContext(connection) as seen:
        assert look(restaurant, day, size).next_day == expected
    assert len(seen) <= 5  # the restaurant, its policy, its days, what is taken of the day, and of the next month


def test_parties_beyond_the_limits_are_refused(restaurant: Restaurant) -> None:
    BookingPolicyFactory.create(restaurant=restaurant, min_party_size=2, max_party_size=4)
    with pytest.raises(PartyTooSmall):
        look(restaurant, size=1)
    with pytest.raises(PartyTooLarge):
        look(restaurant, size=5)


@pytest.mark.parametrize(("limit", "queries"), [({}, 2), ({"covers_per_slot": 4}, 3), ({"covers_per_day": 4}, 3)])
def test_a_day_takes_two_or_three_queries(restaurant: Restaurant, limit: dict[str, int], queries: int) -> None:
    BookingPolicyFactory.create(restaurant=restaurant, slot_interval_minutes=15, **limit)
    fresh = Restaurant.objects.get(pk=restaurant.pk)
    with CaptureQueriesContext(
        connection,
    ) as seen:
        availability(restaurant=fresh, day=FRIDAY, party_size=2, now=NOW)
    assert len(seen) == queries


ZONES = ("UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu")
# Around clock changes of all of them, and a leap day.
FIRSTS = (date(2026, 3, 6), date(2026, 3, 27), date(2026, 4, 3), date(2026, 10, 23), date(2028, 2, 27))
PARTIES = st.tuples(st.integers(-24 * 4, 48 * 4), st.integers(1, 12), st.integers(1, 300))


@given(
    zone=st.sampled_from(ZONES),
    first=st.sampled_from(FIRSTS),
    days=st.integers(0, 3),
    opens=st.integers(0, 95),
    length=st.integers(1, 95),
    interval=st.sampled_from((15, 30, 60)),
    stay=st.integers(15, 300),
    limit=st.integers(1, 20),
    parties=st.lists(PARTIES, max_size=6),
)
def test_as_the_simplest_thing_that_could_be_right(
    zone: str, first: date, days: int, opens: int, length: int, interval: int, stay: int, limit: int, parties: list[Any]
) -> None:
    """By quarters of an hour of the world's time: what the clock shows there, who sits then, who could sit down."""
    day = first + timedelta(days=days)
    ends = (opens + length) * 15
    hours = f"{opens // 4:02}:{opens % 4 * 15:02}-{ends // 60 % 24:02}:{ends % 60:02}"
    table = table_of(
        dict.fromkeys(DAYS, hours), zone, slot_interval_minutes=interval, duration_minutes=stay, covers_per_slot=limit
    )
    base = datetime.combine(day, time(), tzinfo=UTC)
    taken = [
        Taken(day, base + timedelta(minutes=start * 15), base + timedelta(minutes=start * 15 + stays), covers)
        for start, covers, stays in parties
    ]
    room = Room(table, tuple(taken))

    def fits(slot: Any) -> bool:
        try:
            room.require(slot, 2)
        except BookingRefused:
            return False
        return True

    found = {slot.starts_at: fits(slot) for slot in table.slots(day, 2)}
    assert found == naive(day, ZoneInfo(zone), opens * 15, ends, interval, stay, limit, taken)


def naive(
    day: date, zone: ZoneInfo, opens: int, closes: int, interval: int, stay: int, limit: int, taken: list[Taken]
) -> dict[datetime, bool]:
    """Return whether two more could sit down at each instant at which a party could begin, and be done by closing."""
    midnight = datetime.combine(day, time())
    begins = {midnight + timedelta(minutes=minutes) for minutes in range(opens, closes, interval)}
    quarter = timedelta(minutes=15)
    closing = (midnight + timedelta(minutes=closes)).replace(tzinfo=zone).timestamp()
    found: dict[datetime, bool] = {}
    instant = datetime.combine(day, time(), tzinfo=UTC) - timedelta(hours=24)
    for _ in range(4 * 24 * 4):
        shown = instant.astimezone(zone).replace(tzinfo=None)
        if shown in begins:
            begins.remove(shown)
            if (instant + timedelta(minutes=stay)).timestamp() <= closing:
                sits = range(-(-stay // 15))
                found[instant] = all(
                    2 + sum(each.covers for each in taken if overlaps(each, instant + n * quarter)) <= limit
                    for n in sits
                )
        instant += quarter
    return found


def overlaps(taken: Taken, quarter: datetime) -> bool:
    assert taken.starts_at
    assert taken.ends_at
    return taken.starts_at < quarter + timedelta(minutes=15) and taken.ends_at > quarter
