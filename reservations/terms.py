"""What holds for one booking: when it begins, its restaurant's policy, and what was promised with it.

Nothing here asks the database where the rows came with `select_related("restaurant__booking_policy", "terms")`.
"""

from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import NamedTuple
from zoneinfo import ZoneInfo

from reservations.models import BookingPolicy, BookingTerms, Reservation, default_time_zone
from restaurants.hours import DAY_MINUTES, minutes_of
from restaurants.models import Restaurant

_MIDNIGHT = datetime.min.time()


def policy_of(restaurant: Restaurant) -> BookingPolicy:
    """Return how RESTAURANT takes bookings: its row, or the defaults."""
    try:
        return restaurant.booking_policy
    except BookingPolicy.DoesNotExist:
        return BookingPolicy(restaurant=restaurant)


def terms_of(reservation: Reservation) -> BookingTerms:
    """Return what was promised with RESERVATION; where another application made it, what the policy says now."""
    try:
        return reservation.terms
    except BookingTerms.DoesNotExist:
        return terms_from(policy_of(reservation.restaurant), reservation)


def terms_from(policy: BookingPolicy, reservation: Reservation) -> BookingTerms:
    """Return new terms of RESERVATION, not saved: what POLICY says now."""
    return BookingTerms(
        reservation=reservation,
        cancel_cutoff_minutes=policy.cancel_cutoff_minutes,
        change_cutoff_minutes=policy.change_cutoff_minutes,
        reminder_hours=policy.reminder_hours,
    )


def starts_at(reservation: Reservation) -> datetime | None:
    """Return the instant at which RESERVATION begins; None if another application wrote no time that can be read."""
    zone = _policy_read(reservation.restaurant).zone
    return start_of(reservation.reservation_date, reservation.reservation_time, zone)


@lru_cache(maxsize=4096)  # of a thousand bookings of a week, most begin when others do
def start_of(day: object, time: str, zone: ZoneInfo) -> datetime | None:
    """Return the instant of a row's date, which may be any text the database can hold, and time."""
    try:
        minutes = minutes_of(time)
    except ValueError:
        return None
    if not isinstance(day, datetime) or minutes == DAY_MINUTES or not 1 < day.year < 9999:
        return None
    return local(day.date(), minutes).replace(tzinfo=zone).astimezone(UTC)


def local(day: date, minutes: int) -> datetime:
    """Return the naive time that a clock shows MINUTES after midnight of DAY."""
    return datetime.combine(day, _MIDNIGHT) + timedelta(minutes=minutes)


def midnight(day: date) -> datetime:
    """Return how `reservation_date` stores DAY."""
    return datetime.combine(day, _MIDNIGHT, tzinfo=UTC)


def span(minutes: int) -> str:
    """Return MINUTES as people say it, in the largest unit that is exact."""
    for length, name in ((DAY_MINUTES, "day"), (60, "hour"), (1, "minute")):
        if minutes % length == 0 and minutes >= length:
            return f"{minutes // length} {name}{'' if minutes == length else 's'}"
    return "0 minutes"


class Moments(NamedTuple):
    """When a booking begins, by which clocks, and until when it can be changed, and cancelled, online; None: never."""

    zone: ZoneInfo
    begins: datetime | None
    change_until: datetime | None = None
    cancel_until: datetime | None = None


def moments_of(reservation: Reservation) -> Moments:
    """Return the moments of RESERVATION."""
    policy = _policy_read(reservation.restaurant)
    zone = policy.zone
    begins = start_of(reservation.reservation_date, reservation.reservation_time, zone)
    if begins is None or reservation.status != Reservation.Status.CONFIRMED:
        return Moments(zone, begins)
    try:
        promised: BookingTerms | BookingPolicy = reservation.terms
    except BookingTerms.DoesNotExist:
        promised = policy
    change, cancel = promised.change_cutoff_minutes, promised.cancel_cutoff_minutes
    return Moments(zone, begins, _before(begins, change), _before(begins, cancel))


def _before(begins: datetime, minutes: int) -> datetime | None:
    try:
        return begins - timedelta(minutes=minutes)
    except OverflowError:  # of some thousand years
        return None


def _policy_read(restaurant: Restaurant) -> BookingPolicy:
    """Return `policy_of` RESTAURANT to be read only: making the same defaults for each row of a list takes its time."""
    try:
        return restaurant.booking_policy
    except BookingPolicy.DoesNotExist:
        return _defaults(default_time_zone())


@lru_cache
def _defaults(time_zone: str) -> BookingPolicy:
    return BookingPolicy(time_zone=time_zone)
