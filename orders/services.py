"""What staff do with orders: one transaction each, with the total right after it, and a line in the order's history.

Locks are taken in one order: the person, the reservation, the order, the line. Whoever holds an order's lock is alone
with its lines among us; another application writes without it, and what it wrote by then counts.

What an order costs is decided in `_settle` alone: each line that is not cancelled, its quantity by its price. An order
without any line keeps the total it has, which somebody else gave it.
"""

from decimal import Decimal
from secrets import token_hex
from typing import Any

from django.contrib.admin.models import ADDITION, CHANGE, LogEntry
from django.db import IntegrityError, connection, transaction
from django.utils import timezone
from psycopg.errors import UniqueViolation

from config.columns import set_changed
from config.locks import limit_waiting
from customers.models import Customer
from menus.models import MenuItem
from menus.prices import amount_of
from orders import errors, flow
from orders.models import Order, OrderItem
from orders.modifiers import modifiers_said
from orders.selectors import dishes_of
from reservations.models import Reservation
from restaurants.models import Restaurant

MOST_OF_ONE = 999
MOST_FOR_ONE = Decimal("99999.99")
MOST_IN_ALL = Decimal("99999999.99")
# At whose table somebody may order: who is expected, or was there.
_SEATED = (Reservation.Status.CONFIRMED, Reservation.Status.COMPLETED)
# A number that another application had already is drawn again, with something behind it.
_DRAWS = 3


def order_open(
    *,
    restaurant: Restaurant,
    actor_id: int,
    order_type: str,
    reservation: Reservation | None = None,
    customer_name: str = "",
    notes: str = "",
) -> Order:
    """Open an order without lines, and return it; at the table of RESERVATION it is of that one's customer.

    Raises ReservationUnfit. As with a booking on the phone, `user` is who works here, `customer` whose order it is.
    """
    with transaction.atomic():
        seated = _seated(restaurant.pk, reservation) if reservation else None
        order = _numbered(
            reservation=seated,
            restaurant=restaurant,
            customer_name=customer_name or (seated.customer_name if seated else None),
            order_type=order_type,
            notes=notes or None,
            total_amount=Decimal("0.00"),
            user_id=actor_id,
            customer_id=seated.customer_id if seated else None,
        )
        at = f" at the table of reservation {seated.pk}" if seated else ""
        _log(order, actor_id, f"Opened{at}.", ADDITION)
    return order


def order_change(
    *,
    order: Order,
    actor_id: int,
    customer_name: str | None = None,
    notes: str | None = None,
    order_type: str | None = None,
) -> Order:
    """Change what is said of an order; None leaves it. Without a change it writes nothing. Raises OrderOver."""
    wanted = {"customer_name": customer_name, "notes": notes, "order_type": order_type}
    with transaction.atomic():
        row = _hold_open(order.pk)
        given = {name: value or None for name, value in wanted.items() if value is not None}
        if changed := _set(row, given):
            _log(row, actor_id, f"Changed {', '.join(name.replace('_', ' ') for name in changed)}.")
    return row


def order_tie(*, order: Order, reservation: Reservation | None, actor_id: int) -> Order:
    """Put an open order to the table of RESERVATION, and make it its customer's; or, with None, to nobody's.

    Raises OrderOver and ReservationUnfit.
    """
    with transaction.atomic():
        seated = _seated(order.restaurant_id, reservation) if reservation else None
        row = _hold_open(order.pk)
        given = {
            "reservation_id": seated.pk if seated else None,
            "customer_id": seated.customer_id if seated else None,
            "customer_name": seated.customer_name if seated else row.customer_name,
        }
        if _set(row, given):
            _log(row, actor_id, f"Put to reservation {seated.pk}." if seated else "Put to no reservation.")
    return row


