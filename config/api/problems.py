"""Errors of the REST API: one shape (RFC 9457 problem details), whoever raises them.

A `code` is a promise: programs branch on it, so it never changes; texts are for people, and may.
"""

import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from http import HTTPStatus
from typing import Any, ClassVar

from django.core.exceptions import PermissionDenied
from django.core.exceptions import ValidationError as DjangoValidationError
from django.db import InterfaceError, OperationalError
from django.http import Http404, HttpResponse
from rest_framework import exceptions
from rest_framework.response import Response
from rest_framework.serializers import as_serializer_error
from rest_framework.views import set_rollback

from config.api.rendering import Renderer
from config.logs import request_id

_log = logging.getLogger(__name__)
CONTENT_TYPE = "application/problem+json"
# Where a person reads what a code means; a path of its own, so that it resolves against whatever was asked for.
TYPES = "/api/v1/problems#"


@dataclass(frozen=True)
class FieldError:
    """What is wrong with one field; `field` is its path, as in `items.0.quantity`, or empty for all together."""

    field: str
    code: str
    message: str


class DomainError(Exception):
    """What a service refuses; each subclass is one `code` of the API, its docstring what the documentation says of it.

    Services raise it without knowing of HTTP: `raise SlotFull("19:30 is full.")`.
    """

    status: ClassVar[int] = 422
    code: ClassVar[str] = "refused"
    title: ClassVar[str] = "Refused"

    def __init__(
        self, detail: str = "", errors: Sequence[FieldError] = (), headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(detail or self.title)
        self.detail = detail
        self.errors = tuple(errors)
        self.headers = dict(headers or {})


class Problem(exceptions.APIException):
    """A problem that a view answers with, where no service is concerned."""

    def __init__(
        self,
        status: int,
        code: str,
        title: str,
        detail: str = "",
        errors: Sequence[FieldError] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(detail or title, code)
        self.status_code = status
        self.code = code
        self.title = title
        self.said = detail
        self.errors = tuple(errors)
        self.headers = dict(headers or {})


@dataclass(frozen=True)
class Kind:
    """One kind of problem: its status, its title, and what it means to a client."""

    status: int
    title: str
    meaning: str


# What the framework itself answers with; what services refuse is added by `kinds`. Of those with the same status, the
# first is for errors of which nothing else is known.
GENERAL = {
    "malformed": Kind(400, "Malformed request", "The request could not be read: its JSON, its host, its headers."),
    "invalid": Kind(400, "Invalid fields", "`errors` says what is wrong with which field; the same again fails again."),
    "not_authenticated": Kind(401, "Not logged in", "No credentials were sent; log in, or refresh the token."),
    "authentication_failed": Kind(401, "Credentials not accepted", "They are wrong, expired, revoked or not for here."),
    "permission_denied": Kind(403, "Not allowed", "Who asks is known, and may not do this."),
    "not_found": Kind(404, "Not found", "There is no such thing here, or it is not yours."),
    "method_not_allowed": Kind(405, "Method not allowed", "The header `Allow` names the methods of this address."),
    "not_acceptable": Kind(406, "Not acceptable", "`Accept` allows nothing that this address can answer with."),
    "precondition_failed": Kind(412, "Changed meanwhile", "Somebody changed it since; read it again, then decide."),
    "too_large": Kind(413, "Too large", "The body is longer than any valid request."),
    "unsupported_media_type": Kind(415, "Unsupported media type", "Bodies are JSON, sent as `application/json`."),
    "precondition_required": Kind(428, "If-Match required", "Send the `ETag` that you read as `If-Match`."),
    "throttled": Kind(429, "Too many requests", "Wait as many seconds as `Retry-After` says."),
    "error": Kind(500, "Internal error", "The fault is here. `request_id` finds it in the logs."),
    "try_again": Kind(503, "Try again", "The database was busy; nothing was changed. Repeat it after `Retry-After`."),
    "portal_closed": Kind(503, "Closed for now", "Customers' accounts are being moved."),  # separation: line
}
_BY_STATUS = {kind.status: code for code, kind in reversed(GENERAL.items())}


def kinds() -> dict[str, Kind]:
    """Return every code that the API answers with, those of the services that are imported among it."""
    found = {each.code: Kind(each.status, each.title, _meaning(each)) for each in refusals()}
    return dict(sorted((GENERAL | found).items()))


def refusals(cls: type[DomainError] = DomainError) -> Iterator[type[DomainError]]:
    """Give what services refuse: each class below CLS with a code of its own, of modules that are imported."""
    for each in cls.__subclasses__():
        if "code" in vars(each):
            yield each
        yield from refusals(each)


def _meaning(cls: type[DomainError]) -> str:
    return " ".join((cls.__doc__ or "").split("\n\n")[0].split())


def problem_body(
    status: int, code: str, title: str = "", detail: str = "", errors: Iterable[FieldError] = ()
) -> dict[str, Any]:
    """Return the body of a problem."""
    return {
        "type": f"{TYPES}{code}",
        "title": title or GENERAL[code].title,
        "status": status,
        "detail": detail,
        "code": code,
        "errors": [asdict(error) for error in errors],
        "request_id": request_id(),
    }


def problem_response(
    status: int, code: str, detail: str = "", title: str = "", headers: Mapping[str, str] | None = None
) -> HttpResponse:
    """Return a problem as an answer of Django's own, for middleware."""
    content = Renderer().render(problem_body(status, code, title, detail))
    return HttpResponse(content, status=status, content_type=CONTENT_TYPE, headers=dict(headers or {}))


def code_of(status: int) -> str:
    """Return the code of an error of which nothing is known but its HTTP status."""
    return _BY_STATUS.get(status, "error" if status >= 500 else "malformed")


def problem_handler(error: Exception, context: dict[str, Any]) -> Response | None:
    """Answer ERROR as a problem: DRF's EXCEPTION_HANDLER. None, that is a 500, for what nobody expected."""
    found = _problem_of(error)
    if found is None:
        return None
    set_rollback()
    body = problem_body(found.status_code, found.code, found.title, found.said, found.errors)
    return Response(body, status=found.status_code, headers=found.headers, content_type=CONTENT_TYPE)


def _problem_of(error: Exception) -> Problem | None:
    if isinstance(error, Problem):
        return error
    if isinstance(error, DomainError):
        return Problem(error.status, error.code, error.title, error.detail, error.errors, error.headers)
    if isinstance(error, DjangoValidationError):
        error = exceptions.ValidationError(as_serializer_error(error))
    if isinstance(error, exceptions.ValidationError):
        return Problem(400, "invalid", GENERAL["invalid"].title, errors=tuple(_flat(error.get_full_details())))
    if isinstance(error, Http404):
        return _general(404)
    if isinstance(error, PermissionDenied):
        return _general(403)
    # A lock not got in time, a deadlock, a server that restarts: what was begun is rolled back.
    if isinstance(error, OperationalError | InterfaceError):
        _log.warning("the database was busy or away", exc_info=error)
        return _general(503, headers={"Retry-After": "2"})
    return _of_framework(error) if isinstance(error, exceptions.APIException) else None


def _of_framework(error: exceptions.APIException) -> Problem:
    headers = {}
    if challenge := getattr(error, "auth_header", None):
        headers["WWW-Authenticate"] = challenge
    if wait := getattr(error, "wait", None):
        headers["Retry-After"] = str(int(wait))
    code = error.get_codes()
    # What a wrong token is wrong about is nobody's business: DRF's own sentence, or the authentication's.
    known = code if isinstance(code, str) and code in GENERAL else code_of(error.status_code)
    detail = "" if isinstance(error, exceptions.NotFound) else str(error.detail)
    return _general(error.status_code, known, detail, headers)


def _general(status: int, code: str = "", detail: str = "", headers: Mapping[str, str] | None = None) -> Problem:
    code = code or code_of(status)
    title = GENERAL[code].title if code in GENERAL and GENERAL[code].status == status else HTTPStatus(status).phrase
    return Problem(status, code, title, detail, headers=headers)


def _flat(details: Any, path: str = "") -> Iterator[FieldError]:
    """Give the errors in what DRF calls full details, whatever their depth."""
    if isinstance(details, dict) and {"message", "code"} == details.keys() and not isinstance(details["code"], dict):
        yield FieldError(path, str(details["code"]), str(details["message"]))
        return
    pairs = details.items() if isinstance(details, dict) else _numbered(details)
    for key, below in pairs:
        name = "" if key in ("", "non_field_errors") else str(key)
        yield from _flat(below, ".".join(part for part in (path, name) if part))


def _numbered(details: list[Any]) -> Iterator[tuple[str, Any]]:
    """Give DETAILS with their place in the list, which only counts where items of a list are wrong."""
    leaves = all(isinstance(each, dict) and "message" in each and "code" in each for each in details)
    return (("" if leaves else str(number), each) for number, each in enumerate(details))
