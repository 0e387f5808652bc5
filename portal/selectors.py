"""Reads that join apps for a customer."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import BooleanField, F, Func, OuterRef, Q, QuerySet, TextField, Value
from django.db.models.functions import Cast, JSONObject, NullIf

from config.compiled import Compiled
from customers.models import Customer, CustomerRestaurant
from orders.models import Order
from reservations.models import Reservation
from reservations.selectors import coming, past, reservations_of

# How many reservations to come, past ones and orders a dashboard shows.
SHOWN = 5
# More restaurants than anybody knows by heart.
MOST_RESTAURANTS = 50
# What a complete profile says: of the customer, and in the profile.
OF_CUSTOMER = ("first_name", "last_name", "phone")
OF_PROFILE = ("birthday", "preferred_contact_method")


@dataclass(frozen=True)
class Dashboard:
    """What a customer sees first; orders and restaurants as the API shows them, since the database writes them so."""

    coming: Sequence[Reservation]
    past: Sequence[Reservation]
    orders: Sequence[dict[str, Any]]
    restaurants: Sequence[dict[str, Any]]
    missing: Sequence[str]


def dashboard_of(customer: Customer, now: datetime) -> Dashboard:
    """Return the dashboard of CUSTOMER, in two queries."""
    near = sorted(_NEAR(pk=customer.pk, now=now), key=lambda reservation: (reservation.date, reservation.pk))
    (about,) = _ABOUT(pk=customer.pk)
    wanted = {name: getattr(customer, name) for name in OF_CUSTOMER} | {name: about[name] for name in OF_PROFILE}
    return Dashboard(
        coming=[each for each in near if each.is_coming],
        past=[each for each in reversed(near) if not each.is_coming],
        orders=about["orders_shown"],
        restaurants=about["restaurants_shown"],
        missing=[name for name, value in wanted.items() if not value],
    )


def _near(pk: int, now: datetime) -> QuerySet[Any]:
    """Return a customer's next reservations that hold, and the last ones that were not cancelled."""
    held: QuerySet[Any] = reservations_of(Customer(pk=pk)).exclude(status=Reservation.Status.CANCELLED)
    following = coming(held.filter(status=Reservation.Status.CONFIRMED), now)
    before = past(held, now)
    soonest: Any = _marked(following, True).order_by("date", "pk")[:SHOWN]
    found: QuerySet[Any] = soonest.union(_marked(before, False).order_by("-date", "-pk")[:SHOWN], all=True)
    return found


def _marked(reservations: QuerySet[Any], is_coming: bool) -> QuerySet[Any]:
    marked: QuerySet[Any] = reservations.annotate(is_coming=Value(is_coming, BooleanField()))
    return marked


def _about(pk: int) -> QuerySet[Customer, Any]:
    """Return the one row of a customer: their profile, their last orders and the restaurants they know."""
    return Customer.objects.filter(pk=pk).values(
        **{name: F(f"profile__{name}") for name in OF_PROFILE},
        orders_shown=ArraySubquery(_orders()),
        restaurants_shown=ArraySubquery(_restaurants()),
    )


def _orders() -> QuerySet[Order, Any]:
    orders = Order.objects.filter(customer=OuterRef("pk")).order_by("-pk")[:SHOWN]
    return orders.values(
        shown=JSONObject(
            id="id",
            order_number="order_number",
            status="status",
            order_type="order_type",
            restaurant=_RESTAURANT,
            reservation_id="reservation_id",
            total_amount=NullIf(Cast("total_amount", TextField()), Value("NaN")),
            created_at=_written("created_at", 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'),
        )
    )


def _restaurants() -> QuerySet[CustomerRestaurant, Any]:
    known = CustomerRestaurant.objects.filter(customer=OuterRef("pk"))
    visited = known.filter(Q(visit_count__gt=0) | Q(total_spent__gt=0)).order_by("-visit_count", "-last_visit", "pk")
    return visited[:MOST_RESTAURANTS].values(
        shown=JSONObject(
            restaurant=_RESTAURANT,
            visits="visit_count",
            first_visit=_written("first_visit", "YYYY-MM-DD"),
            last_visit=_written("last_visit", "YYYY-MM-DD"),
            total_spent=NullIf(Cast("total_spent", TextField()), Value("NaN")),
        )
    )


def _written(column: str, form: str) -> Func:
    """Return a legacy column's instant as text; null for what no calendar holds."""
    return Func(F(column), Value(form), function="to_char", output_field=TextField())


_RESTAURANT = JSONObject(id="restaurant__id", slug="restaurant__slug", name="restaurant__name")
_NEAR = Compiled(_near, pk=-1, now=datetime(1, 2, 3, tzinfo=UTC))
_ABOUT = Compiled(_about, pk=-1)
