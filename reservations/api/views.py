"""Bookings over HTTP: those of a customer, those of a guest who has the link, and what can be booked."""

from collections.abc import Callable
from typing import Any

from django.db import transaction
from django.http import Http404, HttpResponse
from django.utils import timezone
from django_filters.rest_framework import DjangoFilterBackend
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import generics
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from config.api.clients import client_ip, network_of
from config.api.etags import etag_of, require_match, tagged
from config.api.pages import FirstPage, Ordering
from config.api.rendering import Renderer
from config.api.schema import refuses, versioned
from config.api.views import PublicView
from config.links import LinkExpired, LinkInvalid
from config.throttles import throttle
from customers.api.authentication import customer_of
from customers.api.views import CustomerView
from customers.models import Customer
from reservations import errors, ics
from reservations.api import serializers as shapes
from reservations.api.filters import ReservationFilter
from reservations.api.once import KEY, LOCATION, ONCE_REFUSALS, REPLAYED, created_once
from reservations.availability import availability
from reservations.links import booking_of
from reservations.models import Reservation
from reservations.selectors import latest_reservations, reservations_of, reservations_shown
from reservations.services import (
    PORTAL,
    PORTAL_GUEST,
    Actor,
    Contact,
    reservation_cancel,
    reservation_change,
    reservation_create,
    reservation_hold,
)
from reservations.terms import policy_of
from restaurants.api.views import restaurant_or_404
from restaurants.selectors import restaurants_active

_TABLE_REFUSALS = errors.BookingRefused.__subclasses__()
_CREATE_REFUSALS = (*_TABLE_REFUSALS, errors.AccountClosed, *ONCE_REFUSALS)
_CHANGE_REFUSALS = (*_TABLE_REFUSALS, errors.NotChangeable, errors.AccountClosed)
_CANCEL_REFUSALS = (errors.PastCutoff, errors.NotChangeable, errors.AccountClosed)
_LINK_REFUSALS = (LinkInvalid, LinkExpired)
_SEEN = OpenApiParameter(
    "If-Match", str, OpenApiParameter.HEADER, description="The `ETag` that was read: 412 if it is another by now."
)


class ReservationsView(CustomerView, generics.GenericAPIView[Reservation]):
    """One's own reservations, whoever booked them and wherever."""

    queryset = Reservation.objects.none()  # by which the OpenAPI document knows the model
    serializer_class = shapes.ReservationSerializer
    filter_backends = (DjangoFilterBackend, Ordering)
    filterset_class = ReservationFilter
    ordering_fields = ("date",)

    @property
    def ordering(self) -> tuple[str, str]:
        """The next first among those to come, else the last first."""
        coming = self.request.query_params.get("when") == "upcoming"
        return ("date", "pk") if coming else ("-date", "-pk")

    def get_queryset(self) -> Any:
        """Return the customer's."""
        return reservations_of(customer_of(self.request))

    @extend_schema(responses=shapes.ReservationSerializer(many=True))
    def get(self, request: Request) -> Response:
        """List one's reservations.

        Whoever booked them: also staff on the phone, and other applications.
        """
        narrowed = request.query_params.keys() - {"page_size"}
        rows: Any = self.filter_queryset(self.get_queryset()) if narrowed else FirstPage(self._latest)
        shown = [shapes.reservation_shown(each, shapes.own_path(each)) for each in self.paginate_queryset(rows) or ()]
        return self.get_paginated_response(shown)

    def _latest(self, most: int) -> list[Reservation]:
        return latest_reservations(customer_of(self.request), most)

    @refuses(*_CREATE_REFUSALS)
    @extend_schema(
        request=shapes.CreateSerializer,
        responses={201: shapes.ReservationSerializer},
        parameters=[KEY, REPLAYED, LOCATION],
    )
    def post(self, request: Request) -> Response:
        """Book a table.

        A slot of the restaurant's availability. The restaurant's terms of now stay those of the booking.
        """
        wanted = _valid(shapes.CreateSerializer(data=request.data))
        customer = customer_of(request)
        throttle("booking", str(customer.pk), limit=30, seconds=3600)
        restaurant = restaurants_active().select_related("booking_policy").filter(slug=wanted.pop("restaurant")).first()
        if restaurant is None:
            raise ValidationError({"restaurant": "There is no such restaurant."})
        contact = shapes.contact_of(wanted.pop("contact", {}), _contact(customer))
        return _book(
            request,
            f"customer:{customer.pk}",
            lambda: reservation_create(
                restaurant=restaurant, customer=customer, contact=contact, source=PORTAL, **_table(wanted)
            ),
            shapes.own_path,
        )


