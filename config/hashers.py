"""Passwords as the old application reads and writes them: raw bcrypt, at most 72 bytes."""

import re

import bcrypt
from django.contrib.auth.hashers import BCryptPasswordHasher
from django.core.exceptions import ValidationError
from django.utils.crypto import constant_time_compare

BCRYPT_BYTES = 72
_BCRYPT = re.compile(r"\$2[aby]\$\d\d\$[./A-Za-z0-9]{53}", re.ASCII)


class LegacyBCryptHasher(BCryptPasswordHasher):
    """Checks `$2a$`, `$2b$` and `$2y$` hashes exactly as the old application did, and never asks for an upgrade.

    Only the first 72 bytes count, as they always did; bcrypt 5 raises for longer passwords instead. A damaged hash
    or a NUL byte is a wrong password, not an error.
    """

    def encode(self, password: str, salt: bytes | str) -> str:
        """Return `bcrypt$` and the raw hash of PASSWORD's first 72 bytes."""
        raw_salt = salt.encode("ascii") if isinstance(salt, str) else salt
        raw = bcrypt.hashpw(password.encode()[:BCRYPT_BYTES], raw_salt)
        return f"{self.algorithm}${raw.decode('ascii')}"

    def verify(self, password: str, encoded: str) -> bool:
        """Return whether PASSWORD, cut at 72 bytes, gives ENCODED."""
        raw = encoded.partition("$")[2]
        if not _BCRYPT.fullmatch(raw):
            return False
        try:
            return constant_time_compare(encoded, self.encode(password, raw))
        except (ValueError, UnicodeEncodeError):
            return False

    def cost_of(self, encoded: str) -> int | None:
        """Return the cost of ENCODED, each of which doubles the work; None if it is no bcrypt hash that can be read."""
        raw = encoded.partition("$")[2]
        return int(raw[4:6]) if _BCRYPT.fullmatch(raw) else None

    def work_off(self, encoded: str, password: str) -> None:
        """Do what is left, after a check of ENCODED, of the work that a hash at our cost takes; all for no bcrypt hash.

        One at cost n is half the work of one at n + 1; so each cost from the hash's own on makes up the difference.
        """
        cost = self.cost_of(encoded)
        for left in [self.rounds] if cost is None else range(cost, self.rounds):
            self.verify(password, f"{self.algorithm}$$2b${left:02}${'.' * 53}")

    def must_update(self, encoded: str) -> bool:
        """Return False: logging in never writes a password while the old application reads the same column."""
        return False


class BCryptLengthValidator:
    """Refuses to *set* a password of which bcrypt would ignore the end."""

    def validate(self, password: str, user: object = None) -> None:
        """Raise ValidationError if PASSWORD has more than 72 bytes in UTF-8."""
        if len(password.encode()) > BCRYPT_BYTES:
            raise ValidationError(
                f"This password is too long: at most {BCRYPT_BYTES} bytes, and accented letters and emoji take 2 to 4.",
                code="password_too_long",
            )

    def get_help_text(self) -> str:
        """Return the rule for forms."""
        return f"Your password may have at most {BCRYPT_BYTES} bytes."
