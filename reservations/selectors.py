"""Reads of reservations, as their customers see them, and as staff see a day."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from functools import cache, cached_property
from itertools import combinations
from typing import Any
from zoneinfo import available_timezones

from django.conf import settings
from django.db.models import Case, CharField, F, Func, QuerySet, TextField, Value, When
from django.db.models.functions import Cast, Coalesce, Collate, Concat, Greatest, Length, LPad

from config.compiled import Compiled
from customers.models import Customer
from reservations.availability import TAKES, Taken, Timetable, cells_of, covers_by_cell
from reservations.models import Reservation
from reservations.stages import PRESENT, Stage, stage_of
from reservations.terms import policy_of
from restaurants.models import Restaurant

# How long after its time a party that has not come is late.
LATE = timedelta(minutes=15)
# What `reservation_shown` of the customers' API reads.
_SHOWN = (
    *("reservation_date", "reservation_time", "duration_minutes", "party_size", "status", "special_requests"),
    *("customer", "customer_name", "customer_email", "customer_phone", "source", "actual_arrival_time"),
    *("created_at", "updated_at"),
    *(f"restaurant__{name}" for name in ("slug", "name", "phone", "address", "zip_code", "city", "country")),
    "restaurant__booking_policy__time_zone",
    *(
        f"{place}__{name}"
        for place in ("restaurant__booking_policy", "terms")
        for name in ("cancel_cutoff_minutes", "change_cutoff_minutes")
    ),
)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_NEVER = datetime.max.replace(tzinfo=UTC)
_ZONES = sorted(available_timezones())


def reservations_shown() -> QuerySet[Reservation]:
    """Return all reservations with what showing one needs: the restaurant, its policy, the terms."""
    return Reservation.objects.select_related("restaurant__booking_policy", "terms")


def reservations_of(customer: Customer) -> QuerySet[Any]:
    """Return the reservations of CUSTOMER, whoever booked them, with what is shown of them and no more.

    `date` is their day and time, fit for ordering.
    """
    return reservations_shown().filter(customer=customer).annotate(date=_day_and_time()).only(*_SHOWN)


def latest_reservations(customer: Customer, most: int) -> list[Reservation]:
    """Return the last of `reservations_of` by day and time, MOST of them: what a list begins with."""
    return _latest(most)(pk=customer.pk)


@cache
def _latest(most: int) -> Compiled[Reservation]:
    return Compiled(lambda pk: reservations_of(Customer(pk=pk)).order_by("-date", "-pk")[:most], pk=-1)


def coming(reservations: QuerySet[Any], now: datetime) -> QuerySet[Any]:
    """Return those of `reservations_of` that have not begun by their restaurants' clocks."""
    return reservations.filter(date__gte=_shown_by_clocks(now))


def past(reservations: QuerySet[Any], now: datetime) -> QuerySet[Any]:
    """Return those of `reservations_of` that have begun by their restaurants' clocks."""
    return reservations.filter(date__lt=_shown_by_clocks(now))


@dataclass(frozen=True)
class SheetRow:
    """One booking of a day, as staff see it; without `starts_at` its time is what nobody could read."""

    reservation: Reservation
    stage: Stage
    starts_at: datetime | None
    ends_at: datetime | None
    time: str
    # Another party is booked at one of its tables while it sits.
    clashes: bool = False

    def is_late(self, now: datetime) -> bool:
        """Whether the party should have come by now."""
        return self.stage == Stage.EXPECTED and self.starts_at is not None and self.starts_at + LATE < now

    def is_overdue(self, now: datetime) -> bool:
        """Whether the party sits for longer than was planned."""
        return self.stage == Stage.SEATED and self.ends_at is not None and self.ends_at < now


@dataclass(frozen=True)
class SheetSlot:
    """One step of a day's clock: most people who sit at once in it, those who come, and how many may sit."""

    time: str
    starts_at: datetime
    covers: int
    arriving: int
    capacity: int | None

    @property
    def is_over(self) -> bool:
        """Whether more people sit than may."""
        return self.capacity is not None and self.covers > self.capacity


@dataclass(frozen=True)
class DaySheet:
    """A service day of a restaurant: who comes when, how full it gets, and what may be booked."""

    restaurant: Restaurant
    day: date
    table: Timetable
    rows: tuple[SheetRow, ...]
    slots: tuple[SheetSlot, ...]

    @property
    def hours(self) -> str:
        """When it is open that day; empty if it is closed."""
        return ", ".join(map(str, self.table.hours(self.day)))

    @property
    def note(self) -> str:
        """What the restaurant says of this very day."""
        return self.table.note(self.day)

    @cached_property
    def parties(self) -> Counter[Stage]:
        """How many parties are at each stage."""
        return Counter(row.stage for row in self.rows)

    @cached_property
    def covers(self) -> Counter[Stage]:
        """How many people are at each stage."""
        found: Counter[Stage] = Counter()
        for row in self.rows:
            found[row.stage] += max(row.reservation.party_size, 0)
        return found


