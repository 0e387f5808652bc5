"""Recipes and menus over the staff's API; all that is changed of a menu is compared with what was read of the whole."""

from collections.abc import Callable
from typing import Any, TypeVar

from django.contrib.admin.models import ADDITION, DELETION
from django.db import transaction
from django.db.models import QuerySet
from django.http import Http404
from drf_spectacular.utils import extend_schema
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.views import StaffList, StaffView
from config.api.bodies import valid
from config.api.etags import etag_of, require_match, tagged
from config.api.schema import refuses, versioned
from config.rights import within
from menus import errors, pantry, services
from menus.api import staff_shapes as shapes
from menus.api.filters import StaffMenuFilter, StaffRecipeFilter
from menus.models import Menu, MenuItem, MenuSection, Recipe
from menus.rights import MENUS, RECIPES
from menus.selectors import menus_with_items, recipe_factor, recipe_lines, recipe_scaled
from restaurants.models import Restaurant

_Row = TypeVar("_Row", MenuSection, MenuItem)
_LINES = (errors.ChangedMeanwhile, errors.RecipeCycle, errors.OtherRestaurant)


class _Base(StaffView):
    def restaurant(self, slug: str, action: str) -> Restaurant:
        """Return the restaurant SLUG, in which this user may do ACTION; raises ValidationError."""
        rows: QuerySet[Restaurant] = within(Restaurant.objects.filter(slug=slug), self.places(action), "pk")
        found = rows.first()
        if found is None:
            raise ValidationError({"restaurant": "There is no such restaurant."})
        return found


# --- Recipes ---


class RecipesBase(_Base):
    """What every endpoint of recipes has in common."""

    rights = RECIPES

    def recipe(self, recipe_id: int, action: str = "view") -> Recipe:
        """Return a recipe that this user may do ACTION to; raises Http404 or PermissionDenied."""
        return self.found(_recipes(), recipe_id, action)

    def named(self, restaurant_id: int | None, values: dict[str, Any]) -> dict[str, Any]:
        """Return VALUES with the category and the unit that they name; in the transaction that writes them."""
        whose: dict[str, Any] = {"restaurant_id": restaurant_id or 0, "actor_id": self.staff.pk}
        named = dict(values)
        if "category" in named:
            name = named["category"]
            named["category"] = pantry.category_named(**whose, name=name) if name else None
        if "yield_unit" in named:
            name = named["yield_unit"]
            named["yield_unit"] = pantry.units_named(**whose, names=[name])[name] if name else None
        return named


class RecipesView(RecipesBase, StaffList[Recipe]):
    """The recipes of one's restaurants."""

    queryset = Recipe.objects.none()  # by which the OpenAPI document knows the model
    serializer_class = shapes.RecipeShown
    filterset_class = StaffRecipeFilter
    ordering_fields = ("id", "name")

    def get_queryset(self) -> QuerySet[Recipe]:
        """Return those of the restaurants this user may see recipes of."""
        return self.seen(_recipes())

    @extend_schema(responses=shapes.RecipeShown(many=True))
    def get(self, request: Request) -> Response:
        """List the recipes of one's restaurants."""
        return self.listed(self.get_queryset(), shapes.recipe_shown)

    @refuses(*_LINES)
    @extend_schema(request=shapes.RecipeNewBody, responses={201: shapes.RecipeWhole})
    def post(self, request: Request) -> Response:
        """Write down a recipe; ingredients and units that the restaurant does not have yet are made."""
        wanted = valid(shapes.RecipeNewBody, request)
        restaurant = self.restaurant(wanted.pop("restaurant"), "add")
        lines = shapes.lines_of(wanted.pop("ingredients"))
        with transaction.atomic():
            values: Any = self.named(restaurant.pk, wanted)
            made = services.recipe_create(restaurant=restaurant, actor_id=self.staff.pk, values=values, lines=lines)
            self.log(made, "Written down.", ADDITION)
            shown = _recipe_whole(_recipes().get(pk=made.pk))
        return tagged(request, shown, status=201)


