"""Customers' log-ins, beginning and ending; how a log-in works is in `config/sessions.py`."""

from datetime import datetime, timedelta
from uuid import UUID

from django.conf import settings
from django.db import connection, transaction

from config import sessions
from config.compiled import prepared_cursor
from config.fields import BCRYPT_PREFIX
from config.sessions import LogIns, SessionEnded, the_time
from config.sql import Queries
from customers.locks import customer_locked, wait_briefly
from customers.mails import mail_session_theft
from customers.models import Customer, CustomerSession
from customers.selectors import live_sessions
from customers.tokens import ACCESS, REFRESH

Tokens = sessions.Tokens[CustomerSession]

LOG_INS: LogIns[CustomerSession] = LogIns(
    whose="customer",
    model=CustomerSession,
    access=ACCESS,
    refresh=REFRESH,
    live=live_sessions,
    unused=timedelta(days=30),
    longest=timedelta(days=90),
    stolen=lambda session: mail_session_theft(session.customer),
)


def session_begin(*, customer: Customer, user_agent: str, ip: str) -> Tokens:
    """Begin a log-in of CUSTOMER, of whom the caller has just made sure, and return its tokens.

    Raises SessionEnded if the customer was deactivated, or their password changed, since the row was read.
    """
    now = the_time()
    with transaction.atomic(savepoint=False):
        wait_briefly()
        same = _noted(customer, now)
        tokens = LOG_INS.begin(customer.pk, now=now, user_agent=user_agent, ip=ip) if same else None
    if tokens is None:
        raise SessionEnded
    return tokens


def session_refresh(*, token: str, user_agent: str, ip: str) -> Tokens:
    """Return the next tokens of the log-in that this refresh TOKEN is of; raises SessionEnded.

    A token that comes twice, and late, ends the log-in, and its customer hears of it.
    """
    return LOG_INS.renew(token, user_agent=user_agent, ip=ip)


def session_end(*, customer: Customer, session_id: UUID, reason: str) -> bool:
    """End a log-in of CUSTOMER; return whether there was one to end."""
    return bool(LOG_INS.end(CustomerSession.objects.filter(pk=session_id, customer=customer), reason))


def sessions_end(*, customer: Customer, reason: str, except_session: CustomerSession | None = None) -> int:
    """End all log-ins of CUSTOMER, but for one if it is given; return how many."""
    with transaction.atomic():
        # Whoever ends them all at the same time waits here, and not half way.
        customer_locked(customer.pk)
        mine = CustomerSession.objects.filter(customer=customer)
        return LOG_INS.end(mine.exclude(pk=except_session.pk) if except_session else mine, reason)


def sessions_forget() -> int:
    """Delete log-ins that are long over, since they tell where somebody was; return how many."""
    return LOG_INS.forget()


def _noted(customer: Customer, now: datetime) -> bool:
    """Note that CUSTOMER logs in, and return whether their row is still as it was read."""
    stored = customer.password.removeprefix(BCRYPT_PREFIX)
    with prepared_cursor(connection) as cursor:
        cursor.execute(_LOG_INS.note, {"id": customer.pk, "password": stored, "now": now})
        return bool(cursor.rowcount)


_LOG_INS = Queries(settings.BASE_DIR / "customers" / "sql" / "log_ins.sql")
