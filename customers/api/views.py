"""The base of every endpoint that only customers reach."""

from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.views import APIView

from config.api.views import ApiView
from customers.api.authentication import CustomerAuthentication
from customers.models import Customer


class IsCustomer(BasePermission):
    """Lets customers in; they have nothing that the permissions of Django's users ask for."""

    def has_permission(self, request: Request, view: APIView) -> bool:
        """Return whether a customer asks."""
        return isinstance(request.user, Customer)


class CustomerView(ApiView):
    """An endpoint for a customer who is logged in; 401 for everybody else, staff among them."""

    authentication_classes = (CustomerAuthentication,)
    permission_classes = (IsCustomer,)
