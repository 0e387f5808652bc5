"""Versions of what is shown, so that nobody changes what they have not seen."""

import hashlib
from typing import Any

from django.utils.http import parse_etags
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response

from config.api.problems import GENERAL, Problem


def etag_of(data: Any) -> str:
    """Return the strong ETag of a representation: equal for equal DATA, whenever and wherever it was made."""
    return f'"{hashlib.sha256(JSONRenderer().render(data)).hexdigest()[:32]}"'


def require_match(request: Request, etag: str) -> None:
    """Raise unless REQUEST says by If-Match that it has seen ETAG: 428 if it says nothing, 412 if something else.

    Call it with the row locked, or what was compared can change before the change is made.
    """
    given = request.headers.get("If-Match", "")
    if not given.strip():
        raise Problem(428, "precondition_required", GENERAL["precondition_required"].title)
    if given.strip() != "*" and etag not in parse_etags(given):
        raise Problem(412, "precondition_failed", GENERAL["precondition_failed"].title, headers={"ETag": etag})


def tagged(request: Request, data: Any, *, status: int = 200) -> Response:
    """Return DATA with its ETag, or 304 to a GET that brings the same by If-None-Match."""
    etag = etag_of(data)
    given = parse_etags(request.headers.get("If-None-Match", ""))
    # Weak comparison (RFC 9110 13.1.2): a proxy that compresses makes a strong tag weak.
    if request.method in ("GET", "HEAD") and ("*" in given or etag in {each.removeprefix("W/") for each in given}):
        return Response(status=304, headers={"ETag": etag})
    return Response(data, status=status, headers={"ETag": etag})
