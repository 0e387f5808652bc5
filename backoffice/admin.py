"""The customers' page, which joins what every app knows of a customer, and the index of the admin."""

from collections.abc import Callable
from typing import Any

from django.contrib import admin, messages
from django.db.models import Count, Exists, OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce, Lower
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.safestring import SafeString

from backoffice import mails  # noqa: F401 (registers its page)
from backoffice.tables import link, shown_value, table
from config.plugins import plugged  # separation: line
from config.rights import places, within
from config.scoping import FormInline, ScopedAdmin, TableInline, column
from customers.models import Customer, CustomerProfile, CustomerRestaurant
from customers.rights import CUSTOMERS
from customers.search import customers_found
from customers.services import customer_close, customer_open
from orders.models import Order
from reservations.models import Reservation

LATEST = 20
# What staff of one restaurant wrote about somebody is not another restaurant's to read.
WRITTEN_BY_STAFF = ("vip_status", "tags", "notes")


class ProfileInline(FormInline):
    """What the customer likes."""

    model = CustomerProfile
    editable = True
    verbose_name_plural = "profile"
    fields = (
        *("dietary_restrictions", "special_requests", "preferred_contact_method", "marketing_opt_in"),
        *("birthday", "anniversary", "vip_status", "tags", "notes"),
    )

    def get_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        """Return the columns this user may see."""
        everything = request.user.is_superuser
        return tuple(name for name in self.fields if everything or name not in WRITTEN_BY_STAFF)


class RestaurantInline(TableInline):
    """The restaurants of a customer: their visits and spend are computed, their notes are the restaurant's own."""

    model = CustomerRestaurant
    editable = True
    verbose_name_plural = "restaurants"
    fields = ("restaurant", "first_visit", "last_visit", "visit_count", "total_spent", "vip_status", "notes")
    readonly_fields = fields[:5]

    def get_queryset(self, request: HttpRequest) -> QuerySet[CustomerRestaurant]:
        """Return the links to this user's restaurants."""
        links: QuerySet[CustomerRestaurant] = super().get_queryset(request).select_related("restaurant", "customer")
        return within(links, places(request.user, CUSTOMERS, "view"))


