"""Customers' log-ins: each is a row, on which its access tokens depend; its refresh tokens hold for one use each."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID, uuid4

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from config.api.problems import DomainError
from config.tokens import TokenInvalid
from customers.locks import customer_locked, wait_briefly
from customers.mails import mail_session_theft
from customers.models import Customer, CustomerSession
from customers.selectors import live_sessions
from customers.tokens import (
    Access,
    Refresh,
    access_encode,
    first_token_id,
    next_token_ids,
    refresh_decode,
    refresh_encode,
    token_hash,
)

# A log-in ends when it was not used for so long, and for good after so long, however much it was used.
UNUSED = timedelta(days=30)
LONGEST = timedelta(days=90)
# For so long the refresh token before may come again, since the answer to its first use may have got lost.
LEEWAY = timedelta(seconds=10)
# A use is noted at most so often: reading must not write.
NOTED = timedelta(minutes=1)

# Why a log-in ended.
LOGGED_OUT = "logged out"
REVOKED = "revoked"
REUSED = "reuse"

_DEVICE_LENGTH = 200


class Unauthenticated(DomainError):
    """Whoever asks has not proved who they are."""

    status = 401

    def __init__(self, detail: str = "") -> None:
        super().__init__(detail, headers={"WWW-Authenticate": "Bearer"})


class SessionEnded(Unauthenticated):
    """The refresh token is none, or over, or was used before, or its log-in was ended: log in again."""

    code = "session_ended"
    title = "Log in again"


@dataclass(frozen=True)
class Tokens:
    """What a log-in or a refresh gives."""

    session: CustomerSession
    access: str
    refresh: str


def session_begin(*, customer: Customer, user_agent: str, ip: str) -> Tokens:
    """Begin a log-in of CUSTOMER, of whom the caller has just made sure, and return its tokens.

    Raises SessionEnded if the customer was deactivated, or their password changed, since the row was read.
    """
    now, token_id, key = _now(), first_token_id(), uuid4()
    with transaction.atomic():
        wait_briefly()
        same = Customer.objects.filter(
            pk=customer.pk, password=customer.password, is_active=True, anonymized_at__isnull=True
        )
        if not same.update(last_login=now):
            raise SessionEnded
        session = CustomerSession.objects.create(
            id=key,
            family=key,
            customer=customer,
            token_hash=token_hash(token_id),
            user_agent=_device(user_agent),
            ip=ip or None,
            last_used_at=now,
            expires_at=now + UNUSED,
        )
    return _tokens(session, token_id, now)


def session_refresh(*, token: str, user_agent: str, ip: str) -> Tokens:
    """Return the next tokens of the log-in that this refresh TOKEN is of.

    Each token leads to one next token, always the same: of two that come at once one goes on, and the other, like
    whoever asks again within LEEWAY, gets what the first one got. A token that comes later than that was stolen, or its
    next one was: then the log-in ends, and its customer hears of it. Raises SessionEnded.
    """
    try:
        given = refresh_decode(token)
    except TokenInvalid as error:
        raise SessionEnded from error
    now = _now()
    session = _session_of(given, now)
    if session.token_hash == token_hash(given.token_id):
        next_id = next_token_ids(given.token_id)[0]
        if _rotate(session, next_id, now, user_agent=user_agent, ip=ip):
            return _tokens(session, next_id, now)
        session = _session_of(given, now)
    if (current := _next_in_time(session, given, now)) is None:
        _end_stolen(session)
        raise SessionEnded
    return _tokens(session, current, now)


def session_end(*, customer: Customer, session_id: UUID, reason: str) -> bool:
    """End a log-in of CUSTOMER; return whether there was one to end."""
    return bool(_end(CustomerSession.objects.filter(pk=session_id, customer=customer), reason))


def sessions_end(*, customer: Customer, reason: str, except_session: CustomerSession | None = None) -> int:
    """End all log-ins of CUSTOMER, but for one if it is given; return how many."""
    with transaction.atomic():
        # Whoever ends them all at the same time waits here, and not half way.
        customer_locked(customer.pk)
        sessions = CustomerSession.objects.filter(customer=customer)
        return _end(sessions.exclude(pk=except_session.pk) if except_session else sessions, reason)


def sessions_forget() -> int:
    """Delete log-ins that are long over, since they tell where somebody was; return how many."""
    return CustomerSession.objects.filter(expires_at__lt=_now() - LONGEST).delete()[0]


def session_touch(*, session: CustomerSession) -> None:
    """Note that a log-in was used just now, unless that was noted within the last minute."""
    now = _now()
    if session.last_used_at is None or session.last_used_at < now - NOTED:
        CustomerSession.objects.filter(pk=session.pk).update(last_used_at=now)


def _now() -> datetime:
    """Return the time as the columns hold it."""
    now = timezone.now()
    return now.replace(microsecond=now.microsecond // 1000 * 1000)


def _session_of(given: Refresh, now: datetime) -> CustomerSession:
    """Return the log-in that a refresh token is of; raises SessionEnded if it has ended."""
    session = live_sessions(now).filter(pk=given.session, customer_id=given.customer).first()
    if session is None:
        raise SessionEnded
    return session


def _rotate(session: CustomerSession, next_id: str, now: datetime, *, user_agent: str, ip: str) -> bool:
    """Let NEXT_ID be the token of SESSION, unless somebody else has let another be meanwhile."""
    session.expires_at = min(now + UNUSED, session.created_at + LONGEST)
    same = CustomerSession.objects.filter(pk=session.pk, token_hash=session.token_hash, revoked_at__isnull=True)
    changed = same.update(
        token_hash=token_hash(next_id),
        previous_token_hash=session.token_hash,
        rotated_at=now,
        last_used_at=now,
        expires_at=session.expires_at,
        user_agent=_device(user_agent),
        ip=ip or None,
    )
    return bool(changed)


def _next_in_time(session: CustomerSession, given: Refresh, now: datetime) -> str | None:
    """Return the id of the current token if it followed on the GIVEN one, within LEEWAY."""
    if session.previous_token_hash != token_hash(given.token_id):
        return None
    if session.rotated_at is None or session.rotated_at < now - LEEWAY:
        return None
    return next((each for each in next_token_ids(given.token_id) if token_hash(each) == session.token_hash), None)


def _end_stolen(session: CustomerSession) -> None:
    """End a log-in of which a token came twice, and tell its customer, once."""
    with transaction.atomic():
        if _end(CustomerSession.objects.filter(family=session.family), REUSED):
            mail_session_theft(session.customer)


def _end(sessions: QuerySet[CustomerSession], reason: str) -> int:
    return sessions.filter(revoked_at__isnull=True).update(revoked_at=_now(), revoked_reason=reason)


def _tokens(session: CustomerSession, token_id: str, now: datetime) -> Tokens:
    customer, key = session.customer_id, session.pk
    return Tokens(
        session,
        access_encode(Access(customer, key), issued=now),
        refresh_encode(Refresh(customer, key, token_id), issued=now, expires=session.expires_at),
    )


def _device(user_agent: str) -> str:
    """Return what is kept of a User-Agent: one short line."""
    return "".join(each for each in user_agent if each.isprintable())[:_DEVICE_LENGTH]
