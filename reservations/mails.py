"""The mails about a booking, in its restaurant's name.

Each is queued in the caller's transaction. None holds what whoever booked typed, name and wishes: with somebody else's
address that would be a way to send them anything; what staff say on cancelling is told. The link that manages the
booking is signed at delivery (`reservations/links.py`), and so is made what goes into calendars.
"""

from config import attachments
from config.mail import mail_queue
from reservations.links import is_address_of
from reservations.models import Reservation
from reservations.selectors import reservations_shown
from reservations.terms import starts_at
from reservations.words import address_of, limits, people, when

# The kinds of files: a booking that is put into a calendar or changed there, and one that is taken out.
_BOOKED, _CANCELLED = "booking", "booking-cancelled"


def register_files() -> None:
    """Say what files of this app mails hold."""
    attachments.register(_BOOKED, lambda booking, to: _invitation(booking, to, Reservation.Status.CONFIRMED))
    attachments.register(_CANCELLED, lambda booking, to: _invitation(booking, to, Reservation.Status.CANCELLED))


def mail_confirmed(reservation: Reservation) -> None:
    """Tell whose booking it is that the table is booked; not delivered any more once it is cancelled or over."""
    _queue("booking-confirmed", reservation, file=_BOOKED)


def mail_changed(reservation: Reservation) -> None:
    """Tell whose booking it is what it is now; not delivered any more once it is cancelled or over."""
    _queue("booking-changed", reservation, file=_BOOKED)


def mail_cancelled(reservation: Reservation, words: str = "") -> None:
    """Tell whose booking it was that it is cancelled, whoever did that, with the WORDS of staff."""
    _queue("booking-cancelled", reservation, words, file=_CANCELLED)


def mail_reminder(reservation: Reservation) -> None:
    """Remind whose booking it is; not delivered any more once it is cancelled or over."""
    _queue("booking-reminder", reservation)


def _invitation(booking: str, to: str, status: Reservation.Status) -> attachments.Attachment | None:
    """Return what a calendar does with a booking; None if it has another STATUS by now, address, or no time at all."""
    from reservations import ics  # which takes a tenth of a second to load, in this process alone

    reservation = reservations_shown().filter(pk=int(booking), status=status).first()
    if reservation is None or not is_address_of(reservation, to):
        return None
    return ics.invitation(reservation, to)


def _queue(template: str, reservation: Reservation, words: str = "", file: str = "") -> None:
    """Queue a mail to the address of RESERVATION; none where it has no address, as those booked on the phone."""
    if not reservation.customer_email:
        return
    restaurant = reservation.restaurant
    mail_queue(
        to=reservation.customer_email,
        template=template,
        context={
            "booking": reservation.pk,
            "when": when(reservation),
            "party": people(reservation.party_size),
            "address": address_of(restaurant),
            "phone": restaurant.phone or "",
            "limits": limits(reservation),
            "words": words,
        },
        sender=restaurant.name,
        reply_to=restaurant.email or "",
        expires_at=starts_at(reservation),
        files=[(file, reservation.pk)] if file else [],
    )
