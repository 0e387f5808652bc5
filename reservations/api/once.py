"""What is made over the API once for each Idempotency-Key, with the answer that a repeat gets, too."""

import json
from collections.abc import Callable
from typing import Any

from django.db import transaction
from drf_spectacular.utils import OpenApiParameter
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from config.api.etags import etag_of
from config.api.rendering import Renderer
from reservations.errors import IdempotencyMismatch, InProgress
from reservations.idempotency import Answer, idempotent

ONCE_REFUSALS = (IdempotencyMismatch, InProgress)
KEY = OpenApiParameter(
    "Idempotency-Key",
    {"type": "string", "minLength": 8, "maxLength": 255},
    OpenApiParameter.HEADER,
    description="Repeats are answered as the first was, with `Idempotent-Replayed: true`, for a day.",
)
REPLAYED = OpenApiParameter(
    "Idempotent-Replayed", str, OpenApiParameter.HEADER, response=[201], description="`true` on a repeat's answer."
)
LOCATION = OpenApiParameter("Location", str, OpenApiParameter.HEADER, response=[201], description="Where it is.")


def created_once(request: Request, scope: str, create: Callable[[], dict[str, Any]]) -> Response:
    """Answer 201 with what CREATE makes and shows, once for each Idempotency-Key of SCOPE; raises ValidationError."""

    def do() -> tuple[int, Any]:
        shown = create()
        # As text: a repeat is answered with the same bytes.
        return 201, {"etag": etag_of(shown), "text": Renderer().render(shown).decode()}

    key = _key(request)
    asked = {"path": request.path, "body": request.data}
    answer = idempotent(scope=scope, key=key, request=asked, do=do) if key else Answer(*_atomically(do))
    shown = json.loads(answer.body["text"])
    headers = {"ETag": answer.body["etag"]}
    if shown["links"]["self"]:
        headers["Location"] = shown["links"]["self"]
    if answer.replayed:
        headers["Idempotent-Replayed"] = "true"
    return Response(shown, status=answer.status, headers=headers)


def _key(request: Request) -> str:
    """Return the key that the request may be repeated with, or nothing."""
    key: str = request.headers.get("Idempotency-Key", "")
    if key and not (8 <= len(key) <= 255 and key.isascii() and key.isprintable()):
        raise ValidationError({"Idempotency-Key": "It has 8 to 255 printable characters of ASCII, such as a UUID."})
    return key


def _atomically(do: Callable[[], tuple[int, Any]]) -> tuple[int, Any]:
    with transaction.atomic():
        return do()
