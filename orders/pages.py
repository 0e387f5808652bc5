"""The pages on which staff take orders: the board, opening an order, and the order itself; none needs a script."""

import json
from collections.abc import Callable, Iterable
from datetime import timedelta
from typing import Any, cast
from uuid import uuid4

from django.contrib import messages
from django.contrib.admin.models import LogEntry
from django.contrib.admin.options import get_content_type_for_model
from django.db import OperationalError
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone
from django.utils.http import urlencode

from config.api.problems import DomainError
from config.pages import staff_page
from config.rights import places, within
from config.scoping import first_rows
from menus.models import MenuItem
from menus.prices import amount_of
from orders import flow
from orders.errors import OrderChanged, PriceRequired
from orders.forms import LineForm, OpenForm, OrderForm
from orders.models import Order, OrderItem
from orders.rights import ORDERS
from orders.selectors import board_of, dishes_of, menus_of, with_lines
from orders.services import (
    order_change,
    order_item_add,
    order_item_change,
    order_item_status,
    order_open,
    order_reopen,
    order_status,
    order_tie,
)
from orders.tickets import Line, Ticket
from reservations.idempotency import idempotent
from reservations.models import Reservation
from reservations.selectors import day_sheet
from reservations.stages import PRESENT, Stage
from reservations.terms import policy_of
from restaurants.models import Restaurant

BOARD, ORDER, OPEN = "admin:orders_order_board", "admin:orders_order_take", "admin:orders_order_add"
VIEWS = {"kitchen": "Kitchen", "service": "Service"}
# Until this hour a party of the evening before may still be here.
LATE_HOURS = 6
LAST_LINES = 30


def board(request: HttpRequest) -> HttpResponse:
    """Show what a restaurant works on, as the kitchen sees it or the service."""
    restaurants = _restaurants(request, "view")
    restaurant = _chosen(request, restaurants)
    view = request.GET.get("view", "service")
    if view not in VIEWS:
        raise Http404
    context: dict[str, Any] = {
        "restaurants": restaurants,
        "restaurant": restaurant,
        "view": view,
        "views": VIEWS,
        "page": reverse(BOARD),
    }
    if restaurant is not None:
        now = timezone.now()
        found = board_of(restaurant.pk, now=now)
        tickets = [Ticket.of(order, now) for order in found.orders]
        context |= {
            "undo": _undo(request, tickets),
            "found": found,
            "tickets": [ticket for ticket in tickets if view == "service" or ticket.cooking],
            "over": [Ticket.of(order, now) for order in found.just_over],
            "now": now.astimezone(policy_of(restaurant).zone),
        }
    return staff_page(request, "orders/board.html", title=f"Orders: {VIEWS[view]}", **context)


def open_order(request: HttpRequest) -> HttpResponse:
    """Ask for whom an order is, and open it; `?reservation=` says at whose table."""
    named = _reservation_named(request)
    restaurants = _restaurants(request, "add", named)
    restaurant = named.restaurant if named else _chosen(request, restaurants)
    context: dict[str, Any] = {"restaurants": restaurants, "restaurant": restaurant, "page": reverse(OPEN)}
    if restaurant is not None:
        initial = {"reservation": named.pk if named else None, "order_type": Order.Type.DINE_IN}
        form = OpenForm(request.POST or None, reservations=_reservations(restaurant, named), initial=initial)
        if form.is_valid() and (number := _opened(request, restaurant, form.cleaned_data)):
            return redirect(ORDER, number)
        context |= {"form": form, "key": request.POST.get("key") or str(uuid4()), "already": _open_at(named)}
        context["trail"] = [("Orders", _board_of(restaurant.pk))]
    return staff_page(request, "orders/open.html", title="New order", **context)


def take(request: HttpRequest, order_id: int) -> HttpResponse:
    """Show an order with the menu, and do what is asked with it; back to the index if it is not this user's."""
    order = with_lines(within(Order.objects.all(), places(request.user, ORDERS, "view"))).filter(pk=order_id).first()
    if order is None:
        return redirect("admin:index")
    return _do(request, order) if request.method == "POST" else _page_of(request, order)


def _page_of(request: HttpRequest, order: Order, *, form: LineForm | None = None) -> HttpResponse:
    """Show ORDER; with FORM what is wrong with a line that was to be added."""
    now = timezone.now()
    ticket = Ticket.of(order, now)
    asked = request.POST if form else request.GET
    dish = _dish(order, asked.get("dish", "")) if ticket.is_open else None
    more = ticket.is_open and "more" in request.GET
    return staff_page(
        request,
        "orders/take.html",
        title=f"Order {order.order_number}",
        trail=[("Orders", _board_of(order.restaurant_id))],
        ticket=ticket,
        order=order,
        zone=policy_of(order.restaurant).zone,
        menus=menus_of(order.restaurant_id) if ticket.is_open and not more else [],
        dish=dish,
        is_priced=dish is not None and amount_of(dish.price) is not None,
        form=form or LineForm(),
        changing=_number(request.GET.get("line", "")),
        details=_details_of(order) if more else None,
        may_price=_may(request, order, "price"),
        undo=_undo(request, [ticket]),
        history=_history(order),
        key=str(uuid4()),
    )


