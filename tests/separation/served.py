"""What customers and staff do by the applications' own services, to whomever a number chooses of those there are."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from django.core.exceptions import ValidationError
from django.db.models import Model, QuerySet

from accounts.models import User
from config.api.problems import DomainError
from customers.models import Customer
from customers.services import (
    customer_close,
    customer_open,
    customer_register,
    customer_update,
    preferences_update,
    profile_update,
)
from orders.forgetting import customer_forget
from orders.models import Order, OrderItem
from orders.selectors import dishes_of
from orders.services import order_item_add, order_item_status, order_open, order_reopen, order_status, order_tie
from reservations.guests import guest_bookings_claim
from reservations.models import Reservation
from reservations.services import (
    Actor,
    Changes,
    Contact,
    reservation_cancel,
    reservation_change,
    reservation_complete,
    reservation_create,
    reservation_no_show,
    reservation_note,
    reservation_reopen,
    reservation_seat,
    staff_book,
)
from restaurants.models import Restaurant

NOW = datetime(2026, 6, 1, 9, 0, tzinfo=UTC)
LATER = NOW + timedelta(days=40)
Row = TypeVar("Row", bound=Model)


class Nobody(Exception):
    """There is nobody and nothing to choose from."""


REFUSED = (Nobody, DomainError, ValidationError)


@dataclass(frozen=True)
class Shift:
    """Somebody of the staff at work, and a number that chooses whom they see to."""

    number: int
    other: int

    def one(self, rows: QuerySet[Row], number: int | None = None) -> Row:
        found = list(rows.order_by("pk"))
        if not found:
            raise Nobody
        return found[(self.number if number is None else number) % len(found)]

    @property
    def who(self) -> int:
        return self.one(User.objects.filter(is_customer=False)).pk

    @property
    def staff(self) -> Actor:
        return Actor("staff", self.who)

    @property
    def customer(self) -> Customer:
        return self.one(Customer.objects.all())

    @property
    def place(self) -> Restaurant:
        return self.one(Restaurant.objects.filter(is_active=True), self.other)

    @property
    def booking(self) -> Reservation:
        return self.one(Reservation.objects.all())

    @property
    def order(self) -> Order:
        return self.one(Order.objects.all())

    @property
    def marks(self) -> dict[str, Any]:
        return {"reservation": self.booking, "actor": self.staff, "now": LATER}

    @property
    def table(self) -> dict[str, Any]:
        hour = 12 + self.other % 8
        wanted = {"party_size": 2, "day": NOW.date() + timedelta(days=self.number + 1), "time": f"{hour}:00"}
        return {"restaurant": self.place, "now": NOW, **wanted}


def _register(shift: Shift) -> None:
    email = f"Portal{shift.number % 3}@x.example"
    customer_register(email=email, password="long enough 7 words", first_name="Ann", last_name="Lee", phone="+4")


def _book(shift: Shift) -> None:
    customer = shift.customer
    known = customer.restaurants.order_by("pk").first()
    place = known.restaurant if known else shift.place
    contact = Contact("Ann Lee", customer.email, None)
    staff_book(
        **shift.table | {"restaurant": place}, actor=shift.staff, contact=contact, customer=customer, override=True
    )


def _reserve(shift: Shift) -> None:
    customer = shift.customer
    contact = Contact("Ann", customer.email)
    reservation_create(**shift.table, contact=contact, source="portal", customer=customer)


def _come_as_guest(shift: Shift) -> None:
    reservation_create(**shift.table, contact=Contact("Ann", shift.customer.email), source="portal_guest")


def _order(shift: Shift) -> None:
    booking = shift.booking
    order = order_open(restaurant=booking.restaurant, actor_id=shift.who, order_type="DINE_IN", reservation=booking)
    dish = shift.one(dishes_of(booking.restaurant_id), shift.other)
    order_item_add(order=order, menu_item=dish, actor_id=shift.who, price=None if dish.price else shift.other)  # type: ignore[arg-type]


def _carry(shift: Shift) -> None:
    order_status(
        order=shift.order, status=["READY", "COMPLETED", "CANCELLED"][shift.other % 3], actor_id=shift.who, reason="x"
    )


def _cook(shift: Shift) -> None:
    item = shift.one(OrderItem.objects.all())
    order_item_status(item=item, status=["PREPARING", "READY", "SERVED"][shift.other % 3], actor_id=shift.who)


def _tie(shift: Shift) -> None:
    order = shift.order
    tables = Reservation.objects.filter(restaurant=order.restaurant_id)
    order_tie(order=order, reservation=shift.one(tables, shift.other) if shift.other % 3 else None, actor_id=shift.who)


ACTS: dict[str, Callable[[Shift], object]] = {
    "register": _register,
    "close": lambda shift: customer_close(customer=shift.customer),
    "open": lambda shift: customer_open(customer=shift.customer),
    "rename": lambda shift: customer_update(customer=shift.customer, changes={"last_name": "King", "phone": "+5"}),
    "profile": lambda shift: profile_update(customer=shift.customer, changes={"dietary_restrictions": "Nuts"}),
    "prefer": lambda shift: preferences_update(customer=shift.customer, changes={"language": "de"}),
    "forget": lambda shift: customer_forget(customer=shift.customer, actor=shift.staff),
    "claim": lambda shift: guest_bookings_claim(customer=shift.customer),
    "book": _book,
    "reserve": _reserve,
    "come as guest": _come_as_guest,
    "move": lambda shift: reservation_change(**shift.marks, changes=Changes(party_size=5), override=True),
    "cancel": lambda shift: reservation_cancel(**shift.marks),
    "seat": lambda shift: reservation_seat(**shift.marks, table_ids=[4], override=True),
    "complete": lambda shift: reservation_complete(**shift.marks),
    "no-show": lambda shift: reservation_no_show(**shift.marks),
    "reopen": lambda shift: reservation_reopen(**shift.marks, override=True),
    "note": lambda shift: reservation_note(reservation=shift.booking, actor=shift.staff, notes="By the window"),
    "order": _order,
    "carry": _carry,
    "cook": _cook,
    "tie": _tie,
    "reopen order": lambda shift: order_reopen(order=shift.order, actor_id=shift.who),
}


def serve(act: str, number: int, other: int) -> bool:
    """Do ACT; return whether it was done, and not refused."""
    try:
        ACTS[act](Shift(number, other))
    except REFUSED:
        return False
    return True
