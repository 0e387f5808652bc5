"""What the services of orders refuse: each a stable `code` of the API."""

from config.api.problems import DomainError


class OrderRefused(DomainError):
    """Whatever staff cannot do with an order as it is now; the subclasses say why."""

    status = 409


class OrderOver(OrderRefused):
    """The order is completed or cancelled, or not there any more; one that is over is reopened first."""

    code = "order_over"
    title = "The order is over"


class OrderChanged(OrderRefused):
    """Somebody else changed the order or the line meanwhile; look at it again, then decide."""

    code = "order_changed"
    title = "Changed meanwhile"


class StatusNotAllowed(OrderRefused):
    """What has this status cannot get that one."""

    code = "status_not_allowed"
    title = "Not from this status"


class NotReady(OrderRefused):
    """The kitchen still has something of the order, or nothing was ordered: it cannot be completed."""

    code = "order_not_ready"
    title = "The order is not ready"


class ItemBegun(OrderRefused):
    """The kitchen has begun this line, so it is not changed any more: cancel it, or add another."""

    code = "item_begun"
    title = "Begun already"


class OrderUnfit(DomainError):
    """Whatever cannot be ordered as it was asked for; the subclasses say why."""

    status = 422


class NotOnMenu(OrderUnfit):
    """The dish is on no menu that this restaurant orders from now, or was taken off it."""

    code = "not_on_menu"
    title = "Not on the menu"


class PriceRequired(OrderUnfit):
    """The menu says no amount for this dish, such as `MP` or `8/14`: send what one costs as `price`."""

    code = "price_required"
    title = "What does it cost?"


class PriceNotAllowed(OrderUnfit):
    """The menu says what this dish costs, so nobody else does."""

    code = "price_not_allowed"
    title = "The menu says the price"


class AmountRefused(OrderUnfit):
    """A quantity is from 1 to 999, a price from 0 to 99999.99, and a total less than 100 million."""

    code = "amount_refused"
    title = "Too much or too little"


class ReservationUnfit(OrderUnfit):
    """The reservation is at another restaurant, was cancelled, or its guest did not come: nobody orders there."""

    code = "reservation_unfit"
    title = "Nobody orders at that reservation"


class ReasonRequired(OrderUnfit):
    """Whoever cancels an order says why."""

    code = "reason_required"
    title = "Why is it cancelled?"
