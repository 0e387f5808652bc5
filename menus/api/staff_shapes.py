"""What the staff's API takes and shows of recipes and menus."""

from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from drf_spectacular.utils import extend_schema_serializer
from rest_framework import serializers

from accounts.api.serializers import LinkShown
from config.api.bodies import Exact
from config.api.values import instant, money
from menus.models import Menu, MenuItem, MenuSection, Recipe, RecipeIngredient
from menus.prices import amount_of
from menus.services import Line
from menus.values import MenuValues
from restaurants.api.serializers import RestaurantRefSerializer, restaurant_ref

_PATH = "/api/v1/staff"
_LAYOUT = tuple(name for name in MenuValues.__annotations__ if name not in ("name", "title", "subtitle"))
_TEXTS = ("name", "description", "instructions", "menu_title", "menu_description", "photo_url")
_HIGHEST = 2**31 - 1


@extend_schema_serializer(component_name="StaffRecipeChange")
class RecipeBody(Exact, serializers.ModelSerializer[Recipe]):
    """What is written of a recipe; what is not sent stays as it is."""

    category = serializers.CharField(
        max_length=150, allow_blank=True, required=False, help_text="By its name; the restaurant gets a new one."
    )
    yield_unit = serializers.CharField(
        max_length=100, allow_blank=True, required=False, help_text="By its name, as in `portions` or `kg`."
    )
    tags = serializers.ListField(child=serializers.CharField(max_length=50), max_length=50, required=False)

    class Meta:
        model = Recipe
        fields: tuple[str, ...] = (
            *_TEXTS,
            "category",
            "yield_quantity",
            "yield_unit",
            "prep_time_minutes",
            "cook_time_minutes",
            "tags",
        )


@extend_schema_serializer(component_name="StaffRecipeLine")
class LineBody(Exact):
    """So much of an ingredient, by its name, or of another recipe of the restaurant; with its id, if it was there."""

    id = serializers.IntegerField(min_value=1, max_value=_HIGHEST, required=False, allow_null=True)
    quantity = serializers.DecimalField(max_digits=10, decimal_places=2)
    unit = serializers.CharField(max_length=100)
    ingredient = serializers.CharField(max_length=255, allow_blank=True, default="")
    sub_recipe_id = serializers.IntegerField(min_value=1, max_value=_HIGHEST, required=False, allow_null=True)


@extend_schema_serializer(component_name="StaffRecipeLines")
class LinesBody(Exact):
    """All that goes into a recipe, in this order."""

    ingredients = LineBody(many=True)


@extend_schema_serializer(component_name="StaffRecipeNew")
class RecipeNewBody(RecipeBody):
    """A new recipe."""

    restaurant = serializers.CharField(max_length=255, help_text="Its slug.")
    ingredients = LineBody(many=True, default=list)

    class Meta(RecipeBody.Meta):
        fields = ("restaurant", *RecipeBody.Meta.fields, "ingredients")


class ScaleQuery(serializers.Serializer[Any]):
    """For how much."""

    amount = serializers.DecimalField(
        max_digits=10, decimal_places=2, min_value=Decimal("0.01"), required=False, help_text="How much it shall yield."
    )


@extend_schema_serializer(component_name="StaffRecipeIngredient")
class LineShown(serializers.Serializer[Any]):
    """A line of a recipe."""

    id = serializers.IntegerField()
    quantity = serializers.CharField()
    unit = serializers.CharField()
    ingredient = serializers.CharField(allow_blank=True)
    sub_recipe_id = serializers.IntegerField(allow_null=True)
    sub_recipe = serializers.CharField(allow_blank=True, help_text="The name of that recipe.")


@extend_schema_serializer(component_name="StaffRecipe")
class RecipeShown(serializers.Serializer[Recipe]):
    """A recipe in a list."""

    id = serializers.IntegerField()
    restaurant = RestaurantRefSerializer(allow_null=True)
    name = serializers.CharField()
    description = serializers.CharField(allow_blank=True)
    category = serializers.CharField(allow_blank=True)
    yield_quantity = serializers.CharField(allow_null=True)
    yield_unit = serializers.CharField(allow_blank=True)
    prep_time_minutes = serializers.IntegerField(allow_null=True)
    cook_time_minutes = serializers.IntegerField(allow_null=True)
    tags = serializers.ListField(child=serializers.CharField())
    menu_title = serializers.CharField(allow_blank=True)
    menu_description = serializers.CharField(allow_blank=True)
    photo_url = serializers.CharField(allow_blank=True)
    updated_at = serializers.DateTimeField(allow_null=True)
    links = LinkShown()


