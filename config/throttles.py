"""How often one may: counted in the database, so that all processes of all hosts count together."""

import hmac
from typing import Any

from django.conf import settings
from django.db import connection

from config.api.problems import DomainError
from config.compiled import prepared_cursor
from config.sql import Queries

_COUNTING = Queries(settings.BASE_DIR / "config" / "throttles.sql")
# After this many failures in a row the next log-in with an address waits: 1 second, 2, 4, … and at most 15 minutes.
FREE_FAILURES = 5
LONGEST_WAIT = 15 * 60
# Failures are forgotten a day after the last one.
FAILURES_KEPT = 24 * 60 * 60


class TooManyRequests(DomainError):
    """Too many of these requests came from one caller, or for one address: wait as long as `Retry-After` says."""

    status = 429
    code = "throttled"
    title = "Too many requests"

    def __init__(self, seconds: int) -> None:
        wait = max(seconds, 1)
        super().__init__(f"Try again in {wait} seconds.", headers={"Retry-After": str(wait)})


def throttle(scope: str, key: str, *, limit: int, seconds: int) -> None:
    """Count a request of KEY; raise TooManyRequests for the one after LIMIT within SECONDS.

    Call it outside of the transaction that the request may roll back, or it does not count.
    """
    count, left = _one(_COUNTING.count_request, key=_hashed(scope, key), seconds=seconds)
    if count > limit:
        raise TooManyRequests(left)


def attempt_begin(scope: str, key: str) -> None:
    """Count an attempt that fails unless `attempts_forget` follows; raise TooManyRequests while KEY has to wait.

    What is tried meanwhile is not looked at, and makes the wait no longer.
    """
    hashed = _hashed(scope, key)
    if _one(_COUNTING.begin_attempt, key=hashed, free=FREE_FAILURES, longest=LONGEST_WAIT, kept=FAILURES_KEPT) is None:
        wait = _one(_COUNTING.left_to_wait, key=hashed)
        raise TooManyRequests(wait[0] if wait else 1)


def attempts_forget(scope: str, key: str) -> None:
    """Forget the failures of KEY: it has succeeded, or proved in another way who it is."""
    with prepared_cursor(connection) as cursor:
        cursor.execute(_COUNTING.forget, {"key": _hashed(scope, key)})


def attempts_failed(scope: str, key: str) -> tuple[int, int]:
    """Return how many attempts of KEY have failed in a row, and for how many seconds the next has to wait."""
    count, wait = _one(_COUNTING.failed, key=_hashed(scope, key)) or (0, 0)
    return count, wait or 0


def _hashed(scope: str, key: str) -> str:
    """Return what stands in the table: without the key nobody can try out whose address it is."""
    secret = settings.PORTAL_SIGNING_KEY.encode()
    return hmac.new(secret, f"throttle:{scope}:{key}".encode(), "sha256").hexdigest()


def _one(sql: str, **params: Any) -> Any:
    with prepared_cursor(connection) as cursor:
        cursor.execute(sql, {**params, "alone": not connection.in_atomic_block})
        return cursor.fetchone()
