"""Links that mails hold: signed with the portal's key, each purpose with a salt of its own, and only at delivery.

The apps say what a link of theirs is for, where it leads and what it claims; `config` knows none of them.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.core.signing import BadSignature, SignatureExpired, TimestampSigner
from django.utils.crypto import constant_time_compare, salted_hmac

from config.api.problems import DomainError
from config.tokens import portal_secrets

Claims = Mapping[str, Any]


class LinkInvalid(DomainError):
    """The link in a mail was changed, is for something else, or has been used; ask for another."""

    status = 400
    code = "link_invalid"
    title = "Link not valid"


class LinkExpired(LinkInvalid):
    """The link in a mail is too old; ask for another."""

    code = "link_expired"
    title = "Link expired"


@dataclass(frozen=True)
class _Purpose:
    path: str
    claims: Callable[[str, str], Claims | None]
    max_age: int | None


_purposes: dict[str, _Purpose] = {}


def register(
    purpose: str, *, path: str, claims: Callable[[str, str], Claims | None], max_age: int | None = None
) -> None:
    """Say that links for PURPOSE lead to PATH, which holds `{token}`, and are valid for MAX_AGE seconds.

    CLAIMS(argument, to) is asked when a mail with such a link is delivered to the address TO, and says what the link
    claims; with None, that mail is not sent any more. Raises ValueError if the purpose is taken.
    """
    if purpose in _purposes:
        raise ValueError(f"There are links for {purpose!r} already.")
    _purposes[purpose] = _Purpose(path, claims, max_age)


def is_registered(purpose: str) -> bool:
    """Tell whether some app makes links for PURPOSE."""
    return purpose in _purposes


def link_sign(purpose: str, claims: Claims) -> str:
    """Return a token for PURPOSE that claims CLAIMS, as of now; it may stand in a path, and logs mask it."""
    return _signer(purpose).sign_object(dict(claims))


def link_read(purpose: str, token: str) -> dict[str, Any]:
    """Return what TOKEN claims; raises LinkExpired if it is too old, LinkInvalid if it is none for PURPOSE.

    Whether it has been used is for the caller to see: from a fingerprint among the claims of what its use changes.
    """
    max_age = _purposes[purpose].max_age
    try:
        claims = _signer(purpose).unsign_object(token, max_age=None if max_age is None else timedelta(seconds=max_age))
    except SignatureExpired:
        raise LinkExpired from None
    except (BadSignature, ValueError):
        raise LinkInvalid from None
    if not isinstance(claims, dict):
        raise LinkInvalid
    return claims


def link_url(purpose: str, token: str) -> str:
    """Return the absolute address at which TOKEN is used."""
    return str(settings.PORTAL_URL) + _purposes[purpose].path.format(token=token)


def link_for(purpose: str, argument: str, to: str) -> str | None:
    """Return the address for a mail that is delivered to TO now, or None if that is not to be sent any more."""
    claims = _purposes[purpose].claims(argument, to)
    return None if claims is None else link_url(purpose, link_sign(purpose, claims))


def fingerprint(purpose: str, told: str) -> str:
    """Return what shows that TOLD is still so, without telling it to whoever has the link."""
    return _fingerprint(purpose, told, portal_secrets()[0])


def fingerprint_holds(given: str, purpose: str, told: str) -> bool:
    """Return whether GIVEN is the fingerprint of TOLD, by the present key or by a former one."""
    return any(constant_time_compare(given, _fingerprint(purpose, told, secret)) for secret in portal_secrets())


def _fingerprint(purpose: str, told: str, secret: str) -> str:
    return salted_hmac(f"links.{purpose}.fingerprint", told, secret=secret, algorithm="sha256").hexdigest()[:32]


def _signer(purpose: str) -> TimestampSigner:
    # Without being told, it would take the former keys of staff.
    former = settings.PORTAL_SIGNING_KEY_FALLBACKS
    return TimestampSigner(key=settings.PORTAL_SIGNING_KEY, salt=f"links.{purpose}", sep=".", fallback_keys=former)