@extend_schema_serializer(component_name="StaffRecipeWhole")
class RecipeWhole(RecipeShown):
    """A recipe with how it is made."""

    instructions = serializers.CharField(allow_blank=True)
    ingredients = LineShown(many=True)


@extend_schema_serializer(component_name="StaffMenuChange")
class MenuBody(Exact, serializers.ModelSerializer[Menu]):
    """What a menu is called, and how it is printed; what is not sent stays as it is."""

    class Meta:
        model = Menu
        fields = tuple(MenuValues.__annotations__)


@extend_schema_serializer(component_name="StaffMenuNew")
class MenuNewBody(MenuBody):
    """A new menu, without sections as yet."""

    restaurant = serializers.CharField(max_length=255, help_text="Its slug.")

    class Meta(MenuBody.Meta):
        fields = ("restaurant", *MenuBody.Meta.fields)


@extend_schema_serializer(component_name="StaffMenuCopy")
class CopyBody(Exact):
    """What the copy is called."""

    name = serializers.CharField(max_length=255, required=False, help_text="By default, as the menu, and (copy).")


@extend_schema_serializer(component_name="StaffMenuSectionChange")
class SectionBody(Exact):
    """A section; an inactive one is shown to nobody."""

    name = serializers.CharField(max_length=255)
    active = serializers.BooleanField(required=False)


@extend_schema_serializer(component_name="StaffMenuItemChange")
class ItemBody(Exact):
    """A line of a menu; an inactive one is shown to nobody, and not ordered."""

    name = serializers.CharField(max_length=255, required=False, help_text="Needed without a recipe.")
    description = serializers.CharField(max_length=5000, allow_blank=True, allow_null=True, required=False)
    price = serializers.CharField(
        max_length=100, allow_blank=True, allow_null=True, required=False, help_text="As it is to be printed."
    )
    active = serializers.BooleanField(required=False)
    recipe_id = serializers.IntegerField(min_value=1, max_value=_HIGHEST, allow_null=True, required=False)


@extend_schema_serializer(component_name="StaffMenuItemMove")
class ItemChangeBody(ItemBody):
    """What is to be changed of a line; with a section, it goes to the end of that."""

    section_id = serializers.IntegerField(min_value=1, max_value=_HIGHEST, required=False)


@extend_schema_serializer(component_name="StaffMenuPlace")
class PlaceBody(Exact):
    """A section with its items, in this order."""

    id = serializers.IntegerField(min_value=1, max_value=_HIGHEST)
    items = serializers.ListField(child=serializers.IntegerField(min_value=1, max_value=_HIGHEST), max_length=1000)


@extend_schema_serializer(component_name="StaffMenuOrder")
class OrderBody(Exact):
    """Each section and each item of the menu once, in the order wanted."""

    sections = PlaceBody(many=True)


@extend_schema_serializer(component_name="StaffMenuItem")
class ItemShown(serializers.Serializer[MenuItem]):
    """A line of a menu, as it is written, and what the price was understood as."""

    id = serializers.IntegerField()
    name = serializers.CharField()
    description = serializers.CharField(allow_blank=True)
    price = serializers.CharField(allow_blank=True)
    amount = serializers.CharField(allow_null=True, help_text="Null where whoever orders it says what it costs.")
    active = serializers.BooleanField()
    recipe_id = serializers.IntegerField(allow_null=True)


@extend_schema_serializer(component_name="StaffMenuSection")
class SectionShown(serializers.Serializer[MenuSection]):
    """A part of a menu."""

    id = serializers.IntegerField()
    name = serializers.CharField()
    active = serializers.BooleanField()
    items = ItemShown(many=True)


@extend_schema_serializer(component_name="StaffMenu")
class MenuShown(serializers.Serializer[Menu]):
    """A menu in a list."""

    id = serializers.IntegerField()
    restaurant = RestaurantRefSerializer(allow_null=True)
    name = serializers.CharField()
    title = serializers.CharField(allow_blank=True)
    subtitle = serializers.CharField(allow_blank=True)
    is_archived = serializers.BooleanField()
    published_at = serializers.DateTimeField(allow_null=True, help_text="Null while nobody is shown it.")
    updated_at = serializers.DateTimeField(allow_null=True)
    links = LinkShown()


