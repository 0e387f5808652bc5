"""Customers' passwords: Argon2id; a log-in replaces a hash of another kind, such as the bcrypt of earlier times."""

from django.contrib.auth.hashers import Argon2PasswordHasher, check_password, make_password

from config.hashers import LegacyBCryptHasher
from config.plugins import plugged  # separation: line
from customers.locks import changes_unnoted
from customers.models import Customer

ARGON2 = "argon2"
BCRYPT = "bcrypt"
_ARGON2, _BCRYPT = Argon2PasswordHasher(), LegacyBCryptHasher()


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
    if not _kind(stored):
        return False

    def renew(raw: str) -> None:
        renewed = make_password(raw, hasher=password_algorithm())
        with changes_unnoted():
            if Customer.objects.filter(pk=customer.pk, password=stored).update(password=renewed):
                customer.password = renewed

    return check_password(raw_password, stored, setter=renew, preferred=password_algorithm())


def customer_password_opens(*, customer: Customer | None, raw_password: str) -> bool:
    """Return whether RAW_PASSWORD lets CUSTOMER in; if it does, a hash that is not as it would be made now is renewed.

    What does not open takes the same work whoever it was tried for: nobody, somebody deactivated, a hash of whichever
    kind and cost, or none at all.
    """
    stored = ""
    if customer and customer.is_active and customer.anonymized_at is None:
        if customer_check_password(customer=customer, raw_password=raw_password):
            return True
        stored = customer.password
    _work_off(stored, raw_password)
    return False


def _kind(stored: str) -> str:
    """Return by which hasher a password is stored, or nothing if none can read it."""
    if _BCRYPT.cost_of(stored) is not None:
        return BCRYPT
    try:
        return ARGON2 if stored.startswith(f"{ARGON2}$") and _ARGON2.decode(stored) else ""
    except ValueError:  # damaged
        return ""


def _work_off(stored: str, raw_password: str) -> None:
    """Do what a check of STORED left of the most that can be: bcrypt at our cost, and Argon2id if that is used."""
    _BCRYPT.work_off(stored, raw_password)
    if password_algorithm() == ARGON2 and _kind(stored) != ARGON2:
        make_password(raw_password, hasher=ARGON2)
