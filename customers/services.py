"""What a customer does to their account; each function is one transaction.

Who a person is, is locked first (the row of `customers`); what is theirs after it. Nothing here tells a caller who is
not logged in whether an address is known: that is told by mail, to the address alone.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any

import psycopg
from django.contrib.auth.hashers import make_password
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.utils import timezone

from config.columns import set_changed
from config.throttles import TooManyRequests, throttle
from customers import mails
from customers.errors import AddressTaken
from customers.links import CONFIRM, REACTIVATE, RESET, VERIFY, same_address
from customers.locks import customer_locked, wait_briefly
from customers.login import failures_forget
from customers.models import Customer, CustomerProfile, CustomerSession
from customers.passwords import customer_check_password, customer_set_password, password_algorithm
from customers.preferences import preferences_merged
from customers.selectors import customer_by_email
from customers.sessions import sessions_end

HOUR = 3600
_WRONG = ValidationError("This is not your password.", code="wrong")
# Of whoever was anonymised; nobody else gets an address there.
ANONYMISED = "anonymised.invalid"
_PERSONAL = (
    "email",
    "password",
    "first_name",
    "last_name",
    "phone",
    "email_verified",
    "email_verified_at",
    "is_active",
)
_PROFILE = (
    *("phone_verified", "email_verified", "preferred_contact_method", "dietary_restrictions", "special_requests"),
    *("vip_status", "tags", "notes", "marketing_opt_in", "birthday", "anniversary", "preferences"),
)
_EMAIL_KEYS = {"customers_email_key"}
_EMAIL_KEYS |= {"users_email_key"}  # separation: line


def customer_register(*, email: str, password: str, first_name: str, last_name: str, phone: str | None = None) -> None:
    """Make a customer with an unproved address, and send the mail that proves it.

    Where the address is not free, its owner gets a mail that explains, at most one an hour, and nothing else happens.
    Raises ValidationError for a password that the rules refuse, whatever the address.
    """
    customer = Customer(email=email, first_name=first_name, last_name=last_name, phone=phone)
    password_check(password, customer, field="password")
    customer.password = make_password(password, hasher=password_algorithm())
    with transaction.atomic():
        wait_briefly()
        if _inserted(customer):
            mails.mail_verification(to=email)
        else:
            _at_most_hourly("account-exists", email, lambda: mails.mail_account_exists(to=email))


def verification_resend(*, email: str) -> None:
    """Send the mail again that proves EMAIL, if there is somebody who has to prove it."""
    mails.mail_verification(to=email)


def email_verify(*, token: str) -> Customer:
    """Note that a customer's address is proved, and welcome them. Raises LinkInvalid."""
    with transaction.atomic():
        customer, _ = VERIFY.read(token)
        _prove(customer)
        mails.mail_welcome(customer)
        return customer


def password_forgotten(*, email: str) -> None:
    """Send the link that sets a new password to EMAIL, if there is somebody who may set one."""
    mails.mail_password_reset(to=email)


def password_reset(*, token: str, new_password: str) -> Customer:
    """Set the password of whoever reads the mail of that address, which is proved by it, and end every log-in.

    Raises LinkInvalid, or ValidationError for a password that the rules refuse; the link can then be used again.
    """
    with transaction.atomic():
        customer, _ = RESET.read(token)
        password_check(new_password, customer, field="new_password")
        customer_set_password(customer=customer, raw_password=new_password)
        if not customer.email_verified:
            _prove(customer)
        sessions_end(customer=customer, reason="password reset")
        failures_forget(email=customer.email)
        mails.mail_password_changed(customer)
        return customer


def password_change(*, customer: Customer, session: CustomerSession, password: str, new_password: str) -> None:
    """Set a new password, and end every log-in but SESSION.

    Raises ValidationError where PASSWORD is wrong, or the rules refuse the new one.
    """
    customer_prove_password(customer=customer, password=password)
    with transaction.atomic():
        customer = customer_locked_as_proved(customer)
        password_check(new_password, customer, field="new_password")
        customer_set_password(customer=customer, raw_password=new_password)
        sessions_end(customer=customer, reason="password changed", except_session=session)
        mails.mail_password_changed(customer)


def email_change(*, customer: Customer, new_email: str, password: str) -> None:
    """Ask whoever reads the mail of NEW_EMAIL to confirm it, and tell the present address.

    Where somebody has that address, its owner is told instead, at most once an hour. Raises ValidationError for a wrong
    password, or the address that the customer has.
    """
    customer_prove_password(customer=customer, password=password)
    if same_address(customer.email, new_email):
        raise ValidationError({"new_email": ValidationError("This is your address already.", code="unchanged")})
    with transaction.atomic():
        customer = customer_locked_as_proved(customer)
        mails.mail_email_change_asked(customer, new_email=new_email)
        if customer_by_email(new_email):
            _at_most_hourly("email-taken", new_email, lambda: mails.mail_email_taken(to=new_email))
        else:
            mails.mail_email_confirmation(customer, to=new_email)


def email_confirm(*, token: str) -> tuple[Customer, str]:
    """Give a customer the address that the link went to, proved, and end every log-in; return the former one, too.

    Raises LinkInvalid; AddressTaken where somebody else got it meanwhile; OperationalError where the person's row is
    kept by somebody for more than some seconds.
    """
    with transaction.atomic():
        customer, claims = CONFIRM.read(token)
        former, customer.email = customer.email, str(claims["email"])
        with _taken_told():
            _prove(customer, "email")
        sessions_end(customer=customer, reason="email changed")
        mails.mail_email_changed(to=former, new_email=customer.email)
        return customer, former


