"""What the staff's API takes and shows of an order."""

from decimal import Decimal
from functools import partial
from typing import Any

from drf_spectacular.utils import extend_schema_serializer
from rest_framework import serializers

from accounts.api.serializers import LinkShown
from config.api.bodies import Exact
from config.api.values import instant, money
from menus.models import MenuItem
from menus.prices import amount_of
from orders.api.serializers import AnyJSONField, MoneyField, item_shown
from orders.models import Order, OrderItem
from orders.services import MOST_FOR_ONE, MOST_OF_ONE
from restaurants.api.serializers import RestaurantRefSerializer, restaurant_ref

_Id = partial(serializers.IntegerField, min_value=1, max_value=2**31 - 1)
_Notes = partial(serializers.CharField, max_length=1000, allow_blank=True)
_Quantity = partial(serializers.IntegerField, min_value=1, max_value=MOST_OF_ONE)
# So many that a ticket can be read.
_MOST_MODIFIERS = 30


@extend_schema_serializer(component_name="StaffOrderOpening")
class OpenBody(Exact):
    """A new order."""

    restaurant = serializers.CharField(max_length=255, help_text="Its slug.")
    order_type = serializers.ChoiceField(choices=Order.Type.choices, default=Order.Type.DINE_IN)
    reservation_id = _Id(required=False, allow_null=True, help_text="At whose table; it is that guest's order then.")
    customer_name = serializers.CharField(max_length=255, allow_blank=True, default="")
    notes = _Notes(default="")


@extend_schema_serializer(component_name="StaffOrderChange")
class ChangeBody(Exact):
    """What is to be changed of an order; what is not sent stays as it is."""

    order_type = serializers.ChoiceField(choices=Order.Type.choices, required=False)
    reservation_id = _Id(required=False, allow_null=True, help_text="To which table it goes; null: to none.")
    customer_name = serializers.CharField(max_length=255, allow_blank=True, required=False)
    notes = _Notes(required=False)


class ModifiersField(serializers.ListField):
    """What is ordered differently, as in `["no onions"]`."""

    def __init__(self, **options: Any) -> None:
        super().__init__(child=serializers.CharField(max_length=200), max_length=_MOST_MODIFIERS, **options)


@extend_schema_serializer(component_name="StaffOrderLine")
class ItemBody(Exact):
    """A line to be added."""

    menu_item_id = _Id()
    quantity = _Quantity(default=1)
    modifiers = ModifiersField(default=list)
    notes = _Notes(default="")
    price = serializers.DecimalField(
        max_digits=7,
        decimal_places=2,
        min_value=Decimal(0),
        max_value=MOST_FOR_ONE,
        required=False,
        allow_null=True,
        help_text="Of one; only for what the menu has no amount for.",
    )
    join = serializers.BooleanField(default=False, help_text="Make a line that is the same longer, if there is one.")


@extend_schema_serializer(component_name="StaffOrderLineChange")
class ItemChangeBody(Exact):
    """What is to be changed of a line that the kitchen has not begun."""

    quantity = _Quantity(required=False)
    modifiers = ModifiersField(required=False)
    notes = _Notes(required=False)


@extend_schema_serializer(component_name="StaffOrderLineStatus")
class ItemStatusBody(Exact):
    """How far a line is; forward or, after a slip, back."""

    status = serializers.ChoiceField(choices=OrderItem.Status.choices)
    seen = serializers.ChoiceField(
        choices=OrderItem.Status.choices, required=False, help_text="What it was shown as: 409 if it is another by now."
    )


@extend_schema_serializer(component_name="StaffOrderStatus")
class StatusBody(Exact):
    """How far an order is."""

    status = serializers.ChoiceField(choices=Order.Status.choices)
    seen = serializers.ChoiceField(
        choices=Order.Status.choices, required=False, help_text="What it was shown as: 409 if it is another by now."
    )
    reason = serializers.CharField(max_length=500, allow_blank=True, default="", help_text="Needed to cancel.")


class DishQuery(serializers.Serializer[Any]):
    """Which dishes."""

    search = serializers.CharField(max_length=50, required=False, allow_blank=True, help_text="In name or description.")


@extend_schema_serializer(component_name="Dish")
class DishShown(serializers.Serializer[MenuItem]):
    """What can be ordered."""

    id = serializers.IntegerField()
    name = serializers.CharField()
    description = serializers.CharField(allow_null=True)
    price = serializers.CharField(allow_null=True, help_text="As it is written.")
    amount = MoneyField(help_text="`price` as a number; null where somebody has to say what it costs.")
    section = serializers.CharField()
    menu = serializers.CharField()


@extend_schema_serializer(component_name="StaffOrderItem")
class ItemShown(serializers.Serializer[OrderItem]):
    """A line of an order."""

    id = serializers.IntegerField()
    menu_item_id = serializers.IntegerField()
    name = serializers.CharField(help_text="As the menu calls it now.")
    quantity = serializers.IntegerField()
    price = MoneyField(help_text="Of one.")
    modifiers = AnyJSONField(help_text="What was ordered differently, as it was written.")
    notes = serializers.CharField(allow_null=True)
    status = serializers.ChoiceField(OrderItem.Status.choices)


@extend_schema_serializer(component_name="StaffOrder")
class OrderShown(serializers.Serializer[Order]):
    """An order with its lines, as staff see it."""

    id = serializers.IntegerField()
    order_number = serializers.CharField()
    restaurant = RestaurantRefSerializer()
    status = serializers.ChoiceField(Order.Status.choices)
    order_type = serializers.ChoiceField(Order.Type.choices)
    customer_name = serializers.CharField(allow_blank=True)
    customer_id = serializers.IntegerField(allow_null=True)
    reservation_id = serializers.IntegerField(allow_null=True, help_text="The reservation at whose table it is.")
    notes = serializers.CharField(allow_blank=True)
    total_amount = MoneyField()
    items = ItemShown(many=True)
    created_at = serializers.DateTimeField(allow_null=True)
    updated_at = serializers.DateTimeField(allow_null=True)
    links = LinkShown()


def order_shown(order: Order) -> dict[str, Any]:
    """Return one of `orders_with_items` as OrderShown describes it."""
    return {
        "id": order.pk,
        "order_number": order.order_number,
        "restaurant": restaurant_ref(order.restaurant),
        "status": order.status,
        "order_type": order.order_type,
        "customer_name": order.customer_name or "",
        "customer_id": order.customer_id,
        "reservation_id": order.reservation_id,
        "notes": order.notes or "",
        "total_amount": money(order.total_amount),
        "items": [{"menu_item_id": item.menu_item_id, **item_shown(item)} for item in order.items.all()],
        "created_at": instant(order.created_at),
        "updated_at": instant(order.updated_at),
        "links": {"self": f"/api/v1/staff/orders/{order.pk}"},
    }


def dish_shown(dish: MenuItem) -> dict[str, Any]:
    """Return one of `dishes_of` as DishShown describes it."""
    return {
        "id": dish.pk,
        "name": dish.name,
        "description": dish.description,
        "price": dish.price,
        "amount": money(amount_of(dish.price)),
        "section": dish.section.name,
        "menu": dish.section.menu.name,
    }
