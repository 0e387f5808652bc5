"""What staff do with a customer's account: each is one transaction, with its line in the customer's history."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.contrib.admin.models import CHANGE, LogEntry
from django.db import transaction

from config.throttles import throttle
from customers.locks import changes_are_by, customer_locked
from customers.models import Customer
from customers.selectors import open_sessions
from customers.services import customer_close, customer_open, password_forgotten, verification_resend
from customers.sessions import session_end, sessions_end
from orders.forgetting import customer_forget
from reservations.services import Actor

# Of the same mail to the same customer, one in so many seconds.
MAIL_SECONDS = 5 * 60
# Why a log-in ended.
BY_STAFF = "ended by staff"


class NotPossible(Exception):
    """The account is not in the state in which this can be done; the message says what to do."""


@dataclass(frozen=True)
class Act:
    """Something staff do with an account: the button's LABEL, the RIGHT it takes, and what the history says then."""

    label: str
    right: str
    done: str
    possible: Callable[[Customer], bool]
    do: Callable[[Customer], Any]
    hint: str = ""


ACTS = {
    "reset": Act(
        "Send reset mail",
        "mail",
        "A mail with a link to set a new password was queued.",
        lambda customer: customer.is_active,
        lambda customer: password_forgotten(email=customer.email),
        "A link to set a new password, good for an hour, goes to the customer's address.",
    ),
    "verify": Act(
        "Resend verification",
        "mail",
        "The mail that proves the address was queued again.",
        lambda customer: customer.is_active and not customer.email_verified,
        lambda customer: verification_resend(email=customer.email),
        "The link that proves the address, good for three days, goes there again.",
    ),
    "end": Act(
        "End all log-ins",
        "account",
        "All log-ins were ended.",
        lambda customer: open_sessions(customer).exists(),
        lambda customer: sessions_end(customer=customer, reason=BY_STAFF),
        "Every device has to log in again, at once.",
    ),
    "close": Act(
        "Deactivate",
        "account",
        "The account was closed.",
        lambda customer: customer.is_active,
        lambda customer: customer_close(customer=customer),
        "Nobody gets in any more, and all log-ins end; bookings stay. It can be activated again here.",
    ),
    "open": Act(
        "Activate again",
        "account",
        "The account was opened again.",
        lambda customer: not customer.is_active and customer.anonymized_at is None,
        lambda customer: customer_open(customer=customer),
        "The customer gets in again with the password there was.",
    ),
}


def account_act(*, customer: Customer, act: Act, staff_id: int) -> str:
    """Do ACT, and return what the history of the customer says of it now.

    Raises NotPossible where the account is not in a state for it, TooManyRequests for a mail that was queued just now.
    """
    if act.right == "mail":
        throttle(act.label, str(customer.pk), limit=1, seconds=MAIL_SECONDS)
    with transaction.atomic():
        changes_are_by(f"staff {staff_id}")
        row = customer_locked(customer.pk)
        if not act.possible(row):
            raise NotPossible("Look at the account again: somebody has changed it meanwhile.")
        act.do(row)
        history_note(customer=row, staff_id=staff_id, said=act.done)
    return act.done


def account_session_end(*, customer: Customer, session_id: UUID, staff_id: int) -> str:
    """End one log-in of CUSTOMER, and return what the history says of it; raises NotPossible if it had ended."""
    said = "A log-in was ended."
    with transaction.atomic():
        if not session_end(customer=customer, session_id=session_id, reason=BY_STAFF):
            raise NotPossible("This log-in had ended already.")
        history_note(customer=customer, staff_id=staff_id, said=said)
    return said


def account_anonymise(*, customer: Customer, staff_id: int) -> str:
    """Forget CUSTOMER for good, and return what the history says of it.

    Raises NotPossible for whoever is forgotten already, PastCutoff while a booking has to be cancelled by hand first.
    """
    said = "The customer was anonymised."
    with transaction.atomic():
        changes_are_by(f"staff {staff_id}")
        if not customer_forget(customer=customer, actor=Actor("staff", staff_id)):
            raise NotPossible("This customer is anonymised already.")
        history_note(customer=Customer.objects.get(pk=customer.pk), staff_id=staff_id, said=said)
    return said


def history_note(*, customer: Customer, staff_id: int, said: str) -> None:
    """Write a line into the history of CUSTOMER that the admin shows."""
    LogEntry.objects.log_actions(staff_id, [customer], CHANGE, change_message=said, single_object=True)