def order_item_add(
    *,
    order: Order,
    menu_item: MenuItem,
    quantity: int = 1,
    modifiers: Any = None,
    notes: str = "",
    actor_id: int,
    price: Decimal | None = None,
    join: bool = False,
) -> OrderItem:
    """Order a dish at the price of the menu, and return the line; with JOIN more of a line that is the same, if any.

    MODIFIERS is what is ordered differently: `["no onions"]` or `{"extra": ["parmesan"], "without": []}`. PRICE is only
    for what the menu has no amount for. Raises OrderOver, NotOnMenu, PriceRequired, PriceNotAllowed and AmountRefused.
    """
    with transaction.atomic():
        row = _hold_open(order.pk)
        dish = dishes_of(row.restaurant_id).filter(pk=menu_item.pk).first()
        if dish is None:
            raise errors.NotOnMenu(f"{menu_item.name} is on no menu of {row.restaurant.name} now.")
        item = OrderItem(order=row, menu_item=dish, quantity=quantity, modifiers=modifiers or None, notes=notes or None)
        item.price = _price_of(dish, price)
        item = (_same(item) if join else None) or item
        if item.pk:
            item.quantity += quantity
        _require_quantity(item.quantity)
        item.save(**({"update_fields": ["quantity", "updated_at"]} if item.pk else {"force_insert": True}))
        _settle(row)
        _log(row, actor_id, f"Added {quantity} × {dish.name}{_differently(item)}.")
    return item


def order_item_change(
    *,
    item: OrderItem,
    actor_id: int,
    quantity: int | None = None,
    modifiers: Any = None,
    notes: str | None = None,
    price: Decimal | None = None,
) -> OrderItem:
    """Change a line that the kitchen has not begun: None leaves a value, an empty one empties it.

    Without a change it writes nothing. PRICE can change as long as the order is open: who may say it is for the caller
    to ask. Raises OrderOver, ItemBegun and AmountRefused.
    """
    with transaction.atomic():
        order, row = _hold_item(item)
        wanted = _wanted(row, quantity=quantity, price=price, modifiers=modifiers, notes=notes)
        if set(wanted) - {"price"} and row.status != OrderItem.Status.PENDING:
            raise errors.ItemBegun(f"{row.menu_item.name} is {_said(row)} by now: cancel it, or add another.")
        _require_quantity(quantity)
        _require_price(price)
        before = {name: _shown(row, name) for name in wanted}
        if _set(row, wanted):
            _settle(order)
            told = "; ".join(f"{name} {before[name]} → {_shown(row, name)}" for name in wanted)
            _log(order, actor_id, f"Changed {row.menu_item.name}: {told}.")
    return row


def order_item_status(*, item: OrderItem, status: str, actor_id: int, seen: str | None = None) -> OrderItem:
    """Bring a line to STATUS, forward or, after a slip, back; the order follows. What has it already keeps it.

    Raises OrderChanged where it is not as SEEN any more, StatusNotAllowed, and OrderOver.
    """
    with transaction.atomic():
        order, row = _hold_item(item)
        was = row.status
        if was != status:
            _require_step(flow.ITEMS, row.menu_item.name, row, status, seen)
            _set(row, {"status": status})
            undone = flow.RANK[OrderItem.Status(status)] < flow.RANK[OrderItem.Status(was)]
            _settle(order, undone=undone)
            _log(order, actor_id, f"{row.quantity} × {row.menu_item.name}: {_label(row, was)} → {_label(row, status)}.")
    return row


def order_status(*, order: Order, status: str, actor_id: int, reason: str = "", seen: str | None = None) -> Order:
    """Bring an order to STATUS, with the lines that go along; what has it already keeps it. Cancelling wants a REASON.

    Raises OrderChanged where it is not as SEEN any more, StatusNotAllowed, NotReady and ReasonRequired.
    """
    with transaction.atomic():
        row = order_hold(order_id=order.pk)
        was = row.status
        if was != status:
            _require_step(flow.ORDERS, f"Order {row.order_number}", row, status, seen)
            _carry(row, status, reason)
            _set(row, {"status": status})
            _log(row, actor_id, f"{_label(row, was)} → {_label(row, status)}{f': {reason}' if reason else '.'}")
    return row


