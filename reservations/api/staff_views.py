"""Bookings over the staff's API: those of the restaurants one works for, and what staff do with them in a shift."""

from collections.abc import Callable
from typing import Any

from django.db import transaction
from django.db.models import QuerySet
from django.http import Http404
from django.utils import timezone
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.views import StaffList, StaffView
from config.api.bodies import valid
from config.api.etags import etag_of, require_match, tagged
from config.api.schema import refuses, versioned
from config.rights import within
from customers.models import Customer
from customers.search import customers_by_phone
from reservations import errors, services
from reservations.api import staff_shapes as shapes
from reservations.api.filters import StaffReservationFilter
from reservations.api.once import KEY, LOCATION, ONCE_REFUSALS, REPLAYED, created_once
from reservations.models import Reservation
from reservations.rights import RESERVATIONS
from reservations.selectors import day_sheet, reservations_shown
from reservations.services import Actor, Contact
from reservations.terms import policy_of
from restaurants.models import Restaurant

_BOOK_REFUSALS = (errors.BeyondPolicy, errors.UnknownCustomer, errors.AccountClosed, errors.OutsideHours)
_SEEN = OpenApiParameter(
    "If-Match", str, OpenApiParameter.HEADER, description="The `ETag` that was read: 412 if it is another by now."
)
_MOST_GUESTS = 10


class ReservationsBase(StaffView):
    """What every endpoint of bookings has in common."""

    rights = RESERVATIONS

    @property
    def actor(self) -> Actor:
        """Who does it."""
        return Actor(services.STAFF, self.staff.pk)

    def restaurant(self, slug: str, action: str) -> Restaurant | None:
        """Return the restaurant SLUG, with its policy, if this user may do ACTION there; else None."""
        rows = Restaurant.objects.select_related("booking_policy").filter(slug=slug)
        return within(rows, self.places(action), "pk").first()

    def reservation(self, reservation_id: int, action: str = "view") -> Reservation:
        """Return a booking that this user may do ACTION to; raises Http404 or PermissionDenied."""
        return self.found(reservations_shown(), reservation_id, action)


class ReservationsView(ReservationsBase, StaffList[Reservation]):
    """The bookings of one's restaurants."""

    queryset = Reservation.objects.none()  # by which the OpenAPI document knows the model
    serializer_class = shapes.ReservationShown
    filterset_class = StaffReservationFilter

    def get_queryset(self) -> QuerySet[Reservation]:
        """Return those of the restaurants this user works for."""
        return self.seen(reservations_shown())

    @extend_schema(responses=shapes.ReservationShown(many=True))
    def get(self, request: Request) -> Response:
        """List the bookings of one's restaurants, the last made first.

        A day in the order of its clock is at `restaurants/{slug}/day`.
        """
        return self.listed(self.get_queryset(), shapes.reservation_shown)

    @refuses(*_BOOK_REFUSALS, *ONCE_REFUSALS)
    @extend_schema(
        request=shapes.BookingBody,
        responses={201: shapes.ReservationShown},
        parameters=[KEY, REPLAYED, LOCATION],
    )
    def post(self, request: Request) -> Response:
        """Book a table, for a customer or a guest.

        At any time of the clock. What goes beyond what the restaurant takes is `beyond_policy`, unless `override` says
        that this is known; then it is in the booking's log. The guest gets a mail, where there is an address.
        """
        wanted = valid(shapes.BookingBody, request)
        restaurant = self.restaurant(wanted.pop("restaurant"), "add")
        if restaurant is None:
            raise ValidationError({"restaurant": "There is no such restaurant."})
        customer = self._customer(wanted.pop("customer_id", None))
        contact = shapes.contact_of(wanted.pop("contact", {}), _contact(customer))
        day = wanted.pop("date")

        def book() -> dict[str, Any]:
            return _shown(
                services.staff_book(
                    restaurant=restaurant, actor=self.actor, day=day, contact=contact, customer=customer, **wanted
                )
            )

        return created_once(request, f"staff:{self.staff.pk}", book)

    def _customer(self, customer_id: int | None) -> Customer | None:
        """Return the customer a booking is for; one the restaurant does not know is refused by the service alike."""
        if customer_id is None:
            return None
        found = Customer.objects.filter(pk=customer_id).first()
        if found is None:
            raise errors.UnknownCustomer(f"The restaurant does not know customer {customer_id}.")
        return found


class ReservationView(ReservationsBase):
    """One booking."""

    @versioned
    @extend_schema(responses=shapes.ReservationShown)
    def get(self, request: Request, reservation_id: int) -> Response:
        """Show a booking."""
        return tagged(request, shapes.reservation_shown(self.reservation(reservation_id)))

    @versioned
    @refuses(*_BOOK_REFUSALS, errors.NotChangeable)
    @extend_schema(request=shapes.ChangeBody, responses=shapes.ReservationShown)
    def patch(self, request: Request, reservation_id: int) -> Response:
        """Change a booking, or what is noted beside it.

        No cut-off binds staff; another day, time or party that goes beyond what the restaurant takes needs `override`.
        """
        row, wanted = self.reservation(reservation_id, "change"), valid(shapes.ChangeBody, request, partial=True)
        with transaction.atomic():
            held = _held(row, self.actor)
            require_match(request, etag_of(shapes.reservation_shown(held)))
            if changes := shapes.changes_of(wanted, held):
                override = wanted.get("override", False)
                services.reservation_change(reservation=held, actor=self.actor, changes=changes, override=override)
            if notes := {name: wanted[name] for name in shapes.NOTES if name in wanted}:
                services.reservation_note(reservation=held, actor=self.actor, **notes)
            shown = _shown(held)
        return tagged(request, shown)


