"""Signatures of the records that interlocks rely on: whoever edits one in the database cannot make it count.

They are made with the SECRET_KEY; records signed with one of SECRET_KEY_FALLBACKS hold, too. Each sort of record has
its own salt, so that no record passes for one of another sort.
"""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from django.conf import settings
from django.utils.crypto import constant_time_compare, salted_hmac


def sign(salt: str, fields: Mapping[str, Any]) -> str:
    """Return the signature of a record: of the names and values in FIELDS, in whatever order, and of its sort, SALT.

    A moment is signed as the instant it is, in whatever zone the database shows it; anything that JSON does not know,
    and is neither a moment nor a path, raises TypeError.
    """
    return _signature(settings.SECRET_KEY, salt, fields)


def is_signed(salt: str, fields: Mapping[str, Any], signature: object) -> bool:
    """Return whether SIGNATURE, which may be anything that was found, was made of this record with a key of ours."""
    if not isinstance(signature, str):
        return False
    keys = [settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS]
    return any(constant_time_compare(signature, _signature(key, salt, fields)) for key in keys)


def _signature(key: str | bytes, salt: str, fields: Mapping[str, Any]) -> str:
    text = json.dumps(dict(fields), sort_keys=True, default=_plain)
    return salted_hmac(salt, text, secret=key, algorithm="sha256").hexdigest()


def _plain(value: object) -> str:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    if isinstance(value, Path):
        return str(value)
    raise TypeError(f"A {type(value).__name__} cannot be signed.")
