"""Orders over the staff's API: those of the restaurants one works for, and what a shift does with them."""

from collections.abc import Callable
from typing import Any

from django.db import transaction
from django.db.models import Q, QuerySet
from django.http import Http404
from drf_spectacular.utils import extend_schema
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.views import StaffList, StaffView
from config.api.bodies import valid
from config.api.etags import etag_of, require_match, tagged
from config.api.schema import refuses, versioned
from config.rights import within
from menus.models import MenuItem
from orders import errors, services
from orders.api import staff_shapes as shapes
from orders.api.filters import StaffOrderFilter
from orders.models import Order, OrderItem
from orders.rights import ORDERS
from orders.selectors import dishes_of, orders_with_items
from reservations.api.once import KEY, LOCATION, ONCE_REFUSALS, REPLAYED, created_once
from reservations.models import Reservation
from restaurants.models import Restaurant

_ITEM_REFUSALS = (
    *(errors.NotOnMenu, errors.PriceRequired, errors.PriceNotAllowed),
    *(errors.AmountRefused, errors.OrderOver, errors.OrderChanged),
)
_STEP_REFUSALS = (errors.OrderChanged, errors.StatusNotAllowed, errors.OrderOver)


class OrdersBase(StaffView):
    """What every endpoint of orders has in common."""

    rights = ORDERS

    def restaurant(self, slug: str, action: str) -> Restaurant | None:
        """Return the restaurant SLUG, if this user may do ACTION there; else None."""
        return within(Restaurant.objects.filter(slug=slug), self.places(action), "pk").first()

    def order(self, order_id: int, action: str = "view") -> Order:
        """Return an order that this user may do ACTION to; raises Http404 or PermissionDenied."""
        return self.found(orders_with_items(Order.objects.all()), order_id, action)

    def item(self, order_id: int, item_id: int) -> OrderItem:
        """Return a line of an order that this user may change; raises Http404 or PermissionDenied."""
        item = self.order(order_id, "change").items.filter(pk=item_id).first()
        if item is None:
            raise Http404
        return item

    def reservation(self, reservation_id: int | None) -> Reservation | None:
        """Return the reservation at whose table an order is to be; whether it fits is for the service to say."""
        if reservation_id is None:
            return None
        rows: QuerySet[Reservation] = within(Reservation.objects.filter(pk=reservation_id), self.places("add"))
        found = rows.first()
        if found is None:
            raise errors.ReservationUnfit(f"Reservation {reservation_id} is not at this restaurant.")
        return found


class OrdersView(OrdersBase, StaffList[Order]):
    """The orders of one's restaurants."""

    queryset = Order.objects.none()  # by which the OpenAPI document knows the model
    serializer_class = shapes.OrderShown
    filterset_class = StaffOrderFilter

    def get_queryset(self) -> QuerySet[Order]:
        """Return those of the restaurants this user works for."""
        return self.seen(orders_with_items(Order.objects.all()))

    @extend_schema(responses=shapes.OrderShown(many=True))
    def get(self, request: Request) -> Response:
        """List the orders of one's restaurants with their lines, newest first.

        `open=true` gives those that are being worked on.
        """
        return self.listed(self.get_queryset(), shapes.order_shown)

    @refuses(errors.ReservationUnfit, *ONCE_REFUSALS)
    @extend_schema(request=shapes.OpenBody, responses={201: shapes.OrderShown}, parameters=[KEY, REPLAYED, LOCATION])
    def post(self, request: Request) -> Response:
        """Open an order, without lines as yet; at the table of a reservation it is of that one's customer."""
        wanted = valid(shapes.OpenBody, request)
        restaurant = self.restaurant(wanted.pop("restaurant"), "add")
        if restaurant is None:
            raise ValidationError({"restaurant": "There is no such restaurant."})
        reservation = self.reservation(wanted.pop("reservation_id", None))

        def opened() -> dict[str, Any]:
            return _shown(
                services.order_open(restaurant=restaurant, actor_id=self.staff.pk, reservation=reservation, **wanted).pk
            )

        return created_once(request, f"staff:{self.staff.pk}", opened)


class OrderView(OrdersBase):
    """One order."""

    @versioned
    @extend_schema(responses=shapes.OrderShown)
    def get(self, request: Request, order_id: int) -> Response:
        """Show an order with its lines."""
        return tagged(request, shapes.order_shown(self.order(order_id)))

    @versioned
    @refuses(errors.OrderOver, errors.ReservationUnfit)
    @extend_schema(request=shapes.ChangeBody, responses=shapes.OrderShown)
    def patch(self, request: Request, order_id: int) -> Response:
        """Change whose an open order is, at which table, and what is noted of it."""
        order, wanted = self.order(order_id, "change"), valid(shapes.ChangeBody, request, partial=True)
        with transaction.atomic():
            _require_seen(request, order)
            if "reservation_id" in wanted:
                reservation = self.reservation(wanted.pop("reservation_id"))
                services.order_tie(order=order, reservation=reservation, actor_id=self.staff.pk)
            if wanted:
                services.order_change(order=order, actor_id=self.staff.pk, **wanted)
            shown = _shown(order.pk)
        return tagged(request, shown)


