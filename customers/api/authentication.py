"""Who asks, at the customers' API: a customer by the token of one of their log-ins, and nobody else."""

from typing import Any

from django.http import HttpResponse
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from rest_framework.authentication import BaseAuthentication, CSRFCheck
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from config.api.bearer import NOT_VALID, bearer_token
from config.api.problems import DomainError
from customers.models import Customer, CustomerSession
from customers.sessions import LOG_INS

ACCESS_COOKIE = "customer_access"
REFRESH_COOKIE = "customer_refresh"


class CsrfFailed(DomainError):
    """A browser whose tokens are in cookies writes, and did not send its `csrf_token` as `X-CSRFToken`."""

    status = 403
    code = "csrf_failed"
    title = "CSRF token missing or wrong"


class CustomerAuthentication(BaseAuthentication):
    """Knows a customer by `Authorization: Bearer`, or else by the cookie of a browser.

    Each request asks the database, by one query, whether the token's log-in still holds and its customer is active.
    `request.user` is the Customer, `request.auth` the CustomerSession.
    """

    # What else it answers with to POST, PATCH and DELETE, for the OpenAPI document.
    refuses_changes = (CsrfFailed.code,)

    def authenticate(self, request: Request) -> tuple[Customer, CustomerSession] | None:
        """Return whose request it is; None if it brings no token; raises AuthenticationFailed for a wrong one."""
        if (token := bearer_token(request)) is not None:
            session = _session(token)
        elif is_by_cookie(request):
            session = _session(request.COOKIES[ACCESS_COOKIE])
            require_csrf(request)
        else:
            return None
        LOG_INS.touch(session)
        return session.customer, session

    def authenticate_header(self, request: Request) -> str:
        """Return how to authenticate, which makes the answer to whoever did not a 401."""
        return "Bearer"


class CustomerScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """Says in the OpenAPI document how a customer is known."""

    target_class = CustomerAuthentication
    name = ["bearer", "cookie"]

    def get_security_requirement(self, auto_schema: object) -> list[dict[str, list[Any]]]:
        """Return that one of both ways is enough."""
        return [{name: []} for name in self.name]

    def get_security_definition(self, auto_schema: object) -> list[dict[str, Any]]:
        """Return both ways."""
        return [
            {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"},
            {"type": "apiKey", "in": "cookie", "name": ACCESS_COOKIE, "description": "Set by a log-in with `cookies`."},
        ]


def require_csrf(request: Request) -> None:
    """Raise CsrfFailed unless whatever writes brings the CSRF token: a browser sends cookies along for anybody."""
    check: Any = CSRFCheck(lambda _: HttpResponse())
    check.process_request(request)
    if check.process_view(request, None, (), {}):
        raise CsrfFailed


def is_by_cookie(request: Request) -> bool:
    """Return whether what a request shows of a customer is a cookie."""
    return bearer_token(request) is None and bool(request.COOKIES.get(ACCESS_COOKIE))


def customer_of(request: Request) -> Customer:
    """Return whose request it is, in a view that only customers reach."""
    assert isinstance(request.user, Customer)  # noqa: S101 (the authentication of CustomerView sees to it)
    return request.user


def session_of(request: Request) -> CustomerSession:
    """Return by which log-in the customer asks."""
    assert isinstance(request.auth, CustomerSession)  # noqa: S101
    return request.auth


def _session(token: str) -> CustomerSession:
    session = LOG_INS.shown_by(token)
    if session is None:
        raise AuthenticationFailed(NOT_VALID)
    return session
