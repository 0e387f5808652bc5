"""Staff log in and out, list their log-ins and end them, and see who they are."""

from uuid import UUID

from django.db.models import QuerySet
from django.http import Http404
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework.generics import ListAPIView
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.serializers import (
    StaffLogin,
    StaffMeShown,
    StaffRefresh,
    StaffSessionShown,
    StaffTokens,
    me_shown,
    tokens_shown,
)
from accounts.api.views import StaffView
from accounts.models import StaffSession
from accounts.sessions import (
    session_end,
    session_refresh,
    sessions_end,
    staff_log_in,
    staff_sessions_live,
)
from config.api.bodies import valid
from config.api.clients import client_ip
from config.api.etags import tagged
from config.api.pages import Ordering
from config.api.schema import refuses, versioned
from config.api.views import PublicView
from config.sessions import LOGGED_OUT, REVOKED, CredentialsWrong, SessionEnded


class LoginView(PublicView):
    """Log in."""

    @refuses(CredentialsWrong)
    @extend_schema(request=StaffLogin, responses=StaffTokens)
    def post(self, request: Request) -> Response:
        """Log in with address and password.

        For whoever may enter the admin. Wrong credentials are one and the same 401, whether or not there is such an
        account. Who fails again and again has to wait: 429 with `Retry-After`.
        """
        given = valid(StaffLogin, request)
        tokens = staff_log_in(email=given["email"], raw_password=given["password"], **_client(request))
        return Response(tokens_shown(tokens))


class RefreshView(PublicView):
    """Get the next pair of tokens."""

    @refuses(SessionEnded)
    @extend_schema(request=StaffRefresh, responses=StaffTokens)
    def post(self, request: Request) -> Response:
        """Get the next pair of tokens for a refresh token, which holds for one use.

        One that is used again after ten seconds was stolen, or the next one was: the log-in ends, and its user gets a
        notice.
        """
        tokens = session_refresh(token=valid(StaffRefresh, request)["refresh_token"], **_client(request))
        return Response(tokens_shown(tokens))


class LogoutView(StaffView):
    """Log out."""

    @extend_schema(request=None, responses={204: None})
    def post(self, request: Request) -> Response:
        """End this log-in: its tokens open nothing from now on."""
        session_end(user=self.staff, session_id=_session(request).pk, reason=LOGGED_OUT)
        return Response(status=204)


class LogoutAllView(StaffView):
    """Log out everywhere."""

    @extend_schema(request=None, responses={204: None})
    def post(self, request: Request) -> Response:
        """End all of one's log-ins to the API, this one too."""
        sessions_end(user=self.staff, reason=LOGGED_OUT)
        return Response(status=204)


class MeView(StaffView):
    """Oneself."""

    @versioned
    @extend_schema(responses=StaffMeShown)
    def get(self, request: Request) -> Response:
        """Show who one is, where one works, and as what."""
        return tagged(request, me_shown(self.staff))


class SessionsView(StaffView, ListAPIView[StaffSession]):
    """One's log-ins."""

    serializer_class = StaffSessionShown
    filter_backends = (Ordering,)
    ordering_fields = ("created_at",)
    ordering = ("-created_at", "-pk")

    def get_queryset(self) -> QuerySet[StaffSession]:
        """Return the user's log-ins that hold."""
        password_hash = _session(self.request).password_hash
        return staff_sessions_live(timezone.now()).filter(user=self.staff, password_hash=password_hash)

    def get(self, request: Request, *args: object, **kwargs: object) -> Response:
        """List the log-ins that hold: device, address, and when each was last used."""
        return super().get(request, *args, **kwargs)


class SessionView(StaffView):
    """One of one's log-ins."""

    @extend_schema(responses={204: None})
    def delete(self, request: Request, session_id: UUID) -> Response:
        """End one of one's log-ins."""
        if not session_end(user=self.staff, session_id=session_id, reason=REVOKED):
            raise Http404
        return Response(status=204)


def _session(request: Request) -> StaffSession:
    assert isinstance(request.auth, StaffSession)  # noqa: S101 (the authentication of StaffView sees to it)
    return request.auth


def _client(request: Request) -> dict[str, str]:
    return {"user_agent": request.headers.get("User-Agent", ""), "ip": client_ip(request)}
