"""A booking as an iCalendar file (RFC 5545), which any calendar takes and later replaces by a newer one."""

from datetime import datetime, timedelta
from email.utils import parseaddr
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from django.conf import settings
from icalendar import Calendar, Event, vCalAddress

from config.attachments import Attachment
from config.mail import is_address
from reservations.models import Reservation
from reservations.terms import starts_at, terms_of
from reservations.words import address_of
from restaurants.hours import DAY_MINUTES
from restaurants.models import Restaurant

CONTENT_TYPE = "text/calendar; charset=utf-8"


def reservation_calendar(reservation: Reservation) -> bytes | None:
    """Return RESERVATION as a calendar of one event, the same for the same booking; None if its time cannot be read.

    A calendar replaces what it has under the same UID by what has a higher SEQUENCE, and takes a cancelled event out.
    Times are in UTC, which every calendar shows right wherever its owner is.
    """
    return _calendar(reservation, "CANCEL" if _is_cancelled(reservation) else "PUBLISH")


def invitation(reservation: Reservation, to: str) -> Attachment | None:
    """Return the same for a mail to the guest's address TO (RFC 6047): with whom it concerns, who need not answer."""
    method = "CANCEL" if _is_cancelled(reservation) else "REQUEST"
    content = _calendar(reservation, method, _attendee(to))
    if content is None:
        return None
    return Attachment(f"reservation-{reservation.pk}.ics", content.decode(), f"text/calendar; method={method}")


def _calendar(reservation: Reservation, method: str, attendee: vCalAddress | None = None) -> bytes | None:
    begins = starts_at(reservation)
    if begins is None:
        return None
    calendar = Calendar()
    calendar.add("version", "2.0")
    calendar.add("prodid", "-//Restaurants//Reservations//EN")
    calendar.add("method", method)
    event = Event()
    for name, value in _lines(reservation, begins).items():
        event.add(name, value)
    if attendee is not None:
        event.add("attendee", attendee)
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
        "organizer": vCalAddress(f"mailto:{_organizer(restaurant)}"),
    }


def _organizer(restaurant: Restaurant) -> str:
    """Return where an answer goes: another application may have written anything in place of an address."""
    if restaurant.email and is_address(restaurant.email):
        return restaurant.email
    return parseaddr(settings.DEFAULT_FROM_EMAIL)[1]


def _attendee(address: str) -> vCalAddress:
    """Return the guest, who has accepted by booking."""
    attendee = vCalAddress(f"mailto:{address}")
    attendee.params |= {"PARTSTAT": "ACCEPTED", "RSVP": "FALSE"}
    return attendee


def _is_cancelled(reservation: Reservation) -> bool:
    return bool(reservation.status == Reservation.Status.CANCELLED)