class ReservationView(CustomerView):
    """One of one's own reservations."""

    @versioned
    @extend_schema(responses=shapes.ReservationSerializer)
    def get(self, request: Request, reservation_id: int) -> Response:
        """Show a reservation."""
        reservation = _own(request, reservation_id)
        return tagged(request, shapes.reservation_shown(reservation, shapes.own_path(reservation)))

    @versioned
    @refuses(*_CHANGE_REFUSALS)
    @extend_schema(request=shapes.ChangeSerializer, responses=shapes.ReservationSerializer)
    def patch(self, request: Request, reservation_id: int) -> Response:
        """Change a reservation.

        Another day, time or party needs room, as a new booking would; until that is sure, the old one is kept.
        """
        reservation = _own(request, reservation_id)
        return _change(request, reservation, Actor("customer", request.user.pk), shapes.own_path(reservation))


class CancelView(CustomerView):
    """The end of a reservation."""

    @refuses(*_CANCEL_REFUSALS, "precondition_failed")
    @extend_schema(request=None, responses=shapes.ReservationSerializer, parameters=[_SEEN])
    def post(self, request: Request, reservation_id: int) -> Response:
        """Cancel a reservation.

        Again, it answers the same.
        """
        reservation = _own(request, reservation_id)
        return _cancel(request, reservation, Actor("customer", request.user.pk), shapes.own_path(reservation))


class _Calendar:
    """An answer that is a calendar, or a problem, whatever the client says it accepts."""

    def perform_content_negotiation(self, request: Request, force: bool = False) -> Any:
        """Return how problems are written; the calendar is no answer of the framework's."""
        return Renderer(), Renderer.media_type


class CalendarView(_Calendar, CustomerView):
    """A reservation for one's calendar."""

    @extend_schema(responses={(200, "text/calendar"): OpenApiTypes.STR})
    def get(self, request: Request, reservation_id: int) -> HttpResponse:
        """Show a reservation as an iCalendar file."""
        return calendar_answer(_own(request, reservation_id))


class GuestReservationsView(PublicView):
    """Bookings without an account."""

    @refuses(*_CREATE_REFUSALS)
    @extend_schema(
        request=shapes.GuestCreateSerializer,
        responses={201: shapes.ReservationSerializer},
        parameters=[KEY, REPLAYED],
    )
    def post(self, request: Request, slug: str) -> Response:
        """Book a table without an account.

        The link that manages the booking comes by mail, and only there: reading it proves the address.
        """
        restaurant = restaurant_or_404(slug)
        wanted = _valid(shapes.GuestCreateSerializer(data=request.data))
        person = wanted.pop("contact")
        throttle("guest-booking-ip", network_of(client_ip(request)), limit=30, seconds=3600)
        throttle("guest-booking-email", person["email"].lower(), limit=10, seconds=24 * 3600)
        contact = Contact(person["name"], person["email"], person.get("phone") or None)
        return _book(
            request,
            f"restaurant:{restaurant.pk}",
            lambda: reservation_create(restaurant=restaurant, contact=contact, source=PORTAL_GUEST, **_table(wanted)),
            lambda reservation: None,
        )


class GuestReservationView(PublicView):
    """The booking that a link manages."""

    @versioned
    @refuses(*_LINK_REFUSALS)
    @extend_schema(responses=shapes.ReservationSerializer)
    def get(self, request: Request, token: str) -> Response:
        """Show the booking of a link."""
        return tagged(request, shapes.reservation_shown(booking_of(token), _guest_path(token)))

    @versioned
    @refuses(*_CHANGE_REFUSALS, *_LINK_REFUSALS)
    @extend_schema(request=shapes.ChangeSerializer, responses=shapes.ReservationSerializer)
    def patch(self, request: Request, token: str) -> Response:
        """Change the booking of a link."""
        return _change(request, booking_of(token), Actor("guest"), _guest_path(token))


class GuestCancelView(PublicView):
    """The end of a booking, by its link."""

    @refuses(*_CANCEL_REFUSALS, *_LINK_REFUSALS, "precondition_failed")
    @extend_schema(request=None, responses=shapes.ReservationSerializer, parameters=[_SEEN])
    def post(self, request: Request, token: str) -> Response:
        """Cancel the booking of a link.

        Again, it answers the same.
        """
        return _cancel(request, booking_of(token), Actor("guest"), _guest_path(token))


