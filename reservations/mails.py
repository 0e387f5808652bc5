"""The mails about bookings, queued in the transaction that causes them."""

from reservations.models import Reservation


def mail_confirmed(reservation: Reservation) -> None:
    """Tell the guest that the table is booked."""


def mail_changed(reservation: Reservation) -> None:
    """Tell the guest what the booking is now."""


def mail_cancelled(reservation: Reservation) -> None:
    """Tell the guest that the booking is cancelled."""
