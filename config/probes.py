"""What machines ask of this process: is it alive, can it serve, and its figures."""

import os
import threading
import time
from collections.abc import Callable, Iterable
from functools import cache
from ipaddress import ip_address

from django.conf import settings
from django.db import DatabaseError, InterfaceError, connection, transaction
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder
from django.http import HttpRequest, HttpResponse, HttpResponseBase, JsonResponse
from django.utils.crypto import constant_time_compare
from django.utils.module_loading import import_string
from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, CollectorRegistry, Metric, generate_latest, multiprocess
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

# A probe is asked every few seconds, and must never be what holds the database up.
_BRIEFLY = "SELECT set_config('lock_timeout', '500ms', true), set_config('statement_timeout', '2s', true)"
_FRESH = 10.0
_FORWARDED = ("HTTP_X_FORWARDED_FOR", "HTTP_FORWARDED", "HTTP_X_REAL_IP")


class Probes:
    """Middleware that answers the probes before anything else looks at a request.

    So no host name, no HTTPS and no session is asked of a load balancer that calls this process by its address.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Answer a probe, or pass the request on."""
        probe = {"/healthz": alive, "/readyz": ready, "/metrics": metrics}.get(request.path_info)
        return probe(request) if probe else self._get_response(request)


def alive(request: HttpRequest) -> HttpResponse:
    """Answer 200 as long as this process answers at all; looks at nothing else."""
    return JsonResponse({"status": "ok"})


def ready(request: HttpRequest) -> HttpResponse:
    """Answer 200 if this process can serve, else 503 with the reason, which holds no secret and no address.

    That is: the database answers, every migration of this code is applied, and nothing in `settings.READINESS`, dotted
    paths of functions that return a reason or nothing, objects.
    """
    try:
        with transaction.atomic():
            with connection.cursor() as cursor:
                cursor.execute(_BRIEFLY)
            reason = _unready()
    except (DatabaseError, InterfaceError):
        reason = "the database does not answer"
    if reason:
        return JsonResponse({"status": "unready", "reason": reason}, status=503)
    return JsonResponse({"status": "ok"})


def _unready() -> str:
    missing = sorted(_migrations() - MigrationRecorder(connection).applied_migrations().keys())
    if missing:
        return f"{len(missing)} migrations are not applied, the first is {'.'.join(missing[0])}"
    return next((reason for path in settings.READINESS if (reason := import_string(path)())), "")


@cache
def _migrations() -> frozenset[tuple[str, str]]:
    """Return what this code expects to be applied; the code does not change while it runs."""
    return frozenset(MigrationLoader(None).disk_migrations)


def metrics(request: HttpRequest) -> HttpResponse:
    """Return the figures of this process and of `settings.GAUGES` to whoever may read them, else 403."""
    if not _may_read(request):
        text = "Not for you. Set METRICS_TOKEN, or METRICS_NETWORKS, and ask again.\n"
        return HttpResponse(text, status=403, content_type="text/plain")
    return HttpResponse(generate_latest(_processes()) + generate_latest(_PLUGGED), content_type=CONTENT_TYPE_LATEST)


def _processes() -> CollectorRegistry:
    """Return the figures of this process, or of all beside it where they share a folder for that."""
    if "PROMETHEUS_MULTIPROC_DIR" not in os.environ:
        return REGISTRY
    registry = CollectorRegistry()
    multiprocess.MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    return registry


def _may_read(request: HttpRequest) -> bool:
    """Whether REQUEST brings the token, or comes straight from a network that may read."""
    given = request.headers.get("Authorization", "")
    if settings.METRICS_TOKEN and constant_time_compare(given, f"Bearer {settings.METRICS_TOKEN}"):
        return True
    # Through a proxy, everybody comes from the proxy's address.
    if any(name in request.META for name in _FORWARDED):
        return False
    try:
        address = ip_address(request.META.get("REMOTE_ADDR", ""))
    except ValueError:
        return False
    return any(address in network for network in settings.METRICS_NETWORKS)


class _Plugged(Collector):
    """The gauges of `settings.GAUGES`, dotted paths of functions that return some; asked for at most every 10 s."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._asked_at = -_FRESH
        self._found: list[Metric] = []

    def collect(self) -> Iterable[Metric]:
        """Return the gauges; `database_up` is 0, and the others are missing, while the database does not answer."""
        with self._lock:
            if time.monotonic() - self._asked_at >= _FRESH:
                self._found = _ask()
                self._asked_at = time.monotonic()
            return self._found


def _ask() -> list[Metric]:
    found: list[Metric] = []
    try:
        with transaction.atomic():
            with connection.cursor() as cursor:
                cursor.execute(_BRIEFLY)
            for path in settings.GAUGES:
                found += import_string(path)()
    except (DatabaseError, InterfaceError):
        return [_up(0)]
    return [_up(1), *found]


def _up(value: int) -> Metric:
    return GaugeMetricFamily("database_up", "Whether the database answers.", value=value)


_PLUGGED = CollectorRegistry()
_PLUGGED.register(_Plugged())
