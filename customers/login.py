"""Logging in, which never tells whether anybody has that address."""

from datetime import UTC, datetime

from django.db import transaction
from django.db.models import QuerySet, Value
from django.db.models.functions import Lower
from django.utils import timezone

from config import sessions
from config.api.clients import network_of
from config.compiled import Compiled
from config.sessions import KNOWN, REUSED, CredentialsWrong, SessionEnded, attempts_key
from config.throttles import attempt_begin, attempts_failed, attempts_forget, throttle
from customers.models import CustomerSession
from customers.passwords import customer_password_opens
from customers.selectors import BLANKS, customer_by_email
from customers.sessions import Tokens, session_begin

_ATTEMPTS = "login"


def customer_log_in(*, email: str, raw_password: str, user_agent: str, ip: str) -> Tokens:
    """Return the tokens of a new log-in; raises CredentialsWrong, or TooManyRequests.

    What is not right takes the same queries and the same hashing, whether or not there is such a customer. Who fails
    again and again has to wait, by address, and apart from that the customers' own networks do: nobody is locked out
    of where they are known by what somebody does elsewhere.
    """
    throttle("login", network_of(ip), limit=sessions.LOGINS_PER_CALLER, seconds=sessions.CALLER_SECONDS)
    attempts = _attempts_of(email, ip)
    attempt_begin(_ATTEMPTS, attempts)
    customer = customer_by_email(email)
    if not customer_password_opens(customer=customer, raw_password=raw_password) or customer is None:
        raise CredentialsWrong
    try:
        with transaction.atomic():
            tokens = session_begin(customer=customer, user_agent=user_agent, ip=ip)
            attempts_forget(_ATTEMPTS, attempts)
    except SessionEnded as error:  # the password was changed just now
        raise CredentialsWrong from error
    return tokens


def failures_forget(*, email: str) -> None:
    """Let whoever has proved by mail that EMAIL is theirs log in at once, wherever they are."""
    attempts_forget(_ATTEMPTS, _key(email))


def failures_of(*, email: str) -> tuple[int, int]:
    """Return how many log-ins with EMAIL have failed in a row, and for how many seconds the next has to wait.

    What failed in a network from which the customer logged in of late counts apart, and is not among it.
    """
    return attempts_failed(_ATTEMPTS, _key(email))


def _attempts_of(email: str, ip: str) -> str:
    """Return where the failures of a log-in are counted: by address and, where that is known, by network too."""
    key = _key(email)
    return attempts_key(key, ip, _RECENT(key=key, since=timezone.now() - KNOWN))


def _recent(key: str, since: datetime) -> QuerySet[CustomerSession, str | None]:
    """Return from where whoever has this address logged in lately."""
    known = CustomerSession.objects.alias(key=Lower("customer__email")).filter(
        key=Lower(Value(key)), ip__isnull=False, created_at__gt=since
    )
    return known.exclude(revoked_reason=REUSED).order_by("-created_at").values_list("ip", flat=True)[:50]


_RECENT = Compiled(_recent, key="nobody", since=datetime(1, 2, 3, tzinfo=UTC))


def _key(email: str) -> str:
    return email.strip(BLANKS).lower()
