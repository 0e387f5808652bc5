"""The people of a check, told from everybody else by their addresses, and everything that is theirs."""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager

from django.contrib.auth import SESSION_KEY
from django.contrib.sessions.models import Session
from django.db import connection, models, transaction
from django.db.models.functions import Cast
from post_office.models import Email

from accounts.models import RestaurantStaff, User
from customers.models import Customer, CustomerProfile
from reservations.idempotency import idempotency_keys_forget
from reservations.models import BookingLog, Reservation
from restaurants.models import Restaurant

# Mail to it reaches nobody: the name is reserved (RFC 2606).
DOMAIN = "check.invalid"
_OURS = r"(^|\+)journey-[0-9a-f]{16}@"
# Any number, as long as nothing else of this project takes it.
LOCK = 0x6A6F7572


def new_address(mailbox: str = "") -> str:
    """Return an address that nobody has: under DOMAIN, or beside MAILBOX as `name+journey-…@host`."""
    name, _, host = mailbox.rpartition("@")
    return f"{name}+{_mark()}@{host}" if mailbox else f"{_mark()}@{DOMAIN}"


@contextmanager
def only_one() -> Iterator[bool]:
    """Tell whether no other check works on this database; until the block ends none begins."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(%s)", [LOCK])
        (alone,) = cursor.fetchone()
    try:
        yield alone
    finally:
        if alone:
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_unlock(%s)", [LOCK])


def staff_hire(*, restaurant: Restaurant, address: str, password: str) -> User:
    """Return a new user with the least role in RESTAURANT that sees all of its pages in the admin."""
    with transaction.atomic():
        user = User.objects.create_user(address, password, name="Journey Check")
        RestaurantStaff.objects.create(user=user, restaurant=restaurant, role=RestaurantStaff.Role.MANAGER)
    return user


def mails_to(address: str) -> "models.QuerySet[Email]":
    """Return the mails to ADDRESS, the oldest first."""
    return _mails().filter(recipient=address).order_by("pk")


def traces() -> dict[str, int]:
    """Return how many rows of each sort checks have left in this database; none that is zero."""
    found = {
        "users": User.objects.filter(_ours("email")).count(),
        "customers": Customer.objects.filter(_ours("email")).count(),
        "reservations": _bookings().count(),
        "mails": _mails().filter(_ours("recipient")).count(),
    }
    return {name: count for name, count in found.items() if count}


def traces_remove() -> None:
    """Remove everything that is theirs, whichever check left it, in one transaction; nobody else's row is looked at.

    Raises DatabaseError if the database keeps a row of theirs.
    """
    with transaction.atomic():
        users = User.objects.select_for_update().filter(_ours("email")).order_by("pk")
        people = list(users.values_list("pk", flat=True))
        customers = list(Customer.objects.filter(_ours("email")).values_list("pk", flat=True))
        _bookings_remove()
        _mails().filter(_ours("recipient")).delete()
        _log_ins_end(people)
        # separation: begin
        # While both schemas live, neither side may lose somebody whom the other still has: here both lose them.
        _set("separation.bypass")
        # separation: end
        for customer in customers:
            idempotency_keys_forget(scope=f"customer:{customer}")
        CustomerProfile.objects.filter(customer__in=customers).delete()
        Customer.objects.filter(pk__in=customers).delete()
        User.objects.filter(pk__in=people).delete()


def _bookings_remove() -> None:
    bookings = list(_bookings().values_list("pk", flat=True))
    _set("reservations.forgets")
    BookingLog.objects.filter(reservation__in=bookings).delete()
    Reservation.objects.filter(pk__in=bookings).delete()


def _log_ins_end(people: list[int]) -> None:
    """End the log-ins of these users in the admin; only staff have any."""
    whose = {str(person) for person in people}
    theirs = [each.pk for each in Session.objects.all() if each.get_decoded().get(SESSION_KEY) in whose]
    Session.objects.filter(pk__in=theirs).delete()


def _set(name: str) -> None:
    """Switch a setting of the database on, for the open transaction alone."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config(%s, 'on', true)", [name])


def _ours(column: str) -> models.Q:
    """Return that an address is of a check's people; most others are told by the cheaper half, which comes first."""
    return models.Q((f"{column}__contains", "journey-"), (f"{column}__regex", _OURS))


def _bookings() -> "models.QuerySet[Reservation]":
    theirs = Customer.objects.filter(_ours("email")).values("pk")
    return Reservation.objects.filter(_ours("customer_email") | models.Q(customer__in=theirs))


def _mails() -> "models.QuerySet[Email]":
    mails: models.QuerySet[Email] = Email.objects.annotate(recipient=Cast("to", models.TextField()))
    return mails


def _mark() -> str:
    return f"journey-{secrets.token_hex(8)}"