def order_reopen(*, order: Order, actor_id: int, seen: str | None = None) -> Order:
    """Take back that an order was completed or cancelled: it is what its lines say. One that is open stays as it is.

    Raises OrderChanged where it is not as SEEN any more.
    """
    with transaction.atomic():
        row = order_hold(order_id=order.pk)
        was = row.status
        if was in flow.OVER:
            _require_seen(f"Order {row.order_number}", row, seen)
            lines = row.items.values_list("status", flat=True)
            _set(row, {"status": flow.followed(Order.Status.NEW, list(lines))})
            _log(row, actor_id, f"Reopened: {_label(row, was)} → {_label(row, row.status)}.")
    return row


def order_hold(*, order_id: int) -> Order:
    """Lock an order, and whose it is before it, until the caller's transaction ends; return it as it is now.

    Raises OrderOver if it is gone.
    """
    _hold_person(Order.objects.filter(pk=order_id).values_list("customer_id", flat=True).first())
    rows = Order.objects.select_for_update(no_key=True, of=("self",)).select_related("restaurant")
    row = rows.filter(pk=order_id).first()
    if row is None:
        raise errors.OrderOver("This order is not there any more.")
    return row


def _seated(restaurant_id: int, reservation: Reservation) -> Reservation:
    """Lock whose a reservation is, and it, until the caller's transaction ends; return it as it is now."""
    _hold_person(Reservation.objects.filter(pk=reservation.pk).values_list("customer_id", flat=True).first())
    row = Reservation.objects.select_for_update(no_key=True).filter(pk=reservation.pk).first()
    if row is None or row.restaurant_id != restaurant_id:
        raise errors.ReservationUnfit(f"Reservation {reservation.pk} is not at this restaurant.")
    if row.status not in _SEATED:
        raise errors.ReservationUnfit(f"Reservation {row.pk} is {row.get_status_display().lower()}.")
    return row


def _numbered(**columns: Any) -> Order:
    """Insert an order numbered by its id, as the old rows are: both come from one sequence, so nobody waits."""
    for draw in range(_DRAWS):
        with connection.cursor() as cursor:
            cursor.execute("SELECT nextval('orders_id_seq')")
            (number,) = cursor.fetchone()
        order = Order(pk=number, order_number=f"ORD-{number:08}{f'-{token_hex(2)}' if draw else ''}", **columns)
        try:
            with transaction.atomic():
                order.save(force_insert=True)
            break
        except IntegrityError as error:
            if draw + 1 == _DRAWS or not isinstance(error.__cause__, UniqueViolation):
                raise
    return order


def _hold_open(order_id: int) -> Order:
    row = order_hold(order_id=order_id)
    if row.status not in flow.OPEN:
        raise errors.OrderOver(f"Order {row.order_number} is {_said(row)}: reopen it first.")
    return row


def _hold_item(item: OrderItem) -> tuple[Order, OrderItem]:
    order = _hold_open(item.order_id)
    rows = OrderItem.objects.select_for_update(no_key=True, of=("self",)).select_related("menu_item")
    row = rows.filter(pk=item.pk, order=order).first()
    if row is None:
        raise errors.OrderChanged("This line is not there any more.")
    return order, row


def _hold_person(customer_id: int | None) -> None:
    """Limit how long this transaction waits, and lock the customer, whether or not the account is open."""
    limit_waiting()
    if customer_id is not None:
        Customer.objects.select_for_update(no_key=True).filter(pk=customer_id).values_list("pk", flat=True).first()


def _settle(order: Order, *, undone: bool = False) -> None:
    """Give an order the total and the status that its lines make."""
    lines = list(order.items.values_list("status", "quantity", "price"))
    counted = [(quantity, price) for status, quantity, price in lines if status != OrderItem.Status.CANCELLED]
    total = sum((quantity * price for quantity, price in counted), Decimal("0.00"))
    if total.is_finite() and total > MOST_IN_ALL:
        raise errors.AmountRefused(f"Order {order.order_number} would cost {total}; {MOST_IN_ALL} is the most.")
    status = flow.followed(order.status, [line[0] for line in lines], undone=undone)
    _set(order, {"total_amount": total, "status": status})