@extend_schema_serializer(component_name="StaffMenuLayout")
class LayoutShown(serializers.ModelSerializer[Menu]):
    """How a menu is printed."""

    class Meta:
        model = Menu
        fields = _LAYOUT
        read_only_fields = fields


@extend_schema_serializer(component_name="StaffMenuWhole")
class MenuWhole(MenuShown):
    """A menu with all its sections and items in order, hidden ones too."""

    layout = LayoutShown()
    sections = SectionShown(many=True)


def recipe_shown(recipe: Recipe) -> dict[str, Any]:
    """Return a recipe as RecipeShown describes it."""
    return {
        "id": recipe.pk,
        "restaurant": recipe.restaurant and restaurant_ref(recipe.restaurant),
        "name": recipe.name,
        "description": recipe.description or "",
        "category": recipe.category.name if recipe.category else "",
        "yield_quantity": _decimal(recipe.yield_quantity),
        "yield_unit": recipe.yield_unit.name if recipe.yield_unit else "",
        "prep_time_minutes": recipe.prep_time_minutes,
        "cook_time_minutes": recipe.cook_time_minutes,
        "tags": list(recipe.tags or ()),
        "menu_title": recipe.menu_title or "",
        "menu_description": recipe.menu_description or "",
        "photo_url": recipe.photo_url or "",
        "updated_at": instant(recipe.updated_at),
        "links": {"self": f"{_PATH}/recipes/{recipe.pk}"},
    }


def recipe_whole(recipe: Recipe, lines: Iterable[tuple[RecipeIngredient, Decimal]]) -> dict[str, Any]:
    """Return a recipe as RecipeWhole describes it, with as much in its LINES as is said beside each."""
    return recipe_shown(recipe) | {
        "instructions": recipe.instructions,
        "ingredients": [_line(recipe, line, quantity) for line, quantity in lines],
    }


def _line(recipe: Recipe, line: RecipeIngredient, quantity: Decimal) -> dict[str, Any]:
    part = line.sub_recipe
    # What another restaurant calls its recipe is not this one's to read.
    ours = part is not None and part.restaurant_id == recipe.restaurant_id
    return {
        "id": line.pk,
        "quantity": _decimal(quantity),
        "unit": line.unit.abbreviation or line.unit.name,
        "ingredient": line.ingredient.name if line.ingredient else "",
        "sub_recipe_id": line.sub_recipe_id,
        "sub_recipe": part.name if part and ours else "",
    }


def menu_shown(menu: Menu) -> dict[str, Any]:
    """Return a menu as MenuShown describes it."""
    return {
        "id": menu.pk,
        "restaurant": menu.restaurant and restaurant_ref(menu.restaurant),
        "name": menu.name,
        "title": menu.title or "",
        "subtitle": menu.subtitle or "",
        "is_archived": menu.is_archived,
        "published_at": instant(menu.published_at),
        "updated_at": instant(menu.updated_at),
        "links": {"self": f"{_PATH}/menus/{menu.pk}"},
    }


def menu_whole(menu: Menu) -> dict[str, Any]:
    """Return one of `menus_with_items` as MenuWhole describes it."""
    return menu_shown(menu) | {
        "layout": {name: getattr(menu, name) for name in _LAYOUT},
        "sections": [
            {
                "id": section.pk,
                "name": section.name,
                "active": section.active,
                "items": [_item(item) for item in section.items.all()],
            }
            for section in menu.sections.all()
        ],
    }


def lines_of(given: Iterable[dict[str, Any]]) -> list[Line]:
    """Return what the service takes for the lines that were GIVEN."""
    return [Line(**line) for line in given]


def _item(item: MenuItem) -> dict[str, Any]:
    return {
        "id": item.pk,
        "name": item.name,
        "description": item.description or "",
        "price": item.price or "",
        "amount": money(amount_of(item.price)),
        "active": item.active,
        "recipe_id": item.recipe_id,
    }


def _decimal(value: Decimal | None) -> str | None:
    return None if value is None or not value.is_finite() else f"{value:f}"