@admin.register(Customer)
class CustomerAdmin(ScopedAdmin):
    """Customers, for managers of the restaurants they go to. Their own columns are theirs to change, so
    nobody edits them here; nobody adds or deletes a customer either.
    """

    allowed = CUSTOMERS
    # separation: begin
    empty_hint = "If nobody has been moved yet, see what would happen: python manage.py migrate_customers"
    # separation: end

    list_display = (
        "id",
        "full_name",
        "email_shown",
        "phone",
        "restaurant_count",
        "origin",  # separation: line
    )
    list_display_links = ("id", "full_name")
    list_filter = ("is_active", "email_verified")
    sortable_by = ("id", "email_shown")
    search_fields = ("email",)  # puts the box there; what is searched is decided in search_customers
    search_help_text = "Name, any part of the email, digits of the phone, or number"
    inlines = (RestaurantInline, ProfileInline)
    fieldsets = (
        (None, {"fields": ("id", "first_name", "last_name", "email", "phone")}),
        (
            "Account",
            {
                "fields": (
                    *("is_active", "email_verified", "email_verified_at", "last_login"),
                    *("created_at", "updated_at", "anonymized_at"),
                )
            },
        ),
    )
    readonly_fields = tuple(name for _, part in fieldsets for name in part["fields"])
    change_form_outer_after_template = "backoffice/panels.html"
    actions = ("close_accounts", "open_accounts")

    def has_superadmin_permission(self, request: HttpRequest) -> bool:
        """Return whether this user may close accounts, which are not one restaurant's."""
        return bool(request.user.is_staff and request.user.is_superuser)

    @admin.action(description="Close the accounts", permissions=["superadmin"])
    def close_accounts(self, request: HttpRequest, customers: QuerySet[Customer]) -> None:
        """Let these customers in no more, and end their log-ins."""
        self._switch(request, customers.filter(is_active=True), customer_close, "closed")

    @admin.action(description="Open the accounts again", permissions=["superadmin"])
    def open_accounts(self, request: HttpRequest, customers: QuerySet[Customer]) -> None:
        """Let these customers in again, but who is anonymised."""
        self._switch(request, customers.filter(is_active=False, anonymized_at=None), customer_open, "opened again")

    def _switch(self, request: HttpRequest, customers: QuerySet[Customer], do: Callable[..., None], done: str) -> None:
        """Do it to each, in the order of their ids, and write it into the history of each."""
        chosen = list(customers.order_by("pk"))
        for customer in chosen:
            do(customer=customer)
            self.log_change(request, customer, f"The account was {done}.")
        messages.success(request, f"{len(chosen)} {done}; the others were so already, or are anonymised.")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Return the customers this user may see, each with the number of their restaurants."""
        links = self._links(request).filter(customer=OuterRef("pk")).order_by().values("customer")
        counted = Coalesce(Subquery(links.annotate(links=Count("pk")).values("links")), 0)
        customers: QuerySet[Any] = super().get_queryset(request).annotate(restaurant_count=counted)
        # separation: begin
        for expression in plugged("moved_at"):
            customers = customers.annotate(moved_at=expression())
        # separation: end
        return customers

    def _links(self, request: HttpRequest) -> QuerySet[CustomerRestaurant]:
        return within(CustomerRestaurant.objects.all(), self.places(request, "view"))

    def scoped(self, queryset: QuerySet[Any], places: frozenset[int]) -> QuerySet[Any]:
        """Return the customers of QUERYSET with a link to one of PLACES."""
        return queryset.filter(
            Exists(CustomerRestaurant.objects.filter(customer=OuterRef("pk"), restaurant__in=places))
        )

    def in_scope(self, obj: Customer, places: frozenset[int]) -> bool:
        """Return whether OBJ has a link to one of PLACES."""
        return obj.restaurants.filter(restaurant__in=places).exists()

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """Return the customers who match."""
        return customers_found(queryset, search_term), False

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """Return the page, with the panels under the form."""
        customer = self.get_object(request, object_id)
        panels = self._panels(request, customer) if customer and self.has_view_permission(request, customer) else []
        return super().change_view(  # type: ignore[no-any-return]
            request, object_id, form_url, {**(extra_context or {}), "panels": panels}
        )

    def _panels(self, request: HttpRequest, customer: Customer) -> list[SafeString]:
        panels: list[SafeString] = [self._reservations(request, customer), self._orders(request, customer)]
        # separation: begin
        panels += [panel for plugin in plugged("customer") if (panel := plugin(request, customer))]
        # separation: end
        return panels

    def _reservations(self, request: HttpRequest, customer: Customer) -> SafeString:
        rows = self.admin_site.get_model_admin(Reservation).get_queryset(request).filter(customer=customer)
        return table(
            "Reservations",
            ["Number", "Date", "Time", "Restaurant", "Party", "Status"],
            [
                (
                    link(reverse("admin:reservations_reservation_change", args=[row.pk]), row.pk),
                    str(shown_value(row.reservation_date))[:10],
                    row.reservation_time,
                    row.restaurant.name,
                    row.party_size,
                    row.get_status_display(),
                )
                for row in rows.select_related("restaurant").order_by("-reservation_date", "-pk")[:LATEST]
            ],
            empty="This customer has no reservation here.",
            note=_all(rows.count(), "admin:reservations_reservation_changelist", customer),
        )

    def _orders(self, request: HttpRequest, customer: Customer) -> SafeString:
        rows = self.admin_site.get_model_admin(Order).get_queryset(request).filter(customer=customer)
        return table(
            "Orders",
            ["Number", "When", "Restaurant", "Status", "Total"],
            [
                (
                    link(reverse("admin:orders_order_change", args=[row.pk]), row.order_number),
                    row.created_at,
                    row.restaurant.name,
                    row.get_status_display(),
                    row.total_amount,
                )
                for row in rows.select_related("restaurant").order_by("-created_at", "-pk")[:LATEST]
            ],
            empty="This customer has no order here.",
            note=_all(rows.count(), "admin:orders_order_changelist", customer),
        )

    @column("name")
    def full_name(self, customer: Customer) -> str:
        """Return the name, or what stands for it."""
        return str(customer)

    @column("email", ordering=Lower("email"))
    def email_shown(self, customer: Customer) -> str:
        """Return the email; sorted by its index."""
        return str(customer.email)

    @column("restaurants")
    def restaurant_count(self, customer: Any) -> int:
        """Return how many of this user's restaurants the customer goes to."""
        return int(customer.restaurant_count)

    # separation: begin
    @column("came")
    def origin(self, customer: Any) -> str:
        """Return when the customer was moved from the legacy table, or that they registered here."""
        moved_at = getattr(customer, "moved_at", None)
        return f"moved {moved_at:%Y-%m-%d %H:%M}" if moved_at else "registered"

    # separation: end


def _all(count: int, page: str, customer: Customer) -> SafeString | str:
    """Return a link to all of a customer's rows where the table shows the latest of them only."""
    if count <= LATEST:
        return ""
    return link(f"{reverse(page)}?customer__id__exact={customer.pk}", f"The latest {LATEST} of {count:,}: show all")
