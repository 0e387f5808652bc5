"""What of recipes and menus people write, and versions of it, so that nobody overwrites what they have not seen."""

import hashlib
from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import TypedDict

from django.db.models import Model

from menus.models import Category, Menu, MenuItem, MenuSection, Recipe, UnitOfMeasure


class RecipeValues(TypedDict, total=False):
    """Columns of a recipe."""

    name: str
    description: str | None
    instructions: str
    yield_quantity: Decimal | None
    yield_unit: UnitOfMeasure | None
    prep_time_minutes: int | None
    cook_time_minutes: int | None
    tags: list[str]
    category: Category | None
    menu_title: str | None
    menu_description: str | None
    photo_url: str | None


class MenuValues(TypedDict, total=False):
    """Columns of a menu: what it is called, and how it is printed."""

    name: str
    title: str | None
    subtitle: str | None
    font: str | None
    title_font: str | None
    layout: str | None
    columns_count: int | None
    page_size: str | None
    background_color: str | None
    text_color: str | None
    accent_color: str | None
    title_color: str | None
    base_font_size: int | None
    title_font_size: int | None
    section_font_size: int | None
    item_spacing: int | None
    page_margin: int | None
    logo_path: str | None
    logo_position: str | None
    logo_size: int | None
    logo_offset: int | None
    section_divider_url: str | None
    section_divider_style: str | None
    section_divider_color: str | None
    section_divider_size: int | None
    show_dollar_sign: bool
    show_decimals: bool
    show_section_dividers: bool
    rich_text_enabled: bool


class SectionValues(TypedDict, total=False):
    """Columns of a section of a menu; an inactive one is shown to nobody."""

    name: str
    active: bool


class ItemValues(TypedDict, total=False):
    """Columns of a line of a menu; an inactive one is shown to nobody, and not ordered."""

    name: str
    description: str | None
    price: str | None
    active: bool
    recipe: Recipe | None


def menu_version(menu: Menu) -> str:
    """Return a text that differs once anybody has changed what a menu is called or how it is printed."""
    return _digest(_columns(menu, MenuValues.__annotations__))


def section_version(section: MenuSection) -> str:
    """Return a text that differs once anybody has changed a section itself, not what is in it."""
    return _digest(_columns(section, SectionValues.__annotations__))


def item_version(item: MenuItem) -> str:
    """Return a text that differs once anybody has changed an item, not its place."""
    return _digest(_columns(item, ItemValues.__annotations__))


def recipe_version(recipe: Recipe) -> str:
    """Return a text that differs once anybody has changed a recipe or its lines; asks for the lines if need be."""
    columns = ("id", "ingredient_id", "sub_recipe_id", "quantity", "unit_id", "order")
    lines = [_columns(line, columns) for line in recipe.ingredients.all()]
    return _digest([_columns(recipe, RecipeValues.__annotations__), sorted(lines, key=str)])


def order_version(sections: Iterable[tuple[int, Sequence[int]]]) -> str:
    """Return a text that differs once sections or items have come, gone or moved."""
    return _digest([(section, list(items)) for section, items in sections])


def _columns(row: Model, names: Iterable[str]) -> list[str]:
    return [str(getattr(row, row._meta.get_field(name).attname)) for name in names]  # type: ignore[union-attr]


def _digest(values: object) -> str:
    return hashlib.sha256(repr(values).encode()).hexdigest()[:16]
