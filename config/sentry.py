"""Errors to Sentry, if the operator has one: what happened and where, and nothing about a person."""

import re
from typing import Any

import sentry_sdk

from config.logs import request_id, run_id
from config.masking import scrub

_SECRET = re.compile(r"(?i)passw|secret|token|authorization|cookie|session|hash|signature|dsn|api.?key|email")
_REMOVED = "[removed]"


def options(dsn: str) -> dict[str, Any]:
    """Return what the client is started with: neither requests' bodies nor variables of the code are taken along.

    Nor is anything of people, as long as `send_default_pii` is not given; to give it as false is deprecated.
    """
    return {
        "dsn": dsn,
        "include_local_variables": False,
        "max_request_body_size": "never",
        "auto_session_tracking": False,
        "before_send": before_send,
    }


def start(dsn: str) -> None:
    """Send errors of this process to DSN from now on."""
    sentry_sdk.init(**options(dsn))


def before_send(event: Any, hint: dict[str, Any]) -> Any:
    """Return EVENT scrubbed, with the ids of the request and the run; of the request only method and path stay."""
    if "request" in event:
        request = event["request"]
        event["request"] = {"method": request.get("method"), "url": str(request.get("url", "")).partition("?")[0]}
    event.pop("user", None)
    event["tags"] = {**(event.get("tags") or {}), "request": request_id(), "run": str(run_id() or "")}
    return _scrubbed(event)


def _scrubbed(value: Any) -> Any:
    if isinstance(value, dict):
        return {
            name: _REMOVED if _SECRET.search(str(name)) and inner else _scrubbed(inner) for name, inner in value.items()
        }
    if isinstance(value, list | tuple):
        return [_scrubbed(inner) for inner in value]
    return scrub(value) if isinstance(value, str) else value
