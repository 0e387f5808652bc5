"""The portal's door: shut while customers' tables are not, or must not be, written by the new application."""

from collections.abc import Callable

from django.db import DatabaseError, InterfaceError, router
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.template.loader import render_to_string

from config.api.problems import problem_response
from config.compiled import Compiled
from separation.models import Phase

API, PAGES = "/api/v1/", ("/account/", "/booking/")
# What says how the API is used is no customer's data.
DOCUMENTS = tuple(f"{API}{name}" for name in ("schema", "docs", "redoc", "problems"))
# Staff work in every phase.
STAFF = f"{API}staff/"
RETRY_SECONDS = "60"
NOT_READY = "The database is not ready at the moment."


class PortalGate:
    """Middleware that answers 503 for the portal and the pages of its mails as long as `portal_closed` has a reason.

    That is asked with every request, in one query, so that a change of phase holds everywhere at once.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Answer 503, or pass the request on."""
        page = request.path_info.startswith(PAGES)
        api = request.path_info.startswith(API) and not request.path_info.startswith((STAFF, *DOCUMENTS))
        try:
            reason = portal_closed() if page or api else ""
        except (DatabaseError, InterfaceError):
            reason = NOT_READY
        if not reason:
            return self._get_response(request)
        if page:
            html = render_to_string("separation/closed.html", {"reason": reason})
            return HttpResponse(html, status=503, headers={"Retry-After": RETRY_SECONDS})
        return problem_response(503, "portal_closed", reason, headers={"Retry-After": RETRY_SECONDS})


def portal_closed() -> str:
    """Return why customers cannot use the portal in the phase this database is in, or nothing."""
    name, closed = next(iter(_PHASE()), ("", None))
    if closed is None:
        return NOT_READY
    if name == Phase.CLEANING:
        return "Accounts are being moved for the last time. Please come back in a while."
    return "Customers' accounts are not open here yet. Please use the site you know." if closed else ""


_PHASE = Compiled(lambda: Phase.objects.using(router.db_for_read(Phase)).filter(pk=1).values_list("name", "closed"))
