"""Reads of recipes and menus."""

from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal

from django.db.models import Prefetch, QuerySet
from django.utils import timezone

from menus.models import Menu, MenuItem, MenuSection, Recipe, RecipeIngredient

_CENT = Decimal("0.01")


def menus_published(slug: str) -> QuerySet[Menu]:
    """Return the menus an active restaurant shows, newest first, with active sections and items in order: 3 queries."""
    items = MenuItem.objects.filter(active=True).order_by("position", "pk")
    sections = MenuSection.objects.filter(active=True).order_by("position", "pk")
    return (
        Menu.objects.filter(restaurant__slug=slug, restaurant__is_active=True)
        .filter(is_archived=False, published_at__lte=timezone.now())
        .only("name", "title", "subtitle", "published_at")
        .prefetch_related(Prefetch("sections", sections.prefetch_related(Prefetch("items", items))))
        .order_by("-published_at", "-pk")
    )


def menus_with_items(menus: QuerySet[Menu]) -> QuerySet[Menu]:
    """Return MENUS with all their sections and items in order, hidden ones too: 3 queries."""
    items = MenuItem.objects.select_related("recipe").order_by("position", "pk")
    sections = MenuSection.objects.order_by("position", "pk").prefetch_related(Prefetch("items", items))
    return menus.prefetch_related(Prefetch("sections", sections))


def menu_layout(menu: Menu) -> list[tuple[int, list[int]]]:
    """Return the ids of a menu's sections, each with those of its items, in order, as `menu_order` takes them."""
    sections = menu.sections.order_by("position", "pk").values_list("pk", flat=True)
    items: dict[int, list[int]] = {section: [] for section in sections}
    rows = MenuItem.objects.filter(section__menu=menu).order_by("position", "pk").values_list("section_id", "pk")
    for section, item in rows:
        items.setdefault(section, []).append(item)
    return list(items.items())


def recipe_lines(recipe: Recipe) -> QuerySet[RecipeIngredient]:
    """Return what goes into a recipe, in order, with the names of it."""
    return recipe.ingredients.select_related("unit", "ingredient", "sub_recipe").order_by("order", "pk")


def menus_offering(recipe: Recipe) -> QuerySet[Menu]:
    """Return the menus on which a recipe is a dish, by name."""
    return Menu.objects.filter(pk__in=MenuItem.objects.filter(recipe=recipe).values("section__menu")).order_by(
        "name", "pk"
    )


def recipes_made_of(recipe: Recipe) -> QuerySet[Recipe]:
    """Return the recipes that a recipe is a part of, by name."""
    return Recipe.objects.filter(ingredients__sub_recipe=recipe).distinct().order_by("name", "pk")


@dataclass(frozen=True)
class ScaledLine:
    """A line of a recipe, with as much of it as is needed."""

    line: RecipeIngredient
    quantity: Decimal


def recipe_factor(recipe: Recipe, amount: Decimal) -> Decimal | None:
    """Return by what a recipe is multiplied to yield AMOUNT; None if it does not say what it yields."""
    return amount / recipe.yield_quantity if recipe.yield_quantity else None


def recipe_scaled(recipe: Recipe, factor: Decimal) -> list[ScaledLine]:
    """Return the lines of a recipe times FACTOR: to the gram from 100 up, to the hundredth below."""
    return [ScaledLine(line, _rounded(line.quantity * factor)) for line in recipe_lines(recipe)]


def _rounded(quantity: Decimal) -> Decimal:
    step = Decimal(1) if quantity >= 100 else _CENT
    rounded = quantity.quantize(step, ROUND_HALF_UP)
    return max(rounded, _CENT) if quantity else rounded


def plain(number: Decimal | None) -> str:
    """Return a number without zeros that say nothing: 2.50 as 2.5, 100.00 as 100."""
    return "" if number is None else f"{number.normalize():f}"
