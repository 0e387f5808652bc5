"""Logs that a machine can read: a JSON object a line, with the request and the run it belongs to, and no secrets."""

import json
import logging
import re
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime

from django.http import HttpRequest
from django.http.response import HttpResponseBase

from config.masking import scrub

_META = "config.logs.request"
_SANE = re.compile(r"[A-Za-z0-9._-]{8,64}")
_request: ContextVar[str] = ContextVar("request", default="")
# One run a process; its workers are threads, to which no context variable would come.
_runs: list[int] = []
_log = logging.getLogger(__name__)


def request_id() -> str:
    """Return the id of the request that is being answered, or nothing."""
    return _request.get()


def run_id() -> int | None:
    """Return the number of the run this process works on, or None."""
    return _runs[-1] if _runs else None


@contextmanager
def working_on(run: int) -> Iterator[None]:
    """Put RUN on every line that is logged in the block."""
    _runs.append(run)
    try:
        yield
    finally:
        _runs.pop()


class RequestIds:
    """Middleware that gives every request an id, and every answer the header X-Request-ID with it.

    The id is the one the caller sends in that header, if that is 8 to 64 letters, digits, dots, dashes or underscores.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Answer, and log it."""
        given = request.headers.get("X-Request-ID", "")
        identifier = given if _SANE.fullmatch(given) else uuid.uuid4().hex
        # Django logs an answer of 400 and above when no middleware is at work any more.
        request.META[_META] = identifier
        token = _request.set(identifier)
        begun = time.monotonic()
        try:
            response = self._get_response(request)
            response["X-Request-ID"] = request_id()
            _log.info(
                "%s %s", request.method, response.status_code, extra={"fields": _fields(request, response, begun)}
            )
        finally:
            _request.reset(token)
        return response


def _fields(request: HttpRequest, response: HttpResponseBase, begun: float) -> dict[str, object]:
    """Return what is logged of a request: the route, since a path or a query may hold whatever somebody typed."""
    return {
        "method": request.method,
        "route": _route(request),
        "status": response.status_code,
        "milliseconds": round((time.monotonic() - begun) * 1000, 1),
    }


class RoutesOnly(logging.Filter):
    """Puts the route in the place of the path where Django logs an error: a path may hold what is nobody's business."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Let RECORD pass, without the path."""
        if isinstance(record.args, tuple):
            route = f"/{_route(getattr(record, 'request', None))}"
            record.args = tuple(route if str(arg).startswith("/") else arg for arg in record.args)
        return True


def _route(request: HttpRequest | None) -> str:
    match = getattr(request, "resolver_match", None)
    return match.route if match else ""


def _of(record: logging.LogRecord) -> str:
    """Return the id of the request that RECORD says it is about."""
    return str(getattr(getattr(record, "request", None), "META", {}).get(_META, ""))


class JSONFormatter(logging.Formatter):
    """Writes a record as one line of JSON; emails, hashes and tokens are masked."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        line: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": scrub(record.getMessage()),
            **getattr(record, "fields", {}),
        }
        if identifier := request_id() or _of(record):
            line["request"] = identifier
        if run_id() is not None:
            line["run"] = run_id()
        if record.exc_info:
            line["exception"] = scrub(self.formatException(record.exc_info))
        return json.dumps(line, default=str)
