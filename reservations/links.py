"""The link by which whoever reads the mail of a booking manages it, with or without an account."""

from datetime import datetime, timedelta
from typing import Any

from django.utils import timezone

from config.links import LinkExpired, LinkInvalid, fingerprint, fingerprint_holds, link_read, register
from reservations.models import Reservation
from reservations.selectors import reservations_shown

PURPOSE = "manage-booking"
# How long after its day a booking can still be looked at by its link.
KEPT = timedelta(days=30)


def register_links() -> None:
    """Say what links of this app there are."""
    register(PURPOSE, path="/booking/{token}", claims=booking_claims)


def booking_claims(argument: str, to: str) -> dict[str, Any] | None:
    """Return what a link claims in a mail about booking ARGUMENT; None if it is cancelled, or no more of address TO."""
    reservation = Reservation.objects.filter(pk=int(argument), status=Reservation.Status.CONFIRMED).first()
    if reservation is None or not is_address_of(reservation, to):
        return None
    return claims_of(reservation)


def is_address_of(reservation: Reservation, to: str) -> bool:
    """Tell whether mail about RESERVATION goes to the address TO."""
    return _address(reservation.customer_email) == _address(to)


def claims_of(reservation: Reservation) -> dict[str, Any]:
    """Return what a link to RESERVATION claims: worth nothing any more once its address is another, or gone."""
    return {"booking": reservation.pk, "proof": fingerprint(PURPOSE, _told(reservation))}


def booking_of(token: str) -> Reservation:
    """Return the booking that TOKEN manages; raises LinkInvalid, and LinkExpired 30 days after its day."""
    claims = link_read(PURPOSE, token)
    reservation = reservations_shown().filter(pk=int(claims["booking"])).first()
    if reservation is None or not reservation.customer_email:
        raise LinkInvalid
    if not fingerprint_holds(str(claims["proof"]), PURPOSE, _told(reservation)):
        raise LinkInvalid
    day = reservation.reservation_date
    if not isinstance(day, datetime) or day < timezone.now() - KEPT:
        raise LinkExpired
    return reservation


def _told(reservation: Reservation) -> str:
    """Return what a link depends on: that the booking is of this address."""
    return f"{reservation.pk}:{_address(reservation.customer_email)}"


def _address(email: str | None) -> str:
    return (email or "").strip().lower()
