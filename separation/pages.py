"""The board: where the separation stands, and the few buttons that are safe to press."""

from typing import Any

from django.conf import settings
from django.contrib import admin, messages
from django.db import connections, router
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone

from config.pages import staff_page
from separation.board import board_of, kinds_of, live_of
from separation.errors import VERIFY, Refused
from separation.models import Finding, Phase
from separation.settling import named
from separation.verifying import verification_ask
from separation.watch import LAST


def board(request: HttpRequest) -> HttpResponse:
    """Return the board, or an owner's part of it.

    It works by reloading; a script looks again every few seconds while something moves.
    """
    if not _is_superadmin(request):
        return _of_owners(request)
    found = board_of(connections[router.db_for_read(Phase)])
    return staff_page(
        request,
        "separation/board.html",
        title="Data integrity",
        board=found,
        live=found.live,
        verify_command=VERIFY,
        dashboards=settings.DASHBOARDS.items(),
    )


def _of_owners(request: HttpRequest) -> HttpResponse:
    """Return what concerns the restaurants of whoever owns some: the findings they may settle."""
    findings: Any = admin.site.get_model_admin(Finding)
    if not findings.has_view_permission(request):
        raise Http404
    found = kinds_of(findings.get_queryset(request).filter(state=Finding.OPEN), timezone.now())
    return staff_page(request, "separation/board_of_owners.html", title="Data integrity", findings=found)


def live(request: HttpRequest) -> HttpResponse:
    """Return the part of the board that changes while one looks."""
    _require_superadmin(request)
    found = live_of(connections[router.db_for_read(Phase)])
    return render(request, "separation/live.html", {"live": found})


def verify(request: HttpRequest) -> HttpResponse:
    """Start a verification, of what changed or of everything, unless one is under way."""
    _require_superadmin(request)
    since = LAST if request.POST.get("since") == LAST else ""
    try:
        verification = verification_ask(by=named(request), since=since)
    except Refused as refused:
        messages.error(request, refused.message)
    else:
        messages.success(request, f"Verification {verification.pk} has begun; its outcome will stand here.")
    return HttpResponseRedirect(reverse("separation_board"))


def _require_superadmin(request: HttpRequest) -> None:
    if not _is_superadmin(request):
        raise Http404


def _is_superadmin(request: HttpRequest) -> bool:
    user: Any = request.user
    return bool(user.is_superuser)
