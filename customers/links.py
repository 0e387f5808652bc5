"""The links of a customer's mails: what each carries, for whom it is delivered, and what ends it.

A link carries the customer's id and a fingerprint of the columns that its use changes, or that have to stay as they
are: so each works once, and not after a change that it was not meant to survive. They are made when the mail is
delivered, for the customer who has the address by then; for nobody, no mail is sent.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from config.links import LinkInvalid, fingerprint, fingerprint_holds, link_read, register
from customers.locks import customer_locked
from customers.models import Customer
from customers.selectors import customer_by_email


@dataclass(frozen=True)
class Link:
    """One purpose of links, as customers know it."""

    purpose: str
    path: str
    lasts: timedelta
    bound_to: tuple[str, ...]
    usable: Callable[[Customer], bool]

    def claims(self, customer: Customer) -> dict[str, Any] | None:
        """Return what the link of CUSTOMER carries, or None if it would be of no use."""
        if not self.usable(customer):
            return None
        return {"customer": customer.pk, "state": fingerprint(self.purpose, self._state(customer))}

    def claims_for(self, _argument: str, to: str) -> dict[str, Any] | None:
        """Return what the link in a mail to the address TO carries: that of who has exactly this address."""
        customer = customer_by_email(to)
        return self.claims(customer) if customer and same_address(customer.email, to) else None

    def read(self, token: str) -> tuple[Customer, Mapping[str, Any]]:
        """Return the customer of a link, locked until the transaction ends, and what else it carries.

        Raises LinkInvalid where it is no link of ours, too old, was used, or something changed that ends it.
        """
        claims = link_read(self.purpose, token)
        try:
            customer = customer_locked(claims["customer"])
        except Customer.DoesNotExist:
            raise LinkInvalid from None
        if not self._holds(customer, claims):
            raise LinkInvalid
        return customer, claims

    def readable(self, token: str) -> bool:
        """Return whether a link can be used; nothing is locked."""
        try:
            claims = link_read(self.purpose, token)
        except LinkInvalid:
            return False
        customer = Customer.objects.filter(pk=claims["customer"]).first()
        return customer is not None and self._holds(customer, claims)

    def _holds(self, customer: Customer, claims: Mapping[str, Any]) -> bool:
        state = self._state(customer)
        return self.usable(customer) and fingerprint_holds(str(claims["state"]), self.purpose, state)

    def _state(self, customer: Customer) -> str:
        return "\0".join(str(getattr(customer, column)) for column in self.bound_to)


def same_address(one: str, other: str) -> bool:
    """Return whether two addresses differ in the case of ASCII letters at most.

    What a database or Python folds beyond that may be another person's mailbox.
    """
    return one.encode().lower() == other.strip().encode().lower()


def _active(customer: Customer) -> bool:
    return customer.is_active


VERIFY = Link(
    "verify-email",
    "/account/verify/{token}",
    timedelta(days=3),
    ("email", "email_verified"),
    lambda customer: customer.is_active and not customer.email_verified,
)
RESET = Link(
    "reset-password",
    "/account/reset/{token}",
    timedelta(hours=1),
    ("password", "email", "is_active"),
    _active,
)
CONFIRM = Link(
    "confirm-email",
    "/account/confirm-email/{token}",
    timedelta(days=1),
    ("password", "email", "is_active"),
    _active,
)
# Whatever was changed since, by staff for instance, ends it: its moment is in the fingerprint.
REACTIVATE = Link(
    "reactivate",
    "/account/reactivate/{token}",
    timedelta(days=30),
    ("email", "updated_at"),
    lambda customer: not customer.is_active and customer.anonymized_at is None,
)


def confirm_claims(argument: str, to: str) -> dict[str, Any] | None:
    """Return what the link to a new address carries: the customer whose id is ARGUMENT, and the address TO."""
    customer = Customer.objects.filter(pk=argument).first()
    claims = CONFIRM.claims(customer) if customer else None
    return claims and {**claims, "email": to}


def reactivate_claims(argument: str, to: str) -> dict[str, Any] | None:
    """Return what the link carries that undoes the change made at the time ARGUMENT; nothing after another change."""
    customer = customer_by_email(to)
    unchanged = customer and str(customer.updated_at) == argument
    return REACTIVATE.claims_for(argument, to) if unchanged else None


def register_links() -> None:
    """Make the links known to whoever delivers mails."""
    asked = {CONFIRM: confirm_claims, REACTIVATE: reactivate_claims}
    for link in (VERIFY, RESET, CONFIRM, REACTIVATE):
        claims = asked.get(link, link.claims_for)
        register(link.purpose, path=link.path, claims=claims, max_age=int(link.lasts.total_seconds()))