def _carry(order: Order, status: str, reason: str) -> None:
    """Take the lines along to where the whole order goes, if it can."""
    if status == Order.Status.CANCELLED and not reason.strip():
        raise errors.ReasonRequired(f"Say why order {order.order_number} is cancelled.")
    if status == Order.Status.COMPLETED:
        _require_ready(order)
    if step := flow.CARRIES.get(status):
        lines, to = step
        order.items.filter(status__in=lines).update(status=to, updated_at=timezone.now())


def _require_ready(order: Order) -> None:
    items = order.items.select_related("menu_item")
    waiting = [f"{item.quantity} × {item.menu_item.name}" for item in items if item.status in flow.IN_KITCHEN]
    if waiting:
        raise errors.NotReady(f"The kitchen still has {', '.join(waiting)}: serve or cancel that first.")
    if not order.total_amount and not items:
        raise errors.NotReady(f"Nothing was ordered with {order.order_number}: cancel it.")


def _require_step(
    table: dict[str, tuple[str, ...]], name: str, row: Order | OrderItem, status: str, seen: str | None
) -> None:
    _require_seen(name, row, seen)
    if status not in table.get(row.status, ()):
        raise errors.StatusNotAllowed(f"{name} is {_said(row)}; it cannot become {_label(row, status).lower()}.")


def _require_seen(name: str, row: Order | OrderItem, seen: str | None) -> None:
    if seen and row.status != seen:
        raise errors.OrderChanged(f"{name} is {_said(row)} by now.")


def _require_quantity(quantity: int | None) -> None:
    if quantity is not None and not 1 <= quantity <= MOST_OF_ONE:
        raise errors.AmountRefused(f"{quantity} is no quantity: it is from 1 to {MOST_OF_ONE}.")


def _require_price(price: Decimal | None) -> None:
    if price is not None and not (price.is_finite() and 0 <= price <= MOST_FOR_ONE and price == round(price, 2)):
        raise errors.AmountRefused(f"{price} is no price: it is from 0 to {MOST_FOR_ONE}, to the cent.")


def _price_of(dish: MenuItem, said: Decimal | None) -> Decimal:
    """Return what one costs: as the menu says, or SAID where it says no amount."""
    known = amount_of(dish.price)
    if known is not None and said not in (None, known):
        raise errors.PriceNotAllowed(f"The menu says {dish.price} for {dish.name}.")
    price = said if known is None else known
    if price is None:
        raise errors.PriceRequired(f"The menu says {dish.price!r} for {dish.name}: give its price.")
    _require_price(price)
    return price


def _same(item: OrderItem) -> OrderItem | None:
    """Return the line not begun yet that says the same as ITEM."""
    lines = item.order.items.filter(menu_item=item.menu_item, price=item.price, status=OrderItem.Status.PENDING)
    return next((line for line in lines if (line.modifiers, line.notes) == (item.modifiers, item.notes)), None)


def _wanted(row: OrderItem, **given: Any) -> dict[str, Any]:
    """Return what is given and differs; an empty text or list empties the column."""
    said = {name: value for name, value in given.items() if value is not None}
    said |= {name: value or None for name, value in said.items() if name in ("modifiers", "notes")}
    return {name: value for name, value in said.items() if getattr(row, name) != value}


def _set(row: Order | OrderItem, values: dict[str, Any]) -> list[str]:
    """Write those of VALUES that ROW does not have, and return their names."""
    changed = set_changed(row, values)
    if changed:
        row.save(update_fields=[*changed, "updated_at"])
    return changed


def _log(order: Order, actor_id: int, message: str, flag: int = CHANGE) -> None:
    LogEntry.objects.log_actions(actor_id, [order], flag, message, single_object=True)


def _said(row: Order | OrderItem) -> str:
    return _label(row, row.status).lower()


def _label(row: Order | OrderItem, status: str) -> str:
    return str(row.Status(status).label) if status in row.Status.values else status


def _differently(item: OrderItem) -> str:
    told = [*modifiers_said(item.modifiers), *([item.notes] if item.notes else [])]
    return f" ({', '.join(told)})" if told else ""


def _shown(item: OrderItem, name: str) -> str:
    value = ", ".join(modifiers_said(item.modifiers)) if name == "modifiers" else getattr(item, name)
    return "–" if value in (None, "") else str(value)
