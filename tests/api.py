"""The REST API as a client sees it."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.core.signals import request_finished, request_started
from django.db import close_old_connections
from django.http.response import HttpResponseBase
from rest_framework.test import APIClient


@contextmanager
def within_transaction() -> Iterator[None]:
    """Let the WSGI application, called in this process, stay in the test's transaction, as Django's client does."""
    signals = (request_started, request_finished)
    for signal in signals:
        signal.disconnect(close_old_connections)
    try:
        yield
    finally:
        for signal in signals:
            signal.connect(close_old_connections)


class Api(APIClient):
    """A client of /api/v1/: addresses without a slash in front are below that. Bodies are JSON."""

    def generic(self, method: str, path: str, *args: Any, **kwargs: Any) -> Any:  # type: ignore[override]
        """Send a request."""
        return super().generic(method, path if path.startswith(("/", "http:")) else f"/api/v1/{path}", *args, **kwargs)


def problem(response: Any) -> dict[str, Any]:
    """Return the problem that RESPONSE is, without the id of the request, which must be the one in its header."""
    assert isinstance(response, HttpResponseBase)
    assert response["Content-Type"] == "application/problem+json", (response.status_code, response["Content-Type"])
    body: dict[str, Any] = response.json()  # type: ignore[attr-defined]
    assert body.pop("request_id") == response["X-Request-ID"]
    assert body["status"] == response.status_code
    assert body["type"] == f"/api/v1/problems#{body['code']}"
    return body


def refused(response: Any) -> tuple[int, str]:
    """Return the status and the code of the problem that RESPONSE is."""
    body = problem(response)
    return body["status"], body["code"]


def created(row: Any) -> str:
    """Return when ROW was made, as the API writes it."""
    row.refresh_from_db(fields=["created_at"])
    return str(row.created_at.isoformat()).replace("+00:00", "Z")
