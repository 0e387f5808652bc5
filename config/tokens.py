"""Signed tokens (JWT, HS256): each kind of token has an issuer, an audience, and keys of its own."""

import hashlib
import hmac
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any

import jwt
from django.conf import settings

_ALGORITHM = "HS256"
# By the clock of another host a token may be from the future; how long it holds is what counts.
_OPTIONS: Any = {"require": ("exp", "iat", "iss", "aud"), "strict_aud": True, "verify_iat": False}


class TokenInvalid(Exception):
    """What was given is no token of this kind, or was changed, or is over; which of these is not said."""


def portal_secrets() -> list[str]:
    """Return the secrets behind whatever customers hold: the first signs, and all of them verify."""
    return [settings.PORTAL_SIGNING_KEY, *settings.PORTAL_SIGNING_KEY_FALLBACKS]


@lru_cache(maxsize=64)
def derived_key(secret: str, purpose: str) -> bytes:
    """Return the key that SECRET gives for PURPOSE: of no use for another purpose, and tells nothing of the secret."""
    return hmac.digest(secret.encode(), purpose.encode(), "sha256")


@lru_cache(maxsize=64)
def _key_id(key: bytes) -> str:
    return hashlib.sha256(b"kid:" + key).hexdigest()[:16]


@dataclass(frozen=True)
class TokenKind:
    """One kind of token: its name, who makes it, whom it is for, and the secrets behind its keys, the newest first.

    Keys are derived by the kind's name, which is in each token's header too: no token of another kind, and nothing else
    that the same secrets sign, is ever taken for one of this kind. The newest key signs; all of them verify.
    """

    name: str
    issuer: str
    audience: str
    secrets: Callable[[], Sequence[str]]

    def encode(self, claims: Mapping[str, Any], *, issued: datetime, expires: datetime) -> str:
        """Return a token with these CLAIMS."""
        key = self._keys()[0]
        return jwt.encode(
            {**claims, "iss": self.issuer, "aud": self.audience, "iat": issued, "exp": expires},
            key,
            algorithm=_ALGORITHM,
            headers={"kid": _key_id(key), "typ": self.name},
        )

    def decode(self, token: str) -> dict[str, Any]:
        """Return the claims of a token of this kind; raises TokenInvalid for anything else."""
        for key in self._keys():
            try:
                found = jwt.decode_complete(
                    token, key, algorithms=[_ALGORITHM], audience=self.audience, issuer=self.issuer, options=_OPTIONS
                )
            except jwt.InvalidSignatureError:
                continue  # perhaps it is an older key's
            except (jwt.PyJWTError, ValueError, TypeError) as error:
                raise TokenInvalid from error
            if (found["header"].get("kid"), found["header"].get("typ")) != (_key_id(key), self.name):
                raise TokenInvalid
            claims: dict[str, Any] = found["payload"]
            return claims
        raise TokenInvalid

    def _keys(self) -> list[bytes]:
        return [derived_key(secret, f"token:{self.name}") for secret in self.secrets()]