class GuestCalendarView(_Calendar, PublicView):
    """A booking for a guest's calendar."""

    @refuses(*_LINK_REFUSALS)
    @extend_schema(responses={(200, "text/calendar"): OpenApiTypes.STR})
    def get(self, request: Request, token: str) -> HttpResponse:
        """Show the booking of a link as an iCalendar file."""
        return calendar_answer(booking_of(token))


class AvailabilityView(PublicView):
    """What can be booked."""

    @refuses(errors.PartyTooSmall, errors.PartyTooLarge)
    @extend_schema(parameters=[shapes.AvailabilityQuerySerializer], responses=shapes.AvailabilitySerializer)
    def get(self, request: Request, slug: str) -> Response:
        """Show what a party can book on a day.

        Times are those of the restaurant's clocks. Booking decides: a slot that is free here may be gone then.
        """
        restaurant = restaurant_or_404(slug)
        wanted = _valid(shapes.AvailabilityQuerySerializer(data=request.query_params))
        found = availability(
            restaurant=restaurant, day=wanted["date"], party_size=wanted["party_size"], now=timezone.now()
        )
        shown = shapes.availability_shown(restaurant, wanted["party_size"], found, policy_of(restaurant).zone)
        return Response(shown, headers={"Cache-Control": "public, max-age=10"})


def calendar_answer(reservation: Reservation) -> HttpResponse:
    """Return RESERVATION as a file for calendars; raises Http404 where nobody can tell when it is."""
    content = ics.reservation_calendar(reservation)
    if content is None:
        raise Http404
    name = f"reservation-{reservation.pk}.ics"
    return HttpResponse(
        content, content_type=ics.CONTENT_TYPE, headers={"Content-Disposition": f'attachment; filename="{name}"'}
    )


def _own(request: Request, reservation_id: int) -> Reservation:
    """Return a reservation of the customer who asks; raises Http404 for one of somebody else as for none."""
    found = reservations_shown().filter(pk=reservation_id, customer=customer_of(request)).first()
    if found is None:
        raise Http404
    return found


def _guest_path(token: str) -> str:
    return f"/api/v1/guest/reservations/{token}"


def _contact(customer: Customer) -> Contact:
    name = f"{customer.first_name} {customer.last_name}".strip()
    return Contact(name[:255] or "Guest", customer.email, (customer.phone or "")[:50] or None)


def _valid(serializer: Any) -> dict[str, Any]:
    serializer.is_valid(raise_exception=True)
    return dict(serializer.validated_data)


def _table(wanted: dict[str, Any]) -> dict[str, Any]:
    """Return what the service calls the day."""
    return {"day" if name == "date" else name: value for name, value in wanted.items()}


def _book(
    request: Request, scope: str, create: Callable[[], Reservation], path_of: Callable[[Reservation], str | None]
) -> Response:
    """Create a booking, once for each Idempotency-Key of SCOPE, and answer with it."""

    def made() -> dict[str, Any]:
        reservation = _fresh(create())
        return shapes.reservation_shown(reservation, path_of(reservation))

    return created_once(request, scope, made)


def _change(request: Request, reservation: Reservation, actor: Actor, path: str) -> Response:
    """Change RESERVATION if the request has seen it as it is; it is locked between that question and the change."""
    wanted = shapes.ChangeSerializer(data=request.data)
    wanted.is_valid(raise_exception=True)
    with transaction.atomic():
        reservation_hold(reservation=reservation)
        held = _fresh(reservation)
        require_match(request, etag_of(shapes.reservation_shown(held, path)))
        reservation_change(reservation=held, actor=actor, changes=wanted.changes(held))
        shown = shapes.reservation_shown(_fresh(held), path)
    return tagged(request, shown)


def _cancel(request: Request, reservation: Reservation, actor: Actor, path: str) -> Response:
    """Cancel RESERVATION, unless it is cancelled, or the request has seen another state of it."""
    with transaction.atomic():
        reservation_hold(reservation=reservation)
        held = _fresh(reservation)
        if held.status != Reservation.Status.CANCELLED:
            if "If-Match" in request.headers:
                require_match(request, etag_of(shapes.reservation_shown(held, path)))
            reservation_cancel(reservation=held, actor=actor)
            held = _fresh(held)
        shown = shapes.reservation_shown(held, path)
    return tagged(request, shown)


def _fresh(reservation: Reservation) -> Reservation:
    """Return RESERVATION as it is now, with what showing it needs."""
    return reservations_shown().get(pk=reservation.pk)