class StatusView(OrdersBase):
    """How far an order is."""

    @refuses(*_STEP_REFUSALS, errors.NotReady, errors.ReasonRequired)
    @extend_schema(request=shapes.StatusBody, responses=shapes.OrderShown)
    def post(self, request: Request, order_id: int) -> Response:
        """Bring an order to a status, with the lines that go along; what has it already keeps it."""
        order, wanted = self.order(order_id, "change"), valid(shapes.StatusBody, request)
        return _after(request, order.pk, lambda: services.order_status(order=order, actor_id=self.staff.pk, **wanted))


class ReopenView(OrdersBase):
    """It was not over yet."""

    @extend_schema(request=None, responses=shapes.OrderShown)
    def post(self, request: Request, order_id: int) -> Response:
        """Take back that an order was completed or cancelled."""
        order = self.order(order_id, "change")
        return _after(request, order.pk, lambda: services.order_reopen(order=order, actor_id=self.staff.pk))


class ItemsView(OrdersBase):
    """The lines of an order."""

    @refuses(*_ITEM_REFUSALS, *ONCE_REFUSALS)
    @extend_schema(request=shapes.ItemBody, responses={201: shapes.OrderShown}, parameters=[KEY, REPLAYED, LOCATION])
    def post(self, request: Request, order_id: int) -> Response:
        """Add a line, at the price of the menu; the answer is the order."""
        order, wanted = self.order(order_id, "change"), valid(shapes.ItemBody, request)
        number = wanted.pop("menu_item_id")
        dish = dishes_of(order.restaurant_id).filter(pk=number).first()
        if dish is None:
            raise errors.NotOnMenu(f"Dish {number} is on no menu of {order.restaurant.name} now.")

        def added() -> dict[str, Any]:
            services.order_item_add(order=order, menu_item=dish, actor_id=self.staff.pk, **wanted)
            return _shown(order.pk)

        return created_once(request, f"staff:{self.staff.pk}", added)


class ItemView(OrdersBase):
    """One line."""

    @versioned
    @refuses(*_ITEM_REFUSALS, errors.ItemBegun)
    @extend_schema(request=shapes.ItemChangeBody, responses=shapes.OrderShown)
    def patch(self, request: Request, order_id: int, item_id: int) -> Response:
        """Change a line that the kitchen has not begun; `If-Match` is the order's."""
        item, wanted = self.item(order_id, item_id), valid(shapes.ItemChangeBody, request, partial=True)
        with transaction.atomic():
            _require_seen(request, Order(pk=order_id))
            services.order_item_change(item=item, actor_id=self.staff.pk, **wanted)
            shown = _shown(order_id)
        return tagged(request, shown)


class ItemStatusView(OrdersBase):
    """How far a line is."""

    @refuses(*_STEP_REFUSALS)
    @extend_schema(request=shapes.ItemStatusBody, responses=shapes.OrderShown)
    def post(self, request: Request, order_id: int, item_id: int) -> Response:
        """Bring a line to a status, forward or, after a slip, back; the order follows."""
        item, wanted = self.item(order_id, item_id), valid(shapes.ItemStatusBody, request)
        return _after(
            request, order_id, lambda: services.order_item_status(item=item, actor_id=self.staff.pk, **wanted)
        )


class DishesView(OrdersBase, StaffList[MenuItem]):
    """What can be ordered."""

    queryset = MenuItem.objects.none()  # by which the OpenAPI document knows the model
    serializer_class = shapes.DishShown
    ordering = ("name", "pk")
    ordering_fields = ("name",)

    @extend_schema(parameters=[shapes.DishQuery], responses=shapes.DishShown(many=True))
    def get(self, request: Request, slug: str) -> Response:
        """List what can be ordered at a restaurant, by name: what is active on its menus, published or not."""
        restaurant = self.restaurant(slug, "view")
        if restaurant is None:
            raise Http404
        wanted = shapes.DishQuery(data=request.query_params)
        wanted.is_valid(raise_exception=True)
        dishes = dishes_of(restaurant.pk).select_related("section__menu")
        for word in wanted.validated_data.get("search", "").split():
            dishes = dishes.filter(Q(name__icontains=word) | Q(description__icontains=word))
        return self.listed(dishes, shapes.dish_shown)


def _after(request: Request, order_id: int, do: Callable[[], object]) -> Response:
    """Answer with the order after DO."""
    with transaction.atomic():
        do()
        shown = _shown(order_id)
    return tagged(request, shown)


def _require_seen(request: Request, order: Order) -> None:
    """Lock an order till the end of the transaction, and raise unless the request has seen it as it is."""
    services.order_hold(order_id=order.pk)
    require_match(request, etag_of(_shown(order.pk)))


def _shown(order_id: int) -> dict[str, Any]:
    return shapes.order_shown(orders_with_items(Order.objects.all()).get(pk=order_id))
