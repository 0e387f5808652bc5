"""The menus that restaurants show everybody."""

from django.db.models import QuerySet
from django.http import Http404
from django.http.response import HttpResponseBase
from drf_spectacular.utils import extend_schema
from rest_framework.generics import GenericAPIView
from rest_framework.request import Request

from config.api.etags import tagged
from config.api.pages import Ordering
from config.api.schema import versioned
from config.api.views import PublicView
from menus.api.serializers import MenuSerializer, menu_data
from menus.models import Menu
from menus.selectors import menus_published
from restaurants.api.views import MAX_AGE, restaurant_or_404


class MenuList(PublicView, GenericAPIView[Menu]):
    """The menus of a restaurant, newest first."""

    serializer_class = MenuSerializer
    filter_backends = (Ordering,)
    ordering = ("-published_at", "-pk")
    ordering_fields = ("published_at", "name")

    def get_queryset(self) -> QuerySet[Menu]:
        """Return those that are published."""
        return menus_published(self.kwargs["slug"])

    @versioned
    @extend_schema(responses=MenuSerializer(many=True))
    def get(self, request: Request, slug: str) -> HttpResponseBase:
        """List the menus of a restaurant, newest first."""
        page = self.paginate_queryset(self.get_queryset())
        if not page:
            restaurant_or_404(slug)
        body = self.get_paginated_response([menu_data(menu) for menu in page or ()]).data
        return tagged(request, body, max_age=MAX_AGE)


class MenuDetail(PublicView):
    """One menu of a restaurant."""

    @versioned
    @extend_schema(responses=MenuSerializer)
    def get(self, request: Request, slug: str, pk: int) -> HttpResponseBase:
        """Show one menu of a restaurant."""
        menu = menus_published(slug).filter(pk=pk).first()
        if menu is None:
            raise Http404
        return tagged(request, menu_data(menu), max_age=MAX_AGE)
