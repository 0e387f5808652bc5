"""The base of every endpoint that only staff reach, and who asks there."""

from collections.abc import Callable, Mapping
from typing import Any, ClassVar, TypeVar

from django.contrib.admin.models import CHANGE, LogEntry
from django.core.exceptions import PermissionDenied
from django.db.models import Model, QuerySet
from django.http import Http404
from django_filters.rest_framework import DjangoFilterBackend
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.generics import GenericAPIView
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.models import StaffSession, User
from accounts.sessions import LOG_INS
from config.api.bearer import NOT_VALID, bearer_token
from config.api.pages import Ordering
from config.api.views import ApiView
from config.rights import NOWHERE, places, within

_Row = TypeVar("_Row", bound=Model)


class StaffAuthentication(BaseAuthentication):
    """Knows a staff user by `Authorization: Bearer`; no cookie counts, that of the admin neither.

    Each request asks the database, by two queries, whether the token's log-in still holds and where its user works, as
    what. `request.user` is the User, `request.auth` the StaffSession.
    """

    def authenticate(self, request: Request) -> tuple[User, StaffSession] | None:
        """Return whose request it is; None if it brings no token; raises AuthenticationFailed for a wrong one."""
        if (token := bearer_token(request)) is None:
            return None
        session = LOG_INS.shown_by(token)
        if session is None:
            raise AuthenticationFailed(NOT_VALID)
        LOG_INS.touch(session)
        return session.user, session

    def authenticate_header(self, request: Request) -> str:
        """Return how to authenticate, which makes the answer to whoever did not a 401."""
        return "Bearer"


class StaffScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """Says in the OpenAPI document how staff are known."""

    target_class = StaffAuthentication
    name = "staff"

    def get_security_definition(self, auto_schema: object) -> dict[str, Any]:
        """Return the one way."""
        return {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}


class IsStaff(BasePermission):
    """Lets staff in."""

    def has_permission(self, request: Request, view: APIView) -> bool:
        """Return whether somebody asks who works here."""
        return isinstance(request.user, User) and request.user.is_staff


class StaffView(ApiView):
    """An endpoint for staff who are logged in: 401 for everybody else, customers among them.

    `rights` is the app's, on the rows concerned. Whoever may do something nowhere gets 403; what is not theirs is not
    there: 404. A row that one may see and not change is 403, too.
    """

    authentication_classes = (StaffAuthentication,)
    permission_classes = (IsStaff,)
    rights: ClassVar[Mapping[str, str]] = {}

    @property
    def staff(self) -> User:
        """Whose request it is."""
        assert isinstance(self.request.user, User)  # noqa: S101 (the authentication sees to it)
        return self.request.user

    def places(self, action: str) -> frozenset[int] | None:
        """Return the restaurants in which this user may do ACTION, None for everywhere; raises PermissionDenied."""
        where = places(self.staff, self.rights, action)
        if where == NOWHERE:
            raise PermissionDenied
        return where

    def seen(self, queryset: QuerySet[_Row], path: str = "restaurant_id") -> QuerySet[_Row]:
        """Return the rows of QUERYSET that this user may see; raises PermissionDenied if that can be none."""
        return within(queryset, self.places("view"), path)

    def found(self, queryset: QuerySet[_Row], pk: int, action: str = "view", path: str = "restaurant_id") -> _Row:
        """Return the row PK of QUERYSET; raises Http404 unless this user may see it, PermissionDenied unless ACTION."""
        return self.only(queryset.filter(pk=pk), action, path)

    def only(self, queryset: QuerySet[_Row], action: str = "view", path: str = "restaurant_id") -> _Row:
        """Return the only row of QUERYSET; raises what `found` does."""
        row = self.seen(queryset, path).first()
        if row is None:
            raise Http404
        self.require(action, getattr(row, path))
        return row

    def log(self, row: Model, said: str, flag: int = CHANGE) -> None:
        """Write into the history of ROW, which the admin shows, what this user did; in the caller's transaction."""
        LogEntry.objects.log_actions(self.staff.pk, [row], flag, said, single_object=True)

    def require(self, action: str, restaurant_id: int | None) -> None:
        """Raise PermissionDenied unless this user may do ACTION in that restaurant; None is that of no restaurant."""
        where = self.places(action)
        if where is not None and restaurant_id not in where:
            raise PermissionDenied


class StaffList(GenericAPIView[_Row]):
    """A list for staff, page by page; the last made first, unless the view or whoever asks says otherwise."""

    filter_backends = (DjangoFilterBackend, Ordering)
    ordering: tuple[str, ...] = ("-id",)
    ordering_fields: tuple[str, ...] = ("id",)

    def listed(self, rows: QuerySet[_Row], shown: Callable[[_Row], dict[str, Any]]) -> Response:
        """Answer with the page of ROWS that is asked for, filtered and in that order, each as SHOWN has it."""
        page = self.paginate_queryset(self.filter_queryset(rows))
        return self.get_paginated_response([shown(each) for each in page or ()])
