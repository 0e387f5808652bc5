"""What a booking of staff goes beyond: staff may, but only knowingly.

The least notice, the smallest party and until when a booking can be changed or cancelled are for who books online; so
is the grid on which slots begin. Everything else a restaurant has said holds for staff too, until they confirm.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta

from config.api.problems import FieldError
from reservations import errors
from reservations.availability import CELL, Room, Slot, Timetable
from restaurants.hours import DAY_MINUTES, clock


@dataclass(frozen=True)
class Excess:
    """One thing a booking goes beyond: the code of what a guest would be refused with, and a sentence with figures."""

    code: str
    detail: str


NOTHING: tuple[Excess, ...] = ()


def staff_slot(table: Timetable, day: date, minutes: int, party_size: int, duration_minutes: int | None = None) -> Slot:
    """Return the time that a party would sit, on or off the grid; raises OutsideHours for one that clocks skip."""
    if not 1 < day.year < 9999:
        raise errors.OutsideHours(f"{day} is no day that can be booked.")
    service_day = table.service_day(day, minutes)
    after_midnight = DAY_MINUTES if service_day < day else 0
    slot = table.slot(service_day, minutes + after_midnight, party_size)
    if slot is None:
        raise errors.OutsideHours(f"There is no {clock(minutes)} on {day}: the clocks are put forward.")
    if duration_minutes is None:
        return slot
    return replace(slot, ends_at=slot.starts_at + timedelta(minutes=duration_minutes))


def excesses(table: Timetable, slot: Slot, party_size: int, now: datetime | None, room: Room) -> tuple[Excess, ...]:
    """Return what a party at SLOT goes beyond, with what is taken of ROOM; nothing if a guest could have it.

    Without NOW only how many they are is asked: of a party that keeps its time.
    """
    of_time = (*_of_time(table, slot, now), *_of_hours(table, slot)) if now else ()
    return (*of_time, *_of_size(table, party_size), *_of_room(room, slot, party_size))


def require_within(found: tuple[Excess, ...]) -> None:
    """Raise BeyondPolicy for what was FOUND."""
    if found:
        told = " ".join(each.detail for each in found)
        raise errors.BeyondPolicy(told, [FieldError("", each.code, each.detail) for each in found])


def _of_time(table: Timetable, slot: Slot, now: datetime) -> Iterator[Excess]:
    # A party that stands in the door is booked for the quarter of an hour that has begun.
    if slot.starts_at < now - timedelta(minutes=15):
        yield Excess(errors.TooSoon.code, f"{slot.day} {slot.time} has passed.")
    if slot.starts_at > now + timedelta(days=table.policy.horizon_days):
        yield Excess(errors.TooFar.code, f"Bookings are taken {table.policy.horizon_days} days ahead.")


def _of_hours(table: Timetable, slot: Slot) -> Iterator[Excess]:
    hours = table.hours(slot.service_day)
    if not hours:
        yield Excess(errors.Closed.code, f"Closed on {slot.service_day}. {table.note(slot.service_day)}".strip())
        return
    open_ = ", ".join(map(str, hours))
    for interval in hours:
        opens, closes = table.opened(slot.service_day, interval)
        if opens <= slot.starts_at < closes:
            if slot.ends_at > closes:
                stays = slot.ends_at.astimezone(table.policy.zone)
                yield Excess(errors.OutsideHours.code, f"The party would stay until {stays:%H:%M}; open {open_}.")
            return
    yield Excess(errors.OutsideHours.code, f"{slot.time} is outside the hours of {slot.service_day}: open {open_}.")


def _of_size(table: Timetable, party_size: int) -> Iterator[Excess]:
    if party_size > table.policy.max_party_size:
        yield Excess(
            errors.PartyTooLarge.code,
            f"{party_size} people are more than the {table.policy.max_party_size} of the largest party taken online.",
        )


def _of_room(room: Room, slot: Slot, party_size: int) -> Iterator[Excess]:
    policy = room.table.policy
    if policy.day_limit is not None and (people := room.by_day[slot.service_day] + party_size) > policy.day_limit:
        told = f"{slot.service_day} would have {people} people; the limit is {policy.day_limit}."
        yield Excess(errors.DayFull.code, told)
    if policy.slot_limit is None:
        return
    peak = max(slot.cells, key=lambda cell: room.by_cell[cell])
    if room.by_cell[peak] + party_size > policy.slot_limit:
        at = datetime.fromtimestamp(peak * CELL.total_seconds(), UTC).astimezone(policy.zone)
        told = f"{room.by_cell[peak] + party_size} people would sit at {at:%H:%M}; the limit is {policy.slot_limit}."
        yield Excess(errors.SlotFull.code, told)
