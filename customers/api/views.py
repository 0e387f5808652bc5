"""The base of every endpoint that only customers reach."""

from rest_framework.permissions import IsAuthenticated

from config.api.views import ApiView
from customers.api.authentication import CustomerAuthentication


class CustomerView(ApiView):
    """An endpoint for a customer who is logged in; 401 for everybody else, staff among them."""

    authentication_classes = (CustomerAuthentication,)
    permission_classes = (IsAuthenticated,)
