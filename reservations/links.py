"""The link by which whoever reads the mail of a booking manages it, with or without an account."""

from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.utils import timezone
from django.utils.crypto import salted_hmac

from config.links import LinkExpired, LinkInvalid, link_read, register
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
    if reservation is None or _proof(reservation) != _fingerprint(reservation.pk, to):
        return None
    return claims_of(reservation)


def claims_of(reservation: Reservation) -> dict[str, Any]:
    """Return what a link to RESERVATION claims: worth nothing any more once its address is another, or gone."""
    return {"booking": reservation.pk, "proof": _proof(reservation)}


def booking_of(token: str) -> Reservation:
    """Return the booking that TOKEN manages; raises LinkInvalid, and LinkExpired 30 days after its day."""
    claims = link_read(PURPOSE, token)
    reservation = reservations_shown().filter(pk=int(claims["booking"])).first()
    if reservation is None or not reservation.customer_email or claims["proof"] != _proof(reservation):
        raise LinkInvalid
    day = reservation.reservation_date
    if not isinstance(day, datetime) or day < timezone.now() - KEPT:
        raise LinkExpired
    return reservation


def _proof(reservation: Reservation) -> str:
    return _fingerprint(reservation.pk, reservation.customer_email or "")


def _fingerprint(reservation_id: int, email: str) -> str:
    """Return what shows that an address is that of a booking, without telling it to whoever tries addresses out."""
    told = f"{reservation_id}:{email.strip().lower()}"
    return salted_hmac(PURPOSE, told, secret=settings.PORTAL_SIGNING_KEY, algorithm="sha256").hexdigest()[:32]
