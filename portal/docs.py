"""How the customers' API is used: its documents, and what the problems of every API mean."""

import json
from pathlib import Path
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from config.api.docs import Docs, public_page
from config.api.problems import kinds

_EXAMPLES = Path(__file__).parent / "examples.json"

DOCS = Docs(urlconf="portal.urls", prefix="/api/v1/", title="Restaurants: API")


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


def document() -> dict[str, Any]:
    """Return the OpenAPI document."""
    return DOCS.document


@require_safe
def problems(request: HttpRequest) -> HttpResponse:
    """Answer with every code of problem and what it means: where the `type` of each leads to."""
    document()  # what services refuse is known once all of them are imported
    return public_page(request, "portal/problems.html", {"kinds": kinds()})
