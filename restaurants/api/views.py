"""Restaurants for everybody."""

from django.db.models import QuerySet
from django.http import Http404
from django.http.response import HttpResponseBase
from django_filters.rest_framework import DjangoFilterBackend
from drf_spectacular.utils import extend_schema
from rest_framework.generics import GenericAPIView
from rest_framework.request import Request

from config.api.etags import tagged
from config.api.pages import Ordering
from config.api.schema import versioned
from config.api.views import PublicView
from restaurants.api.filters import RestaurantFilter
from restaurants.api.serializers import (
    RestaurantDetailSerializer,
    RestaurantSerializer,
    restaurant_data,
    restaurant_detail,
)
from restaurants.models import Restaurant
from restaurants.selectors import restaurant_by_slug, restaurants_active

# For how many seconds caches may keep what everybody sees without asking.
MAX_AGE = 60


def restaurant_or_404(slug: str) -> Restaurant:
    """Return an active restaurant; raises Http404."""
    try:
        return restaurant_by_slug(slug)
    except Restaurant.DoesNotExist as error:
        raise Http404 from error


class RestaurantList(PublicView, GenericAPIView[Restaurant]):
    """The restaurants, by name."""

    serializer_class = RestaurantSerializer
    filter_backends = (DjangoFilterBackend, Ordering)
    filterset_class = RestaurantFilter
    ordering = ("name", "pk")
    ordering_fields = ("name",)

    def get_queryset(self) -> QuerySet[Restaurant]:
        """Return those that take guests."""
        return restaurants_active()

    @versioned
    @extend_schema(responses=RestaurantSerializer(many=True))
    def get(self, request: Request) -> HttpResponseBase:
        """List the restaurants, by name."""
        page = self.paginate_queryset(self.filter_queryset(self.get_queryset()))
        body = self.get_paginated_response([restaurant_data(each) for each in page or ()]).data
        return tagged(request, body, max_age=MAX_AGE)


class RestaurantDetail(PublicView):
    """One restaurant."""

    @versioned
    @extend_schema(responses=RestaurantDetailSerializer)
    def get(self, request: Request, slug: str) -> HttpResponseBase:
        """Show one restaurant, with the opening hours of its week."""
        return tagged(request, restaurant_detail(restaurant_or_404(slug)), max_age=MAX_AGE)
