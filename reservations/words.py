"""A booking in words: for mails and for the page that manages it."""

from datetime import datetime

from django.utils import timezone
from django.utils.dateformat import format as format_date

from reservations.models import Reservation
from reservations.terms import moments_of, policy_of, starts_at
from restaurants.models import Restaurant


def when(reservation: Reservation) -> str:
    """Return when RESERVATION is, by its restaurant's clocks: as far as it can be read."""
    begins = starts_at(reservation)
    if begins is not None:
        return moment(reservation, begins)
    day = reservation.reservation_date
    return f"{format_date(day, 'l, j F Y') if isinstance(day, datetime) else day}, {reservation.reservation_time}"


def moment(reservation: Reservation, instant: datetime) -> str:
    """Return INSTANT by the clocks of the restaurant of RESERVATION."""
    return format_date(instant.astimezone(policy_of(reservation.restaurant).zone), "l, j F Y, H:i")


def people(party_size: int) -> str:
    """Return how many come."""
    return "1 person" if party_size == 1 else f"{party_size} people"


def limits(reservation: Reservation) -> str:
    """Return until when RESERVATION can be changed and cancelled online, and what to do after that."""
    now, moments = timezone.now(), moments_of(reservation)
    change, cancel = (
        moment(reservation, until) if until and until > now else ""
        for until in (moments.change_until, moments.cancel_until)
    )
    told = [
        *([f"You can change or cancel it online until {change}."] if change and change == cancel else []),
        *([f"You can change it online until {change}."] if change and change != cancel else []),
        *([f"You can cancel it online until {cancel}."] if cancel and change != cancel else []),
    ]
    after = "After that, please call." if told else "To change or cancel it now, please call."
    return " ".join([*told, after])


def address_of(restaurant: Restaurant) -> str:
    """Return where RESTAURANT is, on one line."""
    town = " ".join(filter(None, (restaurant.zip_code, restaurant.city)))
    return ", ".join(" ".join(part.split()) for part in (restaurant.address, town, restaurant.country) if part)
