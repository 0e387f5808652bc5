"""How the API is used: its OpenAPI document, and pages over it that work without the internet."""

import json
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import include, path
from django.utils.cache import get_conditional_response
from django.views.decorators.http import require_safe
from drf_spectacular.generators import SchemaGenerator

from config.api.problems import kinds

_EXAMPLES = Path(__file__).parent / "examples.json"
# Swagger UI and Redoc put styles into elements, and Redoc searches in a worker made of a blob.
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; font-src 'self'; "
    "connect-src 'self'; worker-src blob:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


def with_examples(result: dict[str, Any], **_: object) -> dict[str, Any]:
    """Return RESULT, an OpenAPI document, with what was asked and answered on a customer's day."""
    day = json.loads(_EXAMPLES.read_text(encoding="utf-8"))
    for operation in (each for operations in result["paths"].values() for each in operations.values()):
        example = day.get(operation["operationId"], {})
        answers = [("response", each) for status, each in operation["responses"].items() if status.startswith("2")]
        for side, described in (("request", operation.get("requestBody", {})), *answers):
            if side in example:
                for content in described.get("content", {}).values():
                    content["example"] = example[side]
    return result


@cache
def document() -> dict[str, Any]:
    """Return the OpenAPI document; the code it is made from does not change while it runs."""
    patterns = [path("api/v1/", include("portal.urls"))]
    found: dict[str, Any] = SchemaGenerator(patterns=patterns).get_schema(public=True)  # type: ignore[no-untyped-call]
    return found


@cache
def _written() -> tuple[bytes, str]:
    content = json.dumps(document(), ensure_ascii=False).encode()
    return content, f'"{sha256(content).hexdigest()[:32]}"'


@require_safe
def schema(request: HttpRequest) -> HttpResponse:
    """Answer with the OpenAPI document, or 304 to who has it."""
    content, etag = _written()
    headers = {"ETag": etag, "Cache-Control": "public, max-age=300"}
    answer = HttpResponse(content, content_type="application/vnd.oai.openapi+json", headers=headers)
    conditional = get_conditional_response(request, etag=etag, response=answer)
    return conditional if isinstance(conditional, HttpResponse) else answer


@require_safe
def swagger(request: HttpRequest) -> HttpResponse:
    """Answer with Swagger UI, where the API can be tried out."""
    return _page(request, "swagger")


@require_safe
def redoc(request: HttpRequest) -> HttpResponse:
    """Answer with Redoc, for reading."""
    return _page(request, "redoc")


@require_safe
def problems(request: HttpRequest) -> HttpResponse:
    """Answer with every code of problem and what it means: where the `type` of each leads to."""
    document()  # what services refuse is known once all of them are imported
    return _page(request, "problems", {"kinds": kinds()})


def _page(request: HttpRequest, name: str, context: dict[str, object] | None = None) -> HttpResponse:
    page = render(request, f"portal/{name}.html", context)
    page["Content-Security-Policy"] = _POLICY
    page["Cache-Control"] = "public, max-age=300"
    return page