class RecipeView(RecipesBase):
    """One recipe."""

    @versioned
    @extend_schema(parameters=[shapes.ScaleQuery], responses=shapes.RecipeWhole)
    def get(self, request: Request, recipe_id: int) -> Response:
        """Show a recipe; with `amount`, as much of everything as it takes to yield that."""
        wanted = shapes.ScaleQuery(data=request.query_params)
        wanted.is_valid(raise_exception=True)
        recipe, amount = self.recipe(recipe_id), wanted.validated_data.get("amount")
        if amount is None:
            return tagged(request, _recipe_whole(recipe))
        factor = recipe_factor(recipe, amount)
        if factor is None:
            raise ValidationError({"amount": "The recipe does not say how much it yields."})
        lines = [(each.line, each.quantity) for each in recipe_scaled(recipe, factor)]
        return tagged(request, shapes.recipe_whole(recipe, lines) | {"yield_quantity": f"{amount:f}"})

    @versioned
    @refuses(errors.ChangedMeanwhile, errors.OtherRestaurant)
    @extend_schema(request=shapes.RecipeBody, responses=shapes.RecipeWhole)
    def patch(self, request: Request, recipe_id: int) -> Response:
        """Change what a recipe is called, makes and says."""
        recipe, wanted = self.recipe(recipe_id, "change"), valid(shapes.RecipeBody, request, partial=True)
        with transaction.atomic():
            before = _recipe_seen(request, recipe)
            values: Any = self.named(recipe.restaurant_id, wanted)
            services.recipe_change(recipe=recipe, values=values)
            shown = _recipe_whole(_recipes().get(pk=recipe.pk))
            if shown != before:
                self.log(recipe, f"Changed {', '.join(wanted)}.")
        return tagged(request, shown)

    @versioned
    @refuses(errors.ChangedMeanwhile, errors.StillUsed)
    @extend_schema(responses={204: None})
    def delete(self, request: Request, recipe_id: int) -> Response:
        """Delete a recipe of which nothing is made, and which no menu offers that is not archived."""
        recipe = self.recipe(recipe_id, "delete")
        with transaction.atomic():
            _recipe_seen(request, recipe)
            self.log(recipe, "Deleted.", DELETION)
            services.recipe_delete(recipe=recipe)
        return Response(status=204)


class IngredientsView(RecipesBase):
    """What goes into a recipe."""

    @versioned
    @refuses(*_LINES)
    @extend_schema(request=shapes.LinesBody, responses=shapes.RecipeWhole)
    def put(self, request: Request, recipe_id: int) -> Response:
        """Say all that goes into a recipe, in order; lines that are not sent go."""
        recipe, wanted = self.recipe(recipe_id, "change"), valid(shapes.LinesBody, request)
        with transaction.atomic():
            before = _recipe_seen(request, recipe)
            lines = shapes.lines_of(wanted["ingredients"])
            services.recipe_ingredients_set(recipe=recipe, actor_id=self.staff.pk, lines=lines)
            shown = _recipe_whole(_recipes().get(pk=recipe.pk))
            if shown != before:
                self.log(recipe, "Changed what goes in.")
        return tagged(request, shown)


# --- Menus ---


