"""What was booked without an account, and becomes a customer's once their address is proved."""

from datetime import timedelta
from typing import Any

from django.db import transaction
from django.db.models import QuerySet, Value
from django.db.models.functions import Lower
from django.utils import timezone

from customers.models import Customer
from reservations.models import BookingLog, Reservation
from reservations.services import PORTAL_GUEST


def guest_bookings_claim(*, customer: Customer) -> int:
    """Give a customer, whose address is proved, what was booked with it without an account; return how many."""
    with transaction.atomic():
        bookings = keys_locked(guest_bookings(email=customer.email))
        claimed = {"before": {"customer_id": None}, "after": {"customer_id": customer.pk}}
        BookingLog.objects.bulk_create(
            BookingLog(reservation_id=each, action="changed", actor_kind="customer", actor_id=customer.pk, **claimed)
            for each in bookings
        )
        return Reservation.objects.filter(pk__in=bookings).update(customer=customer, updated_at=timezone.now())


def guest_bookings(*, email: str) -> QuerySet[Reservation]:
    """Return what was booked with an address without an account, and nobody has claimed."""
    return by_address(Reservation.objects.filter(customer=None, source=PORTAL_GUEST), email)


def by_address(bookings: QuerySet[Reservation], email: str) -> QuerySet[Reservation]:
    """Return those of BOOKINGS that were made with EMAIL, in whatever case."""
    return bookings.alias(address=Lower("customer_email")).filter(address=Lower(Value(email)))


def keys_locked(rows: Any) -> list[int]:
    """Return the keys of rows, which are locked in that order until the transaction ends."""
    return list(rows.select_for_update(no_key=True).order_by("pk").values_list("pk", flat=True))


def bookings_ahead(customer: Customer) -> QuerySet[Reservation]:
    """Return what a customer has booked for today, wherever that is, and later."""
    bookings: QuerySet[Reservation] = customer.reservations.filter(status=Reservation.Status.CONFIRMED)
    return bookings.filter(reservation_date__gte=timezone.now() - timedelta(days=2))
