"""The base of every endpoint."""

import json
from datetime import UTC, date, datetime
from typing import Any, ClassVar

from django.utils.http import http_date
from rest_framework.exceptions import ParseError
from rest_framework.parsers import BaseParser
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from config.api.problems import GENERAL, Problem

# Longer than any body that an endpoint takes; what is longer is not even read.
LONGEST = 64 * 1024


class JSONBody(BaseParser):
    """JSON as RFC 8259 has it, in UTF-8, of at most 64 KiB: no NaN, and no nesting that Python gives up on."""

    media_type = "application/json"

    def parse(self, stream: Any, media_type: str | None = None, parser_context: Any = None) -> Any:
        """Return what is in STREAM; raises ParseError, or a 413."""
        data = stream.read(LONGEST + 1)
        if len(data) > LONGEST:
            raise Problem(413, "too_large", GENERAL["too_large"].title, f"A body has at most {LONGEST} bytes.")
        try:
            return json.loads(data.decode("utf-8"), parse_constant=_no_constant)
        except (ValueError, RecursionError) as error:
            raise ParseError("The body is no JSON.") from error


def _no_constant(name: str) -> None:
    raise ValueError(name)


class ApiView(APIView):
    """An endpoint; one that is to go has `deprecated_since`, `sunset` (the day it goes), `successor` (its address)."""

    parser_classes = (JSONBody,)
    # What an address can do is in the schema; the preflights of browsers are answered before.
    http_method_names = ["get", "head", "post", "put", "patch", "delete"]

    deprecated_since: ClassVar[date | None] = None
    sunset: ClassVar[date | None] = None
    successor: ClassVar[str] = ""

    def finalize_response(self, request: Request, response: Any, *args: Any, **kwargs: Any) -> Response:
        """Say on every answer that the endpoint is to go, if it is (RFC 9745, RFC 8594)."""
        answer: Response = super().finalize_response(request, response, *args, **kwargs)
        if self.deprecated_since:
            answer["Deprecation"] = f"@{_midnight(self.deprecated_since)}"
        if self.sunset:
            answer["Sunset"] = http_date(_midnight(self.sunset))
        if self.successor:
            links = [answer["Link"]] if "Link" in answer else []
            answer["Link"] = ", ".join([*links, f'<{self.successor}>; rel="successor-version"'])
        return answer


class PublicView(ApiView):
    """An endpoint for everybody: it does not look at who asks, so a token that is wrong changes nothing."""

    authentication_classes = ()
    permission_classes = (AllowAny,)


def _midnight(day: date) -> int:
    return int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp())