class MenusBase(_Base):
    """What every endpoint of menus has in common."""

    rights = MENUS

    def menu(self, menu_id: int, action: str = "view") -> Menu:
        """Return a menu that this user may do ACTION to; raises Http404 or PermissionDenied."""
        return self.found(_menus(), menu_id, action)

    def section(self, menu_id: int, section_id: int) -> MenuSection:
        """Return a section of a menu that this user may change; raises Http404 or PermissionDenied."""
        self.menu(menu_id, "change")
        return _or_404(MenuSection.objects.filter(pk=section_id, menu=menu_id).first())

    def item(self, menu_id: int, item_id: int) -> MenuItem:
        """Return an item of a menu that this user may change; raises Http404 or PermissionDenied."""
        self.menu(menu_id, "change")
        return _or_404(MenuItem.objects.select_related("section").filter(pk=item_id, section__menu=menu_id).first())

    def changed(
        self, request: Request, menu_id: int, said: str, change: Callable[[], object], *, status: int = 200
    ) -> Response:
        """Answer with the menu after CHANGE, which is done only if the menu is as the request has seen it.

        SAID is what the menu's history says, if anything changed.
        """
        with transaction.atomic():
            held = services.menu_hold(menu=Menu(pk=menu_id))
            before = _menu_whole(menu_id)
            require_match(request, etag_of(before))
            change()
            shown = _menu_whole(menu_id)
            if shown != before:
                self.log(held, said)
        return tagged(request, shown, status=status)

    def recipe(self, values: dict[str, Any]) -> Any:
        """Return VALUES of an item with the recipe that they name; raises ValidationError if this user sees none."""
        if "recipe_id" not in values:
            return values
        number = values.pop("recipe_id")
        found = within(Recipe.objects.filter(pk=number or 0), self.places("change")).first()
        if number is not None and found is None:
            raise ValidationError({"recipe_id": "There is no such recipe."})
        return {**values, "recipe": found}


class MenusView(MenusBase, StaffList[Menu]):
    """The menus of one's restaurants."""

    queryset = Menu.objects.none()  # by which the OpenAPI document knows the model
    serializer_class = shapes.MenuShown
    filterset_class = StaffMenuFilter
    ordering_fields = ("id", "name")

    def get_queryset(self) -> QuerySet[Menu]:
        """Return those of the restaurants this user may see menus of."""
        return self.seen(_menus())

    @extend_schema(responses=shapes.MenuShown(many=True))
    def get(self, request: Request) -> Response:
        """List the menus of one's restaurants, without what is on them."""
        return self.listed(self.get_queryset(), shapes.menu_shown)

    @extend_schema(request=shapes.MenuNewBody, responses={201: shapes.MenuWhole})
    def post(self, request: Request) -> Response:
        """Make a menu, empty as yet, which nobody sees until it is published."""
        wanted: Any = valid(shapes.MenuNewBody, request)
        restaurant = self.restaurant(wanted.pop("restaurant"), "add")
        with transaction.atomic():
            menu = services.menu_create(restaurant=restaurant, actor_id=self.staff.pk, values=wanted)
            self.log(menu, "Made.", ADDITION)
        return tagged(request, _menu_whole(menu.pk), status=201)


class MenuView(MenusBase):
    """One menu."""

    @versioned
    @extend_schema(responses=shapes.MenuWhole)
    def get(self, request: Request, menu_id: int) -> Response:
        """Show a menu with all that is on it, hidden things too."""
        return tagged(request, _menu_whole(self.menu(menu_id).pk))

    @versioned
    @refuses(errors.ChangedMeanwhile)
    @extend_schema(request=shapes.MenuBody, responses=shapes.MenuWhole)
    def patch(self, request: Request, menu_id: int) -> Response:
        """Change what a menu is called, and how it is printed."""
        menu, wanted = self.menu(menu_id, "change"), valid(shapes.MenuBody, request, partial=True)
        values: Any = wanted
        return self.changed(
            request, menu_id, f"Changed {', '.join(wanted)}.", lambda: services.menu_change(menu=menu, values=values)
        )


class MenuCopyView(MenusBase):
    """A menu like this one."""

    @refuses(errors.ChangedMeanwhile)
    @extend_schema(request=shapes.CopyBody, responses={201: shapes.MenuWhole})
    def post(self, request: Request, menu_id: int) -> Response:
        """Copy a menu with all that is on it; nobody sees the copy until it is published."""
        menu, wanted = self.menu(menu_id, "add"), valid(shapes.CopyBody, request)
        with transaction.atomic():
            copy = services.menu_duplicate(menu=menu, actor_id=self.staff.pk, name=wanted.get("name"))
            self.log(copy, f"Copied from {menu.name}.", ADDITION)
        return tagged(request, _menu_whole(copy.pk), status=201)