def _do(request: HttpRequest, order: Order) -> HttpResponse:
    """Do what was asked for, and lead back to where it was asked; what is refused is said there."""
    do = _DEEDS.get(request.POST.get("do", ""))
    if do is None or not _may(request, order, "change"):
        raise Http404
    back = _back(request, order)
    try:
        return do(request, order) or redirect(back)
    except PriceRequired:
        return redirect(f"{_address(order)}?{urlencode({'dish': request.POST.get('dish', '')})}#add")
    except DomainError as refused:
        messages.error(request, str(refused))
    except OperationalError:
        messages.error(request, "The database was busy, and nothing was changed. Try it again.")
    return redirect(back)


def _add(request: HttpRequest, order: Order) -> HttpResponse | None:
    dish = _dish(order, request.POST.get("dish", ""))
    if dish is None:
        messages.error(request, "This dish is on no menu any more.")
        return None
    form = LineForm(request.POST if "quantity" in request.POST else {"quantity": 1})
    if not form.is_valid():
        return _page_of(request, order, form=form)
    line = {"order": order, "menu_item": dish, "actor_id": _who(request), "join": True, **form.cleaned_data}
    _once(request, [order.pk, dish.pk, form.cleaned_data], lambda: order_item_add(**line).pk)
    return None


def _change_line(request: HttpRequest, order: Order) -> HttpResponse | None:
    item = _item(request, order)
    form = LineForm({"quantity": item.quantity, **request.POST.dict()})
    if not form.is_valid():
        said = "; ".join(f"{form[name].label}: {' '.join(map(str, wrong))}" for name, wrong in form.errors.items())
        messages.error(request, f"{item.menu_item.name} was not changed. {said}")
        return None
    given = {name: value for name, value in form.cleaned_data.items() if name in request.POST}
    if not _may(request, order, "price"):
        given.pop("price", None)
    order_item_change(item=item, actor_id=_who(request), **given)
    return None


def _step_line(request: HttpRequest, order: Order) -> HttpResponse | None:
    item, status, was = _item(request, order), request.POST.get("status", ""), request.POST.get("seen", "")
    order_item_status(item=item, status=status, actor_id=_who(request), seen=was)
    back = _back(request, order)
    if request.POST.get("is_undo"):
        return None
    return redirect(f"{back}{'&' if '?' in back else '?'}{urlencode({'undo': str(item.pk), 'was': was})}")


def _step_order(request: HttpRequest, order: Order) -> HttpResponse | None:
    given = {name: request.POST.get(name, "") for name in ("status", "seen", "reason")}
    order_status(order=order, actor_id=_who(request), **given)
    return None


def _reopen(request: HttpRequest, order: Order) -> HttpResponse | None:
    order_reopen(order=order, actor_id=_who(request), seen=request.POST.get("seen", ""))
    return None


def _change(request: HttpRequest, order: Order) -> HttpResponse | None:
    form = OrderForm(request.POST)
    if form.is_valid():
        order_change(order=order, actor_id=_who(request), **form.cleaned_data)
    else:
        messages.error(request, "That was not changed: say where it is eaten, and a shorter name or note.")
    return None


def _tie(request: HttpRequest, order: Order) -> HttpResponse | None:
    given = request.POST.get("reservation", "")
    found = Reservation.objects.filter(
        restaurant=order.restaurant_id, pk=int(given) if given.isdecimal() else 0
    ).first()
    if given and found is None:
        messages.error(request, "This reservation is not there any more.")
    else:
        order_tie(order=order, reservation=found, actor_id=_who(request))
    return None


_DEEDS: dict[str, Callable[[HttpRequest, Order], HttpResponse | None]] = {
    "add": _add,
    "line": _change_line,
    "step": _step_line,
    "status": _step_order,
    "reopen": _reopen,
    "change": _change,
    "tie": _tie,
}


def _once(request: HttpRequest, asked: Any, do: Callable[[], int]) -> int:
    """Do what DO does, once however often the button of one page is pressed; return the id it gives."""
    key = f"{request.POST.get('key', '')} {json.dumps(asked, default=str)}"
    answer = idempotent(scope=f"staff:{_who(request)}", key=key, request=asked, do=lambda: (201, do()))
    return int(answer.body)


def _opened(request: HttpRequest, restaurant: Restaurant, given: dict[str, Any]) -> int | None:
    """Open an order, and return its id; None if it was refused, which is said."""
    number = given.pop("reservation")
    table = Reservation.objects.filter(restaurant=restaurant, pk=number).first() if number else None

    def do() -> int:
        return order_open(restaurant=restaurant, actor_id=_who(request), reservation=table, **given).pk

    try:
        return _once(request, [restaurant.pk, number, given], do)
    except DomainError as refused:
        messages.error(request, str(refused))
        return None


