"""The customers of the restaurants one manages: each restaurant sees its own visits, notes and spend alone."""

from typing import Any

from django.db import transaction
from django.db.models import Exists, OuterRef, Prefetch, QuerySet
from django.http import Http404
from django_filters import BooleanFilter, CharFilter, FilterSet
from drf_spectacular.utils import extend_schema, extend_schema_serializer
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.serializers import LinkShown
from accounts.api.views import StaffList, StaffView
from config.api.bodies import Exact, valid
from config.api.etags import etag_of, require_match, tagged
from config.api.schema import versioned
from config.api.values import instant, money
from config.rights import within
from config.scoping import save_changes
from customers.locks import changes_are_by, customer_locked
from customers.models import Customer, CustomerRestaurant
from customers.rights import CUSTOMERS
from customers.search import customers_found
from restaurants.api.serializers import RestaurantRefSerializer, restaurant_ref


@extend_schema_serializer(component_name="StaffVisits")
class VisitsShown(serializers.Serializer[CustomerRestaurant]):
    """What one restaurant knows of a customer."""

    restaurant = RestaurantRefSerializer()
    first_visit = serializers.DateTimeField(allow_null=True)
    last_visit = serializers.DateTimeField(allow_null=True)
    visit_count = serializers.IntegerField()
    total_spent = serializers.CharField(allow_null=True)
    vip_status = serializers.BooleanField()
    notes = serializers.CharField(allow_blank=True)


@extend_schema_serializer(component_name="StaffCustomer")
class CustomerShown(serializers.Serializer[Customer]):
    """A customer, as far as the restaurants one manages are concerned."""

    id = serializers.IntegerField()
    first_name = serializers.CharField(allow_blank=True)
    last_name = serializers.CharField(allow_blank=True)
    email = serializers.CharField()
    email_verified = serializers.BooleanField()
    phone = serializers.CharField(allow_null=True)
    is_active = serializers.BooleanField()
    created_at = serializers.DateTimeField(allow_null=True)
    restaurants = VisitsShown(many=True)
    links = LinkShown()


@extend_schema_serializer(component_name="StaffNotes")
class NotesBody(Exact, serializers.ModelSerializer[CustomerRestaurant]):
    """What staff note of a customer of theirs; what is not sent stays as it is."""

    class Meta:
        model = CustomerRestaurant
        fields = ("vip_status", "notes")


class CustomerFilter(FilterSet):  # type: ignore[misc]
    """What `GET staff/customers` takes."""

    search = CharFilter(
        method="found", max_length=100, label="Words of a name, a part of the email, digits of a phone, or a number."
    )
    restaurant = CharFilter(method="at", max_length=255, label="The restaurant's slug.")
    active = BooleanFilter(field_name="is_active", label="Whether the account is open.")

    def found(self, customers: QuerySet[Customer], name: str, text: str) -> QuerySet[Customer]:
        """Return those who match."""
        return customers_found(customers, text, restaurants=self.request.parser_context["view"].places("view"))

    def at(self, customers: QuerySet[Customer], name: str, slug: str) -> QuerySet[Customer]:
        """Return those whom a restaurant knows that this user manages."""
        known = self.request.parser_context["view"].links().filter(restaurant__slug=slug)
        return customers.filter(Exists(known.filter(customer=OuterRef("pk"))))


class CustomersBase(StaffView):
    """What both endpoints have in common."""

    rights = CUSTOMERS

    def links(self) -> QuerySet[CustomerRestaurant]:
        """Return what the restaurants know that this user manages; raises PermissionDenied if that is none."""
        return within(CustomerRestaurant.objects.select_related("restaurant"), self.places("view")).order_by("pk")

    def customers(self) -> QuerySet[Customer]:
        """Return the customers of those restaurants, with that."""
        customers = Customer.objects.prefetch_related(Prefetch("restaurants", self.links(), to_attr="known"))
        if self.places("view") is None:
            return customers
        return customers.filter(Exists(self.links().filter(customer=OuterRef("pk"))))


class CustomersView(CustomersBase, StaffList[Customer]):
    """The customers of one's restaurants."""

    queryset = Customer.objects.none()  # by which the OpenAPI document knows the model
    serializer_class = CustomerShown
    filterset_class = CustomerFilter

    def get_queryset(self) -> QuerySet[Customer]:
        """Return those."""
        return self.customers()

    @extend_schema(responses=CustomerShown(many=True))
    def get(self, request: Request) -> Response:
        """List the customers of the restaurants one manages."""
        return self.listed(self.get_queryset(), _shown)


class CustomerView(CustomersBase):
    """One customer."""

    @versioned
    @extend_schema(responses=CustomerShown)
    def get(self, request: Request, customer_id: int) -> Response:
        """Show a customer, with what the restaurants know that one manages."""
        customer = self.customers().filter(pk=customer_id).first()
        if customer is None:
            raise Http404
        return tagged(request, _shown(customer))


class NotesView(CustomersBase):
    """What one restaurant notes of a customer, which no other restaurant sees."""

    @versioned
    @extend_schema(request=NotesBody, responses=CustomerShown)
    def patch(self, request: Request, customer_id: int, slug: str) -> Response:
        """Change what a restaurant notes of a customer who goes there."""
        link, wanted = self._link(customer_id, slug), valid(NotesBody, request, partial=True)
        with transaction.atomic():
            changes_are_by(f"staff {self.staff.pk}")
            customer_locked(customer_id)
            require_match(request, etag_of(_shown(self.customers().get(pk=customer_id))))
            row = CustomerRestaurant.objects.select_for_update(no_key=True).get(pk=link.pk)
            changed = [name for name, value in wanted.items() if (getattr(row, name) or "") != (value or "")]
            for name in changed:
                setattr(row, name, wanted[name])
            save_changes(row, changed)
            if changed:
                self.log(row.customer, f"Changed {' and '.join(changed)} of {link.restaurant}.")
        return tagged(request, _shown(self.customers().get(pk=customer_id)))

    def _link(self, customer_id: int, slug: str) -> CustomerRestaurant:
        self.places("change")
        found = self.links().filter(customer=customer_id, restaurant__slug=slug).first()
        if found is None:
            raise Http404
        self.require("change", found.restaurant_id)
        return found


def _shown(customer: Any) -> dict[str, Any]:
    return {
        "id": customer.pk,
        "first_name": customer.first_name,
        "last_name": customer.last_name,
        "email": customer.email,
        "email_verified": customer.email_verified,
        "phone": customer.phone,
        "is_active": customer.is_active,
        "created_at": instant(customer.created_at),
        "restaurants": [
            {
                "restaurant": restaurant_ref(known.restaurant),
                "first_visit": instant(known.first_visit),
                "last_visit": instant(known.last_visit),
                "visit_count": known.visit_count,
                "total_spent": money(known.total_spent),
                "vip_status": known.vip_status,
                "notes": known.notes or "",
            }
            for known in customer.known
        ],
        "links": {"self": f"/api/v1/staff/customers/{customer.pk}"},
    }
