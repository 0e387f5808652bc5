"""A recipe as the kitchen reads it: for as many portions as are wanted, on a phone or on paper."""

from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse
from django.urls import reverse

from config.pages import staff_page
from menus.models import Recipe, UnitOfMeasure
from menus.selectors import ScaledLine, plain, recipe_factor, recipe_scaled

_MOST = Decimal(100_000)


@dataclass(frozen=True)
class CardLine:
    """A line as it is read: how much of what, and the way to the recipe that it names."""

    quantity: str
    unit: str
    what: str
    address: str = ""


def card_view(page: Any, request: HttpRequest, recipe: Recipe) -> HttpResponse:
    """Show the recipe for `portions`; as it is written down, if none are asked for."""
    asked = request.GET.get("portions", "").strip()
    wanted = _amount(asked)
    factor = recipe_factor(recipe, wanted) if wanted else None
    return staff_page(
        request,
        "menus/card.html",
        title=recipe.name,
        trail=[("Recipes", reverse("admin:menus_recipe_changelist"))],
        recipe=recipe,
        portions=asked or plain(recipe.yield_quantity),
        measure=_name(recipe.yield_unit) or "portions",
        wrong=bool(asked) and not wanted,
        scaled=factor is not None and factor != 1,
        lines=[_line(recipe, each) for each in recipe_scaled(recipe, factor or Decimal(1))],
        minutes=[(label, found) for label, found in _minutes(recipe) if found],
    )


def _amount(text: str) -> Decimal | None:
    """Return what was typed as a number, with a comma or a point; None for what is none, or none to cook for."""
    try:
        amount = Decimal(text.replace(",", "."))
    except InvalidOperation:
        return None
    return amount if amount.is_finite() and 0 < amount <= _MOST else None


def _line(recipe: Recipe, scaled: ScaledLine) -> CardLine:
    line, part = scaled.line, scaled.line.sub_recipe
    quantity, unit = plain(scaled.quantity), _name(line.unit)
    if part is None:
        return CardLine(quantity, unit, str(line.ingredient or ""))
    if part.restaurant_id != recipe.restaurant_id:
        return CardLine(quantity, unit, f"recipe {part.pk} of another restaurant")
    query = f"?{urlencode({'portions': quantity})}" if part.yield_unit_id == line.unit_id else ""
    return CardLine(quantity, unit, part.name, reverse("admin:menus_recipe_card", args=[part.pk]) + query)


def _name(unit: UnitOfMeasure | None) -> str:
    return (unit.abbreviation or unit.name) if unit else ""


def _minutes(recipe: Recipe) -> list[tuple[str, int | None]]:
    return [("Preparing", recipe.prep_time_minutes), ("Cooking", recipe.cook_time_minutes)]