class MenuStateView(MenusBase):
    """Whether a menu is shown, or put away; done twice, it is done."""

    def switch(self, request: Request, menu_id: int, said: str, do: Callable[[Menu], object]) -> Response:
        """Answer with the menu after DO; SAID is what its history says, if anything changed."""
        menu = self.menu(menu_id, "change")
        with transaction.atomic():
            before = _menu_whole(menu.pk)
            do(menu)
            shown = _menu_whole(menu.pk)
            if shown != before:
                self.log(menu, said)
        return tagged(request, shown)


class PublishView(MenuStateView):
    """Everybody sees it."""

    @extend_schema(request=None, responses=shapes.MenuWhole)
    def post(self, request: Request, menu_id: int) -> Response:
        """Show a menu to everybody; one that is archived, or of no restaurant, stays hidden."""
        return self.switch(
            request,
            menu_id,
            "The menu was published.",
            lambda menu: services.menus_publish(menus=Menu.objects.filter(pk=menu.pk)),
        )


class WithdrawView(MenuStateView):
    """Nobody sees it any more."""

    @extend_schema(request=None, responses=shapes.MenuWhole)
    def post(self, request: Request, menu_id: int) -> Response:
        """Show a menu to nobody any more."""
        return self.switch(
            request,
            menu_id,
            "The menu was withdrawn.",
            lambda menu: services.menus_withdraw(menus=Menu.objects.filter(pk=menu.pk)),
        )


class ArchiveView(MenuStateView):
    """It is put away."""

    @refuses(errors.ChangedMeanwhile)
    @extend_schema(request=None, responses=shapes.MenuWhole)
    def post(self, request: Request, menu_id: int) -> Response:
        """Put a menu away, and show it to nobody any more."""
        return self.switch(request, menu_id, "The menu was archived.", lambda menu: services.menu_archive(menu=menu))


class RestoreView(MenuStateView):
    """It is wanted again."""

    @refuses(errors.ChangedMeanwhile)
    @extend_schema(request=None, responses=shapes.MenuWhole)
    def post(self, request: Request, menu_id: int) -> Response:
        """Take a menu out of the archive; nobody sees it until it is published."""
        return self.switch(request, menu_id, "The menu was restored.", lambda menu: services.menu_restore(menu=menu))


class MenuOrderView(MenusBase):
    """The order of all that is on a menu."""

    @versioned
    @refuses(errors.ChangedMeanwhile)
    @extend_schema(request=shapes.OrderBody, responses=shapes.MenuWhole)
    def put(self, request: Request, menu_id: int) -> Response:
        """Put the sections of a menu, each with its items, in this order; items can change their section."""
        menu, wanted = self.menu(menu_id, "change"), valid(shapes.OrderBody, request)
        sections = [(each["id"], each["items"]) for each in wanted["sections"]]
        return self.changed(
            request, menu_id, "Put in another order.", lambda: services.menu_order(menu=menu, sections=sections)
        )


class SectionsView(MenusBase):
    """The sections of a menu."""

    @versioned
    @refuses(errors.ChangedMeanwhile)
    @extend_schema(request=shapes.SectionBody, responses={201: shapes.MenuWhole})
    def post(self, request: Request, menu_id: int) -> Response:
        """Add a section at the end of a menu; the answer is the menu."""
        menu, wanted = self.menu(menu_id, "change"), valid(shapes.SectionBody, request)
        values: Any = wanted
        return self.changed(
            request,
            menu_id,
            f"Added section {wanted['name']}.",
            lambda: services.section_add(menu=menu, values=values),
            status=201,
        )


