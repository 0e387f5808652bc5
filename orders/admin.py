"""The orders' page in the admin."""

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from config.scoping import ScopedAdmin, ScopedRelatedFilter, TableInline, column
from orders.models import Order, OrderItem
from orders.rights import ORDERS

STATUS_COLOURS = {"NEW": "info", "IN_PROGRESS": "info", "READY": "info", "COMPLETED": "success", "CANCELLED": "danger"}


class OrderItemInline(TableInline):
    """What was ordered."""

    model = OrderItem
    fields = readonly_fields = ("menu_item", "quantity", "price", "status", "notes")

    def get_queryset(self, request: HttpRequest) -> QuerySet[OrderItem]:
        """Return the lines with their menu items."""
        return super().get_queryset(request).select_related("menu_item")  # type: ignore[no-any-return]


@admin.register(Order)
class OrderAdmin(ScopedAdmin):
    """Orders, with their notes to edit: what counts as spent stays with the rules of ordering."""

    allowed = ORDERS
    linked_lookups = ("customer",)
    empty_hint = "Change the search or the filters; orders are taken in the ordering application."

    list_display = ("order_number", "customer_name", "state", "order_type", "total_amount", "created_at", "restaurant")
    list_filter = ("status", "order_type", ("restaurant", ScopedRelatedFilter))
    list_select_related = ("restaurant",)
    sortable_by = ("order_number",)
    search_fields = ("order_number", "customer_name")
    search_help_text = "Order number or name"
    ordering = ("-id",)
    inlines = (OrderItemInline,)
    fields = (
        *("id", "order_number", "restaurant", "customer_name", "customer_id", "reservation_id", "status", "order_type"),
        *("total_amount", "notes", "user_id", "created_at", "updated_at"),
    )
    readonly_fields = tuple(name for name in fields if name != "notes")

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Return False: an order is opened by the rules of ordering, and not by a form over its columns."""
        return False

    @column("status", colours=STATUS_COLOURS)
    def state(self, order: Order) -> tuple[str, str]:
        """Return the status and its name."""
        return order.status, order.get_status_display()
