"""What is read of customers."""

from collections.abc import Callable  # separation: line
from datetime import datetime

from django.db.models import QuerySet, Value
from django.db.models.functions import Lower
from django.utils import timezone

from config.compiled import Compiled
from config.plugins import plugged  # separation: line
from customers.models import Customer, CustomerProfile, CustomerSession

BLANKS = " \t\n\r\f\v"


def customer_by_email(email: str) -> Customer | None:
    """Return the customer with this EMAIL, in whatever case and with whatever blanks around it."""
    # separation: begin
    if moves := plugged("customer_missing"):
        return _found_or_moved(email, moves)
    # separation: end
    return _by_email(email)


def profile_of(customer: Customer) -> CustomerProfile:
    """Return the profile of CUSTOMER: an empty one, that is in no table, where there is none."""
    return CustomerProfile.objects.filter(customer=customer).first() or CustomerProfile(customer=customer)


def live_sessions(now: datetime) -> QuerySet[CustomerSession]:
    """Return the log-ins that hold at NOW, with their customers: not ended, not over, of somebody active."""
    return CustomerSession.objects.select_related("customer").filter(
        revoked_at__isnull=True,
        expires_at__gt=now,
        customer__is_active=True,
        customer__anonymized_at__isnull=True,
        customer__id__gt=0,
    )


def open_sessions(customer: Customer) -> QuerySet[CustomerSession]:
    """Return the log-ins of CUSTOMER that are neither ended nor over."""
    sessions: QuerySet[CustomerSession] = customer.sessions.filter(revoked_at=None, expires_at__gt=timezone.now())
    return sessions


# separation: begin
def _found_or_moved(email: str, moves: list[Callable[[str], None]]) -> Customer | None:
    """Return the customer; somebody who is in the old application only is moved now, and then found."""
    customer = _by_email(email)
    for move in moves if customer is None else ():
        move(email)
        customer = _by_email(email)
    return customer


# separation: end
def _by_email(email: str) -> Customer | None:
    return next(iter(_WITH_EMAIL(email=email.strip(BLANKS))), None)


def _with_email(email: str) -> QuerySet[Customer]:
    return Customer.objects.alias(key=Lower("email")).filter(key=Lower(Value(email)))


_WITH_EMAIL = Compiled(_with_email, email="nobody")
