"""The project's addresses, and the same bytes from views that know of no log-in.

Below /bare/ they come out of memory; below /plain/ out of the database, by the same querysets and functions, in views
of ten lines. In a project of nothing else (BENCH_BARE) these querysets are what they are elsewhere: compiled each time.
"""

import json
import os
from functools import cache
from pathlib import Path
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.urls import include, path
from django.utils import timezone

from config.api.rendering import Renderer
from config.compiled import Compiled
from customers.models import Customer
from portal.api.dashboard import dashboard_shown
from portal.selectors import dashboard_of
from reservations.api.serializers import own_path, reservation_shown
from reservations.selectors import reservations_of

if "BENCH_BARE" in os.environ:
    Compiled.__call__ = lambda self, **values: list(self._build(**values))  # type: ignore[method-assign]


@cache
def _body(name: str) -> bytes:
    return (Path(os.environ["BENCH_BODIES"]) / name).read_bytes()


@cache
def _links(name: str) -> dict[str, Any]:
    """Return the addresses of the other pages, which only a paginator knows."""
    return {link: json.loads(_body(name))[link] for link in ("next", "previous")}


def bare(request: HttpRequest, name: str) -> HttpResponse:
    """Answer what the real address answered."""
    return _answer(_body(name))


def dashboard(request: HttpRequest) -> HttpResponse:
    """Answer the dashboard of the first customer."""
    customer = Customer.objects.order_by("pk")[0]
    return _answer(Renderer().render(dashboard_shown(customer, dashboard_of(customer, timezone.now()))))


def reservations(request: HttpRequest) -> HttpResponse:
    """Answer the first page of reservations of the first customer."""
    customer = Customer.objects.order_by("pk")[0]
    found = reservations_of(customer).order_by("-date", "-pk")[:20]
    results = [reservation_shown(each, own_path(each)) for each in found]
    return _answer(Renderer().render(_links("reservations") | {"results": results}))


def _answer(body: bytes) -> HttpResponse:
    return HttpResponse(body, content_type="application/json", headers={"Content-Length": str(len(body))})


urlpatterns = [
    path("bare/<name>", bare),
    path("plain/dashboard", dashboard),
    path("plain/reservations", reservations),
    path("", include("config.urls")),
]
