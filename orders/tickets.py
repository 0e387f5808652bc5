"""Orders as staff see them on a board or a page: lines with what they say, and the step that comes next."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from orders import flow
from orders.models import Order, OrderItem
from orders.modifiers import modifiers_said

_ITEM, _ORDER = OrderItem.Status, Order.Status
# What comes next, and what the button says: of a line, and of a whole order.
_NEXT_OF_ITEM: dict[str, list[tuple[str, str]]] = {
    _ITEM.PENDING: [(_ITEM.PREPARING, "Start"), (_ITEM.SERVED, "Served")],
    _ITEM.PREPARING: [(_ITEM.READY, "Ready")],
    _ITEM.READY: [(_ITEM.SERVED, "Served")],
}
_BEGIN, _READY, _PAID = (_ORDER.IN_PROGRESS, "Start all"), (_ORDER.READY, "All ready"), (_ORDER.COMPLETED, "Complete")
_TONES: dict[str, str] = {
    _ITEM.PREPARING: "is-info",
    _ITEM.READY: "is-warn",
    _ITEM.SERVED: "is-good",
    _ITEM.CANCELLED: "is-bad",
    _ORDER.IN_PROGRESS: "is-info",
    _ORDER.COMPLETED: "is-good",
}
_LONG_AGO = timedelta(minutes=20)


@dataclass(frozen=True)
class Line:
    """A line of an order as it is shown."""

    item: OrderItem
    steps: list[tuple[str, str]]

    @property
    def modifiers(self) -> list[str]:
        """What is ordered differently."""
        return modifiers_said(self.item.modifiers)

    @property
    def modifiers_typed(self) -> str:
        """The same as somebody would type it."""
        return ", ".join(self.modifiers)

    @property
    def amount(self) -> Decimal:
        """What the line costs."""
        return self.item.quantity * self.item.price

    @property
    def tone(self) -> str:
        """The colour of its status."""
        return _TONES.get(self.item.status, "")

    @property
    def is_pending(self) -> bool:
        """Whether it can still be changed."""
        return bool(self.item.status == _ITEM.PENDING)

    @property
    def is_cancelled(self) -> bool:
        """Whether it does not count."""
        return bool(self.item.status == _ITEM.CANCELLED)

    @property
    def back(self) -> str:
        """The status that takes back one step; empty if it has come nowhere yet."""
        return {_ITEM.PREPARING: _ITEM.PENDING, _ITEM.READY: _ITEM.PREPARING, _ITEM.SERVED: _ITEM.READY}.get(
            self.item.status, ""
        )


@dataclass(frozen=True)
class Ticket:
    """An order as it is shown."""

    order: Order
    lines: list[Line]
    minutes: int

    @classmethod
    def of(cls, order: Order, now: datetime) -> "Ticket":
        """Return ORDER, which has its lines, as it is shown; the lines of one that is over have no steps."""
        is_open = order.status in flow.OPEN
        lines = [Line(item, _NEXT_OF_ITEM.get(item.status, []) if is_open else []) for item in order.items.all()]
        opened = order.created_at
        return cls(order, lines, int((now - opened) / timedelta(minutes=1)) if isinstance(opened, datetime) else 0)

    @property
    def is_open(self) -> bool:
        """Whether it can be changed."""
        return self.order.status in flow.OPEN

    @property
    def is_over(self) -> bool:
        """Whether it can be reopened."""
        return self.order.status in flow.OVER

    @property
    def is_late(self) -> bool:
        """Whether the kitchen has had something of it for long."""
        return bool(self.cooking) and timedelta(minutes=self.minutes) >= _LONG_AGO

    @property
    def whose(self) -> str:
        """At which table it is, and whose."""
        return whose(self.order)

    @property
    def tone(self) -> str:
        """The colour of its status."""
        return _TONES.get(self.order.status, "")

    @property
    def live(self) -> list[Line]:
        """The lines that count."""
        return [line for line in self.lines if not line.is_cancelled]

    @property
    def cooking(self) -> list[Line]:
        """The lines that the kitchen has."""
        return [line for line in self.lines if line.item.status in flow.IN_KITCHEN]

    @property
    def steps(self) -> list[tuple[str, str]]:
        """What comes next for all of it."""
        if not self.is_open or not (self.live or self.order.total_amount):
            return []
        if not self.cooking:
            return [_PAID]
        return [_BEGIN, _READY] if any(line.is_pending for line in self.cooking) else [_READY]


def whose(order: Order) -> str:
    """Return at which table an order is, and whose; empty if nobody said."""
    tables = ", ".join(map(str, order.reservation.table_ids)) if order.reservation else ""
    return " · ".join(part for part in (f"Table {tables}" if tables else "", order.customer_name) if part)
