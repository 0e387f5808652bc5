"""Which tables can be booked: a restaurant's slots of a day, and what is taken, whoever booked it.

A slot belongs to the day on which the restaurant opened, its service day, also past midnight. It is stored under its
own day: half past midnight of a Friday evening is Saturday, 00:30. When the clocks change, times that are skipped do
not exist, and times that come twice are offered once, the first time.

Covers are counted by quarters of an hour: everybody who sits at any time in one counts in it.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from functools import cached_property
from typing import Any

from django.db.models import Q, QuerySet

from reservations import errors
from reservations.models import BookingPolicy, OpeningException, Reservation
from reservations.terms import local, midnight, policy_of, span, start_of
from restaurants.hours import DAY_MINUTES, Day, Interval, OpeningHours, clock, intervals, opening_hours
from restaurants.models import Restaurant

ONE_DAY = timedelta(days=1)
# What is counted, and locked, together.
CELL = timedelta(minutes=15)
# The columns that say what a reservation takes.
TAKES = ("id", "reservation_date", "reservation_time", "duration_minutes", "party_size")
# On how many days the next free table is looked for.
LOOKED_AHEAD = 31


@dataclass(frozen=True)
class Slot:
    """A time at which a party may begin; `reason` is the code of why it cannot be booked, empty if it can."""

    service_day: date
    day: date
    time: str
    starts_at: datetime
    ends_at: datetime
    reason: str = ""

    @property
    def available(self) -> bool:
        """Whether it can be booked."""
        return not self.reason

    @cached_property
    def cells(self) -> range:
        """The quarters of an hour that the party sits in, counted since 1970."""
        return cells_of(self.starts_at, self.ends_at)


@dataclass(frozen=True)
class DayAvailability:
    """The slots of one day; without any, `reason` is the code and `detail` the sentence of why. `note` is the day's.

    Where no slot can be booked, `next_day` is the first after it with one that can, if there is one within a month.
    """

    day: date
    time_zone: str
    slots: tuple[Slot, ...] = ()
    reason: str = ""
    detail: str = ""
    note: str = ""
    next_day: date | None = None


@dataclass(frozen=True)
class Taken:
    """A party that has a table; without `starts_at` its time cannot be read, and it counts for its day alone."""

    day: date
    starts_at: datetime | None
    ends_at: datetime | None
    covers: int
    id: int = 0


def availability(*, restaurant: Restaurant, day: date, party_size: int, now: datetime) -> DayAvailability:
    """Return what a party can book on DAY, in at most four queries; raises PartyTooSmall and PartyTooLarge."""
    table = Timetable.of(restaurant, day, until=_shift(max(day, now.date()), LOOKED_AHEAD))
    if refusal := table.why_offline:
        return DayAvailability(day, table.policy.zone.key, reason="booking_offline", detail=refusal)
    table.require_size(party_size)
    found = _of_day(table, day, party_size, now)
    if any(slot.available for slot in found.slots):
        return found
    return replace(found, next_day=_next_day(table, day, party_size, now))


def _of_day(table: "Timetable", day: date, party_size: int, now: datetime) -> DayAvailability:
    found = DayAvailability(day, table.policy.zone.key, note=table.note(day))
    try:
        table.require_day(day, now)
        slots = tuple(table.slots(day, party_size))
        if not slots:
            raise table.closed(day)
    except errors.BookingRefused as refused:
        return replace(found, reason=refused.code, detail=refused.detail)
    room = table.room(day)
    judged = tuple(replace(slot, reason=table.refusal(slot, party_size, room, now)) for slot in slots)
    return replace(found, slots=judged)


def _next_day(table: "Timetable", day: date, party_size: int, now: datetime) -> date | None:
    """Return the first day after DAY, from today on, with a slot that can be booked; one query, if there is a limit."""
    today = now.astimezone(table.policy.zone).date()
    first = max(_shift(day, 1), today)
    last = min(_shift(first, LOOKED_AHEAD - 1), _shift(today, table.policy.horizon_days))
    if first > last:
        return None
    room = table.room(first, until=last)
    for each in (_shift(first, days) for days in range((last - first).days + 1)):
        if any(not table.refusal(slot, party_size, room, now) for slot in table.slots(each, party_size)):
            return each
    return None


@dataclass(frozen=True)
class Timetable:
    """When a restaurant is open around one day, and how it takes bookings."""

    restaurant: Restaurant
    policy: BookingPolicy
    exceptions: Mapping[date, OpeningException]

    @classmethod
    def of(cls, restaurant: Restaurant, day: date, until: date | None = None) -> "Timetable":
        """Return the timetable for what has to do with DAY, or all days from it to UNTIL.

        Two queries, one if the restaurant came with its policy.
        """
        days = _shift(day, -2), _shift(until or day, 2)
        around = OpeningException.objects.filter(restaurant=restaurant, date__range=days)
        return cls(restaurant, policy_of(restaurant), {each.date: each for each in around})

    @cached_property
    def week(self) -> OpeningHours:
        """The restaurant's opening hours of any week."""
        return opening_hours(self.restaurant.opening_hours)

    @cached_property
    def why_offline(self) -> str:
        """Why nothing can be booked online at all; empty if it can."""
        name = self.restaurant.name
        if not (self.policy.is_online and self.restaurant.is_active):
            return f"{name} takes no bookings online."
        if not self.week.is_known:
            return f"{name} has not said when it is open."
        return ""

    def note(self, day: date) -> str:
        """Return what the restaurant says of this very day."""
        return self.exceptions[day].note if day in self.exceptions else ""

    def hours(self, day: date) -> Day:
        """Return when the restaurant is open on its service day DAY."""
        if exception := self.exceptions.get(day):
            return _readable(exception.hours)
        return self.week.week[day.weekday()]

    def service_day(self, day: date, minutes: int) -> date:
        """Return the service day that a time of the clock belongs to: the day before, if that is open past midnight."""
        before = _shift(day, -1)
        late = any(each.opens <= minutes + DAY_MINUTES < each.closes for each in self.hours(before))
        return before if late else day

    def slots(self, service_day: date, party_size: int) -> Iterator[Slot]:
        """Give the slots of a service day at which such a party can begin and be done by closing time."""
        for interval in self.hours(service_day):
            closes = self.opened(service_day, interval)[1]
            for minutes in range(interval.opens, interval.closes, self.policy.slot_interval_minutes):
                slot = self.slot(service_day, minutes, party_size)
                if slot and slot.ends_at <= closes:
                    yield slot

    def opened(self, service_day: date, interval: Interval) -> tuple[datetime, datetime]:
        """Return from when to when the restaurant is open in INTERVAL of a service day."""
        closes = self._closes(service_day, interval)
        return self.instant(service_day, interval.opens), self.instant(service_day, closes)

    def instant(self, service_day: date, minutes: int) -> datetime:
        """Return the instant at which the restaurant's clocks show MINUTES after midnight of a service day."""
        return local(service_day, minutes).replace(tzinfo=self.policy.zone).astimezone(UTC)

    def _closes(self, service_day: date, interval: Interval) -> int:
        """Return the minute by which guests are gone; where midnight closes nothing, that of the next day."""
        if interval.closes == DAY_MINUTES:
            for after in self.hours(_shift(service_day, 1)):
                if after.opens == 0:
                    return DAY_MINUTES + after.closes
        return interval.closes

    def slot(self, service_day: date, minutes: int, party_size: int) -> Slot | None:
        """Return the slot that begins MINUTES after midnight; None if the clocks skip that time."""
        shown = local(service_day, minutes)
        starts_at = shown.replace(tzinfo=self.policy.zone).astimezone(UTC)
        if starts_at.astimezone(self.policy.zone).replace(tzinfo=None) != shown:
            return None
        ends_at = starts_at + self.policy.duration_of(party_size)
        return Slot(service_day, shown.date(), clock(minutes % DAY_MINUTES), starts_at, ends_at)

    def slot_at(self, day: date, time: str, party_size: int, now: datetime) -> Slot:
        """Return the slot at a time of the clock, whichever service day it belongs to; raises what there is against it,
        but for room.
        """
        if self.why_offline:
            raise errors.BookingOffline(self.why_offline)
        self.require_size(party_size)
        self.require_day(day, now)
        slot = self._slot_at(day, time, party_size)
        self.require_in_time(slot, now)
        return slot

    def _slot_at(self, day: date, time: str, party_size: int) -> Slot:
        for service_day in (day, _shift(day, -1)):
            for slot in self.slots(service_day, party_size):
                if (slot.day, slot.time) == (day, time):
                    return slot
        if not self.hours(day):
            raise self.closed(day)
        raise errors.OutsideHours(
            f"{self.restaurant.name} takes no party of {party_size} at {time} that day: "
            f"it is open {', '.join(map(str, self.hours(day)))}, and a table is booked every "
            f"{self.policy.slot_interval_minutes} minutes from opening, for as long as the party stays."
        )

    def closed(self, day: date) -> errors.BookingRefused:
        """Return why there is no slot on a day."""
        if self.hours(day):
            return errors.OutsideHours(f"{self.restaurant.name} is not open long enough on {day} for such a party.")
        return errors.Closed(f"{self.restaurant.name} is closed on {day}. {self.note(day)}".strip())

    def require_size(self, party_size: int) -> None:
        """Raise PartyTooSmall or PartyTooLarge for a party that is not taken online."""
        if party_size < self.policy.min_party_size:
            raise errors.PartyTooSmall(f"Online it takes parties of at least {self.policy.min_party_size}.")
        if party_size > self.policy.max_party_size:
            raise errors.PartyTooLarge(
                f"Online it takes parties of at most {self.policy.max_party_size}; for a larger one, call."
            )

    def require_day(self, day: date, now: datetime) -> None:
        """Raise TooSoon or TooFar for a day of which no slot can be booked, however the clocks go there."""
        today = now.astimezone(self.policy.zone).date()
        if day < _shift(today, -1):
            raise self._too_soon()
        if day > _shift(today, self.policy.horizon_days + 1):
            raise self._too_far()

    def require_in_time(self, slot: Slot, now: datetime) -> None:
        """Raise TooSoon or TooFar for a slot that cannot be booked yet, or any more."""
        if slot.starts_at < now + timedelta(minutes=self.policy.minimum_notice_minutes):
            raise self._too_soon()
        if slot.starts_at > now + timedelta(days=self.policy.horizon_days):
            raise self._too_far()

    def _too_soon(self) -> errors.TooSoon:
        return errors.TooSoon(f"A table is booked at least {span(self.policy.minimum_notice_minutes)} ahead.")

    def _too_far(self) -> errors.TooFar:
        return errors.TooFar(f"A table is booked at most {span(self.policy.horizon_days * DAY_MINUTES)} ahead.")

    def room(self, service_day: date, without: int | None = None, until: date | None = None) -> "Room":
        """Return what is taken around a service day, or all from it to UNTIL, but for the reservation WITHOUT.

        One query, if there is a limit.
        """
        if self.policy.slot_limit is None and self.policy.day_limit is None:
            return Room(self, ())
        rows = seated().filter(self.near(service_day, until))
        if without is not None:
            rows = rows.exclude(pk=without)
        return Room(self, tuple(self.taken(row) for row in rows.values_list(*TAKES)))

    def near(self, service_day: date, until: date | None = None) -> Q:
        """Return which reservations may have to do with a service day, or with any from it to UNTIL."""
        # A party of the day before may sit past midnight, and the day itself may end on the next.
        since, before = midnight(_shift(service_day, -1)), midnight(_shift(until or service_day, 3))
        return Q(restaurant=self.restaurant, reservation_date__gte=since, reservation_date__lt=before)

    def taken(self, row: tuple[Any, ...]) -> Taken:
        """Return what a reservation takes, by its columns TAKES."""
        identifier, day, time, minutes, covers = row
        starts_at = start_of(day, time, self.policy.zone)
        stays = timedelta(minutes=min(max(minutes, 1), DAY_MINUTES))
        return Taken(day.date(), starts_at, starts_at and starts_at + stays, max(covers, 0), identifier)

    def day_of(self, taken: Taken) -> date:
        """Return the service day on which a party sits."""
        if taken.starts_at is None:
            return taken.day
        shown = taken.starts_at.astimezone(self.policy.zone)
        return self.service_day(shown.date(), shown.hour * 60 + shown.minute)

    def refusal(self, slot: Slot, party_size: int, room: "Room", now: datetime) -> str:
        """Return the code of why a party cannot have a slot; empty if it can."""
        try:
            self.require_in_time(slot, now)
            room.require(slot, party_size)
        except errors.BookingRefused as refused:
            return refused.code
        return ""


