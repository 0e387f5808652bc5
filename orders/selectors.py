"""Reads of orders: as their customers see them, and as staff work with them."""

from django.db.models import Prefetch, QuerySet, TextField
from django.db.models.functions import Cast

from customers.models import Customer
from menus.models import MenuItem
from orders.models import Order, OrderItem


def orders_of(customer: Customer) -> QuerySet[Order]:
    """Return the orders of CUSTOMER, newest first, with their restaurants and items: two queries.

    `modifiers` is read as the text it is: not everything that PostgreSQL takes for JSON is something to calculate with.
    """
    items = (
        OrderItem.objects.annotate(modifiers_text=Cast("modifiers", TextField()))
        .select_related("menu_item")
        .only("order_id", "menu_item__name", "quantity", "price", "status", "notes")
        .order_by("pk")
    )
    return (
        Order.objects.filter(customer=customer)
        .select_related("restaurant")
        .only(
            *("order_number", "status", "order_type", "total_amount", "reservation_id", "created_at", "updated_at"),
            *("restaurant__slug", "restaurant__name"),
        )
        .prefetch_related(Prefetch("items", items))
        .order_by("-pk")
    )


def dishes_of(restaurant_id: int) -> QuerySet[MenuItem]:
    """Return what can be ordered at a restaurant: active items of active sections of its menus, but archived ones.

    Whether a menu is published does not matter: guests order what is printed, too.
    """
    menu = {"section__menu__restaurant": restaurant_id, "section__menu__is_archived": False}
    return MenuItem.objects.filter(active=True, section__active=True, **menu)
