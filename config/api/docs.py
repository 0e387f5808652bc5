"""How an API is used: its OpenAPI document, and pages over it that work without the internet."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from hashlib import sha256
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import URLPattern, include, path, reverse
from django.utils.cache import get_conditional_response
from django.views.decorators.http import require_safe
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.settings import patched_settings

# Swagger UI and Redoc put styles into elements, and Redoc searches in a worker made of a blob.
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; font-src 'self'; "
    "connect-src 'self'; worker-src blob:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


@dataclass(frozen=True)
class Docs:
    """The documents of the API of URLCONF, which is at PREFIX; NAME is before the names of their addresses.

    CHANGED is what differs for it in drf-spectacular's settings.
    """

    urlconf: str
    prefix: str
    title: str
    name: str = ""
    changed: Mapping[str, Any] = field(default_factory=dict)

    @cached_property
    def document(self) -> dict[str, Any]:
        """The OpenAPI document; the code it is made from does not change while it runs."""
        patterns = [path(self.prefix.lstrip("/"), include(self.urlconf))]
        with patched_settings(dict(self.changed)):
            made: dict[str, Any] = SchemaGenerator(patterns=patterns).get_schema(public=True)  # type: ignore[no-untyped-call]
        return made

    def urls(self) -> list[URLPattern]:
        """Return where the documents are."""
        views = {"schema": self._schema, "docs": self._swagger, "redoc": self._redoc}
        return [path(name, require_safe(view), name=f"{self.name}{name}") for name, view in views.items()]

    @cached_property
    def _written(self) -> tuple[bytes, str]:
        content = json.dumps(self.document, ensure_ascii=False).encode()
        return content, f'"{sha256(content).hexdigest()[:32]}"'

    def _schema(self, request: HttpRequest) -> HttpResponse:
        """Answer with the OpenAPI document, or 304 to who has it."""
        content, etag = self._written
        headers = {"ETag": etag, "Cache-Control": "public, max-age=300"}
        answer = HttpResponse(content, content_type="application/vnd.oai.openapi+json", headers=headers)
        conditional = get_conditional_response(request, etag=etag, response=answer)
        return conditional if isinstance(conditional, HttpResponse) else answer

    def _swagger(self, request: HttpRequest) -> HttpResponse:
        """Answer with Swagger UI, where the API can be tried out."""
        return self._over(request, "api/swagger.html")

    def _redoc(self, request: HttpRequest) -> HttpResponse:
        """Answer with Redoc, for reading."""
        return self._over(request, "api/redoc.html")

    def _over(self, request: HttpRequest, template: str) -> HttpResponse:
        return public_page(request, template, {"title": self.title, "schema": reverse(f"{self.name}schema")})


def public_page(request: HttpRequest, template: str, context: Mapping[str, Any]) -> HttpResponse:
    """Return a page about an API: the same for everybody, and nothing of it from elsewhere."""
    page = render(request, template, dict(context))
    page["Content-Security-Policy"] = _POLICY
    page["Cache-Control"] = "public, max-age=300"
    return page
