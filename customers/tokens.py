"""Customers' tokens: one to show for a quarter of an hour, one to get the next pair with."""

import hashlib
import hmac
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from config.tokens import TokenInvalid, TokenKind, derived_key, portal_secrets

ACCESS_LIFETIME = timedelta(minutes=15)


# Claim names are our own, and there is no `sub`: nothing that reads tokens of Django users finds one in these.
ACCESS = TokenKind("customer-access+jwt", "portal", "portal-api", portal_secrets)
REFRESH = TokenKind("customer-refresh+jwt", "portal", "portal-refresh", portal_secrets)


@dataclass(frozen=True)
class Access:
    """What an access token says: of whose log-in it is."""

    customer: int
    session: UUID


@dataclass(frozen=True)
class Refresh:
    """What a refresh token says: of whose log-in it is, and which of its tokens, of which only a hash is stored."""

    customer: int
    session: UUID
    token_id: str


def access_encode(access: Access, *, issued: datetime) -> str:
    """Return an access token, which holds for ACCESS_LIFETIME and as long as its session does."""
    return ACCESS.encode(_claims(access), issued=issued, expires=issued + ACCESS_LIFETIME)


def access_decode(token: str) -> Access:
    """Return what an access token says; raises TokenInvalid for anything else."""
    claims = ACCESS.decode(token)
    return Access(*_whose(claims))


def refresh_encode(refresh: Refresh, *, issued: datetime, expires: datetime) -> str:
    """Return a refresh token."""
    return REFRESH.encode({**_claims(refresh), "token": refresh.token_id}, issued=issued, expires=expires)


def refresh_decode(token: str) -> Refresh:
    """Return what a refresh token says; raises TokenInvalid for anything else."""
    claims = REFRESH.decode(token)
    if not isinstance(token_id := claims.get("token"), str):
        raise TokenInvalid
    return Refresh(*_whose(claims), token_id)


def first_token_id() -> str:
    """Return the id of a log-in's first refresh token."""
    return secrets.token_urlsafe(24)


def next_token_ids(token_id: str) -> list[str]:
    """Return the id of the refresh token that follows this one, by each key: the newest first.

    Always the same ones, so a token that is used again because an answer got lost leads to the same next one.
    """
    return [
        hmac.new(derived_key(secret, "customer-refresh-chain"), token_id.encode(), "sha256").hexdigest()
        for secret in portal_secrets()
    ]


def token_hash(token_id: str) -> str:
    """Return what is stored of a refresh token's id."""
    return hashlib.sha256(token_id.encode()).hexdigest()


def _claims(whose: Access | Refresh) -> dict[str, Any]:
    return {"customer": whose.customer, "session": str(whose.session)}


def _whose(claims: Mapping[str, Any]) -> tuple[int, UUID]:
    customer, session = claims.get("customer"), claims.get("session")
    if type(customer) is not int or not isinstance(session, str):
        raise TokenInvalid
    try:
        return customer, UUID(session)
    except ValueError as error:
        raise TokenInvalid from error