@dataclass(frozen=True)
class Room:
    """What is taken of one service day or more."""

    table: Timetable
    taken: tuple[Taken, ...]

    @cached_property
    def by_cell(self) -> Counter[int]:
        """How many people sit in each quarter of an hour, counted since 1970."""
        return covers_by_cell(self.taken)

    @cached_property
    def by_day(self) -> Counter[date]:
        """How many people each service day has."""
        found: Counter[date] = Counter()
        for each in self.taken:
            found[self.table.day_of(each)] += each.covers
        return found

    def require(self, slot: Slot, party_size: int) -> None:
        """Raise DayFull or SlotFull unless the party has room."""
        policy = self.table.policy
        if policy.day_limit is not None and self.by_day[slot.service_day] + party_size > policy.day_limit:
            raise errors.DayFull(f"{slot.service_day} is full for a party of {party_size}.")
        if policy.slot_limit is None:
            return
        if any(self.by_cell[cell] + party_size > policy.slot_limit for cell in slot.cells):
            raise errors.SlotFull(f"{slot.day} {slot.time} is full for a party of {party_size}.")


def covers_by_cell(taken: Iterable[Taken]) -> Counter[int]:
    """Return how many of these people sit in each quarter of an hour, counted since 1970."""
    found: Counter[int] = Counter()
    for each in taken:
        if each.starts_at and each.ends_at:
            found.update(dict.fromkeys(cells_of(each.starts_at, each.ends_at), each.covers))
    return found


def seated() -> QuerySet[Reservation]:
    """Return the reservations that take a table: confirmed, or come and not gone yet."""
    here = Q(actual_arrival_time__isnull=False, actual_departure_time__isnull=True)
    return Reservation.objects.filter(
        Q(status=Reservation.Status.CONFIRMED) | Q(here, status=Reservation.Status.COMPLETED)
    )


def cells_of(starts_at: datetime, ends_at: datetime) -> range:
    """Return the quarters of an hour, counted since 1970, that a time touches."""
    seconds = int(CELL.total_seconds())
    return range(int(starts_at.timestamp()) // seconds, -(-int(ends_at.timestamp()) // seconds))


def _readable(hours: str) -> Day:
    """Return the hours of an exception; what SQL wrote past its check is closed, as it is in a week."""
    try:
        return intervals(hours)
    except ValueError:
        return ()


def _shift(day: date, days: int) -> date:
    """Return the day DAYS later, as far as there are days."""
    try:
        return day + timedelta(days=days)
    except OverflowError:
        return day