def customer_deactivate(*, customer: Customer, password: str) -> None:
    """Close an account until its customer opens it again by the link in the mail, or staff do; end every log-in.

    Raises ValidationError for a wrong password.
    """
    customer_prove_password(customer=customer, password=password)
    with transaction.atomic():
        customer = customer_locked_as_proved(customer)
        customer_close(customer=customer)
        mails.mail_deactivated(customer)


def customer_reactivate(*, token: str) -> None:
    """Open an account again that its customer had deactivated. Raises LinkInvalid."""
    with transaction.atomic():
        customer, _ = REACTIVATE.read(token)
        customer_open(customer=customer)


def customer_close(*, customer: Customer) -> None:
    """Let nobody into an account any more; end every log-in."""
    with transaction.atomic():
        _change(customer_locked(customer.pk), {"is_active": False})
        sessions_end(customer=customer, reason="deactivated")


def customer_open(*, customer: Customer) -> None:
    """Let a customer in again who is not anonymised."""
    with transaction.atomic():
        row = customer_locked(customer.pk)
        if row.anonymized_at is None:
            _change(row, {"is_active": True})


def customer_anonymise(*, customer: Customer) -> None:
    """Take out of a customer's own rows all that tells who that is; call it with the row locked.

    The id stays, and what restaurants count; the log-ins go. Nobody gets in again, and the address is free.
    """
    customer.email = f"anonymised-{customer.pk}@{ANONYMISED}"
    customer.password = make_password(None)
    customer.first_name = customer.last_name = ""
    customer.phone = customer.email_verified_at = None
    customer.email_verified = customer.is_active = False
    customer.anonymized_at = timezone.now()
    customer.save(update_fields=[*_PERSONAL, "anonymized_at", "updated_at"])
    profile = CustomerProfile.objects.filter(customer=customer).first()
    if profile:
        empty = CustomerProfile(tags=[])
        _change(profile, {name: getattr(empty, name) for name in _PROFILE})
    customer.restaurants.update(notes=None, vip_status=False, updated_at=timezone.now())
    customer.sessions.all().delete()


def customer_update(*, customer: Customer, changes: Mapping[str, Any]) -> Customer:
    """Change what a customer says of themselves, and nothing that CHANGES does not name; return the row."""
    with transaction.atomic():
        customer = customer_locked(customer.pk)
        _change(customer, changes)
        return customer


def profile_update(*, customer: Customer, changes: Mapping[str, Any]) -> CustomerProfile:
    """Change a customer's profile, and nothing that CHANGES does not name; return it."""
    with transaction.atomic():
        profile = _profile_of(customer_locked(customer.pk))
        _change(profile, changes)
        return profile


def preferences_update(*, customer: Customer, changes: Mapping[str, Any]) -> CustomerProfile:
    """Merge CHANGES, which are known to be valid, into what a customer prefers; return the profile."""
    with transaction.atomic():
        profile = _profile_of(customer_locked(customer.pk))
        _change(profile, {"preferences": preferences_merged(profile.preferences, changes)})
        return profile


def customer_prove_password(*, customer: Customer, password: str) -> None:
    """Raise ValidationError unless PASSWORD is the customer's; after ten tries in an hour, TooManyRequests."""
    throttle("prove-password", str(customer.pk), limit=10, seconds=HOUR)
    if not customer_check_password(customer=customer, raw_password=password):
        raise ValidationError({"password": _WRONG})


def customer_locked_as_proved(customer: Customer) -> Customer:
    """Return the row of a customer who has just proved their password, locked; it must not have changed meanwhile.

    The proof takes a quarter of a second, for which nobody else shall wait. Raises ValidationError.
    """
    locked = customer_locked(customer.pk)
    if locked.password != customer.password:
        raise ValidationError({"password": _WRONG})
    return locked


def password_check(password: str, customer: Customer, *, field: str) -> None:
    """Raise ValidationError, naming FIELD, with every rule for passwords that PASSWORD breaks."""
    try:
        validate_password(password, customer)  # type: ignore[arg-type]
    except ValidationError as error:
        raise ValidationError({field: error.error_list}) from None


def _inserted(customer: Customer) -> bool:
    """Return whether a new customer got a row, with a profile: not where the address is somebody's."""
    if customer_by_email(customer.email):
        return False
    try:
        with _taken_told():
            customer.save(force_insert=True)
            _profile_of(customer)
    except AddressTaken:
        return False
    return True


def _profile_of(customer: Customer) -> CustomerProfile:
    """Return a customer's profile, made if there is none; in a table that is older than ours, tags are not null."""
    return CustomerProfile.objects.get_or_create(customer=customer, defaults={"tags": []})[0]


def _prove(customer: Customer, *also: str) -> None:
    """Note that whoever reads the mail of a customer's address is that customer; store the columns ALSO with it."""
    customer.email_verified = True
    customer.email_verified_at = timezone.now()
    customer.save(update_fields=[*also, "email_verified", "email_verified_at", "updated_at"])


def _change(row: Customer | CustomerProfile, changes: Mapping[str, Any]) -> None:
    """Store what of CHANGES is different from ROW."""
    if changed := set_changed(row, changes):
        row.save(update_fields=[*changed, "updated_at"])


def _at_most_hourly(scope: str, email: str, send: Any) -> None:
    with suppress(TooManyRequests):
        throttle(scope, email.lower(), limit=1, seconds=HOUR)
        send()


@contextmanager
def _taken_told() -> Iterator[None]:
    """Raise AddressTaken, without the database's words, where the block writes an email that somebody has."""
    try:
        with transaction.atomic():
            yield
    except IntegrityError as error:
        cause = error.__cause__
        if not isinstance(cause, psycopg.Error) or cause.diag.constraint_name not in _EMAIL_KEYS:
            raise
        # Its detail names the address.
        raise AddressTaken from None
