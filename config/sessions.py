"""Log-ins, of whichever kind of person: each is a row, on which its access tokens depend, and its refresh tokens hold
for one use each (ADR 21). Each kind of person has its own table, kinds of token, and keys.
"""

import hashlib
import hmac
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any, Generic, TypeVar
from uuid import UUID, uuid4

from django.db import models, transaction
from django.db.models import QuerySet
from django.utils import timezone

from config.api.clients import network_of
from config.api.problems import DomainError
from config.compiled import Compiled, insert
from config.fields import LegacyDateTimeField
from config.tokens import TokenInvalid, TokenKind, derived_key

ACCESS_LIFETIME = timedelta(minutes=15)
# For so long the refresh token before may come again, since the answer to its first use may have got lost.
LEEWAY = timedelta(seconds=10)
# A use is noted at most so often: reading must not write.
NOTED = timedelta(minutes=1)

# Why a log-in ended.
LOGGED_OUT = "logged out"
REVOKED = "revoked"
REUSED = "reuse"

# Of one caller: an office, or a whole mobile network.
LOGINS_PER_CALLER, CALLER_SECONDS = 60, 5 * 60
# From where somebody logged in so lately, they are known.
KNOWN = timedelta(days=90)

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


class CredentialsWrong(Unauthenticated):
    """No active account has this address and this password; which of them is wrong is not said."""

    code = "credentials_wrong"
    title = "Address or password wrong"


class Session(models.Model):
    """One log-in; holds only the hash of the current refresh token's id."""

    id = models.UUIDField(primary_key=True)
    token_hash = models.CharField(max_length=64)
    # Of the refresh token before this one, which may come again for some seconds: its answer may have got lost.
    previous_token_hash = models.CharField(max_length=64, null=True, blank=True)
    rotated_at = LegacyDateTimeField(null=True, blank=True)
    family = models.UUIDField()
    user_agent = models.TextField(default="", blank=True)
    ip = models.GenericIPAddressField(null=True, blank=True)
    created_at = LegacyDateTimeField(auto_now_add=True)
    last_used_at = LegacyDateTimeField(null=True, blank=True)
    expires_at = LegacyDateTimeField()
    revoked_at = LegacyDateTimeField(null=True, blank=True)
    revoked_reason = models.CharField(max_length=40, default="", blank=True)

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return f"session {self.pk}"


_Row = TypeVar("_Row", bound=Session)


@dataclass(frozen=True)
class Claims:
    """What a token says: of whose log-in it is; a refresh token also which of its tokens, of which a hash is stored."""

    person: int
    session: UUID
    token_id: str = ""


@dataclass(frozen=True)
class Tokens(Generic[_Row]):
    """What a log-in or a refresh gives."""

    session: _Row
    access: str
    refresh: str


