"""Requests that may be repeated: the same key and request get the same answer, and are done once."""

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.db import OperationalError, connection, transaction
from django.utils import timezone

from config.ddl import LOCK_NOT_AVAILABLE
from reservations.errors import IdempotencyMismatch, InProgress
from reservations.models import IdempotencyKey

KEPT = timedelta(hours=24)
_WAIT = "5s"


@dataclass(frozen=True)
class Answer:
    """What a request was answered with; `replayed` if it was done before."""

    status: int
    body: Any
    replayed: bool = False


def idempotent(*, scope: str, key: str, request: Any, do: Callable[[], tuple[int, Any]]) -> Answer:
    """Do what DO does, once for KEY in SCOPE, and return the status and JSON it answers with, now and when repeated.

    SCOPE says whose keys are told apart (`customer:7`, `restaurant:3`), REQUEST is what was asked for, as JSON. All in
    one transaction: what DO raises leaves no trace, and may be tried again. Raises IdempotencyMismatch where the key
    came with another request, InProgress where the first one takes too long.
    """
    key_hash, fingerprint = _hash(key), _hash(json.dumps(request, sort_keys=True, default=str))
    with transaction.atomic():
        kept = _take(scope, key_hash, fingerprint)
        if kept.fingerprint != fingerprint:
            raise IdempotencyMismatch("This Idempotency-Key came with another request before; use a new one.")
        if kept.status is not None:
            return Answer(kept.status, kept.body, replayed=True)
        status, body = do()
        IdempotencyKey.objects.filter(pk=kept.pk).update(status=status, body=body)
    return Answer(status, body)


def _take(scope: str, key_hash: str, fingerprint: str) -> IdempotencyKey:
    """Return the key's row: new, or the one of whoever was first, once they are done."""
    IdempotencyKey.objects.filter(scope=scope, key_hash=key_hash, created_at__lt=timezone.now() - KEPT).delete()
    try:
        with transaction.atomic():
            with connection.cursor() as cursor:
                cursor.execute("SELECT set_config('lock_timeout', %s, true)", [_WAIT])
            IdempotencyKey.objects.bulk_create(
                [IdempotencyKey(scope=scope, key_hash=key_hash, fingerprint=fingerprint)], ignore_conflicts=True
            )
            return IdempotencyKey.objects.select_for_update().get(scope=scope, key_hash=key_hash)
    except OperationalError as error:
        if getattr(error.__cause__, "sqlstate", None) != LOCK_NOT_AVAILABLE:
            raise
        raise InProgress(
            "The first request with this Idempotency-Key is not done yet.", headers={"Retry-After": "2"}
        ) from error


def idempotency_keys_forget(*, scope: str = "") -> int:
    """Delete the keys of SCOPE, or of everybody those that are over; return how many."""
    over = (
        IdempotencyKey.objects.filter(scope=scope)
        if scope
        else IdempotencyKey.objects.filter(created_at__lt=timezone.now() - KEPT)
    )
    return over.delete()[0]


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
