"""What a customer does that concerns several apps; each function is one transaction, and locks the person first."""

from django.db import transaction
from django.utils import timezone

from customers import services as accounts
from customers.models import Customer
from orders.forgetting import customer_forget
from reservations.guests import bookings_ahead, by_address, guest_bookings_claim, keys_locked
from reservations.models import Reservation
from reservations.services import Actor


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
        ahead = by_address(bookings_ahead(customer), former)
        Reservation.objects.filter(pk__in=keys_locked(ahead)).update(
            customer_email=customer.email, updated_at=timezone.now()
        )
        guest_bookings_claim(customer=customer)
        return customer


def customer_anonymise(*, customer: Customer, password: str) -> None:
    """Take everything out that tells who a customer is, for good, as `customer_forget` says.

    Raises ValidationError for a wrong password, and PastCutoff, having done nothing, while there is a booking that is
    too near to be cancelled.
    """
    accounts.customer_prove_password(customer=customer, password=password)
    with transaction.atomic():
        customer_forget(customer=accounts.customer_locked_as_proved(customer), actor=Actor("customer", customer.pk))