class SectionView(MenusBase):
    """One section."""

    @versioned
    @refuses(errors.ChangedMeanwhile)
    @extend_schema(request=shapes.SectionBody, responses=shapes.MenuWhole)
    def patch(self, request: Request, menu_id: int, section_id: int) -> Response:
        """Change a section; the answer is the menu."""
        section, wanted = self.section(menu_id, section_id), valid(shapes.SectionBody, request, partial=True)
        values: Any = wanted
        return self.changed(
            request,
            menu_id,
            f"Changed section {section.name}.",
            lambda: services.section_change(section=section, values=values),
        )

    @versioned
    @refuses(errors.ChangedMeanwhile, errors.StillUsed)
    @extend_schema(responses=shapes.MenuWhole)
    def delete(self, request: Request, menu_id: int, section_id: int) -> Response:
        """Delete an empty section; the answer is the menu."""
        section = self.section(menu_id, section_id)
        return self.changed(
            request, menu_id, f"Deleted section {section.name}.", lambda: services.section_delete(section=section)
        )


class ItemsView(MenusBase):
    """The items of a section."""

    @versioned
    @refuses(errors.ChangedMeanwhile, errors.OtherRestaurant)
    @extend_schema(request=shapes.ItemBody, responses={201: shapes.MenuWhole})
    def post(self, request: Request, menu_id: int, section_id: int) -> Response:
        """Add an item at the end of a section; of a recipe it takes what it is not told. The answer is the menu."""
        section = self.section(menu_id, section_id)
        values = self.recipe(valid(shapes.ItemBody, request))
        if not values.get("name") and values.get("recipe") is None:
            raise ValidationError({"name": "Say what it is called, or of which recipe it is."})
        return self.changed(
            request,
            menu_id,
            f"Added to section {section.name}.",
            lambda: services.item_add(section=section, values=values),
            status=201,
        )


class ItemView(MenusBase):
    """One item."""

    @versioned
    @refuses(errors.ChangedMeanwhile, errors.OtherRestaurant)
    @extend_schema(request=shapes.ItemChangeBody, responses=shapes.MenuWhole)
    def patch(self, request: Request, menu_id: int, item_id: int) -> Response:
        """Change an item, or put it at the end of another section; the answer is the menu."""
        item, wanted = self.item(menu_id, item_id), valid(shapes.ItemChangeBody, request, partial=True)
        number = wanted.pop("section_id", None)
        into = self.section(menu_id, number) if number is not None else None
        values = self.recipe(wanted)
        return self.changed(
            request,
            menu_id,
            f"Changed {item.name}.",
            lambda: services.item_change(item=item, values=values, section=into),
        )

    @versioned
    @refuses(errors.ChangedMeanwhile, errors.StillUsed)
    @extend_schema(responses=shapes.MenuWhole)
    def delete(self, request: Request, menu_id: int, item_id: int) -> Response:
        """Delete an item that nobody ordered; the answer is the menu."""
        item = self.item(menu_id, item_id)
        return self.changed(request, menu_id, f"Deleted {item.name}.", lambda: services.item_delete(item=item))


def _recipes() -> QuerySet[Recipe]:
    return Recipe.objects.select_related("restaurant", "category", "yield_unit")


def _menus() -> QuerySet[Menu]:
    return Menu.objects.select_related("restaurant")


def _recipe_whole(recipe: Recipe) -> dict[str, Any]:
    return shapes.recipe_whole(recipe, [(line, line.quantity) for line in recipe_lines(recipe)])


def _recipe_seen(request: Request, recipe: Recipe) -> dict[str, Any]:
    """Lock a recipe till the end of the transaction, and return it; raise unless the request has seen it as it is."""
    services.recipe_hold(recipe=recipe)
    shown = _recipe_whole(_recipes().get(pk=recipe.pk))
    require_match(request, etag_of(shown))
    return shown


def _menu_whole(menu_id: int) -> dict[str, Any]:
    return shapes.menu_whole(menus_with_items(_menus()).get(pk=menu_id))


def _or_404(row: _Row | None) -> _Row:
    if row is None:
        raise Http404
    return row
