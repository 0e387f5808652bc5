"""Menus as everybody may see them."""

from typing import Any

from rest_framework import serializers

from config.api.values import instant
from menus.models import Menu, MenuItem, MenuSection
from menus.prices import amount_of


class MenuItemSerializer(serializers.ModelSerializer[MenuItem]):
    """A line of a menu: its price as the restaurant wrote it, and as an amount where it is one."""

    amount = serializers.DecimalField(
        max_digits=9,
        decimal_places=2,
        allow_null=True,
        read_only=True,
        help_text="`price` as a number; null where that is not one amount, such as `market price` or `8/14`",
    )

    class Meta:
        model = MenuItem
        fields = ("id", "name", "description", "price", "amount")


class MenuSectionSerializer(serializers.ModelSerializer[MenuSection]):
    """A part of a menu."""

    items = MenuItemSerializer(many=True)

    class Meta:
        model = MenuSection
        fields = ("id", "name", "items")


class MenuSerializer(serializers.ModelSerializer[Menu]):
    """A menu that a restaurant published, with its sections and items in order."""

    published_at = serializers.DateTimeField()
    sections = MenuSectionSerializer(many=True)

    class Meta:
        model = Menu
        fields = ("id", "name", "title", "subtitle", "published_at", "sections")


def menu_data(menu: Menu) -> dict[str, Any]:
    """Return a menu as MenuSerializer describes it."""
    return {
        "id": menu.pk,
        "name": menu.name,
        "title": menu.title,
        "subtitle": menu.subtitle,
        "published_at": instant(menu.published_at),
        "sections": [
            {"id": section.pk, "name": section.name, "items": [_item(item) for item in section.items.all()]}
            for section in menu.sections.all()
        ],
    }


def _item(item: MenuItem) -> dict[str, Any]:
    amount = amount_of(item.price)
    return {
        "id": item.pk,
        "name": item.name,
        "description": item.description,
        "price": item.price,
        "amount": None if amount is None else str(amount),
    }
