"""The orders' page in the admin."""

from collections.abc import Callable
from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.views import ChangeList

from config.scoping import ScopedAdmin, ScopedRelatedFilter, TableInline, column
from orders import pages
from orders.models import Order, OrderItem
from orders.rights import ORDERS
from reservations.desk import AT_TABLE

STATUS_COLOURS = {"NEW": "info", "IN_PROGRESS": "info", "READY": "info", "COMPLETED": "success", "CANCELLED": "danger"}


class OrderItemInline(TableInline):
    """What was ordered."""

    model = OrderItem
    fields = readonly_fields = ("menu_item", "quantity", "price", "status", "notes")

    def get_queryset(self, request: HttpRequest) -> QuerySet[OrderItem]:
        """Return the lines with their menu items."""
        return super().get_queryset(request).select_related("menu_item")  # type: ignore[no-any-return]


AT_TABLE.append(("Order", "admin:orders_order_add"))


class TakenList(ChangeList):  # type: ignore[misc]
    """A list that leads to the pages on which orders are taken."""

    def url_for_result(self, result: Order) -> str:
        """Return the address of an order's page."""
        return reverse(pages.ORDER, args=[result.pk])


@admin.register(Order)
class OrderAdmin(ScopedAdmin):
    """All orders; they are taken on pages of their own. Here only the notes are edited, of those that are over too."""

    allowed = ORDERS
    linked_lookups = ("customer",)
    empty_hint = "Change the search or the filters, or open an order."

    list_display = ("taken", "customer_name", "state", "order_type", "total_amount", "created_at", "restaurant")
    list_filter = ("status", "order_type", ("restaurant", ScopedRelatedFilter))
    list_select_related = ("restaurant",)
    sortable_by = ("taken",)
    search_fields = ("order_number", "customer_name")
    search_help_text = "Order number or name"
    ordering = ("-id",)
    inlines = (OrderItemInline,)
    fields = (
        *("id", "order_number", "restaurant", "customer_name", "customer_id", "reservation_id", "status", "order_type"),
        *("total_amount", "notes", "user_id", "created_at", "updated_at"),
    )
    readonly_fields = tuple(name for name in fields if name != "notes")

    def get_urls(self) -> list[URLPattern]:
        """Return the addresses of the list and its rows, and those on which orders are taken."""
        own = [
            path("board/", self._inside(pages.board), name="orders_order_board"),
            path("<int:order_id>/take/", self._inside(pages.take), name="orders_order_take"),
        ]
        return [*own, *super().get_urls()]

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[TakenList]:
        """Return the list, whose rows lead to where an order is taken."""
        return TakenList

    def _inside(self, page: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
        """Return PAGE for whoever may see orders somewhere."""

        def view(request: HttpRequest, **given: Any) -> HttpResponse:
            if not self.has_view_permission(request):
                raise PermissionDenied
            return page(request, **given)

        inside: Callable[..., HttpResponse] = self.admin_site.admin_view(view)
        return inside

    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: Any = None) -> HttpResponse:
        """Return the page that opens an order: no form over columns."""
        if not self.has_add_permission(request):
            raise PermissionDenied
        return pages.open_order(request)

    @column("order", ordering="order_number")
    def taken(self, order: Order) -> SafeString:
        """Return the number."""
        return format_html("<bdi>{}</bdi>", order.order_number)

    @column("status", colours=STATUS_COLOURS)
    def state(self, order: Order) -> tuple[str, str]:
        """Return the status and its name."""
        return order.status, order.get_status_display()
