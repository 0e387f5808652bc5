"""To forget a customer: everything goes that tells who it was, in whatever table of the applications."""

from contextlib import suppress

from django.contrib.admin.models import LogEntry
from django.db import transaction
from django.utils import timezone
from post_office.models import Email

from customers.locks import customer_locked
from customers.models import Customer, CustomerChange
from customers.services import customer_anonymise
from orders.models import Order, OrderItem
from reservations.errors import NotChangeable
from reservations.guests import bookings_ahead, guest_bookings_claim, keys_locked
from reservations.idempotency import idempotency_keys_forget
from reservations.models import IdempotencyKey, Reservation
from reservations.services import Actor, booking_persons_forget, reservation_cancel

NOBODY = "Anonymised guest"


def customer_forget(*, customer: Customer, actor: Actor) -> bool:
    """Take everything out that tells who a customer is, for good; reservations and orders stay, without a name.

    What is booked ahead is cancelled first, by ACTOR. Returns False, having done nothing, for whoever is forgotten
    already. Raises PastCutoff, having done nothing, while there is a booking that ACTOR may not cancel any more.
    """
    with transaction.atomic():
        customer = customer_locked(customer.pk)
        if customer.anonymized_at is not None:
            return False
        address = customer.email
        if customer.email_verified:
            guest_bookings_claim(customer=customer)
            # Answers to guests are kept by restaurant.
            IdempotencyKey.objects.filter(body__text__icontains=f'"{address}"').delete()
        _bookings_cancel(customer, actor)
        _bookings_anonymise(customer)
        customer_anonymise(customer=customer)
        Email.objects.filter(to__iexact=address).delete()
        # The admin's history keeps how a row was called when it was changed.
        history = LogEntry.objects.filter(content_type__app_label="customers", content_type__model="customer")
        history.filter(object_id=str(customer.pk)).update(object_repr=str(customer))
        idempotency_keys_forget(scope=f"customer:{customer.pk}")
        # Answers to staff are kept by who asked.
        IdempotencyKey.objects.filter(body__text__icontains=f'"customer_id":{customer.pk},').delete()
        # The last: what was done until here has been noted, with what stood there before.
        CustomerChange.objects.filter(customer=customer).delete()
    return True


def _bookings_cancel(customer: Customer, actor: Actor) -> None:
    """Cancel what is booked ahead, in the order of the keys; raises PastCutoff."""
    for booking in bookings_ahead(customer).order_by("pk"):
        with suppress(NotChangeable):  # it has begun
            reservation_cancel(reservation=booking, actor=actor)


def _bookings_anonymise(customer: Customer) -> None:
    """Take the person out of reservations and orders, in the order of their keys."""
    nobody = {"customer_name": NOBODY, "notes": None, "updated_at": timezone.now()}
    person = dict.fromkeys(("customer_phone", "customer_email", "special_requests", "guest_notes"))
    bookings = keys_locked(customer.reservations)
    Reservation.objects.filter(pk__in=bookings).update(**nobody, **person)
    booking_persons_forget(reservations=bookings)
    orders = keys_locked(customer.orders)
    Order.objects.filter(pk__in=orders).update(**nobody)
    OrderItem.objects.filter(order__in=orders, notes__isnull=False).update(notes=None)
    # Why an order was cancelled, and what was noted of a dish, staff typed as they liked.
    history = LogEntry.objects.filter(content_type__app_label="orders", content_type__model="order")
    history.filter(object_id__in=[str(order) for order in orders]).update(change_message="")
