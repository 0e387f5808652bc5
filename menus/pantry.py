"""Categories, ingredients and units by the names people type: found where the restaurant has them, else made.

Ingredients and units belong to whoever wrote them down, not to a restaurant. A restaurant sees those that its recipes
use, those of people who work nowhere else, and whoever asks sees their own: so nobody reads another restaurant's.
"""

from collections.abc import Collection, Iterable
from typing import Any, TypeVar

from django.db.models import Exists, OuterRef, Q, QuerySet
from django.db.models.functions import Lower

from accounts.models import RestaurantStaff
from menus.models import Category, Ingredient, Recipe, RecipeIngredient, UnitOfMeasure

Named = TypeVar("Named", Category, Ingredient, UnitOfMeasure)
# What most kitchens measure in, by how it is written: its name and what it measures.
COMMON_UNITS = {
    "g": ("gram", UnitOfMeasure.Type.WEIGHT),
    "kg": ("kilogram", UnitOfMeasure.Type.WEIGHT),
    "ml": ("millilitre", UnitOfMeasure.Type.VOLUME),
    "l": ("litre", UnitOfMeasure.Type.VOLUME),
    "tsp": ("teaspoon", UnitOfMeasure.Type.VOLUME),
    "tbsp": ("tablespoon", UnitOfMeasure.Type.VOLUME),
    "pc": ("piece", UnitOfMeasure.Type.COUNT),
}


def categories(restaurant_id: int) -> QuerySet[Category]:
    """Return the groups that a restaurant sorts its recipes into, by name."""
    return Category.objects.filter(restaurant_id=restaurant_id).order_by("name", "pk")


def ingredients(restaurant_id: int, user_id: int) -> QuerySet[Ingredient]:
    """Return the ingredients that this user may see in this restaurant, by name."""
    used = RecipeIngredient.objects.filter(recipe__restaurant=restaurant_id, ingredient__isnull=False)
    known = Q(pk__in=used.order_by().values("ingredient").distinct()) | _of_people_here(restaurant_id, user_id)
    return Ingredient.objects.filter(known).order_by("name", "pk")


def units(restaurant_id: int, user_id: int) -> QuerySet[UnitOfMeasure]:
    """Return the units that this user may see in this restaurant, by name."""
    # Each once: what is too long for the server to hash, it reads again for each unit.
    used = RecipeIngredient.objects.filter(recipe__restaurant=restaurant_id).order_by().values("unit").distinct()
    yields = Recipe.objects.filter(restaurant=restaurant_id, yield_unit__isnull=False).values("yield_unit").distinct()
    known = Q(pk__in=used) | Q(pk__in=yields) | _of_people_here(restaurant_id, user_id)
    return UnitOfMeasure.objects.filter(known).order_by("name", "pk")


def _of_people_here(restaurant_id: int, user_id: int) -> Q:
    works = RestaurantStaff.objects.filter(user=OuterRef("user")).exclude(restaurant=restaurant_id)
    here = RestaurantStaff.objects.filter(~Exists(works), restaurant=restaurant_id)
    return Q(user=user_id) | Q(user__in=here.values("user"))


def category_named(*, restaurant_id: int, actor_id: int, name: str) -> Category:
    """Return the restaurant's category of this name, in whatever case; a new one if it has none."""
    found = _found(categories(restaurant_id), actor_id, [name])
    return found.get(_key(name)) or _made(Category, actor_id, name, restaurant_id=restaurant_id)


def ingredients_named(*, restaurant_id: int, actor_id: int, names: Collection[str]) -> dict[str, Ingredient]:
    """Return an ingredient for each of NAMES, new ones for those that the restaurant does not have."""
    found = _found(ingredients(restaurant_id, actor_id), actor_id, names)
    return {name: found.get(_key(name)) or _made(Ingredient, actor_id, name) for name in names}


def units_named(*, restaurant_id: int, actor_id: int, names: Collection[str]) -> dict[str, UnitOfMeasure]:
    """Return a unit for each of NAMES, which are names or abbreviations; new ones for those that are not known."""
    known = units(restaurant_id, actor_id)
    found = _found(known, actor_id, names) | _found(known, actor_id, names, by="abbreviation")
    return {name: found.get(_key(name)) or _new_unit(actor_id, name) for name in names}


def _key(name: str) -> str:
    return " ".join(name.split()).lower()


def _found(rows: QuerySet[Named], actor_id: int, names: Iterable[str], by: str = "name") -> dict[str, Named]:
    """Return the rows called NAMES; of several that one writes alike, the actor's own, else the oldest."""
    wanted = {_key(name) for name in names}
    matching = rows.alias(key=Lower(by)).filter(key__in=wanted)
    found = sorted(matching, key=lambda row: (row.user_id != actor_id, row.pk), reverse=True)
    return {str(getattr(row, by)).lower(): row for row in found}


def _made(model: type[Named], actor_id: int, name: str, **columns: Any) -> Named:
    row, _ = model._default_manager.get_or_create(name=" ".join(name.split()), user_id=actor_id, **columns)
    return row


def _new_unit(actor_id: int, name: str) -> UnitOfMeasure:
    known = COMMON_UNITS.get(_key(name))
    if known is None or UnitOfMeasure.objects.filter(user=actor_id, abbreviation=_key(name)).exists():
        return _made(UnitOfMeasure, actor_id, name)
    columns: dict[str, Any] = {"abbreviation": _key(name), "type": known[1]}
    row, _ = UnitOfMeasure.objects.get_or_create(name=known[0], user_id=actor_id, defaults=columns)
    return row