@dataclass(frozen=True)
class LogIns(Generic[_Row]):
    """The log-ins of one kind of person.

    WHOSE is what the person is called, in the rows of MODEL and in the tokens. LIVE gives the log-ins that hold at a
    time; of those, HOLDS may still refuse one by what SQL cannot say. A log-in ends when it was not used for UNUSED,
    and after LONGEST for good. STOLEN is done in the transaction that ends one of which a token came twice.
    """

    whose: str
    model: type[_Row]
    access: TokenKind
    refresh: TokenKind
    live: Callable[[datetime], QuerySet[_Row]]
    unused: timedelta
    longest: timedelta
    stolen: Callable[[_Row], None]
    holds: Callable[[_Row], bool] = field(default=lambda _: True)

    def begin(self, person: int, *, now: datetime, user_agent: str, ip: str, **columns: Any) -> Tokens[_Row]:
        """Begin a log-in of PERSON, of whom the caller has just made sure, and return its tokens."""
        token_id, key = first_token_id(), uuid4()
        session = self.model(
            id=key,
            family=key,
            token_hash=token_hash(token_id),
            user_agent=_device(user_agent),
            ip=ip or None,
            last_used_at=now,
            expires_at=now + self.unused,
            **{f"{self.whose}_id": person},
            **columns,
        )
        insert(session)
        return self._tokens(session, token_id, now)

    def renew(self, token: str, *, user_agent: str, ip: str) -> Tokens[_Row]:
        """Return the next tokens of the log-in that this refresh TOKEN is of.

        Each token leads to one next token, always the same: of two that come at once one goes on, and the other, like
        whoever asks again within LEEWAY, gets what the first one got. A token that comes later than that was stolen,
        or its next one was: then the log-in ends. Raises SessionEnded.
        """
        try:
            given = self.read(self.refresh, token)
        except TokenInvalid as error:
            raise SessionEnded from error
        now = the_time()
        session = self._of(given, now)
        if session.token_hash == token_hash(given.token_id):
            next_id = self._next_ids(given.token_id)[0]
            if self._rotate(session, next_id, now, user_agent=user_agent, ip=ip):
                return self._tokens(session, next_id, now)
            session = self._of(given, now)
        if (current := self._next_in_time(session, given, now)) is None:
            self._end_stolen(session)
            raise SessionEnded
        return self._tokens(session, current, now)

    def shown_by(self, access_token: str) -> _Row | None:
        """Return the log-in of an access token, with its person, if it holds: one query, and what HOLDS asks."""
        try:
            given = self.read(self.access, access_token)
        except TokenInvalid:
            return None
        found = self._compiled(pk=given.session, person=given.person, now=timezone.now())
        return found[0] if found and self.holds(found[0]) else None

    def touch(self, session: _Row) -> None:
        """Note that a log-in was used just now, unless that was noted within the last minute."""
        now = the_time()
        if session.last_used_at is None or session.last_used_at < now - NOTED:
            self.model._default_manager.filter(pk=session.pk).update(last_used_at=now)

    def end(self, sessions: QuerySet[_Row], reason: str) -> int:
        """End those of SESSIONS that have not ended; return how many."""
        return sessions.filter(revoked_at__isnull=True).update(revoked_at=the_time(), revoked_reason=reason)

    def forget(self) -> int:
        """Delete log-ins that are long over, since they tell where somebody was; return how many."""
        return self.model._default_manager.filter(expires_at__lt=the_time() - self.longest).delete()[0]

    def read(self, kind: TokenKind, token: str) -> Claims:
        """Return what a token of KIND says; raises TokenInvalid for anything else."""
        claims = kind.decode(token)
        person, session = self._whose(claims)
        token_id = claims.get("token", "")
        if not isinstance(token_id, str) or (kind is self.refresh and not token_id):
            raise TokenInvalid
        return Claims(person, session, token_id)

    @cached_property
    def _compiled(self) -> Compiled[_Row]:
        def build(pk: UUID, person: int, now: datetime) -> QuerySet[_Row]:
            return self.live(now).filter(**{"pk": pk, f"{self.whose}_id": person})

        return Compiled(build, pk=UUID(int=1), person=-1, now=datetime(1, 2, 3, tzinfo=UTC))

    def _whose(self, claims: Mapping[str, Any]) -> tuple[int, UUID]:
        person, session = claims.get(self.whose), claims.get("session")
        if type(person) is not int or not isinstance(session, str):
            raise TokenInvalid
        try:
            return person, UUID(session)
        except ValueError as error:
            raise TokenInvalid from error

    def _of(self, given: Claims, now: datetime) -> _Row:
        """Return the log-in that a refresh token is of; raises SessionEnded if it has ended."""
        session = self.live(now).filter(**{"pk": given.session, f"{self.whose}_id": given.person}).first()
        if session is None or not self.holds(session):
            raise SessionEnded
        return session

    def _rotate(self, session: _Row, next_id: str, now: datetime, *, user_agent: str, ip: str) -> bool:
        """Let NEXT_ID be the token of SESSION, unless somebody else has let another be meanwhile."""
        session.expires_at = min(now + self.unused, session.created_at + self.longest)
        same = self.model._default_manager.filter(pk=session.pk, token_hash=session.token_hash, revoked_at__isnull=True)
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

    def _next_in_time(self, session: _Row, given: Claims, now: datetime) -> str | None:
        """Return the id of the current token if it followed on the GIVEN one, within LEEWAY."""
        if session.previous_token_hash != token_hash(given.token_id):
            return None
        if session.rotated_at is None or session.rotated_at < now - LEEWAY:
            return None
        return next((each for each in self._next_ids(given.token_id) if token_hash(each) == session.token_hash), None)

    def _end_stolen(self, session: _Row) -> None:
        """End a log-in of which a token came twice, and tell whose it is, once."""
        with transaction.atomic():
            if self.end(self.model._default_manager.filter(family=session.family), REUSED):
                self.stolen(session)

    def _next_ids(self, token_id: str) -> list[str]:
        """Return the id of the refresh token that follows this one, by each key: the newest first.

        Always the same ones, so a token that is used again because an answer got lost leads to the same next one.
        """
        return [
            hmac.new(derived_key(secret, f"{self.whose}-refresh-chain"), token_id.encode(), "sha256").hexdigest()
            for secret in self.refresh.secrets()
        ]

    def _tokens(self, session: _Row, token_id: str, now: datetime) -> Tokens[_Row]:
        claims = {self.whose: getattr(session, f"{self.whose}_id"), "session": str(session.pk)}
        return Tokens(
            session,
            self.access.encode(claims, issued=now, expires=now + ACCESS_LIFETIME),
            self.refresh.encode(claims | {"token": token_id}, issued=now, expires=session.expires_at),
        )


def attempts_key(key: str, ip: str, recent: list[str | None]) -> str:
    """Return where the failures of a log-in as KEY from IP are counted: apart, where somebody logged in lately.

    RECENT is from where that was. So nobody is locked out of where they are known by what somebody does elsewhere.
    """
    network = network_of(ip)
    return f"{key} {network}" if network in {network_of(each) for each in recent if each} else key


def the_time() -> datetime:
    """Return the time as the columns hold it."""
    now = timezone.now()
    return now.replace(microsecond=now.microsecond // 1000 * 1000)


def first_token_id() -> str:
    """Return the id of a log-in's first refresh token."""
    return secrets.token_urlsafe(24)


def token_hash(token_id: str) -> str:
    """Return what is stored of a refresh token's id."""
    return hashlib.sha256(token_id.encode()).hexdigest()


def _device(user_agent: str) -> str:
    """Return what is kept of a User-Agent: one short line."""
    return "".join(each for each in user_agent if each.isprintable())[:_DEVICE_LENGTH]
