"""Orders as their customers see them: the serializers say it to the documentation, the functions make it."""

import json
import math
from functools import partial
from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from config.api.values import instant, money
from orders.models import Order, OrderItem
from restaurants.api.serializers import RestaurantRefSerializer, restaurant_ref

MoneyField = partial(serializers.DecimalField, max_digits=10, decimal_places=2, allow_null=True)


@extend_schema_field({})
class AnyJSONField(serializers.JSONField):
    """Whatever another application wrote."""


class OrderItemSerializer(serializers.Serializer[OrderItem]):
    """A line of an order."""

    id = serializers.IntegerField()
    name = serializers.CharField(help_text="As the menu calls it now.")
    quantity = serializers.IntegerField()
    price = MoneyField(help_text="Of one.")
    modifiers = AnyJSONField(help_text="What was ordered differently, as the till wrote it.")
    notes = serializers.CharField(allow_null=True)
    status = serializers.ChoiceField(OrderItem.Status.choices)


class OrderSerializer(serializers.Serializer[Order]):
    """An order with its items."""

    id = serializers.IntegerField()
    order_number = serializers.CharField()
    status = serializers.ChoiceField(Order.Status.choices)
    order_type = serializers.ChoiceField(Order.Type.choices)
    restaurant = RestaurantRefSerializer()
    reservation_id = serializers.IntegerField(allow_null=True, help_text="The reservation at whose table it was.")
    total_amount = MoneyField()
    items = OrderItemSerializer(many=True)
    created_at = serializers.DateTimeField(allow_null=True)
    updated_at = serializers.DateTimeField(allow_null=True)


def order_shown(order: Order) -> dict[str, Any]:
    """Return one of `orders_of` as OrderSerializer describes it."""
    return {
        "id": order.pk,
        "order_number": order.order_number,
        "status": order.status,
        "order_type": order.order_type,
        "restaurant": restaurant_ref(order.restaurant),
        "reservation_id": order.reservation_id,
        "total_amount": money(order.total_amount),
        "items": [item_shown(item) for item in order.items.all()],
        "created_at": instant(order.created_at),
        "updated_at": instant(order.updated_at),
    }


def item_shown(item: OrderItem) -> dict[str, Any]:
    """Return a line as OrderItemSerializer describes it."""
    return {
        "id": item.pk,
        "name": item.menu_item.name,
        "quantity": item.quantity,
        "price": money(item.price),
        "modifiers": readable(item.modifiers_text),  # type: ignore[attr-defined]
        "notes": item.notes,
        "status": item.status,
    }


def readable(text: str | None) -> Any:
    """Return the JSON in TEXT if it can be sent on; else TEXT itself, with � for what no encoding knows.

    A column of type `json` also holds nesting without end, numbers beyond all others, and halves of characters.
    """
    if text is None:
        return None
    try:
        value = json.loads(text, parse_float=_finite)
        json.dumps(value, ensure_ascii=False).encode()
    except (ValueError, RecursionError):
        return text.encode(errors="replace").decode()
    return value


def _finite(digits: str) -> float:
    if not math.isfinite(number := float(digits)):
        raise ValueError(digits)
    return number