class StepView(ReservationsBase):
    """What staff mark on a booking in passing; done twice, it is done."""

    def step(self, request: Request, reservation_id: int, do: Callable[..., Reservation], **given: Any) -> Response:
        """Answer with the booking after DO, if it is as the request has seen it, or the request does not say."""
        row = self.reservation(reservation_id, "change")
        with transaction.atomic():
            held = _held(row, self.actor)
            if "If-Match" in request.headers:
                require_match(request, etag_of(shapes.reservation_shown(held)))
            shown = _shown(do(reservation=held, actor=self.actor, **given))
        return tagged(request, shown)


class SeatView(StepView):
    """The party has come."""

    @refuses(errors.NotChangeable, errors.BeyondPolicy, "precondition_failed")
    @extend_schema(request=shapes.SeatBody, responses=shapes.ReservationShown, parameters=[_SEEN])
    def post(self, request: Request, reservation_id: int) -> Response:
        """Seat the party, at the tables of `table_ids` if they are given.

        A no-show who comes after all takes a table again: where there is none, that needs `override`.
        """
        return self.step(request, reservation_id, services.reservation_seat, **valid(shapes.SeatBody, request))


class CompleteView(StepView):
    """The party has left."""

    @refuses(errors.NotChangeable, "precondition_failed")
    @extend_schema(request=None, responses=shapes.ReservationShown, parameters=[_SEEN])
    def post(self, request: Request, reservation_id: int) -> Response:
        """Mark that the party has left."""
        return self.step(request, reservation_id, services.reservation_complete)


class NoShowView(StepView):
    """Nobody came."""

    @refuses(errors.NotChangeable, "precondition_failed")
    @extend_schema(request=None, responses=shapes.ReservationShown, parameters=[_SEEN])
    def post(self, request: Request, reservation_id: int) -> Response:
        """Mark that nobody came, which frees the table."""
        return self.step(request, reservation_id, services.reservation_no_show)


class ReopenView(StepView):
    """The last mark was a slip."""

    @refuses(errors.NotChangeable, errors.BeyondPolicy, "precondition_failed")
    @extend_schema(request=shapes.ReopenBody, responses=shapes.ReservationShown, parameters=[_SEEN])
    def post(self, request: Request, reservation_id: int) -> Response:
        """Take the last mark back: seated, left or no-show, one step."""
        return self.step(request, reservation_id, services.reservation_reopen, **valid(shapes.ReopenBody, request))


class CancelView(StepView):
    """The booking is off."""

    @refuses(errors.NotChangeable, "precondition_failed")
    @extend_schema(request=shapes.CancelBody, responses=shapes.ReservationShown, parameters=[_SEEN])
    def post(self, request: Request, reservation_id: int) -> Response:
        """Cancel a booking; the guest gets a mail.

        No cut-off binds staff. Again, it answers the same.
        """
        return self.step(request, reservation_id, services.reservation_cancel, **valid(shapes.CancelBody, request))


class DayView(ReservationsBase):
    """A restaurant's day."""

    @versioned
    @extend_schema(parameters=[shapes.DayQuery], responses=shapes.DayShown)
    def get(self, request: Request, slug: str) -> Response:
        """Show a restaurant's day: who comes when, how full it gets, and how far the evening has got."""
        wanted = shapes.DayQuery(data=request.query_params)
        wanted.is_valid(raise_exception=True)
        restaurant = self.restaurant(slug, "view")
        if restaurant is None:
            raise Http404
        today = timezone.now().astimezone(policy_of(restaurant).zone).date()
        sheet = day_sheet(restaurant=restaurant, day=wanted.validated_data.get("date", today))
        return tagged(request, shapes.day_shown(sheet))


class GuestsView(ReservationsBase):
    """Who is on the phone."""

    @extend_schema(parameters=[shapes.PhoneQuery], responses=shapes.GuestShown(many=True))
    def get(self, request: Request, slug: str) -> Response:
        """Find the restaurant's customers by digits of their phone number, ten at most, to book for one of them."""
        wanted = shapes.PhoneQuery(data=request.query_params)
        wanted.is_valid(raise_exception=True)
        restaurant = self.restaurant(slug, "add")
        if restaurant is None:
            raise Http404
        found = customers_by_phone(frozenset({restaurant.pk}), wanted.validated_data["phone"])
        rows = found.filter(is_active=True, anonymized_at=None).order_by("last_name", "first_name", "pk")
        return Response([{"id": row.pk, "name": str(row), "phone": row.phone} for row in rows[:_MOST_GUESTS]])


def _contact(customer: Customer | None) -> Contact:
    if customer is None:
        return Contact("")
    name = f"{customer.first_name} {customer.last_name}".strip()
    return Contact(name[:255] or "Guest", customer.email, (customer.phone or "")[:50] or None)


def _held(row: Reservation, actor: Actor) -> Reservation:
    """Lock a booking till the end of the transaction; return it as it is now, with what showing it needs."""
    services.reservation_hold(reservation=row, actor=actor)
    return reservations_shown().get(pk=row.pk)


def _shown(row: Reservation) -> dict[str, Any]:
    return shapes.reservation_shown(reservations_shown().get(pk=row.pk))
