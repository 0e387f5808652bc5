"""Reads of orders: as their customers see them, and as staff work with them."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Prefetch, Q, QuerySet, TextField
from django.db.models.functions import Cast

from customers.models import Customer
from menus.models import Menu, MenuItem, MenuSection
from orders import flow
from orders.models import Order, OrderItem

# An order that was opened earlier is not worked on any more, whatever its status says.
WORKED_ON = timedelta(hours=24)
JUST_OVER = timedelta(hours=2)
ON_BOARD, LAST = 100, 10


def orders_of(customer: Customer) -> QuerySet[Order]:
    """Return the orders of CUSTOMER, newest first, with their restaurants and items: two queries."""
    return (
        orders_with_items(Order.objects.filter(customer=customer))
        .only(
            *("order_number", "status", "order_type", "total_amount", "reservation_id", "created_at", "updated_at"),
            *("restaurant__slug", "restaurant__name"),
        )
        .order_by("-pk")
    )


def orders_with_items(orders: QuerySet[Order]) -> QuerySet[Order]:
    """Return ORDERS with their restaurants and items: two queries.

    `modifiers` is read as the text it is: not everything that PostgreSQL takes for JSON is something to calculate with.
    """
    items = (
        OrderItem.objects.annotate(modifiers_text=Cast("modifiers", TextField()))
        .select_related("menu_item")
        .only("order_id", "menu_item__name", "quantity", "price", "status", "notes")
        .order_by("pk")
    )
    return orders.select_related("restaurant").prefetch_related(Prefetch("items", items))


def dishes_of(restaurant_id: int) -> QuerySet[MenuItem]:
    """Return what can be ordered at a restaurant: active items of active sections of its menus, but archived ones.

    Whether a menu is published does not matter: guests order what is printed, too.
    """
    menu = {"section__menu__restaurant": restaurant_id, "section__menu__is_archived": False}
    return MenuItem.objects.filter(active=True, section__active=True, **menu)


def menus_of(restaurant_id: int) -> list[Menu]:
    """Return the menus of `dishes_of` with what can be ordered in `sections` and their `items`, in order: 3 queries."""
    sections = MenuSection.objects.filter(active=True, items__active=True).distinct().order_by("position", "pk")
    items = MenuItem.objects.filter(active=True).order_by("position", "pk")
    menus = Menu.objects.filter(restaurant=restaurant_id, is_archived=False).only("name").order_by("name", "pk")
    found = menus.prefetch_related(Prefetch("sections", sections.prefetch_related(Prefetch("items", items))))
    return [menu for menu in found if menu.sections.all()]


def with_lines(orders: QuerySet[Order]) -> QuerySet[Order]:
    """Return ORDERS as staff work with them: with restaurant, reservation, lines and their dishes; two queries."""
    lines = OrderItem.objects.select_related("menu_item").order_by("pk")
    return orders.select_related("restaurant", "reservation").prefetch_related(Prefetch("items", lines))


@dataclass(frozen=True)
class Board:
    """What a restaurant works on: the oldest order first, and what was over last, which may have been a slip."""

    orders: list[Order]
    just_over: list[Order]
    # Whether there are open orders that nobody works on any more, and whether not all others are shown.
    has_older: bool
    has_more: bool


def board_of(restaurant_id: int, *, now: datetime) -> Board:
    """Return the board of a restaurant: five queries, however many orders it has left open over the years."""
    here = Order.objects.filter(restaurant=restaurant_id)
    fresh, older = Q(created_at__gte=now - WORKED_ON), Q(created_at__lt=now - WORKED_ON)
    working = here.filter(status__in=flow.OPEN)
    # By when they were opened, which has no index: by number, the plan could begin with the very first order.
    found = list(with_lines(working.filter(fresh).order_by("created_at", "pk"))[: ON_BOARD + 1])
    over = here.filter(fresh, status__in=flow.OVER, updated_at__gte=now - JUST_OVER)
    return Board(
        orders=found[:ON_BOARD],
        just_over=list(over.select_related("reservation").order_by("-updated_at", "-pk")[:LAST]),
        has_older=working.filter(older).exists(),
        has_more=len(found) > ON_BOARD,
    )
