"""A customer's orders: only read, since ordering happens elsewhere."""

from django.db.models import QuerySet
from django.http import Http404
from django_filters.rest_framework import DjangoFilterBackend
from drf_spectacular.utils import extend_schema
from rest_framework.generics import GenericAPIView
from rest_framework.request import Request
from rest_framework.response import Response

from config.api.etags import tagged
from config.api.pages import Ordering
from config.api.schema import versioned
from customers.api.authentication import customer_of
from customers.api.views import CustomerView
from orders.api.filters import OrderFilter
from orders.api.serializers import OrderSerializer, order_shown
from orders.models import Order
from orders.selectors import orders_of


class OrdersView(CustomerView, GenericAPIView[Order]):
    """One's own orders."""

    queryset = Order.objects.none()  # by which the OpenAPI document knows the model
    serializer_class = OrderSerializer
    filter_backends = (DjangoFilterBackend, Ordering)
    filterset_class = OrderFilter
    ordering = ("-id",)
    ordering_fields = ("id",)

    def get_queryset(self) -> QuerySet[Order]:
        """Return the customer's."""
        return orders_of(customer_of(self.request))

    @extend_schema(responses=OrderSerializer(many=True))
    def get(self, request: Request) -> Response:
        """List one's orders, newest first."""
        page = self.paginate_queryset(self.filter_queryset(self.get_queryset()))
        return self.get_paginated_response([order_shown(order) for order in page or ()])


class OrderView(CustomerView):
    """One of one's own orders."""

    @versioned
    @extend_schema(responses=OrderSerializer)
    def get(self, request: Request, order_id: int) -> Response:
        """Show an order."""
        order = orders_of(customer_of(request)).filter(pk=order_id).first()
        if order is None:
            raise Http404
        return tagged(request, order_shown(order))
