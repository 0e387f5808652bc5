"""The customers' page, which joins what every app knows of a customer, and the index of the admin."""

import re
from collections.abc import Callable
from typing import Any
from uuid import UUID

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db import OperationalError, transaction
from django.db.models import Count, Exists, OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce, Lower
from django.http import HttpRequest, HttpResponse, HttpResponseBadRequest, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.views.decorators.http import require_POST

from backoffice import mails  # noqa: F401 (registers its page)
from backoffice.accounts import ACTS, NotPossible, account_act, account_anonymise, account_session_end
from backoffice.customer_panels import panels_of
from backoffice.tables import EMPTY, link
from config.api.problems import DomainError
from config.ddl import LOCK_NOT_AVAILABLE
from config.pages import staff_page
from config.plugins import plugged  # separation: line
from config.rights import places, within
from config.scoping import FormInline, ScopedAdmin, TableInline, column, offered
from customers.locks import changes_are_by
from customers.models import Customer, CustomerProfile, CustomerRestaurant
from customers.rights import CUSTOMERS
from customers.search import customers_found
from customers.services import customer_close, customer_open
from reservations.guests import bookings_ahead
from restaurants.models import Restaurant

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


class RestaurantFilter(admin.SimpleListFilter):
    """Whom a restaurant knows: of one's own, and only where there are several."""

    title = "restaurant"
    parameter_name = "restaurant"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Return the restaurants this user may ask for, or the first of very many."""
        mine = within(Restaurant.objects.all(), places(request.user, CUSTOMERS, "view"), "pk")
        found = [(str(number), name) for number, name in offered(mine, self.value())]
        return found if len(found) > 1 else []

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Return whom the chosen restaurant knows; nobody for one that was not offered."""
        asked = self.value()
        if asked is None:
            return queryset
        if asked not in {number for number, _ in self.lookup_choices}:
            return queryset.none()
        known = CustomerRestaurant.objects.filter(customer=OuterRef("pk"), restaurant=int(asked))
        return queryset.filter(Exists(known))


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
    search_fields = ("email",)  # puts the box there; what is searched is decided in customers_found
    search_help_text = "Name, any part of the email, digits of the phone, or number"
    inlines = (RestaurantInline, ProfileInline)
    fieldsets = (
        (None, {"fields": ("id", "first_name", "last_name", "mail_to", "call")}),
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
    change_form_outer_before_template = "backoffice/account.html"
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
            with transaction.atomic():
                changes_are_by(f"staff {_staff_id(request)}")
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

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """Save nothing of the customer's own, and let what is saved of the rows beside it be noted as this user's."""
        changes_are_by(f"staff {_staff_id(request)}")
        super().save_model(request, obj, form, change)

    def history_view(self, request: HttpRequest, object_id: str, extra_context: Any = None) -> HttpResponse:
        """Return the history to superadmins alone: it names other restaurants and who works there."""
        if self.places(request, "view") is None:
            return super().history_view(request, object_id, extra_context)  # type: ignore[no-any-return]
        customer = self.get_object(request, object_id)
        if customer is None:
            return self._get_obj_does_not_exist_redirect(request, self.opts, object_id)  # type: ignore[no-any-return]
        # What there is for this user stands on the page itself.
        return HttpResponseRedirect(reverse("admin:customers_customer_change", args=[customer.pk]))

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """Return the customers who match."""
        return customers_found(queryset, search_term, restaurants=self.places(request, "view")), False

    def get_list_filter(self, request: HttpRequest) -> list[Any]:
        """Return the filters: by one's own restaurants, and by what is known of where customers came from."""
        filters: list[Any] = [RestaurantFilter, *super().get_list_filter(request)]
        # separation: begin
        filters += plugged("customer_filters")
        # separation: end
        return filters

    def get_urls(self) -> list[URLPattern]:
        """Return the pages, and what the buttons of a customer post to."""
        own = (
            (require_POST(self.act_view), "act"),
            (require_POST(self.session_view), "session"),
            (self.anonymise_view, "anonymise"),
        )
        return [
            *(
                path(f"<int:number>/{name}/", self.admin_site.admin_view(view), name=f"customers_customer_{name}")
                for view, name in own
            ),
            *super().get_urls(),
        ]

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """Return the page, with the buttons above the form and the panels under it."""
        customer = self.get_object(request, object_id)
        seen = customer is not None and self.has_view_permission(request, customer)
        shown = self._shown(request, customer) if seen else {}
        return super().change_view(  # type: ignore[no-any-return]
            request, object_id, form_url, {**(extra_context or {}), **shown}
        )

    def _shown(self, request: HttpRequest, customer: Customer) -> dict[str, Any]:
        """Return what stands around the form: what may be done with the account now, and the panels."""
        may = {right: self.may(request, right, customer) for right in ("mail", "account")}
        return {
            "customer": customer,
            "acts": {name: act for name, act in ACTS.items() if may[act.right] and act.possible(customer)},
            "anonymise": may["account"] and customer.anonymized_at is None,
            "panels": panels_of(request, self, customer),
        }

    def act_view(self, request: HttpRequest, number: int) -> HttpResponse:
        """Do to the account what the button says."""
        act = ACTS.get(request.POST.get("act", ""))
        if act is None:
            return self._done(request, number, "view", None)
        return self._done(
            request, number, act.right, lambda it: account_act(customer=it, act=act, staff_id=_staff_id(request))
        )

    def session_view(self, request: HttpRequest, number: int) -> HttpResponse:
        """End one log-in."""
        try:
            key = UUID(request.POST.get("session", ""))
        except ValueError:
            return self._done(request, number, "account", None)
        return self._done(
            request,
            number,
            "account",
            lambda it: account_session_end(customer=it, session_id=key, staff_id=_staff_id(request)),
        )

    def anonymise_view(self, request: HttpRequest, number: int) -> HttpResponse:
        """Show what would go and what stays; forget the customer once the phrase is typed."""
        customer = self.get_object(request, str(number))
        if customer is None:
            return self._get_obj_does_not_exist_redirect(request, self.opts, str(number))  # type: ignore[no-any-return]
        phrase = f"ANONYMISE {customer.pk}"
        typed = request.POST.get("phrase", "").strip()
        if typed == phrase or not self.may(request, "account", customer):
            return self._done(
                request, number, "account", lambda it: account_anonymise(customer=it, staff_id=_staff_id(request))
            )
        trail = [
            ("Customers", reverse("admin:customers_customer_changelist")),
            (str(customer), reverse("admin:customers_customer_change", args=[number])),
        ]
        return staff_page(
            request,
            "backoffice/anonymise.html",
            title="Anonymise for good",
            trail=trail,
            customer=customer,
            phrase=phrase,
            wrong=request.method == "POST",
            ahead=bookings_ahead(customer).count(),
            reservations=customer.reservations.count(),
            orders=customer.orders.count(),
        )

    def _done(
        self, request: HttpRequest, number: int, right: str, do: Callable[[Customer], str] | None
    ) -> HttpResponse:
        """Do it to the customer, if this user may, and lead back to their page with what came of it."""
        customer = self.get_object(request, str(number))
        if customer is None:
            return self._get_obj_does_not_exist_redirect(request, self.opts, str(number))  # type: ignore[no-any-return]
        if not self.may(request, right, customer):
            raise PermissionDenied
        if do is None:
            return HttpResponseBadRequest("Press one of the buttons on the customer's page.")
        try:
            messages.success(request, do(customer))
        except NotPossible as refused:
            messages.warning(request, str(refused))
        except DomainError as refused:
            messages.warning(request, f"{refused.title}. {refused.detail}")
        except OperationalError as error:
            if getattr(error.__cause__, "sqlstate", None) != LOCK_NOT_AVAILABLE:
                raise
            messages.warning(request, "Somebody else is at work on this customer just now. Try again in a moment.")
        return HttpResponseRedirect(reverse("admin:customers_customer_change", args=[number]))

    @column("name")
    def full_name(self, customer: Customer) -> str:
        """Return the name, or what stands for it."""
        return str(customer)

    @column("email", ordering=Lower("email"))
    def email_shown(self, customer: Customer) -> str:
        """Return the email, broken where there is no room; sorted by its index."""
        return format_html('<span class="staff-wrap">{}</span>', customer.email)

    @column("email")
    def mail_to(self, customer: Customer) -> str:
        """Return the address, to write to."""
        return str(customer.email) if customer.anonymized_at else link(f"mailto:{customer.email}", customer.email)

    @column("phone")
    def call(self, customer: Customer) -> str:
        """Return the number, to call."""
        digits = re.sub(r"[^\d+]", "", customer.phone or "")
        return link(f"tel:{digits}", customer.phone) if digits else str(customer.phone or EMPTY)

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


def _staff_id(request: HttpRequest) -> int:
    """Return who is at work; the site has let nobody in without a number."""
    return int(request.user.pk or 0)
