"""How far an order and its lines may get: the only changes of status that staff make.

Lines lead, the order follows: `followed` says what an order is by its lines. Whoever changes the order as a whole takes
its lines along (`CARRIES`). Completed and cancelled are said by people alone, and taken back by reopening.
"""

from collections.abc import Collection

from orders.models import Order, OrderItem

_ORDER, _ITEM = Order.Status, OrderItem.Status

OPEN = (_ORDER.NEW, _ORDER.IN_PROGRESS, _ORDER.READY)
OVER = (_ORDER.COMPLETED, _ORDER.CANCELLED)

ORDERS: dict[str, tuple[str, ...]] = {
    # The kitchen begins, has it all ready at once, or it was carried out already; the guest leaves.
    _ORDER.NEW: (_ORDER.IN_PROGRESS, _ORDER.READY, _ORDER.COMPLETED, _ORDER.CANCELLED),
    # All is ready, or ready and paid; the guest leaves.
    _ORDER.IN_PROGRESS: (_ORDER.READY, _ORDER.COMPLETED, _ORDER.CANCELLED),
    # It is paid; or never fetched.
    _ORDER.READY: (_ORDER.COMPLETED, _ORDER.CANCELLED),
    # It is over: only `order_reopen` leads back, to what its lines say.
    _ORDER.COMPLETED: (),
    _ORDER.CANCELLED: (),
}

ITEMS: dict[str, tuple[str, ...]] = {
    # The kitchen begins; a drink is ready or served at once; the guest thinks better of it.
    _ITEM.PENDING: (_ITEM.PREPARING, _ITEM.READY, _ITEM.SERVED, _ITEM.CANCELLED),
    # It is done, or carried out straight away. Back: it was not begun after all.
    _ITEM.PREPARING: (_ITEM.READY, _ITEM.SERVED, _ITEM.CANCELLED, _ITEM.PENDING),
    # It is carried out. Back: it was not done after all, nor begun.
    _ITEM.READY: (_ITEM.SERVED, _ITEM.CANCELLED, _ITEM.PREPARING, _ITEM.PENDING),
    # It came back and is not charged. Back: it was not carried out after all; it goes to where it came from.
    _ITEM.SERVED: (_ITEM.CANCELLED, _ITEM.READY, _ITEM.PREPARING, _ITEM.PENDING),
    # Back: it is wanted after all, and is as far as it was.
    _ITEM.CANCELLED: (_ITEM.PENDING, _ITEM.PREPARING, _ITEM.READY, _ITEM.SERVED),
}

# What a change of the whole order does to its lines: from which statuses they go to which.
CARRIES: dict[str, tuple[tuple[str, ...], str]] = {
    _ORDER.IN_PROGRESS: ((_ITEM.PENDING,), _ITEM.PREPARING),
    _ORDER.READY: ((_ITEM.PENDING, _ITEM.PREPARING), _ITEM.READY),
    # What the kitchen still has is not carried out by paying: `NotReady`.
    _ORDER.COMPLETED: ((_ITEM.READY,), _ITEM.SERVED),
}

# How far a line has got; back is less far, or cancelled no more.
RANK = {_ITEM.PENDING: 0, _ITEM.PREPARING: 1, _ITEM.READY: 2, _ITEM.SERVED: 3, _ITEM.CANCELLED: 4}
IN_KITCHEN = (_ITEM.PENDING, _ITEM.PREPARING)


def followed(status: str, items: Collection[str], *, undone: bool = False) -> str:
    """Return what an open order of this STATUS is by the statuses of its ITEMS; UNDONE where the kitchen took back.

    Cancelled lines do not count. An order that the kitchen began stays so until it is undone, or all is ready.
    """
    live = {item for item in items if item != _ITEM.CANCELLED}
    if not live:
        return status
    if live <= {_ITEM.READY, _ITEM.SERVED}:
        return _ORDER.READY
    if live == {_ITEM.PENDING} and (undone or status != _ORDER.IN_PROGRESS):
        return _ORDER.NEW
    return _ORDER.IN_PROGRESS
