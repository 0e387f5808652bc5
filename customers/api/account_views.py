"""A customer's account: to register, to get into it, to change it."""

from typing import Any

from django.db import transaction
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from config.api.bodies import valid
from config.api.clients import client_ip, network_of
from config.api.etags import etag_of, require_match, tagged
from config.api.schema import versioned
from config.api.views import PublicView
from config.throttles import throttle
from customers import services
from customers.api import account_serializers as bodies
from customers.api.authentication import customer_of, session_of
from customers.api.views import CustomerView
from customers.locks import customer_locked
from customers.models import CustomerProfile
from customers.selectors import profile_of

HOUR = 3600


class MailView(PublicView):
    """What answers the same whatever there is to an address: the address itself is told more, by mail."""

    scope: str

    def count(self, request: Request, email: str) -> None:
        """Raise TooManyRequests where one host, or all for one address, ask too often."""
        throttle(f"{self.scope}-ip", network_of(client_ip(request)), limit=30, seconds=HOUR)
        throttle(self.scope, email.lower(), limit=5, seconds=HOUR)


class Register(MailView):
    """New customers."""

    scope = "register"

    @extend_schema(
        request=bodies.Registration,
        responses={202: None},
        examples=[OpenApiExample("Ada", bodies.ADA, request_only=True)],
    )
    def post(self, request: Request) -> Response:
        """Register.

        Answers the same whether or not the address is free; a mail to the address says what became of it. With the
        password one can log in at once. Guest bookings with the address join the account when it is confirmed.
        """
        given = valid(bodies.Registration, request)
        self.count(request, given["email"])
        services.customer_register(**given)
        return Response(status=202)


class ResendVerification(MailView):
    """The mail that proves an address, again."""

    scope = "resend-verification"

    @extend_schema(request=bodies.EmailBody, responses={202: None})
    def post(self, request: Request) -> Response:
        """Send the confirmation mail again.

        Answers the same whatever there is to the address.
        """
        email = valid(bodies.EmailBody, request)["email"]
        self.count(request, email)
        services.verification_resend(email=email)
        return Response(status=202)


class ForgotPassword(MailView):
    """The mail with which one sets a password."""

    scope = "forgot-password"

    @extend_schema(request=bodies.EmailBody, responses={202: None})
    def post(self, request: Request) -> Response:
        """Ask for a new password.

        Answers the same whatever there is to the address. The link in the mail holds for an hour.
        """
        email = valid(bodies.EmailBody, request)["email"]
        self.count(request, email)
        services.password_forgotten(email=email)
        return Response(status=202)


class LinkView(PublicView):
    """What the link of a mail does."""

    body: type[serializers.Serializer[Any]] = bodies.TokenBody

    def given(self, request: Request) -> dict[str, Any]:
        """Return what REQUEST brings; raises ValidationError, or TooManyRequests for a host that tries tokens out."""
        throttle("link-ip", network_of(client_ip(request)), limit=60, seconds=HOUR)
        return valid(self.body, request)


class MeView(CustomerView):
    """Oneself."""

    @versioned
    @extend_schema(responses=bodies.Me)
    def get(self, request: Request) -> Response:
        """Show who one is."""
        return tagged(request, bodies.Me(customer_of(request)).data)

    @versioned
    @extend_schema(request=bodies.Names, responses=bodies.Me)
    def patch(self, request: Request) -> Response:
        """Change one's names or phone number."""
        changes = valid(bodies.Names, request, partial=True)
        with transaction.atomic():
            customer = customer_locked(customer_of(request).pk)
            require_match(request, etag_of(bodies.Me(customer).data))
            customer = services.customer_update(customer=customer, changes=changes)
        return tagged(request, bodies.Me(customer).data)


class ProfileView(CustomerView):
    """What one says of oneself."""

    @versioned
    @extend_schema(responses=bodies.Profile)
    def get(self, request: Request) -> Response:
        """Show one's profile."""
        return tagged(request, bodies.Profile(profile_of(customer_of(request))).data)

    @versioned
    @extend_schema(request=bodies.ProfileChange, responses=bodies.Profile)
    def patch(self, request: Request) -> Response:
        """Change one's profile."""
        changes = valid(bodies.ProfileChange, request, partial=True)
        return _profile_changed(request, bodies.Profile, services.profile_update, changes)


class PreferencesView(CustomerView):
    """What one prefers."""

    @versioned
    @extend_schema(responses=bodies.Preferences)
    def get(self, request: Request) -> Response:
        """Show what one prefers."""
        return tagged(request, bodies.Preferences(profile_of(customer_of(request))).data)

    @versioned
    @extend_schema(request=bodies.Preferences, responses=bodies.Preferences)
    def patch(self, request: Request) -> Response:
        """Change what one prefers.

        What is named changes; null means the default again.
        """
        changes = valid(bodies.Preferences, request, partial=True)
        return _profile_changed(request, bodies.Preferences, services.preferences_update, changes)


def _profile_changed(request: Request, shown: Any, change: Any, changes: dict[str, Any]) -> Response:
    with transaction.atomic():
        customer = customer_locked(customer_of(request).pk)
        require_match(request, etag_of(shown(profile_of(customer)).data))
        profile: CustomerProfile = change(customer=customer, changes=changes)
    return tagged(request, shown(profile).data)


class PasswordView(CustomerView):
    """One's password."""

    @extend_schema(request=bodies.PasswordChange, responses={204: None})
    def post(self, request: Request) -> Response:
        """Change one's password.

        Ends every other log-in.
        """
        given = valid(bodies.PasswordChange, request)
        services.password_change(customer=customer_of(request), session=session_of(request), **given)
        return Response(status=204)


class EmailView(CustomerView):
    """One's address."""

    @extend_schema(request=bodies.EmailChange, responses={202: None})
    def post(self, request: Request) -> Response:
        """Change one's email address.

        Sends a mail to the new address, with a link that confirms it, and a notice to the one before. Answers the same
        where somebody has that address; its owner is told by mail.
        """
        given = valid(bodies.EmailChange, request)
        throttle("email-change", str(customer_of(request).pk), limit=5, seconds=HOUR)
        services.email_change(customer=customer_of(request), **given)
        return Response(status=202)
