"""The sidebar: what there is for whoever looks, in groups."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.apps import apps
from django.contrib import admin
from django.http import HttpRequest
from django.urls import reverse

from config.plugins import plugged  # separation: line
from config.rights import NOWHERE, STAFF, SUPERADMIN, places


@dataclass(frozen=True)
class Page:
    """An entry of the sidebar: a list of the admin, by its model's label, or a page of our own, by its address's name.

    A list shows to whom the list itself does; a page to whoever has LEAST somewhere.
    """

    group: str
    title: str
    icon: str
    label: str = ""
    name: str = ""
    least: str = SUPERADMIN

    def shown_to(self, request: HttpRequest) -> bool:
        """Return whether the sidebar has it for this user."""
        if self.label:
            shown: bool = admin.site.get_model_admin(apps.get_model(self.label)).has_module_permission(request)
            return shown
        return places(request.user, {"view": self.least}, "view") != NOWHERE

    def address(self) -> str:
        """Return where it leads."""
        return reverse(self.name or f"admin:{self.label.replace('.', '_')}_changelist")


GROUPS = (
    *("Shift", "Menus", "Customers"),
    "Data integrity",  # separation: line
    "Platform",
)
# In the order of a day's use. The icons are names of Material Symbols, whose font comes with the admin.
PAGES = (
    Page("Shift", "Today", "today", name="admin:reservations_reservation_day", least=STAFF),
    Page("Shift", "Reservations", "event", label="reservations.reservation"),
    Page("Shift", "Order board", "room_service", name="admin:orders_order_board", least=STAFF),
    Page("Shift", "Orders", "receipt_long", label="orders.order"),
    Page("Menus", "Menus", "menu_book", label="menus.menu"),
    Page("Menus", "Recipes", "skillet", label="menus.recipe"),
    Page("Customers", "Customers", "group", label="customers.customer"),
    Page("Platform", "Restaurants", "storefront", label="restaurants.restaurant"),
    Page("Platform", "Staff", "badge", label="accounts.user"),
    Page("Platform", "Emails", "mail", label="post_office.email"),
)


def pages() -> list[Page]:
    """Return every entry, and every list of the admin that has none under Platform: none is out of reach."""
    known = [*PAGES]
    # separation: begin
    known += [page for plugin in plugged("pages") for page in plugin()]
    # separation: end
    labels = {page.label for page in known}
    others = [model._meta for model in admin.site._registry if model._meta.label_lower not in labels]
    return [
        *known,
        *(Page("Platform", str(meta.verbose_name_plural).capitalize(), "list", meta.label_lower) for meta in others),
    ]


def navigation(request: HttpRequest) -> list[dict[str, Any]]:
    """Return the groups of the sidebar for this user, as unfold wants them; a group of nothing is left out."""
    entries = [(page, page.address()) for page in pages() if page.shown_to(request)]
    here = max((address for _, address in entries if request.path.startswith(address)), key=len, default="")

    def items(group: str) -> Iterator[dict[str, Any]]:
        for page, address in entries:
            if page.group == group:
                yield {"title": page.title, "icon": page.icon, "link": address, "active": address == here}

    return [{"title": group, "items": found} for group in GROUPS if (found := list(items(group)))]
