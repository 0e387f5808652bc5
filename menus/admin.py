"""The pages of recipes and menus in the admin."""

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest

from config.scoping import ScopedAdmin, ScopedRelatedFilter, TableInline, column
from menus.models import Menu, MenuSection, Recipe, RecipeIngredient
from menus.rights import MENUS, RECIPES
from menus.services import menus_publish, menus_withdraw


class RecipeIngredientInline(TableInline):
    """What goes into a recipe."""

    model = RecipeIngredient
    fk_name = "recipe"
    verbose_name_plural = "ingredients"
    fields = readonly_fields = ("quantity", "unit", "what")

    def get_queryset(self, request: HttpRequest) -> QuerySet[RecipeIngredient]:
        """Return the lines with what they name."""
        lines: QuerySet[RecipeIngredient] = super().get_queryset(request)
        return lines.select_related("unit", "ingredient", "sub_recipe", "recipe")

    @column("ingredient")
    def what(self, line: RecipeIngredient) -> str:
        """Return the ingredient's or the other recipe's name; not the name of another restaurant's recipe."""
        if line.sub_recipe is None:
            return str(line.ingredient or "")
        ours = line.sub_recipe.restaurant_id == line.recipe.restaurant_id
        return f"recipe: {line.sub_recipe.name}" if ours else f"recipe {line.sub_recipe_id} of another restaurant"


@admin.register(Recipe)
class RecipeAdmin(ScopedAdmin):
    """The recipes of a restaurant; those whose restaurant is not known are a SUPERADMIN's."""

    allowed = RECIPES
    empty_hint = "Change the search or the filters; recipes are written in the kitchen application."

    list_display = ("name", "restaurant", "category", "prep_time_minutes", "cook_time_minutes")
    list_filter = (("restaurant", ScopedRelatedFilter),)
    list_select_related = ("restaurant", "category")
    sortable_by = ("name",)
    search_fields = ("name", "menu_title")
    ordering = ("-id",)
    inlines = (RecipeIngredientInline,)
    fields = (
        *("id", "name", "restaurant", "category", "description", "instructions", "yield_quantity", "yield_unit"),
        *(
            "prep_time_minutes",
            "cook_time_minutes",
            "tags",
            "menu_title",
            "menu_description",
            "created_at",
            "updated_at",
        ),
    )
    readonly_fields = ("id", "restaurant", "category", "yield_unit", "created_at", "updated_at")

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Return False: recipes are written in the kitchen application."""
        return False


class MenuSectionInline(TableInline):
    """The sections of a menu and what they offer."""

    model = MenuSection
    verbose_name_plural = "sections"
    fields = readonly_fields = ("name", "active", "offers")

    def get_queryset(self, request: HttpRequest) -> QuerySet[MenuSection]:
        """Return the sections with their items."""
        return super().get_queryset(request).prefetch_related("items")  # type: ignore[no-any-return]

    @column("items")
    def offers(self, section: MenuSection) -> str:
        """Return the items with their prices."""
        return ", ".join(f"{item.name} {item.price or ''}".strip() for item in section.items.all())


@admin.register(Menu)
class MenuAdmin(ScopedAdmin):
    """The menus of a restaurant; those whose restaurant is not known are a SUPERADMIN's."""

    allowed = MENUS
    empty_hint = "Change the search or the filters; menus are made in the menu builder."

    list_display = ("name", "title", "restaurant", "is_archived", "published_at", "updated_at")
    list_filter = ("is_archived", ("published_at", admin.EmptyFieldListFilter), ("restaurant", ScopedRelatedFilter))
    actions = ("publish", "withdraw")
    list_select_related = ("restaurant",)
    sortable_by = ("name",)
    search_fields = ("name", "title")
    ordering = ("-id",)
    inlines = (MenuSectionInline,)
    fields = (
        *("id", "name", "restaurant", "title", "subtitle", "is_archived", "show_dollar_sign", "show_decimals"),
        *("published_at", "created_at", "updated_at"),
    )
    readonly_fields = ("id", "restaurant", "published_at", "created_at", "updated_at")

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Return False: menus are made in the menu builder."""
        return False

    @admin.action(description="Publish: show it to everybody", permissions=["change"])
    def publish(self, request: HttpRequest, menus: QuerySet[Menu]) -> None:
        """Show these menus at the restaurants' public address."""
        self._said(request, menus_publish(menus=menus), "published")

    @admin.action(description="Withdraw: show it to nobody", permissions=["change"])
    def withdraw(self, request: HttpRequest, menus: QuerySet[Menu]) -> None:
        """Take these menus off the restaurants' public address."""
        self._said(request, menus_withdraw(menus=menus), "withdrawn")

    def _said(self, request: HttpRequest, menus: list[Menu], done: str) -> None:
        """Write it into the history of each, and tell."""
        for menu in menus:
            self.log_change(request, menu, f"The menu was {done}.")
        messages.success(request, f"{len(menus)} {done}; the others were so, are archived, or have no restaurant.")
