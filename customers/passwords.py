"""Customers' passwords: Argon2id; a log-in replaces a hash of another kind, such as the bcrypt of earlier times."""

from django.contrib.auth.hashers import check_password, make_password

from config.plugins import plugged  # separation: line
from customers.models import Customer

ARGON2 = "argon2"


def password_algorithm() -> str:
    """Return by which of Django's hashers a customer's password is stored, as of now."""
    # separation: begin
    # Somebody may know better, as long as another application has to read the hashes.
    for algorithm in plugged("password_algorithm"):
        return str(algorithm())
    # separation: end
    return ARGON2


def customer_set_password(*, customer: Customer, raw_password: str) -> None:
    """Give a customer a password; it is stored at once."""
    customer.password = make_password(raw_password, hasher=password_algorithm())
    customer.save(update_fields=["password", "updated_at"])


def customer_check_password(*, customer: Customer, raw_password: str) -> bool:
    """Return whether RAW_PASSWORD is the customer's; if it is, and the hash is not as it would be made now, renew that.

    A password that somebody else changes at the same moment stays theirs.
    """
    stored = customer.password

    def renew(raw: str) -> None:
        renewed = make_password(raw, hasher=password_algorithm())
        if Customer.objects.filter(pk=customer.pk, password=stored).update(password=renewed):
            customer.password = renewed

    return check_password(raw_password, stored, setter=renew, preferred=password_algorithm())
