"""What a customer does that concerns several apps: to prove an address, to leave, to take everything along."""

from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from config.api.bodies import Exact, valid
from config.api.schema import refuses
from config.links import LinkExpired, LinkInvalid
from config.throttles import throttle
from customers import services as accounts
from customers.api import account_serializers as bodies
from customers.api.account_views import HOUR, LinkView
from customers.api.authentication import customer_of
from customers.api.views import CustomerView
from customers.errors import AddressTaken
from portal import services
from portal.export import export_of
from reservations.errors import PastCutoff


class Farewell(Exact):
    """To close an account."""

    password = bodies.password_field()


class Anonymisation(Farewell):
    """To be forgotten."""

    confirm = serializers.ChoiceField(["ANONYMISE"])


class VerifyEmail(LinkView):
    """The address of an account, proved."""

    @refuses(LinkInvalid, LinkExpired)
    @extend_schema(request=bodies.TokenBody, responses=bodies.Me)
    def post(self, request: Request) -> Response:
        """Confirm an email address.

        The guest bookings made with the address join the account.
        """
        return Response(bodies.Me(services.email_verify(**self.given(request))).data)


class ConfirmEmail(LinkView):
    """Another address for an account, proved."""

    @refuses(LinkInvalid, LinkExpired, AddressTaken)
    @extend_schema(request=bodies.TokenBody, responses=bodies.Me)
    def post(self, request: Request) -> Response:
        """Confirm a new email address.

        Ends every log-in: log in again, with the new address.
        """
        return Response(bodies.Me(services.email_confirm(**self.given(request))).data)


class ResetPassword(LinkView):
    """A new password, by the link of a mail."""

    body = bodies.PasswordReset

    @refuses(LinkInvalid, LinkExpired)
    @extend_schema(request=bodies.PasswordReset, responses={204: None})
    def post(self, request: Request) -> Response:
        """Set a new password.

        Ends every log-in, and confirms the address that the mail went to.
        """
        services.password_reset(**self.given(request))
        return Response(status=204)


class Reactivate(LinkView):
    """An account, opened again."""

    @refuses(LinkInvalid, LinkExpired)
    @extend_schema(request=bodies.TokenBody, responses={204: None})
    def post(self, request: Request) -> Response:
        """Open a deactivated account again.

        With the token from the mail about the deactivation.
        """
        accounts.customer_reactivate(**self.given(request))
        return Response(status=204)


class DeactivateView(CustomerView):
    """To close one's account."""

    @extend_schema(request=Farewell, responses={204: None})
    def post(self, request: Request) -> Response:
        """Deactivate one's account.

        Ends every log-in. Reservations stay as they are. The link in the mail opens the account again, for 30 days;
        after that, staff can.
        """
        accounts.customer_deactivate(customer=customer_of(request), **valid(Farewell, request))
        return Response(status=204)


class AnonymiseView(CustomerView):
    """To be forgotten."""

    @refuses(PastCutoff)
    @extend_schema(request=Anonymisation, responses={204: None})
    def post(self, request: Request) -> Response:
        """Remove everything that tells who one is.

        For good. Future reservations are cancelled; past ones, and orders, stay without a name. The address is free to
        register again, as a new person. Refused while there is a booking that is too near to be cancelled.
        """
        given: dict[str, Any] = valid(Anonymisation, request)
        services.customer_anonymise(customer=customer_of(request), password=given["password"])
        return Response(status=204)


class ExportView(CustomerView):
    """Everything there is of oneself."""

    @extend_schema(responses=OpenApiTypes.OBJECT)
    def get(self, request: Request) -> Response:
        """Show everything there is of oneself.

        One JSON document, to be kept; at most ten times a day.
        """
        customer = customer_of(request)
        throttle("export", str(customer.pk), limit=10, seconds=24 * HOUR)
        name = f"customer-{customer.pk}.json"
        return Response(export_of(customer), headers={"Content-Disposition": f'attachment; filename="{name}"'})