def _who(request: HttpRequest) -> int:
    return cast(int, request.user.pk)


def _may(request: HttpRequest, order: Order, action: str) -> bool:
    where = places(request.user, ORDERS, action)
    return where is None or order.restaurant_id in where


def _restaurants(request: HttpRequest, action: str, named: Reservation | None = None) -> list[Restaurant]:
    """Return where this user may do ACTION, by name; of very many the first, and the one of NAMED or the address."""
    mine = within(Restaurant.objects.all(), places(request.user, ORDERS, action), "pk")
    return first_rows(mine, str(named.restaurant_id) if named else request.GET.get("restaurant"))


def _chosen(request: HttpRequest, restaurants: list[Restaurant]) -> Restaurant | None:
    """Return the restaurant that the address names, or the only one; None where there is a choice."""
    given = request.GET.get("restaurant", "")
    if not given:
        return restaurants[0] if len(restaurants) == 1 else None
    found = next((each for each in restaurants if str(each.pk) == given), None)
    if found is None:
        raise Http404
    return found


def _reservations(restaurant: Restaurant, named: Reservation | None = None) -> list[tuple[int, str]]:
    """Return who is expected or here this evening, those who sit first, and NAMED."""
    local = timezone.now().astimezone(policy_of(restaurant).zone)
    days = [local.date(), *([local.date() - timedelta(days=1)] if local.hour < LATE_HOURS else [])]
    rows = [row for day in days for row in day_sheet(restaurant=restaurant, day=day).rows if row.stage in PRESENT]
    rows.sort(key=lambda row: row.stage != Stage.SEATED)
    found = {row.reservation.pk: _party(row.reservation, row.time, row.stage.label) for row in rows}
    if named is not None:
        found.setdefault(named.pk, _party(named, named.reservation_time, named.get_status_display()))
    return list(found.items())


def _party(row: Reservation, time: str, stage: str) -> str:
    tables = f"table {', '.join(map(str, row.table_ids))}, " if row.table_ids else ""
    return f"{time} {row.customer_name} ({row.party_size}), {tables}{stage.lower()}"


def _reservation_named(request: HttpRequest) -> Reservation | None:
    here = within(Reservation.objects.select_related("restaurant"), places(request.user, ORDERS, "add"))
    return here.filter(pk=_number(request.GET.get("reservation", ""))).first()


def _open_at(named: Reservation | None) -> list[Order]:
    """Return what is open at the table of NAMED already, which whoever comes from there may mean."""
    return list(named.orders.filter(status__in=flow.OPEN).order_by("pk")) if named else []


def _dish(order: Order, given: str) -> MenuItem | None:
    return dishes_of(order.restaurant_id).filter(pk=_number(given)).first()


def _number(text: str) -> int:
    """Return the id in TEXT; 0, which nothing has, if there is none."""
    return int(text) if text.isdecimal() and len(text) <= 10 else 0


def _item(request: HttpRequest, order: Order) -> OrderItem:
    given = request.POST.get("item", "")
    found = next((item for item in order.items.all() if str(item.pk) == given), None)
    if found is None:
        raise OrderChanged("This line is not there any more.")
    return found


def _undo(request: HttpRequest, tickets: Iterable[Ticket]) -> tuple[Ticket, Line, str] | None:
    """Return the line whose last step can be taken back, and to what, as the address says after a step."""
    number, was = request.GET.get("undo", ""), request.GET.get("was", "")
    lines = ((ticket, line) for ticket in tickets if ticket.is_open for line in ticket.lines)
    return next(
        (
            (ticket, line, was)
            for ticket, line in lines
            if str(line.item.pk) == number and was in flow.ITEMS.get(line.item.status, ())
        ),
        None,
    )


def _details_of(order: Order) -> dict[str, Any]:
    given = {name: getattr(order, name) for name in OrderForm.base_fields}
    return {"form": OrderForm(initial=given), "reservations": _reservations(order.restaurant, order.reservation)}


def _history(order: Order) -> list[LogEntry]:
    of_orders = get_content_type_for_model(Order)
    entries = LogEntry.objects.filter(content_type=of_orders, object_id=str(order.pk)).select_related("user")
    return list(entries.order_by("-pk")[:LAST_LINES])


def _back(request: HttpRequest, order: Order) -> str:
    """Return where a button leads: to the board it was on, or to the order."""
    view = request.POST.get("back", "")
    return _board_of(order.restaurant_id, view) if view in VIEWS else _address(order)


def _board_of(restaurant_id: int, view: str = "service") -> str:
    return f"{reverse(BOARD)}?{urlencode({'restaurant': str(restaurant_id), 'view': view})}"


def _address(order: Order) -> str:
    return reverse(ORDER, args=[order.pk])
