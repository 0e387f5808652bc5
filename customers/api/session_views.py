"""Log in and out; list one's log-ins and end them."""

from uuid import UUID

from django.db.models import QuerySet
from django.http import Http404
from django.middleware.csrf import rotate_token
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework.generics import ListAPIView
from rest_framework.request import Request
from rest_framework.response import Response

from config.api.clients import client_ip
from config.api.pages import Ordering
from config.api.schema import refuses
from config.api.views import PublicView
from config.sessions import LOGGED_OUT, REVOKED, CredentialsWrong, SessionEnded
from customers.api.authentication import REFRESH_COOKIE, CsrfFailed, customer_of, is_by_cookie, require_csrf, session_of
from customers.api.cookies import cookies_clear, cookies_set
from customers.api.session_serializers import (
    LoginSerializer,
    RefreshSerializer,
    SessionSerializer,
    TokensSerializer,
    shown_tokens,
)
from customers.api.views import CustomerView
from customers.login import customer_log_in
from customers.models import CustomerSession
from customers.selectors import live_sessions
from customers.sessions import Tokens, session_end, session_refresh, sessions_end


class LoginView(PublicView):
    """Log in."""

    @refuses(CredentialsWrong)
    @extend_schema(request=LoginSerializer, responses=TokensSerializer)
    def post(self, request: Request) -> Response:
        """Log in with address and password.

        Wrong credentials are one and the same 401, whether or not there is such an account. Who fails again and again
        has to wait: 429 with `Retry-After`.
        """
        given = LoginSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        tokens = customer_log_in(
            email=given.validated_data["email"], raw_password=given.validated_data["password"], **_client(request)
        )
        if given.validated_data["cookies"]:
            rotate_token(request)
        return _answer(request, tokens, cookies=given.validated_data["cookies"])


class RefreshView(PublicView):
    """Get the next pair of tokens."""

    @refuses(SessionEnded, CsrfFailed)
    @extend_schema(request=RefreshSerializer, responses=TokensSerializer)
    def post(self, request: Request) -> Response:
        """Get the next pair of tokens for a refresh token, which holds for one use.

        One that is used again after ten seconds was stolen, or the next one was: the log-in ends, and its customer
        gets a notice.
        """
        given = RefreshSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        token = given.validated_data.get("refresh_token")
        cookie = request.COOKIES.get(REFRESH_COOKIE, "") if token is None else ""
        if cookie:
            require_csrf(request)
        tokens = session_refresh(token=token or cookie, **_client(request))
        return _answer(request, tokens, cookies=bool(cookie))


class LogoutView(CustomerView):
    """Log out."""

    @extend_schema(request=None, responses={204: None})
    def post(self, request: Request) -> Response:
        """End this log-in: its tokens open nothing from now on."""
        session_end(customer=customer_of(request), session_id=session_of(request).pk, reason=LOGGED_OUT)
        return _logged_out(request)


class LogoutAllView(CustomerView):
    """Log out everywhere."""

    @extend_schema(request=None, responses={204: None})
    def post(self, request: Request) -> Response:
        """End all of one's log-ins, this one too."""
        sessions_end(customer=customer_of(request), reason=LOGGED_OUT)
        return _logged_out(request)


class SessionsView(CustomerView, ListAPIView[CustomerSession]):
    """One's log-ins."""

    serializer_class = SessionSerializer
    filter_backends = (Ordering,)
    ordering_fields = ("created_at",)
    ordering = ("-created_at", "-pk")

    def get_queryset(self) -> QuerySet[CustomerSession]:
        """Return the customer's log-ins that hold."""
        return live_sessions(timezone.now()).filter(customer=customer_of(self.request))

    def get(self, request: Request, *args: object, **kwargs: object) -> Response:
        """List the log-ins that hold: device, address, and when each was last used."""
        return super().get(request, *args, **kwargs)


class SessionView(CustomerView):
    """One of one's log-ins."""

    @extend_schema(responses={204: None})
    def delete(self, request: Request, session_id: UUID) -> Response:
        """End one of one's log-ins."""
        if not session_end(customer=customer_of(request), session_id=session_id, reason=REVOKED):
            raise Http404
        return _logged_out(request) if session_id == session_of(request).pk else Response(status=204)


def _client(request: Request) -> dict[str, str]:
    return {"user_agent": request.headers.get("User-Agent", ""), "ip": client_ip(request)}


def _answer(request: Request, tokens: Tokens, *, cookies: bool) -> Response:
    response = Response()
    csrf_token = cookies_set(request, response, tokens) if cookies else None
    response.data = shown_tokens(tokens, csrf_token=csrf_token)
    return response


def _logged_out(request: Request) -> Response:
    response = Response(status=204)
    if is_by_cookie(request):
        cookies_clear(response)
    return response
