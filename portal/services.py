"""What a customer does that concerns several apps; each function is one transaction, and locks the person first."""

from contextlib import suppress
from datetime import timedelta
from typing import Any

from django.contrib.admin.models import LogEntry
from django.db import transaction
from django.db.models import QuerySet, Value
from django.db.models.functions import Lower
from django.utils import timezone
from post_office.models import Email

from customers import services as accounts
from customers.models import Customer
from orders.models import Order, OrderItem
from reservations.errors import NotChangeable
from reservations.idempotency import idempotency_keys_forget
from reservations.models import BookingLog, IdempotencyKey, Reservation
from reservations.services import PORTAL_GUEST, Actor, booking_persons_forget, reservation_cancel

NOBODY = "Anonymised guest"


def email_verify(*, token: str) -> Customer:
    """Note that an address is proved; the guest bookings made with it join the account. Raises LinkInvalid."""
    with transaction.atomic():
        customer = accounts.email_verify(token=token)
        guest_bookings_claim(customer=customer)
        return customer


def password_reset(*, token: str, new_password: str) -> None:
    """Set a password by a mail, which proves its address. Raises LinkInvalid, or ValidationError for the password."""
    with transaction.atomic():
        guest_bookings_claim(customer=accounts.password_reset(token=token, new_password=new_password))


def email_confirm(*, token: str) -> Customer:
    """Give a customer the new address that is proved now, and to it the mails of what is booked ahead.

    Raises as customers.services.email_confirm does.
    """
    with transaction.atomic():
        customer, former = accounts.email_confirm(token=token)
        ahead = _by_address(_ahead(customer), former)
        Reservation.objects.filter(pk__in=_locked(ahead)).update(
            customer_email=customer.email, updated_at=timezone.now()
        )
        guest_bookings_claim(customer=customer)
        return customer


def guest_bookings_claim(*, customer: Customer) -> int:
    """Give a customer, whose address is proved, what was booked with it without an account; return how many."""
    bookings = _locked(guest_bookings(email=customer.email))
    claimed = {"before": {"customer_id": None}, "after": {"customer_id": customer.pk}}
    BookingLog.objects.bulk_create(
        BookingLog(reservation_id=each, action="changed", actor_kind="customer", actor_id=customer.pk, **claimed)
        for each in bookings
    )
    return Reservation.objects.filter(pk__in=bookings).update(customer=customer, updated_at=timezone.now())


def guest_bookings(*, email: str) -> QuerySet[Reservation]:
    """Return what was booked with an address without an account, and nobody has claimed."""
    return _by_address(Reservation.objects.filter(customer=None, source=PORTAL_GUEST), email)


def customer_anonymise(*, customer: Customer, password: str) -> None:
    """Take everything out that tells who a customer is, for good; reservations and orders stay, without a name.

    What is booked ahead is cancelled first. Raises ValidationError for a wrong password, and PastCutoff, having done
    nothing, while there is a booking that is too near to be cancelled.
    """
    accounts.customer_prove_password(customer=customer, password=password)
    with transaction.atomic():
        customer = accounts.customer_locked_as_proved(customer)
        address = customer.email
        if customer.email_verified:
            guest_bookings_claim(customer=customer)
            # Answers to guests are kept by restaurant.
            IdempotencyKey.objects.filter(body__text__icontains=f'"{address}"').delete()
        _bookings_cancel(customer)
        _bookings_anonymise(customer)
        accounts.customer_anonymise(customer=customer)
        Email.objects.filter(to__iexact=address).delete()
        # The admin's history keeps how a row was called when it was changed.
        history = LogEntry.objects.filter(content_type__app_label="customers", content_type__model="customer")
        history.filter(object_id=str(customer.pk)).update(object_repr=str(customer))
        idempotency_keys_forget(scope=f"customer:{customer.pk}")


def _bookings_cancel(customer: Customer) -> None:
    """Cancel what is booked ahead, in the order of the keys; raises PastCutoff."""
    for booking in _ahead(customer).order_by("pk"):
        with suppress(NotChangeable):  # it has begun
            reservation_cancel(reservation=booking, actor=Actor("customer", customer.pk))


def _bookings_anonymise(customer: Customer) -> None:
    """Take the person out of reservations and orders, in the order of their keys."""
    nobody = {"customer_name": NOBODY, "notes": None, "updated_at": timezone.now()}
    person = dict.fromkeys(("customer_phone", "customer_email", "special_requests", "guest_notes"))
    bookings = _locked(customer.reservations)
    Reservation.objects.filter(pk__in=bookings).update(**nobody, **person)
    booking_persons_forget(reservations=bookings)
    orders = _locked(customer.orders)
    Order.objects.filter(pk__in=orders).update(**nobody)
    OrderItem.objects.filter(order__in=orders, notes__isnull=False).update(notes=None)


def _ahead(customer: Customer) -> QuerySet[Reservation]:
    """Return what is booked for today, wherever that is, and later."""
    yesterday = timezone.now() - timedelta(days=2)
    bookings: QuerySet[Reservation] = customer.reservations.filter(reservation_date__gte=yesterday)
    return bookings.filter(status=Reservation.Status.CONFIRMED)


def _by_address(bookings: QuerySet[Reservation], email: str) -> QuerySet[Reservation]:
    return bookings.alias(address=Lower("customer_email")).filter(address=Lower(Value(email)))


def _locked(rows: Any) -> list[int]:
    """Return the keys of rows, which are locked in that order until the transaction ends."""
    return list(rows.select_for_update(no_key=True).order_by("pk").values_list("pk", flat=True))
