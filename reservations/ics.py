"""A booking as an iCalendar file (RFC 5545), which any calendar takes and later replaces by a newer one."""

from datetime import datetime, timedelta
from email.utils import parseaddr
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from django.conf import settings
from icalendar import Calendar, Event, vCalAddress

from reservations.models import Reservation
from reservations.terms import starts_at, terms_of
from reservations.words import address_of
from restaurants.hours import DAY_MINUTES

CONTENT_TYPE = "text/calendar; charset=utf-8"


def reservation_calendar(reservation: Reservation) -> bytes | None:
    """Return RESERVATION as a calendar of one event, the same for the same booking; None if its time cannot be read.

    A calendar replaces what it has under the same UID by what has a higher SEQUENCE, and takes a cancelled event out.
    Times are in UTC, which every calendar shows right wherever its owner is.
    """
    begins = starts_at(reservation)
    if begins is None:
        return None
    calendar = Calendar()
    calendar.add("version", "2.0")
    calendar.add("prodid", "-//Restaurants//Reservations//EN")
    calendar.add("method", "CANCEL" if _is_cancelled(reservation) else "PUBLISH")
    event = Event()
    for name, value in _lines(reservation, begins).items():
        event.add(name, value)
    calendar.add_component(event)
    content: bytes = calendar.to_ical()
    return content


def _lines(reservation: Reservation, begins: datetime) -> dict[str, Any]:
    restaurant = reservation.restaurant
    changed = reservation.updated_at if isinstance(reservation.updated_at, datetime) else begins
    return {
        # Of this row, in this database, for ever: ids alone are in other databases too.
        "uid": str(uuid5(NAMESPACE_URL, f"reservation:{reservation.pk}:{reservation.created_at}")),
        "sequence": terms_of(reservation).sequence,
        "status": "CANCELLED" if _is_cancelled(reservation) else "CONFIRMED",
        "dtstamp": changed,
        "dtstart": begins,
        "duration": timedelta(minutes=min(max(reservation.duration_minutes, 1), DAY_MINUTES)),
        "summary": f"Table for {reservation.party_size} at {restaurant.name}",
        "location": ", ".join(filter(None, (restaurant.name, address_of(restaurant)))),
        "contact": restaurant.phone or restaurant.name,
        "organizer": vCalAddress(f"mailto:{restaurant.email or parseaddr(settings.DEFAULT_FROM_EMAIL)[1]}"),
    }


def _is_cancelled(reservation: Reservation) -> bool:
    return bool(reservation.status == Reservation.Status.CANCELLED)
