"""Versions of what is shown, so that nobody changes what they have not seen."""

import hashlib
from typing import Any

from django.utils.http import parse_etags
from rest_framework.request import Request
from rest_framework.response import Response

from config.api.problems import GENERAL, Problem
from config.api.rendering import Renderer


def etag_of(data: Any) -> str:
    """Return the strong ETag of a representation: equal for equal DATA, whenever and wherever it was made."""
    return _etag(Renderer().render(data))


def require_match(request: Request, etag: str) -> None:
    """Raise unless REQUEST says by If-Match that it has seen ETAG: 428 if it says nothing, 412 if something else.

    Call it with the row locked, or what was compared can change before the change is made.
    """
    given = request.headers.get("If-Match", "")
    if not given.strip():
        raise Problem(428, "precondition_required", GENERAL["precondition_required"].title)
    if given.strip() != "*" and etag not in parse_etags(given):
        raise Problem(412, "precondition_failed", GENERAL["precondition_failed"].title, headers={"ETag": etag})


def tagged(request: Request, data: Any, *, status: int = 200, max_age: int | None = None) -> Response:
    """Return DATA with its ETag, or 304 to a GET that brings the same by If-None-Match; it is rendered once.

    With MAX_AGE, which is for what everybody may see, any cache may answer for so many seconds without asking.
    """
    content = Renderer().render(data)
    headers = {"ETag": _etag(content)}
    if max_age is not None:
        headers["Cache-Control"] = f"public, max-age={max_age}"
    given = parse_etags(request.headers.get("If-None-Match", ""))
    # Weak comparison (RFC 9110 13.1.2): a proxy that compresses makes a strong tag weak.
    known = "*" in given or headers["ETag"] in {each.removeprefix("W/") for each in given}
    if known and request.method in ("GET", "HEAD"):
        return Response(status=304, headers=headers)
    return Rendered(data, content, status=status, headers=headers)


class Rendered(Response):
    """A response whose body is made already."""

    def __init__(self, data: Any, content: bytes, **options: Any) -> None:
        super().__init__(data, **options)
        self["Content-Type"] = "application/json"
        self._made = content

    @property
    def rendered_content(self) -> Any:
        """The body."""
        return self._made


def _etag(content: bytes) -> str:
    return f'"{hashlib.sha256(content).hexdigest()[:32]}"'