def day_sheet(*, restaurant: Restaurant, day: date) -> DaySheet:
    """Return the service day DAY of RESTAURANT, parties after midnight among it; at most three queries."""
    table = Timetable.of(restaurant, day)
    found = [
        (row, stage_of(row), table.taken(tuple(getattr(row, name) for name in TAKES)))
        for row in Reservation.objects.filter(table.near(day))
    ]
    present = covers_by_cell(taken for _, stage, taken in found if stage in PRESENT)
    rows = [_sheet_row(table, row, stage, taken) for row, stage, taken in found if table.day_of(taken) == day]
    rows.sort(key=lambda row: (row.starts_at or _NEVER, row.reservation.pk))
    slots = _sheet_slots(table, day, rows, present)
    return DaySheet(restaurant, day, table, tuple(_with_clashes(rows)), tuple(slots))


def service_day_at(restaurant: Restaurant, now: datetime) -> date:
    """Return the day that RESTAURANT is working: yesterday, as long as it is open past midnight; one query."""
    shown = now.astimezone(policy_of(restaurant).zone)
    return Timetable.of(restaurant, shown.date()).service_day(shown.date(), shown.hour * 60 + shown.minute)


def _sheet_row(table: Timetable, row: Reservation, stage: Stage, taken: Taken) -> SheetRow:
    zone = table.policy.zone
    time = f"{taken.starts_at.astimezone(zone):%H:%M}" if taken.starts_at else row.reservation_time
    return SheetRow(row, stage, taken.starts_at, taken.ends_at, time)


def _with_clashes(rows: list[SheetRow]) -> Iterator[SheetRow]:
    """Give the rows, marked where a table is two parties' at a time."""
    holders: dict[int, list[SheetRow]] = {}
    for row in rows:
        for table_id in row.reservation.table_ids if row.stage in PRESENT else ():
            holders.setdefault(table_id, []).append(row)
    clashing = {
        each.reservation.pk
        for held in holders.values()
        for one, other in combinations(held, 2)
        if _overlap(one, other)
        for each in (one, other)
    }
    for row in rows:
        yield replace(row, clashes=row.reservation.pk in clashing)


def _overlap(one: SheetRow, other: SheetRow) -> bool:
    if not (one.starts_at and one.ends_at and other.starts_at and other.ends_at):
        return False
    return one.starts_at < other.ends_at and other.starts_at < one.ends_at


def _sheet_slots(table: Timetable, day: date, rows: list[SheetRow], present: Counter[int]) -> Iterator[SheetSlot]:
    """Give the steps of the day's clock: while it is open, and whenever else somebody comes."""
    step = timedelta(minutes=table.policy.slot_interval_minutes)
    comes: Counter[datetime] = Counter()
    starts = set(_steps(table, day, step))
    for row in rows:
        if row.stage in (Stage.CANCELLED, Stage.NO_SHOW) or row.starts_at is None:
            continue
        at = next((each for each in starts if each <= row.starts_at < each + step), None)
        at = at or row.starts_at - (row.starts_at - _EPOCH) % step
        comes[at] += max(row.reservation.party_size, 0)
    for at in sorted(starts | comes.keys()):
        most = max(present[cell] for cell in cells_of(at, at + step))
        yield SheetSlot(f"{at.astimezone(table.policy.zone):%H:%M}", at, most, comes[at], table.policy.slot_limit)


def _steps(table: Timetable, day: date, step: timedelta) -> Iterator[datetime]:
    for interval in table.hours(day) if 1 < day.year < 9999 else ():
        for minutes in range(interval.opens, interval.closes, step // timedelta(minutes=1)):
            yield table.instant(day, minutes)


def _day_and_time() -> Collate:
    """Return `2026-06-01 09:30` of a row; what cannot be read (`infinity`, `7 pm`) still has its place in the order."""
    day = Coalesce(
        Func(F("reservation_date"), Value("YYYY-MM-DD"), function="to_char", output_field=TextField()),
        Cast("reservation_date", TextField()),
    )
    padded = LPad("reservation_time", Greatest(Length("reservation_time"), Value(5)), Value("0"))
    return Collate(Concat(day, Value(" "), padded, output_field=TextField()), "C")


def _shown_by_clocks(now: datetime) -> Func:
    """Return what the clocks of a row's restaurant show, in the zone that `BookingPolicy.zone` says."""
    # PostgreSQL would fail, for all rows, at one that has no zone.
    zone = Case(
        When(restaurant__booking_policy__time_zone__in=_ZONES, then="restaurant__booking_policy__time_zone"),
        default=Value(settings.RESTAURANT_TIME_ZONE),
        output_field=TextField(),
    )
    local = Func(zone, Value(now), function="timezone", output_field=CharField())
    return Func(local, Value("YYYY-MM-DD HH24:MI"), function="to_char", output_field=TextField())
