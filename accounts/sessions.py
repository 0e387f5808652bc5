"""Staff's log-ins to the REST API, beginning and ending; how a log-in works is in `config/sessions.py`."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

from django.conf import settings
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.crypto import constant_time_compare

from accounts.models import StaffSession, User
from config import sessions
from config.api.clients import network_of
from config.compiled import Compiled
from config.hashers import LegacyBCryptHasher
from config.mail import mail_queue
from config.sessions import KNOWN, REUSED, CredentialsWrong, LogIns, attempts_key, the_time
from config.throttles import attempt_begin, attempts_forget, throttle
from config.tokens import TokenKind

Tokens = sessions.Tokens[StaffSession]
_ATTEMPTS = "staff-login"


def staff_secrets() -> list[str]:
    """Return the secrets behind whatever staff hold, none of which customers' tokens are signed by."""
    return [settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS]


# No claim is one that a library of tokens for Django's users reads; the claim of whose it is is none of customers'.
ACCESS = TokenKind("staff-access+jwt", "staff", "staff-api", staff_secrets)
REFRESH = TokenKind("staff-refresh+jwt", "staff", "staff-refresh", staff_secrets)


def staff_sessions_live(now: datetime) -> QuerySet[StaffSession]:
    """Return the log-ins that have not ended at NOW, with their users."""
    return StaffSession.objects.select_related("user").filter(revoked_at__isnull=True, expires_at__gt=now)


def _holds(session: StaffSession) -> bool:
    """Return whether the user of SESSION still works here, and has the password that it began with."""
    user = session.user
    hashes = [user.get_session_auth_hash(), *user.get_session_auth_fallback_hash()]
    return any(constant_time_compare(session.password_hash, each) for each in hashes) and user.is_staff


LOG_INS: LogIns[StaffSession] = LogIns(
    whose="user",
    model=StaffSession,
    access=ACCESS,
    refresh=REFRESH,
    live=staff_sessions_live,
    holds=_holds,
    unused=timedelta(days=7),
    longest=timedelta(days=30),
    stolen=lambda session: mail_queue(to=session.user.email, template="staff-session-theft", context={}),
)


def staff_log_in(*, email: str, raw_password: str, user_agent: str, ip: str) -> Tokens:
    """Return the tokens of a new log-in; raises CredentialsWrong, or TooManyRequests.

    What is not right takes the same hashing whoever it was tried for: nobody, somebody who works here no more. Who
    fails again and again has to wait, by address, and apart from that the networks that they logged in from of late do.
    """
    throttle(_ATTEMPTS, network_of(ip), limit=sessions.LOGINS_PER_CALLER, seconds=sessions.CALLER_SECONDS)
    key = email.strip()
    attempts = attempts_key(key.lower(), ip, _RECENT(email=key, since=timezone.now() - KNOWN))
    attempt_begin(_ATTEMPTS, attempts)
    user = _user_with(key)
    if not _opens(user, raw_password) or user is None:
        raise CredentialsWrong
    tokens = session_begin(user=user, user_agent=user_agent, ip=ip)
    attempts_forget(_ATTEMPTS, attempts)
    return tokens


def session_begin(*, user: User, user_agent: str, ip: str) -> Tokens:
    """Begin a log-in of USER, of whom the caller has just made sure, and return its tokens."""
    password_hash = user.get_session_auth_hash()
    return LOG_INS.begin(user.pk, now=the_time(), user_agent=user_agent, ip=ip, password_hash=password_hash)


def session_refresh(*, token: str, user_agent: str, ip: str) -> Tokens:
    """Return the next tokens of the log-in that this refresh TOKEN is of; raises SessionEnded.

    A token that comes twice, and late, ends the log-in, and its user hears of it by mail.
    """
    return LOG_INS.renew(token, user_agent=user_agent, ip=ip)


def session_end(*, user: User, session_id: UUID, reason: str) -> bool:
    """End a log-in of USER; return whether there was one to end."""
    return bool(LOG_INS.end(StaffSession.objects.filter(pk=session_id, user=user), reason))


def sessions_end(*, user: User, reason: str) -> int:
    """End all log-ins of USER to the API; return how many."""
    return LOG_INS.end(StaffSession.objects.filter(user=user), reason)


def sessions_forget() -> int:
    """Delete log-ins that are long over, since they tell where somebody was; return how many."""
    return LOG_INS.forget()


def _user_with(email: str) -> User | None:
    """Return the user with this EMAIL as the old application compares it, or else as keyboards begin it in capitals."""
    found = {user.email: user for user in User.objects.filter(email__in=[email, email.lower()])}
    return found.get(email) or found.get(email.lower())


def _opens(user: User | None, raw_password: str) -> bool:
    """Return whether RAW_PASSWORD lets USER in; where they work is asked only once it has proved right."""
    hasher, stored = LegacyBCryptHasher(), user.password if user else ""
    if user and hasher.verify(raw_password, stored) and user.is_staff:
        return True
    hasher.work_off(stored, raw_password)
    return False


def _recent(email: str, since: datetime) -> QuerySet[StaffSession, str | None]:
    """Return from where whoever has this address logged in lately."""
    known = StaffSession.objects.filter(user__email=email, ip__isnull=False, created_at__gt=since)
    return known.exclude(revoked_reason=REUSED).order_by("-created_at").values_list("ip", flat=True)[:50]


_RECENT = Compiled(_recent, email="nobody", since=datetime(1, 2, 3, tzinfo=UTC))
